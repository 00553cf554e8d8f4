"""What came back: answers, and the trial that a clause's check looks at."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Any

import numpy as np
from numpy.typing import NDArray

from conformance.cases import Json, Question
from reference.intervals import Interval


class Level(IntEnum):
    """What an implementation claims to be. Each level holds the ones before it."""

    INFERENCE = 0
    TRAINING = 1
    KERAS = 2

    def __str__(self) -> str:
        return self.name.lower()


#: Every capability that an implementation can declare, and the level that needs it. dtype_policies: float16, bfloat16
#: and the mixed policies, besides float32 and float64.
CAPABILITIES: Mapping[str, Level] = {
    "call": Level.INFERENCE,
    "differentiate": Level.TRAINING,
    "differentiate_twice": Level.KERAS,
    "dtype_policies": Level.KERAS,
    "describe": Level.KERAS,
    "keras": Level.KERAS,
}


def needed_for(level: Level) -> frozenset[str]:
    """The capabilities without which a level cannot be reached."""
    return frozenset(capability for capability, needed in CAPABILITIES.items() if needed <= level)


@dataclass(frozen=True)
class Declaration:
    """What an implementation says that it has, besides its capabilities: what it lacks is not asked of it.

    activations, dtypes: names as a config has them, None for all; dtypes beyond float32 and float64 need the capability
    dtype_policies as well. ranks: least and greatest of the inputs. device: where it computes. profile: how it
    multiplies there, in its own words (IEEE, TF32). version: of the framework.
    """

    activations: frozenset[str] | None = None
    dtypes: frozenset[str] | None = None
    ranks: tuple[int, int] = (0, 99)
    device: str = "cpu"
    profile: str = "IEEE"
    version: str = ""

    def lacks(self, question: Question) -> str:
        """What the question asks for and is not declared, in words; empty for nothing."""
        config, rank = question.config, len(question.input_shape)
        if self.activations is not None and config.activation not in self.activations:
            return f"activation {config.activation!r}"
        if self.dtypes is not None and config.dtype not in self.dtypes:
            return f"dtype {config.dtype!r}"
        return "" if self.ranks[0] <= rank <= self.ranks[1] else f"inputs of rank {rank}"


@dataclass(frozen=True)
class Raised:
    """An exception of the implementation's own: in which phase, of which type, with which message.

    ended: "crash" where its process ended, "timeout" where it took too long; "" for an exception.
    """

    phase: str
    type: str
    message: str
    ended: str = ""

    def __str__(self) -> str:
        if self.ended:
            return f"{self.ended} while it was asked to {self.phase}: {self.message}"
        return f"{self.type} while it was asked to {self.phase}: {self.message}" if self.message else self.type


@dataclass(frozen=True)
class Answer:
    """What an implementation gave back: tensors and plain facts by name, or what it raised, or what it says it lacks.

    A tensor that is missing from `tensors` was not given back (a gradient of None, say).
    """

    tensors: Mapping[str, NDArray[Any]] = field(default_factory=dict)
    facts: Mapping[str, Json] = field(default_factory=dict)
    raised: Raised | None = None
    lacks: str | None = None

    def tensor(self, name: str) -> NDArray[Any] | None:
        return self.tensors.get(name)

    def fact(self, name: str) -> Json:
        """The fact of this name; None where it was not given."""
        return self.facts.get(name)


@dataclass(frozen=True)
class Trial:
    """What a check looks at: a question, an answer to it, what the reference says, and the oracle's answer.

    bounds: a certified interval for each tensor that the reference knows; facts: the discrete facts that it states;
    both have the same names as in the answer. inputs: what the layer was called on.
    """

    question: Question
    answer: Answer
    bounds: Mapping[str, Interval]
    facts: Mapping[str, Json]
    oracle: Answer
    inputs: NDArray[Any] = field(default_factory=lambda: np.empty(0))
