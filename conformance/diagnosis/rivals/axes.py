"""Rivals of whole rows, units and axes: moved, repeated, dropped, or taken for each other."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from math import prod

import numpy as np

from conformance.diagnosis.rivals.product import BLOCKS
from conformance.diagnosis.rivals.rival import Forward, Rival, forward, moved
from conformance.diagnosis.rivals.steps import Change, before_activation, of_outputs, of_product, of_z, plus
from reference.bounds import Estimate, Problem
from reference.formats import Array
from reference.intervals import Interval


def _flattened(problem: Problem) -> Problem:
    """(batch, -1), as far as the kernel reaches."""
    inputs = problem.inputs
    if inputs.ndim == 2 or not len(inputs) or prod(inputs.shape[1:]) < len(problem.kernel):
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


def _axis_by_length(problem: Problem, first: int) -> int:
    """The first axis from this one on that has the kernel's length, as the last one has."""
    shape = problem.inputs.shape
    return next(axis for axis in range(first, len(shape)) if shape[axis] == len(problem.kernel))


def _by_length() -> Forward:
    """The product over the first axis behind the batch that has the kernel's length; the units stand there."""

    def operands(problem: Problem) -> Problem:
        axis = _axis_by_length(problem, 1)
        moved_inputs = np.moveaxis(problem.inputs, axis, -1)
        # where the units do not come to stand last, the bias broadcasts along another axis, or not at all
        bias = problem.bias if axis == problem.inputs.ndim - 1 else None
        return replace(problem, inputs=moved_inputs, bias=bias)

    def bound(problem: Problem) -> Interval:
        axis, own = _axis_by_length(problem, 1), problem.bias

        def z(estimate: Estimate, _: Problem) -> Estimate:
            back = moved(estimate, lambda values: np.moveaxis(values, -1, axis))
            if own is None or axis == problem.inputs.ndim - 1 or back.value.shape[-1] != len(own):
                return back
            return plus(back, own, problem)

        return Forward(operands=operands, z=z).bound(problem)

    return Forward(whole=bound)


def _with_units_last(first: int) -> Forward:
    """The product over the first axis from this one on that has the kernel's length; the others stay in their order."""

    def operands(problem: Problem) -> Problem:
        return replace(problem, inputs=np.moveaxis(problem.inputs, _axis_by_length(problem, first), -1))

    return Forward(operands=operands)


def _squeezed(values: Array) -> Array:
    return np.squeeze(values)


def _without_unit_axis(axis: int, values: Array) -> Array:
    return np.squeeze(values, axis) if values.ndim > axis + 1 and values.shape[axis] == 1 else values


def _last_squeezed(values: Array) -> Array:
    return values[..., 0] if values.shape[-1] == 1 else values


def _merged(values: Array) -> Array:
    return values.reshape(prod(values.shape[:-1]), values.shape[-1]) if values.ndim > 2 else values


def _axes_swapped(values: Array) -> Array:
    return np.swapaxes(values, 0, 1) if values.ndim > 2 else values


def _step(at: int, axis: int = 1) -> Change:
    """One position of an axis between batch and units, in the place of all."""

    def change(values: Array) -> Array:
        if values.ndim < axis + 2 or not values.size:
            return values
        one = np.take(values, [at], axis=axis)
        return np.broadcast_to(one, values.shape).copy()

    return change


def _together(axis: int, *, of: Callable[[Array], Array]) -> Forward:
    """What is made of the products along an axis, that of the units or one before, with a rounding for each of them."""

    def z(estimate: Estimate, problem: Problem) -> Estimate:
        if (axis > 0 and estimate.value.ndim < axis + 2) or not estimate.value.size:
            return estimate
        alone = before_activation(replace(problem, bias=None))
        sizes = np.abs(alone.value) + alone.error
        doubt = (sizes.shape[axis] + 2) * problem.format.unit_roundoff * _along_axis(axis, of, sizes)
        value, error = _along_axis(axis, of, alone.value), _along_axis(axis, of, alone.error) + doubt
        total = value if problem.bias is None else value + problem.bias
        return Estimate(total, error + problem.format.unit_roundoff * (np.abs(total) + error))

    return Forward(z=z)


def _together_by_rows() -> Forward:
    """The same along all rows."""
    along_rows = _together(0, of=_running_sum)

    def z(estimate: Estimate, problem: Problem) -> Estimate:
        if not estimate.value.size:
            return estimate
        flat = replace(problem, inputs=problem.rows)
        found = along_rows.z(before_activation(flat), flat)
        return Estimate(problem.unflatten(found.value), problem.unflatten(found.error))

    return Forward(z=z)


def _inner_read_swapped(values: Array) -> Array:
    return np.swapaxes(values, 1, 2).reshape(values.shape) if values.ndim > 3 else values


def _units_first_misread(values: Array) -> Array:
    """(batch, units, ...) in memory, read as (batch, ..., units)."""
    return np.moveaxis(values, -1, 1).reshape(values.shape) if values.ndim > 2 else values


