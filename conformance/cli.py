"""The command line: parses, and calls the command. Everything else is in `conformance.commands`."""

from __future__ import annotations

import argparse
import io
import logging
import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from importlib import import_module
from types import ModuleType
from typing import NoReturn

from conformance import __version__
from conformance.api import UsageError
from conformance.implementations.load import NamingError
from conformance.reports.jsonlines import ReportError
from conformance.reproduction.kinds import CannotReproduceError
from conformance.results import ExitCode
from conformance.run import ShardError
from conformance.session import OracleError, PlugError
from conformance.waivers.file import WaiverError
from conformance.workers import WorkerError

#: Each command's module in `conformance.commands`, in the order of the help. Only the one that is named is imported.
COMMANDS: Mapping[str, str] = {
    "run": "run",
    "repro": "repro",
    "merge": "merge",
    "diff": "diff",
    "list": "list_clauses",
    "explain": "explain",
    "init": "init",
    "doctor": "doctor",
    "waivers": "waivers",
    "scoreboard": "scoreboard",
    "record": "record",
    "mutants": "mutants",
    "floors": "floors",
    "benchmark": "benchmark",
}


class _Parser(argparse.ArgumentParser):
    """Says what is wrong in one line, with the exit code of a usage error."""

    def error(self, message: str) -> NoReturn:
        print(f"{self.prog}: {message} (see {self.prog} --help)", file=sys.stderr)
        raise SystemExit(int(ExitCode.USAGE))


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one command and returns its exit code: 0 to 5, as `ExitCode` names them."""
    # TensorFlow's greetings on standard error; only here: in somebody's own process they are not ours to silence
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    logging.getLogger("tensorflow").setLevel(logging.ERROR)
    given = sys.argv[1:] if arguments is None else arguments
    parsed = _parser(given).parse_args(given)
    if isinstance(sys.stdout, io.TextIOWrapper):  # a name that cannot be printed here is no reason to fail
        sys.stdout.reconfigure(errors="backslashreplace")
    try:
        code: int = parsed.run(parsed)
        return code
    except (
        *(NamingError, PlugError, UsageError, ReportError, ShardError, WaiverError),
        CannotReproduceError,
    ) as failure:
        return _complain(str(failure), ExitCode.USAGE)
    except (OracleError, WorkerError) as failure:
        return _complain(str(failure), ExitCode.SUITE_ERROR)
    except ModuleNotFoundError as failure:
        if (failure.name or "").partition(".")[0] not in ("tensorflow", "keras"):
            raise
        return _complain(
            "the oracle needs TensorFlow, which is not here: pip install 'dense-conformance[tensorflow]'; or judge "
            "by the recorded one: --oracle recorded",
            ExitCode.SUITE_ERROR,
        )
    except BrokenPipeError:
        # whoever reads has stopped reading: nothing more is written, at exit neither
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return int(ExitCode.INTERRUPTED)
    except OSError as failure:
        return _complain(f"{failure.filename}: {failure.strerror}; give a file that can be written", ExitCode.USAGE)
    except KeyboardInterrupt:
        return _complain("interrupted", ExitCode.INTERRUPTED)


def _parser(arguments: Sequence[str]) -> argparse.ArgumentParser:
    parser = _Parser(
        prog="dense-conformance", description="Decides whether a Dense layer is really tf.keras.layers.Dense."
    )
    parser.add_argument("--version", action="version", version=f"%(prog)s {__version__}")
    subparsers = parser.add_subparsers(metavar="COMMAND", required=True)
    for command in _named(arguments):
        command.add_parser(subparsers)
    return parser


def _named(arguments: Sequence[str]) -> Iterator[ModuleType]:
    """The command that comes first; all of them where none does, for the help or for what is wrong."""
    chosen = [arguments[0]] if arguments and arguments[0] in COMMANDS else COMMANDS
    for name in chosen:
        yield import_module(f"conformance.commands.{COMMANDS[name]}")


def _complain(message: str, code: ExitCode) -> int:
    print(f"dense-conformance: {message}", file=sys.stderr)
    return int(code)
