"""What a waiver does to a finished run: one symptom and no other, strict both ways, and nothing rots in silence."""

from __future__ import annotations

import datetime
import math
from dataclasses import replace

import pytest

from conformance.answers import Level
from conformance.cases import Tier
from conformance.reports import terminal
from conformance.results import ExitCode, Floor, Report, Verdict
from conformance.waivers.application import Waiving, file_complaints
from conformance.waivers.coverage import cases_of, catalogue
from conformance.waivers.waiver import Symptom
from tests.waived_reports import AFFINE, DIALECT, HIGH, TODAY, report, result, waived, waiver


def rendered(told: Report) -> str:
    """What the terminal shows, however its lines are broken."""
    return " ".join(terminal.render(told).split())


# ---- what is waived ------------------------------------------------------------------------------------------------


def test_a_failure_that_is_as_its_waiver_says_is_waived() -> None:
    """Exit code 0, and still no level is reached by it."""
    told = waived(report(result(AFFINE[0], Verdict.FAIL, HIGH), is_everything=True), waiver(AFFINE[0]))
    (settled,) = told.results
    assert (settled.verdict, settled.waived) == (Verdict.WAIVED, Verdict.FAIL)
    assert told.complaints == ()
    assert told.exit_code is ExitCode.CONFORMS
    assert not told.conforms
    assert told.level_reached is None
    assert "WAIVED outputs.affine, 1 case: until 2027-03-01: gelu is by tanh (https" in rendered(told)
    assert "1 failure is waived, nothing else fails at level inference; no level is" in rendered(told)
    assert "1 waived" in terminal.headline(told)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"name": "kernel_gradient"}, "kernel_gradient differs, and the waiver says outputs"),
        ({"directions": ("too low",)}, "it is wrong as too low, and the waiver says too high"),
        ({"directions": ("too high", "not a number")}, "it is wrong as not a number, and the waiver says too high"),
        ({"directions": ("shape",)}, "it is wrong as shape"),
        ({"ratio": 101.0}, "the ratio is 101, and the waiver allows 100"),
        ({"ratio": math.inf}, "the ratio is inf, and the waiver allows 100"),
        ({"misses": 7}, "0.7 of the elements miss, and the waiver allows 0.6"),
    ],
)
def test_what_fails_differently_stays_failed(change: dict[str, object], says: str) -> None:
    told = waived(report(result(AFFINE[0], Verdict.FAIL, replace(HIGH, **change))), waiver(AFFINE[0]))  # type: ignore[arg-type]
    assert told.results[0].verdict is Verdict.FAIL
    assert f"it fails differently from the waiver in line 7: {says}" in told.results[0].remark
    assert told.exit_code is ExitCode.DOES_NOT_CONFORM


def test_a_second_comparison_that_fails_is_another_failure() -> None:
    more = replace(HIGH, name="kernel_gradient")
    told = waived(report(result(AFFINE[0], Verdict.FAIL, HIGH, more)), waiver(AFFINE[0]))
    assert "kernel_gradient differs" in told.results[0].remark


@pytest.mark.parametrize(
    ("verdict", "raised", "symptom", "is_waived"),
    [
        (Verdict.ERROR, "KeyError", Symptom("error", "KeyError"), True),
        (Verdict.ERROR, "ValueError", Symptom("error", "KeyError"), False),
        (Verdict.BLOCKED, "KeyError", Symptom("error", "KeyError"), True),
        (Verdict.BLOCKED, "ValueError", Symptom("error", "KeyError"), False),
        (Verdict.CRASH, "", Symptom("crash"), True),
        (Verdict.TIMEOUT, "", Symptom("crash"), False),
        (Verdict.TIMEOUT, "", Symptom("timeout"), True),
        (Verdict.FAIL, "", Symptom("lacks"), True),
        (Verdict.FAIL, "", Symptom("error", "KeyError"), False),
        (Verdict.SUITE_ERROR, "", Symptom("crash"), False),
    ],
)
def test_each_kind_of_failure_is_waived_by_its_own_name(
    verdict: Verdict, raised: str, symptom: Symptom, is_waived: bool
) -> None:
    """What a construction that raises blocks is waived by the same exception; a failure of the suite by nothing."""
    told = waived(report(result(AFFINE[0], verdict, raised=raised)), waiver(AFFINE[0], symptom=symptom))
    assert (told.results[0].verdict is Verdict.WAIVED) == is_waived
    assert (told.exit_code is ExitCode.CONFORMS) == is_waived


