"""What a report tells of each clause, and of the whole in two words: the same in every form that people read."""

from __future__ import annotations

import shlex
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import Enum

from conformance.contract.clause import Clause, Requirement
from conformance.results import Diagnosis, ExitCode, Report, Result, Verdict


class State(Enum):
    """What a clause's cases came to together, worst first: the first that any of them is in."""

    SUITE_ERROR = "suite error"
    FAILED = "failed"
    WAIVED = "waived"
    PASSED = "passed"
    ABSENT = "not applicable"


#: The state that a verdict speaks for; every other one accuses.
_STATES: Mapping[Verdict, State] = {
    Verdict.SUITE_ERROR: State.SUITE_ERROR,
    Verdict.WAIVED: State.WAIVED,
    Verdict.PASS: State.PASSED,
    Verdict.NOT_APPLICABLE: State.ABSENT,
}


def state_of(verdict: Verdict) -> State:
    return _STATES.get(verdict, State.FAILED)


@dataclass(frozen=True)
class Outcome:
    """What one clause came to.

    results: of its cases, in the contract's order. shown: the one that shows best what it came to: the smallest, where
    is_smallest, which need not be among the results. causes: the diagnoses that explain any of its failures.
    """

    clause: Clause
    results: tuple[Result, ...]
    shown: Result
    is_smallest: bool = False
    causes: tuple[Diagnosis, ...] = ()

    @property
    def counts(self) -> Mapping[State, int]:
        return Counter(state_of(result.verdict) for result in self.results)

    @property
    def state(self) -> State:
        return next(state for state in State if self.counts[state])

    @property
    def decides(self) -> bool:
        """False for a SHOULD or a MAY, which is told and decides nothing."""
        return self.clause.requirement is Requirement.MUST

    @property
    def failures(self) -> tuple[Result, ...]:
        return self.of(State.FAILED)

    def of(self, state: State) -> tuple[Result, ...]:
        """The results in one state."""
        return tuple(result for result in self.results if state_of(result.verdict) is state)

    @property
    def compared(self) -> int:
        return sum(result.compared for result in self.results)


def outcomes(report: Report) -> tuple[Outcome, ...]:
    """One of each clause that was put to the test, in the contract's order."""
    by_clause: dict[str, list[Result]] = {}
    for result in report.results:
        by_clause.setdefault(result.clause.id, []).append(result)
    return tuple(_outcome(report, tuple(results)) for results in by_clause.values())


def by_area(found: tuple[Outcome, ...]) -> Mapping[str, tuple[Outcome, ...]]:
    areas = dict.fromkeys(outcome.clause.area for outcome in found)
    return {area: tuple(outcome for outcome in found if outcome.clause.area == area) for area in areas}


def _outcome(report: Report, results: tuple[Result, ...]) -> Outcome:
    clause, order = results[0].clause, list(State)
    # of those that failed, what could not even be asked says less than what was asked
    first = min(results, key=lambda each: (order.index(state_of(each.verdict)), each.verdict is Verdict.BLOCKED))
    smallest = report.smallest.get(clause.id)
    failed = {result.case.id for result in results if result.verdict.fails}
    causes = tuple(each for each in report.diagnoses if failed & set(each.cases))
    return Outcome(clause, results, smallest or first, smallest is not None, causes)


# ---- the whole, in two words ---------------------------------------------------------------------------------------


class Mood(Enum):
    """How a standing is painted."""

    GOOD = "good"
    PARTIAL = "partial"
    BAD = "bad"
    OPEN = "open"


@dataclass(frozen=True)
class Standing:
    """What is said of an implementation where there is room for two words."""

    says: str
    mood: Mood


def standing(report: Report) -> Standing:
    """The level reached; else whether anything was found against it, or there is no verdict."""
    if report.suite_errors or report.floor is None or report.exit_code is ExitCode.NOTHING_RAN:
        return Standing("no verdict", Mood.OPEN)
    reached = report.level_reached
    if report.complaints or report.stopped_early or report.under_floor or (report.accusations and reached is None):
        return Standing("does not conform", Mood.BAD)
    if reached is None:
        return Standing("no level reached", Mood.PARTIAL)
    return Standing(f"level {reached}", Mood.GOOD if report.conforms and reached == report.level else Mood.PARTIAL)


# ---- once more -----------------------------------------------------------------------------------------------------


def named(report: Report) -> str:
    """How a command names the implementation, as far as it can."""
    return report.naming or report.implementation


def repeat(naming: str, case: str, options: str = "") -> str:
    """The command that asks one case again. options: as `options` gives them."""
    return f"dense-conformance run {shlex.quote(naming)} --case {shlex.quote(case)}{options}"


def options(report: Report) -> str:
    """What a command needs to ask the same question of the same level again, by the same oracle."""
    return "".join([report.placed, *_options(report)])


def _options(report: Report) -> Iterator[str]:
    if report.claimed:
        yield f" --level {report.level}"
    if report.seed:
        yield f" --seed {report.seed}"
    if report.oracle.get("oracle") == "recorded":
        yield " --oracle recorded"
