"""Rivals of gradients that are shortened to a norm, summed in few bits, or have a part of the weights in them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace

import numpy as np

from conformance.diagnosis.exhibits import Exhibit
from conformance.diagnosis.rivals.backward import changed, gradient_of, gradients, products
from conformance.diagnosis.rivals.families import number_between, plainest, written
from conformance.diagnosis.rivals.narrow import NARROW, NARROW_SUMS, Narrow
from conformance.diagnosis.rivals.rival import ROUNDINGS, Predicted, Rival
from conformance.procedures import GRADIENTS
from conformance.truth import Posed
from reference.bounds import Estimate, Problem, pre_activation, product
from reference.dense import flatten_leading
from reference.formats import FORMATS, Array, Format
from reference.intervals import Interval, around

NORMS = (0.5, 1.0, 5.0, 10.0)


# ---- norms ---------------------------------------------------------------------------------------------------------


def of_norms() -> Iterator[Rival]:
    """Gradients divided by their norm where that is greater than a number."""
    for most in NORMS:
        says = f"where the norm of all gradients together is greater than {most:g} they are scaled down to it"
        yield Rival("gradient-clipped", says, _shortened(GRADIENTS, most))
        says = f"where the norm of the gradients of kernel and bias is greater than {most:g} they are scaled down to it"
        yield Rival("gradient-clipped", says, _shortened(("kernel_gradient", "bias_gradient"), most))
        for name in GRADIENTS:
            says = f"{gradient_of(name)} is scaled down to a norm of {most:g} where it has a greater one"
            yield Rival("gradient-clipped", says, _shortened((name,), most))


def _shortened(names: Sequence[str], most: float) -> Callable[[Posed], Predicted]:
    def predict(posed: Posed) -> Predicted:
        right = {name: posed.gradients[name] for name in names if name in posed.gradients}
        least, greatest = _norm(list(right.values()))
        doubt = 4 * posed.problem.format.unit_roundoff
        factors = np.array([min(1.0, most / greatest), min(1.0, most / least) if least else 1.0])
        factors = factors if factors[0] == 1 else factors * (1 - doubt, 1 + doubt)
        return {name: _between(interval, factors) for name, interval in right.items()}

    return predict


def _norm(intervals: Sequence[Interval]) -> tuple[float, float]:
    """The least and the greatest that it may be; a sum of as many squares may round as often."""
    least, greatest, size = 0.0, 0.0, 0
    for each in intervals:
        ends = np.stack([np.abs(each.lower), np.abs(each.upper)])
        crosses = (each.lower < 0) & (each.upper > 0)
        least += float((np.where(crosses, 0.0, ends.min(axis=0)) ** 2).sum())
        greatest += float((ends.max(axis=0) ** 2).sum())
        size += each.lower.size
    doubt = size * 2.0**-24
    return float(np.sqrt(least)) * (1 - doubt), max(float(np.sqrt(greatest)) * (1 + doubt), 1e-300)


def _between(interval: Interval, factors: Array) -> Interval:
    ends = np.stack([end * factor for end in (interval.lower, interval.upper) for factor in factors])
    return Interval(ends.min(axis=0), ends.max(axis=0))


# ---- few bits ------------------------------------------------------------------------------------------------------


def of_narrow_sums() -> Iterator[Rival]:
    for name in ("float16", "bfloat16"):
        narrow = FORMATS[name]
        for of in ("kernel", "bias"):
            says = f"sums of the {of}'s gradient are kept in no more than the {narrow.precision} bits of {name}"
            rival = _summed_in(narrow, f"{of}_gradient")
            yield Rival("gradient-rounded", says, rival, is_vague=True, also=_is_of(narrow))


def of_narrow_backward_passes() -> Iterator[Rival]:
    """All of the way back in a narrower format, or its products: what comes are numbers of it."""
    products_alone = ("kernel_gradient", "inputs_gradient")
    for subject, names in (
        ("the gradients are", GRADIENTS),
        ("the gradients of kernel and inputs are", products_alone),
        *((f"{gradient_of(name)} is", (name,)) for name in GRADIENTS),
    ):
        narrow = FORMATS["float32"]
        says = f"{subject} computed in {narrow.name} in a layer of a wider dtype"
        yield Rival("gradient-rounded", says, _backward_in(narrow, names), is_vague=True, also=_is_of(narrow))


def _backward_in(narrow: Format, names: Sequence[str]) -> Callable[[Posed], Predicted | None]:
    def predict(posed: Posed) -> Predicted | None:
        if posed.problem.format.precision <= narrow.precision:
            return None
        rounded = replace(posed.problem, format=narrow)
        z = pre_activation(rounded)
        value, error = rounded.activation.enclose_vjp(z.value, z.error, flatten_leading(posed.upstream), narrow)
        doubt = error + ROUNDINGS * narrow.unit_roundoff * np.abs(value)
        found = products(rounded, Estimate(value, doubt))
        return {name: _wider(each) for name, each in found.items() if name in names}

    return predict


def _wider(interval: Interval) -> Interval:
    """With room for a rounding of either operand of each product."""
    return interval.widened(interval.width)


def _is_of(narrow: Format) -> Callable[[Posed, Array], bool]:
    """A sum that is kept in few bits is a number of few bits."""

    def holds(posed: Posed, got: Array) -> bool:
        finite = got[np.isfinite(got)]
        return bool((narrow.round(finite) == finite).all())

    return holds


def _summed_in(narrow: Format, name: str) -> Callable[[Posed], Predicted | None]:
    def predict(posed: Posed) -> Predicted | None:
        problem, format = posed.problem, posed.problem.format
        if narrow is not format and (format.is_half or narrow.precision >= format.precision):
            return None
        z = pre_activation(problem)
        value, error = problem.activation.enclose_vjp(z.value, z.error, flatten_leading(posed.upstream), format)
        rows = problem.rows.T if name == "kernel_gradient" else np.ones((1, len(value)))
        summed = product(rows, Estimate(value, error), narrow, NARROW_SUMS)
        radius = summed.error + np.where(summed.error == 0, 0.0, narrow.unit_roundoff * np.abs(summed.value))
        if not (np.abs(summed.value) + radius < narrow.largest).all():
            return None  # what overflows on the way may be anything
        found = around(summed.value, radius)
        return {name: found if name == "kernel_gradient" else Interval(found.lower[0], found.upper[0])}

    return predict


#: Of a gradient what it is a product of.
_OPERANDS: Mapping[str, tuple[tuple[str, bool, bool], ...]] = {
    "kernel_gradient": (
        ("of inputs and upstream gradients", True, True),
        ("of inputs", True, False),
        ("of upstream gradients", False, True),
    ),
    "inputs_gradient": (
        ("of kernel and upstream gradients", True, True),
        ("of the kernel", True, False),
        ("of upstream gradients", False, True),
    ),
    "bias_gradient": (("of upstream gradients", False, True),),
}


def of_narrow_operands() -> Iterator[Rival]:
    """A product on the way back whose operands are rounded."""
    for narrow in NARROW:
        for name, rows in _OPERANDS.items():
            for words, rounds_own, rounds_delta in rows:
                says = f"{gradient_of(name)} is made {words} rounded to {narrow.says}"
                rival = _of_rounded(narrow, (name,), rounds_own=rounds_own, rounds_delta=rounds_delta)
                yield Rival("gradient-rounded", says, rival)
        for words, rounds_own in (("their operands are", True), ("the gradient of what is activated is", False)):
            says = f"in all gradients {words} rounded to {narrow.says}"
            yield Rival("gradient-rounded", says, _of_rounded(narrow, GRADIENTS, rounds_own=rounds_own))


def _of_rounded(
    narrow: Narrow, names: Sequence[str], *, rounds_own: bool, rounds_delta: bool = True
) -> Callable[[Posed], Predicted | None]:
    def rounded(delta: Estimate) -> Estimate:
        """Rounding is monotone, so that the ends tell."""
        low, high = (narrow.round(delta.value + side * delta.error) for side in (-1, 1))
        return Estimate((low + high) / 2, (high - low) / 2)

    def operands(problem: Problem) -> Problem:
        return replace(problem, inputs=narrow.round(problem.inputs), kernel=narrow.round(problem.kernel))

    def predict(posed: Posed) -> Predicted | None:
        if narrow.bits >= posed.problem.format.precision:
            return None
        found = gradients(
            posed,
            enclosed=rounded if rounds_delta else lambda delta: delta,
            backward=operands if rounds_own else lambda problem: problem,
        )
        return {name: found[name] for name in names if name in found}

    return predict


# ---- decay ---------------------------------------------------------------------------------------------------------


def of_decay(failing: Sequence[Exhibit]) -> Iterator[Rival]:
    """A part of a weight that is added to its gradient; which part is read off what is wrong."""
    for of in ("kernel", "bias"):
        name, equations = f"{of}_gradient", []
        for exhibit in failing:
            if exhibit.name == name and exhibit.got is not None and exhibit.is_shaped:
                got, middle = exhibit.got.astype(np.float64), exhibit.right.middle
                sizes = np.abs(got) + np.abs(middle)
                doubt = exhibit.right.width + 4 * exhibit.posed.problem.format.unit_roundoff * sizes
                equations.append((got - middle, getattr(exhibit.posed.problem, of), doubt))
        found = number_between(equations)
        if found is not None and not found[0] <= 0 <= found[1]:
            part = plainest(*found)
            says = f"{written(part)} times the {of} is added to its gradient"
            yield Rival("gradient-decayed", says, _decayed(of, part))


def of_stepped_kernel(failing: Sequence[Exhibit]) -> Iterator[Rival]:
    """The inputs' gradient made with the kernel after a step; how long that is is read off what is wrong."""
    equations = []
    for exhibit in failing:
        if exhibit.name == "inputs_gradient" and exhibit.got is not None and exhibit.is_shaped:
            got, middle = exhibit.got.astype(np.float64), exhibit.right.middle
            moved, terms = _moved_by_step(exhibit.posed)
            u = exhibit.posed.problem.format.unit_roundoff
            equations.append(
                (middle - got, moved, exhibit.right.width + 8 * u * (np.abs(got) + np.abs(middle) + terms))
            )
    found = number_between(equations)
    if found is not None and not found[0] <= 0 <= found[1]:
        rate = plainest(*found)
        says = f"the inputs' gradient is made with the kernel after a step of {written(rate)} times its gradient"
        yield Rival("gradient-of-stepped-kernel", says, _stepped(rate))