def test_errors_that_are_waived_leave_no_comparisons_missing() -> None:
    """The floor counts comparisons; what raised has none."""
    told = report(result(AFFINE[0], Verdict.PASS), result(AFFINE[1], Verdict.ERROR, raised="KeyError"))
    told = waived(replace(told, floor=Floor(2, 2)), waiver(AFFINE[1], symptom=Symptom("error", "KeyError")))
    assert told.under_floor == ""
    assert told.exit_code is ExitCode.CONFORMS


def test_another_seed_asks_the_waived_cases_too() -> None:
    """The file names cases of seed 0; a run with --seed 5 adds 5 to each."""
    failed = result(AFFINE[0], Verdict.FAIL, HIGH)
    question = replace(failed.case.question, seed=failed.case.question.seed + 5)
    other = replace(failed, case=replace(failed.case, question=question))
    told = waived(replace(report(other), seed=5), waiver(AFFINE[0]))
    assert told.results[0].verdict is Verdict.WAIVED


# ---- what is wrong with a file -------------------------------------------------------------------------------------


def test_a_case_that_passes_fails_the_run_until_its_waiver_is_gone() -> None:
    told = waived(report(result(AFFINE[0], Verdict.PASS), is_everything=True), waiver(AFFINE[0]))
    assert told.results[0].verdict is Verdict.UNEXPECTED_PASS
    assert told.exit_code is ExitCode.DOES_NOT_CONFORM
    assert told.level_reached is Level.INFERENCE
    assert "UNEXPECTED PASS outputs.affine, 1 case: it passes, and the waiver in" in rendered(told)
    assert "its waivers are out of date: 1 unexpected pass; the level reached is inference" in terminal.conclusion(told)


@pytest.mark.parametrize(("today", "holds"), [(TODAY, True), (TODAY + datetime.timedelta(days=1), False)])
def test_a_waiver_holds_on_its_last_day_and_not_after(today: datetime.date, holds: bool) -> None:
    told = waived(report(result(AFFINE[0], Verdict.FAIL, HIGH)), waiver(AFFINE[0]), today=today)
    assert (told.results[0].verdict is Verdict.WAIVED) == holds
    assert (told.complaints == ()) == holds
    assert ("the waiver in line 7 has expired on 2027-03-01" in told.results[0].remark) != holds
    assert ("WAIVERS waiver in line 7: it has expired on 2027-03-01 (gelu is by tanh)" in rendered(told)) != holds


def test_an_expired_waiver_fails_a_run_even_where_its_case_passes() -> None:
    later = TODAY + datetime.timedelta(days=1)
    told = waived(report(result(AFFINE[0], Verdict.PASS), is_everything=True), waiver(AFFINE[0]), today=later)
    assert told.results[0].verdict is Verdict.PASS
    assert told.exit_code is ExitCode.DOES_NOT_CONFORM
    assert "does not conform" not in terminal.conclusion(told)
    assert "its waivers are out of date: 1 complaint about the waivers" in terminal.conclusion(told)


def test_a_waiver_whose_cases_did_not_run_is_stale_in_a_run_of_everything_alone() -> None:
    other = result(AFFINE[1], Verdict.PASS)
    told = waived(report(other, is_everything=True), waiver(AFFINE[0]))
    (complaint,) = told.complaints
    assert "matches no case that was executed, though there are some at this tier and level" in complaint
    assert waived(report(other), waiver(AFFINE[0])).complaints == ()
    stopped = replace(report(other, is_everything=True), stopped_early=True)
    assert waived(stopped, waiver(AFFINE[0])).complaints == ()


def test_in_a_selection_a_waiver_whose_case_is_selected_can_be_stale() -> None:
    (complaint,) = waived(report(result(AFFINE[0], Verdict.NOT_APPLICABLE)), waiver(AFFINE[0])).complaints
    assert "matches no case that was executed" in complaint


