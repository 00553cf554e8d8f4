"""Applies waivers to finished results: what fails as its waiver says is waived, and what is wrong with them is told."""

from __future__ import annotations

import datetime
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache

from conformance.cases import Case
from conformance.contract.clause import Requirement
from conformance.results import Report, Result, Verdict
from conformance.waivers.coverage import binds, catalogue, covered, too_wide, whole_areas
from conformance.waivers.waiver import LACKS, Waiver, symptom_of


@dataclass(frozen=True)
class Waiving:
    """What a run waives, as it was read, and the day on which it runs. Plain data."""

    waivers: tuple[Waiver, ...]
    today: datetime.date


NOTHING_WAIVED = Waiving((), datetime.date.min)


@dataclass(frozen=True)
class InForce:
    """The waivers that count in one run, and the one of each case.

    waiver_of: by case id, of seed 0; one whose last day is over waives nothing. seed: what the run adds to every
    question's own.
    """

    waivers: tuple[Waiver, ...]
    waiver_of: Mapping[str, Waiver]
    today: datetime.date
    seed: int = 0

    def of(self, case: Case) -> Waiver | None:
        return self.waiver_of.get(id_without_seed(case, self.seed))

    def settled(self, result: Result) -> Result:
        """A result as its waiver leaves it: waived, an unexpected pass, or what it was, with what the waiver lacks."""
        waiver = self.of(result.case)
        if waiver is None or result.clause.requirement is not Requirement.MUST:
            return result
        seen, expired = symptom_of(result), waiver.has_expired(self.today)
        if result.verdict is Verdict.PASS and not expired:
            reason = f"it passes, and the waiver in line {waiver.line} says that it fails: take it out of that waiver"
            return replace(result, verdict=Verdict.UNEXPECTED_PASS, reason=reason)
        if seen is None:
            return result
        if expired:
            lacks = f"the waiver in line {waiver.line} has expired on {waiver.expires}"
        else:
            differs = seen.differs_from(waiver.symptom)
            lacks = f"it fails differently from the waiver in line {waiver.line}: {differs}" if differs else ""
        if lacks:
            return replace(result, remark=lacks)
        return replace(result, verdict=Verdict.WAIVED, waived=result.verdict, reason=waiver.told)


def in_force(waiving: Waiving, versions: Mapping[str, str], dialect: str, *, seed: int = 0) -> InForce:
    """The waivers of these versions. A case that two of them name, or one that names too much, has none."""
    return _in_force(waiving, tuple(versions.items()), dialect, seed)


@cache
def _in_force(waiving: Waiving, versions: tuple[tuple[str, str], ...], dialect: str, seed: int) -> InForce:
    """Once for all the tasks of a worker."""
    counting = tuple(waiver for waiver in waiving.waivers if not unmet_version(waiver, dict(versions)))
    named: dict[str, list[Waiver]] = {}
    for waiver in counting:
        if not list(_width(waiver, dialect)):
            for case in dict.fromkeys(case for cases in covered(waiver, dialect).values() for case in cases):
                named.setdefault(case, []).append(waiver)
    alone = {case: of_case[0] for case, of_case in named.items() if len(of_case) == 1}
    return InForce(counting, alone, waiving.today, seed)


def apply(report: Report, waiving: Waiving) -> Report:
    """The report of a finished run with its waivers: results settled, and complaints about the file.

    A waiver is stale where none of its cases ran though this run's tier and level have some. A selection, and a run
    that was stopped, can say so of those waivers alone of whose cases they have one.
    """
    if not waiving.waivers:
        return report
    versions = versions_of(report.oracle, report.version)
    force = in_force(waiving, versions, report.dialect, seed=report.seed)
    ran = {id_without_seed(result.case, report.seed): result for result in report.results}
    found = [
        f"waiver in line {waiver.line}: {complaint}"
        for waiver in waiving.waivers
        if _is_in_scope(waiver, report, ran)
        for complaint in _complaints(waiver, report, ran, waiving.today, versions)
    ]
    found += _twice_named(force.waivers, report, ran)
    results = tuple(force.settled(result) for result in report.results)
    return replace(report, results=results, complaints=(*report.complaints, *found))


def unsettled(result: Result) -> Result:
    """A result as it was before waivers were applied, but for its reason."""
    before = {Verdict.UNEXPECTED_PASS: Verdict.PASS, Verdict.WAIVED: result.waived or Verdict.FAIL}
    return replace(result, verdict=before.get(result.verdict, result.verdict), waived=None, remark="")


def versions_of(oracle: Mapping[str, str], version: str) -> Mapping[str, str]:
    """Of the oracle's parts, and of the implementation where it declares one."""
    return {**oracle, **({"implementation": version} if version else {})}


def id_without_seed(case: Case, seed: int) -> str:
    """The id that the case has in a run of seed 0, which is the one that a file names."""
    if not seed:
        return case.id
    return replace(case, question=replace(case.question, seed=case.question.seed - seed)).id


def unmet_version(waiver: Waiver, versions: Mapping[str, str]) -> str:
    """Which version keeps a waiver out of a run; empty for none. One that is not known does not: it is a complaint."""
    from packaging.specifiers import SpecifierSet

    for name, specifier in waiver.versions:
        version = _version(versions.get(name, ""))
        if version is not None and not SpecifierSet(specifier).contains(version, prereleases=True):
            return name
    return ""


