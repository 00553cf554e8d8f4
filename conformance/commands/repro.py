"""`dense-conformance repro`: a failing case as one Python file that needs nothing of this package."""

from __future__ import annotations

import argparse
import contextlib
import sys
from pathlib import Path

from conformance.api import UsageError
from conformance.cases import pattern
from conformance.implementations.load import load
from conformance.recording import oracle_named
from conformance.reproduction.script import script
from conformance.run import beside_the_catalogue, catalogue
from conformance.session import Planned, Session, converse
from conformance.shrink import smallest
from reference.dialects import Dialect


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = subparsers.add_parser(
        "repro",
        help="write a script that shows a failure without this package",
        description="Writes one Python file for a failing case. It imports NumPy and the implementation (a program it "
        "starts), holds the exact numbers and what is allowed, and exits with 1 while the defect is there, 0 once it "
        "is gone.",
    )
    parser.add_argument("case", metavar="CASE", help="its id, or a pattern that one id alone holds")
    parser.add_argument(
        "implementation", metavar="IMPLEMENTATION", help="pkg.module:Name, path/to/file.py:Name or exec:COMMAND"
    )
    parser.add_argument("--smallest", action="store_true", help="shrink the case first")
    parser.add_argument("--output", type=Path, metavar="FILE", help="write it there (default: print it)")
    parser.add_argument("--oracle", default="tensorflow", metavar="NAME", help="tensorflow, recorded, or a file")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    with contextlib.redirect_stdout(sys.stderr):
        oracle = oracle_named(arguments.oracle)
        planned = _named(arguments.case, oracle.dialect)
        implementation = load(arguments.implementation, oracle.dialect)
        converse(implementation, oracle)
        if arguments.smallest:
            result = smallest(Session(oracle).result(planned, implementation), implementation, oracle)
            planned = Planned(result.clause, result.case)
        text = script(planned, arguments.implementation, implementation, oracle)
    if arguments.output is None:
        print(text, end="")
    else:
        arguments.output.write_text(text, "utf-8")
        print(f"{arguments.output} is written; python {arguments.output} exits with 1 while the defect is there")
    return 0


def _named(case: str, dialect: Dialect) -> Planned:
    """The case of this id, or the one whose id holds the pattern."""
    exact = beside_the_catalogue(case, dialect)
    found = [exact] if exact is not None else [p for p in catalogue(dialect) if pattern(case).search(p.case.id)]
    if len(found) != 1:
        some = "".join(f"\n  {planned.case.id}" for planned in found[:5])
        raise UsageError(
            f"{len(found) or 'no'} cases are called {case!r}; name one, as dense-conformance list --cases does{some}"
        )
    return found[0]
