"""Rivals of a layer that is wrong with every activation in the same way."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from conformance.diagnosis.rivals.rival import Enclose, Forward, Predicted, Rival
from conformance.truth import Posed
from reference.activations import ACTIVATIONS
from reference.bounds import Estimate, Problem
from reference.intervals import Interval

#: Activations that a layer may use whatever it is given.
ALWAYS = ("relu", "sigmoid", "tanh", "softmax")


def of_every_activation() -> Iterator[Rival]:
    """None applied, each applied twice, relu beside each, or one in the place of all."""
    yield _rival("activation-missing", "no activation is applied", _by("linear"))
    yield _rival("activation-formula", "every activation is applied twice", _twice)
    yield _rival("activation-formula", "relu is applied after every activation", _before_relu, of_halves=True)
    for name in ALWAYS:
        yield _rival("activation-formula", f"{name} is applied, whatever the activation is", _by(name))


def _rival(defect: str, says: str, enclose: Enclose, *, of_halves: bool = False) -> Rival:
    """of_halves: also of an activation that halves the units; without it another shape would come."""
    step = Forward(enclose=enclose)

    def predict(posed: Posed) -> Predicted | None:
        speaks = of_halves or posed.definition.output_units(2) == 2
        return {"outputs": step.bound(posed.problem)} if speaks else None

    return Rival(defect, says, predict)


def _by(name: str) -> Enclose:
    return lambda z, problem: ACTIVATIONS[name].enclose(z.value, z.error, problem.format)


def _before_relu(z: Estimate, problem: Problem) -> Interval:
    found = problem.activation.enclose(z.value, z.error, problem.format)
    return Interval(np.maximum(found.lower, 0.0), np.maximum(found.upper, 0.0))


def _twice(z: Estimate, problem: Problem) -> Interval:
    row = problem.activation
    once = row.enclose(z.value, z.error, problem.format)
    return row.enclose(once.middle, once.width / 2, problem.format)
