"""Cases have stable, unique ids; clauses are whole; checks are pure and never empty."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

import conformance.contract
from conformance.answers import Answer, Trial
from conformance.cases import Case, Question, Tier
from conformance.compare import agree, compare
from conformance.contract import CONTRACT, state
from conformance.contract.clause import Clause
from conformance.families import draw
from conformance.floors import blank_trial
from conformance.procedures import PROCEDURES
from conformance.run import catalogue
from conformance.truth import LEARNING_RATE, truth
from reference.config import TABLES, DenseConfig
from reference.dialects import DIALECTS, activation
from reference.intervals import Interval, no_claim, point
from reference.training import Weights, gradients_with_penalties, penalties, step

NEWEST = DIALECTS[-1]
#: Every question with tensors that names a regularizer or a constraint whose gradient the reference states.
SAID_TO_TRAIN = sorted(
    {
        asked.question
        for clause in CONTRACT
        for asked in clause.asks
        if PROCEDURES[asked.question.procedure].bounds in ("fit", "evaluated", "penalties", "restored")
        and any(getattr(asked.question.config, name) for name in TABLES if not name.endswith("initializer"))
        and not any("orthogonal" in str(getattr(asked.question.config, name)) for name in TABLES)
    },
    key=lambda question: question.label,
)


def test_ids_are_unique_and_plain() -> None:
    ids = [planned.case.id for planned in catalogue(NEWEST)]
    assert len(set(ids)) == len(ids)
    assert [each for each in ids if not each.isascii() or any(mark in each for mark in " :/\\'\"")] == []


@pytest.mark.parametrize(
    ("question", "label"),
    [
        (Question("call", DenseConfig(11, "relu"), (3, 5, 7)), "relu-rank3-float32"),
        (
            Question("call", DenseConfig(4, "relu", use_bias=False), (5, 7), "gather", 1),
            "relu-rank2-float32-units4-nobias-gather-seed1",
        ),
        (Question("call_symbolic", DenseConfig(11), (None, 3)), "linear-anyx3-float32-call_symbolic"),
        (
            Question("call_refused", DenseConfig(11), (), options=(("built_on", "5x7"),)),
            "linear-scalar-float32-call_refused-built_on=5x7",
        ),
    ],
)
def test_labels_leave_out_what_is_standard(question: Question, label: str) -> None:
    assert question.label == label


def test_every_case_survives_json() -> None:
    for planned in catalogue(NEWEST):
        assert Case.from_json(json.loads(json.dumps(planned.case.to_json()))) == planned.case


@pytest.mark.parametrize("clause", CONTRACT, ids=lambda clause: clause.id)
def test_a_clause_is_whole(clause: Clause) -> None:
    assert clause in getattr(conformance.contract, clause.area).CLAUSES
    assert clause.says.endswith(".")
    assert clause.source
    assert clause.guards
    assert any(asked.tier is Tier.SMOKE for asked in clause.asks)


def test_clause_ids_are_unique() -> None:
    assert len({clause.id for clause in CONTRACT}) == len(CONTRACT)


@pytest.mark.parametrize("clause", CONTRACT, ids=lambda clause: clause.id)
def test_a_check_looks_at_something_and_can_fail(clause: Clause) -> None:
    """An answer that holds nothing misses every comparison, and no check raises."""
    for case in clause.cases(NEWEST):
        found = list(clause.check(blank_trial(case.question)))
        assert found
        if not clause.raising_is_an_answer:
            assert not any(each.holds for each in found), case.id


@pytest.mark.parametrize("question", SAID_TO_TRAIN, ids=lambda question: question.label)
def test_every_regularizer_that_is_asked_about_costs_something(question: Question) -> None:
    """A penalty of nothing but zeros would be right for a layer that has none."""
    tensors = draw(question.family, question.config, question.known_shape, question.seed)
    weights = Weights(tensors.kernel, tensors.bias)
    row = activation(question.config.activation, NEWEST)
    costs = penalties(question.config, tensors.inputs, weights, row, divides=True)
    assert all(cost > 0 for cost in costs.values()), costs


@pytest.mark.parametrize(
    "question",
    [each for each in SAID_TO_TRAIN if PROCEDURES[each.procedure].bounds == "fit"],
    ids=lambda question: question.label,
)
def test_every_constraint_that_is_asked_about_changes_its_weight(question: Question) -> None:
    """Where the step alone meets the constraint, a layer without one is as good."""
    tensors = draw(question.family, question.config, question.known_shape, question.seed)
    weights = Weights(tensors.kernel.astype(np.float64), tensors.bias)
    row = activation(question.config.activation, NEWEST)
    free = replace(question.config, kernel_constraint=None, bias_constraint=None)
    parts = (tensors.inputs, weights, row, tensors.upstream)
    gradients = gradients_with_penalties(question.config, *parts, divides=True)
    bound, unbound = (step(weights, gradients, LEARNING_RATE, config) for config in (question.config, free))
    assert question.config.kernel_constraint is None or (bound.kernel != unbound.kernel).any()
    assert question.config.bias_constraint is None or bound.bias is None or (bound.bias != unbound.bias).any()


@pytest.mark.parametrize("dialect", DIALECTS, ids=lambda dialect: dialect.name)
def test_every_activation_of_a_dialect_is_asked_about(dialect: object) -> None:
    for area in ("outputs.activation-formula", "outputs.every-setting", "gradients.every-setting"):
        (clause,) = (each for each in CONTRACT if each.id == area)
        asked = {case.question.config.activation for case in clause.cases(dialect)}  # type: ignore[arg-type]
        assert asked == dialect.activations  # type: ignore[attr-defined]


def test_an_unknown_procedure_is_refused() -> None:
    with pytest.raises(ValueError, match="procedure must be one of"):
        Question("guess", DenseConfig(1), (2, 2))


def test_a_comparison_tells_the_worst_element() -> None:
    within = Interval(np.array([0.0, 0.0, 0.0]), np.array([1.0, 1.0, 1.0]))
    found = compare("outputs", np.array([0.5, 3.0, 1.5]), within=within)
    assert (found.holds, found.place, found.misses, found.size, found.ratio) == (False, (1,), 2, 3, 5.0)
    assert "3.0" in found.got


def test_an_element_off_an_exact_value_is_infinitely_far() -> None:
    found = compare("outputs", np.array([1.0, 2.0]), within=point([1.0, 1.0]))
    assert (found.place, found.ratio) == ((1,), np.inf)


@pytest.mark.parametrize("got", [None, np.zeros((2, 1)), np.array([np.nan, 0.0])], ids=["nothing", "shape", "nan"])
def test_what_is_missing_misshapen_or_nan_misses(got: np.ndarray | None) -> None:
    assert not compare("outputs", got, within=point([0.0, 0.0])).holds


def test_elements_without_a_claim_are_counted_as_such() -> None:
    found = compare("outputs", np.array([np.nan]), within=no_claim((1,)))
    assert found.holds
    assert not found.counts


@pytest.mark.parametrize(("got", "expected"), [(1, True), (1, 1.0), ([1], (1,)), (None, 0)])
def test_facts_of_another_type_do_not_agree(got: object, expected: object) -> None:
    assert not agree("fact", got, expected=expected).holds


def test_nan_has_a_place_and_infinity_a_limit() -> None:
    question = Question("call", DenseConfig(3, "tanh"), (5, 7), "specials")
    true = truth(question, draw("specials", question.config, (5, 7), 0), NEWEST)
    assert true.facts["nan_at"] == [0, 1, 2]
    assert true.bounds["outputs"].lower[1:3].tolist() == [[1.0] * 3, [-1.0] * 3]
    assert true.bounds["outputs"].makes_no_claim[0].all()
    assert not true.bounds["outputs"].makes_no_claim[1:].any()


def test_the_blank_answer_is_blank() -> None:
    assert isinstance(blank_trial(Question("call", DenseConfig(3), (5, 7))), Trial)
    assert blank_trial(Question("call", DenseConfig(3), (5, 7))).answer == Answer()


@pytest.mark.parametrize(
    ("baseline", "other", "holds"),
    [
        ([1.0, 2.0], [1.0, 2.5], True),  # both right
        ([5.0, 2.0], [5.5, 2.0], True),  # wrong alike, but for rounding: a formula, no state
        ([5.0, 2.0], [1.0, 2.0], False),  # only the baseline is wrong
        ([1.0, 2.0], [5.0, 2.0], False),  # only the other is
        ([[1.0, 2.0]], [1.0, 2.0], False),  # another shape
    ],
)
def test_a_wrong_formula_is_no_wrong_state(baseline: list[float], other: list[float], holds: bool) -> None:
    bounds = {"outputs": Interval(np.array([1.0, 2.0]), np.array([2.0, 3.0]))}
    given = Answer({"baseline": np.array(baseline), "outputs": np.array(other)})
    trial = Trial(Question("call", DenseConfig(2), (1, 2)), given, bounds, {}, Answer())
    assert [each.holds for each in state.same_as("baseline", "outputs")(trial)] == [holds]
