"""Rivals: each says of any question what it would answer, or nothing."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import pytest

from conformance.cases import Question, Tier
from conformance.diagnosis.rivals.affine import all_affine
from conformance.diagnosis.rivals.every_activation import of_every_activation
from conformance.diagnosis.rivals.fixed_point import of_cut_pre_activations
from conformance.diagnosis.rivals.formulas import activation_rivals
from conformance.diagnosis.rivals.gradients import of_products
from conformance.diagnosis.rivals.limits import of_limits
from conformance.diagnosis.rivals.quantized import of_operands
from conformance.diagnosis.rivals.rival import Rival
from conformance.diagnosis.rivals.rounding import all_roundings
from conformance.diagnosis.rivals.slopes import of_slope
from conformance.diagnosis.rivals.upstreams import of_upstream
from conformance.families import draw
from conformance.recording import oracle_named
from conformance.run import catalogue
from conformance.truth import Posed, needs_tensors
from reference.config import DenseConfig
from reference.dialects import activation

DIALECT = oracle_named("recorded").dialect
RIVALS = (
    *(*all_affine(), *all_roundings(), *of_operands(), *of_limits(), *of_cut_pre_activations()),
    *of_every_activation(),
    *of_products(),
    *of_upstream(),
)
#: Rows of larger inputs than this repeat what smaller ones show.
LARGE = 2000


def smallest() -> list[Question]:
    """Of every kind of question with tensors the smallest: a rival's shapes follow from these fields."""
    kinds: dict[tuple[object, ...], Question] = {}
    asked = [each.case.question for each in catalogue(DIALECT) if each.case.tier is Tier.SMOKE]
    for question in sorted(asked, key=lambda each: int(np.prod(each.known_shape, dtype=int))):
        config, shape = question.config, question.known_shape
        if needs_tensors(question) and len(shape) > 1 and np.prod(shape) * config.units < LARGE:
            halves = activation(config.activation, DIALECT).output_units(2) == 1
            square, empty, unit = shape[-1] == config.units, 0 in shape, 1 in (*shape, config.units)
            kind = (halves, len(shape), config.use_bias, config.format.is_half, square, empty, unit)
            kinds.setdefault(kind, question)
    return list(kinds.values())


def posed_of(question: Question) -> Posed:
    tensors = draw(question.family, question.config, question.known_shape, question.seed)
    return Posed(question, tensors, DIALECT, activation(question.config.activation, DIALECT))


@pytest.mark.parametrize("question", smallest(), ids=lambda question: question.label)
def test_every_rival_answers_or_says_nothing(question: Question) -> None:
    """A rival that raises would leave a layer without any diagnosis."""
    assert raised(RIVALS, posed_of(question)) == []


@pytest.mark.parametrize("name", sorted(DIALECT.activations))
def test_every_rival_of_an_activation_answers_or_says_nothing(name: str) -> None:
    posed = posed_of(Question("differentiate", DenseConfig(6, name), (3, 5, 7), "normal"))
    row = posed.definition
    own = [*activation_rivals(name, row, None), *(() if name == "linear" else of_slope(name, row))]
    assert raised(own, posed) == []


def raised(rivals: Iterable[Rival], posed: Posed) -> list[str]:
    """The rivals that raise, and what."""
    found = []
    with np.errstate(all="ignore"):
        for rival in rivals:
            try:
                rival.predict(posed)
            except Exception as failure:
                found.append(f"{rival.defect}: {rival.says}: {failure}")
    return found
