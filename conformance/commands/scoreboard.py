"""`dense-conformance scoreboard`: every framework that is installed, in one table."""

from __future__ import annotations

import argparse
import contextlib
import datetime
import sys
from collections.abc import Sequence
from pathlib import Path

from conformance.api import UsageError, selection
from conformance.cases import Tier
from conformance.implementations import frameworks
from conformance.implementations.load import NamingError, load
from conformance.implementations.protocol import declared
from conformance.recording import oracle_named
from conformance.run import run as run_contract
from conformance.scoreboard import board, pages
from conformance.scoreboard.board import Row
from conformance.scoreboard.differences import explain, known


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = subparsers.add_parser(
        "scoreboard",
        help="judge every framework that is installed, and write a table",
        description="Judges frameworks and writes scoreboard.md, .json and .html. Rows of an earlier scoreboard.json "
        "in the folder are kept for what is not judged now. Exit code 1 where no known difference explains a failure, "
        "or a known difference is not seen any more.",
    )
    parser.add_argument(
        "frameworks",
        nargs="*",
        metavar="NAME",
        help=f"of {', '.join(frameworks.NAMES)} (default: all that are installed)",
    )
    parser.add_argument("--tier", choices=[str(tier) for tier in Tier], default="default", help="how much is run")
    parser.add_argument("--oracle", default="recorded", metavar="NAME", help="as for run (default: recorded)")
    parser.add_argument("--folder", type=Path, default=Path("."), metavar="FOLDER", help="where the files are written")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    unknown = set(arguments.frameworks) - set(frameworks.NAMES)
    if unknown:
        raise UsageError(f"no framework {', '.join(sorted(unknown))}; there are {', '.join(frameworks.NAMES)}")
    if not arguments.folder.is_dir():
        raise UsageError(f"there is no folder {str(arguments.folder)!r} to write the scoreboard in")
    file = arguments.folder / "scoreboard.json"
    before = board.from_json(file.read_text("utf-8")) if file.is_file() else []
    now: list[Row] = []
    complaints: list[str] = []
    for name in arguments.frameworks or frameworks.NAMES:
        try:
            judged, wrong = _judged(name, arguments.tier, arguments.oracle)
        except NamingError as failure:
            if arguments.frameworks:
                raise
            print(f"{name}: not judged: {failure}")
            continue
        now.append(judged)
        complaints += wrong
        print(_told(judged))
    if not now:
        raise UsageError("no framework is installed here: pip install one of those that --help lists")
    rows = board.merged(before, now)
    file.write_text(board.to_json(rows), "utf-8")
    (arguments.folder / "scoreboard.md").write_text(pages.markdown(rows), "utf-8")
    (arguments.folder / "scoreboard.html").write_text(pages.html(rows), "utf-8")
    print("\n".join([*complaints, f"{len(rows)} rows written to {arguments.folder}"]))
    return 1 if complaints else 0


def _judged(name: str, tier: str, oracle: str) -> tuple[Row, Sequence[str]]:
    """The row of one framework, and what is wrong with what is known of it."""
    asked = oracle_named(oracle)
    with contextlib.redirect_stdout(sys.stderr):
        implementation = load(name, asked.dialect)
        (report,) = run_contract([implementation], selection(tier=tier), asked)
    found = explain(report.results, known(name))
    row = board.row(report, declared(implementation), found, datetime.date.today().isoformat())
    complaints = [f"{name}: no known difference explains {case_id}" for case_id in found.unexplained]
    if report.tier >= Tier.DEFAULT:
        complaints += [f"{name}: not seen any more: {each}" for each in found.stale]
    return row, complaints


def _told(row: Row) -> str:
    failed = sum(score.failed for score in row.areas.values())
    causes = f"{len(row.causes)} differences" if row.causes else "no difference"
    return f"{row.implementation} {row.version}: {row.executed} cases, {failed} failed, {causes}; level {row.level}"
