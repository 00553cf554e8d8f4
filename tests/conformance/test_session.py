"""What a session makes of an oracle that raises: an erratum where one says so, else the suite's own failure."""

from __future__ import annotations

from dataclasses import dataclass, replace

import pytest

from conformance.answers import Answer, Raised
from conformance.cases import Case, Question
from conformance.contract import CONTRACT
from conformance.families import Tensors
from conformance.implementations.adapter import AdapterImplementation
from conformance.implementations.protocol import Implementation
from conformance.implementations.reference import ReferenceAdapter
from conformance.results import Result, Verdict
from conformance.session import Oracle, Planned, Session
from reference.config import DenseConfig
from reference.dialects import DIALECTS

NEWEST = DIALECTS[-1]
VERSIONS = {"tensorflow": "2.21.0", "keras": "3.15.1"}
RIGHT = AdapterImplementation(ReferenceAdapter())
CLAUSE = next(clause for clause in CONTRACT if clause.id == "outputs.every-setting")


@dataclass(frozen=True)
class Refusing:
    """Answers as the reference does, but raises from six axes on, as oneDNN's softmax does."""

    name: str = "refusing"
    capabilities: frozenset[str] = RIGHT.capabilities

    def answer(self, question: Question, tensors: Tensors | None) -> Answer:
        if len(question.input_shape) >= 6:
            return Answer(raised=Raised("call", "AbortedError", "Input dims must be <= 5"))
        return RIGHT.answer(question, tensors)


@dataclass(frozen=True)
class Wrong:
    """Answers every question with outputs of another sign."""

    name: str = "wrong"
    capabilities: frozenset[str] = RIGHT.capabilities

    def answer(self, question: Question, tensors: Tensors | None) -> Answer:
        answer = RIGHT.answer(question, tensors)
        return replace(answer, tensors={name: -each for name, each in answer.tensors.items()})


def settled(implementation: Implementation, activation: str, *, oracle: Implementation | None = None) -> Result:
    """One case of rank 6, beside an oracle that raises there."""
    question = Question("call", DenseConfig(11, activation), (2, 13, 1, 3, 5, 7))
    session = Session(Oracle(oracle or Refusing(), VERSIONS, NEWEST))
    return session.result(Planned(CLAUSE, Case(CLAUSE.id, question)), implementation)


def test_where_keras_raises_by_an_erratum_the_right_answer_passes() -> None:
    found = settled(RIGHT, "softmax")
    assert (found.verdict, found.erratum, found.answers_as) == (Verdict.PASS, "softmax-of-six-axes", "mathematics")


def test_where_keras_raises_by_an_erratum_raising_passes_and_counts_as_much() -> None:
    found = settled(Refusing(), "softmax")
    assert (found.verdict, found.erratum, found.answers_as) == (Verdict.PASS, "softmax-of-six-axes", "keras")
    assert found.compared == settled(RIGHT, "softmax").compared


def test_where_keras_raises_by_an_erratum_a_wrong_answer_fails() -> None:
    assert settled(Wrong(), "softmax").verdict is Verdict.FAIL


def test_where_keras_answers_raising_is_an_error() -> None:
    assert settled(Refusing(), "softmax", oracle=RIGHT).verdict is Verdict.ERROR


@pytest.mark.parametrize("implementation", [RIGHT, Refusing(), Wrong()], ids=lambda each: each.name)
def test_an_oracle_that_raises_without_an_erratum_is_a_suite_error(implementation: Implementation) -> None:
    assert settled(implementation, "relu").verdict is Verdict.SUITE_ERROR
