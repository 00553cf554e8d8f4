"""OpenVINO: the operations MatMul and Add, and the operation of that name for an activation, compiled for the CPU."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from importlib.metadata import version
from typing import Any

import numpy as np

from conformance.answers import Declaration
from conformance.implementations.protocol import Array
from reference.activations import LEAKY_SLOPE, SELU_ALPHA, SELU_SCALE
from reference.config import DenseConfig

PACKAGE = "openvino"

#: An operation set and z: what stands for each activation in a model. Slopes and scales have no default in OpenVINO: a
#: user gives Keras's. What takes several operations is not declared.
ACTIVATIONS: Mapping[str, Callable[[Any, Any], Any]] = {
    "linear": lambda op, z: z,
    "relu": lambda op, z: op.relu(z),
    "relu6": lambda op, z: op.clamp(z, 0, 6),
    "leaky_relu": lambda op, z: op.prelu(z, np.float32(LEAKY_SLOPE)),
    "elu": lambda op, z: op.elu(z, 1.0),
    "selu": lambda op, z: op.selu(z, np.float32(SELU_ALPHA), np.float32(SELU_SCALE)),
    "gelu": lambda op, z: op.gelu(z, "erf"),
    "silu": lambda op, z: op.swish(z),
    "hard_silu": lambda op, z: op.hswish(z),
    "sigmoid": lambda op, z: op.sigmoid(z),
    "hard_sigmoid": lambda op, z: op.hsigmoid(z),
    "tanh": lambda op, z: op.tanh(z),
    "hard_tanh": lambda op, z: op.clamp(z, -1, 1),
    "softplus": lambda op, z: op.softplus(z),
    "softsign": lambda op, z: op.softsign(z),
    "mish": lambda op, z: op.mish(z),
    "exponential": lambda op, z: op.exp(z),
    "softmax": lambda op, z: op.softmax(z, -1),
    "log_softmax": lambda op, z: op.log_softmax(z, -1),
}


@dataclass
class Layer:
    """The weights, which are constants of a model, and one compiled for each rank of inputs seen with them."""

    activation: Callable[[Any, Any], Any]
    kernel: Array
    bias: Array | None
    compiled: dict[int, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class OpenVinoAdapter:
    """Inference alone. The rank is known to a model, and leading axes are not.

    core: OpenVINO's, of which a process needs one.
    """

    declares: Declaration
    core: Any
    name: str = "openvino"
    capabilities: frozenset[str] = frozenset({"call"})

    def build(self, config: DenseConfig, input_shape: tuple[int, ...]) -> Layer:
        kernel = np.zeros((input_shape[-1], config.units), config.format.dtype)
        return Layer(ACTIVATIONS[config.activation], kernel, kernel.sum(axis=0) if config.use_bias else None)

    def load(self, layer: Layer, kernel: Array, bias: Array | None) -> None:
        """Weights that a layer already has, bit by bit, cost no new compilation."""
        if _bits(kernel, bias) != _bits(layer.kernel, layer.bias):
            layer.kernel, layer.bias = kernel.copy(), None if bias is None else bias.copy()
            layer.compiled.clear()

    def call(self, layer: Layer, inputs: Array) -> Array:
        """The f32 hint: where the processor has a half type, OpenVINO would compute float32 models in it."""
        rank = inputs.ndim
        if rank not in layer.compiled:
            settings = {"INFERENCE_PRECISION_HINT": "f32", "INFERENCE_NUM_THREADS": 1}
            layer.compiled[rank] = self.core.compile_model(_model(layer, rank), "CPU", settings)
        return np.array(layer.compiled[rank](inputs)[0])


def _bits(*weights: Array | None) -> list[bytes]:
    return [b"" if each is None else each.tobytes() for each in weights]


def _model(layer: Layer, rank: int) -> Any:
    """inputs (..., input_dim) → outputs (..., units)."""
    import openvino
    from openvino import opset15

    inputs = opset15.parameter([-1] * (rank - 1) + [len(layer.kernel)], openvino.Type(layer.kernel.dtype))
    z = opset15.matmul(inputs, opset15.constant(layer.kernel), False, False)
    if layer.bias is not None:
        z = opset15.add(z, opset15.constant(layer.bias))
    return openvino.Model([layer.activation(opset15, z)], [inputs], "dense")


def adapter() -> OpenVinoAdapter:
    """On the CPU, which computes a float64 model in float32: float64 is not declared.

    Raises ImportError where OpenVINO is not installed.
    """
    import openvino

    declares = Declaration(frozenset(ACTIVATIONS), frozenset({"float32"}), version=version("openvino"))
    return OpenVinoAdapter(declares, openvino.Core())
