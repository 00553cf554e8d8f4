"""What a mutant is, and the two small layers that most of them are made of: right, with one piece to be replaced."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from conformance.implementations.adapter import AdapterImplementation
from conformance.implementations.protocol import Array, Implementation
from conformance.implementations.reference import ReferenceAdapter, ReferenceLayer
from reference.activations import Activation
from reference.dense import flatten_leading
from reference.dialects import Dialect

#: What makes an implementation, for the dialect in which it is right or wrong.
Make = Callable[[Dialect], Implementation]


@dataclass(frozen=True)
class Mutant:
    """A Dense that is right but for one defect.

    says: the defect. breaks: the clause that is there for this class of defect. make: the implementation, right for a
    dialect in all else. only_raises: raising is the defect itself, so that an error counts as being caught.
    wrong_in: the dialects in which this is a defect, or can be one.
    """

    name: str
    says: str
    breaks: str
    make: Make
    only_raises: bool = False
    wrong_in: Callable[[Dialect], bool] = lambda dialect: True

    @property
    def area(self) -> str:
        return self.breaks.partition(".")[0]


Pre = Callable[[Array, Array, "Array | None"], Array]
Renamed = Callable[[str], "Activation | None"]


def affine(inputs: Array, kernel: Array, bias: Array | None) -> Array:
    """inputs @ kernel + bias, in whatever type the arrays have."""
    z = flatten_leading(inputs) @ kernel
    z = z if bias is None else z + bias
    return z.reshape(*inputs.shape[:-1], kernel.shape[1])


@dataclass(frozen=True)
class Pieces:
    """A Dense in NumPy, cut into pieces that a mutant replaces one of. All work in float64; the last step rounds.

    pre: inputs, kernel, bias → z. activation, slope: what a name means instead, None for what the dialect means; slope:
    backward alone. finish: outputs as float64, and the layer's dtype →
    what is given back. gradients: changes the dict of the three gradients, given (layer, inputs, upstream, gradients).
    """

    pre: Pre = affine
    activation: Renamed = lambda name: None
    whole: Callable[[ReferenceLayer, Array], Array] | None = None
    finish: Callable[[Array, Any], Array] = lambda outputs, dtype: outputs.astype(dtype)
    slope: Renamed = lambda name: None
    delta: Callable[[Array], Array] = lambda delta: delta
    upstream: Callable[[Array], Array] = lambda upstream: upstream
    gradients: Callable[[ReferenceLayer, Array, Array, dict[str, Any]], dict[str, Any]] | None = None


@dataclass(frozen=True)
class PiecesAdapter(ReferenceAdapter):
    """The reference's five methods, over pieces."""

    pieces: Pieces = field(default_factory=Pieces)
    capabilities: frozenset[str] = frozenset({"call", "differentiate", "dtype_policies"})

    @np.errstate(all="ignore")
    def call(self, layer: ReferenceLayer, inputs: Array) -> Array:
        if self.pieces.whole is not None:
            return self.pieces.finish(self.pieces.whole(layer, inputs), layer.config.format.dtype)
        z = self.pieces.pre(layer.rounded(inputs), *layer.weights)
        outputs = (self.pieces.activation(layer.config.activation) or layer.activation).value(z)
        return self.pieces.finish(outputs, layer.config.format.dtype)

    @np.errstate(all="ignore")
    def differentiate(self, layer: ReferenceLayer, inputs: Array, upstream: Array) -> Mapping[str, Array | None]:
        kernel, bias = layer.weights
        wide = layer.rounded(inputs)
        name = layer.config.activation
        row = self.pieces.slope(name) or self.pieces.activation(name) or layer.activation
        z, given = self.pieces.pre(wide, kernel, bias), self.pieces.upstream(upstream.astype(np.float64))
        delta = self.pieces.delta(row.vjp(z, given))
        rows, deltas = flatten_leading(wide), flatten_leading(delta)
        gradients: dict[str, Any] = {
            "kernel_gradient": rows.T @ deltas,
            "bias_gradient": None if bias is None else deltas.sum(axis=0),
            "inputs_gradient": (deltas @ kernel.T).reshape(wide.shape),
        }
        if self.pieces.gradients is not None:
            gradients = self.pieces.gradients(layer, wide, delta, gradients)
        dtypes = {"inputs_gradient": inputs.dtype}
        rounded = {
            name: None if each is None else layer.given_back(np.asarray(each), dtypes.get(name, layer.kernel.dtype))
            for name, each in gradients.items()
        }
        return {"outputs": self.call(layer, inputs), **rounded}


def made_of(name: str, pieces: Pieces) -> Make:
    """The implementation of a Dense with these pieces."""
    return lambda dialect: AdapterImplementation(PiecesAdapter(name, dialect=dialect, pieces=pieces))


def numpy_mutant(
    name: str,
    says: str,
    breaks: str,
    *,
    only_raises: bool = False,
    wrong_in: Callable[[Dialect], bool] = lambda dialect: True,
    **pieces: Any,
) -> Mutant:
    """A mutant of the NumPy layer: the pieces that are named are replaced."""
    return Mutant(name, says, breaks, made_of(name, Pieces(**pieces)), only_raises, wrong_in)


def renamed(**rows: Activation) -> Renamed:
    """These activations replaced."""
    return rows.get


def of_generation(generation: int) -> Callable[[Dialect], bool]:
    """The dialects of Keras 2, or of Keras 3."""
    return lambda dialect: dialect.generation == generation


def accepted(name: str) -> Callable[[Dialect], bool]:
    """The dialects that have an activation of this name."""
    return lambda dialect: name in dialect.activations
