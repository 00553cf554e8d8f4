"""`dense-conformance diff`: what changed between two runs, clause by clause; exit code 1 where it got worse.

It reads records, not reports: an old file may tell of clauses and arguments that this version does not have.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from functools import cached_property
from pathlib import Path
from typing import Any

from conformance.answers import Level
from conformance.reports import jsonlines
from conformance.reports.jsonlines import ReportError
from conformance.reports.text import counted, plain, wrapped
from conformance.results import ExitCode

Record = Mapping[str, Any]


class State(Enum):
    """What is known of a case, as far as a comparison of two runs needs it."""

    PASSES = "passes"
    FAILS = "fails"
    WAIVED = "waived"
    UNKNOWN = "unknown"  # not there, not applicable, or without a verdict


STATES: Mapping[str, State] = {
    "pass": State.PASSES,
    "unexpected-pass": State.PASSES,
    "fail": State.FAILS,
    "error": State.FAILS,
    "crash": State.FAILS,
    "timeout": State.FAILS,
    "blocked": State.FAILS,
    "waived": State.WAIVED,
    "not-applicable": State.UNKNOWN,
    "suite-error": State.UNKNOWN,
}


class Change(Enum):
    """What became of a case."""

    WORSE = "newly failing"
    LOST = "judged no longer"
    OTHERWISE = "failing otherwise than before"
    FAILING = "failing, and not judged before"
    WAIVED = "waived now"
    REPAIRED = "repaired"
    JUDGED = "right, and not judged before"


CHANGES: Mapping[tuple[State, State], Change] = {
    (State.PASSES, State.FAILS): Change.WORSE,
    (State.WAIVED, State.FAILS): Change.WORSE,
    (State.PASSES, State.UNKNOWN): Change.LOST,
    (State.FAILS, State.UNKNOWN): Change.LOST,
    (State.WAIVED, State.UNKNOWN): Change.LOST,
    (State.FAILS, State.FAILS): Change.OTHERWISE,
    (State.WAIVED, State.WAIVED): Change.OTHERWISE,
    (State.UNKNOWN, State.FAILS): Change.FAILING,
    (State.PASSES, State.WAIVED): Change.WAIVED,
    (State.FAILS, State.WAIVED): Change.WAIVED,
    (State.UNKNOWN, State.WAIVED): Change.WAIVED,
    (State.FAILS, State.PASSES): Change.REPAIRED,
    (State.WAIVED, State.PASSES): Change.REPAIRED,
    (State.UNKNOWN, State.PASSES): Change.JUDGED,
}
#: What makes a run worse than the one before, where the clause is a MUST.
REGRESSIONS = (Change.WORSE, Change.LOST)


@dataclass(frozen=True)
class Side:
    """One implementation's report in one of the two files."""

    file: str
    records: Sequence[Record]

    @property
    def header(self) -> Record:
        return self.records[0]

    @property
    def footer(self) -> Record:
        return self.records[-1]

    @cached_property
    def results(self) -> Mapping[str, Record]:
        """Every result by what is asked, whichever seed the run had."""
        return {_asked(each, int(self.header["seed"])): each for each in self.records[1:-1]}

    @property
    def reached(self) -> int:
        """The level; less than any where none was reached."""
        named = self.footer["level_reached"]
        return -1 if named is None else Level[named.upper()]


@dataclass(frozen=True)
class Changed:
    """One case in both runs. old, new: None where a run does not have it."""

    change: Change
    old: Record | None
    new: Record | None

    @property
    def told(self) -> Record:
        """The newer of the two."""
        found = self.old if self.new is None else self.new
        assert found is not None
        return found

    @property
    def is_regression(self) -> bool:
        return self.change in REGRESSIONS and self.told["requirement"] == "MUST"


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = subparsers.add_parser(
        "diff",
        help="what changed between two runs",
        description="Compares two files of `run --json`, each implementation with that of its name. Exit codes: 1 "
        "where a case that passed or was waived now fails, where one that was judged no longer is, or where a level is "
        "lost; 0 where none of that happened.",
    )
    parser.add_argument("old", type=Path, metavar="OLD")
    parser.add_argument("new", type=Path, metavar="NEW")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    old, new = _sides(arguments.old), _sides(arguments.new)
    worse = False
    for before, after in _pairs(old, new):
        try:
            lines, regressed = compared(before, after)
        except (KeyError, TypeError, ValueError) as failure:
            raise ReportError(
                f"{arguments.old} or {arguments.new} is not of the published form: {type(failure).__name__} {failure}"
            ) from None
        print("\n".join(lines) + "\n")
        worse = worse or regressed
    return int(ExitCode.DOES_NOT_CONFORM if worse else ExitCode.CONFORMS)


