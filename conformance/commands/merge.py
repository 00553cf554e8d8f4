"""`dense-conformance merge`: joins the shards of one run into the report of the whole, and refuses anything less."""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from conformance.api import UsageError, waiving
from conformance.commands.run import worst
from conformance.contract import CONTRACT
from conformance.reports import jsonlines, terminal
from conformance.reports.jsonlines import ReportError
from conformance.results import Report, Shard, note_errata
from conformance.run import Ran, Selection, plan, report, shard_numbers
from conformance.screen import wants_colour
from conformance.session import Planned
from conformance.waivers.application import apply
from reference.dialects import DIALECTS


@dataclass(frozen=True)
class Part:
    """What one file tells of one implementation. suite: the version that wrote it."""

    file: str
    report: Report
    suite: str


#: What the parts of one run have in common, by the words of a refusal.
COMMON: Mapping[str, Callable[[Part], Any]] = {
    "implementation": lambda part: part.report.implementation,
    "level": lambda part: f"{part.report.level}{', claimed' if part.report.claimed else ''}",
    "tier": lambda part: str(part.report.tier),
    "seed": lambda part: part.report.seed,
    "oracle": lambda part: ", ".join(f"{name} {version}" for name, version in part.report.oracle.items()),
    "dialect": lambda part: part.report.dialect,
    "areas": lambda part: ", ".join(part.report.areas) or "all",
    "case pattern": lambda part: part.report.case or "none",
    "version of the suite": lambda part: part.suite,
    "number of shards": lambda part: _shard(part).of,
}


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = subparsers.add_parser(
        "merge",
        help="join the shards of a run",
        description="Joins what `run --shard I/N --json FILE` wrote into the report of the whole run, held to its "
        "floor again: the verdict and the exit code are those of a run without shards. Refuses, with exit code 4, what "
        "is no whole run.",
    )
    parser.add_argument("files", nargs="+", type=Path, metavar="FILE", help="the JSON Lines of one shard")
    parser.add_argument(
        "--waivers", type=Path, metavar="FILE", help="known failures of one implementation, applied to the whole"
    )
    parser.add_argument("--output", type=Path, metavar="FILE", help="write the JSON Lines of the whole run there")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    waived = waiving(arguments.waivers)
    reports = merged([(str(file), jsonlines.text_of(file)) for file in arguments.files])
    if arguments.waivers and len(reports) > 1:
        raise UsageError("--waivers is a file of one implementation's known failures, and these are runs of several")
    reports = tuple(apply(each, waived) for each in reports)
    for each in reports:
        print(terminal.render(each, colour=wants_colour("auto", sys.stdout)))
    if arguments.output:
        arguments.output.write_text(jsonlines.render_all(reports), "utf-8")
    return int(worst(reports))


def merged(texts: Sequence[tuple[str, str]]) -> tuple[Report, ...]:
    """The reports of the whole run, one for each implementation. texts: of each shard its file's name and content.

    Raises ReportError, which names the file, for what does not belong together or is not whole.
    """
    read = [_parts(file, text) for file, text in texts]
    first = read[0]
    for parts in read:
        if len(parts) != len(first):
            raise ReportError(
                f"{parts[0].file} tells of {len(parts)} implementations and {first[0].file} of {len(first)}: "
                f"they are of different runs"
            )
    return tuple(_joined(parts) for parts in zip(*read, strict=True))


def _parts(file: str, text: str) -> list[Part]:
    try:
        records = jsonlines.read(text)
        return [Part(file, jsonlines.report_of(each), str(each[0]["suite"])) for each in records]
    except ReportError as failure:
        raise ReportError(f"{file}: {failure}") from None


