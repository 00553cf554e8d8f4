"""Rivals of outputs that are wrong throughout, of rows of a batch, and of units: scaled, moved or repeated."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from conformance.diagnosis.rivals.product import BLOCKS
from conformance.diagnosis.rivals.rival import Forward, Rival, forward, inexactly
from conformance.diagnosis.rivals.steps import Change, of_outputs, z_times
from reference.bounds import Problem
from reference.formats import Array


def _with_inputs(problem: Problem) -> Problem:
    """The inputs added to z: the identity added to a square kernel."""
    square = problem.kernel.shape[0] == problem.kernel.shape[1]
    return replace(problem, kernel=problem.kernel + np.eye(len(problem.kernel))) if square else problem


def _rolled(by: int, axis: int) -> Change:
    return lambda values: np.roll(values, by, axis=axis)


def _units_again(block: int) -> Callable[[Problem], Problem]:
    """Those behind the last whole block are the first ones once more."""

    def operands(problem: Problem) -> Problem:
        units = np.arange(problem.kernel.shape[1])
        units = np.where(units < len(units) // block * block, units, units % block)
        bias = None if problem.bias is None else problem.bias[units]
        return replace(problem, kernel=problem.kernel[:, units], bias=bias)

    return operands


def _tiled(block: int) -> Change:
    """Every block of rows holds what the first one does."""

    def change(values: Array) -> Array:
        rows = values.reshape(-1, values.shape[-1]) if values.size else values
        return rows[np.arange(len(rows)) % block].reshape(values.shape) if values.size else values

    return change


WHOLE: tuple[Rival, ...] = (
    forward(
        "inputs-added",
        "the inputs are added to what is activated, where they have as many units",
        inexactly(_with_inputs),
    ),
    forward("outputs-negated", "the outputs are negated", of_outputs(lambda y: -y)),
    forward("outputs-zero", "the outputs are zeros", of_outputs(lambda y: 0 * y)),
    forward("outputs-nan", "the outputs are NaN", of_outputs(lambda y: y * np.nan)),
    forward("outputs-scaled", "the outputs are doubled", of_outputs(lambda y: 2 * y)),
    forward("outputs-scaled", "the outputs are halved", of_outputs(lambda y: y / 2)),
    forward("pre-activations-negated", "what is activated is negated", z_times(lambda _: -1.0)),
    forward("pre-activations-scaled", "what is activated is doubled", z_times(lambda _: 2.0)),
    forward("pre-activations-scaled", "what is activated is halved", z_times(lambda _: 0.5)),
    forward("rows-reordered", "the batch is reversed", of_outputs(lambda y: y[::-1])),
    forward("rows-reordered", "the batch is moved by one row", of_outputs(_rolled(1, 0))),
    forward("rows-reordered", "the batch is moved by one row", of_outputs(_rolled(-1, 0))),
    forward(
        "rows-repeated",
        "every entry of the batch is the first one",
        of_outputs(lambda y: np.repeat(y[:1], len(y), axis=0)),
    ),
    *(
        forward("rows-repeated", f"the rows beyond {block} repeat the first {block}", of_outputs(_tiled(block)))
        for block in (*BLOCKS[1:], 128)
    ),
    *(
        forward(
            "units-repeated",
            f"the units behind the last whole block of {block} repeat the first ones",
            Forward(operands=_units_again(block)),
        )
        for block in BLOCKS
    ),
)
