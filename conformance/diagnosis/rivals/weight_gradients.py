"""Rivals of the gradients of kernel and bias alone."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial

import numpy as np

from conformance.diagnosis.rivals.backward import (
    Gradients,
    changed,
    gradients,
    one,
    right_delta,
    squeezed,
    without_slope,
)
from conformance.diagnosis.rivals.gradient_rows import of_rows
from conformance.diagnosis.rivals.quantized import INPUTS, Held
from conformance.diagnosis.rivals.rival import ROUNDINGS, Predicted, Rival, permuted
from conformance.truth import Posed
from reference.bounds import Estimate, product
from reference.dense import flatten_leading
from reference.formats import Array
from reference.intervals import Interval, around


def _transposed(right: Interval, posed: Posed) -> Interval:
    return permuted(right, np.transpose)


def _unsummed(posed: Posed) -> Gradients:
    """(..., features, units): the product of each matrix of rows, where there are several."""
    problem = posed.problem
    leading = problem.inputs.shape[:-2]
    if not leading or not problem.inputs.size:
        return {}
    delta = right_delta(posed)
    value, error = (each.reshape(-1, problem.inputs.shape[-2], each.shape[-1]) for each in (delta.value, delta.error))
    parts = [
        product(rows.T, Estimate(*each), problem.format, problem.allowed_to_kernel_gradient)
        for rows, *each in zip(problem.inputs.reshape(-1, *problem.inputs.shape[-2:]), value, error, strict=True)
    ]
    shape = (*leading, *parts[0].value.shape)
    values, errors = (np.stack(each).reshape(shape) for each in zip(*((p.value, p.error) for p in parts), strict=True))
    return {"kernel_gradient": around(values, errors)}


def of_kernel() -> Iterator[Rival]:
    name = ("kernel_gradient",)
    yield Rival("gradient-transposed", "the kernel's gradient is transposed", changed(name, _transposed))
    yield Rival(
        "gradient-transposed",
        "the kernel's gradient is made as (units, features), and read as (features, units)",
        changed(name, lambda right, posed: permuted(right, lambda ends: ends.T.reshape(ends.shape))),
    )
    yield squeezed("kernel_gradient")
    yield from of_rows("kernel_gradient")
    for words, order in PAIRINGS:
        yield Rival(
            "gradient-of-other-rows",
            f"the kernel's gradient pairs rows of inputs and of upstream gradients that belong to others: {words}",
            one("kernel_gradient", partial(_paired, order)),
        )
    yield Rival(
        "slope-missing",
        "the kernel's gradient leaves out the activation's slope",
        without_slope("kernel_gradient"),
    )
    yield Rival(
        "gradient-shape",
        "the kernel's gradient is left unsummed: it has one for each place along the axes before the last two",
        one("kernel_gradient", _unsummed),
    )
    for held in INPUTS:
        says = f"the kernel's gradient is made of inputs rounded to {held.says}"
        yield Rival("gradient-rounded", says, one("kernel_gradient", partial(_of_held, held)))
    yield Rival("gradient-centred", "each unit's mean is taken off the kernel's gradient", changed(name, _centred))
    yield Rival(
        "gradient-of-other-inputs",
        "the kernel's gradient is that of the inputs' absolute values",
        one(
            "kernel_gradient",
            lambda posed: gradients(posed, backward=lambda p: replace(p, inputs=np.abs(p.inputs))),
        ),
    )


def _of_held(held: Held, posed: Posed) -> Gradients:
    """Inputs in steps: the products that hang on a value between two steps may be either."""
    problem = posed.problem
    kept = held.held(problem.inputs)
    found = gradients(posed, backward=lambda each: replace(each, inputs=kept.value))
    delta = right_delta(posed)
    sizes = np.abs(delta.value) + delta.error
    value, error = (flatten_leading(np.abs(each)).T @ sizes for each in (kept.value, kept.error))
    widened = error + ROUNDINGS * problem.format.unit_roundoff * value
    return {"kernel_gradient": found["kernel_gradient"].widened(widened)}


def _centred(right: Interval, posed: Posed) -> Interval:
    """With a rounding for each feature, and two."""
    if not right.lower.size:
        return right
    middle, width = right.middle, right.width / 2
    doubt = (len(middle) + 2) * posed.problem.format.unit_roundoff * np.abs(middle).mean(axis=0, keepdims=True)
    value = middle - middle.mean(axis=0, keepdims=True)
    rounding = 2 * posed.problem.format.unit_roundoff * np.abs(value)
    return around(value, width + width.mean(axis=0, keepdims=True) + doubt + rounding)


def of_bias() -> Iterator[Rival]:
    name = ("bias_gradient",)
    yield from of_rows("bias_gradient")
    yield squeezed("bias_gradient")
    yield Rival(
        "gradient-shape",
        "the bias's gradient keeps an axis: its shape is (1, units)",
        changed(name, lambda right, posed: permuted(right, lambda ends: ends[None])),
    )
    yield Rival(
        "gradient-shape",
        "the bias's gradient keeps an axis: its shape is (units, 1)",
        changed(name, lambda right, posed: permuted(right, lambda ends: ends[:, None])),
    )
    yield Rival(
        "gradient-of-some-rows",
        "the bias's gradient is summed over the units, not over the batch, where there are as many",
        _summed_over(-1),
    )
    yield Rival("gradient-of-some-rows", "the bias's gradient is summed over the batch alone", _summed_over(0))
    yield Rival("gradient-of-some-rows", "the bias's gradient is summed over all axes but the batch", _summed_over(1))
    yield Rival(
        "gradient-of-some-rows", "the bias's gradient is summed over all axes, units included", _summed_over(99)
    )
    yield Rival(
        "slope-missing",
        "the bias's gradient leaves out the activation's slope",
        without_slope("bias_gradient"),
    )
    yield Rival(
        "gradient-reordered",
        "the bias's gradient is reversed",
        changed(name, lambda right, posed: permuted(right, lambda ends: ends[::-1])),
    )


def _summed_over(axis: int) -> Callable[[Posed], Predicted]:
    """The bias's gradient with other axes summed than all leading ones, of whatever shape that gives."""

    def predict(posed: Posed) -> Predicted:
        problem = posed.problem
        if problem.bias is None:
            return {}
        delta = right_delta(posed)
        value, error = problem.unflatten(delta.value), problem.unflatten(delta.error)
        leading = tuple(range(value.ndim - 1))
        over = {-1: (value.ndim - 1,), 0: (0,), 1: leading[1:], 99: tuple(range(value.ndim))}[axis]
        rounding = value.size * problem.format.unit_roundoff * np.abs(value).sum(axis=over)
        return {"bias_gradient": around(value.sum(axis=over), error.sum(axis=over) + rounding)}

    return predict


