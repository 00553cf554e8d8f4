"""PaddlePaddle: paddle.nn.Linear, and the function of that name in paddle.nn.functional for an activation."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from conformance.answers import Declaration
from conformance.cases import Json
from conformance.implementations.adapter import described
from conformance.implementations.protocol import Array
from reference.config import DenseConfig

PACKAGE = "paddlepaddle setuptools"

#: paddle.nn.functional and z: what a user of PaddlePaddle writes for the activation that Keras calls so.
ACTIVATIONS: Mapping[str, Callable[[Any, Any], Any]] = {
    "linear": lambda F, z: z,
    "relu": lambda F, z: F.relu(z),
    "relu6": lambda F, z: F.relu6(z),
    "leaky_relu": lambda F, z: F.leaky_relu(z),
    "elu": lambda F, z: F.elu(z),
    "selu": lambda F, z: F.selu(z),
    "celu": lambda F, z: F.celu(z),
    "gelu": lambda F, z: F.gelu(z),
    "silu": lambda F, z: F.silu(z),
    "hard_silu": lambda F, z: F.hardswish(z),
    "sigmoid": lambda F, z: F.sigmoid(z),
    "hard_sigmoid": lambda F, z: F.hardsigmoid(z),
    "log_sigmoid": lambda F, z: F.log_sigmoid(z),
    "tanh": lambda F, z: F.tanh(z),
    "hard_tanh": lambda F, z: F.hardtanh(z),
    "tanh_shrink": lambda F, z: F.tanhshrink(z),
    "hard_shrink": lambda F, z: F.hardshrink(z),
    "soft_shrink": lambda F, z: F.softshrink(z),
    "softplus": lambda F, z: F.softplus(z),
    "softsign": lambda F, z: F.softsign(z),
    "mish": lambda F, z: F.mish(z),
    "exponential": lambda F, z: z.exp(),
    "softmax": lambda F, z: F.softmax(z),
    "log_softmax": lambda F, z: F.log_softmax(z),
    "glu": lambda F, z: F.glu(z),
}


@dataclass
class Layer:
    """An activation, and the Linear that comes before it."""

    linear: Any
    activation: Callable[[Any, Any], Any]

    def __call__(self, inputs: Any) -> Any:
        import paddle

        return self.activation(paddle.nn.functional, self.linear(inputs))


@dataclass(frozen=True)
class PaddleAdapter:
    """On the CPU, where its products have no half types."""

    declares: Declaration
    name: str = "paddle"
    capabilities: frozenset[str] = frozenset({"call", "differentiate", "describe"})

    def build(self, config: DenseConfig, input_shape: tuple[int, ...]) -> Layer:
        import paddle

        linear = paddle.nn.Linear(input_shape[-1], config.units, bias_attr=None if config.use_bias else False)
        return Layer(linear.to(dtype=config.format.name), ACTIVATIONS[config.activation])

    def load(self, layer: Layer, kernel: Array, bias: Array | None) -> None:
        layer.linear.weight.set_value(kernel)
        if bias is not None:
            layer.linear.bias.set_value(bias)

    def call(self, layer: Layer, inputs: Array) -> Array:
        import paddle

        with paddle.no_grad():
            return _array(layer(paddle.to_tensor(inputs)))

    def differentiate(self, layer: Layer, inputs: Array, upstream: Array) -> Mapping[str, Array | None]:
        import paddle

        given = paddle.to_tensor(inputs, stop_gradient=False)
        outputs = layer(given)
        wanted = {"kernel_gradient": layer.linear.weight, "inputs_gradient": given}
        if layer.linear.bias is not None:
            wanted["bias_gradient"] = layer.linear.bias
        found = paddle.grad(outputs, list(wanted.values()), grad_outputs=paddle.to_tensor(upstream))
        gradients = {name: _array(gradient) for name, gradient in zip(wanted, found, strict=True)}
        return {"outputs": _array(outputs), **gradients}

    def describe(self, layer: Layer) -> Mapping[str, Json]:
        weight, bias = layer.linear.weight, layer.linear.bias
        return described(_array(weight), None if bias is None else _array(bias), trainable=weight.trainable)


def _array(tensor: Any) -> Array:
    return np.asarray(tensor.numpy())


def adapter() -> PaddleAdapter:
    """On the CPU. Raises ImportError where PaddlePaddle is not installed."""
    import paddle

    paddle.set_device("cpu")
    return PaddleAdapter(
        Declaration(
            activations=frozenset(ACTIVATIONS),
            dtypes=frozenset({"float32", "float64"}),
            version=paddle.__version__,
        )
    )
