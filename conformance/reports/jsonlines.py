"""The report for machines: JSON Lines with a header, one line for each result, and a footer that counts them.

The form is published in `schema.json` beside this file. A file without its footer, or with another number of results,
is truncated: `read` refuses it. Several implementations follow one another, each with a header and a footer of its
own.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from conformance import __version__
from conformance.answers import Level
from conformance.cases import Case, Tier
from conformance.compare import Comparison
from conformance.contract import CONTRACT
from conformance.contract.clause import Clause
from conformance.results import Diagnosis, Floor, Report, Result, Shard, Verdict

#: Of the form; raised when a field changes its meaning or goes away.
SCHEMA_VERSION = 1


class ReportError(ValueError):
    """A file that is no complete report."""


def render(report: Report) -> str:
    """The lines of one report."""
    records = [_header(report), *(result_record(result) for result in report.results), _footer(report)]
    return "".join(json.dumps(record, allow_nan=False) + "\n" for record in records)


def read(text: str) -> list[list[dict[str, Any]]]:
    """The records of every report in a file: header, results, footer. Raises ReportError for anything incomplete."""
    reports: list[list[dict[str, Any]]] = []
    open_report: list[dict[str, Any]] | None = None
    for number, line in enumerate(text.splitlines(), start=1):
        record = _parsed(line, number)
        if record["kind"] == "header":
            _expect(open_report is None, f"line {number} is a header, but the report before it has no footer")
            version = record.get("schema")
            _expect(version == SCHEMA_VERSION, f"schema {version!r} is not {SCHEMA_VERSION}, the one that is read here")
            open_report = [record]
            continue
        _expect(open_report is not None, f"line {number} is a {record['kind']} without a header before it")
        assert open_report is not None
        open_report.append(record)
        if record["kind"] == "footer":
            told, found = record.get("results"), len(open_report) - 2
            _expect(told == found, f"the footer in line {number} tells of {told} results, but there are {found}")
            reports.append(open_report)
            open_report = None
    _expect(open_report is None, "the last report has no footer: the file is truncated")
    _expect(bool(reports), "there is no report in it")
    return reports


def text_of(file: Path) -> str:
    """What a file holds. Raises ReportError, as `read` does for its content, where there is no text to be read."""
    try:
        return file.read_text("utf-8")
    except OSError as failure:
        raise ReportError(f"{file}: {failure.strerror}; give a file that `run --json` wrote") from None
    except UnicodeDecodeError:
        raise ReportError(f"{file} is no text; give a file that `run --json` wrote") from None


def _parsed(line: str, number: int) -> dict[str, Any]:
    try:
        record = json.loads(line)
    except json.JSONDecodeError as failure:
        raise ReportError(f"line {number} is not JSON ({failure.msg}): the file is truncated or no report") from None
    kinds = ("header", "result", "footer")
    _expect(isinstance(record, dict) and record.get("kind") in kinds, f"line {number} is none of {', '.join(kinds)}")
    parsed: dict[str, Any] = record
    return parsed


def _expect(holds: bool, otherwise: str) -> None:
    if not holds:
        raise ReportError(otherwise)


def _header(report: Report) -> Mapping[str, Any]:
    return {
        "kind": "header",
        "schema": SCHEMA_VERSION,
        "implementation": report.implementation,
        "level": str(report.level),
        "claimed": report.claimed,
        "tier": str(report.tier),
        "seed": report.seed,
        "oracle": dict(report.oracle),
        "dialect": report.dialect,
        "areas": list(report.areas),
        "case": report.case,
        "shard": None if report.shard is None else asdict(report.shard),
        "floor": None if report.floor is None else asdict(report.floor),
        "suite": __version__,
        "version": report.version,
        "naming": report.naming,
        "placed": report.placed,
    }


def result_record(result: Result) -> dict[str, Any]:
    """One result as plain data."""
    return {
        "kind": "result",
        **result.case.to_json(),
        "requirement": result.clause.requirement.value,
        "verdict": result.verdict.value,
        "reason": result.reason,
        "erratum": result.erratum,
        "answers_as": result.answers_as,
        "grade": result.grade,
        "raised": result.raised,
        "waived": result.waived and result.waived.value,
        "remark": result.remark,
        "comparisons": [_comparison(comparison) for comparison in result.comparisons],
    }


def result_of(record: Mapping[str, Any], clauses: Mapping[str, Clause]) -> Result:
    """The result that `result_record` made the record of. Raises KeyError for a clause that there is not."""
    comparisons = tuple(_comparison_of(each) for each in record["comparisons"])
    return Result(
        Case.from_json(record),
        clauses[record["clause"]],
        Verdict(record["verdict"]),
        comparisons,
        record["reason"],
        record["erratum"],
        record["answers_as"],
        record["grade"],
        record["raised"],
        record["waived"] and Verdict(record["waived"]),
        record["remark"],
    )


def report_of(records: Sequence[Mapping[str, Any]]) -> Report:
    """The report that `render` made these records of, header to footer, but for its seconds, which are not told.

    Raises ReportError for records of another form, and for a clause or an argument that this version does not have.
    """
    header, *told, footer = records
    clauses = {clause.id: clause for clause in CONTRACT}
    try:
        return Report(
            implementation=header["implementation"],
            level=Level[header["level"].upper()],
            tier=Tier[header["tier"].upper()],
            results=tuple(result_of(each, clauses) for each in told),
            applicable=footer["applicable"],
            catalogue=footer["catalogue"],
            oracle=header["oracle"],
            dialect=header["dialect"],
            seed=header["seed"],
            claimed=header["claimed"],
            floor=None if header["floor"] is None else Floor(**header["floor"]),
            areas=tuple(header["areas"]),
            case=header["case"],
            shard=None if header["shard"] is None else Shard(**header["shard"]),
            errata=footer["errata_seen"],
            stopped_early=footer["stopped_early"],
            smallest={each["clause"]: result_of(each, clauses) for each in footer["smallest"]},
            diagnoses=tuple(Diagnosis(**{**each, "cases": tuple(each["cases"])}) for each in footer["diagnoses"]),
            complaints=tuple(footer["complaints"]),
            version=header["version"],
            naming=header["naming"],
            placed=header["placed"],
        )
    except (KeyError, TypeError, ValueError) as failure:
        suite = header.get("suite", "an earlier version")
        raise ReportError(
            f"written by {suite} of the suite, this is {__version__}: not of its form, or of another contract "
            f"({type(failure).__name__}: {failure})"
        ) from None


def _comparison_of(record: Mapping[str, Any]) -> Comparison:
    ratio = math.inf if record["ratio"] is None else record["ratio"]
    lists = {name: tuple(record[name]) for name in ("place", "directions")}
    return Comparison(**{**record, **lists, "ratio": ratio})


def _comparison(comparison: Comparison) -> Mapping[str, Any]:
    return {
        "name": comparison.name,
        "holds": comparison.holds,
        "got": comparison.got,
        "allowed": comparison.allowed,
        "ratio": comparison.ratio if math.isfinite(comparison.ratio) else None,
        "place": list(comparison.place),
        "misses": comparison.misses,
        "size": comparison.size,
        "unclaimed": comparison.unclaimed,
        "directions": list(comparison.directions),
    }


def _footer(report: Report) -> Mapping[str, Any]:
    reached = report.level_reached
    return {
        "kind": "footer",
        "results": len(report.results),
        "conforms": report.conforms,
        "exit_code": int(report.exit_code),
        "stopped_early": report.stopped_early,
        "level_reached": None if reached is None else str(reached),
        "executed": report.executed,
        "applicable": report.applicable,
        "catalogue": report.catalogue,
        "comparisons": report.comparisons,
        "counts": {verdict.value: count for verdict, count in report.counts.items()},
        "grades": dict(report.grades),
        "errata_seen": {erratum: bool(seen) for erratum, seen in report.errata.items()},
        "smallest": [result_record(result) for result in report.smallest.values()],
        "diagnoses": [asdict(diagnosis) for diagnosis in report.diagnoses],
        "complaints": list(report.complaints),
    }


def render_all(reports: Iterable[Report]) -> str:
    """One file for several implementations."""
    return "".join(render(report) for report in reports)
