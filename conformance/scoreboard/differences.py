"""What is known of where a framework differs from Keras: one file of TOML for each, in `known/`.

A difference is a definition (the framework says so itself) or a finding (a defect, with a script that shows it without
this suite). Every failure must be one of them, and every one must still be seen.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from importlib.resources import files
from typing import Any

from conformance.cases import pattern
from conformance.results import Result

FOLDER = files("conformance.scoreboard") / "known"
KINDS = ("definition", "finding")


class DifferencesError(ValueError):
    """A file of differences that cannot be read: where, and what is wrong."""


@dataclass(frozen=True)
class Difference:
    """cases: patterns over case ids, in which * stands for anything. source: where the framework says so, or where in
    it the defect is. reproduction: a finding's file in docs/findings. seen_on: what else it takes to see it.
    """

    cases: tuple[str, ...]
    kind: str
    says: str
    source: str
    reproduction: str = ""
    seen_on: str = ""

    def explains(self, case_id: str) -> bool:
        return any(pattern(each).fullmatch(case_id) for each in self.cases)


@dataclass(frozen=True)
class Explained:
    """explained: the failed cases of each difference that was seen. unexplained: those of none. stale: patterns that
    no failed case matches, with the sentence that they stand for.
    """

    explained: Mapping[Difference, tuple[str, ...]]
    unexplained: tuple[str, ...]
    stale: tuple[str, ...]


def known(framework: str) -> tuple[Difference, ...]:
    """Those of a framework, none where there is no file. Raises DifferencesError for a file that cannot be read."""
    file = FOLDER / f"{framework}.toml"
    return parsed(file.read_text("utf-8"), f"{framework}.toml") if file.is_file() else ()


def parsed(text: str, name: str) -> tuple[Difference, ...]:
    """Raises DifferencesError."""
    try:
        tables = tomllib.loads(text)
    except tomllib.TOMLDecodeError as failure:
        raise DifferencesError(f"{name}: {failure}") from None
    if set(tables) - {"difference"}:
        raise DifferencesError(f"{name}: expected [[difference]] alone, got {', '.join(sorted(tables))}")
    return tuple(
        _difference(table, f"{name}, difference {at}") for at, table in enumerate(tables["difference"], start=1)
    )


def _difference(table: Mapping[str, Any], where: str) -> Difference:
    try:
        found = Difference(**{**table, "cases": tuple(table["cases"])})
    except (KeyError, TypeError) as failure:
        raise DifferencesError(f"{where}: {failure}; it has cases, kind, says, source, and may have more") from None
    if found.kind not in KINDS:
        raise DifferencesError(f"{where}: kind must be one of {', '.join(KINDS)}, got {found.kind!r}")
    if (found.kind == "finding") != bool(found.reproduction):
        raise DifferencesError(f"{where}: a finding has a reproduction, a definition has none")
    return found


def explain(results: Iterable[Result], differences: Iterable[Difference]) -> Explained:
    """The failed cases, by the first difference that explains each."""
    failed = [result.case.id for result in results if result.verdict.accuses]
    differences = tuple(differences)
    by_difference: dict[Difference, list[str]] = {}
    unexplained = []
    for case_id in failed:
        reason = next((each for each in differences if each.explains(case_id)), None)
        if reason is None:
            unexplained.append(case_id)
        else:
            by_difference.setdefault(reason, []).append(case_id)
    explained = {reason: tuple(cases) for reason, cases in by_difference.items()}
    return Explained(explained, tuple(unexplained), tuple(_stale(differences, failed)))


def _stale(differences: Iterable[Difference], failed: Iterable[str]) -> Iterator[str]:
    failed = tuple(failed)
    for difference in differences:
        for each in difference.cases:
            if not difference.seen_on and not any(pattern(each).fullmatch(case_id) for case_id in failed):
                yield f"{each}: {difference.says}"
