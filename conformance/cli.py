"""The command line: parses, and calls the command. Everything else is in `conformance.commands`."""

from __future__ import annotations

import argparse
import io
import logging
import os
import sys
from collections.abc import Sequence
from typing import NoReturn

from conformance import __version__
from conformance.api import UsageError
from conformance.commands import (
    benchmark,
    diff,
    doctor,
    explain,
    floors,
    init,
    list_clauses,
    merge,
    mutants,
    record,
    repro,
    scoreboard,
)
from conformance.commands import run as run_command
from conformance.commands import waivers as waivers_command
from conformance.implementations.load import NamingError
from conformance.reports.jsonlines import ReportError
from conformance.reproduction.kinds import CannotReproduceError
from conformance.results import ExitCode
from conformance.run import ShardError
from conformance.session import OracleError, PlugError
from conformance.waivers.file import WaiverError
from conformance.workers import WorkerError

COMMANDS = (
    *(run_command, repro, merge, diff, list_clauses, explain, init, doctor),
    *(waivers_command, scoreboard, record, mutants, floors, benchmark),
)


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
    parsed = _parser().parse_args(arguments)
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


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog="dense-conformance", description="Decides whether a Dense layer is really tf.keras.layers.Dense."
    )
    parser.add_argument("--version", action="version", version=f"%(prog)s {__version__}")
    subparsers = parser.add_subparsers(metavar="COMMAND", required=True)
    for command in COMMANDS:
        command.add_parser(subparsers)
    return parser


def _complain(message: str, code: ExitCode) -> int:
    print(f"dense-conformance: {message}", file=sys.stderr)
    return int(code)
