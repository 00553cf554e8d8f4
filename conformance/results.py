"""What a run found: verdicts, results, the report, and the exit code."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum, IntEnum

from conformance.answers import Level
from conformance.cases import Case, Tier
from conformance.compare import Comparison
from conformance.contract.clause import Clause, Requirement
from reference.grades import LADDERS


class Verdict(Enum):
    """What can be said of one case."""

    PASS = "pass"
    FAIL = "fail"
    ERROR = "error"  # the implementation raised
    CRASH = "crash"  # its process ended
    TIMEOUT = "timeout"
    NOT_APPLICABLE = "not-applicable"  # it does not declare what is asked
    BLOCKED = "blocked"  # an earlier failure makes the question meaningless
    SUITE_ERROR = "suite-error"  # the oracle misses the reference, or the suite itself failed
    WAIVED = "waived"  # it fails as a waiver says that it does
    UNEXPECTED_PASS = "unexpected-pass"  # a waiver says that it fails

    @property
    def fails(self) -> bool:
        """True where the implementation failed a case that applies to it."""
        return self in (Verdict.FAIL, Verdict.ERROR, Verdict.CRASH, Verdict.TIMEOUT, Verdict.BLOCKED)

    @property
    def accuses(self) -> bool:
        """True where it failed, or a waiver is out of date."""
        return self.fails or self is Verdict.UNEXPECTED_PASS


class ExitCode(IntEnum):
    """pytest's numbers."""

    CONFORMS = 0
    DOES_NOT_CONFORM = 1
    INTERRUPTED = 2
    SUITE_ERROR = 3
    USAGE = 4
    NOTHING_RAN = 5


@dataclass(frozen=True)
class Result:
    """What one case came to.

    erratum: the id of the one that decided it; answers_as: "keras" or "mathematics" then. grade: how accurate the
    answer was, "-" for worse than any grade; "" where none is awarded. raised: the type of the exception of an error,
    and of that which blocks a case. waived: of a waived result the verdict that it would have. remark: why a waiver of
    this case does not waive it.
    """

    case: Case
    clause: Clause
    verdict: Verdict
    comparisons: tuple[Comparison, ...] = ()
    reason: str = ""
    erratum: str = ""
    answers_as: str = ""
    grade: str = ""
    raised: str = ""
    waived: Verdict | None = None
    remark: str = ""

    @property
    def compared(self) -> int:
        """Comparisons in which something was really compared."""
        return sum(comparison.counts for comparison in self.comparisons)


@dataclass(frozen=True)
class Diagnosis:
    """The likely defect behind failed cases.

    defect: its name, `activation-formula` say; "" where none is named with confidence. says: one sentence for the
    author of the implementation. evidence: what speaks for it, in numbers. cases: the ids of the failed cases that it
    explains.
    """

    defect: str
    says: str
    evidence: str
    cases: tuple[str, ...]


@dataclass(frozen=True)
class Curve:
    """How far an implementation is from one activation, over a range of pre-activations.

    z, error, lower, upper: as many numbers each, by rising z. error: the distance of what came from the middle of the
    allowed interval [lower, upper], in half-widths and with its sign: from -1 to 1 inside; infinite for NaN, and where
    one value alone is right and another came. erratum: the id of the one whose definition the answer keeps to; "" for
    the mathematics. absent: why there is no curve, in words; there are no numbers then.
    """

    activation: str
    dtype: str
    z: tuple[float, ...] = ()
    error: tuple[float, ...] = ()
    lower: tuple[float, ...] = ()
    upper: tuple[float, ...] = ()
    erratum: str = ""
    absent: str = ""


def note_errata(known: dict[str, bool], more: Mapping[str, bool]) -> None:
    """Adds errata that were asked about, by id: seen once is seen."""
    for erratum, seen in more.items():
        known[erratum] = known.get(erratum, False) or seen


@dataclass(frozen=True)
class Floor:
    """The committed least number of cases and comparisons of one level, tier and dialect."""

    cases: int
    comparisons: int


@dataclass(frozen=True)
class Shard:
    """One part of a run that is shared among machines: its number, from 1, and how many parts there are.

    Raises ValueError for a number that is not among them.
    """

    number: int
    of: int

    def __post_init__(self) -> None:
        if not 1 <= self.number <= self.of:
            raise ValueError(f"a shard is one of 1 to N, written I/N, as in 2/4; got {self}")

    def __str__(self) -> str:
        return f"{self.number}/{self.of}"


