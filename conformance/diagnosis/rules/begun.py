"""How one weight of one new layer begins, and what it should begin with."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from conformance.answers import Answer, Trial
from conformance.cases import Question
from conformance.contract.initializers import drawn_from_its_distribution
from conformance.diagnosis.exhibits import Inquiry
from conformance.results import Result
from reference.initializers import INITIALIZERS

#: So many values show their distribution.
LARGE = 1000


@dataclass(frozen=True)
class Begun:
    """One weight of one new layer. asked: the name of its initializer. expected: where that is certain, or seeded."""

    result: Result
    asked: str
    values: NDArray[Any]
    expected: NDArray[Any] | None

    @property
    def question(self) -> Question:
        return self.result.case.question


def all_begun(inquiry: Inquiry, weight: str, results: Sequence[Result]) -> list[Begun]:
    found = []
    for result in results:
        question = result.case.question
        if question.procedure != "begin" or inquiry.witness.is_tired:
            continue
        values = inquiry.witness.ask(question).answer.tensor(weight)
        asked = getattr(question.config, f"{weight}_initializer")
        if values is not None and values.shape == shape_of(question, weight):
            found.append(
                Begun(result, asked, values.astype(np.float64), expected_beginning(inquiry, question, weight, asked))
            )
    return found


def expected_beginning(inquiry: Inquiry, question: Question, weight: str, asked: str) -> NDArray[Any] | None:
    row = INITIALIZERS[asked]
    if row.values is not None:
        return question.config.variable_format.round(row.values(shape_of(question, weight)))
    if asked.endswith("_seeded"):
        drawn = inquiry.witness.oracle_answer(question).tensor(weight)
        return None if drawn is None else drawn.astype(np.float64)
    return None


def shape_of(question: Question, weight: str) -> tuple[int, ...]:
    units = question.config.units
    return (question.known_shape[-1], units) if weight == "kernel" else (units,)


def begins_as(name: str, begun: Begun, weight: str) -> bool:
    """Whether these values may be what an initializer gives: to the last bit, or by its distribution."""
    row, shape = INITIALIZERS[name], begun.values.shape
    if row.values is not None:
        if name == "identity" and len(shape) != 2:
            return False
        return bool((begun.values == begun.question.config.variable_format.round(row.values(shape))).all())
    kernel, bias = (name, "zeros") if weight == "kernel" else ("zeros", name)
    config = replace(begun.question.config, kernel_initializer=kernel, bias_initializer=bias)
    question = replace(begun.question, config=config)
    trial = Trial(question, Answer({weight: begun.values}), {}, {}, Answer())
    return all(comparison.holds for comparison in drawn_from_its_distribution(trial))
