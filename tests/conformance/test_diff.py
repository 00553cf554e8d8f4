"""Two runs compared: what is told, and what counts as worse."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from conformance import cli
from conformance.answers import Level
from conformance.cases import Case, Question, Tier
from conformance.commands.diff import CHANGES, REGRESSIONS, STATES, Change, State
from conformance.compare import Comparison
from conformance.contract import CONTRACT
from conformance.contract.clause import Requirement
from conformance.reports import jsonlines
from conformance.results import Floor, Report, Result, Verdict
from reference.config import DenseConfig

MISSED = Comparison("outputs", holds=False, got="2.0  0x1p+1", allowed="0.0  exact", ratio=3.0, misses=30, size=55)
HELD = Comparison("outputs", holds=True, got="0.0", allowed="0.0", ratio=0.0, misses=0, size=55)
COMPARED = {Verdict.FAIL: (MISSED,), Verdict.PASS: (HELD,), Verdict.WAIVED: (MISSED,)}


def result(verdict: Verdict, units: int = 11, *, clause: int = 0, seed: int = 0, **fields: Any) -> Result:
    case = Case(CONTRACT[clause].id, Question("call", DenseConfig(units), (5, 7), seed=seed))
    return Result(case, CONTRACT[clause], verdict, **{"comparisons": COMPARED.get(verdict, ()), **fields})


def report(*results: Result, name: str = "mine", **fields: Any) -> Report:
    standard: dict[str, Any] = {"oracle": {"keras": "3.15.1"}, "dialect": "keras-3.15", "floor": Floor(0, 0)}
    return Report(name, Level.INFERENCE, Tier.SMOKE, results, len(results), len(results), **{**standard, **fields})


@pytest.fixture
def diff(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Any:
    def compare(old: Sequence[Report], new: Sequence[Report]) -> tuple[int, str]:
        for name, reports in (("old", old), ("new", new)):
            (tmp_path / name).write_text(jsonlines.render_all(reports), "utf-8")
        code = cli.main(["diff", str(tmp_path / "old"), str(tmp_path / "new")])
        return code, " ".join(capsys.readouterr().out.replace(str(tmp_path), "").split())

    return compare


PASSES, FAILS, WAIVED, UNKNOWN = State.PASSES, State.FAILS, State.WAIVED, State.UNKNOWN


@pytest.mark.parametrize(
    ("old", "new", "code", "told"),
    [
        (Verdict.PASS, Verdict.FAIL, 1, "newly failing: 1 case of 1 clause"),
        (Verdict.PASS, Verdict.CRASH, 1, "newly failing"),
        (Verdict.PASS, Verdict.BLOCKED, 1, "newly failing"),
        (Verdict.WAIVED, Verdict.FAIL, 1, "newly failing"),
        (Verdict.UNEXPECTED_PASS, Verdict.FAIL, 1, "newly failing"),
        (Verdict.PASS, Verdict.NOT_APPLICABLE, 1, "judged no longer: 1 case of 1 clause"),
        (Verdict.FAIL, Verdict.NOT_APPLICABLE, 1, "judged no longer"),
        (Verdict.PASS, Verdict.SUITE_ERROR, 1, "judged no longer"),
        (Verdict.FAIL, Verdict.PASS, 0, "repaired: 1 case of 1 clause"),
        (Verdict.WAIVED, Verdict.UNEXPECTED_PASS, 0, "repaired"),
        (Verdict.PASS, Verdict.WAIVED, 0, "waived now"),
        (Verdict.FAIL, Verdict.ERROR, 0, "failing otherwise than before"),
        (Verdict.NOT_APPLICABLE, Verdict.FAIL, 0, "failing, and not judged before"),
        (Verdict.NOT_APPLICABLE, Verdict.PASS, 0, "right, and not judged before"),
        (Verdict.FAIL, Verdict.FAIL, 0, ""),
        (Verdict.PASS, Verdict.PASS, 0, ""),
        (Verdict.NOT_APPLICABLE, Verdict.NOT_APPLICABLE, 0, ""),
    ],
    ids=str,
)
def test_what_became_of_a_case(old: Verdict, new: Verdict, code: int, told: str, diff: Any) -> None:
    """Of a selection, so that no level says anything."""
    before, after = (report(result(each), floor=None) for each in (old, new))
    found, text = diff([before], [after])
    assert found == code
    assert told in text
    assert [each.value for each in Change if each.value in text] == ([told.partition(":")[0]] if told else [])
    assert ("mine: no worse than before" in text) == (code == 0)


def test_every_verdict_has_its_state_and_every_change_its_place() -> None:
    """What is missing from a table would be passed over in silence."""
    assert set(STATES) == {verdict.value for verdict in Verdict}
    silent = {(before, after) for before in State for after in State} - set(CHANGES)
    assert silent == {(PASSES, PASSES), (UNKNOWN, UNKNOWN)}
    assert {change for pair, change in CHANGES.items() if pair[0] is PASSES} == {*REGRESSIONS, Change.WAIVED}


def test_cases_that_are_gone_and_new_ones(diff: Any) -> None:
    """The new run has another case in place of the old one: as many as before, and yet one is missing."""
    code, text = diff([report(result(Verdict.PASS, 3))], [report(result(Verdict.PASS, 5))])
    assert code == 1
    assert "judged no longer: 1 case of 1 clause" in text
    assert "right, and not judged before: 1 case of 1 clause" in text


def test_a_level_that_is_lost_is_worse(diff: Any) -> None:
    """Nothing failed newly: a case that did not exist before does."""
    old, new = report(result(Verdict.PASS)), report(result(Verdict.PASS), result(Verdict.FAIL, 5))
    code, text = diff([old], [new])
    assert code == 1
    assert "level reached inference → none" in text
    assert "mine: worse: the level inference is reached no longer" in text


def test_what_ought_to_be_is_told_but_does_not_decide(diff: Any) -> None:
    lenient = replace(CONTRACT[0], requirement=Requirement.SHOULD)
    old, new = (report(replace(result(each), clause=lenient)) for each in (Verdict.PASS, Verdict.FAIL))
    code, text = diff([old], [new])
    assert code == 0
    assert f"newly failing: 1 case of 1 clause {CONTRACT[0].id} (SHOULD) 1 case" in text


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"comparisons": (replace(MISSED, got="3.0  0x1.8p+1"),)}, "got 3.0, allowed 0.0, 30 of 55 outside was"),
        ({"comparisons": (replace(MISSED, misses=55),)}, "55 of 55 outside was outputs got 2.0"),
        ({"comparisons": (replace(MISSED, name="bias_gradient"),)}, "now bias_gradient got 2.0"),
        ({"comparisons": (), "reason": "it took to lying"}, "now fail: it took to lying was outputs got 2.0"),
    ],
    ids=["value", "share", "tensor", "reason"],
)
def test_another_symptom_is_told(fields: Mapping[str, Any], told: str, diff: Any) -> None:
    code, text = diff([report(result(Verdict.FAIL))], [report(result(Verdict.FAIL, **fields))])
    assert code == 0
    assert "failing otherwise than before: 1 case of 1 clause" in text
    assert told in text


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"tier": Tier.FULL}, "tier smoke → full"),
        ({"oracle": {"keras": "3.16.0"}}, "oracle: keras 3.15.1 → 3.16.0"),
        ({"oracle": {"keras": "3.15.1", "oracle": "recorded"}}, "oracle live → recorded"),
        ({"dialect": "keras-3.14"}, "dialect keras-3.15 → keras-3.14"),
        ({"areas": ("outputs",)}, "areas all → outputs"),
        ({"case": "relu"}, "case pattern none → relu"),
        ({"stopped_early": True}, "run to its end yes → no"),
    ],
    ids=str,
)
def test_what_was_set_otherwise_is_told_plainly(fields: dict[str, Any], told: str, diff: Any) -> None:
    old = report(result(Verdict.PASS), floor=None)
    code, text = diff([old], [replace(old, **fields)])
    assert code == 0
    assert told in text
    assert "The runs were not set alike" in text


def test_the_same_question_of_another_seed_is_the_same_question(diff: Any) -> None:
    """Its id has the seed in it; its place in the contract has not."""
    old = report(result(Verdict.PASS, seed=1), floor=None)
    code, text = diff([old], [replace(old, seed=7, results=(result(Verdict.FAIL, seed=8),))])
    assert code == 1
    assert "seed 0 → 7" in text
    assert "newly failing: 1 case of 1 clause" in text
    assert "judged no longer" not in text


def test_implementations_are_matched_by_name(diff: Any) -> None:
    """In another order, one gone and one new: the one that is gone is worse."""
    right, wrong = result(Verdict.PASS), result(Verdict.FAIL)
    old = [report(right, name="a"), report(wrong, name="b"), report(right, name="c")]
    code, text = diff(old, [report(wrong, name="b"), report(right, name="a"), report(right, name="d")])
    assert code == 1
    assert "a: no worse than before" in text
    assert "b: no worse than before" in text
    assert "c: gone: it was judged in /old alone" in text
    assert "d: new: it is judged in /new alone" in text
    code, _ = diff(old[:1], [*old])
    assert code == 0


def test_one_implementation_under_another_name_is_compared(diff: Any) -> None:
    code, text = diff([report(result(Verdict.PASS), name="a")], [report(result(Verdict.FAIL), name="b")])
    assert code == 1
    assert "implementation a → b" in text


def test_a_clause_that_there_is_no_longer_can_still_be_read(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """An old file is of an old contract."""
    text = jsonlines.render(report(result(Verdict.PASS)))
    (tmp_path / "old").write_text(text.replace(CONTRACT[0].id, "outputs.of-old"), "utf-8")
    (tmp_path / "new").write_text(text, "utf-8")
    assert cli.main(["diff", str(tmp_path / "old"), str(tmp_path / "new")]) == 1
    assert "outputs.of-old" in capsys.readouterr().out


def test_what_an_implementation_says_moves_no_cursor(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Names and messages come from outside; and no line is longer than a screen is wide."""
    hostile = "\x1b[2Jmine\r\u202e" + " and more" * 20
    files = [tmp_path / "old", tmp_path / "new"]
    for file, verdict in zip(files, (Verdict.PASS, Verdict.ERROR), strict=True):
        file.write_text(jsonlines.render(report(result(verdict, reason=hostile), name=hostile)), "utf-8")
    assert cli.main(["diff", "--", *map(str, files)]) == 1
    told = capsys.readouterr().out
    assert all(line.isprintable() for line in told.splitlines())
    assert max(len(line) for line in told.replace(str(tmp_path), "").splitlines()) <= 80
    assert "\\x1b[2Jmine \\u202e" in told


@pytest.mark.parametrize("spoil", [lambda text: text[:-40], lambda text: "", lambda text: text.replace("reason", "r")])
def test_4_what_is_no_whole_report_is_refused(spoil: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """In one line that names the file."""
    text = jsonlines.render(report(result(Verdict.FAIL)))
    (tmp_path / "old").write_text(text, "utf-8")
    (tmp_path / "new").write_text(spoil(text), "utf-8")
    assert cli.main(["diff", str(tmp_path / "old"), str(tmp_path / "new")]) == 4
    told = capsys.readouterr().err
    assert str(tmp_path / "new") in told
    assert len(told.strip().splitlines()) == 1
