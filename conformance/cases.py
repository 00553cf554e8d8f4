"""What is asked: questions, the cases that clauses make of them, and their ids. Leaves that run nothing.

A case id reads `clause[label]`. In the label a field at its standard value is left out and every other one is written,
so that ids stay as they are when a new field is added: `outputs.every-rank[relu-rank3-float32-nobias-gather-seed1]`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from enum import IntEnum
from functools import cache, cached_property
from typing import Any

from conformance.families import FAMILIES
from conformance.procedures import PROCEDURES
from reference.config import TABLES, DenseConfig

#: A plain value that JSON can say: None, a bool, a number, a text, a list or a dict of such.
Json = Any
Shape = tuple[int, ...]

#: Axes of distinct prime lengths (and ones), so that no wrong axis fits; the last one is input_dim.
STANDARD_SHAPES: Mapping[int, Shape] = {
    2: (5, 7),
    3: (3, 5, 7),
    4: (2, 3, 5, 7),
    5: (13, 2, 3, 5, 7),
    6: (2, 13, 1, 3, 5, 7),
}
STANDARD_UNITS = 11
#: Every other argument at its standard value.
_PLAIN = DenseConfig(STANDARD_UNITS)
#: Procedures that a label leaves out.
_UNSAID = ("call", "differentiate")
#: For an axis of unknown length, where an input must have one.
ASSUMED_LENGTH = 3


class Tier(IntEnum):
    """How much is run: each tier holds the ones before it."""

    SMOKE = 0
    DEFAULT = 1
    FULL = 2
    EXHAUSTIVE = 3

    def __str__(self) -> str:
        return self.name.lower()


@dataclass(frozen=True)
class Question:
    """What is asked of whoever answers. Its tensors are drawn once, from the family, and handed to every answerer.

    input_shape: (..., input_dim), None for an unknown dimension; options: sorted pairs of what else there is to say.
    Raises ValueError for an unknown procedure.
    """

    procedure: str
    config: DenseConfig
    input_shape: tuple[int | None, ...]
    family: str = "integers"
    seed: int = 0
    options: tuple[tuple[str, str], ...] = ()

    def __post_init__(self) -> None:
        if self.procedure not in PROCEDURES:
            raise ValueError(f"procedure must be one of {', '.join(PROCEDURES)}, got {self.procedure!r}")

    def option(self, name: str, default: str = "") -> str:
        return dict(self.options).get(name, default)

    @cached_property
    def _hash(self) -> int:
        return hash((self.procedure, self.config, self.input_shape, self.family, self.seed, self.options))

    def __hash__(self) -> int:
        """Once: a question is looked up by every clause that asks it."""
        return self._hash

    @property
    def capabilities(self) -> frozenset[str]:
        """What an implementation must declare to be asked this."""
        return _capabilities(self.procedure, self.config.dtype)

    @property
    def layer(self) -> tuple[DenseConfig, int | None]:
        """What one layer is made of, config and input_dim: where it cannot be constructed, no question of it means
        anything.
        """
        return self.config, self.input_shape[-1] if self.input_shape else None

    @property
    def known_shape(self) -> Shape:
        """The input shape with a length for every unknown axis: what is called on where values are needed."""
        return tuple(ASSUMED_LENGTH if axis is None else axis for axis in self.input_shape)

    @cached_property
    def label(self) -> str:
        """What the square brackets of a case id hold: fields that differ from their standard value."""
        before, after = _said_of(self.config)
        family = "" if self.family == "integers" else f"-{self.family}"
        seed = f"-seed{self.seed}" if self.seed else ""
        procedure = "" if self.procedure in _UNSAID else f"-{self.procedure}"
        options = "".join(f"-{name}={value}" for name, value in self.options)
        asked = f"{self.config.activation}-{_shape_label(self.input_shape)}{before}"
        return f"{asked}{family}{seed}{after}{procedure}{options}"


@cache
def _capabilities(procedure: str, dtype: str) -> frozenset[str]:
    plain = dtype in ("float32", "float64")
    return frozenset({PROCEDURES[procedure].capability} | (set() if plain else {"dtype_policies"}))


@cache
def _said_of(config: DenseConfig) -> tuple[str, str]:
    """What a label says of a config: before family and seed, and behind them."""
    units = "" if config.units == STANDARD_UNITS else f"-units{config.units}"
    differing = (each for each in TABLES if getattr(config, each) != getattr(_PLAIN, each))
    arguments = "".join(f"-{each}={getattr(config, each)}" for each in differing)
    return f"-{config.dtype}{units}{'' if config.use_bias else '-nobias'}", arguments


@dataclass(frozen=True)
class Case:
    """One clause's use of one question."""

    clause_id: str
    question: Question
    tier: Tier = Tier.SMOKE

    @cached_property
    def id(self) -> str:
        return f"{self.clause_id}[{self.question.label}]"

    def to_json(self) -> dict[str, Any]:
        return {"id": self.id, "clause": self.clause_id, "tier": str(self.tier), "question": asdict(self.question)}

    @staticmethod
    def from_json(record: Mapping[str, Any]) -> Case:
        """The case that `to_json` wrote. Raises KeyError, TypeError or ValueError for anything else."""
        fields = dict(record["question"])
        fields["config"] = DenseConfig(**fields["config"])
        fields["input_shape"] = tuple(fields["input_shape"])
        fields["options"] = tuple((name, value) for name, value in fields["options"])
        return Case(record["clause"], Question(**fields), Tier[record["tier"].upper()])


