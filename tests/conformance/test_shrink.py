"""The plainest failing case: as small as the defect allows, never one that would accuse a right layer."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import cache

import numpy as np
import pytest

from conformance.answers import Answer, Level, Raised
from conformance.cases import Question, Tier
from conformance.families import Tensors
from conformance.implementations.adapter import AdapterImplementation
from conformance.implementations.mutants import MUTANTS
from conformance.implementations.protocol import Implementation
from conformance.implementations.reference import ReferenceAdapter
from conformance.recording import oracle_named
from conformance.reports import terminal
from conformance.results import Report, Result, Verdict
from conformance.run import Selection, beside_the_catalogue, catalogue, run
from conformance.session import Oracle
from conformance.shrink import QUESTIONS, REPEATS, smallest, smallest_of
from reference.dialects import DIALECTS

RIGHT = AdapterImplementation(ReferenceAdapter())
AFFINE = "outputs.affine[linear-rank2-float32]"


@cache
def oracle() -> Oracle:
    return oracle_named("recorded")


def failed(implementation: Implementation, case: str, asked: Oracle | None = None) -> Result:
    """The result of one case of the catalogue."""
    (report,) = run([implementation], Selection(case=case), asked or oracle())
    (result,) = [each for each in report.results if each.case.id == case]
    return result


@dataclass(frozen=True)
class Changed:
    """The reference, whose answers to some questions are changed."""

    change: Callable[[Question, Answer], Answer]
    name: str = "changed"
    capabilities: frozenset[str] = RIGHT.capabilities
    asked: list[Question] = field(default_factory=list)

    def answer(self, question: Question, tensors: Tensors | None) -> Answer:
        self.asked.append(question)
        return self.change(question, RIGHT.answer(question, tensors))


def doubled(answer: Answer) -> Answer:
    return replace(answer, tensors={name: 2 * values for name, values in answer.tensors.items()})


def doubled_where(applies: Callable[[Question], bool]) -> Changed:
    return Changed(lambda question, answer: doubled(answer) if applies(question) else answer)


@pytest.mark.parametrize(
    ("mutant", "case", "shrunk"),
    [
        ("bias-after-activation", "[relu-rank2-float32]", "[relu-1x1-float32-units1]"),
        ("kernel-transposed", "[linear-rank2-float32-wide]", "[linear-1x2-float32-units2-nobias]"),
        ("batch-cut-at-32", "[linear-257x7-float32-normal]", "[linear-33x1-float32-units1-nobias]"),
        ("fifth-unit-zero", "[linear-rank2-float32-units7]", "[linear-1x1-float32-units5-nobias]"),
        ("inputs-gradient-by-kernel", "[linear-7x7-float32-units7]", "[linear-1x2-float32-units2]"),
        ("kernel-gradient-last-step", "[linear-rank4-float32]", "[linear-1x2x1-float32-units1]"),
        ("float64-in-float32", "[tanh-rank3-float64-normal]", "[tanh-1x1-float64-units1]"),
        ("gelu-by-tanh", "[gelu-509x1-float32-units1-grid]", "[gelu-1x1-float32-units1-nobias]"),
        ("empty-batch-gradient-nan", "[relu-0x3x7-float32]", "[linear-0x1-float32-units1]"),
    ],
)
def test_a_case_is_shrunk_to_what_the_defect_needs(mutant: str, case: str, shrunk: str) -> None:
    """33 rows where 32 are right, a fifth unit, two steps, another dtype: these stay, and all else goes."""
    wrong = MUTANTS[mutant].make(oracle().dialect)
    clause = MUTANTS[mutant].breaks
    found = smallest(failed(wrong, clause + case), wrong, oracle())
    assert found.case.id.startswith(clause + shrunk.removesuffix("]"))
    assert found.verdict is Verdict.FAIL


def test_the_same_case_is_found_again() -> None:
    wrong = MUTANTS["softmax-axis-1"].make(oracle().dialect)
    result = failed(wrong, "outputs.last-axis[softmax-rank4-float32]")
    assert smallest(result, wrong, oracle()).case == smallest(result, wrong, oracle()).case


def test_what_the_oracle_misses_is_no_case() -> None:
    """Both are wrong on a single row; the implementation alone is on more: two rows are the fewest that accuse it."""
    wrong = doubled_where(lambda question: True)
    one_row = doubled_where(lambda question: question.input_shape[0] == 1)
    asked = replace(oracle(), implementation=one_row)
    assert smallest(failed(wrong, AFFINE, asked), wrong, asked).case.question.input_shape[0] == 2


def test_a_clause_that_is_about_the_bias_keeps_it() -> None:
    """All is wrong here, with and without bias: without it nothing could be added before the activation."""

    def change(_: Question, answer: Answer) -> Answer:
        return replace(answer, tensors={name: values + 1 for name, values in answer.tensors.items()})

    wrong = Changed(change)
    found = smallest(failed(wrong, "outputs.bias-before-activation[relu-rank2-float32]"), wrong, oracle())
    assert found.case.question.config.use_bias
    assert not smallest(failed(wrong, AFFINE), wrong, oracle()).case.question.config.use_bias


def test_it_fails_by_the_same_comparison() -> None:
    """The kernel's gradient is wrong in wide layers, the bias's in narrow ones: one clause is about both."""

    def change(question: Question, answer: Answer) -> Answer:
        spoilt = "kernel_gradient" if question.config.units > 4 else "bias_gradient"
        return Answer(
            {**answer.tensors, spoilt: 2 * answer.tensors[spoilt]} if answer.tensors.keys() > {spoilt} else {}
        )

    wrong = Changed(lambda question, answer: change(question, answer) if question.procedure != "talk" else answer)
    result = failed(wrong, "gradients.leading-axes-summed[linear-rank3-float32]")
    assert [each.name for each in result.comparisons if not each.holds] == ["kernel_gradient"]
    found = smallest(result, wrong, oracle())
    assert [each.name for each in found.comparisons if not each.holds] == ["kernel_gradient"]
    assert found.case.question.config.units == 5


def test_it_raises_what_it_raised() -> None:
    """Another exception on one row is another defect."""

    def change(question: Question, answer: Answer) -> Answer:
        kind = "MemoryError" if question.input_shape[0] == 1 else "ValueError"
        return answer if question.procedure == "talk" else Answer(raised=Raised("call", kind, "no"))

    wrong = Changed(change)
    result = failed(wrong, AFFINE)
    assert result.verdict is Verdict.ERROR
    found = smallest(result, wrong, oracle())
    assert (found.verdict, found.case.question.input_shape) == (Verdict.ERROR, (2, 1))


def test_a_case_that_fails_now_and_then_is_not_shown() -> None:
    """Every question but the first fails once and is right when it is asked again."""
    times: Counter[Question] = Counter()

    def change(question: Question, answer: Answer) -> Answer:
        times[question] += 1
        again = times[question] > 1 and question.config.units != 11
        return answer if again else doubled(answer)

    wrong = Changed(change)
    result = failed(wrong, AFFINE)
    assert smallest(result, wrong, oracle()).case.question.config.units == 11


@pytest.mark.parametrize("verdict", [Verdict.TIMEOUT, Verdict.BLOCKED, Verdict.NOT_APPLICABLE, Verdict.PASS])
def test_what_has_no_question_behind_it_stays(verdict: Verdict) -> None:
    wrong = doubled_where(lambda question: True)
    result = replace(failed(wrong, AFFINE), verdict=verdict)
    wrong.asked.clear()
    assert smallest(result, wrong, oracle()) is result
    assert wrong.asked == []


def test_a_missing_capability_stays_as_it_is() -> None:
    """The level was claimed: no comparison failed, so there is nothing to be plainer."""
    lacking = AdapterImplementation(ReferenceAdapter(capabilities=frozenset({"call"})))
    selection = Selection(Level.TRAINING, case="gradients.bias[linear-rank2-float32]")
    (report,) = run([lacking], selection, oracle())
    (result,) = report.results
    assert result.verdict is Verdict.FAIL
    assert smallest(result, lacking, oracle()) is result


def test_the_number_of_questions_is_bounded() -> None:
    """A defect that only many features show lets every step down be tried."""
    wrong = doubled_where(lambda question: (question.input_shape[-1] or 0) > 250 and question.config.units > 5)
    result = failed(wrong, "outputs.many-features[linear-3x509-float32-cancel]")
    wrong.asked.clear()
    smallest(result, wrong, oracle(), questions=10)
    assert 10 < len(wrong.asked) <= 10 + REPEATS
    wrong.asked.clear()
    smallest(result, wrong, oracle())
    assert len(wrong.asked) <= QUESTIONS + REPEATS


def test_without_time_nothing_is_asked() -> None:
    wrong = doubled_where(lambda question: True)
    result = failed(wrong, AFFINE)
    wrong.asked.clear()
    assert smallest(result, wrong, oracle(), seconds=0.0) is result
    assert wrong.asked == []


# ---- a report --------------------------------------------------------------------------------------------------------


@cache
def studied(mutant: str) -> tuple[Implementation, Report]:
    wrong = MUTANTS[mutant].make(oracle().dialect)
    (report,) = run([wrong], Selection(tier=Tier.SMOKE, areas=("outputs",)), oracle())
    return wrong, replace(report, smallest=smallest_of(report, wrong, oracle()))


def test_every_failed_clause_has_its_smallest_case() -> None:
    _, report = studied("bias-doubled")
    assert set(report.smallest) == {result.clause.id for result in report.results if result.verdict.accuses}
    assert {clause for clause, result in report.smallest.items() if result.clause.id != clause} == set()


def test_a_smallest_case_is_asked_for_by_its_id() -> None:
    """As the block says: run ... --case ID asks that case alone, and it fails again."""
    wrong, report = studied("bias-doubled")
    outside = set()
    for result in report.smallest.values():
        (again,) = run([wrong], Selection(case=result.case.id), oracle())
        assert [(each.case.id, each.verdict) for each in again.results] == [(result.case.id, Verdict.FAIL)]
        outside.add(result.case.id)
    assert outside - {planned.case.id for planned in catalogue(oracle().dialect)}


def test_the_terminal_shows_the_smallest_and_counts_all() -> None:
    _, report = studied("bias-doubled")
    told = terminal.render(report)
    of_clause = [result for result in report.results if result.clause.id == "outputs.affine"]
    failing, ran = sum(result.verdict.accuses for result in of_clause), len({each.case.id for each in of_clause})
    assert "FAIL outputs.affine[linear-1x1-float32-units1]\n" in told
    assert f"It fails in {failing} of {ran} cases" in " ".join(told.split())
    assert "--case 'outputs.affine[linear-1x1-float32-units1]'" in told
    assert "FAIL outputs.affine[linear-rank2" not in told


# ---- ids -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dialect", [DIALECTS[0], DIALECTS[-1]], ids=lambda dialect: dialect.name)
def test_every_id_leads_back_to_its_question(dialect: object) -> None:
    lost = [
        planned.case.id
        for planned in catalogue(dialect)  # type: ignore[arg-type]
        if (found := beside_the_catalogue(planned.case.id, dialect)) is None  # type: ignore[arg-type]
        or found.case.question != planned.case.question
    ]
    assert lost == []


@pytest.mark.parametrize(
    "text",
    [
        "outputs.affine",
        "outputs.affine[",
        "outputs.affine[]",
        "outputs.affine[linear-1x1]",
        "outputs.affine[lineal-1x1-float32]",
        "outputs.affine[linear-1x1-float31]",
        "outputs.affine[linear-1x1-float32-units0]",
        "outputs.affine[linear-1x1-float32-tidy]",
        "outputs.affine[linear-1x1-float32-lane=graph]",
        "outputs.affine[linear-1x1-float32-fit]",
        "outputs.affine[linear-rank9-float32]",
        "outputs.effine[linear-1x1-float32]",
        "modes.predict[linear-1x1-float32-predict]",
    ],
)
def test_what_is_no_id_leads_nowhere(text: str) -> None:
    """A procedure, an option or a name that the clause never asks by is none of its cases either."""
    assert beside_the_catalogue(text, DIALECTS[-1]) is None


def test_inputs_of_a_shrunk_case_are_those_of_its_id() -> None:
    planned = beside_the_catalogue("outputs.batch-size[relu-2x0x3-float64-units4-nobias-wide-seed3]", DIALECTS[-1])
    assert planned is not None
    question = planned.case.question
    assert (question.input_shape, question.config.units, question.config.use_bias) == ((2, 0, 3), 4, False)
    assert (question.family, question.seed, question.config.dtype) == ("wide", 3, "float64")
    assert np.prod(question.known_shape) == 0
