"""Rivals of the product and of the bias: what a forward pass gives whose defect comes before the activation."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from math import prod

import numpy as np

from conformance.diagnosis.rivals.rival import Forward, Rival, forward, inexactly, moved, permuted
from conformance.truth import Posed
from reference.bounds import Estimate, Problem
from reference.formats import Array
from reference.intervals import Interval

Change = Callable[[Array], Array]


def _bias(change: Callable[[Array, Problem], Array]) -> Forward:
    """Another bias, rounded to the format as a layer would."""

    def operands(problem: Problem) -> Problem:
        if problem.bias is None:
            return problem
        return replace(problem, bias=problem.format.round(change(problem.bias, problem)))

    return Forward(operands=operands)


def _kernel(change: Callable[[Array, Problem], Array]) -> Forward:
    return Forward(
        operands=lambda problem: replace(problem, kernel=problem.format.round(change(problem.kernel, problem)))
    )


def _kernel_computed(change: Callable[[Array, Problem], Array]) -> Forward:
    """A kernel that no format need hold exactly."""
    return inexactly(lambda problem: replace(problem, kernel=change(problem.kernel, problem)))


def _inputs_computed(change: Callable[[Array, Problem], Array]) -> Forward:
    return inexactly(lambda problem: replace(problem, inputs=change(problem.inputs, problem)))


def _bias_computed(change: Callable[[Array, Problem], Array]) -> Forward:
    def operands(problem: Problem) -> Problem:
        return problem if problem.bias is None else replace(problem, bias=change(problem.bias, problem))

    return inexactly(operands)


def _with_inputs(problem: Problem) -> Problem:
    """The inputs added to z: the identity added to a square kernel."""
    square = problem.kernel.shape[0] == problem.kernel.shape[1]
    return replace(problem, kernel=problem.kernel + np.eye(len(problem.kernel))) if square else problem


def _inputs(change: Callable[[Array, Problem], Array]) -> Forward:
    return Forward(
        operands=lambda problem: replace(problem, inputs=problem.format.round(change(problem.inputs, problem)))
    )


def _z(change: Change) -> Forward:
    """Elements of z moved, copied or dropped."""
    return Forward(z=lambda z, problem: moved(z, change))


def _outputs(change: Change) -> Forward:
    return Forward(outputs=lambda outputs, problem: permuted(outputs, change))


def _z_times(factor: Callable[[Problem], float]) -> Forward:
    def z(estimate: Estimate, problem: Problem) -> Estimate:
        by, u = factor(problem), problem.format.unit_roundoff
        value = estimate.value * by
        exact = abs(np.frexp(by)[0]) in (0.5, 0.0)
        return Estimate(value, estimate.error * abs(by) + (0.0 if exact else 2 * u * np.abs(value)))

    return Forward(z=z)


def _late_bias(problem: Problem, *, also_before: bool = False) -> Interval:
    """The bias added to the activated outputs, with one rounding; as far as there are outputs for it."""
    early = problem if also_before else replace(problem, bias=None)
    activated = Forward().bound(early)
    if problem.bias is None:
        return activated
    return _added(activated, problem.bias[: activated.shape[-1]], problem)


def _added(interval: Interval, addend: Array, problem: Problem) -> Interval:
    total = Interval(interval.lower + addend, interval.upper + addend)
    exact = interval.is_exact & problem.format.holds(total.lower)
    rounding = problem.format.unit_roundoff * np.fmax(np.abs(total.lower), np.abs(total.upper))
    return total.widened(np.where(exact, 0.0, rounding))


def _has_bias(posed: Posed) -> bool:
    return posed.problem.bias is not None


def _after(name: str, says: str, *, also_before: bool) -> Rival:
    def bound(problem: Problem) -> Interval:
        return _late_bias(problem, also_before=also_before)

    def predict(posed: Posed) -> dict[str, Interval | None] | None:
        """Of a linear layer a late bias is no other one."""
        if posed.question.config.activation == "linear" and not also_before:
            return {"outputs": Forward().bound(posed.problem)}
        return {"outputs": bound(posed.problem)}

    return Rival(name, says, predict)


def _read_by_columns(kernel: Array, _: Problem) -> Array:
    return kernel.ravel(order="F").reshape(kernel.shape)


def _transposed_if_square(kernel: Array, _: Problem) -> Array:
    return kernel.T if kernel.shape[0] == kernel.shape[1] else kernel


def _dropped(at: slice | int) -> Callable[[Array, Problem], Array]:
    def change(kernel: Array, _: Problem) -> Array:
        kernel = kernel.copy()
        if len(kernel):
            kernel[at] = 0
        return kernel

    return change


def _lost_below(least: float) -> Callable[[Array, Problem], Array]:
    return lambda kernel, _: np.where(np.abs(kernel) < least, 0.0, kernel)


def _of_decimals(decimals: int) -> Callable[[Array, Problem], Array]:
    return lambda kernel, _: np.round(kernel, decimals)


def _unit_columns(kernel: Array, _: Problem) -> Array:
    with np.errstate(all="ignore"):
        return np.nan_to_num(kernel / np.sqrt((kernel**2).sum(axis=0, keepdims=True)))


def _per_row(changes: Callable[[int], Array]) -> Forward:
    """The bias weighed row by row: weights (rows,) for so many rows, along the first axis."""

    def z(estimate: Estimate, problem: Problem) -> Estimate:
        if problem.bias is None or not estimate.value.size:
            return estimate
        without = _pre(replace(problem, bias=None))
        weights = changes(len(estimate.value)).reshape(-1, *(1 for _ in estimate.value.shape[1:]))
        return Estimate(
            np.where(weights, estimate.value, without.value), np.where(weights, estimate.error, without.error)
        )

    return Forward(z=z)


def _pre(problem: Problem) -> Estimate:
    from_rows = Forward(enclose=lambda z, _: Interval(z.value - z.error, z.value + z.error)).bound(problem)
    return Estimate((from_rows.lower + from_rows.upper) / 2, (from_rows.upper - from_rows.lower) / 2)


def _first(rows: int) -> Array:
    return np.arange(rows) == 0


# ---- axes ----------------------------------------------------------------------------------------------------------


def _flattened(problem: Problem) -> Problem:
    """(batch, -1), as far as the kernel reaches."""
    inputs = problem.inputs
    if inputs.ndim == 2 or not inputs.size:
        return problem
    return replace(problem, inputs=inputs.reshape(len(inputs), prod(inputs.shape[1:]))[:, : len(problem.kernel)])


def _along(axis: int) -> Callable[[Problem], Problem]:
    """The product over another axis, where its length allows that."""

    def operands(problem: Problem) -> Problem:
        inputs = problem.inputs
        if inputs.ndim <= axis + 1 or inputs.shape[axis] != inputs.shape[-1]:
            return problem
        return replace(problem, inputs=np.swapaxes(inputs, axis, -1))

    return operands


def _by_length() -> Forward:
    """The product over the first axis behind the batch that has the kernel's length; the units stand there."""

    def axis_of(problem: Problem) -> int:
        shape = problem.inputs.shape
        return next(axis for axis in (*range(1, len(shape)), 0) if shape[axis] == len(problem.kernel))

    def operands(problem: Problem) -> Problem:
        axis = axis_of(problem)
        moved_inputs = np.moveaxis(problem.inputs, axis, -1)
        own = problem.bias
        # where the units do not come to stand last, the bias broadcasts along another axis, or not at all
        bias = own if axis == problem.inputs.ndim - 1 else None
        return replace(problem, inputs=moved_inputs, bias=bias)

    def outputs(interval: Interval, problem: Problem) -> Interval:
        axis = axis_of(problem)
        back = permuted(interval, lambda values: np.moveaxis(values, -1, axis))
        own = problem.bias
        if own is None or axis == problem.inputs.ndim - 1 or back.shape[-1] != len(own):
            return back
        return _added(back, own, problem)

    return Forward(operands=operands, outputs=outputs)


