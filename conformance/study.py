"""What can be said of a finished run once its implementation is asked again: how it fails, and why.

Nothing here changes a verdict.
"""

from __future__ import annotations

from dataclasses import replace

from conformance.curves import measure
from conformance.diagnosis.conclude import diagnose
from conformance.implementations.protocol import Implementation
from conformance.reproduction.kinds import CannotReproduceError
from conformance.reproduction.script import script
from conformance.results import Diagnosis, Report
from conformance.session import Oracle, Planned
from conformance.shrink import smallest_of


def has_failures(report: Report) -> bool:
    """True where there is anything to study."""
    return any(result.verdict.fails for result in report.results)


def study(
    report: Report,
    implementation: Implementation,
    oracle: Oracle,
    *,
    curves: bool = False,
    scripts: bool = False,
) -> Report:
    """The report with the likely defects and the smallest case of each failed clause; curves, scripts: with these."""
    studied = report
    if has_failures(report):
        studied = diagnosed(
            replace(report, smallest=smallest_of(report, implementation, oracle)), implementation, oracle
        )
    if scripts:
        studied = _with_scripts(studied, implementation, oracle)
    return replace(studied, curves=measure(implementation, oracle.dialect)) if curves else studied


def diagnosed(report: Report, implementation: Implementation, oracle: Oracle) -> Report:
    """The report with the likely defects. Whatever an implementation answers when asked again, its verdicts stand."""
    try:
        return replace(report, diagnoses=diagnose(report, implementation, oracle))
    except Exception as failure:
        return undiagnosed(report, f"{type(failure).__name__}: {failure}")


def undiagnosed(report: Report, why: str) -> Report:
    """The report, saying of its failures that nobody could look into them, and why."""
    failed = tuple(result.case.id for result in report.results if result.verdict.fails)
    return replace(report, diagnoses=(Diagnosis("", "the suite could not look into the failures", why, failed),))


def _with_scripts(report: Report, implementation: Implementation, oracle: Oracle) -> Report:
    """The report with a script for each failed clause, or why there is none."""
    naming = report.naming or report.implementation
    written: dict[str, str] = {}
    unwritten: dict[str, str] = {}
    for clause_id, result in report.smallest.items():
        try:
            written[clause_id] = script(Planned(result.clause, result.case), naming, implementation, oracle)
        except CannotReproduceError as failure:
            unwritten[clause_id] = str(failure)
    return replace(report, reproductions=written, unwritten=unwritten)
