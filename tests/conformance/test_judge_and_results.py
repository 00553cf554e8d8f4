"""Verdicts, exit codes, floors and levels: who is blamed for what."""

from __future__ import annotations

from dataclasses import replace

import pytest

from conformance.answers import Level
from conformance.cases import Tier
from conformance.compare import Comparison
from conformance.contract import CONTRACT
from conformance.contract.clause import Requirement
from conformance.judge import judge
from conformance.results import ExitCode, Floor, Report, Result, Verdict
from reference.dialects import DIALECTS

CLAUSE = CONTRACT[0]
CASE = next(CLAUSE.cases(DIALECTS[-1]))
COMPARED = (Comparison("outputs", True, "1", "1"),)


@pytest.mark.parametrize(
    ("holds", "oracle_holds", "explains", "as_keras", "verdict"),
    [
        (True, True, False, False, Verdict.PASS),
        (False, True, False, False, Verdict.FAIL),
        (True, False, False, False, Verdict.SUITE_ERROR),
        (False, False, False, False, Verdict.SUITE_ERROR),
        (True, False, True, False, Verdict.PASS),
        (False, False, True, True, Verdict.PASS),
        (True, False, True, True, Verdict.PASS),
        (False, False, True, False, Verdict.FAIL),
        (False, True, False, True, Verdict.FAIL),
        (False, True, True, True, Verdict.PASS),
        (False, True, True, False, Verdict.FAIL),
    ],
)
def test_the_table_of_judgement(
    holds: bool, oracle_holds: bool, explains: bool, as_keras: bool, verdict: Verdict
) -> None:
    assert judge(holds, oracle_holds, erratum_explains=explains, answers_as_keras=as_keras) is verdict


def result(verdict: Verdict, *, level: Level = Level.INFERENCE, requirement: Requirement = Requirement.MUST) -> Result:
    clause = replace(CLAUSE, level=level, requirement=requirement)
    return Result(CASE, clause, verdict, COMPARED if verdict in (Verdict.PASS, Verdict.FAIL) else ())


def report(*results: Result, floor: Floor | None = None, level: Level = Level.TRAINING) -> Report:
    """A report whose floor is just met, unless another one is given."""
    met = Floor(len(results), sum(each.compared for each in results))
    return Report("x", level, Tier.SMOKE, results, 10, 10, floor=floor or met)


def test_everything_passed_conforms_and_reaches_its_level() -> None:
    told = report(result(Verdict.PASS), result(Verdict.PASS, level=Level.TRAINING))
    assert told.conforms
    assert told.exit_code is ExitCode.CONFORMS
    assert told.level_reached is Level.TRAINING


@pytest.mark.parametrize("verdict", [Verdict.FAIL, Verdict.ERROR, Verdict.CRASH, Verdict.TIMEOUT, Verdict.BLOCKED])
def test_each_accusing_verdict_decides(verdict: Verdict) -> None:
    told = report(result(Verdict.PASS), result(verdict))
    assert told.exit_code is ExitCode.DOES_NOT_CONFORM
    assert not told.conforms
    assert told.level_reached is None


def test_a_failure_above_a_level_leaves_that_level_reached() -> None:
    told = report(result(Verdict.PASS), result(Verdict.FAIL, level=Level.TRAINING))
    assert told.level_reached is Level.INFERENCE


def test_a_suite_error_outranks_a_failure() -> None:
    told = report(result(Verdict.FAIL), result(Verdict.SUITE_ERROR))
    assert told.exit_code is ExitCode.SUITE_ERROR
    assert told.level_reached is None


def test_not_applicable_fails_nobody_but_reaches_no_level() -> None:
    told = report(result(Verdict.PASS), result(Verdict.NOT_APPLICABLE), floor=Floor(2, 2))
    assert told.exit_code is ExitCode.CONFORMS
    assert told.level_reached is None
    assert told.executed == 1


def test_what_ought_to_be_is_told_but_does_not_decide() -> None:
    told = report(result(Verdict.PASS), result(Verdict.FAIL, requirement=Requirement.SHOULD))
    assert told.exit_code is ExitCode.CONFORMS
    assert told.level_reached is Level.TRAINING


@pytest.mark.parametrize("floor", [Floor(3, 2), Floor(2, 3)], ids=["a case too few", "a comparison too few"])
def test_less_than_the_floor_is_a_failure(floor: Floor) -> None:
    told = report(result(Verdict.PASS), result(Verdict.PASS), floor=floor)
    assert told.under_floor
    assert told.exit_code is ExitCode.DOES_NOT_CONFORM
    assert told.level_reached is None


def test_a_selection_claims_nothing() -> None:
    told = replace(report(result(Verdict.PASS)), floor=None)
    assert told.exit_code is ExitCode.CONFORMS
    assert not told.conforms
    assert told.level_reached is None


def test_nothing_compared_is_nothing_run() -> None:
    assert report(floor=Floor(0, 0)).exit_code is ExitCode.NOTHING_RAN
    empty = Result(CASE, CLAUSE, Verdict.PASS, (Comparison("outputs", True, "", "", size=0),))
    unclaimed = Result(CASE, CLAUSE, Verdict.PASS, (Comparison("outputs", True, "", "", size=5, unclaimed=5),))
    assert report(empty, unclaimed).comparisons == 0
    assert report(empty, unclaimed).exit_code is ExitCode.NOTHING_RAN


def test_exit_codes_are_those_of_pytest() -> None:
    assert [int(getattr(pytest.ExitCode, name)) for name in ("OK", "TESTS_FAILED", "INTERRUPTED")] == [0, 1, 2]
    assert (ExitCode.SUITE_ERROR, ExitCode.USAGE) == (pytest.ExitCode.INTERNAL_ERROR, pytest.ExitCode.USAGE_ERROR)
    assert ExitCode.NOTHING_RAN == pytest.ExitCode.NO_TESTS_COLLECTED
