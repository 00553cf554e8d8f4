"""The rows of the scoreboard: one for each implementation, as plain data that JSON can say."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

from conformance.answers import Declaration
from conformance.results import Report, Verdict
from conformance.scoreboard.differences import Explained

#: Of the file; raised when a field changes its meaning.
FORMAT = 1


class BoardError(ValueError):
    """A file that is no scoreboard."""


@dataclass(frozen=True)
class Score:
    """Cases of one area. failed: with a verdict that accuses."""

    passed: int
    failed: int
    not_applicable: int


@dataclass(frozen=True)
class Cause:
    """One difference of a row, and how many cases it fails."""

    kind: str
    says: str
    source: str
    reproduction: str
    cases: int


@dataclass(frozen=True)
class Row:
    """What one version of an implementation came to on one day. oracle: who it was judged by, with versions.

    grades: the worst that it reached where it is right, by dtype. unexplained: failed cases that no known difference
    explains.
    """

    implementation: str
    version: str
    device: str
    profile: str
    date: str
    tier: str
    level: str
    oracle: Mapping[str, str]
    executed: int
    applicable: int
    comparisons: int
    areas: Mapping[str, Score]
    grades: Mapping[str, str]
    causes: tuple[Cause, ...]
    unexplained: tuple[str, ...]


def row(report: Report, declares: Declaration, explained: Explained, date: str) -> Row:
    """date: of the run, as ISO 8601 has it."""
    areas = {}
    for area in dict.fromkeys(result.clause.area for result in report.results):
        verdicts = [result.verdict for result in report.results if result.clause.area == area]
        areas[area] = Score(
            verdicts.count(Verdict.PASS), sum(each.accuses for each in verdicts), verdicts.count(Verdict.NOT_APPLICABLE)
        )
    causes = [
        Cause(each.kind, each.says, each.source, each.reproduction, len(cases))
        for each, cases in explained.explained.items()
    ]
    reached = report.level_reached
    return Row(
        implementation=report.implementation,
        version=declares.version,
        device=declares.device,
        profile=declares.profile,
        date=date,
        tier=str(report.tier),
        level="none" if reached is None else str(reached),
        oracle=report.oracle,
        executed=report.executed,
        applicable=report.applicable,
        comparisons=report.comparisons,
        areas=areas,
        grades=replace(report, results=tuple(each for each in report.results if each.verdict is Verdict.PASS)).grades,
        causes=tuple(sorted(causes, key=lambda cause: (cause.kind, -cause.cases))),
        unexplained=explained.unexplained,
    )


def merged(before: Iterable[Row], now: Iterable[Row]) -> list[Row]:
    """By name; a row of now replaces what its implementation came to before."""
    rows = {each.implementation: each for each in (*before, *now)}
    return [rows[name] for name in sorted(rows)]


def to_json(rows: Iterable[Row]) -> str:
    return json.dumps({"format": FORMAT, "rows": [asdict(each) for each in rows]}, indent=1) + "\n"


def from_json(text: str) -> list[Row]:
    """Raises BoardError for a text that `to_json` did not write."""
    try:
        board = json.loads(text)
        if board["format"] != FORMAT:
            raise BoardError(f"the scoreboard has format {board['format']!r}, and this version reads {FORMAT}")
        return [_row(each) for each in board["rows"]]
    except (ValueError, KeyError, TypeError) as failure:
        raise BoardError(f"this is no scoreboard: {failure}") from None


def _row(record: Mapping[str, Any]) -> Row:
    areas = {area: Score(**score) for area, score in record["areas"].items()}
    causes = tuple(Cause(**cause) for cause in record["causes"])
    return Row(**{**record, "areas": areas, "causes": causes, "unexplained": tuple(record["unexplained"])})
