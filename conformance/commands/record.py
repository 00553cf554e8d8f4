"""`dense-conformance record`: what the installed TensorFlow answers, for judging without it."""

from __future__ import annotations

import argparse
from pathlib import Path

from conformance.recording import FOLDER, file_name, record, to_json
from conformance.screen import aside
from conformance.session import live_oracle


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = subparsers.add_parser(
        "record",
        help="record the oracle, for machines without TensorFlow",
        description="Puts every question that does not need a Keras layer to the installed TensorFlow, and writes what "
        "came of it; `run --oracle FILE` judges by it. Without FILE the package's own recording is written.",
    )
    parser.add_argument("file", nargs="?", type=Path, metavar="FILE")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    oracle = live_oracle()
    with aside():
        recording = record(oracle)
    target = arguments.file or Path(str(FOLDER)) / file_name(oracle.versions)
    target.parent.mkdir(exist_ok=True)
    target.write_text(to_json(recording), "utf-8")
    count = sum(count for count, _ in recording.cases.values())
    print(f"{count} cases of {len(recording.cases)} clauses, {len(recording.shown)} errata shown: {target}")
    return 0
