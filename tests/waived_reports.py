"""Reports that fail as wanted, waivers for them, and entries of a file: no run has to make them."""

from __future__ import annotations

import datetime
from dataclasses import replace

from conformance.answers import Level
from conformance.cases import Tier
from conformance.compare import Comparison
from conformance.results import Floor, Report, Result, Verdict
from conformance.waivers.application import Waiving, apply
from conformance.waivers.coverage import cases_of, catalogue
from conformance.waivers.waiver import Symptom, Waiver
from reference.dialects import DIALECTS

DIALECT = DIALECTS[-1].name
TODAY = datetime.date(2027, 3, 1)
AFFINE = sorted(case for case in cases_of("outputs.affine", DIALECT) if catalogue(DIALECT)[case][1].tier is Tier.SMOKE)
ORACLE = {"tensorflow": "2.21.0", "keras": "3.15.1"}
HIGH = Comparison("outputs", False, "2", "1", 50.0, (0, 0), 5, 10, directions=("too high",))
#: The keys of a good entry.
GOOD = {
    "cases": '"outputs.affine"',
    "reason": '"gelu is by tanh"',
    "issue": '"https://example.org/1"',
    "expires": "2027-06-30",
    "symptom": '{ verdict = "fail", differs = ["outputs"], direction = "too high", ratio = 100 }',
}


def result(case: str, verdict: Verdict, *comparisons: Comparison, raised: str = "") -> Result:
    clause, of = catalogue(DIALECT)[case]
    passed = (Comparison("outputs", True, "1", "1"),) if verdict is Verdict.PASS else comparisons
    return Result(of, clause, verdict, passed, raised=raised)


def report(*results: Result, is_everything: bool = False, version: str = "") -> Report:
    """Of a run at the smoke tier; one of everything has a floor that it meets."""
    floor = Floor(0, 0) if is_everything else None
    return Report(
        "x", Level.INFERENCE, Tier.SMOKE, results, 9, 9, ORACLE, DIALECT, floor=floor, version=version, claimed=True
    )


def waiver(*cases: str, line: int = 7, symptom: Symptom | None = None, **fields: object) -> Waiver:
    said = symptom or Symptom("fail", "", ("outputs",), ("too high",), 100.0, 0.6)
    made = Waiver(cases, "gelu is by tanh", "https://example.org/1", datetime.date(2027, 3, 1), said, line=line)
    return replace(made, **fields)  # type: ignore[arg-type]


def waived(told: Report, *waivers: Waiver, today: datetime.date = TODAY) -> Report:
    return apply(told, Waiving(waivers, today))


def entry(**changed: str | None) -> str:
    """An entry in lines 2 to 7, with a comment above it."""
    return "# comment\n[[waiver]]\n" + "".join(
        f"{key} = {value}\n" for key, value in {**GOOD, **changed}.items() if value is not None
    )