@dataclass(frozen=True)
class Report:
    """Everything that one run found of one implementation.

    claimed: True where the level was asked for, not chosen by what the implementation declares. floor: None for a
    selection or a shard, which claims nothing about conformance. areas, case: the selection, empty where everything was
    to be run. shard: which part of the run this is, None for the whole. oracle: its name and versions. errata: the ids
    of those that were asked about, with True where the oracle still shows it. seconds: of the whole run, of all
    implementations together; seconds_answering: those that they and the oracle took. smallest: of each failed clause
    the plainest case that fails it, by the clause's id; it need not be one of the catalogue. diagnoses: the likely
    defects. complaints: what is wrong with the waivers that were applied, in words; any fails the run. version: of the
    implementation, as it declares it; "" where it does not. curves: of each activation, measured only where a report
    shows them. reproductions: of each failed clause the text of a script that shows its smallest case, by the clause's
    id, likewise; unwritten: why there is none, by the clause's id. naming, placed: how the command line names the
    implementation, and the options that say where it lives; "" where it has no name there.
    """

    implementation: str
    level: Level
    tier: Tier
    results: tuple[Result, ...]
    applicable: int
    catalogue: int
    oracle: Mapping[str, str] = field(default_factory=dict)
    dialect: str = ""
    seed: int = 0
    claimed: bool = False
    floor: Floor | None = None
    areas: tuple[str, ...] = ()
    case: str = ""
    shard: Shard | None = None
    errata: Mapping[str, bool] = field(default_factory=dict)
    seconds: float = 0.0
    seconds_answering: float = 0.0
    stopped_early: bool = False
    smallest: Mapping[str, Result] = field(default_factory=dict)
    diagnoses: tuple[Diagnosis, ...] = ()
    complaints: tuple[str, ...] = ()
    version: str = ""
    curves: tuple[Curve, ...] = ()
    reproductions: Mapping[str, str] = field(default_factory=dict)
    unwritten: Mapping[str, str] = field(default_factory=dict)
    naming: str = ""
    placed: str = ""

    @property
    def counts(self) -> Mapping[Verdict, int]:
        return Counter(result.verdict for result in self.results)

    @property
    def executed(self) -> int:
        """Cases that were put to the implementation."""
        idle = (Verdict.NOT_APPLICABLE, Verdict.BLOCKED)
        return sum((result.waived or result.verdict) not in idle for result in self.results)

    @property
    def comparisons(self) -> int:
        return sum(result.compared for result in self.results)

    @property
    def grades(self) -> Mapping[str, str]:
        """The worst grade of every dtype in which one was awarded."""
        worst: dict[str, str] = {}
        for result in self.results:
            if result.grade:
                dtype, order = result.case.question.config.dtype, _order(result.case.question.config.format.name)
                worst[dtype] = max(worst.get(dtype, result.grade), result.grade, key=order.index)
        return worst

    @property
    def accusations(self) -> tuple[Result, ...]:
        """The results that decide against the implementation, in the contract's order."""
        binding = [result for result in self.results if result.clause.requirement is Requirement.MUST]
        return tuple(result for result in binding if result.verdict.accuses)

    @property
    def suite_errors(self) -> tuple[Result, ...]:
        return tuple(result for result in self.results if result.verdict is Verdict.SUITE_ERROR)

    @property
    def under_floor(self) -> str:
        """What is missing from the floor, in words; empty where nothing is."""
        if self.floor is None or self.stopped_early:
            return ""
        of_level = [result for result in self.results if result.clause.level <= self.level]
        excused = sum(result.verdict in (Verdict.NOT_APPLICABLE, Verdict.WAIVED) for result in of_level)
        if len(of_level) < self.floor.cases:
            return f"{len(of_level)} cases where {self.floor.cases} are committed"
        compared = sum(result.compared for result in of_level)
        if not excused and not self.accusations and compared < self.floor.comparisons:
            return f"{compared} comparisons where {self.floor.comparisons} are committed"
        return ""

    @property
    def level_reached(self) -> Level | None:
        """The highest level all of whose cases ran and passed, up to the one that was run; None below inference.

        What passes though a waiver says that it fails has passed; what is waived has not.
        """
        if self.floor is None or self.stopped_early or self.suite_errors or self.under_floor:
            return None
        missed = [
            result.clause.level
            for result in self.results
            if result.clause.requirement is Requirement.MUST
            and result.verdict not in (Verdict.PASS, Verdict.UNEXPECTED_PASS)
        ]
        reached = self.level if not missed else min(missed) - 1
        return Level(reached) if reached >= Level.INFERENCE else None

    @property
    def conforms(self) -> bool:
        """True where the run can say so: nothing failed or is waived, nothing is missing, and it was no selection."""
        return self.floor is not None and self.exit_code is ExitCode.CONFORMS and not self.counts[Verdict.WAIVED]

    @property
    def exit_code(self) -> ExitCode:
        if self.suite_errors:
            return ExitCode.SUITE_ERROR
        if self.accusations or self.under_floor or self.complaints:
            return ExitCode.DOES_NOT_CONFORM
        return ExitCode.CONFORMS if self.comparisons or self.counts[Verdict.WAIVED] else ExitCode.NOTHING_RAN


def _order(format: str) -> tuple[str, ...]:
    """The grades of a format, best first, and what is worse than all."""
    return (*(grade.name for grade in LADDERS[format]), "-")
