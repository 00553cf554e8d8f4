"""Which cases the patterns of waivers name, in the catalogue of one dialect."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cache

from conformance.cases import Case, pattern
from conformance.contract import CONTRACT
from conformance.contract.clause import Clause, Requirement
from conformance.waivers.waiver import Waiver
from reference.dialects import DIALECTS

#: How many cases a pattern may match that does not name its clause in full: fewer than half of the smallest area has in
#: any dialect (a test holds it), so that no area can be waived by two patterns, let alone by one.
WIDEST = 20

Covered = Mapping[str, frozenset[str]]


@cache
def catalogue(dialect: str) -> Mapping[str, tuple[Clause, Case]]:
    """Every case of a dialect by its id, for seed 0."""
    (spoken,) = (each for each in DIALECTS if each.name == dialect)
    return {case.id: (clause, case) for clause in CONTRACT for case in clause.cases(spoken)}


@cache
def cases_of(clause: str, dialect: str) -> frozenset[str]:
    """The ids of a clause's cases; none for what is no clause."""
    return frozenset(case for case, (of, _) in catalogue(dialect).items() if of.id == clause)


@cache
def matched(text: str, dialect: str) -> frozenset[str]:
    """The ids of the cases that a clause's id, a case's id or a pattern names."""
    cases = catalogue(dialect)
    if text in cases:
        return frozenset({text})
    clause, bracket, _ = text.partition("[")
    of_clause = cases_of(clause, dialect)
    if not bracket and of_clause:
        return of_clause
    return frozenset(case for case in of_clause or cases if pattern(text).fullmatch(case))


def covered(waiver: Waiver, dialect: str) -> Covered:
    """Of each pattern the cases that it names."""
    return {each: matched(each, dialect) for each in waiver.cases}


def too_wide(text: str, dialect: str) -> str:
    """What is wrong with a pattern that matches very much; empty for one that does not."""
    found = matched(text, dialect)
    if cases_of(text.partition("[")[0], dialect) or len(found) <= WIDEST:
        return ""
    clauses = len({catalogue(dialect)[case][0].id for case in found})
    return (
        f"{text!r} matches {len(found)} cases of {clauses} clauses: a pattern that does not name one clause in full "
        f"may match {WIDEST}; write one waiver for each clause"
    )


def whole_areas(cases: Iterable[str], dialect: str) -> list[str]:
    """The areas all of whose cases are among these."""
    cases = frozenset(cases)
    return [area for area, of_area in areas(dialect).items() if of_area <= cases]


@cache
def areas(dialect: str) -> Mapping[str, frozenset[str]]:
    """Of each area the ids of its cases."""
    found: dict[str, set[str]] = {}
    for case, (clause, _) in catalogue(dialect).items():
        found.setdefault(clause.area, set()).add(case)
    return {area: frozenset(cases) for area, cases in found.items()}


def binds(case: str, dialect: str) -> bool:
    """True where a failure decides against the implementation."""
    return catalogue(dialect)[case][0].requirement is Requirement.MUST
