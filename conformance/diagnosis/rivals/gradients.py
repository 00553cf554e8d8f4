"""Rivals of the backward pass: what the gradients are where one of its products, or its delta, is wrong."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from math import prod

import numpy as np

from conformance.diagnosis.rivals.backward import gradient_of, gradients
from conformance.diagnosis.rivals.gradient_rows import of_rows, one
from conformance.diagnosis.rivals.limited_gradients import of_narrow_operands, of_narrow_sums, of_norms
from conformance.diagnosis.rivals.rival import Predicted, Rival, permuted, scaled
from conformance.diagnosis.rivals.rounding import NARROW
from conformance.procedures import GRADIENTS
from conformance.truth import Posed
from reference.activations import ACTIVATIONS
from reference.bounds import Estimate, Problem, pre_activation
from reference.dense import flatten_leading
from reference.formats import Array, Mask
from reference.intervals import Interval, around

# ---- of one gradient, or of all alike ------------------------------------------------------------------------------


def _words(names: tuple[str, ...]) -> tuple[str, str]:
    """The subject of a sentence, and its verb."""
    if len(names) > 1:
        return "all gradients", "are"
    return gradient_of(names[0]), "is"


def _changed(names: tuple[str, ...], change: Callable[[Interval, Posed], Interval]) -> Callable[[Posed], Predicted]:
    def predict(posed: Posed) -> Predicted:
        right = posed.gradients
        return {name: change(right[name], posed) for name in names if name in right}

    return predict


def _missing(names: tuple[str, ...]) -> Callable[[Posed], Predicted]:
    return lambda posed: dict.fromkeys(names)


def _times(factor: float) -> Callable[[Interval, Posed], Interval]:
    return lambda right, posed: scaled(right, factor, posed.problem.format.unit_roundoff)


def _each_times(names: tuple[str, ...], factor: Callable[[Posed], float]) -> Callable[[Posed], Predicted | None]:
    """Each term times a number of the shape, with two roundings of its own; nothing is said where there are no rows."""

    def predict(posed: Posed) -> Predicted | None:
        if 0 in posed.question.known_shape[:-1]:
            return None
        by, doubt = factor(posed), 2 * posed.problem.format.unit_roundoff
        found = gradients(
            posed,
            enclosed=lambda delta: Estimate(by * delta.value, by * (delta.error + doubt * np.abs(delta.value))),
        )
        return {name: found[name] for name in names if name in found}

    return predict


def _rows(posed: Posed) -> int:
    return prod(posed.question.known_shape[:-1])


def _batch(posed: Posed) -> int:
    return posed.question.known_shape[0]


FACTORS: tuple[tuple[str, str, float], ...] = (
    ("gradient-zero", "0", 0.0),
    ("gradient-negated", "negated", -1.0),
    ("gradient-scaled", "doubled", 2.0),
    ("gradient-scaled", "halved", 0.5),
)
#: Numbers that depend on the shape.
COUNTS: tuple[tuple[str, str, Callable[[Posed], float]], ...] = (
    ("gradient-averaged", "divided by the number of rows: a mean, not a sum", lambda posed: 1 / _rows(posed)),
    ("gradient-averaged", "divided by the length of the batch", lambda posed: 1 / _batch(posed)),
    (
        "gradient-averaged",
        "divided by the number of steps: a mean over the axes between batch and units",
        lambda posed: _batch(posed) / _rows(posed),
    ),
    (
        "gradient-averaged",
        "divided by the square root of the number of rows",
        lambda posed: float(1 / np.sqrt(_rows(posed))),
    ),
    (
        "gradient-averaged",
        "divided by the square root of the number of features",
        lambda posed: float(1 / np.sqrt(max(1, posed.question.known_shape[-1]))),
    ),
    ("gradient-averaged", "divided by the number of units", lambda posed: 1 / posed.question.config.units),
    (
        "gradient-averaged",
        "divided by the number of features",
        lambda posed: 1 / max(1, posed.question.known_shape[-1]),
    ),
    (
        "gradient-averaged",
        "divided by the number of outputs",
        lambda posed: 1 / (_rows(posed) * posed.question.config.units),
    ),
    ("gradient-scaled", "multiplied by the number of rows", lambda posed: float(_rows(posed))),
    ("gradient-scaled", "multiplied by the length of the batch", lambda posed: float(_batch(posed))),
)

#: What training loops clip at.
CLIPPED_AT = (0.5, 1.0, 5.0, 10.0, 100.0, 1000.0)
SETS = (GRADIENTS, *((name,) for name in GRADIENTS), ("kernel_gradient", "bias_gradient"))


def _subject(names: tuple[str, ...]) -> tuple[str, str]:
    return ("the gradients of kernel and bias", "are") if len(names) == 2 else _words(names)


def _absolute(right: Interval, posed: Posed) -> Interval:
    ends = np.stack([np.abs(right.lower), np.abs(right.upper)])
    crosses = (right.lower < 0) & (right.upper > 0)
    return Interval(np.where(crosses, 0.0, ends.min(axis=0)), ends.max(axis=0))


def _clipped(at: float) -> Callable[[Interval, Posed], Interval]:
    return lambda right, posed: Interval(np.clip(right.lower, -at, at), np.clip(right.upper, -at, at))


def _rounded(rounds: Callable[[Array], Array]) -> Callable[[Interval, Posed], Interval]:
    return lambda right, posed: Interval(rounds(right.lower), rounds(right.upper))


def _nan_without_rows(right: Interval, posed: Posed) -> Interval:
    if posed.problem.inputs.size:
        return right
    nan = np.full(right.shape, np.nan)
    return Interval(nan, nan)


def _transposed(right: Interval, posed: Posed) -> Interval:
    return permuted(right, np.transpose)


def of_products() -> Iterator[Rival]:
    """What one or all gradients are, the delta being right."""
    for names in SETS:
        subject, verb = _subject(names)
        yield Rival("gradient-missing", f"{subject} {verb} missing (None)", _missing(names))
        for defect, words, factor in FACTORS:
            yield Rival(defect, f"{subject} {verb} {words}", _changed(names, _times(factor)))
        for defect, words, count in COUNTS:
            yield Rival(defect, f"{subject} {verb} {words}", _each_times(names, count))
        yield Rival(
            "gradient-absolute",
            f"{subject} lose their sign".replace("gradient lose their", "gradient loses its"),
            _changed(names, _absolute),
        )
        for at in CLIPPED_AT:
            yield Rival(
                "gradient-clipped", f"{subject} {verb} clipped to [-{at:g}, {at:g}]", _changed(names, _clipped(at))
            )
        yield Rival(
            "gradient-nan-for-empty",
            f"{subject} {verb} NaN for a batch without rows",
            _changed(names, _nan_without_rows),
        )
        for narrow in NARROW:
            yield Rival(
                "gradient-rounded",
                f"{subject} {verb} rounded to {narrow.says}",
                _changed(names, _rounded(narrow.round)),
            )
    yield from of_norms()
    yield from of_narrow_sums()
    yield from of_narrow_operands()
    yield from _of_kernel()
    yield from _of_bias()
    yield from _of_inputs()


def _without_slope(name: str) -> Callable[[Posed], Predicted | None]:
    """Nothing is said of an activation that halves the units: its upstream fits no units that are not activated."""
    predict = one(name, lambda posed: gradients(posed, row=ACTIVATIONS["linear"]))
    return lambda posed: predict(posed) if _keeps_units(posed) else None


def _of_kernel() -> Iterator[Rival]:
    name = ("kernel_gradient",)
    yield Rival("gradient-transposed", "the kernel's gradient is transposed", _changed(name, _transposed))
    yield from of_rows("kernel_gradient")
    yield Rival(
        "slope-missing",
        "the kernel's gradient leaves out the activation's slope",
        _without_slope("kernel_gradient"),
    )
    yield Rival(
        "gradient-of-other-inputs",
        "the kernel's gradient is that of the inputs' absolute values",
        one(
            "kernel_gradient",
            lambda posed: gradients(posed, backward=lambda p: replace(p, inputs=np.abs(p.inputs))),
        ),
    )


def _of_bias() -> Iterator[Rival]:
    name = ("bias_gradient",)
    yield from of_rows("bias_gradient")
    yield Rival(
        "gradient-shape",
        "the bias's gradient keeps an axis: its shape is (1, units)",
        _changed(name, lambda right, posed: permuted(right, lambda ends: ends[None])),
    )
    yield Rival(
        "gradient-shape",
        "the bias's gradient keeps an axis: its shape is (units, 1)",
        _changed(name, lambda right, posed: permuted(right, lambda ends: ends[:, None])),
    )
    yield Rival("gradient-of-some-rows", "the bias's gradient is summed over the batch alone", _summed_over(0))
    yield Rival("gradient-of-some-rows", "the bias's gradient is summed over all axes but the batch", _summed_over(1))
    yield Rival(
        "gradient-of-some-rows", "the bias's gradient is summed over all axes, units included", _summed_over(99)
    )
    yield Rival(
        "slope-missing",
        "the bias's gradient leaves out the activation's slope",
        _without_slope("bias_gradient"),
    )
    yield Rival(
        "gradient-reordered",
        "the bias's gradient is reversed",
        _changed(name, lambda right, posed: permuted(right, lambda ends: ends[::-1])),
    )


def _summed_over(axis: int) -> Callable[[Posed], Predicted]:
    """The bias's gradient with other axes summed than all leading ones, of whatever shape that gives."""

    def predict(posed: Posed) -> Predicted:
        problem = posed.problem
        if problem.bias is None:
            return {}
        z = pre_activation(problem)
        value, error = problem.activation.enclose_vjp(z.value, z.error, flatten_leading(posed.upstream), problem.format)
        value, error = problem.unflatten(value), problem.unflatten(error)
        leading = tuple(range(value.ndim - 1))
        over = {0: (0,), 1: leading[1:], 99: tuple(range(value.ndim))}[axis]
        rounding = value.size * problem.format.unit_roundoff * np.abs(value).sum(axis=over)
        return {"bias_gradient": around(value.sum(axis=over), error.sum(axis=over) + rounding)}

    return predict


