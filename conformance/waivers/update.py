"""Brings a file of waivers up to date with a run: what fails is in it, what passes is not, the rest of it stays.

The text of an entry that stays is not touched, but for its cases; a comment goes with the entry that it stands above.
"""

from __future__ import annotations

import datetime
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

from conformance.results import Report, Result
from conformance.waivers.application import (
    Waiving,
    id_without_seed,
    in_force,
    mended,
    stale_in,
    versions_of,
    was_executed,
)
from conformance.waivers.coverage import binds, cases_of, catalogue, covered, matched, too_wide
from conformance.waivers.waiver import UNTRIAGED, Symptom, Waiver, symptom_of

#: What a new file begins with.
HEADING = "# Known failures, each with its reason and its end: docs/waivers.md of dense-conformance.\n"
#: How many cases a pattern must stand for: two ids are read as easily.
_WORTH = 3


@dataclass(frozen=True)
class Updated:
    """text: of the file, as it should be. done: what was changed, a sentence for each entry."""

    text: str
    done: tuple[str, ...]


@dataclass(frozen=True)
class _Kept:
    """The patterns of an entry that stay and come to it; none where it goes. mended: what leaves its symptom."""

    waiver: Waiver
    stay: tuple[str, ...]
    come: tuple[str, ...] = ()
    mended: tuple[str, ...] = ()

    @property
    def gone(self) -> list[str]:
        return [text for text in self.waiver.cases if text not in self.stay]

    @property
    def told(self) -> str:
        if not self.stay and not self.come:
            return f"line {self.waiver.line}: taken out, for nothing fails as it says: {self.waiver.reason}"
        instead = f", but for {', '.join(self.come)}" if self.come else ""
        changes = [f"no longer for {', '.join(self.gone)}{instead}"] if self.gone else []
        changes += [f"no longer of {', '.join(self.mended)}"] if self.mended else []
        return f"line {self.waiver.line}: {'; '.join(changes)}" if changes else ""


def updated(text: str, waiving: Waiving, report: Report, *, days: int) -> Updated:
    """The text of a file, whose waivers these are, after a run that applied them or none.

    days: how long a new entry holds. Waivers of other versions stay as they are, and what an expired one names is not
    given a new one while it fails: to renew it is for a person.
    """
    ran = {id_without_seed(result.case, report.seed): result for result in report.results}
    counting = in_force(waiving, versions_of(report.oracle, report.version), report.dialect, seed=report.seed).waivers
    taken: set[str] = set()
    kept = {waiver: _kept(waiver, waiving.today, report, ran, taken) for waiver in counting}
    new = list(_new(report, ran, taken, waiving.today, days))
    done = [*filter(None, (each.told for each in kept.values()))]
    done += [f"new: {', '.join(waiver.cases[:3])}{' ...' if len(waiver.cases) > 3 else ''}" for waiver in new]
    return Updated(_text(text, [kept.get(waiver) for waiver in waiving.waivers], waiving, new), tuple(done))


# ---- the entries that there are ------------------------------------------------------------------------------------


def _kept(waiver: Waiver, today: datetime.date, report: Report, ran: dict[str, Result], taken: set[str]) -> _Kept:
    """What stays of an entry. taken: the cases that entries before it have; its own are added."""
    by_pattern = covered(waiver, report.dialect)
    named = frozenset(case for cases in by_pattern.values() for case in cases)
    executed = {case for case in named if was_executed(ran.get(case)) and binds(case, report.dialect)}
    expired = waiver.has_expired(today)
    failing = {case for case in executed if _fails_so(ran[case], waiver.symptom, whatever=expired)} - taken
    refuted = (executed - failing) | (named & taken)
    stay = tuple(
        text
        for text, cases in by_pattern.items()
        if cases
        and not cases & refuted
        and not too_wide(text, report.dialect)
        and any(binds(case, report.dialect) for case in cases)
        and not stale_in(cases, waiver, report, ran)
    )
    staying = frozenset(case for text in stay for case in by_pattern[text])
    taken |= staying | failing
    come = tuple(_patterns(failing - staying, report.dialect))
    narrowed = replace(waiver, cases=(*stay, *come))
    return _Kept(waiver, stay, come, tuple(mended(narrowed, report.dialect, ran)))


def _fails_so(result: Result, symptom: Symptom, *, whatever: bool) -> bool:
    """whatever: of an expired waiver, which hides nothing and is not renewed in another form."""
    seen = symptom_of(result)
    return seen is not None and (whatever or not seen.differs_from(symptom))


# ---- new ones ------------------------------------------------------------------------------------------------------


def _new(report: Report, ran: dict[str, Result], taken: set[str], today: datetime.date, days: int) -> Iterable[Waiver]:
    """One entry for each clause and way of failing: kind, exception, comparisons, and whether a miss has a size."""
    groups: dict[tuple[object, ...], dict[str, Symptom]] = {}
    for case, result in ran.items():
        seen = symptom_of(result)
        if seen is not None and case not in taken and binds(case, report.dialect):
            key = (result.clause.id, seen.kind, seen.raises, frozenset(seen.differs), math.isinf(seen.ratio))
            groups.setdefault(key, {})[case] = seen
    for of_group in groups.values():
        yield Waiver(
            tuple(_patterns(of_group, report.dialect)),
            f"{UNTRIAGED} found on {today}",
            "",
            today + datetime.timedelta(days=days),
            _common(tuple(of_group.values())),
        )