def _joined(parts: Sequence[Part]) -> Report:
    for refusal in (*_not_of_one_run(parts), *_not_whole(parts)):
        raise ReportError(refusal)
    first = parts[0].report
    planned = _planned(parts[0])
    for refusal in _not_as_planned(parts, planned):
        raise ReportError(refusal)
    results = {result.case.id: result for part in parts for result in part.report.results}
    errata: dict[str, bool] = {}
    for part in parts:
        note_errata(errata, part.report.errata)
    whole = report(
        Ran(
            first.implementation,
            first.level,
            first.claimed,
            first.tier,
            first.seed,
            first.oracle,
            first.dialect,
            not first.areas and not first.case,
            first.areas,
            first.case,
            version=first.version,
        ),
        [results[each.case.id] for each in planned if each.case.id in results],
        errata=errata,
    )
    return replace(whole, naming=first.naming, placed=first.placed, **_studied(parts))


def _studied(parts: Sequence[Part]) -> dict[str, Any]:
    """What each shard found besides results: all of it, the first shard's first, nothing twice."""
    reports = [part.report for part in sorted(parts, key=lambda part: _shard(part).number)]
    smallest = {clause: result for each in reversed(reports) for clause, result in each.smallest.items()}
    return {
        "smallest": {clause.id: smallest[clause.id] for clause in CONTRACT if clause.id in smallest},
        "diagnoses": tuple(dict.fromkeys(diagnosis for each in reports for diagnosis in each.diagnoses)),
        "complaints": tuple(dict.fromkeys(complaint for each in reports for complaint in each.complaints)),
    }


def _planned(part: Part) -> tuple[Planned, ...]:
    """The cases of the whole run."""
    ran = part.report
    dialect = next((each for each in DIALECTS if each.name == ran.dialect), None)
    if dialect is None:
        raise ReportError(f"{part.file} is of the dialect {ran.dialect!r}, which this version does not have")
    return plan(Selection(None, ran.tier, ran.areas, ran.case, ran.seed), dialect)


def _shard(part: Part) -> Shard:
    if part.report.shard is None:
        raise ReportError(f"{part.file} is no shard: it is of a whole run, or of a selection; there is nothing to join")
    return part.report.shard


def _not_of_one_run(parts: Sequence[Part]) -> Iterator[str]:
    first = parts[0]
    for part in parts:
        for what, of in COMMON.items():
            if of(part) != of(first):
                yield (
                    f"{part.file} does not belong to {first.file}: its {what} is {of(part)!r}, and not {of(first)!r}"
                )


def _not_whole(parts: Sequence[Part]) -> Iterator[str]:
    files: dict[int, str] = {}
    for part in parts:
        number = _shard(part).number
        if number in files:
            yield f"{part.file} and {files[number]} are both shard {_shard(part)}: give each shard once"
        if part.report.stopped_early:
            yield f"{part.file} was stopped at its first failure: run shard {_shard(part)} again, to its end"
        files[number] = part.file
    of = _shard(parts[0]).of
    missing = [str(Shard(number, of)) for number in range(1, of + 1) if number not in files]
    if missing:
        yield f"shard {', '.join(missing)} is missing beside {', '.join(files.values())}: give all of them"


def _not_as_planned(parts: Sequence[Part], planned: Sequence[Planned]) -> Iterator[str]:
    """Whether each shard has the cases that it is to have, once each: all of its level, and some of those beyond."""
    numbers = shard_numbers(planned, _shard(parts[0]).of)
    for part in parts:
        own = {each.case.id: each for each in planned if numbers[each.case.question.layer] == _shard(part).number}
        had = Counter(result.case.id for result in part.report.results)
        twice = [case for case, times in had.items() if times > 1]
        foreign = [case for case in had if case not in own]
        missing = [case for case, each in own.items() if each.clause.level <= part.report.level and case not in had]
        for cases, fault in ((twice, "is in it twice"), (foreign, "is not of this shard"), (missing, "is missing")):
            if cases:
                yield f"{part.file}, shard {_shard(part)}: {cases[0]} {fault} ({len(cases)} such cases)"
