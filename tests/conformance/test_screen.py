"""The terminal: whose output is whose, progress, colour, and nothing that is too wide or moves a cursor."""

from __future__ import annotations

import io
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from conformance import cli
from conformance.answers import Level
from conformance.cases import Case, Question, Tier, pattern
from conformance.compare import Comparison
from conformance.contract import CONTRACT
from conformance.reports import terminal
from conformance.results import Diagnosis, Report, Result, Verdict
from conformance.run import catalogue
from conformance.screen import progress, wants_colour
from reference.config import DenseConfig
from reference.dialects import DIALECTS

NOISY = """
import ctypes
import os
import subprocess


def right(inputs, kernel, bias, activation):
    print("noise from Python")
    os.write(1, b"noise from the descriptor\\n")
    ctypes.CDLL(None).printf(b"noise from C\\n")
    subprocess.run(["echo", "noise from a process"])
    outputs = inputs @ kernel
    return outputs if bias is None else outputs + bias
"""
FEW = ["--case", "outputs.affine[linear-rank2-float*]", "--oracle", "recorded"]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "layers.py"
    path.write_text(NOISY, "utf-8")
    return path


def ran(*words: str, **variables: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "conformance", *words],
        capture_output=True,
        text=True,
        check=False,
        # with this set, Python has C keep nothing back
        env={name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"} | variables,
    )


# ---- whose output is whose -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("workers", ["1", "2"])
@pytest.mark.skipif(sys.platform == "win32", reason="a C library is looked for under another name")
def test_what_an_implementation_prints_is_kept_out_of_the_report(file: Path, workers: str) -> None:
    """From Python, by the descriptor, from C, which keeps it back until its buffer is flushed, and by a child."""
    done = ran("run", f"{file}:right", *FEW, "--workers", workers)
    assert done.returncode == 0
    assert "0 failed" in " ".join(done.stdout.split())
    assert "noise" not in done.stdout
    for source in ("Python", "the descriptor", "C", "a process"):
        assert f"noise from {source}" in done.stderr


