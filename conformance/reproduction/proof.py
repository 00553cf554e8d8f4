"""A script is seen to work before it is given away: on the implementation, and on a right one."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from conformance.reproduction.kinds import CannotReproduceError, Kind
from conformance.results import Result, Verdict
from reference.dialects import Dialect


def prove(text: str, kind: Kind, adapter: Any, dialect: Dialect, result: Result) -> None:
    """Runs the script's own functions: the implementation must fail in them as in the result, a right one must not.

    Raises CannotReproduceError where that is not so.
    """
    space: dict[str, Any] = {"__name__": "reproduction"}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        exec(compile(text, "<reproduction>", "exec"), space)
        right = kind.right(dialect)
        blamed = _Tried() if right is None else _tried(space, right)
        if blamed.fails:
            raise _refused(result, f"it would blame a right layer as well: {blamed.first}")
        try:
            thing = kind.thing(adapter, space)
        except Exception as failure:
            raise _refused(result, f"it {kind.absent} once more: {_told(failure)}") from failure
        found = _tried(space, thing)
    if not found.fails:
        raise _refused(
            result,
            "put in plain code the question is answered rightly, so that what fails depends on more than this case",
        )
    if found.raised and result.verdict is Verdict.FAIL and not result.clause.raising_is_an_answer:
        raise _refused(result, f"put in plain code the question fails otherwise: it raised {found.raised}")


@dataclass(frozen=True)
class _Tried:
    """What a script finds."""

    misses: tuple[str, ...] = ()
    raised: str = ""

    @property
    def fails(self) -> bool:
        return bool(self.misses or self.raised)

    @property
    def first(self) -> str:
        return self.raised or self.misses[0]


def _tried(space: Mapping[str, Any], thing: Any) -> _Tried:
    try:
        return _Tried(misses=tuple(space["misses"](space["ask"](thing))))
    except SystemExit as ended:
        return _Tried(misses=(str(ended.code),) if ended.code else ())
    except Exception as failure:
        return _Tried(raised=_told(failure))


def _told(failure: Exception) -> str:
    return f"{type(failure).__name__}: {failure}"


def _refused(result: Result, why: str) -> CannotReproduceError:
    return CannotReproduceError(f"no script is written for {result.case.id}: {why}")
