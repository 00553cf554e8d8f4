"""Rivals of a layer that is wrong with every activation in the same way."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from math import prod

import numpy as np

from conformance.diagnosis.rivals.product import BLOCKS
from conformance.diagnosis.rivals.rival import Enclose, Forward, Predicted, Rival
from conformance.truth import Posed
from reference.activations import ACTIVATIONS
from reference.bounds import Estimate, Problem
from reference.elementwise import Elementwise
from reference.formats import Mask
from reference.intervals import Interval, where

#: Activations that a layer may use whatever it is given.
ALWAYS = ("relu", "sigmoid", "tanh", "softmax")


def of_every_activation() -> Iterator[Rival]:
    """None applied, each applied twice, relu beside each, or one in the place of all."""
    yield _rival("activation-missing", "no activation is applied", _by("linear"))
    yield _rival("activation-formula", "every activation is applied twice", _twice)
    yield _rival("activation-formula", "relu is applied to what the activation gives", _before_relu, of_halves=True)
    for name in ALWAYS:
        yield _rival("activation-formula", f"{name} is applied in place of the activation", _by(name))
    for words, applied in _PARTS:
        for of_rows in (True, False):
            says = f"no activation is applied to {words}"
            yield _rival("activation-missing", says, _in_part(applied), of_rows=of_rows)


#: Of (rows, units): where the activation is applied.
Applied = Callable[[tuple[int, int]], Mask]


def _units(applied: Callable[[int], Mask]) -> Applied:
    return lambda shape: np.broadcast_to(applied(shape[1]), shape)


def _rows(applied: Callable[[int], Mask]) -> Applied:
    return lambda shape: np.broadcast_to(applied(shape[0])[:, None], shape)


def _whole(block: int) -> Callable[[int], Mask]:
    return lambda count: np.arange(count) < count // block * block


_PARTS: tuple[tuple[str, Applied], ...] = (
    *((f"the units behind the last whole block of {block}", _units(_whole(block))) for block in BLOCKS),
    *((f"the rows behind the last whole block of {block}", _rows(_whole(block))) for block in BLOCKS),
    ("the first unit", _units(lambda count: np.arange(count) > 0)),
    ("the last unit", _units(lambda count: np.arange(count) < count - 1)),
    ("any unit but the first", _units(lambda count: np.arange(count) == 0)),
    ("the first row", _rows(lambda count: np.arange(count) > 0)),
    ("the last row", _rows(lambda count: np.arange(count) < count - 1)),
    ("any row but the first", _rows(lambda count: np.arange(count) == 0)),
)


def _in_part(applied: Applied) -> Enclose:
    def enclose(z: Estimate, problem: Problem) -> Interval:
        shape = z.value.shape
        place = applied((prod(shape[:-1]), shape[-1])).reshape(shape)
        made = problem.activation.enclose(z.value, z.error, problem.format)
        plain = ACTIVATIONS["linear"].enclose(z.value, z.error, problem.format)
        return where(place, made, plain)

    return enclose


def _rival(defect: str, says: str, enclose: Enclose, *, of_halves: bool = False, of_rows: bool = True) -> Rival:
    """of_halves: also of an activation that halves the units; without it another shape would come. of_rows: also of
    those of whole rows.
    """
    step = Forward(enclose=enclose)

    def predict(posed: Posed) -> Predicted | None:
        speaks = of_halves or posed.definition.output_units(2) == 2
        speaks = speaks and (of_rows or isinstance(posed.definition, Elementwise))
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
