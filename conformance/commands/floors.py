"""`dense-conformance floors`: counts the cases and comparisons that every level and tier must have, and writes them
down.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from conformance import floors


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = subparsers.add_parser(
        "floors",
        help="count the cases and comparisons of every level and tier (for those who change the contract)",
        description="Counts the cases and comparisons that every dialect, level and tier has, and compares them with "
        "the committed floors. Exit code 1 where they differ.",
    )
    parser.add_argument("--write", action="store_true", help="commit the counted numbers to floors.json")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    counted = floors.count_all()
    if arguments.write:
        Path(floors.__file__).with_suffix(".json").write_text(floors.to_json(counted), "utf-8")
    changed = [key for key in counted | dict(floors.FLOORS) if counted.get(key) != floors.FLOORS.get(key)]
    for key in changed:
        dialect, level, tier = key
        print(f"{dialect} {level} {tier}: {floors.FLOORS.get(key)} -> {counted.get(key)}")
    print(f"{len(counted)} floors, {len(changed)} changed{', written' if arguments.write else ''}")
    return 1 if changed and not arguments.write else 0
