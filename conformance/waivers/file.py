"""Reads a file of waivers: TOML, one `[[waiver]]` for each. What is wrong in it is told with its line and key."""

from __future__ import annotations

import datetime
import difflib
import math
import tomllib
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from conformance.cases import pattern
from conformance.compare import DIRECTIONS
from conformance.contract import CONTRACT
from conformance.waivers.waiver import KINDS, UNTRIAGED, Symptom, Waiver

#: Stands in the place of a value while its line is looked for.
_MARK = "line-of-a-dense-conformance-waiver"
#: Whose versions a waiver can ask for.
VERSIONED = ("implementation", "tensorflow", "keras")


class WaiverError(ValueError):
    """A file of waivers that cannot be used: the line, the key, what is wrong with it, and what would do."""


class _WrongError(Exception):
    """What is wrong with a key of a waiver, which may lie in a table of it."""

    def __init__(self, keys: tuple[str, ...], message: str, *, is_missing: bool = False) -> None:
        super().__init__(message)
        self.keys, self.is_missing = keys, is_missing


def read(path: Path) -> tuple[Waiver, ...]:
    """The waivers of a file, in its order. Raises WaiverError for a file that cannot be read or used."""
    try:
        text = path.read_text("utf-8")
    except OSError as failure:
        raise WaiverError(
            f"{path}: {failure.strerror}; give a file of waivers, or begin one: dense-conformance waivers update"
        ) from None
    except UnicodeDecodeError as failure:
        raise WaiverError(f"{path}: it is not UTF-8 ({failure.reason} at byte {failure.start}); save it so") from None
    return parsed(text, str(path))


def parsed(text: str, name: str) -> tuple[Waiver, ...]:
    """The waivers of a text; name: of the file, for its errors. Raises WaiverError."""
    try:
        tables = tomllib.loads(text)
    except tomllib.TOMLDecodeError as failure:
        raise WaiverError(f"{name} is not TOML: {failure}") from None
    for key in tables:
        if key != "waiver":
            raise WaiverError(
                f"{name}, line {_line(text, key)}, {key}: {_no_key(key, ['waiver'])}; each is a table [[waiver]]"
            )
    entries, lines = tables.get("waiver", []), lines_of_entries(text)
    if not isinstance(entries, list) or len(lines) != len(entries):
        raise WaiverError(f"{name}, line {_line(text, 'waiver')}, waiver: expected each as a table [[waiver]]")
    waivers = []
    for at, (entry, line) in enumerate(zip(entries, lines, strict=True)):
        try:
            waivers.append(_waiver(entry, line))
        except _WrongError as wrong:
            keys = wrong.keys[:-1] if wrong.is_missing else wrong.keys
            place = _line(text, "waiver", at, *keys) if keys else line
            raise WaiverError(f"{name}, line {place}, {'.'.join(wrong.keys)}: {wrong}") from None
    return tuple(waivers)


# ---- the keys ------------------------------------------------------------------------------------------------------


def _waiver(entry: Mapping[str, Any], line: int) -> Waiver:
    known = {"cases", "reason", "issue", "expires", "symptom", "versions"}
    _only(entry, known, ())
    reason = _needed(entry, "reason", _text, "why it fails, in words")
    untriaged = reason.startswith(UNTRIAGED)
    issue = "" if untriaged and "issue" not in entry else _needed(entry, "issue", _link, "where it is worked on")
    return Waiver(
        cases=_needed(entry, "cases", _patterns, "ids of clauses, or patterns over case ids"),
        reason=reason,
        issue=issue,
        expires=_needed(entry, "expires", _date, "the last day on which it holds: expires = 2027-06-30"),
        symptom=_symptom(_needed(entry, "symptom", _table, 'how the cases fail: symptom = { verdict = "error", ... }')),
        versions=_versions(_table(entry.get("versions", {}), ("versions",))),
        line=line,
    )


def _symptom(table: Mapping[str, Any]) -> Symptom:
    """Each kind of failure has keys of its own: what a symptom does not say is not waived."""
    inside = ("symptom",)
    kind = _needed(table, "verdict", _one_of(KINDS), f"one of {', '.join(KINDS)}", inside)
    if kind == "error":
        _only(table, {"verdict", "raises"}, inside)
        return Symptom(kind, raises=_needed(table, "raises", _string, "the type of the exception: ValueError", inside))
    if kind != "fail":
        _only(table, {"verdict"}, inside)
        return Symptom(kind)
    _only(table, {"verdict", "differs", "direction", "ratio", "share"}, inside)
    directions = _needed(table, "direction", _directions, f"of {', '.join(DIRECTIONS)}", inside)
    if {"too high", "too low"} & set(directions) and not {"ratio", "share"} & set(table):
        sized = "how far elements miss at most, in half-widths of the interval; or share, how many of them do"
        raise _WrongError((*inside, "ratio"), f"missing: {sized}", is_missing=True)
    return Symptom(
        kind,
        differs=_needed(table, "differs", _texts, "the names of the comparisons that miss", inside),
        directions=directions,
        ratio=_number(table.get("ratio", math.inf), (*inside, "ratio"), least=1.0, most=math.inf),
        share=_number(table.get("share", 1.0), (*inside, "share"), least=0.0, most=1.0),
    )


def _versions(table: Mapping[str, Any]) -> tuple[tuple[str, str], ...]:
    from packaging.specifiers import InvalidSpecifier, SpecifierSet

    _only(table, set(VERSIONED), ("versions",))
    for name, specifier in table.items():
        try:
            SpecifierSet(_text(specifier, ("versions", name)))
        except InvalidSpecifier:
            message = f"expected a version specifier such as '>=3.15,<4', got {specifier!r}"
            raise _WrongError(("versions", name), message) from None
    return tuple(table.items())


