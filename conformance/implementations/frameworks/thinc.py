"""Thinc: thinc.api.Linear, or the layer that Thinc has for an activation, which holds the weights itself."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any

import numpy as np

from conformance.answers import Declaration
from conformance.cases import Json
from conformance.implementations.adapter import described
from conformance.implementations.protocol import Array
from reference.config import DenseConfig

PACKAGE = "thinc"

#: thinc.api and nO, nI: the layer that Thinc has under the name of the activation that Keras calls so.
LAYERS: Mapping[str, Callable[[Any, int, int], Any]] = {
    "linear": lambda api, units, input_dim: api.Linear(units, input_dim),
    "relu": lambda api, units, input_dim: api.Relu(units, input_dim),
    "relu6": lambda api, units, input_dim: api.ReluK(units, input_dim),
    "gelu": lambda api, units, input_dim: api.Gelu(units, input_dim),
    "silu": lambda api, units, input_dim: api.Swish(units, input_dim),
    "hard_silu": lambda api, units, input_dim: api.HardSwish(units, input_dim),
    "sigmoid": lambda api, units, input_dim: api.Sigmoid(units, input_dim),
    "hard_sigmoid": lambda api, units, input_dim: api.HardSigmoid(units, input_dim),
    "hard_tanh": lambda api, units, input_dim: api.HardTanh(units, input_dim),
    "mish": lambda api, units, input_dim: api.Mish(units, input_dim),
    "softmax": lambda api, units, input_dim: api.Softmax(units, input_dim),
}


@dataclass(frozen=True)
class ThincAdapter:
    """Thinc's layers take matrices, hold float32 weights and a bias, and call back for gradients, which they add up."""

    declares: Declaration
    name: str = "thinc"
    capabilities: frozenset[str] = frozenset({"call", "differentiate", "describe"})

    def build(self, config: DenseConfig, input_shape: tuple[int, ...]) -> Any:
        from thinc import api

        if not config.use_bias:
            raise NotImplementedError("use_bias=False")
        model = LAYERS[config.activation](api, config.units, input_shape[-1])
        model.initialize()
        return model

    def load(self, layer: Any, kernel: Array, bias: Array | None) -> None:
        layer.set_param("W", np.ascontiguousarray(kernel.T))
        layer.set_param("b", bias)

    def call(self, layer: Any, inputs: Array) -> Array:
        return np.asarray(layer.predict(inputs))

    def differentiate(self, layer: Any, inputs: Array, upstream: Array) -> Mapping[str, Array | None]:
        for name in layer.param_names:
            layer.set_grad(name, np.zeros_like(layer.get_param(name)))
        outputs, backpropagate = layer(inputs, is_train=True)
        inputs_gradient = backpropagate(upstream)
        return {
            "outputs": outputs,
            "kernel_gradient": layer.get_grad("W").T,
            "bias_gradient": layer.get_grad("b"),
            "inputs_gradient": inputs_gradient,
        }

    def describe(self, layer: Any) -> Mapping[str, Json]:
        """The weight lies the other way round in Thinc: told is the kernel that it stands for."""
        return described(layer.get_param("W").T, layer.get_param("b"))


def adapter() -> ThincAdapter:
    """On the CPU. Raises ImportError where Thinc is not installed."""
    from thinc.api import require_cpu

    require_cpu()
    return ThincAdapter(
        Declaration(
            activations=frozenset(LAYERS),
            dtypes=frozenset({"float32"}),
            ranks=(2, 2),
            version=version("thinc"),
        )
    )
