"""What the gradients of a wrong forward pass are: those of what it really computes."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from conformance.diagnosis.rivals.rival import Forward, Rival
from conformance.truth import Posed
from reference.activations import ACTIVATIONS
from reference.bounds import Estimate, Problem
from reference.dense import flatten_leading
from reference.formats import Array
from reference.intervals import Interval, around

_LINEAR = ACTIVATIONS["linear"]


@np.errstate(all="ignore")
def bias_gradient(rival: Rival, posed: Posed) -> Interval | None:
    """(units,): of each bias the derivative of all outputs, in the direction of the upstream gradient.

    None where the rival says nothing, or its outputs are not those of a linear layer, activated.
    """
    step, problem, u = rival.step, posed.problem, posed.problem.format.unit_roundoff
    if rival.of_bias is not None:
        return rival.of_bias(posed)
    if step is None or step.whole is not None or problem.bias is None or rival.predict(posed) is None:
        return None
    if not problem.inputs.size or not problem.bias.size:
        return None
    z = _linear(step, problem)
    if z.value.shape != problem.unflatten(flatten_leading(z.value)).shape or z.value.shape[-1] != len(problem.bias):
        return None
    rows = Estimate(flatten_leading(z.value), flatten_leading(z.error))
    own = problem.activation
    if own.output_units(rows.value.shape[-1]) != posed.upstream.shape[-1]:
        return None
    delta, error = own.enclose_vjp(rows.value, rows.error, flatten_leading(posed.upstream), problem.format)
    found, doubt = [], []
    for unit in range(len(problem.bias)):
        moves = flatten_leading(_moves(step, problem, unit))
        found.append((delta * moves).sum())
        sizes = np.abs(delta) * np.abs(moves)
        doubt.append((error * np.abs(moves)).sum() + (delta.size + 4) * u * sizes.sum())
    return around(np.array(found), np.array(doubt))


def _linear(step: Forward, problem: Problem) -> Estimate:
    plain = replace(step, enclose=lambda z, _: around(z.value, z.error))
    found = plain.bound(replace(problem, activation=_LINEAR))
    return Estimate(found.middle, found.width / 2)


def _moves(step: Forward, problem: Problem, unit: int) -> Array:
    """By how much a bias of 1 in this unit, and 0 in the others, moves what is activated: (..., units)."""
    zeros = replace(problem, inputs=np.zeros_like(problem.inputs))
    with_one, without = (
        _linear(step, replace(zeros, bias=value * (np.arange(len(zeros.bias)) == unit)))  # type: ignore[arg-type]
        for value in (1.0, 0.0)
    )
    return with_one.value - without.value