def _only(table: Mapping[str, Any], known: Iterable[str], inside: tuple[str, ...]) -> None:
    for key in table:
        if key not in known:
            raise _WrongError((*inside, key), _no_key(key, sorted(known)))


def _no_key(key: str, known: list[str]) -> str:
    near = difflib.get_close_matches(key, known, 1)
    return (
        f"there is no such key here; did you mean {near[0]}?" if near else f"no such key; expected {', '.join(known)}"
    )


def _needed(
    table: Mapping[str, Any],
    key: str,
    read_as: Callable[[Any, tuple[str, ...]], Any],
    what: str,
    inside: tuple[str, ...] = (),
) -> Any:
    if key not in table:
        raise _WrongError((*inside, key), f"missing: {what}", is_missing=True)
    return read_as(table[key], (*inside, key))


# ---- the values ----------------------------------------------------------------------------------------------------


def _got(value: Any) -> str:
    return f"got {value!r} ({type(value).__name__})"


def _string(value: Any, keys: tuple[str, ...]) -> str:
    if not isinstance(value, str):
        raise _WrongError(keys, f"expected a text in quotes, {_got(value)}")
    return value


def _text(value: Any, keys: tuple[str, ...]) -> str:
    """In one line, whatever its own lines."""
    text = " ".join(_string(value, keys).split())
    if text.removeprefix(UNTRIAGED).strip():
        return text
    raise _WrongError(keys, "it is empty; say it in words")


def _texts(value: Any, keys: tuple[str, ...]) -> tuple[str, ...]:
    """One text, or a list of texts."""
    texts = tuple(_text(each, keys) for each in (value if isinstance(value, list) else [value]))
    if not texts:
        raise _WrongError(keys, "the list is empty; name one at least")
    twice = next((each for at, each in enumerate(texts) if each in texts[:at]), None)
    if twice is not None:
        raise _WrongError(keys, f"{twice!r} is in it twice; take one out")
    return texts


def _one_of(allowed: tuple[str, ...]) -> Callable[[Any, tuple[str, ...]], str]:
    def read_as(value: Any, keys: tuple[str, ...]) -> str:
        if value not in allowed:
            raise _WrongError(keys, f"expected one of {', '.join(allowed)}, {_got(value)}")
        return str(value)

    return read_as


def _directions(value: Any, keys: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(_one_of(DIRECTIONS)(each, keys) for each in _texts(value, keys))


def _link(value: Any, keys: tuple[str, ...]) -> str:
    link = _text(value, keys)
    if not link.startswith(("https://", "http://")) or " " in link:
        raise _WrongError(keys, f"expected a link that begins with https://, {_got(link)}")
    return link


def _date(value: Any, keys: tuple[str, ...]) -> datetime.date:
    if type(value) is not datetime.date:
        raise _WrongError(keys, f"expected a date without quotes or time: 2027-06-30, {_got(value)}")
    return value


def _number(value: Any, keys: tuple[str, ...], *, least: float, most: float) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not least <= value <= most:
        upto = f"from {least:g} to {most:g}" if math.isfinite(most) else f"of {least:g} or more"
        raise _WrongError(keys, f"expected a number {upto}, {_got(value)}")
    return float(value)


def _table(value: Any, keys: tuple[str, ...]) -> Mapping[str, Any]:
    if not isinstance(value, dict):
        raise _WrongError(keys, f"expected a table {{ ... }}, {_got(value)}")
    return value


def _patterns(value: Any, keys: tuple[str, ...]) -> tuple[str, ...]:
    patterns = _texts(value, keys)
    ids = [clause.id for clause in CONTRACT]
    for each in patterns:
        clause, bracket, _ = each.partition("[")
        start = clause.partition("*")[0] if not bracket else None  # a pattern over whole ids, * stands for [ as well
        if not any(id.startswith(start) if start != clause and start else pattern(clause).fullmatch(id) for id in ids):
            near = difflib.get_close_matches(clause, ids, 1)
            hint = f"did you mean {near[0]}?" if near else "dense-conformance list names them"
            raise _WrongError(keys, f"{each!r}: no clause is called {clause!r}; {hint}")
    return patterns


# ---- the lines -----------------------------------------------------------------------------------------------------


def lines_of_entries(text: str) -> list[int]:
    """Of every `[[waiver]]` its line, from 1. What is no such table has none."""
    import tomlkit

    document = tomlkit.parse(text)
    entries = document.get("waiver", [])
    if not isinstance(entries, tomlkit.items.AoT):
        return []
    for entry in entries:
        entry.comment(_MARK)
    return [at for at, line in enumerate(tomlkit.dumps(document).split("\n"), start=1) if line.endswith(f"# {_MARK}")]


def _line(text: str, *keys: str | int) -> int:
    """The line in which the value of a key begins: tomlkit writes every other character as it was."""
    import tomlkit

    document: Any = tomlkit.parse(text)
    *outer, last = keys
    within = document
    for key in outer:
        within = within[key]
    if isinstance(within[last], tomlkit.items.Table):
        within[last].comment(_MARK)
    else:
        within[last] = _MARK
    before, _, _ = tomlkit.dumps(document).partition(_MARK)
    dotted = isinstance(within[last], tomlkit.items.Table) and not before.rpartition("\n")[2].startswith("[")
    return _line(text, *keys, next(iter(within[last]))) if dotted else before.count("\n") + 1
