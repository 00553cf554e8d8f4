"""The benchmark runs; what it measures is told and never asserted."""

from __future__ import annotations

import pytest

from conformance import cli


def test_the_benchmark_tells_its_ratios(capsys: pytest.CaptureFixture[str]) -> None:
    """Of the smallest selection: every line is there."""
    assert cli.main(["benchmark", "reference", "--tier", "smoke", "--area", "shapes", "--workers", "2"]) == 0
    told = capsys.readouterr().out
    lines = (
        "import conformance",
        "comparisons a second",
        "bare calls",
        "suite / bare calls",
        "one worker / 2",
        "bare loop",
    )
    assert [line for line in lines if line not in told] == []