def _of_inputs() -> Iterator[Rival]:
    yield Rival(
        "kernel-not-transposed",
        "the inputs' gradient is delta @ kernel, where its transpose belongs",
        one("inputs_gradient", lambda posed: gradients(posed, backward=_turned)),
    )
    yield Rival(
        "slope-missing",
        "the inputs' gradient leaves out the activation's slope",
        _without_slope("inputs_gradient"),
    )
    for words, of in (("not positive", lambda x: x > 0), ("negative", lambda x: x >= 0), ("0", lambda x: x != 0)):
        says = f"the inputs' gradient is 0 where the input is {words}"
        yield Rival("gradient-masked", says, _changed(("inputs_gradient",), _where_inputs(of)))
    for axis in (0, 1, 2):
        for words, factor in (("mean", lambda count: 1 / count), ("sum", lambda count: 1.0)):
            says = f"the inputs' gradient is the {words} over axis {axis}, at each of its places"
            yield Rival("gradient-averaged", says, _changed(("inputs_gradient",), _pooled(axis, factor)))
    yield Rival(
        "gradient-of-other-kernel",
        "the inputs' gradient is that of the kernel's absolute values",
        one("inputs_gradient", lambda posed: gradients(posed, backward=lambda p: replace(p, kernel=np.abs(p.kernel)))),
    )
    yield Rival(
        "gradient-reordered",
        "the inputs' gradient has its features reversed",
        _changed(("inputs_gradient",), lambda right, posed: permuted(right, lambda ends: ends[..., ::-1])),
    )


