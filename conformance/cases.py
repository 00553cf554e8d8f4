"""What is asked: questions, the cases that clauses make of them, and their ids. Leaves that run nothing.

A case id reads `clause[label]`. In the label a field at its standard value is left out and every other one is written,
so that ids stay as they are when a new field is added: `outputs.every-rank[relu-rank3-float32-nobias-gather-seed1]`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from enum import IntEnum
from typing import Any

from reference.config import DenseConfig

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
class Procedure:
    """One thing that can be asked of an implementation.

    capability: what an implementation must declare to be asked; tensors, facts: the names of what a full answer holds.
    bounds: what the reference must enclose before the answer can be judged: "outputs", "gradients", "curvature" or "".
    """

    capability: str
    tensors: tuple[str, ...] = ()
    facts: tuple[str, ...] = ()
    bounds: str = ""


GRADIENTS = ("kernel_gradient", "bias_gradient", "inputs_gradient")
SECOND_GRADIENTS = ("second_kernel_gradient", "second_inputs_gradient")

#: Every procedure by name. What the options of a question mean to a procedure is said where it is carried out.
PROCEDURES: Mapping[str, Procedure] = {
    # a fresh layer, called on ones with whatever weights it has: can it be talked to at all?
    "talk": Procedure("call", tensors=("outputs",)),
    # a layer with these weights, called on these inputs
    "call": Procedure("call", tensors=("outputs",), bounds="outputs"),
    # the same, and the gradients of sum(upstream * outputs)
    "differentiate": Procedure("differentiate", tensors=("outputs", *GRADIENTS), bounds="gradients"),
    # the gradients of sum(direction * inputs_gradient), direction being the inputs
    "differentiate_twice": Procedure("differentiate_twice", tensors=SECOND_GRADIENTS, bounds="curvature"),
    # `baseline` below is the plain answer of a fresh layer: where that is wrong already, the rest is held to it
    # called on the whole batch, then on each row of the first axis alone
    "call_rows": Procedure("call", tensors=("outputs", "row_by_row"), bounds="outputs"),
    # called twice, with another batch in between; and what the inputs hold afterwards
    "call_again": Procedure("call", tensors=("first", "second", "inputs_after"), bounds="outputs"),
    # called with other weights first, then with these
    "reload": Procedure("call", tensors=("outputs", "baseline"), bounds="outputs"),
    # two layers of one config with different weights, both called after both were loaded
    "two_layers": Procedure("call", tensors=("outputs", "baseline"), bounds="outputs"),
    # called with training=True and training=False
    "call_modes": Procedure("keras", tensors=("training", "inference", "baseline"), bounds="outputs"),
    # called after a construction that the options describe: activation_as=name, function, layer or none
    "call_constructed": Procedure("keras", tensors=("outputs",), bounds="outputs"),
    # called under tf.function
    "call_graph": Procedure("keras", tensors=("outputs", "baseline"), bounds="outputs"),
    # built on an input shape, not called
    "build": Procedure("describe", facts=("weights", "count", "trainable")),
    # called once, then described
    "call_unbuilt": Procedure("describe", facts=("weights", "count", "trainable")),
    # a Sequential model of layers whose units and settings the options name
    "stack": Procedure("keras", facts=("counts", "weights", "output_shape")),
    # called on keras.Input of the input shape, None for an unknown dimension
    "call_symbolic": Procedure("keras", facts=("output_shape",)),
    # compute_output_shape
    "infer_shape": Procedure("keras", facts=("output_shape",)),
    # a layer built on the standard shape, called on another one
    "call_other_shape": Procedure("keras", tensors=("outputs",), bounds="outputs"),
    # a fresh layer called on inputs that Keras refuses
    "call_refused": Procedure("keras"),
}


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

    @property
    def known_shape(self) -> Shape:
        """The input shape with a length for every unknown axis: what is called on where values are needed."""
        return tuple(ASSUMED_LENGTH if axis is None else axis for axis in self.input_shape)

    @property
    def label(self) -> str:
        """What the square brackets of a case id hold: fields that differ from their standard value."""
        config = self.config
        parts = (
            config.activation,
            _shape_label(self.input_shape),
            config.dtype,
            "" if config.units == STANDARD_UNITS else f"units{config.units}",
            "" if config.use_bias else "nobias",
            "" if self.family == "integers" else self.family,
            f"seed{self.seed}" if self.seed else "",
            "" if self.procedure in ("call", "differentiate") else self.procedure,
            *(f"{name}={value}" for name, value in self.options),
        )
        return "-".join(part for part in parts if part)


@dataclass(frozen=True)
class Case:
    """One clause's use of one question."""

    clause_id: str
    question: Question
    tier: Tier = Tier.SMOKE

    @property
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


def _shape_label(shape: tuple[int | None, ...]) -> str:
    if shape == STANDARD_SHAPES.get(len(shape)):
        return f"rank{len(shape)}"
    return "x".join("any" if axis is None else str(axis) for axis in shape) or "scalar"
