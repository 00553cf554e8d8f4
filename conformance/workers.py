"""The same run in several processes: each has an oracle and implementations of its own, and is given layer after layer.

All questions of one layer go to one worker: a built layer is reused, and one that cannot be constructed blocks the rest
of its questions. So the reports are those of one process.
"""

from __future__ import annotations

import contextlib
import logging
import multiprocessing
import signal
import sys
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, replace
from functools import cache
from itertools import accumulate, groupby
from typing import Any

from conformance.implementations.load import load
from conformance.implementations.protocol import Implementation
from conformance.results import Report, Result
from conformance.run import Asking, Findings, Progress, Ran, Selection, by_question, layer_of, plan, put, reports, run
from conformance.session import Oracle, converse, live_oracle
from reference.dialects import dialect_of


class WorkerError(Exception):
    """A worker's process ended in the middle of its work: nothing was judged."""


@dataclass(frozen=True)
class Errand:
    """What is the same for every task of a run. namings: what every worker can load for itself."""

    namings: tuple[str, ...]
    selection: Selection
    exitfirst: bool = False


def run_errand(
    errand: Errand, workers: int = 1, *, progress: Progress = lambda done, total: None
) -> tuple[Report, ...]:
    """One report for each naming, as `conformance.run.run` gives it; one worker is this process itself.

    Raises what loading an implementation or the oracle raises in a worker, PlugError as `run` does, and WorkerError
    where a worker's process ends.
    """
    if workers == 1:
        oracle = live_oracle()
        implementations = [load(naming, oracle.dialect) for naming in errand.namings]
        return run(implementations, errand.selection, oracle, exitfirst=errand.exitfirst, progress=progress)
    with _executor(workers) as executor:
        ran = executor.submit(_introduce, errand).result()
        start = time.perf_counter()
        planned = plan(errand.selection, dialect_of(ran[0].oracle["keras"]))
        tasks = _tasks(by_question(planned))
        given = [executor.submit(_answer, errand, first, last) for first, last in tasks]
        findings = _gathered(given, tasks, errand, progress)
        seconds = time.perf_counter() - start
    clauses = {each.case.id: each.clause for each in planned}
    whole = tuple({id: replace(each, clause=clauses[id]) for id, each in of.items()} for of in findings.results)
    return reports(ran, planned, replace(findings, results=whole), seconds=seconds)


def _tasks(questions: Sequence[Asking]) -> list[tuple[int, int]]:
    """The questions of each layer, as places in the order of a run: first, and last + 1."""
    lengths = [len(list(of_one)) for _, of_one in groupby(questions, key=lambda asking: layer_of(asking[0]))]
    ends = list(accumulate(lengths))
    return list(zip([0, *ends], ends, strict=False))


def _gathered(
    given: Sequence[Future[Findings]], tasks: Sequence[tuple[int, int]], errand: Errand, progress: Progress
) -> Findings:
    """All findings in the order of a run, each implementation's up to the first failure that ends its run."""
    found = Findings(tuple({} for _ in errand.namings))
    for future, (_, last) in zip(given, tasks, strict=True):
        one = future.result()
        for at, results in enumerate(one.results):
            if at not in found.stopped:
                found.results[at].update(results)
        found.stopped |= one.stopped
        for erratum, seen in one.errata.items():
            found.errata[erratum] = found.errata.get(erratum, False) or seen
        found.seconds_answering += one.seconds_answering
        progress(last, tasks[-1][1])
        if len(found.stopped) == len(errand.namings):
            break
    return found


@contextlib.contextmanager
def _executor(workers: int) -> Iterator[ProcessPoolExecutor]:
    """Workers that are gone in the end; what waits is given up where the run ends early."""
    executor = ProcessPoolExecutor(workers, multiprocessing.get_context("spawn"), initializer=_prepare)
    try:
        yield executor
    except BrokenProcessPool:
        raise WorkerError(
            "a worker's process ended in the middle of its work: nothing is said of the implementation; "
            "--workers 1 shows where"
        ) from None
    finally:
        executor.shutdown(cancel_futures=True)


# ---- in a worker ---------------------------------------------------------------------------------------------------


def _prepare() -> None:
    """Ctrl-C is for the process that gives out the work; what an implementation prints is kept out of the report."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    sys.stdout = sys.stderr
    logging.getLogger("tensorflow").setLevel(logging.ERROR)


@cache
def _under_test(errand: Errand) -> tuple[list[Implementation], Oracle, list[Asking]]:
    """Once in each worker."""
    oracle = live_oracle()
    implementations = [load(naming, oracle.dialect) for naming in errand.namings]
    for implementation in implementations:
        converse(implementation)
    return implementations, oracle, by_question(plan(errand.selection, oracle.dialect))


def _introduce(errand: Errand) -> list[Ran]:
    implementations, oracle, _ = _under_test(errand)
    return [Ran.of(each, errand.selection, oracle) for each in implementations]


def _answer(errand: Errand, first: int, last: int) -> Findings:
    """What these questions came to. Clauses hold functions, which cannot be sent: they are put back on arrival."""
    implementations, oracle, questions = _under_test(errand)
    found = put(questions[first:last], implementations, errand.selection, oracle, exitfirst=errand.exitfirst)
    return replace(found, results=tuple(dict(map(_without_clause, of.items())) for of in found.results))


def _without_clause(item: tuple[str, Result]) -> tuple[str, Result]:
    id, result = item
    nothing: Any = None
    return id, replace(result, clause=nothing)
