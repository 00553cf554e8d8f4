"""`dense-conformance run`: the main job."""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from conformance.answers import Level
from conformance.api import UsageError, selection, waiving
from conformance.cases import Tier
from conformance.implementations.load import Place
from conformance.implementations.process import ANSWER_LIMIT
from conformance.reports import badge, jsonlines, junit, markdown, page, terminal
from conformance.reproduction.script import file_name
from conformance.results import ExitCode, Report, Shard
from conformance.run import Selection, contract_areas
from conformance.screen import aside, progress, wants_colour
from conformance.study import has_failures, study
from conformance.workers import Errand, Study, run_errand


@dataclass(frozen=True)
class Form:
    """A file that a run can write: what it is, and how reports become its text."""

    says: str
    render: Callable[[tuple[Report, ...]], str]


#: By the name of the option.
FILES: Mapping[str, Form] = {
    "json": Form("JSON Lines", jsonlines.render_all),
    "junit": Form("JUnit's XML, for CI systems,", junit.render),
    "markdown": Form("Markdown, for the summary of a CI job,", markdown.render),
    "badge": Form("a badge in SVG", badge.render),
    "html": Form("a page to look at, with plots (needs the extra `page`),", page.render),
}
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
    parser.add_argument("--exitfirst", action="store_true", help="stop at the first failure that is not waived")
    parser.add_argument(
        "--waivers", type=Path, metavar="FILE", help="known failures of one implementation: see docs/waivers.md"
    )
    for form, written in FILES.items():
        parser.add_argument(f"--{form}", type=Path, metavar="FILE", help=f"write {written.says} there")
    parser.add_argument(
        "--repro-dir", type=Path, metavar="FOLDER", help="write a script there for each clause that failed"
    )
    how_much = parser.add_mutually_exclusive_group()
    how_much.add_argument("-q", "--quiet", action="store_true", help="the last line only, and no progress")
    how_much.add_argument("-v", "--verbose", action="store_true", help="every case with its verdict, too")
    parser.add_argument(
        "--color", choices=["auto", "always", "never"], default="auto", help="auto: as NO_COLOR and FORCE_COLOR say"
    )
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    _check(arguments)
    wanted = {form: getattr(arguments, form) for form in FILES if getattr(arguments, form)}
    _check_files(wanted)
    errand = Errand(
        tuple(arguments.implementations),
        _selection(arguments),
        arguments.exitfirst,
        Place(arguments.python, arguments.timeout, arguments.device),
        arguments.oracle,
        waiving(arguments.waivers),
    )
    with aside(), progress(quiet=arguments.quiet) as shown:
        reports = run_errand(errand, arguments.workers, progress=shown, study=_study(arguments))
    colour = wants_colour(arguments.color, sys.stdout)
    for report in reports:
        if arguments.verbose:
            print(terminal.verdicts(report, colour=colour))
        print(terminal.conclusion(report) if arguments.quiet else terminal.render(report, colour=colour))
    for form, path in wanted.items():
        path.write_text(FILES[form].render(reports), "utf-8")
    if arguments.repro_dir is not None:
        _write_scripts(reports, arguments.repro_dir)
    return int(worst(reports))


def worst(reports: Iterable[Report]) -> ExitCode:
    """The exit code of several reports."""
    return min((report.exit_code for report in reports), key=_WORST.index)


def _check(arguments: argparse.Namespace) -> None:
    """Raises UsageError for options that cannot be, alone or together."""
    if arguments.extension:
        raise UsageError(f"the extension {arguments.extension!r} is not part of this version; run without --extension")
    if arguments.workers < 1:
        raise UsageError(f"--workers must be a positive number, got {arguments.workers}")
    if not arguments.timeout > 0:
        raise UsageError(f"--timeout must be a positive number of seconds, got {arguments.timeout:g}")
    if arguments.waivers and len(arguments.implementations) > 1:
        raise UsageError(
            "--waivers is a file of one implementation's known failures; name one, and run the others alone"
        )
    if arguments.shard and arguments.waivers:
        raise UsageError("the waivers of a run are applied to all of it: give --waivers to `merge`, not to a shard")
    if arguments.shard and arguments.exitfirst:
        raise UsageError("a shard that stops at its first failure cannot be merged; leave out --exitfirst or --shard")


def _check_files(wanted: Mapping[str, Path]) -> None:
    """Before anything runs: a run takes minutes, and what it found could not be written."""
    for path in wanted.values():
        if not path.absolute().parent.is_dir():
            raise UsageError(f"there is no folder {str(path.absolute().parent)!r} to write {path.name} in")
        if path.is_dir():
            raise UsageError(f"{str(path)!r} is a folder; give a file to be written")
    if "html" in wanted and page.missing():
        raise UsageError(
            f"--html needs {' and '.join(page.missing())}, not installed here: pip install 'dense-conformance[page]'"
        )


def _selection(arguments: argparse.Namespace) -> Selection:
    chosen = selection(
        arguments.level, tier=arguments.tier, areas=arguments.area, case=arguments.case, seed=arguments.seed
    )
    return replace(chosen, shard=arguments.shard)


def _study(arguments: argparse.Namespace) -> Study | None:
    """The last line alone has no room for what a study finds."""
    told = not arguments.quiet or any(getattr(arguments, form) for form in FILES) or arguments.repro_dir is not None
    with_scripts = arguments.repro_dir is not None or arguments.html is not None
    looking = partial(study, curves=arguments.html is not None, scripts=with_scripts)
    return Study(looking, lambda report: has_failures(report) or arguments.html is not None) if told else None


def _write_scripts(reports: Sequence[Report], folder: Path) -> None:
    """One file for each failed clause; of several implementations, in a folder for each."""
    for report in reports:
        place = folder / re.sub(r"\W", "_", report.implementation) if len(reports) > 1 else folder
        for clause_id, script in report.reproductions.items():
            place.mkdir(parents=True, exist_ok=True)
            target = place / file_name(clause_id)
            target.write_text(script, "utf-8")
            print(f"dense-conformance: python {target} shows what fails {clause_id}", file=sys.stderr)
        _tell_of_missing_scripts(report)


def _tell_of_missing_scripts(report: Report) -> None:
    """One line for each reason: another interpreter, say, is the same one for all clauses."""
    clauses: dict[str, list[str]] = {}
    for clause_id, why in report.unwritten.items():
        clauses.setdefault(why, []).append(clause_id)
    for why, ids in clauses.items():
        others = f" and {len(ids) - 1} other clause{'s' * (len(ids) > 2)}" if len(ids) > 1 else ""
        print(f"dense-conformance: {ids[0]}{others}: {why}", file=sys.stderr)


def _shard(text: str) -> Shard:
    number, _, of = text.partition("/")
    try:
        return Shard(int(number), int(of))
    except ValueError:
        raise argparse.ArgumentTypeError(f"a shard is written I/N with I from 1 to N, 2/4 say, not {text!r}") from None
