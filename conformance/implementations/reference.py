"""The reference as an implementation: float64 arithmetic, rounded once to the layer's dtype."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from conformance.cases import Json
from conformance.implementations.protocol import Array
from conformance.truth import weight_facts
from reference.activations import ACTIVATIONS, Activation
from reference.config import DenseConfig
from reference.dense import backward, forward, kernel_shape, parameter_count


@dataclass
class ReferenceLayer:
    """A config and its weights, zeros until they are loaded."""

    config: DenseConfig
    kernel: Array
    bias: Array | None

    @property
    def activation(self) -> Activation:
        return ACTIVATIONS[self.config.activation]

    @property
    def weights(self) -> tuple[Array, Array | None]:
        """As float64: kernel and bias."""
        bias = None if self.bias is None else self.bias.astype(np.float64)
        return self.kernel.astype(np.float64), bias


@dataclass(frozen=True)
class ReferenceAdapter:
    """The five methods, over `reference.dense`."""

    name: str = "reference"
    capabilities: frozenset[str] = frozenset({"call", "differentiate", "describe"})

    def build(self, config: DenseConfig, input_shape: tuple[int, ...]) -> ReferenceLayer:
        bias = np.zeros(config.units) if config.use_bias else None
        return ReferenceLayer(config, np.zeros(kernel_shape(config, input_shape[-1])), bias)

    def load(self, layer: ReferenceLayer, kernel: Array, bias: Array | None) -> None:
        layer.kernel, layer.bias = kernel, bias

    @np.errstate(all="ignore")
    def call(self, layer: ReferenceLayer, inputs: Array) -> Array:
        outputs = forward(inputs.astype(np.float64), *layer.weights, layer.activation)
        return outputs.astype(layer.config.format.dtype)

    @np.errstate(all="ignore")
    def differentiate(self, layer: ReferenceLayer, inputs: Array, upstream: Array) -> Mapping[str, Array | None]:
        dtype = layer.config.format.dtype
        wide = upstream.astype(np.float64)
        gradients = backward(inputs.astype(np.float64), *layer.weights, layer.activation, wide)
        return {
            "outputs": self.call(layer, inputs),
            "kernel_gradient": gradients.kernel.astype(dtype),
            "bias_gradient": None if layer.bias is None else gradients.bias.astype(dtype),
            "inputs_gradient": gradients.inputs.astype(dtype),
        }

    def describe(self, layer: ReferenceLayer) -> Mapping[str, Json]:
        input_dim = layer.kernel.shape[0]
        count = parameter_count(layer.config, input_dim)
        return {"weights": weight_facts(layer.config, input_dim), "count": count, "trainable": count}
