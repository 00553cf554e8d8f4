"""Rivals whose numbers or places are read off the failing exhibits: one factor for all, one unit or row."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from conformance.diagnosis.exhibits import Exhibit, inside
from conformance.diagnosis.rivals.families import plainest, written
from conformance.diagnosis.rivals.rival import Forward, Rival, forward, inexactly, scaled
from conformance.truth import Posed
from reference.bounds import Estimate, Problem
from reference.elementwise import Elementwise
from reference.formats import Array, Mask
from reference.intervals import Interval

# ---- one factor ----------------------------------------------------------------------------------------------------


def factor_rivals(failing: Sequence[Exhibit]) -> Iterator[Rival]:
    """Of linear outputs: all of them, the product alone, or the bias alone, times one number; or one number more."""
    linear = [exhibit for exhibit in failing if _is_linear(exhibit) and exhibit.question.family != "tails"]
    for defect, says, parts, predict in _FACTORS:
        number = _one_number(linear, parts)
        if number is not None and number not in (0.0, 1.0, 2.0, -1.0, 0.5):
            yield Rival(defect, says.format(written(number)), predict(number))


def _is_linear(exhibit: Exhibit) -> bool:
    shaped = exhibit.got is not None and exhibit.got.shape == exhibit.right.shape
    return shaped and exhibit.name == "outputs" and exhibit.question.config.activation == "linear"


def _one_number(exhibits: Sequence[Exhibit], parts: Callable[[Exhibit], tuple[Array, Array]]) -> float | None:
    """The plainest n with got = fixed + n * varying in every element, within what is allowed to the right one."""
    least, greatest = -np.inf, np.inf
    for exhibit in exhibits:
        assert exhibit.got is not None
        fixed, varying = parts(exhibit)
        got, u = exhibit.got.astype(np.float64), exhibit.posed.problem.format.unit_roundoff
        problem = exhibit.posed.problem
        terms = problem.unflatten(np.abs(problem.rows) @ np.abs(problem.kernel))
        doubt = exhibit.right.width + 8 * u * (np.abs(got) + np.abs(fixed) + np.abs(varying) + terms)
        usable = np.abs(varying) > 0
        with np.errstate(all="ignore"):
            ends = np.stack([(got - fixed - doubt) / varying, (got - fixed + doubt) / varying])[:, usable]
        if ends.size:
            least = max(least, float(ends.min(axis=0).max()))
            greatest = min(greatest, float(ends.max(axis=0).min()))
    if not np.isfinite(least) or not np.isfinite(greatest) or least > greatest:
        return None
    return plainest(least, greatest)


def _middle(interval: Interval) -> Array:
    return (interval.lower + interval.upper) / 2


def _without_bias(exhibit: Exhibit) -> tuple[Array, Array]:
    problem = exhibit.posed.problem
    product = _middle(Forward().bound(replace(problem, bias=None)))
    bias = np.zeros(product.shape[-1]) if problem.bias is None else problem.bias
    return np.broadcast_to(bias, product.shape), product


def _outputs_times(factor: float) -> Callable[[Posed], dict[str, Interval | None]]:
    def predict(posed: Posed) -> dict[str, Interval | None]:
        return {"outputs": scaled(posed.outputs, factor, posed.problem.format.unit_roundoff)}

    return predict


def _product_times(factor: float) -> Callable[[Posed], dict[str, Interval | None]]:
    step = inexactly(lambda problem: replace(problem, kernel=problem.kernel * factor))
    return lambda posed: {"outputs": step.bound(posed.problem)}


def _bias_times(factor: float) -> Callable[[Posed], dict[str, Interval | None]]:
    def operands(problem: Problem) -> Problem:
        return problem if problem.bias is None else replace(problem, bias=problem.bias * factor)

    step = inexactly(operands)
    return lambda posed: {"outputs": step.bound(posed.problem)}


def _plus(addend: float) -> Callable[[Posed], dict[str, Interval | None]]:
    def operands(problem: Problem) -> Problem:
        own = np.zeros(problem.kernel.shape[1]) if problem.bias is None else problem.bias
        return replace(problem, bias=own + addend)

    step = inexactly(operands)
    return lambda posed: {"outputs": step.bound(posed.problem)}


def _plus_without_bias(addend: float) -> Callable[[Posed], dict[str, Interval | None]]:
    shifted = _plus(addend)
    return lambda posed: shifted(posed) if posed.problem.bias is None else {"outputs": posed.outputs}


_FACTORS: tuple[
    tuple[
        str,
        str,
        Callable[[Exhibit], tuple[Array, Array]],
        Callable[[float], Callable[[Posed], dict[str, Interval | None]]],
    ],
    ...,
] = (
    (
        "outputs-scaled",
        "the outputs are {} times what they should be",
        lambda e: (0 * _middle(e.right), _middle(e.right)),
        _outputs_times,
    ),
    ("product-scaled", "inputs @ kernel is {} times what it should be", _without_bias, _product_times),
    ("bias-scaled", "the bias is {} times what it should be", lambda e: _without_bias(e)[::-1], _bias_times),
    (
        "bias-uninvited",
        "{} is added although there is no bias",
        lambda e: (_middle(e.right), np.ones(e.right.shape)),
        _plus_without_bias,
    ),
    (
        "outputs-shifted",
        "{} is added to what is activated",
        lambda e: (_middle(e.right), np.ones(e.right.shape)),
        _plus,
    ),
)


# ---- one region ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Region:
    """Which elements: a mask of a shape (..., units). says: in words, as the subject of a sentence; plural or not."""

    says: str
    holds: Callable[[tuple[int, ...]], Mask]
    verb: str = "are"


def _units(says: str, of: Callable[[int], Mask], verb: str = "are") -> Region:
    return Region(says, lambda shape: np.broadcast_to(of(shape[-1] if shape else 0), shape), verb)


def _rows(says: str, of: Callable[[int], Mask], verb: str = "are") -> Region:
    def holds(shape: tuple[int, ...]) -> Mask:
        return np.broadcast_to(of(shape[0]).reshape(-1, *(1 for _ in shape[1:])), shape)

    return Region(says, holds, verb)


def _nth(at: int) -> Callable[[int], Mask]:
    return lambda count: np.arange(count) == (at if at >= 0 else count + at)


def _beyond(first: int) -> Callable[[int], Mask]:
    return lambda count: np.arange(count) >= first


def _remainder(of: int) -> Callable[[int], Mask]:
    return lambda count: np.arange(count) >= count // of * of


def _ordinal(at: int) -> str:
    words = {0: "first", 1: "second", 2: "third"}
    return words.get(at, f"{at + 1}th")


def regions(failing: Sequence[Exhibit]) -> Iterator[Region]:
    """Those that no wrong element is outside of: fixed ones, and ones that begin at the first wrong unit or row."""
    shaped = [each for each in failing if each.got is not None and each.got.shape == each.right.shape]
    wrong = [_wrong(each) for each in shaped if isinstance(each.posed.definition, Elementwise)]
    wrong = [mask for mask in wrong if mask.any() and mask.ndim >= 2]
    if not wrong:
        return
    units = sorted({int(unit) for mask in wrong for unit in np.flatnonzero(mask.any(axis=tuple(range(mask.ndim - 1))))})
    rows = sorted({int(row) for mask in wrong for row in np.flatnonzero(mask.any(axis=tuple(range(1, mask.ndim))))})
    candidates = [
        _units("the last unit", _nth(-1), "is"),
        *(_units(f"the {_ordinal(unit)} unit", _nth(unit), "is") for unit in units[:1]),
        *(_units(f"units beyond a multiple of {of}", _remainder(of)) for of in (2, 4, 8, 16, 32)),
        *(_units(f"units beyond the first {unit}", _beyond(unit)) for unit in units[:1] if unit),
        _rows("the last row", _nth(-1), "is"),
        *(_rows(f"the {_ordinal(row)} row", _nth(row), "is") for row in rows[:1]),
        *(_rows(f"rows beyond a multiple of {of}", _remainder(of)) for of in (2, 4, 8, 16, 32)),
        *(_rows(f"rows beyond the first {row}", _beyond(row)) for row in rows[:1] if row),
    ]
    for region in candidates:
        places = [region.holds(mask.shape) for mask in wrong]
        is_part = any(not place.all() for place in places)
        if is_part and all(not (mask & ~place).any() for mask, place in zip(wrong, places, strict=True)):
            yield region


def _wrong(exhibit: Exhibit) -> Mask:
    assert exhibit.got is not None
    return ~inside(exhibit.got, exhibit.right)


#: What stands in a region: the defect's last word, words, and what is made of z there.
_CONTENTS: tuple[tuple[str, str, Callable[[Array, Problem], Array]], ...] = (
    ("zero", "0 before the activation", lambda z, problem: np.zeros_like(z)),
    ("unbiased", "left without bias", lambda z, problem: z if problem.bias is None else z - problem.bias),
    ("repeated", "the first row again", lambda z, problem: np.broadcast_to(z[:1], z.shape)),
    ("repeated", "the second row again", lambda z, problem: np.broadcast_to(z[1:2] if len(z) > 1 else z[:1], z.shape)),
    ("repeated", "the row before again", lambda z, problem: np.roll(z, 1, axis=0)),
    ("repeated", "the last row again", lambda z, problem: np.broadcast_to(z[-1:], z.shape)),
    ("repeated", "the first unit again", lambda z, problem: np.broadcast_to(z[..., :1], z.shape)),
    ("repeated", "the unit before again", lambda z, problem: np.roll(z, 1, axis=-1)),
    ("negated", "negated before the activation", lambda z, problem: -z),
    ("doubled", "doubled before the activation", lambda z, problem: 2 * z),
)


def region_rivals(failing: Sequence[Exhibit]) -> Iterator[Rival]:
    """One content in one region, the rest being right."""
    for region in regions(failing):
        of = "units" if "unit" in region.says else "rows"
        says = f"{region.says} {region.verb}"
        for content, words, change in _CONTENTS:
            yield forward(f"{of}-{content}", f"{says} {words}", Forward(z=_within(region, change)))
        yield forward(f"{of}-zero", f"{says} 0", Forward(outputs=_constant(region, 0.0)))
        constant = _one_value(failing, region)
        if constant not in (None, 0.0):
            yield forward(
                f"{of}-constant", f"{says} always {constant:.7g}", Forward(outputs=_constant(region, constant))
            )


def _one_value(failing: Sequence[Exhibit], region: Region) -> float | None:
    """What stands everywhere in a region, if that is one value."""
    values: set[float] = set()
    for exhibit in failing:
        if exhibit.got is None or exhibit.got.shape != exhibit.right.shape or not exhibit.got.size:
            continue
        values |= set(np.unique(exhibit.got.astype(np.float64)[region.holds(exhibit.got.shape)]).tolist())
    return values.pop() if len(values) == 1 else None


def constant_rivals(failing: Sequence[Exhibit]) -> Iterator[Rival]:
    """All outputs are one value, and one that is not 0."""
    everywhere = Region("the outputs", lambda shape: np.ones(shape, bool))
    constant = _one_value(failing, everywhere)
    if constant not in (None, 0.0) and np.isfinite(constant):
        yield forward(
            "outputs-constant",
            f"the outputs are always {constant:.7g}",
            Forward(outputs=_constant(everywhere, constant)),
        )


def _within(region: Region, change: Callable[[Array, Problem], Array]) -> Callable[[Estimate, Problem], Estimate]:
    def z(estimate: Estimate, problem: Problem) -> Estimate:
        if not estimate.value.size:
            return estimate
        place = region.holds(estimate.value.shape)
        unbiased = replace(problem, bias=None)
        value = np.where(place, change(estimate.value, problem), estimate.value)
        return Estimate(value, np.where(place, np.abs(change(estimate.error, unbiased)), estimate.error))

    return z


def _constant(region: Region, value: float | None) -> Callable[[Interval, Problem], Interval]:
    def outputs(interval: Interval, problem: Problem) -> Interval:
        place, ends = region.holds(interval.shape), np.nan if value is None else value
        return Interval(np.where(place, ends, interval.lower), np.where(place, ends, interval.upper))

    return outputs
