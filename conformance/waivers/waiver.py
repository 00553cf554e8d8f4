"""What a waiver is, and whether a case fails as it says."""

from __future__ import annotations

import datetime
import math
from collections.abc import Iterable
from dataclasses import dataclass

from conformance.results import Result, Verdict

#: What begins the reason of a waiver that nobody has looked into yet: it needs no issue.
UNTRIAGED = "untriaged:"
#: How a case can fail, in the words of the file. A blocked case fails as the one that blocks it: by an exception.
_KINDS = {
    Verdict.FAIL: "fail",
    Verdict.ERROR: "error",
    Verdict.BLOCKED: "error",
    Verdict.CRASH: "crash",
    Verdict.TIMEOUT: "timeout",
}
#: A failure in which nothing was compared: what was asked for is lacking, at a level that was claimed.
LACKS = "lacks"
KINDS = (*dict.fromkeys(_KINDS.values()), LACKS)


@dataclass(frozen=True)
class Symptom:
    """How cases fail; of a waiver, how they may.

    kind: one of KINDS. raises: the type of an error's exception. differs: the names of the comparisons that miss.
    directions: the ways in which they do. ratio, share: of the worst element its distance in half-widths, and how many
    elements miss; at most.
    """

    kind: str
    raises: str = ""
    differs: tuple[str, ...] = ()
    directions: tuple[str, ...] = ()
    ratio: float = math.inf
    share: float = 1.0

    def differs_from(self, waived: Symptom) -> str:
        """What a waiver for the other symptom does not say of this one, in words; empty where it says it all."""
        if self.kind != waived.kind:
            return f"{self._as_kind}, and the waiver says {waived._as_kind}"
        if self.raises != waived.raises:
            return f"{self.raises!r} is raised, and the waiver says {waived.raises!r}"
        more = [name for name in self.differs if name not in waived.differs]
        if more:
            return f"{_and(more)} differs, and the waiver says {_and(waived.differs)}"
        more = [direction for direction in self.directions if direction not in waived.directions]
        if more:
            return f"it is wrong as {_and(more)}, and the waiver says {_and(waived.directions)}"
        if self.ratio > waived.ratio:
            return f"the ratio is {self.ratio:.3g}, and the waiver allows {waived.ratio:.3g}"
        if self.share > waived.share:
            return f"{self.share:.3g} of the elements miss, and the waiver allows {waived.share:.3g}"
        return ""

    @property
    def _as_kind(self) -> str:
        return f"{self.kind} by {self.raises}" if self.raises else self.kind


def symptom_of(result: Result) -> Symptom | None:
    """How a result fails; None where it does not."""
    verdict = result.waived or result.verdict
    if verdict not in _KINDS:
        return None
    missed = [comparison for comparison in result.comparisons if not comparison.holds]
    if verdict is not Verdict.FAIL:
        return Symptom(_KINDS[verdict], result.raised)
    if not missed:
        return Symptom(LACKS)
    return Symptom(
        _KINDS[verdict],
        differs=tuple(dict.fromkeys(comparison.name for comparison in missed)),
        directions=tuple(dict.fromkeys(direction for comparison in missed for direction in comparison.directions)),
        ratio=max(comparison.ratio for comparison in missed),
        share=max(comparison.misses / comparison.size if comparison.size else 1.0 for comparison in missed),
    )


@dataclass(frozen=True)
class Waiver:
    """A known failure. See docs/waivers.md.

    cases: ids of clauses, or patterns over case ids in which * stands for anything. expires: the last day on which it
    holds. versions: PEP 440 specifiers by name, of the oracle's parts and of the `implementation`; it is in force where
    all of them hold. line: where the file has it.
    """

    cases: tuple[str, ...]
    reason: str
    issue: str
    expires: datetime.date
    symptom: Symptom
    versions: tuple[tuple[str, str], ...] = ()
    line: int = 0

    @property
    def is_untriaged(self) -> bool:
        return self.reason.startswith(UNTRIAGED)

    @property
    def told(self) -> str:
        """Until when it holds, and why, in one line."""
        return f"until {self.expires}: {self.reason}" + (f" ({self.issue})" if self.issue else "")

    def has_expired(self, today: datetime.date) -> bool:
        return today > self.expires


def _and(words: Iterable[str]) -> str:
    return " and ".join(words) or "nothing"
