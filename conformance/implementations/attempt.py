"""Running an implementation's own code: what it raises is its answer, never ours."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from conformance.answers import Answer, Raised
from reference.formats import FORMATS

Result = TypeVar("Result")

#: What is kept of a message: enough for its first sentence.
MESSAGE_LENGTH = 200
_COLOURS = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")


class AttemptError(Exception):
    """The implementation raised, in a phase."""

    def __init__(self, raised: Raised, *, lacks: bool = False) -> None:
        super().__init__(str(raised))
        self.raised = raised
        self.lacks = lacks


class EndedError(Exception):
    """The implementation's process ended, or was given up: how is "crash" or "timeout"."""

    def __init__(self, how: str, message: str) -> None:
        super().__init__(message)
        self.how = how


class RemoteError(Exception):
    """What was raised in another process: an exception's type and its message, in that language's words."""

    def __init__(self, type: str, message: str) -> None:
        super().__init__(message)
        self.type = type


def attempt(phase: str, call: Callable[[], Result]) -> Result:
    """What the call returns. Raises AttemptError for whatever it raises, but KeyboardInterrupt."""
    try:
        return call()
    except (Exception, SystemExit) as failure:
        kind = failure.type if isinstance(failure, RemoteError) else type(failure).__name__
        ended = failure.how if isinstance(failure, EndedError) else ""
        raised = Raised(phase, kind, first_words(failure), ended)
        raise AttemptError(raised, lacks=isinstance(failure, NotImplementedError)) from failure


def answered(answer: Callable[[], Answer], *, may_lack: bool = False) -> Answer:
    """The answer, or what was raised on the way to it; what is lacking, where NotImplementedError means that."""
    try:
        return answer()
    except AttemptError as failure:
        if may_lack and failure.lacks:
            return Answer(lacks=failure.raised.message or failure.raised.phase)
        return Answer(raised=failure.raised)


def refuses(call: Callable[[], Any]) -> bool:
    """True where it raises: for questions in which that is what is asked."""
    try:
        attempt("refuse", call)
    except AttemptError:
        return True
    return False


def as_array(what: str, values: Any) -> NDArray[Any]:
    """What came back, as an array. Raises AttemptError for what is none."""
    array = attempt(f"give back {what}", lambda: np.asarray(values))
    if array.dtype == object or (array.dtype.kind in "USV" and array.dtype.name != "bfloat16"):
        raised = Raised(f"give back {what}", "TypeError", f"got {type(values).__name__}, expected an array of numbers")
        raise AttemptError(raised)
    if array.dtype.name == "bfloat16" and array.dtype != FORMATS["bfloat16"].dtype:
        return array.view(np.uint16).view(FORMATS["bfloat16"].dtype)  # from TensorFlow's own, which it had before 2.14
    return array


def as_mapping(what: str, values: Any) -> Mapping[str, Any]:
    """What came back, by name. Raises AttemptError for what has no names."""
    if not isinstance(values, Mapping):
        got = f"got {type(values).__name__}, expected a mapping from names"
        raise AttemptError(Raised(f"give back {what}", "TypeError", got))
    return values


def first_words(failure: BaseException) -> str:
    """Its message in one line, without colours, cut where it becomes long; nothing where it cannot say one."""
    try:
        message = str(failure)
    except Exception:
        return ""
    words = " ".join(_COLOURS.sub("", message).split())
    return words if len(words) <= MESSAGE_LENGTH else words[:MESSAGE_LENGTH] + "..."
