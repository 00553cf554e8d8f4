"""`dense-conformance run`: the main job."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from conformance.answers import Level
from conformance.api import UsageError, selection
from conformance.cases import Tier
from conformance.implementations.load import Place
from conformance.implementations.process import ANSWER_LIMIT
from conformance.reports import jsonlines, terminal
from conformance.results import ExitCode, Report, Shard
from conformance.run import contract_areas
from conformance.screen import aside, progress, wants_colour
from conformance.workers import Errand, run_errand

#: Of several implementations the worst decides: what is worse than what.
_WORST = (ExitCode.SUITE_ERROR, ExitCode.DOES_NOT_CONFORM, ExitCode.NOTHING_RAN, ExitCode.CONFORMS)


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = subparsers.add_parser(
        "run",
        help="judge implementations",
        description="Holds implementations to the contract. Exit codes: 0 conforms, 1 does not, 2 interrupted, 3 the "
        "suite or its oracle failed, 4 usage, 5 nothing ran.",
    )
    parser.add_argument(
        "implementations",
        nargs="*",
        default=["reference"],
        metavar="IMPLEMENTATION",
        help="pkg.module:Name, path/to/file.py:Name, exec:COMMAND, a framework (torch, jax, ...), reference or "
        "tensorflow (default: reference)",
    )
    parser.add_argument(
        "--level", choices=[str(level) for level in Level], help="what is claimed (default: what it declares)"
    )
    parser.add_argument("--tier", choices=[str(tier) for tier in Tier], default="default", help="how much is run")
    parser.add_argument(
        "--area", action="append", default=[], choices=list(contract_areas()), help="only this area; repeatable"
    )
    parser.add_argument(
        "--case", default="", metavar="PATTERN", help="only cases whose id holds this; * stands for anything"
    )
    parser.add_argument("--seed", type=int, default=0, help="draw other tensors")
    parser.add_argument(
        "--oracle",
        default="tensorflow",
        metavar="NAME",
        help="who says what Keras does: tensorflow, recorded (needs no TensorFlow), or the file of a recording",
    )
    parser.add_argument("--extension", metavar="NAME", help="lora, quantization, sparse: not part of this version")
    parser.add_argument("--python", default="", metavar="PATH", help="the interpreter that the implementation runs in")
    parser.add_argument(
        "--device", default="", metavar="NAME", help="where a framework computes, as it says it: cuda:0"
    )
    parser.add_argument(
        "--timeout",
        type=float,
        default=ANSWER_LIMIT,
        metavar="SECONDS",
        help="how long one answer of a process of its own may take (default: %(default)g)",
    )
    parser.add_argument("--workers", type=int, default=1, metavar="N", help="processes that share the work")
    parser.add_argument(
        "--shard", type=_shard, metavar="I/N", help="only the I-th of N parts; `merge` joins what --json wrote of them"
    )
    parser.add_argument("--exitfirst", action="store_true", help="stop at the first failure")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write JSON Lines there")
    how_much = parser.add_mutually_exclusive_group()
    how_much.add_argument("-q", "--quiet", action="store_true", help="the last line only, and no progress")
    how_much.add_argument("-v", "--verbose", action="store_true", help="every case with its verdict, too")
    parser.add_argument(
        "--color", choices=["auto", "always", "never"], default="auto", help="auto: as NO_COLOR and FORCE_COLOR say"
    )
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    if arguments.extension:
        raise UsageError(f"the extension {arguments.extension!r} is not part of this version; run without --extension")
    if arguments.workers < 1:
        raise UsageError(f"--workers must be a positive number, got {arguments.workers}")
    if not arguments.timeout > 0:
        raise UsageError(f"--timeout must be a positive number of seconds, got {arguments.timeout:g}")
    if arguments.json and not arguments.json.absolute().parent.is_dir():
        raise UsageError(
            f"there is no folder {str(arguments.json.absolute().parent)!r} to write {arguments.json.name} in"
        )
    chosen = selection(
        arguments.level, tier=arguments.tier, areas=arguments.area, case=arguments.case, seed=arguments.seed
    )
    if arguments.shard and arguments.exitfirst:
        raise UsageError("a shard that stops at its first failure cannot be merged; leave out --exitfirst or --shard")
    chosen = replace(chosen, shard=arguments.shard)
    with aside(), progress(quiet=arguments.quiet) as shown:
        place = Place(arguments.python, arguments.timeout, arguments.device)
        errand = Errand(tuple(arguments.implementations), chosen, arguments.exitfirst, place, arguments.oracle)
        reports = run_errand(errand, arguments.workers, progress=shown)
    colour = wants_colour(arguments.color, sys.stdout)
    for report in reports:
        if arguments.verbose:
            print(terminal.verdicts(report, colour=colour))
        print(terminal.conclusion(report) if arguments.quiet else terminal.render(report, colour=colour))
    if arguments.json:
        arguments.json.write_text(jsonlines.render_all(reports), "utf-8")
    return int(worst(reports))


def worst(reports: Iterable[Report]) -> ExitCode:
    """The exit code of several reports."""
    return min((report.exit_code for report in reports), key=_WORST.index)


def _shard(text: str) -> Shard:
    number, _, of = text.partition("/")
    try:
        return Shard(int(number), int(of))
    except ValueError:
        raise argparse.ArgumentTypeError(f"a shard is written I/N with I from 1 to N, 2/4 say, not {text!r}") from None
