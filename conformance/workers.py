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
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, replace
from functools import cache, partial
from itertools import accumulate, groupby
from typing import Any

from conformance.contract import CONTRACT
from conformance.implementations.load import HERE, Place, load
from conformance.implementations.protocol import Implementation
from conformance.recording import oracle_named
from conformance.reports.jsonlines import result_of, result_record
from conformance.results import Report, note_errata
from conformance.run import Asking, Findings, Progress, Ran, Selection, by_question, plan, put, reports, run
from conformance.session import Oracle, converse
from conformance.waivers.application import NOTHING_WAIVED, Waiving
from reference.dialects import dialect_of

#: Of each implementation the results, as plain data.
Records = list[list[dict[str, Any]]]
Answered = tuple[Findings, Records]


class WorkerError(Exception):
    """A worker's process ended in the middle of its work: nothing was judged."""


@dataclass(frozen=True)
class Study:
    """What is made of a finished report, with the implementation and the oracle at hand; and of which."""

    of: Callable[[Report, Implementation, Oracle], Report]
    wanted: Callable[[Report], bool]


@dataclass(frozen=True)
class Errand:
    """What is the same for every task of a run. namings: what every worker can load for itself, and where it lives.

    oracle: as `oracle_named` takes it.
    """

    namings: tuple[str, ...]
    selection: Selection
    exitfirst: bool = False
    place: Place = HERE
    oracle: str = "tensorflow"
    waiving: Waiving = NOTHING_WAIVED


def run_errand(
    errand: Errand,
    workers: int = 1,
    *,
    progress: Progress = lambda done, total: None,
    study: Study | None = None,
) -> tuple[Report, ...]:
    """One report for each naming, as `conformance.run.run` gives it; one worker is this process itself.

    study: what is asked again of implementations when all is done, in this process.
    Raises what loading an implementation or the oracle raises in a worker, PlugError as `run` does, and WorkerError
    where a worker's process ends.
    """
    if workers == 1:
        implementations, oracle = _loaded(errand)
        told = run(
            implementations,
            errand.selection,
            oracle,
            exitfirst=errand.exitfirst,
            progress=progress,
            waiving=errand.waiving,
        )
        return _studied(_named(told, errand), study, lambda: (implementations, oracle))
    with _executor(workers) as executor:
        # as many as there are workers, so that all of them import the oracle at the same time
        introduced = [executor.submit(_introduce, errand) for _ in range(workers)]
        ran = introduced[0].result()
        start = time.perf_counter()
        planned = plan(errand.selection, dialect_of(ran[0].oracle["keras"]))
        tasks = _tasks(by_question(planned))
        given = [executor.submit(_answer, errand, first, last) for first, last in tasks]
        findings = _gathered(given, tasks, errand, progress)
        seconds = time.perf_counter() - start
    told = reports(ran, planned, findings, seconds=seconds, waiving=errand.waiving)
    return _studied(_named(told, errand), study, partial(_loaded, errand))


def _named(told: tuple[Report, ...], errand: Errand) -> tuple[Report, ...]:
    """An implementation may call itself by another name than that by which it is found."""
    pairs = zip(told, errand.namings, strict=True)
    return tuple(replace(report, naming=naming, placed=str(errand.place)) for report, naming in pairs)


def _studied(
    told: tuple[Report, ...],
    study: Study | None,
    loaded: Callable[[], tuple[list[Implementation], Oracle]],
) -> tuple[Report, ...]:
    """Nothing is loaded where nothing is asked."""
    if study is None or not any(study.wanted(report) for report in told):
        return told
    implementations, oracle = loaded()
    return tuple(study.of(report, each, oracle) for report, each in zip(told, implementations, strict=True))


def _loaded(errand: Errand) -> tuple[list[Implementation], Oracle]:
    oracle = oracle_named(errand.oracle)
    return [load(naming, oracle.dialect, errand.place) for naming in errand.namings], oracle


def _tasks(questions: Sequence[Asking]) -> list[tuple[int, int]]:
    """The questions of each layer, as places in the order of a run: first, and last + 1."""
    lengths = [len(list(of_one)) for _, of_one in groupby(questions, key=lambda asking: asking[0].layer)]
    ends = list(accumulate(lengths))
    return list(zip([0, *ends], ends, strict=False))


def _gathered(
    given: Sequence[Future[Answered]],
    tasks: Sequence[tuple[int, int]],
    errand: Errand,
    progress: Progress,
) -> Findings:
    """All findings in the order of a run, each implementation's up to the first failure that ends its run."""
    clauses = {clause.id: clause for clause in CONTRACT}
    found = Findings(tuple({} for _ in errand.namings))
    for future, (_, last) in zip(given, tasks, strict=True):
        one, records = future.result()
        for at, of_one in enumerate(records):
            if at not in found.stopped:
                found.results[at].update({each["id"]: result_of(each, clauses) for each in of_one})
        found.stopped |= one.stopped
        note_errata(found.errata, one.errata)
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
    implementations, oracle = _loaded(errand)
    for implementation in implementations:
        converse(implementation, oracle)
    return implementations, oracle, by_question(plan(errand.selection, oracle.dialect))


def _introduce(errand: Errand) -> list[Ran]:
    implementations, oracle, _ = _under_test(errand)
    return [Ran.of(each, errand.selection, oracle) for each in implementations]


def _answer(errand: Errand, first: int, last: int) -> Answered:
    """What these questions came to. Clauses hold functions, which cannot be sent: results are sent as records."""
    implementations, oracle, questions = _under_test(errand)
    found = put(
        questions[first:last],
        implementations,
        errand.selection,
        oracle,
        exitfirst=errand.exitfirst,
        waiving=errand.waiving,
    )
    return replace(found, results=()), [[result_record(each) for each in of.values()] for of in found.results]
