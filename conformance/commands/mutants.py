"""`dense-conformance mutants`: the kill matrix, and whether it is complete."""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from pathlib import Path

from conformance.api import UsageError
from conformance.cases import Tier
from conformance.diagnosis.measuring import Outcome, is_kept_apart, measure, rate
from conformance.implementations.keras.mutants import MUTANTS as KERAS_MUTANTS
from conformance.implementations.mutant import Mutant
from conformance.implementations.mutants import MUTANTS
from conformance.kill_matrix import Kill, complaints, kills
from conformance.recording import oracle_named
from conformance.run import Selection
from conformance.screen import aside
from conformance.session import live_oracle


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = subparsers.add_parser(
        "mutants",
        help="show that the contract fails every wrong layer that we know",
        description="Asks the contract of all mutants at once and writes which clauses fail which. Exit code 1 where a "
        "mutant survives its clause, or a clause has no mutant.",
    )
    parser.add_argument("--tier", choices=[str(tier) for tier in Tier], default="smoke")
    parser.add_argument("--only", default="", metavar="TEXT", help="mutants whose name or area holds this")
    parser.add_argument(
        "--diagnose",
        action="store_true",
        help="measure how often the right defect is named instead; of the half that the rules were not written from "
        "the rate alone is told",
    )
    parser.add_argument(
        "--oracle", default="tensorflow", metavar="NAME", help="for --diagnose; recorded: the mutants in NumPy alone"
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the matrix there")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    chosen = [mutant for mutant in MUTANTS.values() if arguments.only in mutant.name or arguments.only == mutant.area]
    if not chosen:
        raise UsageError(f"no mutant is called {arguments.only!r}; there are {', '.join(MUTANTS)}")
    if arguments.diagnose:
        return _diagnose(chosen, Selection(tier=Tier[arguments.tier.upper()]), arguments.oracle)
    with aside():
        found = kills(chosen, Selection(tier=Tier[arguments.tier.upper()]), live_oracle())
    print(_table(found))
    if arguments.json:
        arguments.json.write_text(json.dumps([_record(kill) for kill in found], indent=2) + "\n", "utf-8")
    wrong = list(complaints(found, whole=len(chosen) == len(MUTANTS)))
    print(
        "\n".join([*wrong, f"{len(found)} mutants, {sum(kill.is_killed for kill in found)} failed by their own clause"])
    )
    return 1 if wrong else 0


def _diagnose(chosen: Sequence[Mutant], selection: Selection, oracle: str) -> int:
    """Of the half that may be looked at every mutant that is not named right; of the other one the rate. Exit code 1
    where a wrong defect is named.
    """
    with aside():
        found = measure(_askable(chosen, oracle), selection, oracle_named(oracle))
    seen = [each for each in found if not is_kept_apart(each.mutant)]
    apart = [each for each in found if is_kept_apart(each.mutant)]
    for each in seen:
        if each.outcome is not Outcome.RIGHT:
            print(f"{each.outcome.value:<9}{each.mutant.name:<34}{', '.join(each.named) or 'no name'}")
    print(f"looked at:  {rate(seen)}")
    print(f"kept apart: {rate(apart)}")
    return 1 if rate(found).wrong else 0


def _askable(chosen: Sequence[Mutant], oracle: str) -> list[Mutant]:
    """A recorded oracle cannot judge Keras layers."""
    keras = {mutant.name for mutant in KERAS_MUTANTS}
    return [mutant for mutant in chosen if oracle == "tensorflow" or mutant.name not in keras]


def _table(found: Sequence[Kill]) -> str:
    """A line for each mutant: its own clause first, then the others that fail it."""
    lines = []
    for kill in found:
        others = [clause for clause in (*kill.failed, *kill.raised) if clause != kill.mutant.breaks]
        more = f" and {len(others)} more" if others else ""
        lines.append(f"{'killed' if kill.is_killed else 'SURVIVES'}  {kill.mutant.name:<34}{kill.mutant.breaks}{more}")
    return "\n".join(lines)


def _record(kill: Kill) -> dict[str, object]:
    mutant = kill.mutant
    own = {"mutant": mutant.name, "says": mutant.says, "area": mutant.area, "breaks": mutant.breaks}
    return {**own, "killed": kill.is_killed, "failed_by": list(kill.failed), "raised_in": list(kill.raised)}