def _where_inputs(of: Callable[[Array], Mask]) -> Callable[[Interval, Posed], Interval]:
    def masked(right: Interval, posed: Posed) -> Interval:
        kept = of(posed.problem.inputs)
        return Interval(np.where(kept, right.lower, 0.0), np.where(kept, right.upper, 0.0))

    return masked


def _pooled(axis: int, factor: Callable[[int], float]) -> Callable[[Interval, Posed], Interval]:
    """Along an axis before the features; a rounding for each of its places, and one for the quotient."""

    def pooled(right: Interval, posed: Posed) -> Interval:
        if len(right.shape) < axis + 2 or not right.lower.size:
            return right
        count, u = right.shape[axis], posed.problem.format.unit_roundoff
        by = factor(count)
        sizes = np.fmax(np.abs(right.lower), np.abs(right.upper)).sum(axis=axis, keepdims=True)
        ends = (by * end.sum(axis=axis, keepdims=True) for end in (right.lower, right.upper))
        found = Interval(*ends).widened((count + 2) * u * by * sizes)
        return permuted(found, lambda end: np.broadcast_to(end, right.shape))

    return pooled


def _turned(problem: Problem) -> Problem:
    square = problem.kernel.shape[0] == problem.kernel.shape[1]
    return replace(problem, kernel=problem.kernel.T) if square else problem


