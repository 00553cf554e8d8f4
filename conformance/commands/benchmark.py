"""`dense-conformance benchmark`: what the suite costs beside the calls that it makes, measured in one run."""

from __future__ import annotations

import argparse
import multiprocessing
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor

from conformance.api import UsageError, selection
from conformance.cases import Tier
from conformance.implementations.load import Place, load
from conformance.recording import oracle_named
from conformance.run import contract_areas
from conformance.run import run as run_contract
from conformance.screen import aside
from conformance.session import live_oracle
from conformance.workers import Errand, run_errand

#: Starts of a fresh interpreter for each import that is timed.
STARTS = 5
#: Turns of a loop that keeps a core busy for about a second.
LOOPS = 10_000_000


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = subparsers.add_parser(
        "benchmark",
        help="measure what the suite costs",
        description="Measures side by side: the whole run over the bare calls of oracle and implementation, "
        "comparisons a second, what importing the package adds to starting Python, and what more processes gain.",
    )
    parser.add_argument("implementation", nargs="?", default="keras.layers:Dense", help="asked beside the oracle")
    parser.add_argument("--tier", choices=[str(tier) for tier in Tier], default="default")
    parser.add_argument("--area", action="append", default=[], choices=list(contract_areas()))
    parser.add_argument("--workers", type=int, default=1, metavar="N", help="run it again in so many processes")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    bare, package = _seconds_to_start("pass"), _seconds_to_start("import conformance")
    print(f"import conformance     {package - bare:.3f} s more than Python's own start of {bare:.3f} s")
    start = time.perf_counter()
    oracle = live_oracle()
    print(f"import TensorFlow      {time.perf_counter() - start:.1f} s")
    with aside():
        chosen = selection(tier=arguments.tier, areas=arguments.area)
        (report,) = run_contract([load(arguments.implementation, oracle.dialect)], chosen, oracle)
    if not report.comparisons:
        raise UsageError(
            f"{report.implementation} is asked nothing in {', '.join(arguments.area)}; choose another area"
        )
    print(f"run                    {report.seconds:.1f} s, {report.comparisons} comparisons")
    print(f"comparisons a second   {report.comparisons / report.seconds:.0f}")
    print(f"bare calls             {report.seconds_answering:.1f} s inside oracle and implementation")
    print(f"suite / bare calls     {report.seconds / report.seconds_answering:.2f}")
    _print_costs_of_judging(arguments.tier, arguments.area)
    if arguments.workers > 1:
        (shared,) = run_errand(Errand((arguments.implementation,), chosen), arguments.workers)
        print(f"{arguments.workers} workers              {shared.seconds:.1f} s, imports left out")
        gain = _gain_of_processes(arguments.workers)
        print(f"one worker / {arguments.workers:<10}{report.seconds / shared.seconds:.2f}, of a bare loop {gain:.2f}")
    return 0


def _print_costs_of_judging(tier: str, areas: list[str]) -> None:
    """Of the reference: by the live oracle and by the recorded one, imports included; and in a process of its own."""
    options = ["--tier", tier, "--quiet", *(word for area in areas for word in ("--area", area))]
    command = [sys.executable, "-m", "conformance", "run", "reference", *options]

    def seconds(oracle: str) -> float:
        start = time.perf_counter()
        subprocess.run([*command, "--oracle", oracle], check=True, capture_output=True)
        return time.perf_counter() - start

    print(f"live / recorded oracle {seconds('tensorflow') / seconds('recorded'):.1f}, imports included")
    oracle, chosen = oracle_named("recorded"), selection(tier=tier, areas=areas)
    (here,) = run_contract([load("reference", oracle.dialect)], chosen, oracle)
    (there,) = run_contract([load("reference", oracle.dialect, Place(python=sys.executable))], chosen, oracle)
    print(f"a process of its own   {1000 * (there.seconds - here.seconds) / here.executed:.2f} ms a case")


def _gain_of_processes(count: int) -> float:
    """How many times as much this machine computes in so many processes as in one: what workers could gain at best."""
    with ProcessPoolExecutor(count, multiprocessing.get_context("spawn")) as executor:
        list(executor.map(_seconds_of_a_loop, range(count)))  # until all have started
        alone = executor.submit(_seconds_of_a_loop, 0).result()
        together = list(executor.map(_seconds_of_a_loop, range(count)))
    return count * alone / max(together)


def _seconds_of_a_loop(_: int) -> float:
    start, total = time.perf_counter(), 0
    for number in range(LOOPS):
        total += number * number % 7
    return time.perf_counter() - start


def _seconds_to_start(statement: str) -> float:
    """The median of several starts of Python with this statement."""

    def timed(call: Callable[[], object]) -> float:
        start = time.perf_counter()
        call()
        return time.perf_counter() - start

    command = [sys.executable, "-c", statement]
    return statistics.median(timed(lambda: subprocess.run(command, check=True)) for _ in range(STARTS))