def _sides(file: Path) -> list[Side]:
    text = jsonlines.text_of(file)
    try:
        return [Side(str(file), records) for records in jsonlines.read(text)]
    except ReportError as failure:
        raise ReportError(f"{file}: {failure}") from None


def _pairs(old: Sequence[Side], new: Sequence[Side]) -> Iterator[tuple[Side | None, Side | None]]:
    """By name and, of one name, in order; a file of one implementation is compared with one of another, too."""
    if len(old) == len(new) == 1:
        yield old[0], new[0]
        return
    before, after = _by_name(old), _by_name(new)
    for name in dict.fromkeys((*before, *after)):
        yield before.get(name), after.get(name)


def _by_name(sides: Sequence[Side]) -> dict[tuple[str, int], Side]:
    named: dict[tuple[str, int], Side] = {}
    for side in sides:
        name = str(side.header["implementation"])
        named[name, sum(other == name for other, _ in named)] = side
    return named


def compared(old: Side | None, new: Side | None) -> tuple[list[str], bool]:
    """What is printed of one implementation, and whether it got worse. Raises what records of no known form raise."""
    if old is None or new is None:
        side = old or new
        assert side is not None
        name = plain(str(side.header["implementation"]))
        where = "gone: it was judged in" if new is None else "new: it is judged in"
        return wrapped(f"{name}: {where} {side.file} alone", rest="    "), new is None
    changes = list(_changes(old, new))
    lost = new.reached < old.reached
    lines = [
        *wrapped(f"{plain(str(new.header['implementation']))}: {old.file} → {new.file}", rest="    "),
        *_settings(old, new),
    ]
    for change in Change:
        lines += _block(change, [each for each in changes if each.change is change])
    worse = [each for each in changes if each.is_regression]
    return [*lines, *wrapped(_conclusion(old, new, worse), rest="    ")], bool(worse) or lost


#: What is told where it differs between two runs.
SETTINGS: Mapping[str, Callable[[Side], Any]] = {
    "implementation": lambda side: side.header["implementation"],
    "level": lambda side: side.header["level"],
    "tier": lambda side: side.header["tier"],
    "areas": lambda side: ", ".join(side.header.get("areas", ())) or "all",
    "case pattern": lambda side: side.header.get("case") or "none",
    "shard": lambda side: "/".join(map(str, (side.header.get("shard") or {}).values())) or "none",
    "seed": lambda side: side.header["seed"],
    "run to its end": lambda side: _yes(not side.footer.get("stopped_early", False)),
    "dialect": lambda side: side.header["dialect"],
    "suite": lambda side: side.header.get("suite", "an earlier version"),
}
#: Of these a difference explains others: another set of cases, or other numbers.
_EXPLAINING = ("level", "tier", "areas", "case pattern", "shard", "seed", "run to its end", "dialect", "suite")


def _settings(old: Side, new: Side) -> Iterator[str]:
    told = {what: (of(old), of(new)) for what, of in SETTINGS.items()}
    for name in dict.fromkeys((*old.header["oracle"], *new.header["oracle"])):
        live = "live" if name == "oracle" else "none"
        told[f"oracle: {name}" if name != "oracle" else "oracle"] = (
            old.header["oracle"].get(name, live),
            new.header["oracle"].get(name, live),
        )
    told["level reached"] = (old.footer["level_reached"] or "none", new.footer["level_reached"] or "none")
    told["conforms"] = (_yes(old.footer["conforms"]), _yes(new.footer["conforms"]))
    differing = {what: pair for what, pair in told.items() if pair[0] != pair[1]}
    for what, (before, after) in differing.items():
        yield from wrapped(plain(f"{before} → {after}"), f"  {what:<20}", "    ")
    if any(what in _EXPLAINING or what.startswith("oracle") for what in differing):
        yield from wrapped("The runs were not set alike: what follows may be due to that.", "  ", "    ")
    yield ""


