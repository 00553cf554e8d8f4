"""The terminal: progress for whoever waits, colour where it is wanted, and whose output is whose."""

from __future__ import annotations

import contextlib
import ctypes
import os
import sys
import time
from collections.abc import Callable, Iterator
from typing import TextIO

from conformance.run import Progress

#: Where nobody watches: seconds between two lines at least, so that a short run says nothing.
LEAST_PAUSE = 5.0


@contextlib.contextmanager
def aside() -> Iterator[None]:
    """What is printed within, from Python, from C or by a process of its own, goes to standard error: the report alone
    is on standard output.
    """
    if sys.stdout is not None:
        sys.stdout.flush()
    try:
        kept = os.dup(1)
    except OSError:  # there is no standard output: what is printed within must not fail for that
        kept = os.open(os.devnull, os.O_WRONLY)
    try:
        with contextlib.suppress(OSError):  # there is no standard error either
            os.dup2(2, 1)
        with contextlib.redirect_stdout(sys.stderr):
            yield
    finally:
        _flush_c()
        os.dup2(kept, 1)
        os.close(kept)


def _flush_c() -> None:
    """C keeps back what it prints: it would come out at the end, behind the report."""
    with contextlib.suppress(OSError, AttributeError, TypeError):  # no such library
        ctypes.CDLL(None).fflush(None)


def wants_colour(choice: str, stream: TextIO | None) -> bool:
    """choice: always, never, or auto: not where NO_COLOR is set, always where FORCE_COLOR is, and on a terminal.

    Source: https://no-color.org and https://force-color.org: a variable counts where it is not empty.
    """
    if choice != "auto":
        return choice == "always"
    if os.environ.get("NO_COLOR"):
        return False
    is_terminal = stream is not None and stream.isatty() and os.environ.get("TERM") != "dumb"
    return bool(os.environ.get("FORCE_COLOR")) or is_terminal


@contextlib.contextmanager
def progress(*, quiet: bool = False, clock: Callable[[], float] = time.monotonic) -> Iterator[Progress]:
    """What a run calls with questions done and to do: a bar with rate and remaining time on a terminal, a line for each
    tenth elsewhere, nothing where it is to be quiet. On standard error.
    """
    if quiet:
        yield lambda done, total: None
    elif not sys.stderr.isatty():
        yield _lines(sys.stderr, clock)
    else:
        from tqdm import tqdm

        with tqdm(unit=" questions", leave=False, file=sys.stderr, dynamic_ncols=True) as bar:

            def show(done: int, total: int) -> None:
                bar.total = total
                bar.update(done - bar.n)

            yield show


def _lines(screen: TextIO, clock: Callable[[], float]) -> Progress:
    start = said = clock()
    tenths = 0

    def show(done: int, total: int) -> None:
        nonlocal said, tenths
        now, reached = clock(), 10 * done // total
        if reached > tenths and done < total and now - said >= LEAST_PAUSE:
            said, tenths = now, reached
            rate = done / (now - start)
            to_go = (total - done) / rate
            screen.write(
                f"{done} of {total} questions ({100 * done // total} %), {rate:.0f} a second, {to_go:.0f} s to go\n"
            )
            screen.flush()

    return show