def _squeezed(values: Array) -> Array:
    return np.squeeze(values)


def _last_squeezed(values: Array) -> Array:
    return values[..., 0] if values.shape[-1] == 1 else values


def _merged(values: Array) -> Array:
    return values.reshape(prod(values.shape[:-1]), values.shape[-1]) if values.ndim > 2 else values


def _axes_swapped(values: Array) -> Array:
    return np.swapaxes(values, 0, 1) if values.ndim > 2 else values


def _step(at: int) -> Change:
    """One position of the axes between batch and units, in the place of all."""

    def change(values: Array) -> Array:
        if values.ndim < 3 or not values.size:
            return values
        one = values[:, at : at + 1 or None]
        return np.broadcast_to(one, values.shape).copy()

    return change


def _step_alone(at: int) -> Change:
    return lambda values: values[:, at] if values.ndim > 2 and values.size else values


def _rolled(by: int, axis: int) -> Change:
    return lambda values: np.roll(values, by, axis=axis)


def _without_middle(values: Array) -> Array:
    return values.reshape(len(values), prod(values.shape[1:])) if values.ndim > 2 else values


# ---- the table -----------------------------------------------------------------------------------------------------

BIAS: tuple[Rival, ...] = (
    forward("bias-dropped", "the bias is not added", _bias(lambda b, _: 0 * b), applies=_has_bias),
    forward("bias-doubled", "the bias is added twice", _bias(lambda b, _: 2 * b), applies=_has_bias),
    forward("bias-subtracted", "the bias is subtracted", _bias(lambda b, _: -b), applies=_has_bias),
    forward("bias-scaled", "the bias is halved", _bias(lambda b, _: b / 2), applies=_has_bias),
    forward(
        "bias-scaled",
        "the bias is added once for every feature",
        _bias(lambda b, p: b * p.kernel.shape[0]),
        applies=_has_bias,
    ),
    forward(
        "bias-scaled",
        "the bias is divided by the number of features",
        _bias_computed(lambda b, p: b / max(1, p.kernel.shape[0])),
        applies=_has_bias,
    ),
    forward(
        "bias-scaled",
        "the bias is divided by the length of the batch",
        _bias_computed(lambda b, p: b / max(1, len(p.inputs))),
        applies=_has_bias,
    ),
    forward("bias-absolute", "the bias loses its sign", _bias(lambda b, _: np.abs(b)), applies=_has_bias),
    forward("bias-permuted", "the bias is read backwards", _bias(lambda b, _: b[::-1]), applies=_has_bias),
    forward("bias-permuted", "the bias is moved by one unit", _bias(lambda b, _: np.roll(b, 1)), applies=_has_bias),
    forward("bias-permuted", "the bias is moved by one unit", _bias(lambda b, _: np.roll(b, -1)), applies=_has_bias),
    forward(
        "bias-of-one-unit",
        "every unit has the first unit's bias",
        _bias(lambda b, _: np.full_like(b, b[0])),
        applies=_has_bias,
    ),
    forward(
        "bias-of-one-unit",
        "every unit has the mean of the biases",
        _bias_computed(lambda b, _: np.full_like(b, b.mean())),
        applies=_has_bias,
    ),
    forward(
        "bias-of-one-unit",
        "every unit has the sum of the biases",
        _bias_computed(lambda b, _: np.full_like(b, b.sum())),
        applies=_has_bias,
    ),
    forward("rows-unbiased", "the bias is added to the first row alone", _per_row(_first), applies=_has_bias),
    forward(
        "rows-unbiased",
        "the bias is added to all rows but the first",
        _per_row(lambda n: 1 - _first(n)),
        applies=_has_bias,
    ),
    forward(
        "rows-unbiased",
        "the bias is added to the last row alone",
        _per_row(lambda n: _first(n)[::-1]),
        applies=_has_bias,
    ),
    _after("bias-late", "the bias is added after the activation, not before it", also_before=False),
    _after("bias-late", "the bias is added before the activation and again after it", also_before=True),
)