def _common(symptoms: Sequence[Symptom]) -> Symptom:
    """The least symptom, in coarse sizes, that all of these are within.

    Another processor rounds otherwise. Two right results lie at most 2 half-widths of their interval apart, and so do
    two wrong ones of one defect: the ratio has at least that much room, up to a power of ten. A share is in tenths.
    """
    ratio, share = max(each.ratio for each in symptoms), max(each.share for each in symptoms)
    return replace(
        symptoms[0],
        directions=tuple(dict.fromkeys(direction for each in symptoms for direction in each.directions)),
        ratio=10.0 ** math.ceil(math.log10(ratio + 2)) if math.isfinite(ratio) else math.inf,
        share=min(1.0, (math.floor(10 * share) + 1) / 10),
    )


def _patterns(cases: Iterable[str], dialect: str) -> Iterable[str]:
    """Patterns that match these cases and no other of the catalogue, clause by clause; few, where they can be."""
    by_clause: dict[str, set[str]] = {}
    for case in cases:
        by_clause.setdefault(catalogue(dialect)[case][0].id, set()).add(case)
    for clause, of_clause in by_clause.items():
        if of_clause == cases_of(clause, dialect):
            yield clause
            continue
        left = set(of_clause)
        for text in _candidates(clause, of_clause):
            found = matched(text, dialect)
            if found <= of_clause and len(found & left) >= _WORTH:
                left -= found
                yield text
        yield from sorted(left)


def _candidates(clause: str, cases: Iterable[str]) -> list[str]:
    """Patterns by one part of a label each, those first that match most of the cases."""
    found: dict[str, int] = {}
    for case in cases:
        parts = case.removeprefix(f"{clause}[").removesuffix("]").split("-")
        for at, part in enumerate(parts):
            before, after = "" if at == 0 else "*-", "" if at == len(parts) - 1 else "-*"
            text = f"{clause}[{before}{part}{after}]"
            found[text] = found.get(text, 0) + 1
    return sorted(found, key=lambda text: (-found[text], text))


# ---- the text ------------------------------------------------------------------------------------------------------


def _text(text: str, kept: Sequence[_Kept | None], waiving: Waiving, new: Sequence[Waiver]) -> str:
    """The file with what stays of its entries, in their order, and the new ones after them."""
    heading, blocks = _blocks(text, [waiver.line for waiver in waiving.waivers])
    staying = [
        block if each is None else _edited(block, each)
        for block, each in zip(blocks, kept, strict=True)
        if each is None or each.stay or each.come
    ]
    old = heading + "".join(staying)
    return "\n".join([(old.rstrip("\n") + "\n") if old.strip() else HEADING, *map(_entry, new)])


def _blocks(text: str, starts: Sequence[int]) -> tuple[str, list[str]]:
    """What stands before the first entry, and each entry with the comment that stands directly above it.

    starts: the lines of the entries, from 1. A comment that begins the file is the file's own.
    """
    lines = text.splitlines(keepends=True)
    firsts = []
    for start in starts:
        first = start - 1
        while first > 0 and lines[first - 1].lstrip().startswith("#"):
            first -= 1
        firsts.append(first if first > 0 else start - 1)
    heading, *blocks = ["".join(lines[first:end]) for first, end in pairwise([0, *firsts, len(lines)])]
    return heading, blocks


def _edited(block: str, kept: _Kept) -> str:
    """An entry with other cases, if they are others: items that stay keep their places and comments."""
    if not kept.gone and not kept.mended:
        return block
    import tomlkit

    document: Any = tomlkit.parse(block)
    entry = document["waiver"][0]
    _change(entry, "cases", gone=kept.gone, come=kept.come)
    _change(entry["symptom"], "differs", gone=kept.mended)
    return tomlkit.dumps(document)


def _change(table: Any, key: str, *, gone: Sequence[str], come: Sequence[str] = ()) -> None:
    """Takes texts out of a list, and adds others. A text alone, which is a list as well, becomes one."""
    if not gone:
        return
    if isinstance(table[key], str):
        table[key] = _array(come)
        return
    for text in gone:
        table[key].remove(next(each for each in table[key] if " ".join(each.split()) == text))
    table[key].extend(come)


def _entry(waiver: Waiver) -> str:
    import tomlkit

    table, symptom = tomlkit.table(), tomlkit.inline_table()
    seen = waiver.symptom
    table.add("cases", _array(waiver.cases))
    table.add("reason", waiver.reason)
    table.add("expires", waiver.expires)
    told = {
        "verdict": seen.kind,
        "raises": seen.raises if seen.kind == "error" else None,
        "differs": list(seen.differs) or None,
        "direction": list(seen.directions) or None,
        "ratio": int(seen.ratio) if seen.differs and math.isfinite(seen.ratio) else None,
        "share": seen.share if seen.differs else None,
    }
    for key, value in told.items():
        if value is not None:
            symptom.add(key, value)
    table.add("symptom", symptom)
    entries = tomlkit.aot()
    entries.append(table)
    document = tomlkit.document()
    document.add("waiver", entries)
    return tomlkit.dumps(document)


def _array(texts: Iterable[str]) -> Any:
    import tomlkit

    array = tomlkit.array()
    array.extend(texts)
    return array.multiline(len(array) > 1)
