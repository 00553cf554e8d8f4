"""`dense-conformance init adapter`: a file to begin an adapter with, which runs as it is."""

from __future__ import annotations

import argparse
from importlib.resources import files
from pathlib import Path

from conformance.api import UsageError

TEMPLATES = files("conformance.commands") / "templates"


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = subparsers.add_parser(
        "init",
        help="begin an adapter",
        description="Writes an adapter in NumPy, of five methods, to be filled with calls of a framework. It runs as "
        "it is: dense-conformance run FILE:Adapter",
    )
    parser.add_argument("what", choices=["adapter"])
    parser.add_argument("file", nargs="?", type=Path, default=Path("my_adapter.py"), metavar="FILE")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    target: Path = arguments.file
    if target.exists():
        raise UsageError(f"{target} is there already; name another file")
    target.write_text((TEMPLATES / "adapter.py.txt").read_text("utf-8"), "utf-8")
    print(f"{target} is written; judge it: dense-conformance run {target}:Adapter --oracle recorded --tier smoke")
    return 0