PRODUCT: tuple[Rival, ...] = (
    forward("kernel-transposed", "the kernel is read column by column, as if transposed", _kernel(_read_by_columns)),
    forward("kernel-transposed", "a square kernel is transposed", _kernel(_transposed_if_square)),
    forward("kernel-negated", "the kernel is negated", _kernel(lambda k, _: -k)),
    forward("kernel-absolute", "the kernel loses its signs", _kernel(lambda k, _: np.abs(k))),
    forward("kernel-clipped", "negative weights are taken for 0", _kernel(lambda k, _: np.maximum(k, 0))),
    forward("kernel-clipped", "the kernel is clipped to [-1, 1]", _kernel(lambda k, _: np.clip(k, -1, 1))),
    *(
        forward("tiny-weights-zero", "tiny weights are taken for 0", _kernel(_lost_below(least)))
        for least in (1e-18, 1e-15, 1e-12, 1e-10, 1e-9, 1e-8, 1e-7, 1e-6, 1e-5, 1e-4, 1e-3)
    ),
    *(
        forward("kernel-rounded", f"the weights are rounded to {count} decimals", _kernel(_of_decimals(count)))
        for count in range(2, 13)
    ),
    forward("kernel-signs", "of the kernel the signs alone are used", _kernel(lambda k, _: np.sign(k))),
    forward("kernel-squared", "the kernel is squared", _kernel_computed(lambda k, _: k * k)),
    forward("kernel-normalized", "the kernel's columns are divided by their norms", _kernel_computed(_unit_columns)),
    forward("features-reordered", "the features are read backwards", _kernel(lambda k, _: k[::-1])),
    forward("features-reordered", "the features are moved by one", _kernel(lambda k, _: np.roll(k, 1, axis=0))),
    forward("features-reordered", "the features are moved by one", _kernel(lambda k, _: np.roll(k, -1, axis=0))),
    forward("features-dropped", "the last feature is left out", _kernel(_dropped(-1))),
    forward("features-dropped", "the first feature is left out", _kernel(_dropped(0))),
    forward("features-dropped", "every second feature is left out", _kernel(_dropped(slice(1, None, 2)))),
    *(
        forward(
            "features-dropped",
            f"features beyond the first {count} are left out",
            _kernel(_dropped(slice(count, None))),
        )
        for count in (1, 2, 3, 4, 8, 16, 32, 64, 128, 256, 512, 1024)
    ),
    forward(
        "mean-for-sum",
        "the product is a mean over the features, not their sum",
        _kernel_computed(lambda k, p: k / max(1, len(k))),
    ),
    forward(
        "product-scaled",
        "the product is divided by the square root of the number of features",
        _kernel_computed(lambda k, p: k / np.sqrt(max(1, len(k)))),
    ),
    forward("product-scaled", "the product is doubled", _kernel(lambda k, _: 2 * k)),
    forward("product-scaled", "the product is halved", _kernel(lambda k, _: k / 2)),
    forward("product-dropped", "the product is left out: the outputs are the bias", _kernel(lambda k, _: 0 * k)),
    forward("inputs-absolute", "the inputs lose their sign", _inputs(lambda x, _: np.abs(x))),
    forward("inputs-clipped", "negative inputs are taken for 0", _inputs(lambda x, _: np.maximum(x, 0))),
    forward("inputs-clipped", "the inputs are clipped to [-1, 1]", _inputs(lambda x, _: np.clip(x, -1, 1))),
    forward(
        "inputs-normalized",
        "the mean of each row is taken off its inputs",
        _inputs_computed(lambda x, _: x - x.mean(axis=-1, keepdims=True) if x.size else x),
    ),
)