# ---- of delta ------------------------------------------------------------------------------------------------------

UPSTREAMS: tuple[tuple[str, Callable[[Array], Array]], ...] = (
    ("is taken for ones", np.ones_like),
    ("is clipped to [-1, 1]", lambda upstream: np.clip(upstream, -1, 1)),
    ("loses its sign", np.abs),
    ("is taken for 0 where it is negative", lambda upstream: np.maximum(upstream, 0)),
    ("is taken for 0 where it is positive", lambda upstream: np.minimum(upstream, 0)),
    ("is replaced by its sign", np.sign),
    ("is divided by its norm", lambda upstream: upstream / (np.sqrt((upstream**2).sum()) or 1.0)),
    ("is divided by its length", lambda upstream: upstream / max(1, upstream.size)),
    ("is divided by its greatest element", lambda upstream: upstream / (np.abs(upstream).max(initial=0.0) or 1.0)),
    ("is squared", np.square),
)


def _delta_clipped(at: float) -> Callable[[Estimate], Estimate]:
    def clipped(delta: Estimate) -> Estimate:
        low, high = (np.clip(delta.value + side * delta.error, -at, at) for side in (-1, 1))
        return Estimate((low + high) / 2, (high - low) / 2)

    return clipped


def _of_delta(enclosed: Callable[[Estimate], Estimate]) -> Callable[[Posed], Predicted]:
    return lambda posed: dict(gradients(posed, enclosed=enclosed))


def of_upstream() -> Iterator[Rival]:
    for at in CLIPPED_AT:
        says = f"the gradient of what is activated is clipped to [-{at:g}, {at:g}]"
        yield Rival("upstream-changed", says, _of_delta(_delta_clipped(at)))
    for words, change in UPSTREAMS:
        yield Rival("upstream-changed", f"the upstream gradient {words}", _from_upstream(change))
    yield Rival(
        "slope-without-bias",
        "the activation's slope is taken of inputs @ kernel, without the bias",
        lambda posed: dict(gradients(posed, forward=lambda problem: replace(problem, bias=None))),
    )
    yield Rival(
        "slope-missing",
        "the activation's slope is left out of all gradients",
        lambda posed: dict(gradients(posed, row=ACTIVATIONS["linear"])) if _keeps_units(posed) else None,
    )


def _from_upstream(change: Callable[[Array], Array]) -> Callable[[Posed], Predicted]:
    return lambda posed: dict(gradients(posed, upstream=change))


def _keeps_units(posed: Posed) -> bool:
    return posed.definition.output_units(2) == 2
