"""Numbers and settings as Python text that gives back every bit."""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Mapping
from fractions import Fraction
from pprint import pformat
from typing import Any

import numpy as np
from numpy.typing import NDArray

from conformance.cases import Json, Question
from reference.config import TABLES, DenseConfig

#: Of a line of the file, without its indentation.
WIDTH = 100
#: A number in decimals that says exactly what it is, and shortly: 0.125, say.
SHORT = 8
#: An array of one number in all its places is written once from so many elements on.
FEW = 4


def array(values: NDArray[Any], dtype: str) -> str:
    """An expression for the array: integers and short decimals where they are exact, else hexadecimal.

    dtype: an expression as well. Numbers are read as float64, which holds those of every dtype here.
    """
    wide = values.astype(np.float64)
    if values.size == 0:
        return f"np.zeros({values.shape}, {dtype})"
    if values.size > FEW and _is_one_number(wide):
        return f"np.full({values.shape}, {number(wide.flat[0])}, {dtype})"
    if all(map(_is_plain, wide.flat)):
        return _called("np.array", _nested(wide, _plain), dtype)
    return _called("np.array", _called("fromhex", _nested(wide, float.hex)), dtype)


def number(value: float) -> str:
    """An expression for one number."""
    return repr(_plain(value)) if _is_plain(value) else f'float.fromhex("{float(value).hex()}")'


def fact(value: Json) -> str:
    """An expression for plain data."""
    return _wrapped(pformat(value, width=WIDTH, compact=True, sort_dicts=False))


def arguments(question: Question, **instead: str | None) -> str:
    """What Dense is constructed with: what is not standard, and units. instead: expressions by name, None to leave out.

    The option given_as says in which form initializers, regularizers and constraints are given.
    """
    config, plain = question.config, DenseConfig(question.config.units)
    form = _FORMS[question.option("given_as", "object")]
    said: dict[str, str | None] = {}
    for name in ("activation", "use_bias", "dtype"):
        value = getattr(config, name)
        if value != getattr(plain, name):
            said[name] = f'"{value}"' if isinstance(value, str) else repr(value)
    for name in TABLES:
        value = getattr(config, name)
        is_said = value is not None and question.option("given_as") == "none"
        if value != getattr(plain, name) or is_said:
            said[name] = form(name, value)
    named = {**said, **instead}
    return ", ".join([str(config.units), *(f"{name}={value}" for name, value in named.items() if value is not None)])


def made(argument: str, name: str) -> str:
    """The initializer, regularizer or constraint of this name, as Keras's own object."""
    row = TABLES[argument][name]
    said = ", ".join(f"{key}={value!r}" for key, value in row.arguments.items())
    return f"tf.keras.{_kind(argument)}.{row.keras}({said})"


def _kind(argument: str) -> str:
    return argument.rpartition("_")[2] + "s"


#: What a name in the tables is called where Keras has it by another one.
_NAMES = {"l1_by_default": "l1", "l2_by_default": "l2", "l1_l2_by_default": "l1_l2"}
#: By the option given_as.
_FORMS: Mapping[str, Callable[[str, str], str]] = {
    "object": made,
    "config": lambda argument, name: f"tf.keras.{_kind(argument)}.serialize({made(argument, name)})",
    "callable": lambda argument, name: f"lambda values: {made(argument, name)}(values)",
    "name": lambda argument, name: f'"{_NAMES.get(name, name)}"',
    "none": lambda argument, name: "None",
}


def _is_one_number(values: NDArray[Any]) -> bool:
    first = values.flat[0]
    return bool((values == first).all() and (np.signbit(values) == np.signbit(first)).all())


def _is_plain(value: float) -> bool:
    """True where the decimals that Python writes are the number itself, not merely nearest to it."""
    if not np.isfinite(value) or (value == 0 and np.signbit(value)):
        return False
    text = repr(float(value))
    return len(text) <= SHORT and Fraction(text) == Fraction(float(value))


def _plain(value: float) -> float | int:
    return int(value) if float(value).is_integer() else float(value)


def _nested(values: NDArray[Any], say: Any) -> str:
    def told(part: Any) -> Any:
        return [told(each) for each in part] if isinstance(part, list) else say(part)

    return pformat(told(values.tolist()), width=WIDTH, compact=True)


def _called(function: str, *arguments: str) -> str:
    """A call in one line, or with one argument in each."""
    line = f"{function}({', '.join(arguments)})"
    if "\n" not in line and len(line) <= WIDTH:
        return line
    return f"{function}(\n{''.join(textwrap.indent(each, '    ') + ',' + chr(10) for each in arguments)})"


def _wrapped(text: str) -> str:
    """Continued lines moved in by as much as a statement's own continuation."""
    first, newline, rest = text.partition("\n")
    return first + newline + textwrap.indent(rest, "    ")