WHOLE: tuple[Rival, ...] = (
    forward("units-reordered", "the units are reversed", _z(lambda z: z[..., ::-1])),
    forward("units-reordered", "the units are moved by one", _z(_rolled(1, -1))),
    forward("units-reordered", "the units are moved by one", _z(_rolled(-1, -1))),
    forward(
        "inputs-added",
        "the inputs are added to what is activated, where they have as many units",
        inexactly(_with_inputs),
    ),
    forward("outputs-negated", "the outputs are negated", _outputs(lambda y: -y)),
    forward("outputs-zero", "the outputs are zeros", _outputs(lambda y: 0 * y)),
    forward("outputs-nan", "the outputs are NaN", _outputs(lambda y: y * np.nan)),
    forward("outputs-scaled", "the outputs are doubled", _outputs(lambda y: 2 * y)),
    forward("outputs-scaled", "the outputs are halved", _outputs(lambda y: y / 2)),
    forward("pre-activations-scaled", "what is activated is doubled", _z_times(lambda _: 2.0)),
    forward("pre-activations-scaled", "what is activated is halved", _z_times(lambda _: 0.5)),
    forward("rows-reordered", "the batch is reversed", _outputs(lambda y: y[::-1])),
    forward("rows-reordered", "the batch is moved by one row", _outputs(_rolled(1, 0))),
    forward("rows-reordered", "the batch is moved by one row", _outputs(_rolled(-1, 0))),
    forward("rows-repeated", "every row is the first one", _outputs(lambda y: np.repeat(y[:1], len(y), axis=0))),
)

AXES: tuple[Rival, ...] = (
    forward("inputs-flattened", "inputs of rank above 2 are flattened to (batch, -1)", Forward(operands=_flattened)),
    forward("axes-swapped", "the first two axes change places", _outputs(_axes_swapped)),
    forward("steps-reordered", "the second axis is reversed", _outputs(lambda y: y[:, ::-1] if y.ndim > 2 else y)),
    forward("steps-repeated", "every step is the first one", _outputs(_step(0))),
    forward("steps-repeated", "every step is the last one", _outputs(_step(-1))),
    forward("steps-dropped", "the first step alone is left", _outputs(_step_alone(0))),
    forward("steps-dropped", "the last step alone is left", _outputs(_step_alone(-1))),
    forward("axes-merged", "the leading axes are merged into one", _outputs(_merged)),
    forward("axes-merged", "all axes behind the batch are merged into one", _outputs(_without_middle)),
    forward("wrong-axis", "the product runs over axis 1", Forward(operands=_along(1))),
    forward("wrong-axis", "the product runs over axis 0", Forward(operands=_along(0))),
    forward("wrong-axis", "the product runs over the first axis that is as long as the kernel", _by_length()),
    forward("axes-squeezed", "axes of length 1 are lost", _outputs(_squeezed)),
    forward("axes-squeezed", "a batch of one is lost as an axis", _outputs(lambda y: y[0] if len(y) == 1 else y)),
    forward("axes-squeezed", "a single unit is lost as an axis", _outputs(_last_squeezed)),
)


def all_affine() -> Iterator[Rival]:
    yield from BIAS
    yield from PRODUCT
    yield from WHOLE
    yield from AXES