def _read_transposed(values: Array) -> Array:
    """(units, rows) in memory, read as (rows, units)."""
    return values.reshape(-1, values.shape[-1]).T.reshape(values.shape) if values.size else values


def _inner_swapped(values: Array) -> Array:
    return np.swapaxes(values, 1, 2) if values.ndim > 3 else values


def _along_axis(axis: int, of: Callable[[Array], Array], values: Array) -> Array:
    return np.asarray(np.moveaxis(of(np.moveaxis(values, axis, 0)), 0, axis))


def _mean(values: Array) -> Array:
    return np.broadcast_to(values.mean(axis=0, keepdims=True), values.shape)


def _sum(values: Array) -> Array:
    return np.broadcast_to(values.sum(axis=0, keepdims=True), values.shape)


def _running_sum(values: Array) -> Array:
    return np.asarray(np.cumsum(values, axis=0))


def _units_first(values: Array) -> Array:
    return np.moveaxis(values, -1, 1) if values.ndim > 2 else values


def _filled(block: int) -> Callable[[Problem], Problem]:
    def operands(problem: Problem) -> Problem:
        inputs = problem.inputs
        more = np.zeros((-len(inputs) % block, *inputs.shape[1:]))
        return replace(problem, inputs=np.concatenate([inputs, more]))

    return operands


def in_column_order(values: Array) -> Array:
    """The rows, taken in column order of the leading axes."""
    if values.ndim < 3:
        return values
    leading = values.shape[:-1]
    rows = values.reshape(prod(leading), values.shape[-1])
    return rows.reshape(*leading[::-1], values.shape[-1]).transpose(*range(len(leading))[::-1], len(leading))


def leading_reversed(values: Array) -> Array:
    """The rows of the leading axes in reverse order of the axes, read in row order."""
    if values.ndim < 3:
        return values
    order = (*range(values.ndim - 1)[::-1], values.ndim - 1)
    return values.transpose(order).reshape(values.shape)


def _units_swapped_if_square(values: Array) -> Array:
    square = values.ndim > 2 and values.shape[-1] == values.shape[-2]
    return np.swapaxes(values, -1, -2) if square else values


