"""Which clauses fail which mutants, and whether every mutant and every clause has its counterpart."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from conformance.contract import CONTRACT
from conformance.implementations.mutant import Mutant
from conformance.results import Report, Verdict
from conformance.run import Selection, run
from conformance.session import Oracle


@dataclass(frozen=True)
class Kill:
    """One mutant, and the clauses that failed it: by a wrong answer, or because it raised."""

    mutant: Mutant
    failed: tuple[str, ...]
    raised: tuple[str, ...]

    @property
    def is_killed(self) -> bool:
        """Its own clause failed it; by an error only where raising is the defect."""
        return self.mutant.breaks in self.failed or (self.mutant.only_raises and self.mutant.breaks in self.raised)


def kills(
    mutants: Sequence[Mutant],
    selection: Selection,
    oracle: Oracle,
    *,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> tuple[Kill, ...]:
    """Asks every question of all mutants at once, but for those that are no mutants in the oracle's dialect."""
    wrong = [mutant for mutant in mutants if mutant.wrong_in(oracle.dialect)]
    reports = run([mutant.make(oracle.dialect) for mutant in wrong], selection, oracle, progress=progress)
    return tuple(_kill(mutant, report) for mutant, report in zip(wrong, reports, strict=True))


def complaints(found: Iterable[Kill], *, whole: bool) -> Iterator[str]:
    """What is wrong with the matrix, one line each. whole: every mutant was asked, so every clause must have one."""
    found = tuple(found)
    ids = {clause.id for clause in CONTRACT}
    for kill in found:
        mutant = kill.mutant
        if mutant.breaks not in ids:
            yield f"{mutant.name} breaks {mutant.breaks}, which is no clause"
        elif not kill.is_killed:
            others = ", ".join((*kill.failed, *kill.raised)) or "none"
            yield f"{mutant.name} ({mutant.says}) survives {mutant.breaks}; failed by {others}"
    if whole:
        needed = {kill.mutant.breaks for kill in found}
        yield from (f"{clause.id} is needed by no mutant" for clause in CONTRACT if clause.id not in needed)


def _kill(mutant: Mutant, report: Report) -> Kill:
    errors = report.suite_errors
    if errors:
        raise RuntimeError(f"{mutant.name} met a suite-error: {errors[0].case.id}: {errors[0].reason}")
    failed = dict.fromkeys(result.clause.id for result in report.results if result.verdict is Verdict.FAIL)
    raised = dict.fromkeys(result.clause.id for result in report.results if result.verdict is Verdict.ERROR)
    return Kill(mutant, tuple(failed), tuple(raised))