def question_of(label: str, beside: Iterable[Question]) -> Question:
    """The question that has this label, whether or not a clause of the contract asks it.

    beside: what its clause asks. Where the label leaves the procedure out, it is that of the first of the same family,
    or of the first. Raises ValueError for anything that is no label.
    """
    read = _label().fullmatch(label)
    if read is None:
        raise ValueError(f"expected activation-shape-dtype and what else is not standard, got {label!r}")
    family = read["family"] or "integers"
    unsaid = sorted((each for each in beside if each.procedure in _UNSAID), key=lambda each: each.family != family)
    procedure = read["procedure"] or next((each.procedure for each in unsaid), "")
    arguments: dict[str, Any] = dict(_PAIR.findall(read["arguments"]))
    arguments |= {name: None for name, value in arguments.items() if value == "None"}
    units = int(read["units"] or STANDARD_UNITS)
    config = DenseConfig(units, read["activation"], not read["nobias"], read["dtype"], **arguments)
    options = tuple(_PAIR.findall(read["options"]))
    return Question(procedure, config, _shape_of(read["shape"]), family, int(read["seed"] or 0), options)


#: In what follows the dtype of a label; a value goes on until the next name.
_PAIR = re.compile(r"-(\w+)=(.*?)(?=-\w+=|$)")


@cache
def _label() -> re.Pattern[str]:
    return re.compile(
        r"(?P<activation>\w+)-(?P<shape>scalar|rank[2-6]|(?:any|\d+)(?:x(?:any|\d+))*)-(?P<dtype>\w+)"
        rf"(?:-units(?P<units>\d+))?(?P<nobias>-nobias)?(?:-(?P<family>{'|'.join(FAMILIES)}))?(?:-seed(?P<seed>\d+))?"
        rf"(?P<arguments>(?:-(?:{'|'.join(TABLES)})=\w+)*)"
        rf"(?:-(?P<procedure>{'|'.join(PROCEDURES)}))?(?P<options>(?:-\w+=.+)?)"
    )


def _shape_of(text: str) -> tuple[int | None, ...]:
    if text.startswith("rank"):
        return STANDARD_SHAPES[int(text.removeprefix("rank"))]
    return () if text == "scalar" else tuple(None if axis == "any" else int(axis) for axis in text.split("x"))


@cache
def pattern(text: str) -> re.Pattern[str]:
    """A pattern over case ids: * stands for anything."""
    return re.compile(".*".join(re.escape(part) for part in text.split("*")))


@cache
def _shape_label(shape: tuple[int | None, ...]) -> str:
    if shape == STANDARD_SHAPES.get(len(shape)):
        return f"rank{len(shape)}"
    return "x".join("any" if axis is None else str(axis) for axis in shape) or "scalar"
