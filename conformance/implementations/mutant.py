"""What a mutant is, and the two small layers that most of them are made of: right, with one piece to be replaced."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from conformance.implementations.adapter import AdapterImplementation
from conformance.implementations.protocol import Array, Implementation
from conformance.implementations.reference import ReferenceAdapter, ReferenceLayer
from reference.activations import ACTIVATIONS, Activation
from reference.dense import flatten_leading


@dataclass(frozen=True)
class Mutant:
    """A Dense that is right but for one defect.

    says: the defect. breaks: the clause that is there for this class of defect. make: the implementation.
    only_raises: raising is the defect itself, so that an error counts as being caught.
    """

    name: str
    says: str
    breaks: str
    make: Callable[[], Implementation]
    only_raises: bool = False

    @property
    def area(self) -> str:
        return self.breaks.partition(".")[0]


Pre = Callable[[Array, Array, "Array | None"], Array]


def affine(inputs: Array, kernel: Array, bias: Array | None) -> Array:
    """inputs @ kernel + bias, in whatever type the arrays have."""
    z = flatten_leading(inputs) @ kernel
    z = z if bias is None else z + bias
    return z.reshape(*inputs.shape[:-1], kernel.shape[1])


@dataclass(frozen=True)
class Pieces:
    """A Dense in NumPy, cut into pieces that a mutant replaces one of. All work in float64; the last step rounds.

    pre: inputs, kernel, bias → z. activation: what a name means. finish: outputs as float64, and the layer's dtype →
    what is given back. gradients: changes the dict of the three gradients, given (layer, inputs, upstream, gradients).
    """

    pre: Pre = affine
    activation: Callable[[str], Activation] = lambda name: ACTIVATIONS[name]
    whole: Callable[[ReferenceLayer, Array], Array] | None = None
    finish: Callable[[Array, Any], Array] = lambda outputs, dtype: outputs.astype(dtype)
    slope: Callable[[str], Activation] | None = None
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
        outputs = self.pieces.activation(layer.config.activation).value(z)
        return self.pieces.finish(outputs, layer.config.format.dtype)

    @np.errstate(all="ignore")
    def differentiate(self, layer: ReferenceLayer, inputs: Array, upstream: Array) -> Mapping[str, Array | None]:
        kernel, bias = layer.weights
        wide = layer.rounded(inputs)
        row = (self.pieces.slope or self.pieces.activation)(layer.config.activation)
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


def made_of(name: str, pieces: Pieces) -> Callable[[], Implementation]:
    """The implementation of a Dense with these pieces."""
    return lambda: AdapterImplementation(replace(PiecesAdapter(), name=name, pieces=pieces))


def numpy_mutant(name: str, says: str, breaks: str, *, only_raises: bool = False, **pieces: Any) -> Mutant:
    """A mutant of the NumPy layer: the pieces that are named are replaced."""
    return Mutant(name, says, breaks, made_of(name, Pieces(**pieces)), only_raises)


def renamed(**rows: Activation) -> Callable[[str], Activation]:
    """The activations, these ones replaced."""
    return lambda name: rows.get(name, ACTIVATIONS[name])
