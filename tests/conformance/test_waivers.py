"""Waivers: one symptom and no other, strict both ways, and a file that cannot rot in silence."""

from __future__ import annotations

import datetime
import json
import math
import re
from dataclasses import replace
from pathlib import Path

import jsonschema
import numpy as np
import pytest

from conformance import check, cli
from conformance.answers import Level
from conformance.cases import Tier
from conformance.compare import Comparison, agree, compare
from conformance.contract import CONTRACT
from conformance.implementations.mutants import MUTANTS
from conformance.recording import oracle_named
from conformance.reports import jsonlines, terminal
from conformance.results import ExitCode, Floor, Report, Result, Verdict
from conformance.run import Ran, Selection, run
from conformance.run import report as report_of
from conformance.waivers.application import Waiving, apply, file_complaints
from conformance.waivers.coverage import WIDEST, areas, cases_of, catalogue, matched
from conformance.waivers.file import WaiverError, parsed, read
from conformance.waivers.update import updated
from conformance.waivers.waiver import Symptom, Waiver
from conformance.workers import Errand, run_errand
from reference.dialects import DIALECTS
from reference.intervals import Interval

PAGE = Path(__file__).parent.parent.parent / "docs" / "waivers.md"
SCHEMA = json.loads((Path(jsonlines.__file__).parent / "schema.json").read_text("utf-8"))
DIALECT = DIALECTS[-1].name
TODAY = datetime.date(2027, 3, 1)
CLAUSES = {clause.id: clause for clause in CONTRACT}
AFFINE = sorted(case for case in cases_of("outputs.affine", DIALECT) if catalogue(DIALECT)[case][1].tier is Tier.SMOKE)
ORACLE = {"tensorflow": "2.21.0", "keras": "3.15.1"}
HIGH = Comparison("outputs", False, "2", "1", 50.0, (0, 0), 5, 10, directions=("too high",))

#: Three entries: two that stay, one in the middle that goes; comments of all kinds.
KEPT = f"""\
# The file's own heading.

# above the first
[[waiver]]
cases = [
    "{AFFINE[0]}",  # the first of two
    "{AFFINE[1]}",
]
reason = "one"   # why
issue = "https://example.org/1"
expires = 2027-04-01
symptom = {{ verdict = "fail", differs = ["outputs"], direction = "too high", share = 0.6 }}

# above the second
[[waiver]]
cases = "{AFFINE[2]}"
reason = "two"
issue = "https://example.org/2"
expires = 2027-04-01
[waiver.symptom]
verdict = "crash"

# above the third
[[waiver]]
cases = '{AFFINE[3]}'
reason = 'three'
issue = "https://example.org/3"
expires = 2027-04-01
symptom.verdict = "timeout"
"""

LAYERS = """
import numpy as np
from scipy.special import ndtr


def right(inputs, kernel, bias, activation):
    if activation not in ("linear", "relu", "gelu"):
        raise NotImplementedError(activation)
    z = inputs.astype("float64") @ kernel.astype("float64") + (0 if bias is None else bias.astype("float64"))
    outputs = {"linear": lambda: z, "relu": lambda: np.maximum(z, 0), "gelu": lambda: z * ndtr(z)}[activation]()
    return outputs.astype(inputs.dtype)


def by_tanh(inputs, kernel, bias, activation):
    if activation != "gelu":
        return right(inputs, kernel, bias, activation)
    z = right(inputs, kernel, bias, "linear")
    return (z * (1 + np.tanh(np.sqrt(2 / np.pi) * (z + 0.044715 * z**3))) / 2).astype(inputs.dtype)


def by_sigmoid(inputs, kernel, bias, activation):
    if activation != "gelu":
        return right(inputs, kernel, bias, activation)
    z = right(inputs, kernel, bias, "linear")
    return (z / (1 + np.exp(-1.702 * z))).astype(inputs.dtype)


def raising(inputs, kernel, bias, activation):
    if activation == "relu":
        raise KeyError("relu")
    return right(inputs, kernel, bias, activation)
"""