def _paired(order: Callable[[Array], Array], posed: Posed) -> Gradients:
    """Rows of the delta in another order, while those of the inputs are in their own."""
    leading = posed.question.known_shape[:-1]

    def moved(delta: Estimate) -> Estimate:
        units = delta.value.shape[-1]
        value, error = (order(each.reshape(*leading, units)).reshape(-1, units) for each in (delta.value, delta.error))
        return Estimate(value, error)

    return gradients(posed, enclosed=moved, names=("kernel_gradient",))


def _swapped(values: Array) -> Array:
    return np.swapaxes(values, 0, 1) if values.ndim > 2 else values


def _columns_first(values: Array) -> Array:
    """Leading axes in reverse order."""
    return values.transpose(*range(values.ndim - 1)[::-1], values.ndim - 1)


def _swapped_back(values: Array) -> Array:
    """Rows that were written with the first two axes in each other's place."""
    if values.ndim < 3:
        return values
    batch, steps, *others = values.shape
    return values.reshape(steps, batch, *others).swapaxes(0, 1)


def _rows_first(values: Array) -> Array:
    """Rows that were written with the leading axes in reverse order."""
    leading = values.shape[:-1]
    return _columns_first(values.reshape(*leading[::-1], values.shape[-1]))


PAIRINGS: tuple[tuple[str, Callable[[Array], Array]], ...] = (
    ("the first two axes of one change places", _swapped),
    ("the first two axes of one change places", _swapped_back),
    ("the leading axes of one are reversed", _columns_first),
    ("the leading axes of one are reversed", _rows_first),
    ("the batch of one is reversed", lambda values: values[::-1]),
    ("the batch of one is moved by one", lambda values: np.roll(values, 1, axis=0)),
    ("the batch of one is moved by one", lambda values: np.roll(values, -1, axis=0)),
    ("the steps of one are reversed", lambda values: values[:, ::-1] if values.ndim > 2 else values),
    ("the steps of one are moved by one", lambda values: np.roll(values, 1, axis=1) if values.ndim > 2 else values),
    ("the steps of one are moved by one", lambda values: np.roll(values, -1, axis=1) if values.ndim > 2 else values),
)
