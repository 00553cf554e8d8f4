"""`dense-conformance waivers`: checks a file of known failures, and brings it up to date with a run."""

from __future__ import annotations

import argparse
import contextlib
import datetime
import sys
from dataclasses import replace
from pathlib import Path

from conformance.answers import Level
from conformance.api import UsageError, selection
from conformance.cases import Tier
from conformance.reports import jsonlines, terminal
from conformance.reports.jsonlines import ReportError
from conformance.results import ExitCode, Report
from conformance.waivers.application import Waiving, apply, file_complaints, unsettled
from conformance.waivers.file import parsed, read
from conformance.waivers.update import updated
from conformance.workers import Errand, run_errand
from reference.dialects import DIALECTS

#: How long an entry holds that nobody has looked into.
DAYS = 30


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = subparsers.add_parser(
        "waivers",
        help="check a file of known failures, or bring it up to date",
        description="waivers check FILE [--dialect NAME]: verifies a file alone. waivers update FILE (--from RUN | "
        "IMPLEMENTATION) [--days N]: brings it up to date with a run. The file: docs/waivers.md.",
    )
    actions = parser.add_subparsers(metavar="ACTION", required=True)
    _add_check(actions)
    _add_update(actions)


def _add_check(actions: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = actions.add_parser(
        "check",
        help="verify a file alone",
        description="Verifies keys, dates and patterns. Exit codes: 0 good, 1 out of date, 4 it cannot be used.",
    )
    parser.add_argument("file", type=Path, metavar="FILE")
    parser.add_argument(
        "--dialect",
        choices=[dialect.name for dialect in DIALECTS],
        default=DIALECTS[-1].name,
        help="of the oracle: whose cases the patterns name (default: the newest)",
    )
    parser.set_defaults(run=check)


def _add_update(actions: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = actions.add_parser(
        "update",
        help="bring a file up to date with a run",
        description="Adds an untriaged entry for what fails and is not waived, and takes out what passes now or "
        "matches nothing; entries, comments and their order stay. Exit code 1 where something is left to you: an "
        "entry that has expired, say.",
    )
    parser.add_argument("file", type=Path, metavar="FILE", help="written; begun where there is none")
    parser.add_argument("implementation", nargs="?", metavar="IMPLEMENTATION", help="is run, as `run` does it")
    parser.add_argument("--from", dest="stored", type=Path, metavar="RUN", help="a run of it that --json has written")
    parser.add_argument(
        "--days",
        type=int,
        default=DAYS,
        metavar="N",
        help="after how many days new entries expire (default: %(default)s)",
    )
    parser.add_argument("--level", choices=[str(level) for level in Level], help="as for run")
    parser.add_argument("--tier", choices=[str(tier) for tier in Tier], default="default", help="as for run")
    parser.add_argument("--oracle", default="tensorflow", metavar="NAME", help="as for run")
    parser.add_argument("--workers", type=int, default=1, metavar="N", help="as for run")
    parser.set_defaults(run=update)


def check(arguments: argparse.Namespace) -> int:
    waiving = Waiving(read(arguments.file), datetime.date.today())
    complaints = file_complaints(waiving, arguments.dialect)
    for complaint in complaints:
        print(complaint)
    untriaged = sum(waiver.is_untriaged for waiver in waiving.waivers)
    soonest = min((waiver.expires for waiver in waiving.waivers), default=None)
    ends = f"; the first expires after {soonest}" if soonest else ""
    print(
        f"{arguments.file}: {len(waiving.waivers)} waivers, {untriaged} untriaged, {len(complaints)} complaints{ends}"
    )
    return int(ExitCode.DOES_NOT_CONFORM if complaints else ExitCode.CONFORMS)


def update(arguments: argparse.Namespace) -> int:
    if bool(arguments.implementation) == bool(arguments.stored):
        raise UsageError("waivers update needs an IMPLEMENTATION to run, or --from with a run of it; not both")
    if arguments.days < 1:
        raise UsageError(f"--days must be a positive number, got {arguments.days}")
    file: Path = arguments.file
    waiving = Waiving(read(file) if file.exists() else (), datetime.date.today())
    report = _stored(arguments.stored) if arguments.stored else _run(arguments)
    text = file.read_text("utf-8") if file.exists() else ""
    made = updated(text, waiving, report, days=arguments.days)
    file.write_text(made.text, "utf-8")
    after = apply(report, Waiving(parsed(made.text, str(file)), waiving.today))
    for line in (*made.done, *after.complaints):
        print(line)
    print(f"{file}: {len(made.done)} changed. After it: {terminal.conclusion(after)}")
    return int(after.exit_code)


def _run(arguments: argparse.Namespace) -> Report:
    chosen = selection(arguments.level, tier=arguments.tier)
    with contextlib.redirect_stdout(sys.stderr):
        errand = Errand((arguments.implementation,), chosen, oracle=arguments.oracle)
        (report,) = run_errand(errand, arguments.workers)
    return report


def _stored(path: Path) -> Report:
    """The report that a file holds. Raises ReportError for a file of several, or of another contract."""
    try:
        reports = jsonlines.read(path.read_text("utf-8"))
    except OSError as failure:
        raise ReportError(
            f"{path}: {failure.strerror}; give a file that dense-conformance run --json has written"
        ) from None
    if len(reports) != 1:
        names = ", ".join(str(records[0]["implementation"]) for records in reports)
        raise ReportError(f"{path} holds runs of {names}: waivers are of one implementation; run it alone")
    try:
        report = jsonlines.report_of(reports[0])
    except ReportError as failure:
        raise ReportError(f"{path}: {failure}") from None
    return replace(report, results=tuple(map(unsettled, report.results)), complaints=())
