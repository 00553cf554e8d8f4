"""Rivals whose numbers or places are read off the failing exhibits: one factor for all, one unit or row."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from math import prod
from typing import Any

import numpy as np

from conformance.diagnosis.exhibits import Exhibit, wrong_elements
from conformance.diagnosis.rivals.families import number_between, plainest, written
from conformance.diagnosis.rivals.product import BLOCKS
from conformance.diagnosis.rivals.rival import Forward, Rival, forward, inexactly, scaled
from conformance.diagnosis.wording import nth
from conformance.truth import Posed
from reference.bounds import Estimate, Problem
from reference.elementwise import Elementwise
from reference.formats import Array, Mask
from reference.intervals import Interval

# ---- one factor ----------------------------------------------------------------------------------------------------


#: A smaller factor is none, but for roundings.
SLIGHTEST = 2.0**-12


def factor_rivals(failing: Sequence[Exhibit]) -> Iterator[Rival]:
    """Of linear outputs: all of them, the product alone, or the bias alone, times one number; or one number more."""
    linear = [exhibit for exhibit in failing if _is_linear(exhibit) and exhibit.question.family != "tails"]
    for defect, says, parts, predict in _FACTORS:
        number = _one_number(linear, parts)
        if number is not None and abs(number) >= SLIGHTEST and number not in _TAKEN.get(defect, ()):
            yield Rival(defect, says.format(written(number)), predict(number))


def _is_linear(exhibit: Exhibit) -> bool:
    return exhibit.is_shaped and exhibit.name == "outputs" and exhibit.question.config.activation == "linear"


def _one_number(exhibits: Sequence[Exhibit], parts: Callable[[Exhibit], tuple[Array, Array]]) -> float | None:
    """The plainest n with got = fixed + n * varying in every element, within what is allowed to the right one."""
    equations = []
    for exhibit in exhibits:
        assert exhibit.got is not None
        fixed, varying = parts(exhibit)
        got, problem = exhibit.got.astype(np.float64), exhibit.posed.problem
        terms = problem.unflatten(np.abs(problem.rows) @ np.abs(problem.kernel))
        sizes = np.abs(got) + np.abs(fixed) + np.abs(varying) + terms
        equations.append((got - fixed, varying, exhibit.right.width + 8 * problem.format.unit_roundoff * sizes))
    found = number_between(equations)
    return None if found is None else plainest(*found)


def _without_bias(exhibit: Exhibit) -> tuple[Array, Array]:
    problem = exhibit.posed.problem
    product = Forward().bound(replace(problem, bias=None)).middle
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
        lambda e: (0 * e.right.middle, e.right.middle),
        _outputs_times,
    ),
    ("product-scaled", "inputs @ kernel is {} times what it should be", _without_bias, _product_times),
    ("bias-scaled", "the bias is {} times what it should be", lambda e: _without_bias(e)[::-1], _bias_times),
    (
        "bias-uninvited",
        "{} is added although there is no bias",
        lambda e: (e.right.middle, np.ones(e.right.shape)),
        _plus_without_bias,
    ),
    (
        "outputs-shifted",
        "{} is added to what is activated",
        lambda e: (e.right.middle, np.ones(e.right.shape)),
        _plus,
    ),
)


#: What rivals of their own stand for.
_TAKEN = dict.fromkeys(("outputs-scaled", "product-scaled", "bias-scaled"), (0.0, 1.0, 2.0, -1.0, 0.5))


# ---- one region ----------------------------------------------------------------------------------------------------


#: So many places are few.
FEW = 8


@dataclass(frozen=True)
class Region:
    """Which elements of a shape (..., units): a mask over units, batch or rows. says: in words, as the subject of a
    sentence; verb: plural or not. of: "units", "batch" (places along the first axis) or "rows" (of all leading axes).
    """

    says: str
    of: str
    chosen: Callable[[int], Mask]
    verb: str = "are"

    def holds(self, shape: tuple[int, ...]) -> Mask:
        if self.of == "units":
            return np.broadcast_to(self.chosen(shape[-1] if shape else 0), shape)
        if self.of == "batch":
            return np.broadcast_to(self.chosen(shape[0]).reshape(-1, *(1 for _ in shape[1:])), shape)
        return np.broadcast_to(self.chosen(prod(shape[:-1])).reshape(*shape[:-1], 1), shape)


EVERYWHERE = Region("the outputs", "units", lambda count: np.ones(count, bool))


def _nth(at: int) -> Callable[[int], Mask]:
    return lambda count: np.arange(count) == (at if at >= 0 else count + at)


def _beyond(first: int) -> Callable[[int], Mask]:
    return lambda count: np.arange(count) >= first


def _remainder(of: int, *, if_any: bool) -> Callable[[int], Mask]:
    """Behind the last whole block; if_any: nothing where there is no whole one."""
    return lambda count: (np.arange(count) >= count // of * of) & (not if_any or count >= of)


def _every(step: int, first: int) -> Callable[[int], Mask]:
    return lambda count: np.arange(count) % step == first


def _between(first: int, last: int) -> Callable[[int], Mask]:
    return lambda count: (np.arange(count) >= first) & (np.arange(count) <= last)


_WORDS = {"units": ("unit", "units"), "rows": ("row", "rows"), "batch": ("entry", "entries of the batch")}


def candidates(of: str, places: Sequence[int], words: tuple[str, str] | None = None) -> Iterator[Region]:
    """places: where something is wrong. words: what to call one of them, and many."""
    one, many = words or _WORDS[of]
    one = f"{one} of the batch" if of == "batch" else one
    yield Region(f"the last {one}", of, _nth(-1), "is")
    for place in places[:1]:
        yield Region(f"the {nth(place)} {one}", of, _nth(place), "is")
    if 1 < len(places) <= FEW:
        says = f"the {many} from the {nth(places[0])} to the {nth(places[-1])}"
        yield Region(says, of, _between(places[0], places[-1]))
    for step, ordinal in ((2, "second"), (3, "third"), (4, "fourth"), (8, "eighth")):
        for place in places[:1]:
            says = f"every {ordinal} {one}, from the {nth(place % step)} on,"
            yield Region(says, of, _every(step, place % step), "is")
    for block in BLOCKS:
        says = f"the {many} behind the last whole block of {block}"
        yield Region(says, of, _remainder(block, if_any=False))
        yield Region(f"{says}, where there is one,", of, _remainder(block, if_any=True))
    for place in places[:1]:
        if place:
            first = "the first" if place == 1 else f"the first {place}"
            yield Region(f"the {many} beyond {first}", of, _beyond(place))


def regions(failing: Sequence[Exhibit]) -> Iterator[Region]:
    """Those that no wrong element is outside of: fixed ones, and ones that begin at the first wrong unit or row.

    Linear outputs are looked at where they fail: an activation may be wrong elsewhere.
    """
    linear = [each for each in failing if each.question.config.activation == "linear"]
    shaped = [each for each in linear or failing if each.is_shaped]
    wrong = [wrong_elements(each) for each in shaped if isinstance(each.posed.definition, Elementwise)]
    wrong = [mask for mask in wrong if mask.any() and mask.ndim >= 2]
    if not wrong:
        return
    flat = [mask.reshape(prod(mask.shape[:-1]), mask.shape[-1]) for mask in wrong]
    first = [mask.reshape(len(mask), mask[0].size) for mask in wrong]
    seen = {
        "units": _any_of(mask.any(axis=0) for mask in flat),
        "rows": _any_of(mask.any(axis=1) for mask in flat),
        "batch": _any_of(mask.any(axis=1) for mask in first),
    }
    for of, places in seen.items():
        for region in candidates(of, places):
            masks = [region.holds(mask.shape) for mask in wrong]
            is_part = any(not mask.all() for mask in masks)
            if is_part and all(not (bad & ~mask).any() for bad, mask in zip(wrong, masks, strict=True)):
                yield region


def _any_of(masks: Iterable[Any]) -> list[int]:
    return sorted({int(place) for mask in masks for place in np.flatnonzero(mask)})


Content = Callable[[Array, Problem, Region], Array]


def _along(region: Region, change: Callable[[Array, int], Array]) -> Callable[[Array], Array]:
    """A change along the axis of a region, which is the first one then; it is told how many places the region has."""

    def changed(z: Array) -> Array:
        if region.of == "units":
            return np.moveaxis(change(np.moveaxis(z, -1, 0), int(region.chosen(z.shape[-1]).sum())), 0, -1)
        rows = z if region.of == "batch" else z.reshape(prod(z.shape[:-1]), z.shape[-1])
        return change(rows, int(region.chosen(len(rows)).sum())).reshape(z.shape)

    return changed


def _repeats(at: int) -> Content:
    """The place at `at` in all others."""

    def copies(values: Array, _: int) -> Array:
        places = np.full(len(values), at).clip(-len(values), len(values) - 1)
        return np.take(values, places, axis=0)

    return lambda z, problem, region: _along(region, copies)(z)


def _before(z: Array, problem: Problem, region: Region) -> Array:
    return _along(region, lambda values, _: _earlier(values, 1))(z)


def _just_before(z: Array, problem: Problem, region: Region) -> Array:
    """So many places as the region has, from before it."""
    return _along(region, _earlier)(z)


def _earlier(values: Array, count: int) -> Array:
    """Each from so many places before its own; before the first there is nothing else."""
    return np.take(values, (np.arange(len(values)) - count).clip(min=0), axis=0)


#: What stands in a region: the defect's last word, words, and what is made of z there.
_CONTENTS: tuple[tuple[str, str, Content], ...] = (
    (
        "zero",
        "the bias alone, before the activation: the product is left out",
        lambda z, p, r: np.broadcast_to(np.zeros(z.shape[-1]) if p.bias is None else p.bias, z.shape),
    ),
    ("zero", "0 before the activation", lambda z, p, r: np.zeros_like(z)),
    ("unbiased", "left without bias", lambda z, p, r: z if p.bias is None else z - p.bias),
    ("repeated", "the first of them all again", _repeats(0)),
    ("repeated", "the second of them all again", _repeats(1)),
    ("repeated", "the one before again", _before),
    ("repeated", "those just before them again", _just_before),
    ("repeated", "the last of them all again", _repeats(-1)),
    ("negated", "negated before the activation", lambda z, p, r: -z),
    ("doubled", "doubled before the activation", lambda z, p, r: 2 * z),
)


def region_rivals(failing: Sequence[Exhibit]) -> Iterator[Rival]:
    """One content in one region, the rest being right."""
    for region in regions(failing):
        of = "units" if region.of == "units" else "rows"
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
    constant = _one_value(failing, EVERYWHERE)
    if constant not in (None, 0.0) and np.isfinite(constant):
        yield forward(
            "outputs-constant",
            f"the outputs are always {constant:.7g}",
            Forward(outputs=_constant(EVERYWHERE, constant)),
        )


def _within(region: Region, change: Content) -> Callable[[Estimate, Problem], Estimate]:
    def z(estimate: Estimate, problem: Problem) -> Estimate:
        if not estimate.value.size:
            return estimate
        place = region.holds(estimate.value.shape)
        unbiased = replace(problem, bias=None)
        value = np.where(place, change(estimate.value, problem, region), estimate.value)
        error = np.abs(change(estimate.error, unbiased, region))
        return Estimate(value, np.where(place, error, estimate.error))

    return z


def _constant(region: Region, value: float | None) -> Callable[[Interval, Problem], Interval]:
    def outputs(interval: Interval, problem: Problem) -> Interval:
        place, ends = region.holds(interval.shape), np.nan if value is None else value
        return Interval(np.where(place, ends, interval.lower), np.where(place, ends, interval.upper))

    return outputs
