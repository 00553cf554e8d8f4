"""How often the right defect is named: measured on the mutants, some of which the rules were not written from.

These are by authors who did not know the rules, and are kept apart: nobody who writes rules looks at what is said of
them, their rate alone is read. What is right for a mutant follows from the defect that it declares; what else is true
of one that is kept apart is judged by somebody who writes no rule.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from enum import Enum

from conformance.diagnosis.conclude import diagnose
from conformance.diagnosis.expected import ALSO, EXPECTED
from conformance.diagnosis.rules.seen import SEEN
from conformance.implementations.keras.mutants import kept_apart as keras_kept_apart
from conformance.implementations.mutant import Mutant
from conformance.implementations.mutants import kept_apart
from conformance.results import Diagnosis
from conformance.run import Selection, run
from conformance.session import Oracle


class Outcome(Enum):
    """What was said of a mutant."""

    RIGHT = "right"
    WRONG = "wrong"  # with confidence
    UNNAMED = "unnamed"


@dataclass(frozen=True)
class Measured:
    """One mutant, what was said of it, and what that came to."""

    mutant: Mutant
    diagnoses: tuple[Diagnosis, ...]
    outcome: Outcome

    @property
    def named(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(each.defect for each in self.diagnoses if each.defect))


@dataclass(frozen=True)
class Rate:
    """How many mutants, and of how many the right, a wrong and no defect was named."""

    mutants: int
    right: int
    wrong: int
    unnamed: int

    def __str__(self) -> str:
        share = self.right / self.mutants if self.mutants else 0.0
        told = f"{self.right} named right ({share:.1%}), {self.wrong} wrong, {self.unnamed} not named"
        return f"{self.mutants} mutants: {told}"


_KEPT_APART = frozenset(mutant.name for mutant in (*kept_apart.MUTANTS, *keras_kept_apart.MUTANTS))


def is_kept_apart(mutant: Mutant) -> bool:
    """True for those that the rules were not written from."""
    return mutant.name in _KEPT_APART


def measure(
    mutants: Sequence[Mutant],
    selection: Selection,
    oracle: Oracle,
    *,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> tuple[Measured, ...]:
    """Runs the mutants that are wrong in the oracle's dialect, and diagnoses each report.

    Raises KeyError for a mutant that EXPECTED does not know.
    """
    wrong = [mutant for mutant in mutants if mutant.wrong_in(oracle.dialect)]
    made = [mutant.make(oracle.dialect) for mutant in wrong]
    reports = run(made, selection, oracle)
    found = []
    for done, (mutant, implementation, report) in enumerate(zip(wrong, made, reports, strict=True), start=1):
        diagnoses = diagnose(report, implementation, oracle)
        found.append(Measured(mutant, diagnoses, outcome(mutant, diagnoses)))
        progress(done, len(wrong))
    return tuple(found)


def outcome(mutant: Mutant, diagnoses: Iterable[Diagnosis]) -> Outcome:
    """Right where an expected defect is named and none that the mutant does not have; what is but seen names none."""
    expected, also = EXPECTED[mutant.name], ALSO.get(mutant.name, ())
    named = [each for each in diagnoses if each.defect and each.defect not in SEEN]
    if any(each.defect not in (*expected, *also) and not _takes_no_positions(each) for each in named):
        return Outcome.WRONG
    return Outcome.RIGHT if any(each.defect in expected for each in named) else Outcome.UNNAMED


def rate(measured: Iterable[Measured]) -> Rate:
    outcomes = [each.outcome for each in measured]
    counts = [outcomes.count(each) for each in (Outcome.RIGHT, Outcome.WRONG, Outcome.UNNAMED)]
    return Rate(len(outcomes), *counts)


def _takes_no_positions(diagnosis: Diagnosis) -> bool:
    """True of many a mutant: its constructor is written for arguments by name."""
    return diagnosis.defect == "positions-wrong" and "positional argument" in diagnosis.says