def _cut_from_padded(block: int) -> Change:
    """Units padded to whole blocks, in a buffer that is read as if they were not."""

    def change(values: Array) -> Array:
        rows, units = values.reshape(prod(values.shape[:-1]), values.shape[-1]), values.shape[-1]
        padded = np.zeros((len(rows), -(-units // block) * block))
        padded[:, :units] = rows
        return padded.ravel()[: rows.size].reshape(values.shape)

    return change


def _step_alone(at: int, axis: int = 1) -> Change:
    return lambda values: np.take(values, at, axis=axis) if values.ndim > 2 and values.shape[axis] else values


def _filled_units(block: int) -> Change:
    """Zeros behind the units, up to a whole block."""
    return lambda values: np.pad(values, [(0, 0)] * (values.ndim - 1) + [(0, -values.shape[-1] % block)])


def _wrapping(block: int) -> Change:
    """Each block of rows is written over the first one; what is not written is 0."""

    def change(values: Array) -> Array:
        rows = values.reshape(prod(values.shape[:-1]), values.shape[-1])
        written = np.zeros_like(rows)
        for at in range(0, len(rows), block):
            written[: len(rows[at : at + block])] = rows[at : at + block]
        return written.reshape(values.shape)

    return change


def _channels_first(problem: Problem) -> Problem:
    inputs = problem.inputs
    if inputs.ndim < 3:
        return problem
    batch, *between, features = inputs.shape
    return replace(problem, inputs=np.moveaxis(inputs.reshape(batch, features, *between), 1, -1))


def _moved_to_axis_1(problem: Problem) -> Problem:
    inputs = problem.inputs
    return replace(problem, inputs=np.moveaxis(inputs, -1, 1).reshape(inputs.shape))


def _filled_rows(block: int) -> Change:
    return lambda values: np.concatenate([values, np.zeros((-len(values) % block, *values.shape[1:]))])


def _without_middle(values: Array) -> Array:
    return values.reshape(len(values), prod(values.shape[1:])) if values.ndim > 2 else values


AXES: tuple[Rival, ...] = (
    forward("inputs-flattened", "inputs of rank above 2 are flattened to (batch, -1)", Forward(operands=_flattened)),
    forward("axes-swapped", "the first two axes change places", of_outputs(_axes_swapped)),
    forward("axes-swapped", "axes 1 and 2 change places", of_outputs(_inner_swapped)),
    forward("rows-reordered", "axes 1 and 2 change places, and are read as if not", of_outputs(_inner_read_swapped)),
    *(
        forward("outputs-transposed", "the product is made as (units, rows), and read as (rows, units)", step)
        for step in (of_product(_read_transposed), of_z(_read_transposed))
    ),
    *(
        forward(
            "units-misread",
            "the units stand on axis 1 in memory, and are read as if they stood on the last",
            made(_units_first_misread),
        )
        for made in (of_product, of_z, of_outputs)
    ),
    forward("rows-coupled", "the product of each row is added to those after it", _together_by_rows()),
    forward("steps-reordered", "the second axis is reversed", of_outputs(lambda y: y[:, ::-1] if y.ndim > 2 else y)),
    forward("steps-repeated", "every step is the first one", of_outputs(_step(0))),
    forward("steps-repeated", "every step is the last one", of_outputs(_step(-1))),
    *(
        forward("steps-repeated", f"every entry along axis {axis} is the {words} one", of_outputs(_step(at, axis)))
        for axis in (2, 3)
        for at, words in ((0, "first"), (-1, "last"))
    ),
    *(
        forward("steps-coupled", f"the product of each entry along axis {axis} is {words}", _together(axis, of=of))
        for axis in (1, 2)
        for words, of in (
            ("added to those after it", _running_sum),
            ("replaced by the mean of all", _mean),
            ("replaced by the sum of all", _sum),
        )
    ),
    forward(
        "units-coupled",
        "the product of each unit is added to those after it",
        _together(-1, of=_running_sum),
    ),
    forward("axes-swapped", "the units stand on axis 1, not on the last", of_outputs(_units_first)),
    *(
        forward(
            "batch-padded",
            f"the batch is filled with zeros up to a multiple of {block}, and the outputs are not cut",
            Forward(operands=_filled(block)),
        )
        for block in BLOCKS
    ),
    *(
        forward(
            "batch-padded",
            f"rows of zeros stand behind the outputs, up to a multiple of {block} along the first axis",
            of_outputs(_filled_rows(block)),
        )
        for block in BLOCKS
    ),
    forward("rows-reordered", "the rows come in column order of the leading axes", of_outputs(in_column_order)),
    forward("rows-reordered", "the leading axes are reversed, and read as if not", of_outputs(leading_reversed)),
    forward(
        "axes-swapped",
        "the last two axes change places where there are as many steps as units",
        of_product(_units_swapped_if_square),
    ),
    forward(
        "axes-swapped",
        "the last two axes of the outputs change places where there are as many steps as units",
        of_outputs(_units_swapped_if_square),
    ),
    *(
        forward(
            "units-misread",
            f"units are padded to a multiple of {block}, and the padded rows are read as if they were not padded",
            made(_cut_from_padded(block)),
        )
        for block in (4, 8, 16, 32)
        for made in (of_product, of_z, of_outputs)
    ),
    forward("steps-dropped", "the first step alone is left", of_outputs(_step_alone(0))),
    forward("steps-dropped", "the last step alone is left", of_outputs(_step_alone(-1))),
    forward(
        "steps-dropped", "the last entry on the axis before the units alone is left", of_outputs(_step_alone(-1, -2))
    ),
    *(
        forward(
            "rows-overwritten",
            f"row numbers wrap at {block}: later rows are written over the first ones, and what is left is 0",
            made(_wrapping(block)),
        )
        for block in (128, 256)
        for made in (of_z, of_outputs)
    ),
    forward(
        "inputs-misread",
        "memory is read as channels first, as (batch, features, ...)",
        Forward(operands=_channels_first),
    ),
    forward(
        "inputs-misread",
        "the features of the inputs are moved to axis 1, and read as if they were not",
        Forward(operands=_moved_to_axis_1),
    ),
    *(
        forward("units-padded", f"the units are filled up with zeros to a multiple of {block}, and not cut", step)
        for block in (4, 8, 16, 32)
        for step in (of_outputs(_filled_units(block)), of_z(_filled_units(block)))
    ),
    forward("axes-merged", "the leading axes are merged into one", of_outputs(_merged)),
    forward("axes-merged", "all axes behind the batch are merged into one", of_outputs(_without_middle)),
    forward(
        "wrong-axis", "the product runs over axis 1, where that is as long as the features", Forward(operands=_along(1))
    ),
    forward(
        "wrong-axis", "the product runs over axis 0, where that is as long as the features", Forward(operands=_along(0))
    ),
    forward("wrong-axis", "the product runs over the first axis that is as long as the kernel", _by_length()),
    *(
        forward("wrong-axis", f"the product runs over the first axis{of} as the kernel; the units come last", step)
        for of, step in (
            (" behind the batch that is as long", _with_units_last(1)),
            (", the batch included, that is as long", _with_units_last(0)),
        )
    ),
    forward("axes-squeezed", "axes of length 1 are lost", of_outputs(_squeezed)),
    *(
        forward(
            "axes-squeezed",
            f"axis {axis} of the outputs is lost where it has length 1, and is not the last",
            of_outputs(partial(_without_unit_axis, axis)),
        )
        for axis in (1, 2)
    ),
    forward("axes-squeezed", "a batch of one is lost as an axis", of_outputs(lambda y: y[0] if len(y) == 1 else y)),
    forward("axes-squeezed", "a single unit is lost as an axis", of_outputs(_last_squeezed)),
)
