"""A file of waivers: what is wrong in it is told with its line and key, and the page tells all that it can say."""

from __future__ import annotations

import datetime
import re
from pathlib import Path

import pytest

from conformance import cli
from conformance.waivers.application import Waiving, file_complaints
from conformance.waivers.coverage import WIDEST
from conformance.waivers.file import WaiverError, parsed, read
from conformance.waivers.waiver import Symptom, Waiver
from tests.waived_reports import DIALECT, GOOD, entry

PAGE = Path(__file__).parent.parent.parent.parent / "docs" / "waivers.md"


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
