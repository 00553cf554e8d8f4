"""What the diagnosis names, by the recorded oracle: for tests of what it says, and of what it does not say."""

from __future__ import annotations

from conformance.cases import Tier
from conformance.diagnosis.conclude import diagnose
from conformance.diagnosis.rules.seen import SEEN
from conformance.implementations.protocol import Implementation
from conformance.recording import oracle_named
from conformance.results import Diagnosis
from conformance.run import Selection, run

ORACLE = oracle_named("recorded")


def named(implementation: Implementation, *areas: str) -> list[Diagnosis]:
    """The defects of these areas, or of all, without what is only seen."""
    (report,) = run([implementation], Selection(tier=Tier.SMOKE, areas=areas), ORACLE)
    assert report.accusations
    return [told for told in diagnose(report, implementation, ORACLE) if told.defect and told.defect not in SEEN]
