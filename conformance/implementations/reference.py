"""The reference as an implementation: operands rounded to the compute dtype, float64 arithmetic, rounded once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from conformance.cases import Json
from conformance.implementations.protocol import Array
from conformance.truth import weight_facts
from reference.activations import Activation
from reference.config import DenseConfig
from reference.dense import backward, forward, kernel_shape, parameter_count
from reference.dialects import DIALECTS, Dialect, activation


@dataclass
class ReferenceLayer:
    """A config, what its activation means, and its weights, zeros until they are loaded."""

    config: DenseConfig
    activation: Activation
    kernel: Array
    bias: Array | None

    @property
    def weights(self) -> tuple[Array, Array | None]:
        """As float64, rounded to the dtype that the layer computes in: kernel and bias."""
        rounded = self.config.format.round
        return rounded(self.kernel), None if self.bias is None else rounded(self.bias)

    def rounded(self, inputs: Array) -> Array:
        """As float64, what inputs of any dtype are to the layer."""
        return self.config.format.round(inputs)

    def given_back(self, gradient: Array, dtype: Any) -> Array:
        """A gradient rounded to the dtype that the layer computes in, and of the dtype of what it belongs to."""
        return gradient.astype(self.config.format.dtype).astype(dtype)


@dataclass(frozen=True)
class ReferenceAdapter:
    """The five methods, over `reference.dense`. dialect: what the names of activations mean."""

    name: str = "reference"
    capabilities: frozenset[str] = frozenset({"call", "differentiate", "describe", "dtype_policies"})
    dialect: Dialect = DIALECTS[-1]

    def build(self, config: DenseConfig, input_shape: tuple[int, ...]) -> ReferenceLayer:
        bias = np.zeros(config.units) if config.use_bias else None
        kernel = np.zeros(kernel_shape(config, input_shape[-1]))
        return ReferenceLayer(config, activation(config.activation, self.dialect), kernel, bias)

    def load(self, layer: ReferenceLayer, kernel: Array, bias: Array | None) -> None:
        layer.kernel, layer.bias = kernel, bias

    @np.errstate(all="ignore")
    def call(self, layer: ReferenceLayer, inputs: Array) -> Array:
        outputs = forward(layer.rounded(inputs), *layer.weights, layer.activation)
        return outputs.astype(layer.config.format.dtype)

    @np.errstate(all="ignore")
    def differentiate(self, layer: ReferenceLayer, inputs: Array, upstream: Array) -> Mapping[str, Array | None]:
        wide = upstream.astype(np.float64)
        gradients = backward(layer.rounded(inputs), *layer.weights, layer.activation, wide)
        return {
            "outputs": self.call(layer, inputs),
            "kernel_gradient": layer.given_back(gradients.kernel, layer.kernel.dtype),
            "bias_gradient": None if layer.bias is None else layer.given_back(gradients.bias, layer.bias.dtype),
            "inputs_gradient": layer.given_back(gradients.inputs, inputs.dtype),
        }

    def describe(self, layer: ReferenceLayer) -> Mapping[str, Json]:
        input_dim = layer.kernel.shape[0]
        count = parameter_count(layer.config, input_dim)
        return {"weights": weight_facts(layer.config, input_dim), "count": count, "trainable": count}