def _changes(old: Side, new: Side) -> Iterator[Changed]:
    """In the order of the new run, and what is gone at the end."""
    for asked in dict.fromkeys((*new.results, *old.results)):
        before, after = old.results.get(asked), new.results.get(asked)
        change = CHANGES.get((_state(before), _state(after)))
        if change is None or (change is Change.OTHERWISE and _symptom(before) == _symptom(after)):
            continue
        yield Changed(change, before, after)


def _asked(record: Record, seed: int) -> str:
    """The clause and the question, as the run of seed 0 puts it."""
    question = {**record["question"], "seed": record["question"]["seed"] - seed}
    return f"{record['clause']} {json.dumps(question, sort_keys=True)}"


def _state(record: Record | None) -> State:
    return State.UNKNOWN if record is None else STATES[record["verdict"]]


def _symptom(record: Record | None) -> Any:
    """All that is told of a failure."""
    assert record is not None
    missed = [each for each in record["comparisons"] if not each["holds"]]
    return record["verdict"], record["reason"], [(each["name"], each["got"], each["misses"]) for each in missed]


def _block(change: Change, changes: Sequence[Changed]) -> Iterator[str]:
    """The clauses that a change befell, each with how many cases and, of what fails, the first."""
    if not changes:
        return
    by_clause: dict[str, list[Changed]] = {}
    for each in changes:
        by_clause.setdefault(each.told["clause"], []).append(each)
    yield f"{change.value}: {counted(len(changes), 'case')} of {counted(len(by_clause), 'clause')}"
    for clause, of_clause in by_clause.items():
        first = of_clause[0]
        weight = "" if first.told["requirement"] == "MUST" else f" ({first.told['requirement']})"
        yield f"  {plain(clause) + weight:<60} {counted(len(of_clause), 'case')}"
        if change in (Change.WORSE, Change.OTHERWISE, Change.FAILING):
            yield from _example(first)
    yield ""


def _example(changed: Changed) -> Iterator[str]:
    """Names that cannot be broken stand on a line of their own."""
    yield from wrapped(plain(changed.told["id"]), "    ", "    ")
    yield from wrapped(_fault(changed.new), "      now ", "          ")
    if changed.change is Change.OTHERWISE:
        yield from wrapped(_fault(changed.old), "      was ", "          ")


def _fault(record: Record | None) -> str:
    """A failure in one sentence."""
    assert record is not None
    missed = [each for each in record["comparisons"] if not each["holds"]]
    if not missed:
        return plain(f"{record['verdict']}: {record['reason']}")
    worst = missed[0]
    where = f" at {worst['place']}" if worst["place"] else ""
    share = f", {worst['misses']} of {worst['size']} outside" if worst["size"] > 1 else ""
    return plain(f"{worst['name']}{where} got {_short(worst['got'])}, allowed {_short(worst['allowed'])}{share}")


def _short(value: str) -> str:
    """A number as people write it: what follows after two spaces is the same in hexadecimal, or an explanation."""
    return value.partition("  ")[0]


def _conclusion(old: Side, new: Side, worse: Sequence[Changed]) -> str:
    name = plain(str(new.header["implementation"]))
    found = [
        f"{counted(sum(each.change is change for each in worse), 'case')} {change.value}"
        for change in REGRESSIONS
        if any(each.change is change for each in worse)
    ]
    if new.reached < old.reached:
        found.append(f"the level {old.footer['level_reached']} is reached no longer")
    return f"{name}: worse: {'; '.join(found)}" if found else f"{name}: no worse than before"


def _yes(truth: bool) -> str:
    return "yes" if truth else "no"
