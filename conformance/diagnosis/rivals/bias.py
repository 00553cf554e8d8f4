"""Rivals of the bias."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from math import prod

import numpy as np

from conformance.diagnosis.rivals.backward import gradients
from conformance.diagnosis.rivals.product import BLOCKS
from conformance.diagnosis.rivals.rival import Forward, Predicted, Rival, forward
from conformance.diagnosis.rivals.steps import added, before_activation, of_bias, of_bias_computed, plus
from conformance.truth import Posed
from reference.activations import ACTIVATIONS
from reference.bounds import Estimate, Problem
from reference.formats import Array
from reference.intervals import Interval


def _late_bias(problem: Problem, *, also_before: bool = False, where_it_fits: bool = False) -> Interval:
    """The bias added to the activated outputs, with one rounding; as far as there are outputs for it.

    where_it_fits: not at all where there are fewer outputs than units.
    """
    early = problem if also_before else replace(problem, bias=None)
    activated = Forward().bound(early)
    if problem.bias is None or (where_it_fits and activated.shape[-1] != len(problem.bias)):
        return activated
    return added(activated, problem.bias[: activated.shape[-1]], problem)


def _repeated(times: Callable[[Array, Problem], Array]) -> Forward:
    """A bias that is added more than once; in half types it may be rounded each time."""
    at_once, each_time = of_bias(times), of_bias_computed(times)

    def operands(problem: Problem) -> Problem:
        return (each_time if problem.format.is_half else at_once).operands(problem)

    def z(estimate: Estimate, problem: Problem) -> Estimate:
        return each_time.z(estimate, problem) if problem.format.is_half else estimate

    return Forward(operands=operands, z=z)


def _has_bias(posed: Posed) -> bool:
    return posed.problem.bias is not None


def _after(name: str, says: str, *, also_before: bool, where_it_fits: bool = False) -> Rival:
    def bound(problem: Problem) -> Interval:
        return _late_bias(problem, also_before=also_before, where_it_fits=where_it_fits)

    def predict(posed: Posed) -> dict[str, Interval | None] | None:
        """Of a linear layer a late bias is no other one."""
        if posed.question.config.activation == "linear" and not also_before:
            return {"outputs": Forward().bound(posed.problem)}
        return {"outputs": bound(posed.problem)}

    def of_bias(posed: Posed) -> Interval | None:
        """As the bias goes around the activation, so does its gradient."""
        return None if also_before else gradients(posed, row=ACTIVATIONS["linear"]).get("bias_gradient")

    return Rival(name, says, predict, of_bias=of_bias)


def _per_row(changes: Callable[[int], Array]) -> Forward:
    """The bias weighed row by row: weights (rows,) for so many rows, along the first axis."""

    def z(estimate: Estimate, problem: Problem) -> Estimate:
        if problem.bias is None or not estimate.value.size:
            return estimate
        without = before_activation(replace(problem, bias=None))
        weights = changes(len(estimate.value)).reshape(-1, *(1 for _ in estimate.value.shape[1:]))
        return Estimate(
            np.where(weights, estimate.value, without.value), np.where(weights, estimate.error, without.error)
        )

    return Forward(z=z)


def _without_in_rows_of_zeros() -> Forward:
    def z(estimate: Estimate, problem: Problem) -> Estimate:
        if problem.bias is None or not estimate.value.size:
            return estimate
        is_zero = (problem.inputs == 0).all(axis=-1, keepdims=True)
        return Estimate(np.where(is_zero, 0.0, estimate.value), np.where(is_zero, 0.0, estimate.error))

    return Forward(z=z)


def _by_row() -> Forward:
    """As a matrix that lies by columns is given a vector by rows."""

    def z(estimate: Estimate, problem: Problem) -> Estimate:
        if problem.bias is None or not estimate.value.size:
            return estimate
        alone = before_activation(replace(problem, bias=None))
        rows = prod(alone.value.shape[:-1])
        addend = problem.unflatten(
            np.repeat(problem.bias[np.arange(rows) % len(problem.bias)][:, None], len(problem.bias), 1)
        )
        return plus(alone, addend, problem)

    return Forward(z=z)


def _along(at: int) -> Forward:
    """The bias broadcast along another axis, where that has as many places as there are units. at: counted from the
    end where it is negative.
    """

    def z(estimate: Estimate, problem: Problem) -> Estimate:
        shape, own = estimate.value.shape, problem.bias
        axis = at if at >= 0 else len(shape) + at
        if own is None or axis >= len(shape) - 1 or shape[axis] != len(own) or not estimate.value.size:
            return estimate
        alone = before_activation(replace(problem, bias=None))
        addend = own.reshape(-1, *(1 for _ in shape[axis + 1 :]))
        return plus(alone, addend, problem)

    return Forward(z=z)


def _of_several_rows(posed: Posed) -> bool:
    return _has_bias(posed) and prod(posed.question.known_shape[:-1]) > 1


def _first(rows: int) -> Array:
    return np.arange(rows) == 0


def _of_blocks(block: int, bias: Array, problem: Problem) -> Array:
    return bias * max(1, -(-problem.kernel.shape[0] // block))


def beside(name: str) -> Iterator[Rival]:
    """A bias that is wrong beside one activation alone."""
    for rival in BIAS:
        if rival.defect in ("bias-dropped", "bias-doubled", "bias-subtracted", "bias-late"):
            yield replace(rival, says=f"with {name} {rival.says}", predict=partial(_beside, name, rival), about=name)


def _beside(name: str, rival: Rival, posed: Posed) -> Predicted | None:
    return rival.predict(posed) if posed.question.config.activation == name else None


def _first_again(block: int, bias: Array, problem: Problem) -> Array:
    """Behind the last whole block the first ones once more."""
    units = np.arange(len(bias))
    return np.asarray(bias[np.where(units < len(units) // block * block, units, units % block)])


BIAS: tuple[Rival, ...] = (
    forward("bias-dropped", "the bias is not added", of_bias(lambda b, _: 0 * b), applies=_has_bias),
    forward("bias-doubled", "the bias is added twice", of_bias(lambda b, _: 2 * b), applies=_has_bias),
    forward("bias-subtracted", "the bias is subtracted", of_bias(lambda b, _: -b), applies=_has_bias),
    forward("bias-scaled", "the bias is halved", of_bias(lambda b, _: b / 2), applies=_has_bias),
    forward(
        "bias-scaled",
        "the bias is added once for every feature",
        _repeated(lambda b, p: b * p.kernel.shape[0]),
        applies=_has_bias,
    ),
    *(
        forward(
            "bias-scaled",
            f"the bias is added once for every block of {block} features",
            _repeated(partial(_of_blocks, block)),
            applies=_has_bias,
        )
        for block in (*BLOCKS[1:], 128, 256)
    ),
    forward(
        "bias-scaled",
        "the bias is divided by the number of features",
        of_bias_computed(lambda b, p: b / max(1, p.kernel.shape[0])),
        applies=_has_bias,
    ),
    forward(
        "bias-scaled",
        "the bias is divided by the length of the batch",
        of_bias_computed(lambda b, p: b / max(1, len(p.inputs))),
        applies=_has_bias,
    ),
    forward("bias-absolute", "the bias loses its sign", of_bias(lambda b, _: np.abs(b)), applies=_has_bias),
    forward("bias-permuted", "the bias is read backwards", of_bias(lambda b, _: b[::-1]), applies=_has_bias),
    forward("bias-permuted", "the bias is moved by one unit", of_bias(lambda b, _: np.roll(b, 1)), applies=_has_bias),
    forward("bias-permuted", "the bias is moved by one unit", of_bias(lambda b, _: np.roll(b, -1)), applies=_has_bias),
    *(
        forward(
            "bias-permuted",
            f"the units behind the last whole block of {block} get the biases of the first ones",
            of_bias(partial(_first_again, block)),
            applies=_has_bias,
        )
        for block in BLOCKS
    ),
    forward(
        "bias-of-one-unit",
        "every unit has the first unit's bias",
        of_bias(lambda b, _: np.full_like(b, b[0])),
        applies=_has_bias,
    ),
    forward(
        "bias-of-one-unit",
        "every unit has the mean of the biases",
        of_bias_computed(lambda b, _: np.full_like(b, b.mean())),
        applies=_has_bias,
    ),
    forward(
        "bias-of-one-unit",
        "every unit has the sum of the biases",
        of_bias_computed(lambda b, _: np.full_like(b, b.sum())),
        applies=_has_bias,
    ),
    forward("rows-unbiased", "the bias is added to the first row alone", _per_row(_first), applies=_has_bias),
    forward(
        "rows-unbiased",
        "the bias is added to all rows but the first",
        _per_row(lambda n: 1 - _first(n)),
        applies=_of_several_rows,
    ),
    forward(
        "rows-unbiased",
        "the bias is added to the last row alone",
        _per_row(lambda n: _first(n)[::-1]),
        applies=_has_bias,
    ),
    forward(
        "rows-unbiased",
        "rows of inputs that are all 0 are left without bias",
        _without_in_rows_of_zeros(),
        applies=lambda posed: _has_bias(posed) and posed.problem.inputs.size > 0,
    ),
    *(
        forward(
            "bias-axis",
            f"the bias is added along axis {axis} of the outputs, not along the last, where that is as long as units",
            _along(axis),
            applies=_has_bias,
        )
        for axis in range(4)
    ),
    forward("bias-axis", "the bias is indexed by row, not by unit", _by_row(), applies=_has_bias),
    forward(
        "bias-axis",
        "the bias is added along the axis before the last, where that is as long as units",
        _along(-2),
        applies=_has_bias,
    ),
    _after("bias-late", "the bias is added after the activation, not before it", also_before=False),
    _after("bias-late", "the bias is added after the activation, not before it", also_before=False, where_it_fits=True),
    _after("bias-late", "the bias is added before the activation and again after it", also_before=True),
)