def file_complaints(waiving: Waiving, dialect: str) -> list[str]:
    """What is wrong with a file of waivers in itself, whatever is run."""
    found = [
        f"waiver in line {waiver.line}: {complaint}"
        for waiver in waiving.waivers
        for complaint in (*_width(waiver, dialect), *_expiry(waiver, waiving.today), *_unknown_cases(waiver, dialect))
    ]
    # of two waivers of different versions it shows only in a run whether both are in force
    by_versions: dict[tuple[tuple[str, str], ...], list[Waiver]] = {}
    for waiver in waiving.waivers:
        by_versions.setdefault(waiver.versions, []).append(waiver)
    return found + [complaint for alike in by_versions.values() for complaint in _overlaps(alike, dialect)]


# ---- what is wrong with them ---------------------------------------------------------------------------------------


def _complaints(
    waiver: Waiver,
    report: Report,
    ran: Mapping[str, Result],
    today: datetime.date,
    versions: Mapping[str, str],
) -> Iterator[str]:
    unknown = [name for name, _ in waiver.versions if _version(versions.get(name, "")) is None]
    if unknown:
        yield f"it asks for the version of {unknown[0]}, which is not known here: declare it, or leave the version out"
    if unmet_version(waiver, versions):
        return
    yield from _width(waiver, report.dialect)
    yield from _expiry(waiver, today)
    yield from _unknown_cases(waiver, report.dialect)
    for text, cases in covered(waiver, report.dialect).items():
        if cases and stale_in(cases, waiver, report, ran):
            yield f"{text!r} matches no case that was executed, though there are some at this tier and level: delete it"
    for name in mended(waiver, report.dialect, ran):
        yield f"no {name} differs any more: take it out of the symptom"


def _width(waiver: Waiver, dialect: str) -> Iterator[str]:
    for text in waiver.cases:
        complaint = too_wide(text, dialect)
        if complaint:
            yield complaint
    for area in whole_areas((case for cases in covered(waiver, dialect).values() for case in cases), dialect):
        yield f"it names every case of the area {area}: say which of them fail"


def _expiry(waiver: Waiver, today: datetime.date) -> Iterator[str]:
    if waiver.has_expired(today):
        yield f"it has expired on {waiver.expires} ({waiver.reason}): mend the layer, or give the failure a later date"


def _unknown_cases(waiver: Waiver, dialect: str) -> Iterator[str]:
    for text, cases in covered(waiver, dialect).items():
        if not cases:
            yield f"{text!r} matches no case of the dialect {dialect}: delete it, or say for which versions it is"
        elif not any(binds(case, dialect) for case in cases):
            yield f"{text!r} names what only ought to be, which decides nothing and needs no waiver: delete it"


def _twice_named(waivers: Sequence[Waiver], report: Report, ran: Mapping[str, Result]) -> list[str]:
    return _overlaps([waiver for waiver in waivers if _is_in_scope(waiver, report, ran)], report.dialect)


def _overlaps(waivers: Iterable[Waiver], dialect: str) -> list[str]:
    """One complaint for each pair of waivers that name a case both."""
    owner: dict[str, Waiver] = {}
    shared: dict[tuple[int, int], str] = {}
    for waiver in waivers:
        for case in sorted(case for cases in covered(waiver, dialect).values() for case in cases):
            first = owner.setdefault(case, waiver)
            if first is not waiver:
                shared.setdefault((first.line, waiver.line), case)
    return [f"waivers in lines {one} and {other} both name {case}" for (one, other), case in shared.items()]


def _is_in_scope(waiver: Waiver, report: Report, ran: Mapping[str, Result]) -> bool:
    """A run of everything speaks of every waiver, a part of one of those whose cases it has."""
    if report.floor is not None and not report.stopped_early:
        return True
    return any(case in ran for cases in covered(waiver, report.dialect).values() for case in cases)


def stale_in(cases: Iterable[str], waiver: Waiver, report: Report, ran: Mapping[str, Result]) -> bool:
    """True where none of these cases was executed in a run that has some of them."""
    if waiver.symptom.kind == LACKS and not report.claimed:
        return False  # what is lacking fails only at a level that is claimed
    whole = report.floor is not None and not report.stopped_early
    meant = [case for case in cases if case in ran or (whole and _is_planned(case, report))]
    return bool(meant) and not any(was_executed(ran.get(case)) for case in meant)


def mended(waiver: Waiver, dialect: str, ran: Mapping[str, Result]) -> list[str]:
    """The comparisons of a symptom that hold in all of its cases, where every one of them was executed."""
    named = [ran.get(case) for cases in covered(waiver, dialect).values() for case in cases]
    seen = {name for result in named if result is not None for name in _missed(result)}
    if not seen or not all(was_executed(result) for result in named):
        return []
    return [name for name in waiver.symptom.differs if name not in seen]


def _missed(result: Result) -> tuple[str, ...]:
    symptom = symptom_of(result)
    return symptom.differs if symptom is not None else ()


def was_executed(result: Result | None) -> bool:
    return result is not None and result.verdict is not Verdict.NOT_APPLICABLE


def _is_planned(case: str, report: Report) -> bool:
    clause, of = catalogue(report.dialect)[case]
    return clause.level <= report.level and of.tier <= report.tier


def _version(text: str) -> str | None:
    """A version as PEP 440 has it; None for what is none."""
    from packaging.version import InvalidVersion, Version

    try:
        return str(Version(text))
    except InvalidVersion:
        return None
