"""For Python: `check` runs the contract in this process, `parametrize` makes one pytest item of each case."""

from __future__ import annotations

import datetime
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import cache, partial
from pathlib import Path
from typing import Any

from conformance.answers import Level
from conformance.cases import Tier
from conformance.implementations.load import load
from conformance.recording import oracle_named
from conformance.results import Report
from conformance.run import RunnableCase, Selection, contract_areas, plan, run
from conformance.session import Session
from conformance.waivers.application import NOTHING_WAIVED, Waiving
from conformance.waivers.file import read


class UsageError(ValueError):
    """An argument that cannot be: what was wrong, and what would do."""


def check(
    implementation: Any,
    level: str | None = None,
    *,
    tier: str = "default",
    areas: Sequence[str] = (),
    case: str = "",
    seed: int = 0,
    exitfirst: bool = False,
    oracle: str = "tensorflow",
    waivers: str | Path | None = None,
) -> Report:
    """Judges one implementation: any naming that the command line takes, or the object itself.

    level: inference, training or keras; None for the highest whose capabilities it declares. tier: smoke, default, full
    or exhaustive. areas, case: a selection, which claims nothing about conformance. oracle: tensorflow, recorded, or
    the path of a recording. waivers: the path of a file of known failures (docs/waivers.md).
    Raises NamingError for what cannot be put under test, PlugError for what cannot be talked to, WaiverError for a file
    of waivers that cannot be used, UsageError for any other argument that cannot be.
    """
    chosen = selection(level, tier=tier, areas=areas, case=case, seed=seed)
    asked = oracle_named(oracle)
    waived = waiving(waivers)
    (report,) = run([load(implementation, asked.dialect)], chosen, asked, exitfirst=exitfirst, waiving=waived)
    return replace(report, naming=_naming_of(implementation))


def waiving(waivers: str | Path | None) -> Waiving:
    """The waivers of a file, as of today; none for None. Raises WaiverError."""
    return NOTHING_WAIVED if waivers is None else Waiving(read(Path(waivers)), datetime.date.today())


def selection(
    level: str | None = None, *, tier: str = "default", areas: Sequence[str] = (), case: str = "", seed: int = 0
) -> Selection:
    """What these words select. Raises UsageError for a word that is none of them."""
    _one_of("level", level, [None, *(str(each) for each in Level)])
    _one_of("tier", tier, [str(each) for each in Tier])
    for area in areas:
        _one_of("area", area, list(contract_areas()))
    if type(seed) is not int or not 0 <= seed < 2**31:
        raise UsageError(f"seed must be an integer from 0 to 2^31 - 1, got {seed!r}")
    chosen = None if level is None else Level[level.upper()]
    return Selection(chosen, Tier[tier.upper()], tuple(areas), case, seed)


def parametrize(
    implementation: Any,
    level: str | None = None,
    *,
    tier: str = "default",
    areas: Sequence[str] = (),
    case: str = "",
    seed: int = 0,
    oracle: str = "tensorflow",
) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """A decorator: the test gets one argument `case` for each case, to be run by `case.run()`.

    Arguments and errors as for `check`.
    """
    import pytest

    chosen = selection(level, tier=tier, areas=areas, case=case, seed=seed)
    cases = runnable_cases(implementation, chosen, oracle)
    decorator: Callable[[Callable[..., Any]], Callable[..., Any]] = pytest.mark.parametrize(
        "case", [pytest.param(each, id=each.id) for each in cases]
    )
    return decorator


def runnable_cases(implementation: Any, chosen: Selection, oracle: str = "tensorflow") -> list[RunnableCase]:
    """The cases of a selection, up to the implementation's level, in order. Raises UsageError for none."""
    dialect = _shared_session(oracle).oracle.dialect
    tested = load(implementation, dialect)
    level = chosen.level_of(tested)
    cases = [
        RunnableCase(planned, tested, chosen, partial(_shared_session, oracle), _naming_of(implementation), oracle)
        for planned in plan(chosen, dialect)
        if planned.clause.level <= level
    ]
    if not cases:
        raise UsageError(f"no case matches {chosen.case!r} in {', '.join(chosen.areas) or 'any area'} at level {level}")
    return cases


def _naming_of(implementation: Any) -> str:
    """What names it, or `module:Name` for what its module has under its name; "" for any other object."""
    if isinstance(implementation, str):
        return implementation
    module, name = getattr(implementation, "__module__", ""), getattr(implementation, "__qualname__", "")
    return f"{module}:{name}" if name and getattr(sys.modules.get(module), name, None) is implementation else ""


def _one_of(what: str, given: object, allowed: Sequence[object]) -> None:
    if given not in allowed:
        named = ", ".join(str(each) for each in allowed if each is not None)
        raise UsageError(f"{what} must be one of {named}, got {given!r}")


@cache
def _shared_session(oracle: str) -> Session:
    """One for all items of a process: each question is asked once, whichever items share it."""
    return Session(oracle_named(oracle))
