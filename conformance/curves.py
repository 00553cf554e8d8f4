"""Each activation's error over the pre-activation, measured for a picture: it is judged nowhere."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from conformance.answers import Answer
from conformance.cases import Question
from conformance.compare import ratios
from conformance.contract import CONTRACT
from conformance.contract.clause import Erratum
from conformance.families import Tensors, draw
from conformance.implementations.protocol import Implementation, declared
from conformance.results import Curve
from conformance.truth import truth
from reference.activations import ACTIVATIONS
from reference.config import DenseConfig
from reference.dialects import Dialect
from reference.elementwise import Elementwise
from reference.formats import Array
from reference.intervals import Interval

#: Pre-activations of one curve: a few for each column of a picture of some hundred columns.
POINTS = 1021


def measure(implementation: Implementation, dialect: Dialect) -> tuple[Curve, ...]:
    """One curve of every activation of the dialect, in float32; of one that cannot be had, why not."""
    names = [each for each in ACTIVATIONS if each in dialect.activations]
    return tuple(_curve(implementation, question_of(each), dialect) for each in names)


def question_of(activation: str) -> Question:
    """Inputs z, kernel 1 and no bias; what acts on whole rows has a second unit, whose pre-activation is -z / 2."""
    units = 1 if isinstance(ACTIVATIONS[activation], Elementwise) else 2
    return Question("call", DenseConfig(units, activation, False), (POINTS, 1), "grid")


def _curve(implementation: Implementation, question: Question, dialect: Dialect) -> Curve:
    nothing = Curve(question.config.activation, question.config.dtype)
    undeclared = declared(implementation).lacks(question)
    if undeclared:
        return replace(nothing, absent=f"it does not declare {undeclared}")
    tensors = draw(question.family, question.config, question.known_shape, question.seed)
    answer = _asked(implementation, question, tensors)
    right = truth(question, tensors, dialect).bounds["outputs"]
    outputs = answer.tensor("outputs")
    if outputs is None or outputs.shape != right.shape:
        return replace(nothing, absent=_why_absent(answer, right))
    values = outputs.astype(np.float64)
    erratum, within = _kept_to(question, tensors, dialect, values, right)
    first = Interval(within.lower[:, 0], within.upper[:, 0])
    columns = (tensors.inputs[:, 0].astype(np.float64), signed_error(values[:, 0], first), first.lower, first.upper)
    order = np.argsort(columns[0], kind="stable")
    z, error, lower, upper = (tuple(map(float, column[order])) for column in columns)
    return replace(nothing, z=z, error=error, lower=lower, upper=upper, erratum=erratum)


def _asked(implementation: Implementation, question: Question, tensors: Tensors) -> Answer:
    """Its warnings are its own affair, as they are in a run."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return implementation.answer(question, tensors.copies())


def _why_absent(answer: Answer, right: Interval) -> str:
    if answer.raised:
        return f"it raised {answer.raised}"
    if answer.lacks:
        return f"it does not have this: {answer.lacks}"
    outputs = answer.tensor("outputs")
    what = "nothing" if outputs is None else f"outputs of shape {outputs.shape}"
    return f"it gave back {what} where the shape is {right.shape}"


def _kept_to(
    question: Question, tensors: Tensors, dialect: Dialect, values: Array, right: Interval
) -> tuple[str, Interval]:
    """Where Keras itself is wrong its definition is as good: a layer that keeps to it must not look wrong."""
    if right.contains(values).all():
        return "", right
    for erratum in _errata(question):
        for rival in erratum.rivals:
            within = truth(question, tensors, dialect, rival(question)).bounds["outputs"]
            if within.contains(values).all():
                return erratum.id, within
    return "", right


def _errata(question: Question) -> Iterator[Erratum]:
    """Those of the clauses that ask for outputs of this family, each once."""
    asking = (clause for clause in CONTRACT for asked in clause.asks if _is_alike(asked.question, question))
    yield from dict.fromkeys(each for clause in asking for each in clause.errata if each.applies(question))


def _is_alike(asked: Question, question: Question) -> bool:
    return (asked.procedure, asked.family) == (question.procedure, question.family)


def signed_error(values: Array, within: Interval) -> Array:
    """values, within: (points,) → the signed distance from the middle in half-widths."""
    with np.errstate(all="ignore"):
        middle = within.lower + (within.upper - within.lower) / 2
        return np.copysign(ratios(values, within, ~within.contains(values)), values - middle)