@pytest.mark.skipif(sys.platform == "win32", reason="a shell of another kind")
def test_a_run_without_standard_output_is_a_run(file: Path, tmp_path: Path) -> None:
    """A service may have closed it."""
    target = tmp_path / "report.jsonl"
    command = (
        f'"{sys.executable}" -m conformance run "{file}:right" --case affine --oracle recorded --json "{target}" >&-'
    )
    done = subprocess.run(command, shell=True, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert '"kind": "footer"' in target.read_text("utf-8")


def test_signs_that_cannot_be_printed_are_no_failure(file: Path, tmp_path: Path) -> None:
    """A terminal of ASCII alone: what it cannot show is written as its escape."""
    target = tmp_path / "report.jsonl"
    assert cli.main(["run", f"{file}:right", *FEW, "-q", "--json", str(target)]) == 0
    done = ran("diff", str(target), str(target), PYTHONIOENCODING="ascii")
    assert done.returncode == 0
    assert r"\u2192" in done.stdout


# ---- colour --------------------------------------------------------------------------------------------------------


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(
    ("choice", "variables", "on_terminal", "elsewhere"),
    [
        ("auto", {}, True, False),
        ("auto", {"NO_COLOR": "1"}, False, False),
        ("auto", {"NO_COLOR": ""}, True, False),
        ("auto", {"FORCE_COLOR": "1"}, True, True),
        ("auto", {"FORCE_COLOR": "1", "NO_COLOR": "1"}, False, False),
        ("auto", {"TERM": "dumb"}, False, False),
        ("always", {"NO_COLOR": "1"}, True, True),
        ("never", {"FORCE_COLOR": "1"}, False, False),
    ],
    ids=str,
)
def test_colour_is_where_it_is_wanted(
    choice: str, variables: dict[str, str], on_terminal: bool, elsewhere: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("NO_COLOR", "FORCE_COLOR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TERM", "xterm")
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert wants_colour(choice, Terminal()) is on_terminal
    assert wants_colour(choice, io.StringIO()) is elsewhere
    assert wants_colour(choice, None) is elsewhere


def test_the_option_colours_a_report(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The one that is asked for has codes; the one that is not has none."""
    for choice, count in (("always", True), ("never", False)):
        assert cli.main(["run", f"{file}:right", *FEW, "-v", "--color", choice]) == 0
        assert ("\x1b[" in capsys.readouterr().out) is count


# ---- progress ------------------------------------------------------------------------------------------------------


def ticking(seconds: float) -> Iterator[float]:
    now = 0.0
    while True:
        yield now
        now += seconds


def lines_of(seconds: float, questions: int, capsys: pytest.CaptureFixture[str]) -> list[str]:
    """What is written of a run whose every question takes so long, where nobody watches."""
    clock = ticking(seconds)
    with progress(clock=lambda: next(clock)) as show:
        for done in range(1, questions + 1):
            show(done, questions)
    captured = capsys.readouterr()
    assert captured.out == ""
    return captured.err.splitlines()


def test_a_long_run_says_each_tenth(capsys: pytest.CaptureFixture[str]) -> None:
    """Two questions a second: 200 of them take 100 seconds; the end is told by the report."""
    lines = lines_of(0.5, 200, capsys)
    assert len(lines) == 9
    assert lines[0] == "20 of 200 questions (10 %), 2 a second, 90 s to go"
    assert lines[-1] == "180 of 200 questions (90 %), 2 a second, 10 s to go"


def test_a_run_is_not_told_of_more_often_than_every_five_seconds(capsys: pytest.CaptureFixture[str]) -> None:
    """20 seconds in all, so a tenth is 2."""
    assert [line.split(" questions")[0] for line in lines_of(0.1, 200, capsys)] == [
        "51 of 200",
        "102 of 200",
        "153 of 200",
    ]


def test_a_short_run_says_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    assert lines_of(0.01, 200, capsys) == []


def test_a_terminal_has_a_bar_with_rate_and_remaining_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """And in the end it is gone; a quiet run has none."""
    screen = Terminal()
    monkeypatch.setattr(sys, "stderr", screen)
    monkeypatch.setattr("tqdm.tqdm.monitor_interval", 0)
    with progress() as show:
        for done in range(1, 4):
            show(done, 4)
        told = screen.getvalue()
    assert "/4 [" in told or "?" in told
    assert "questions/s" in screen.getvalue()
    assert screen.getvalue().rpartition("\r")[0].endswith(" ")
    quiet = Terminal()
    monkeypatch.setattr(sys, "stderr", quiet)
    with progress(quiet=True) as show:
        show(1, 2)
    assert quiet.getvalue() == ""


# ---- how much, and how wide ----------------------------------------------------------------------------------------


def test_verbose_tells_every_case(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """In the contract's order, before the report."""
    assert cli.main(["run", f"{file}:right", "--case", "outputs.affine*rank2", "--oracle", "recorded", "-v"]) == 0
    lines = capsys.readouterr().out.splitlines()
    cases = lines[: lines.index("")]
    assert cases[0] == "pass            outputs.affine[linear-rank2-float32]"
    asked = [each for each in catalogue(DIALECTS[-1]) if pattern("outputs.affine*rank2").search(each.case.id)]
    assert len(cases) == len(asked) > 1
    assert lines[len(cases) + 1].startswith("area")


def test_4_verbose_and_quiet_exclude_each_other(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="4"):
        cli.main(["run", "-q", "-v"])
    assert "not allowed with argument" in capsys.readouterr().err


def test_what_an_implementation_says_moves_no_cursor_and_fits() -> None:
    """Names, values and messages come from outside; only what cannot be broken is wider than a screen."""
    hostile = "\x1b[2J\x1b]0;owned\x07 line\none\u202e " + "and more " * 30
    case = Case(CONTRACT[0].id, Question("call", DenseConfig(11), (5, 7)))
    missed = Comparison("outputs", holds=False, got=hostile, allowed=hostile, ratio=3.0, misses=1, size=2)
    results = (
        Result(case, CONTRACT[0], Verdict.FAIL, (missed,), hostile),
        Result(case, CONTRACT[1], Verdict.SUITE_ERROR, (), hostile),
    )
    report = Report(hostile, Level.INFERENCE, Tier.SMOKE, results, 2, 2)
    lines = [*terminal.render(report).splitlines(), *terminal.verdicts(report).splitlines()]
    assert [line for line in lines if not line.isprintable()] == []
    assert [line for line in lines if len(line) > 80 and not line.startswith("  repeat ")] == []
    assert any("\\x1b[2J" in line for line in lines)


def test_likely_causes_are_told_just_above_the_conclusion() -> None:
    """One that is named, and what no defect explains; what an implementation is called moves no cursor."""
    named = Diagnosis("bias-dropped", "The bias\x1b[2J is dropped.", "6 of 6 outputs match it", ("a", "b"))
    unknown = Diagnosis("", "3 cases of shapes fail.", "no defect that is known explains them", ("c",))
    told = Report("x", Level.INFERENCE, Tier.SMOKE, (), 10, 20, diagnoses=(named, unknown))
    lines = terminal.render(told).splitlines()
    at = lines.index("likely cause: The bias\\x1b[2J is dropped. (2 failed cases)")
    assert lines[at + 1 : at + 4] == [
        "  6 of 6 outputs match it",
        "unexplained: 3 cases of shapes fail. (1 failed case)",
        "  no defect that is known explains them",
    ]
    assert lines[at + 5].startswith("x: 0 / 10 / 20 cases")
