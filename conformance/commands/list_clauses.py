"""`dense-conformance list`: the clauses of the contract, or the ids of its cases."""

from __future__ import annotations

import argparse
import textwrap

from conformance.contract import CONTRACT
from conformance.contract.clause import Clause
from conformance.reports import contract_page
from conformance.run import contract_areas
from reference.dialects import DIALECTS


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = subparsers.add_parser("list", help="list the clauses of the contract, or its cases")
    parser.add_argument("--area", choices=list(contract_areas()), help="only this area")
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--cases", action="store_true", help="the id of every case of the newest dialect")
    form.add_argument("--markdown", action="store_true", help="the whole contract as a page: docs/contract.md")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    if arguments.markdown:
        print(contract_page.render(CONTRACT), end="")
        return 0
    for clause in CONTRACT:
        if arguments.area in (None, clause.area):
            print(_cases(clause) if arguments.cases else _line(clause))
    return 0


def _cases(clause: Clause) -> str:
    return "\n".join(case.id for case in clause.cases(DIALECTS[-1]))


def _line(clause: Clause) -> str:
    says = textwrap.fill(clause.says, 80, initial_indent="    ", subsequent_indent="    ")
    return f"{clause.id}  {clause.requirement.value}, level {clause.level}\n{says}"
