"""The scoreboard: every failure has a reason that is known, every known reason is still seen, and the pages say so."""

from __future__ import annotations

from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pytest

from conformance import cli
from conformance.answers import Declaration
from conformance.api import check
from conformance.cases import pattern
from conformance.implementations import frameworks
from conformance.results import Report
from conformance.run import catalogue
from conformance.scoreboard import board, pages
from conformance.scoreboard.board import BoardError, Row
from conformance.scoreboard.differences import (
    FOLDER,
    Difference,
    DifferencesError,
    explain,
    known,
    parsed,
)
from reference.dialects import DIALECTS

FINDINGS = Path(__file__).parent.parent.parent / "docs" / "findings"
LEAKY = Difference(("*[leaky_relu-*",), "definition", "a slope of 0.01", "its page")


@pytest.fixture(scope="module")
def report() -> Report:
    """Of a function with a leaky slope of its own and without every other activation but one that is wrong."""

    def dense(inputs, kernel, bias, activation):  # type: ignore[no-untyped-def]  # as a user writes it
        if activation not in ("linear", "relu", "leaky_relu"):
            raise NotImplementedError(activation)
        z = inputs @ kernel if bias is None else inputs @ kernel + bias
        slope = inputs.dtype.type({"linear": 1, "relu": 0, "leaky_relu": 0.01}[activation])
        outputs = z.copy()
        outputs[z < 0] *= slope
        return outputs

    return check(dense, tier="smoke", areas=["outputs", "shapes"], oracle="recorded")


@pytest.fixture(scope="module")
def made(report: Report) -> Row:
    return board.row(report, Declaration(version="1.0"), explain(report.results, [LEAKY]), "2026-11-24")


def test_a_failure_is_explained_by_a_difference_that_names_its_case(report: Report) -> None:
    found = explain(report.results, [LEAKY])
    assert set(found.explained) == {LEAKY}
    assert len(found.explained[LEAKY]) == len(report.accusations) > 2
    assert (found.unexplained, found.stale) == ((), ())


def test_a_failure_without_a_reason_is_told(report: Report) -> None:
    found = explain(report.results, [])
    assert len(found.unexplained) == len(report.accusations)


def test_a_reason_that_is_not_seen_any_more_is_told(report: Report) -> None:
    """But for one that another processor is needed for."""
    gone = Difference(("*[gelu-*",), "definition", "gelu by tanh", "its page")
    assert explain(report.results, [LEAKY, gone]).stale == ("*[gelu-*: gelu by tanh",)
    assert explain(report.results, [LEAKY, replace(gone, seen_on="AVX-512")]).stale == ()


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("[[difference", "x.toml: "),
        ("other = 1", r"expected \[\[difference\]\] alone"),
        ('[[difference]]\ncases = ["*"]', "difference 1: .*says"),
        ('[[difference]]\ncases = ["*"]\nkind = "bug"\nsays = ""\nsource = ""', "kind must be one of"),
        ('[[difference]]\ncases = ["*"]\nkind = "finding"\nsays = ""\nsource = ""', "a finding has a reproduction"),
    ],
)
def test_a_file_that_is_not_as_it_should_be_says_where(text: str, complaint: str) -> None:
    with pytest.raises(DifferencesError, match=complaint):
        parsed(text, "x.toml")


def test_every_file_of_differences_is_of_a_framework_and_can_be_read() -> None:
    names = {Path(str(each)).stem for each in FOLDER.iterdir()}
    assert names <= set(frameworks.NAMES)
    assert [known(name) for name in names]
    assert known("no_such_framework") == ()


def test_every_finding_has_its_script_and_every_script_its_finding() -> None:
    told = {each.reproduction for name in frameworks.NAMES for each in known(name) if each.reproduction}
    assert told == {path.name for path in FINDINGS.iterdir() if path.suffix in (".py", ".mjs")}


def test_no_pattern_explains_very_much() -> None:
    """It would hide the next defect."""
    ids = [each.case.id for each in catalogue(DIALECTS[-1])]
    patterns = {each for name in frameworks.NAMES for one in known(name) for each in one.cases}
    wide = [each for each in patterns if sum(bool(pattern(each).fullmatch(id)) for id in ids) > len(ids) / 3]
    assert wide == []


def test_rows_come_back_from_json(made: Row) -> None:
    assert board.from_json(board.to_json([made])) == [made]


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"format": 99, "rows": []}', '{"format": 1, "rows": [{}]}'])
def test_what_is_no_scoreboard_is_refused(text: str) -> None:
    with pytest.raises(BoardError):
        board.from_json(text)


def test_a_row_replaces_the_one_before_and_leaves_the_others(made: Row) -> None:
    other = replace(made, implementation="another")
    rows = board.merged([made, other], [replace(made, version="2.0")])
    assert [(each.implementation, each.version) for each in rows] == [("another", "1.0"), ("dense", "2.0")]


def test_the_page_tells_every_cause_and_what_has_none(made: Row) -> None:
    page = pages.markdown([replace(made, unexplained=("outputs.affine[linear]",))])
    assert f"- definition, {made.causes[0].cases} cases: a slope of 0.01 (its page)." in page
    assert "not explained: `outputs.affine[linear]`" in page
    assert "| dense 1.0 |" in page


class Tags(HTMLParser):
    """Which elements a page has."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: set[str] = set()
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: object) -> None:
        self.found.add(tag)


def test_a_hostile_name_is_text_on_the_page(made: Row) -> None:
    hostile = replace(made, implementation="<script>alert(1)</script>", version='"><img src=x>')
    assert Tags(pages.html([hostile])).found == Tags(pages.html([made])).found


def test_the_pages_of_the_repository_are_those_of_its_rows() -> None:
    """scoreboard.json is what `dense-conformance scoreboard --folder docs` wrote last; the README shows its summary."""
    docs = FINDINGS.parent
    rows = board.from_json((docs / "scoreboard.json").read_text("utf-8"))
    assert (docs / "scoreboard.md").read_text("utf-8") == pages.markdown(rows)
    assert (docs / "scoreboard.html").read_text("utf-8") == pages.html(rows)
    assert pages.summary(rows) in (docs.parent / "README.md").read_text("utf-8")
    assert all(row.unexplained == () for row in rows)
    assert {row.implementation for row in rows} <= set(frameworks.NAMES)


def test_the_command_refuses_what_it_does_not_know(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["scoreboard", "no_such"]) == 4
    assert cli.main(["scoreboard", "torch", "--folder", str(tmp_path / "nowhere")]) == 4
    told = capsys.readouterr().err
    assert "no framework no_such; there are" in told
    assert "there is no folder" in told
