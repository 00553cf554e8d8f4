"""An implementation's own failures, however odd, become answers: none of them gets past `answered`."""

from __future__ import annotations

from types import MappingProxyType
from typing import Any

import ml_dtypes
import numpy as np
import pytest

from conformance.answers import Answer
from conformance.implementations.attempt import (
    MESSAGE_LENGTH,
    AttemptError,
    answered,
    as_array,
    as_mapping,
    attempt,
    first_words,
)


class SpeechlessError(Exception):
    """Its message cannot be had."""

    def __str__(self) -> str:
        raise RuntimeError("no words")


class Stubborn:
    """Refuses to become an array."""

    def __array__(self, *given: Any, **named: Any) -> Any:
        raise SystemExit("never")


def raising(failure: BaseException) -> Answer:
    def fail() -> Answer:
        raise failure

    return answered(lambda: attempt("call", fail), may_lack=True)


def test_an_exception_without_words_keeps_its_type() -> None:
    assert str(raising(SpeechlessError()).raised) == "SpeechlessError"


@pytest.mark.parametrize(
    ("failure", "line"),
    [
        (ValueError(), "ValueError"),
        (ValueError("  two\n\tlines  "), "ValueError while it was asked to call: two lines"),
        (ValueError("\x1b[1;31mred\x1b[0m \x1b[2Kgone"), "ValueError while it was asked to call: red gone"),
        (SystemExit(3), "SystemExit while it was asked to call: 3"),
        (AssertionError("no"), "AssertionError while it was asked to call: no"),
    ],
    ids=["empty", "lines", "colours", "exit", "assertion"],
)
def test_what_was_raised_reads_as_one_line(failure: BaseException, line: str) -> None:
    assert str(raising(failure).raised) == line


@pytest.mark.parametrize("failure", [KeyboardInterrupt(), GeneratorExit()], ids=["interruption", "generator"])
def test_what_is_no_affair_of_the_implementation_passes(failure: BaseException) -> None:
    with pytest.raises(type(failure)):
        raising(failure)


def test_a_message_of_the_longest_length_is_whole_and_one_more_character_is_cut() -> None:
    longest = "x" * MESSAGE_LENGTH
    assert first_words(ValueError(longest)) == longest
    assert first_words(ValueError(longest + "x")) == longest + "..."


@pytest.mark.parametrize(
    ("failure", "lacks"),
    [(NotImplementedError("gelu"), "gelu"), (NotImplementedError(), "call")],
    ids=["said", "silent"],
)
def test_what_is_lacking_is_named_by_the_message_or_else_by_the_phase(failure: Exception, lacks: str) -> None:
    given = raising(failure)
    assert given.lacks == lacks
    assert given.raised is None


def test_not_implemented_is_an_error_where_nothing_may_lack() -> None:
    """Keras raises it for a method that a layer forgot."""

    def fail() -> Answer:
        raise NotImplementedError("call")

    given = answered(lambda: attempt("call", fail))
    assert given.lacks is None
    assert given.raised is not None


def test_an_error_of_ours_is_not_taken_for_one_of_theirs() -> None:
    """Outside an attempt nothing is caught: a defect of the suite would read as one of the implementation."""

    def fail() -> Answer:
        raise ValueError("ours")

    with pytest.raises(ValueError, match="ours"):
        answered(fail, may_lack=True)


@pytest.mark.parametrize(
    ("values", "shape", "dtype"),
    [
        ([[1.0, 2.0]], (1, 2), "float64"),
        (np.float32(3), (), "float32"),
        (np.zeros((0, 3), np.float16), (0, 3), "float16"),
        (np.zeros(2, ml_dtypes.bfloat16), (2,), "bfloat16"),
        (memoryview(b"ab"), (2,), "uint8"),
    ],
    ids=["list", "scalar", "empty", "bfloat16", "buffer"],
)
def test_whatever_numpy_takes_for_numbers_is_an_array(values: Any, shape: tuple[int, ...], dtype: str) -> None:
    array = as_array("outputs", values)
    assert array.shape == shape
    assert array.dtype.name == dtype


@pytest.mark.parametrize(
    "values", [Stubborn(), {"outputs": 1}, b"text", {1.0}], ids=["stubborn", "dict", "bytes", "set"]
)
def test_what_numpy_does_not_take_for_numbers_is_an_error_that_says_what_came(values: Any) -> None:
    with pytest.raises(AttemptError, match=r"asked to give back outputs: (never|got )"):
        as_array("outputs", values)


def test_names_are_needed_where_names_are_asked_for() -> None:
    named = MappingProxyType({"outputs": 1})
    assert as_mapping("gradients", named) is named
    with pytest.raises(AttemptError, match="give back gradients: got tuple, expected a mapping from names"):
        as_mapping("gradients", (1, 2))
