"""Reports that no run has to make: real clauses and cases, verdicts as wanted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from conformance.answers import Level
from conformance.cases import Tier
from conformance.compare import Comparison
from conformance.contract import CONTRACT
from conformance.contract.clause import Clause, Requirement
from conformance.results import Curve, Diagnosis, Floor, Report, Result, Verdict
from reference.dialects import DIALECTS

CLAUSES = {clause.id: clause for clause in CONTRACT}
INSIDE = Comparison("outputs", True, "1.0", "0.9 .. 1.1", ratio=0.25, place=(0, 1), size=6)
OUTSIDE = Comparison("outputs", False, "2.0", "0.9 .. 1.1", ratio=10.0, place=(0, 1), misses=2, size=6)
#: Whatever a page, an XML file or a terminal could take for its own.
HOSTILE = {
    "script": "<script>alert(document.domain)</script>",
    "attribute": '" autofocus onfocus="alert(1)',
    "cdata": "]]><evil/><![CDATA[",
    "comment": "--><img src=x onerror=alert(1)><!--",
    "template": "{{ 7 * 7 }}{% raw %}",
    "markdown": "</details># `x` [l](https://evil.example) @everyone | ![i](https://evil.example/i.png)",
    "controls": "\x00\x01\x08\x0b\x1b[31mred\x7f\x85\ufffe\uffff\ud800",
    "backwards": "\u202egnp.exe\u2066 שלום",
    "lines": "one\r\ntwo\u2028three\n```\n# four",
    "long": "x" * 10_000,
    "words": "a " * 5_000,
}


def result(
    clause_id: str = "outputs.affine",
    verdict: Verdict = Verdict.PASS,
    *,
    at: int = 0,
    reason: str = "",
    requirement: Requirement | None = None,
) -> Result:
    """Of the clause's case at that place; with a comparison where one belongs to the verdict."""
    clause: Clause = CLAUSES[clause_id]
    case = list(clause.cases(DIALECTS[-1]))[at]
    compared = {Verdict.PASS: (INSIDE,), Verdict.UNEXPECTED_PASS: (INSIDE,), Verdict.FAIL: (OUTSIDE,)}
    compared[Verdict.WAIVED] = (OUTSIDE,)
    weighed = replace(clause, requirement=requirement or clause.requirement)
    return Result(case, weighed, verdict, compared.get(verdict, ()), reason)


def report(
    *results: Result,
    name: str = "layers:MyDense",
    is_everything: bool = True,
    diagnoses: Sequence[Diagnosis] = (),
    complaints: Sequence[str] = (),
    curves: Sequence[Curve] = (),
) -> Report:
    """A report of level inference whose floor is just met."""
    return Report(
        name,
        Level.INFERENCE,
        Tier.SMOKE,
        results,
        applicable=len(results),
        catalogue=len(results),
        oracle={"tensorflow": "2.21.0", "keras": "3.15.1"},
        dialect=DIALECTS[-1].name,
        floor=Floor(len(results), sum(each.compared for each in results)) if is_everything else None,
        seconds=1.5,
        diagnoses=tuple(diagnoses),
        complaints=tuple(complaints),
        curves=tuple(curves),
    )


def one_of_each() -> Report:
    """Every verdict once, and two passes."""
    told = {
        Verdict.PASS: "",
        Verdict.FAIL: "",
        Verdict.ERROR: "it raised ValueError: no",
        Verdict.CRASH: "crash while it was asked to call",
        Verdict.TIMEOUT: "timeout while it was asked to call",
        Verdict.NOT_APPLICABLE: "it does not declare activation 'mish'",
        Verdict.BLOCKED: "it failed to construct this layer",
        Verdict.SUITE_ERROR: "the oracle misses the reference",
        Verdict.WAIVED: "known: issue 7",
        Verdict.UNEXPECTED_PASS: "it passes now",
    }
    assert set(told) == set(Verdict)
    ran = [result("outputs.every-rank", verdict, at=at, reason=told[verdict]) for at, verdict in enumerate(told)]
    return report(*ran, result("outputs.affine"))


def hostile(text: str) -> Report:
    """A report in which an implementation says the same text wherever it can say anything."""
    loud = replace(OUTSIDE, name=text, got=text, allowed=text)
    failed = replace(result("outputs.affine", Verdict.FAIL), comparisons=(loud,), reason=text)
    waived = result("outputs.every-rank", Verdict.WAIVED, reason=text)
    absent = result("outputs.every-rank", Verdict.NOT_APPLICABLE, at=1, reason=text)
    undecided = result("outputs.units", Verdict.SUITE_ERROR, reason=text)
    told = report(
        failed,
        waived,
        absent,
        undecided,
        name=text,
        diagnoses=[Diagnosis("x", text, text, (failed.case.id,))],
        complaints=[text],
        curves=[Curve("mish", "float32", absent=text)],
    )
    return replace(told, smallest={"outputs.affine": failed}, naming=text, unwritten={"outputs.affine": text})