def test_waivers_of_other_tiers_and_levels_are_not_stale() -> None:
    """A file serves every run of an implementation."""
    beyond = next(case for case, (_, of) in catalogue(DIALECT).items() if of.tier > Tier.SMOKE)
    above = next(case for case, (clause, _) in catalogue(DIALECT).items() if clause.level > Level.INFERENCE)
    told = report(result(AFFINE[0], Verdict.PASS), is_everything=True)
    assert waived(told, waiver(beyond), waiver(above)).complaints == ()


def test_what_is_lacking_fails_only_where_a_level_is_claimed() -> None:
    told = report(result(AFFINE[0], Verdict.NOT_APPLICABLE), is_everything=True)
    lacks = waiver(AFFINE[0], symptom=Symptom("lacks"))
    assert waived(replace(told, claimed=False), lacks).complaints == ()
    assert len(waived(told, lacks).complaints) == 1


def test_each_pattern_of_a_waiver_must_match_something() -> None:
    failed = result(AFFINE[0], Verdict.FAIL, HIGH)
    (complaint,) = waived(report(failed), waiver(AFFINE[0], "outputs.affine[blue]")).complaints
    assert "'outputs.affine[blue]' matches no case of the dialect" in complaint


def test_a_comparison_that_is_mended_leaves_the_symptom() -> None:
    """Else it could break again, and nobody would see it."""
    failed = result(AFFINE[0], Verdict.FAIL, HIGH)
    both = Symptom("fail", "", ("outputs", "kernel_gradient"), ("too high",), 100.0)
    (complaint,) = waived(report(failed), waiver(AFFINE[0], symptom=both)).complaints
    assert complaint == "waiver in line 7: no kernel_gradient differs any more: take it out of the symptom"
    unseen = waiver(AFFINE[0], AFFINE[1], symptom=both)
    assert waived(report(failed), unseen).complaints == ()


def test_two_waivers_for_one_case_waive_nothing() -> None:
    told = waived(report(result(AFFINE[0], Verdict.FAIL, HIGH)), waiver(AFFINE[0]), waiver("outputs.affine", line=12))
    assert told.complaints == (f"waivers in lines 7 and 12 both name {AFFINE[0]}",)
    assert told.results[0].verdict is Verdict.FAIL


def test_what_only_ought_to_be_needs_no_waiver() -> None:
    (case,) = list(cases_of("composition.time-distributed", DIALECT))[:1]
    told = waived(report(result(case, Verdict.FAIL, HIGH)), waiver(case))
    assert told.results[0].verdict is Verdict.FAIL
    assert "which decides nothing and needs no waiver" in told.complaints[0]


@pytest.mark.parametrize(
    ("versions", "declared", "is_waived", "complains"),
    [
        ((("keras", ">=3.15"),), "", True, False),
        ((("keras", "<3.15"),), "", False, False),
        ((("keras", ">=3.15"), ("implementation", "<2")), "1.4+cpu", True, False),
        ((("keras", ">=3.15"), ("implementation", "<2")), "2.0", False, False),
        ((("implementation", ">=2"),), "2.1.dev0", True, False),
        ((("implementation", "<2"),), "", True, True),
        ((("implementation", "<2"),), "last tuesday", True, True),
    ],
)
def test_a_waiver_is_in_force_for_its_versions(
    versions: tuple[tuple[str, str], ...], declared: str, is_waived: bool, complains: bool
) -> None:
    """A version that is not known is a complaint: it would decide in silence."""
    told = report(result(AFFINE[0], Verdict.FAIL, HIGH), version=declared)
    told = waived(told, waiver(AFFINE[0], versions=versions))
    assert (told.results[0].verdict is Verdict.WAIVED) == is_waived
    assert bool(told.complaints) == complains


def test_two_waivers_of_different_versions_may_name_one_case() -> None:
    old, new = (
        waiver(AFFINE[0], versions=(("implementation", each),), line=at) for at, each in ((1, "<2"), (9, ">=2"))
    )
    told = report(result(AFFINE[0], Verdict.FAIL, HIGH), version="2.1")
    assert waived(told, old, new).exit_code is ExitCode.CONFORMS
    assert file_complaints(Waiving((old, new), TODAY), DIALECT) == []