def _moved_by_step(posed: Posed) -> tuple[Array, Array]:
    """delta @ the kernel's gradient transposed, of the inputs' shape, and the sum of its terms' sizes."""
    problem = posed.problem
    z = pre_activation(problem)
    delta, _ = problem.activation.enclose_vjp(z.value, z.error, flatten_leading(posed.upstream), problem.format)
    step = posed.gradients["kernel_gradient"].middle
    return problem.unflatten(delta @ step.T), problem.unflatten(np.abs(delta) @ np.abs(step).T)


def _stepped(rate: float) -> Callable[[Posed], Predicted]:
    def predict(posed: Posed) -> Predicted:
        right, (moved, terms) = posed.gradients["inputs_gradient"], _moved_by_step(posed)
        found = Interval(right.lower - rate * moved, right.upper - rate * moved)
        u, longest = posed.problem.format.unit_roundoff, sum(posed.problem.kernel.shape) + len(posed.problem.rows)
        return {"inputs_gradient": found.widened(8 * u * longest * (np.abs(found.middle) + abs(rate) * terms))}

    return predict


def of_masked_weights() -> Iterator[Rival]:
    """As a gradient that is passed straight through a clipping of the kernel: not where that clips; or of a kernel that
    is pruned.
    """
    says = "the kernel's gradient is 0 where the weight itself is 0"
    yield Rival("gradient-masked", says, changed(("kernel_gradient",), _where_not_zero))
    for most in (1.0, 2.0, 0.5):
        for at_end in (True, False):
            says = f"the kernel's gradient is 0 for weights beyond -{most:g} and {most:g}"

            def masked(right: Interval, posed: Posed, most: float = most, at_end: bool = at_end) -> Interval:
                size = np.abs(posed.problem.kernel)
                kept = size <= most if at_end else size < most
                return Interval(np.where(kept, right.lower, 0.0), np.where(kept, right.upper, 0.0))

            yield Rival("gradient-masked", says, changed(("kernel_gradient",), masked))


def _where_not_zero(right: Interval, posed: Posed) -> Interval:
    kept = posed.problem.kernel != 0
    return Interval(np.where(kept, right.lower, 0.0), np.where(kept, right.upper, 0.0))


def _decayed(of: str, part: float) -> Callable[[Posed], Predicted]:
    def predict(posed: Posed) -> Predicted:
        right, weight = posed.gradients.get(f"{of}_gradient"), getattr(posed.problem, of)
        if right is None or weight is None:
            return {}
        added = part * weight
        moved = Interval(right.lower + added, right.upper + added)
        u = posed.problem.format.unit_roundoff
        return {f"{of}_gradient": moved.widened(4 * u * (np.abs(moved.lower) + np.abs(moved.upper) + np.abs(added)))}

    return predict
