"""keras.layers.EinsumDense, with the equation that makes it a Dense, on the TensorFlow of the oracle."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from conformance.answers import Declaration
from conformance.cases import Json
from conformance.implementations.keras.layers import KerasAdapter
from conformance.implementations.protocol import Array
from reference.config import DenseConfig

PACKAGE = "keras tensorflow"


def einsum_dense(units: int, *, use_bias: bool = True, **arguments: Any) -> Any:
    """EinsumDense for inputs of any rank; the other arguments are named as Dense's."""
    import keras

    bias_axes = "j" if use_bias else None
    return keras.layers.EinsumDense("...i,ij->...j", output_shape=units, bias_axes=bias_axes, **arguments)


_KERAS = KerasAdapter(einsum_dense, "einsum_dense")


@dataclass
class Ranks:
    """One layer for each rank of the inputs: EinsumDense takes no others than those of the rank that it was built for.

    weights: kernel, and bias or None, as they were loaded last.
    """

    config: DenseConfig
    weights: tuple[Array, Array | None] | None = None
    layers: dict[int, Any] = field(default_factory=dict)

    def layer(self, input_shape: tuple[int, ...]) -> Any:
        rank = len(input_shape)
        if rank not in self.layers:
            self.layers[rank] = _KERAS.build(self.config, input_shape)
            if self.weights is not None:
                _KERAS.load(self.layers[rank], *self.weights)
        return self.layers[rank]

    def load(self, kernel: Array, bias: Array | None) -> None:
        self.weights = kernel, bias
        for layer in self.layers.values():
            _KERAS.load(layer, kernel, bias)


@dataclass(frozen=True)
class EinsumDenseAdapter:
    declares: Declaration
    name: str = "einsum_dense"
    capabilities: frozenset[str] = frozenset({"call", "differentiate", "describe", "dtype_policies"})

    def build(self, config: DenseConfig, input_shape: tuple[int, ...]) -> Ranks:
        ranks = Ranks(config)
        ranks.layer(input_shape)
        return ranks

    def load(self, layer: Ranks, kernel: Array, bias: Array | None) -> None:
        layer.load(kernel, bias)

    def call(self, layer: Ranks, inputs: Array) -> Array:
        return _KERAS.call(layer.layer(inputs.shape), inputs)

    def differentiate(self, layer: Ranks, inputs: Array, upstream: Array) -> Mapping[str, Array | None]:
        return _KERAS.differentiate(layer.layer(inputs.shape), inputs, upstream)

    def describe(self, layer: Ranks) -> Mapping[str, Json]:
        """All are alike."""
        return _KERAS.describe(next(iter(layer.layers.values())))


def adapter() -> EinsumDenseAdapter:
    """Raises ImportError where Keras is not installed."""
    import keras

    return EinsumDenseAdapter(Declaration(version=keras.__version__))