@pytest.fixture(scope="module")
def layers(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("layers") / "layers.py"
    path.write_text(LAYERS, "utf-8")
    return path


def result(case: str, verdict: Verdict, *comparisons: Comparison, raised: str = "") -> Result:
    clause, of = catalogue(DIALECT)[case]
    passed = (Comparison("outputs", True, "1", "1"),) if verdict is Verdict.PASS else comparisons
    return Result(of, clause, verdict, passed, raised=raised)


def report(*results: Result, is_everything: bool = False, version: str = "") -> Report:
    """Of a run at the smoke tier; one of everything has a floor that it meets."""
    floor = Floor(0, 0) if is_everything else None
    return Report(
        "x", Level.INFERENCE, Tier.SMOKE, results, 9, 9, ORACLE, DIALECT, floor=floor, version=version, claimed=True
    )


def waiver(*cases: str, line: int = 7, symptom: Symptom | None = None, **fields: object) -> Waiver:
    said = symptom or Symptom("fail", "", ("outputs",), ("too high",), 100.0, 0.6)
    made = Waiver(cases, "gelu is by tanh", "https://example.org/1", datetime.date(2027, 3, 1), said, line=line)
    return replace(made, **fields)  # type: ignore[arg-type]


def waived(told: Report, *waivers: Waiver, today: datetime.date = TODAY) -> Report:
    return apply(told, Waiving(waivers, today))


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


@pytest.mark.parametrize("pattern", ["*", "outputs.*", "*float16*", "outputs.a*[linear-*]"])
def test_a_pattern_that_matches_very_much_waives_nothing(pattern: str) -> None:
    told = waived(report(result(AFFINE[0], Verdict.FAIL, HIGH), is_everything=True), waiver(pattern))
    assert f"a pattern that does not name one clause in full may match {WIDEST}" in told.complaints[0]
    assert told.results[0].verdict is Verdict.FAIL


def test_a_pattern_may_match_all_of_one_clause_and_a_few_of_several() -> None:
    whole, few = waiver("gradients.kernel"), waiver("state.same-*[relu-*]")
    assert len(matched("gradients.kernel", DIALECT)) > WIDEST
    assert 0 < len(matched("state.same-*[relu-*]", DIALECT)) <= WIDEST
    assert file_complaints(Waiving((whole, few), TODAY), DIALECT) == []


@pytest.mark.parametrize("dialect", [dialect.name for dialect in DIALECTS])
def test_the_widest_pattern_is_less_than_half_of_any_area(dialect: str) -> None:
    assert min(len(cases) for cases in areas(dialect).values()) > 2 * WIDEST


def test_a_whole_area_is_refused_clause_by_clause_too() -> None:
    clauses = [clause.id for clause in CONTRACT if clause.area == "state"]
    assert "it names every case of the area state" in file_complaints(Waiving((waiver(*clauses),), TODAY), DIALECT)[0]


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


# ---- a file that cannot be used ------------------------------------------------------------------------------------

GOOD = {
    "cases": '"outputs.affine"',
    "reason": '"gelu is by tanh"',
    "issue": '"https://example.org/1"',
    "expires": "2027-06-30",
    "symptom": '{ verdict = "fail", differs = ["outputs"], direction = "too high", ratio = 100 }',
}


def entry(**changed: str | None) -> str:
    """An entry in lines 2 to 7, with a comment above it."""
    return "# comment\n[[waiver]]\n" + "".join(
        f"{key} = {value}\n" for key, value in {**GOOD, **changed}.items() if value is not None
    )


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (entry(reson='"x"'), "line 8, reson: there is no such key here; did you mean reason?"),
        (entry(reason='"  "'), "line 4, reason: it is empty; say it in words"),
        (entry(reason='"untriaged: "'), "line 4, reason: it is empty"),
        (entry(reason=None), "line 2, reason: missing: why it fails, in words"),
        (entry(reason="3"), "line 4, reason: expected a text in quotes, got 3 (int)"),
        (entry(issue=None), "line 2, issue: missing: where it is worked on"),
        (entry(issue='"later"'), "line 5, issue: expected a link that begins with https://, got 'later'"),
        (entry(expires=None), "line 2, expires: missing: the last day on which it holds"),
        (entry(expires='"2027-06-30"'), "line 6, expires: expected a date without quotes or time: 2027-06-30"),
        (entry(expires="2027-06-30T12:00:00"), "line 6, expires: expected a date without quotes or time"),
        (entry(expires="2027-02-30"), "is not TOML: "),
        (entry(cases='"outputs.afine"'), "no clause is called 'outputs.afine'; did you mean outputs.affine?"),
        (entry(cases='"outputs.afine[relu-*]"'), "line 3, cases: 'outputs.afine[relu-*]': no clause is called"),
        (entry(cases='"autputs.*"'), "line 3, cases: 'autputs.*': no clause is called"),
        (entry(cases="[]"), "line 3, cases: the list is empty"),
        (entry(cases='["outputs.affine", "outputs.affine"]'), "line 3, cases: 'outputs.affine' is in it twice"),
        (entry(cases='[\n  "outputs.affine",\n  7]'), "line 3, cases: expected a text in quotes, got 7 (int)"),
        (entry(cases='[\n  "outputs.affine"\n]', reason='""'), "line 6, reason: it is empty"),
        (entry(symptom=None), "line 2, symptom: missing"),
        (entry(symptom='"fail"'), "line 7, symptom: expected a table { ... }, got 'fail' (str)"),
        (entry(symptom='{ verdict = "pass" }'), "line 7, symptom.verdict: expected one of fail, error, crash, timeout"),
        (entry(symptom='{ verdict = "error" }'), "line 7, symptom.raises: missing: the type of the exception"),
        (entry(symptom='{ verdict = "crash", ratio = 2 }'), "line 7, symptom.ratio: no such key; expected verdict"),
        (entry(symptom='{ verdict = "fail", differs = "outputs" }'), "line 7, symptom.direction: missing: of too high"),
        (
            entry(symptom='{ verdict = "fail", differs = "outputs", direction = "up" }'),
            "line 7, symptom.direction: expected one of too high, too low, not a number",
        ),
        (
            entry(symptom='{ verdict = "fail", differs = "outputs", direction = "too low" }'),
            "line 7, symptom.ratio: missing: how far elements miss at most",
        ),
        (
            entry(symptom=None) + '[waiver.symptom]\nverdict = "fail"\ndiffers = "a"\ndirection = "shape"\nshare = 2\n',
            "line 11, symptom.share: expected a number from 0 to 1, got 2 (int)",
        ),
        (
            entry(symptom=None) + 'symptom.verdict = "fail"\nsymptom.differs = "a"\n',
            "line 7, symptom.direction: missing",
        ),
        (
            entry(symptom=None) + 'symptom.verdict = "error"\nversions = { keras = ">=3" }\n',
            "line 7, symptom.raises: missing",
        ),
        (
            entry(versions='{ keras = "3.15" }'),
            "line 8, versions.keras: expected a version specifier such as '>=3.15,<4'",
        ),
        (entry(versions='{ torch = ">=2" }'), "line 8, versions.torch: no such key; expected implementation, keras"),
        (entry() + entry() + entry(reason='""'), "line 18, reason: it is empty"),
        ('title = "x"\n' + entry(), "line 1, title: no such key; expected waiver; each is a table [[waiver]]"),
        ("waiver = [{ cases = 1 }]\n", "line 1, waiver: expected each as a table [[waiver]]"),
        ("[waiver]\ncases = 1\n", "line 1, waiver: expected each as a table [[waiver]]"),
        ("waiver = 3\n", "line 1, waiver: expected each as a table [[waiver]]"),
        (entry(reason='"open'), "is not TOML: "),
    ],
)
def test_4_a_bad_file_is_told_with_its_line_and_key(
    text: str, says: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "waivers.toml"
    file.write_text(text, "utf-8")
    for arguments in (["waivers", "check", str(file)], ["run", "reference", "--waivers", str(file)]):
        assert cli.main(arguments) == 4
        told = capsys.readouterr().err
        assert says in told
        assert told.startswith(f"dense-conformance: {file}")
        assert len(told.strip().splitlines()) == 1


def test_what_is_no_toml_is_told_with_its_line() -> None:
    with pytest.raises(WaiverError, match="line 4"):
        parsed(entry(reason='"open'), "w.toml")


def test_4_a_file_that_is_not_there_or_no_text(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "binary").write_bytes(b"\xff\xfe")
    for file in (tmp_path / "none", tmp_path / "binary", tmp_path):
        assert cli.main(["waivers", "check", str(file)]) == 4
        assert len(capsys.readouterr().err.strip().splitlines()) == 1


def test_a_good_file_has_all_that_it_says(tmp_path: Path) -> None:
    (tmp_path / "w.toml").write_text(entry(versions='{ keras = ">=3.15" }') + entry(reason='"a\\n  b"'), "utf-8")
    first, second = read(tmp_path / "w.toml")
    symptom = Symptom("fail", "", ("outputs",), ("too high",), 100.0, 1.0)
    expires = datetime.date(2027, 6, 30)
    assert first == Waiver(
        ("outputs.affine",), "gelu is by tanh", "https://example.org/1", expires, symptom, (("keras", ">=3.15"),), 2
    )
    assert (second.line, second.reason) == (10, "a b")


def test_an_untriaged_entry_needs_no_issue() -> None:
    (made,) = parsed(entry(reason='"untriaged: found today"', issue=None), "w.toml")
    assert made.is_untriaged


# ---- update --------------------------------------------------------------------------------------------------------


def as_updated(text: str, told: Report, *, today: datetime.date = TODAY) -> tuple[str, Report, tuple[str, ...]]:
    """The new text, the report after it, and what was done."""
    made = updated(text, Waiving(parsed(text, "w.toml"), today), told, days=30)
    return made.text, apply(told, Waiving(parsed(made.text, "w.toml"), today)), made.done


def test_update_leaves_a_good_file_as_it_is() -> None:
    told = report(
        result(AFFINE[0], Verdict.FAIL, HIGH),
        result(AFFINE[1], Verdict.FAIL, HIGH),
        result(AFFINE[2], Verdict.CRASH),
        result(AFFINE[3], Verdict.TIMEOUT),
    )
    text, after, done = as_updated(KEPT, told)
    assert (text, done) == (KEPT, ())
    assert after.exit_code is ExitCode.CONFORMS


def test_update_takes_out_what_passes_and_keeps_comments_and_order() -> None:
    """The second entry goes with the comment above it; the first loses one of its two cases."""
    told = report(
        result(AFFINE[0], Verdict.FAIL, HIGH),
        result(AFFINE[1], Verdict.PASS),
        result(AFFINE[2], Verdict.PASS),
        result(AFFINE[3], Verdict.TIMEOUT),
    )
    text, after, done = as_updated(KEPT, told)
    start, end = KEPT.index("# above the second"), KEPT.index("# above the third")
    assert text == (KEPT[:start] + KEPT[end:]).replace(f'    "{AFFINE[1]}",\n', "")
    assert after.exit_code is ExitCode.CONFORMS
    assert done == (
        f"line 4: no longer for {AFFINE[1]}",
        "line 15: taken out, for nothing fails as it says: two",
    )


def test_update_adds_untriaged_entries_that_end_by_themselves() -> None:
    low = replace(HIGH, ratio=7.0, misses=2, directions=("too low",))
    told = report(result(AFFINE[0], Verdict.FAIL, HIGH), result(AFFINE[1], Verdict.FAIL, low))
    text, after, _ = as_updated("", told)
    (made,) = parsed(text, "w.toml")
    assert made.is_untriaged
    assert made.cases == (AFFINE[0], AFFINE[1])
    assert made.expires == TODAY + datetime.timedelta(days=30)
    assert made.symptom == Symptom("fail", "", ("outputs",), ("too high", "too low"), 100.0, 0.6)
    assert after.exit_code is ExitCode.CONFORMS
    later = apply(told, Waiving((made,), made.expires + datetime.timedelta(days=1)))
    assert later.exit_code is ExitCode.DOES_NOT_CONFORM


def test_update_keeps_apart_what_fails_in_another_way() -> None:
    exact = replace(HIGH, ratio=math.inf)
    told = report(
        result(AFFINE[0], Verdict.FAIL, HIGH),
        result(AFFINE[1], Verdict.FAIL, exact),
        result(AFFINE[2], Verdict.ERROR, raised="KeyError"),
        result(AFFINE[3], Verdict.BLOCKED, raised="KeyError"),
    )
    text, after, _ = as_updated("", told)
    assert [made.cases for made in parsed(text, "w.toml")] == [(AFFINE[0],), (AFFINE[1],), (AFFINE[2], AFFINE[3])]
    assert after.exit_code is ExitCode.CONFORMS


def test_update_names_no_case_that_did_not_fail() -> None:
    """All relu cases of a clause fail, no other: the pattern says so; and a clause that fails whole is its id."""
    relu = matched("outputs.every-rank[relu-*]", DIALECT)
    told = report(*(result(case, Verdict.FAIL, HIGH) for case in sorted(relu)))
    (made,) = parsed(as_updated("", told)[0], "w.toml")
    assert made.cases == ("outputs.every-rank[relu-*]",)
    told = report(*(result(case, Verdict.FAIL, HIGH) for case in sorted(cases_of("outputs.affine", DIALECT))))
    (made,) = parsed(as_updated("", told)[0], "w.toml")
    assert made.cases == ("outputs.affine",)


def test_update_gives_what_fails_differently_an_entry_of_its_own() -> None:
    """A waiver for a whole clause is narrowed to the cases that fail as it says."""
    worse = replace(HIGH, ratio=5e6)
    cases = sorted(cases_of("outputs.affine", DIALECT))
    told = report(*(result(case, Verdict.FAIL, HIGH) for case in cases[1:]), result(cases[0], Verdict.FAIL, worse))
    text, after, _ = as_updated(entry(), told)
    first, second = parsed(text, "w.toml")
    assert (first.reason, second.is_untriaged) == ("gelu is by tanh", True)
    assert second.cases == (cases[0],)
    assert after.exit_code is ExitCode.CONFORMS


def test_update_narrows_a_symptom_to_what_still_differs() -> None:
    text = entry(
        cases=f'"{AFFINE[0]}"',
        symptom='{ verdict = "fail", differs = ["kernel_gradient", "outputs"], direction = "too high", ratio = 100 }',
    )
    text, after, done = as_updated(text, report(result(AFFINE[0], Verdict.FAIL, HIGH)))
    assert after.exit_code is ExitCode.CONFORMS
    assert 'differs = ["outputs"]' in text
    assert done == ("line 2: no longer of kernel_gradient",)


def test_update_renews_no_waiver_that_has_expired() -> None:
    """A button that renews them all would be the list that rots."""
    later = datetime.date(2027, 7, 1)
    for failed in (result(AFFINE[0], Verdict.FAIL, HIGH), result(AFFINE[0], Verdict.CRASH)):
        text, after, _ = as_updated(entry(), report(failed), today=later)
        assert text == entry()
        assert after.exit_code is ExitCode.DOES_NOT_CONFORM


def test_update_takes_out_what_has_expired_and_passes() -> None:
    passed = report(result(AFFINE[0], Verdict.PASS))
    text, after, _ = as_updated(entry(cases=f'"{AFFINE[0]}"'), passed, today=datetime.date(2027, 7, 1))
    assert parsed(text, "w.toml") == ()
    assert after.exit_code is ExitCode.CONFORMS


@pytest.mark.parametrize(("ratio", "limit"), [(1.5, 10.0), (8.0, 10.0), (8.1, 100.0), (99.0, 1000.0)])
def test_update_leaves_room_for_another_processor(ratio: float, limit: float) -> None:
    """Two right results lie 2 half-widths apart at most."""
    told = report(result(AFFINE[0], Verdict.FAIL, replace(HIGH, ratio=ratio)))
    (made,) = parsed(as_updated("", told)[0], "w.toml")
    assert made.symptom.ratio == limit


def test_update_leaves_waivers_of_other_versions_alone() -> None:
    text = entry(versions='{ keras = "<3" }')
    told = report(result(AFFINE[0], Verdict.FAIL, HIGH))
    made, after, _ = as_updated(text, told)
    assert made.startswith(text)
    assert after.exit_code is ExitCode.CONFORMS


def test_update_ends_what_is_too_wide_or_named_twice() -> None:
    told = report(result(AFFINE[0], Verdict.FAIL, HIGH), result(AFFINE[1], Verdict.FAIL, HIGH))
    text, after, _ = as_updated(entry(cases='"outputs.*"') + entry(cases=f'"{AFFINE[0]}"'), told)
    assert [made.cases for made in parsed(text, "w.toml")] == [(AFFINE[0], AFFINE[1])]
    assert after.exit_code is ExitCode.CONFORMS


# ---- whole runs ----------------------------------------------------------------------------------------------------


@pytest.fixture
def known(layers: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Path:
    """The waivers of `by_tanh`, as `update` writes them from a stored run."""
    stored, file = tmp_path / "run.jsonl", tmp_path / "waivers.toml"
    assert smoke(layers, "by_tanh", "--json", str(stored)) == 1
    assert cli.main(["waivers", "update", str(file), "--from", str(stored)]) == 0
    assert "4 changed" in capsys.readouterr().out
    return file


def smoke(layers: Path, name: str, *arguments: str) -> int:
    given = ["run", f"{layers}:{name}", "--oracle", "recorded", "--tier", "smoke", "-q"]
    return cli.main([*given, *arguments])


@pytest.mark.parametrize(
    "more", [[], ["--workers", "2"], ["--exitfirst"], ["--area", "shapes"], ["--case", "outputs.affine["]]
)
def test_0_what_update_wrote_makes_the_next_run_pass(layers: Path, known: Path, more: list[str]) -> None:
    """Waived failures are no first failure, and a selection does not complain of waivers that it does not reach."""
    assert smoke(layers, "by_tanh", "--waivers", str(known), *more) == 0


def test_1_a_repaired_layer_fails_until_the_file_is_brought_up_to_date(
    layers: Path, known: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    stored = tmp_path / "repaired.jsonl"
    assert smoke(layers, "right", "--waivers", str(known), "--json", str(stored)) == 1
    assert "its waivers are out of date: 11 unexpected passes" in capsys.readouterr().out
    assert cli.main(["waivers", "update", str(known), "--from", str(stored)]) == 0
    assert read(known) == ()
    assert smoke(layers, "right", "--waivers", str(known)) == 0


@pytest.mark.parametrize("more", [[], ["--workers", "2"], ["--exitfirst"]])
def test_1_a_worsened_layer_fails(
    layers: Path, known: Path, more: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    """The same clauses fail, by more than the waivers allow."""
    given = ["run", f"{layers}:by_sigmoid", "--oracle", "recorded", "--tier", "smoke", "--waivers", str(known), *more]
    assert cli.main(given) == 1
    told = " ".join(capsys.readouterr().out.split())
    assert "it fails differently from the waiver in line " in told, told
    assert ("stopped at its first failure" in told) == (more == ["--exitfirst"])


def test_what_passes_unexpectedly_has_no_likely_cause(
    layers: Path, known: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Nothing failed, so there is nothing to explain, to shrink or to reproduce."""
    target, folder = tmp_path / "run.jsonl", tmp_path / "scripts"
    written = ["--json", str(target), "--repro-dir", str(folder), "--waivers", str(known)]
    assert cli.main(["run", f"{layers}:right", "--oracle", "recorded", "--tier", "smoke", *written]) == 1
    told = capsys.readouterr()
    assert "UNEXPECTED PASS" in told.out
    assert "unexplained" not in told.out
    assert "no script is written" not in told.err
    ((*_, footer),) = jsonlines.read(target.read_text("utf-8"))
    assert (footer["diagnoses"], footer["smallest"]) == ([], [])


def test_update_takes_a_run_that_had_waivers(layers: Path, known: Path, tmp_path: Path) -> None:
    """Of CI, say: what was waived in it is not lost, and is not added twice."""
    stored, before = tmp_path / "again.jsonl", known.read_text("utf-8")
    assert smoke(layers, "by_tanh", "--waivers", str(known), "--json", str(stored)) == 0
    lines = [line for line in stored.read_text("utf-8").splitlines() if '"pass"' not in line or "footer" in line]
    form = jsonschema.Draft202012Validator(SCHEMA)
    assert [line for line in lines if not form.is_valid(json.loads(line))] == []
    assert cli.main(["waivers", "update", str(known), "--from", str(stored)]) == 0
    assert known.read_text("utf-8") == before


def test_results_that_waivers_settled_survive_the_file(layers: Path, known: Path) -> None:
    told = check(f"{layers}:by_tanh", tier="smoke", oracle="recorded", waivers=known)
    assert told.counts[Verdict.WAIVED] == 11
    (records,) = jsonlines.read(jsonlines.render(told))
    assert tuple(jsonlines.result_of(record, CLAUSES) for record in records[1:-1]) == told.results


def test_a_level_that_is_claimed_has_waivers_for_what_is_lacking(layers: Path, tmp_path: Path) -> None:
    """The same file serves a run that claims nothing, where the lacking cases are not applicable."""
    file, claimed = tmp_path / "waivers.toml", ["--level", "training"]
    stored = tmp_path / "claimed.jsonl"
    assert smoke(layers, "right", *claimed, "--json", str(stored)) == 1
    assert cli.main(["waivers", "update", str(file), "--from", str(stored)]) == 0
    assert {made.symptom.kind for made in read(file)} == {"lacks"}
    assert smoke(layers, "right", *claimed, "--waivers", str(file)) == 0
    assert smoke(layers, "right", "--waivers", str(file)) == 0


def test_update_runs_an_implementation_itself(layers: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "waivers.toml"
    given = ["waivers", "update", str(file), f"{layers}:raising", "--oracle", "recorded", "--tier", "smoke"]
    assert cli.main([*given, "--days", "1"]) == 0
    tomorrow = datetime.date.today() + datetime.timedelta(days=1)
    assert {made.expires for made in read(file)} == {tomorrow}
    assert "KeyError" in {made.symptom.raises for made in read(file)}
    assert smoke(layers, "raising", "--waivers", str(file)) == 0
    assert cli.main(["waivers", "check", str(file)]) == 0
    assert f"0 complaints; the first expires after {tomorrow}" in capsys.readouterr().out


#: Of every area that a NumPy layer is asked in: values, shapes, facts, exceptions, NaN, and what is missing.
ROUND_TRIPS = [
    "bias-doubled",
    "kernel-transposed",
    "outputs-in-float64",
    "counts-calls",
    "empty-batch-refused",
    "nan-becomes-zero",
    "kernel-gradient-mean",
    "bias-gradient-missing",
    "bias-gradient-keeps-axis",
    "softplus-slope-of-infinities",
]


@pytest.mark.parametrize("name", ROUND_TRIPS)
def test_what_update_writes_waives_all_of_a_mutant(name: str) -> None:
    """And nothing more: every one of its entries waives something."""
    oracle = oracle_named("recorded")
    (told,) = run([MUTANTS[name].make(oracle.dialect)], Selection(tier=Tier.SMOKE), oracle)
    assert told.accusations
    text, after, _ = as_updated("", told)
    assert after.accusations == ()
    assert after.complaints == ()
    assert after.exit_code is ExitCode.CONFORMS
    assert not after.conforms
    assert len({each.reason for each in after.results if each.verdict is Verdict.WAIVED}) > 0
    assert as_updated(text, told)[0] == text


def test_two_workers_waive_what_one_does(layers: Path, known: Path) -> None:
    waiving = Waiving(read(known), datetime.date.today())
    errand = Errand((f"{layers}:by_tanh",), Selection(tier=Tier.SMOKE), oracle="recorded", waiving=waiving)
    (one,), (two,) = run_errand(errand), run_errand(errand, 2)
    assert replace(one, seconds=0, seconds_answering=0) == replace(two, seconds=0, seconds_answering=0)
    assert one.counts[Verdict.WAIVED] == 11


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["run", "reference", "reference", "--waivers", "{known}"], "--waivers is a file of one implementation's"),
        (["waivers", "update", "{known}"], "needs an IMPLEMENTATION to run, or --from"),
        (["waivers", "update", "{known}", "reference", "--from", "x"], "needs an IMPLEMENTATION to run, or --from"),
        (["waivers", "update", "{known}", "reference", "--days", "0"], "--days must be a positive number"),
        (["waivers", "update", "{known}", "--from", "{folder}/none"], "none: No such file or directory"),
        (["waivers", "update", "{known}", "--from", "{known}"], "is not JSON"),
    ],
)
def test_4_wrong_use_of_waivers_is_one_line(
    arguments: list[str], says: str, known: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = known.read_text("utf-8")
    assert cli.main([each.format(known=known, folder=known.parent) for each in arguments]) == 4
    told = capsys.readouterr().err
    assert says in told
    assert len(told.strip().splitlines()) == 1
    assert known.read_text("utf-8") == before


def test_update_refuses_runs_of_several_and_of_another_contract(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    told = report_of(Ran("x", Level.INFERENCE, False, Tier.SMOKE, 0, ORACLE, DIALECT, False), [], errata={})
    several, other = tmp_path / "several.jsonl", tmp_path / "other.jsonl"
    several.write_text(jsonlines.render_all([told, told]), "utf-8")
    other.write_text(jsonlines.render(told).replace("inference", "perfection"), "utf-8")
    for stored, says in ((several, "holds runs of x, x"), (other, "not of its form, or of another contract")):
        assert cli.main(["waivers", "update", str(tmp_path / "w.toml"), "--from", str(stored)]) == 4
        assert says in capsys.readouterr().err
    assert not (tmp_path / "w.toml").exists()


# ---- the page ------------------------------------------------------------------------------------------------------


def test_the_example_of_the_page_is_a_good_file() -> None:
    (text,) = re.findall(r"^```toml\n(.*?)^```", PAGE.read_text("utf-8"), re.MULTILINE | re.DOTALL)
    waivers = parsed(text, "docs/waivers.md")
    first = min(made.expires for made in waivers)
    assert file_complaints(Waiving(waivers, first), DIALECT) == []
    assert {made.symptom.kind for made in waivers} >= {"fail", "error"}
    assert any(made.versions for made in waivers)


def test_the_page_names_every_key_and_direction() -> None:
    page = PAGE.read_text("utf-8")
    named = (*GOOD, "versions", "verdict", "raises", "differs", "direction", "ratio", "share", "lacks", "not a number")
    assert [word for word in named if f"`{word}`" not in page] == []
    assert f"{WIDEST} cases" in page


# ---- directions ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("values", "directions"),
    [
        ([0.5, 0.5, 0.5], ()),
        ([2.0, 0.5, 0.5], ("too high",)),
        ([0.5, -1.0, 0.5], ("too low",)),
        ([2.0, -1.0, np.nan], ("too high", "too low", "not a number")),
        ([np.inf, 0.5, 0.5], ("too high",)),
        ([np.nan, 0.5, 0.5], ("not a number",)),
    ],
)
def test_a_comparison_says_in_which_direction_it_misses(values: list[float], directions: tuple[str, ...]) -> None:
    within = Interval(np.zeros(3), np.ones(3))
    assert compare("outputs", np.array(values), within=within).directions == directions


def test_what_is_missing_misshapen_or_another_fact_says_so() -> None:
    within = Interval(np.zeros(3), np.ones(3))
    assert compare("outputs", None, within=within).directions == ("missing",)
    assert compare("outputs", np.zeros(4), within=within).directions == ("shape",)
    assert agree("count", 3, expected=4).directions == ("fact",)
    assert agree("count", 4, expected=4).directions == ()
