"""What an implementation is to the suite, and the five methods that put a new one under test.

An author writes an `Adapter` (five methods, no base class, nothing to register); `conformance.implementations.adapter`
makes an `Implementation` of it. An adapter imports its framework inside its functions and subclasses nothing of it at
module level, so that naming one implementation never imports another's framework.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from numpy.typing import NDArray

from conformance.answers import Answer, Declaration
from conformance.cases import Json, Question
from conformance.families import Tensors
from reference.config import DenseConfig

Array = NDArray[Any]


class Implementation(Protocol):
    """Anything that answers questions. `answer` never raises for what the implementation does: it reports it."""

    @property
    def name(self) -> str: ...

    @property
    def capabilities(self) -> frozenset[str]:
        """Names from `conformance.answers.CAPABILITIES`."""

    def answer(self, question: Question, tensors: Tensors | None) -> Answer:
        """tensors: copies that the implementation may keep or overwrite; None where the question has none."""


def declared(thing: Any) -> Declaration:
    """What an implementation or an adapter declares; everything, where it says nothing."""
    found: Declaration = getattr(thing, "declares", Declaration())
    return found


class Adapter(Protocol):
    """The small protocol for a layer of any framework. NotImplementedError says "I do not have this".

    Arrays are NumPy's, of the config's dtype, in and out. `capabilities` names what the adapter can do: "call" always;
    "differentiate" and "describe" where those methods answer. An attribute `declares`, a `Declaration`, may say which
    activations, dtypes and ranks it has; without one it has them all.
    """

    @property
    def name(self) -> str: ...

    @property
    def capabilities(self) -> frozenset[str]: ...

    def build(self, config: DenseConfig, input_shape: tuple[int, ...]) -> Any:
        """A new layer for inputs of input_shape (..., input_dim), its weights in place. Opaque to the suite."""

    def load(self, layer: Any, kernel: Array, bias: Array | None) -> None:
        """Sets the weights: kernel (input_dim, units), bias (units,) or None without bias."""

    def call(self, layer: Any, inputs: Array) -> Array:
        """The outputs (..., units) for inputs (..., input_dim)."""

    def differentiate(self, layer: Any, inputs: Array, upstream: Array) -> Mapping[str, Array | None]:
        """`outputs`, and the gradients of sum(upstream * outputs): `kernel_gradient` (input_dim, units),
        `bias_gradient` (units,) unless without bias, `inputs_gradient` as inputs. None for one that does not exist."""

    def describe(self, layer: Any) -> Mapping[str, Json]:
        """`weights`: a list of {"name", "shape", "trainable", "dtype"} in the layer's order; `count`: all parameters;
        `trainable`: the trainable ones."""
