"""Where a defect shows: mutants that are wrong for some questions alone, and what the sentence says of these."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import pytest

from conformance.answers import Answer
from conformance.cases import Question
from conformance.families import Tensors
from conformance.implementations.adapter import AdapterImplementation
from conformance.implementations.mutants import MUTANTS
from conformance.implementations.protocol import Implementation
from conformance.implementations.reference import ReferenceAdapter
from tests.diagnosed import ORACLE, named

Where = Callable[[Question], bool]


@dataclass(frozen=True)
class Within:
    """Wrong where that holds, right elsewhere."""

    wrong: Implementation
    right: Implementation
    where: Where

    @property
    def name(self) -> str:
        return self.wrong.name

    @property
    def capabilities(self) -> frozenset[str]:
        return self.wrong.capabilities

    def answer(self, question: Question, tensors: Tensors | None) -> Answer:
        return (self.wrong if self.where(question) else self.right).answer(question, tensors)


def features(question: Question) -> int:
    return question.known_shape[-1] if question.input_shape else 0


def units(question: Question) -> int:
    return question.config.units


@pytest.mark.parametrize(
    ("mutant", "where", "says"),
    [
        ("bias-dropped", lambda q: features(q) > 4, "the bias is not added for 5 features and more"),
        ("bias-subtracted", lambda q: units(q) > features(q), "where there are more units than features"),
        ("features-reversed", lambda q: units(q) % 2 == 1, "the features are reversed for an odd number of units"),
        ("relu-with-ceiling", lambda q: units(q) <= 4, "relu is relu6 for 4 units and fewer"),
        ("kernel-gradient-transposed", lambda q: units(q) % 2 == 1, "kernel is square, for an odd number of units"),
        ("bias-gradient-missing", lambda q: units(q) <= 4, "is missing (None) for 4 units and fewer"),
        ("kernel-gradient-in-fours", lambda q: q.config.dtype != "float32", "alone in all dtypes but float32"),
    ],
)
def test_a_place_is_told_as_it_is(mutant: str, where: Where, says: str) -> None:
    wrong = MUTANTS[mutant].make(ORACLE.dialect)
    right = AdapterImplementation(ReferenceAdapter(mutant, dialect=ORACLE.dialect, capabilities=wrong.capabilities))
    implementation = Within(wrong, right, where)
    told = named(implementation, "outputs", "gradients", "dtypes")
    assert len({each.defect for each in told}) == 1
    assert says in told[0].says
