"""A plain function `dense(inputs, kernel, bias, activation) -> outputs` as an implementation.

inputs (..., input_dim), kernel (input_dim, units), bias (units,) or None are NumPy arrays of one dtype; activation is a
name, "linear" for none; outputs are anything that NumPy takes for an array. An attribute
`dense.gradients(inputs, kernel, bias, activation, upstream) -> (inputs, kernel, bias)` makes it differentiable.
NotImplementedError says "I do not have this"; any other exception is an error.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from conformance.answers import Declaration
from conformance.cases import Json
from conformance.implementations.protocol import Array
from reference.config import DenseConfig


@dataclass
class _Weights:
    """The layer that a function does not have: a config, and what was loaded, zeros until then."""

    config: DenseConfig
    kernel: Array
    bias: Array | None


@dataclass(frozen=True)
class FunctionAdapter:
    """The five methods for a function. It declares gradients where it has the attribute."""

    function: Callable[..., Any]
    name: str

    @property
    def declares(self) -> Declaration:
        """By attributes `dense.activations` and `dense.dtypes`, lists of names; everything without them."""
        activations, dtypes = (getattr(self.function, key, None) for key in ("activations", "dtypes"))
        return Declaration(
            activations=None if activations is None else frozenset(activations),
            dtypes=None if dtypes is None else frozenset(dtypes),
        )

    @property
    def capabilities(self) -> frozenset[str]:
        return frozenset({"call", "differentiate"} if hasattr(self.function, "gradients") else {"call"})

    def build(self, config: DenseConfig, input_shape: tuple[int, ...]) -> _Weights:
        dtype = config.format.dtype
        bias = np.zeros(config.units, dtype) if config.use_bias else None
        return _Weights(config, np.zeros((input_shape[-1], config.units), dtype), bias)

    def load(self, layer: _Weights, kernel: Array, bias: Array | None) -> None:
        layer.kernel, layer.bias = kernel, bias

    def call(self, layer: _Weights, inputs: Array) -> Array:
        outputs = self.function(inputs, layer.kernel, layer.bias, layer.config.activation)
        return _typed(outputs, layer)

    def differentiate(self, layer: _Weights, inputs: Array, upstream: Array) -> Mapping[str, Array | None]:
        arguments = (inputs, layer.kernel, layer.bias, layer.config.activation)
        outputs = self.function(*arguments)
        to_inputs, to_kernel, to_bias = self.function.gradients(*arguments, upstream)  # type: ignore[attr-defined]
        return {
            "outputs": _typed(outputs, layer),
            "inputs_gradient": to_inputs,
            "kernel_gradient": to_kernel,
            "bias_gradient": to_bias,
        }

    def describe(self, layer: _Weights) -> Mapping[str, Json]:
        raise NotImplementedError("a function has no weights of its own")


def _typed(outputs: Any, layer: _Weights) -> Array:
    """Lists have no dtype that could be wrong: theirs is the layer's."""
    return np.asarray(outputs, layer.config.format.dtype) if isinstance(outputs, list | tuple) else outputs
