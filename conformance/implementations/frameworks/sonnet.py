"""Sonnet: sonnet.Linear, and the function of that name in tf.nn for an activation."""

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

PACKAGE = "dm-sonnet tensorflow-cpu"

#: tensorflow and z: what a user of Sonnet writes for the activation that Keras calls so.
ACTIVATIONS: Mapping[str, Callable[[Any, Any], Any]] = {
    "linear": lambda tf, z: z,
    "relu": lambda tf, z: tf.nn.relu(z),
    "relu6": lambda tf, z: tf.nn.relu6(z),
    "leaky_relu": lambda tf, z: tf.nn.leaky_relu(z),
    "elu": lambda tf, z: tf.nn.elu(z),
    "selu": lambda tf, z: tf.nn.selu(z),
    "gelu": lambda tf, z: tf.nn.gelu(z),
    "silu": lambda tf, z: tf.nn.silu(z),
    "sigmoid": lambda tf, z: tf.nn.sigmoid(z),
    "log_sigmoid": lambda tf, z: tf.math.log_sigmoid(z),
    "tanh": lambda tf, z: tf.nn.tanh(z),
    "softplus": lambda tf, z: tf.nn.softplus(z),
    "softsign": lambda tf, z: tf.nn.softsign(z),
    "exponential": lambda tf, z: tf.exp(z),
    "softmax": lambda tf, z: tf.nn.softmax(z),
    "log_softmax": lambda tf, z: tf.nn.log_softmax(z),
}


@dataclass
class Layer:
    """An activation, and the Linear that comes before it."""

    linear: Any
    activation: Callable[[Any, Any], Any]

    def __call__(self, inputs: Any) -> Any:
        import tensorflow as tf

        return self.activation(tf, self.linear(inputs))


@dataclass(frozen=True)
class SonnetAdapter:
    """On the device that TensorFlow chooses."""

    declares: Declaration
    name: str = "sonnet"
    capabilities: frozenset[str] = frozenset({"call", "differentiate", "describe", "dtype_policies"})

    def build(self, config: DenseConfig, input_shape: tuple[int, ...]) -> Layer:
        """Sonnet makes the weights, and knows their dtype, at the first call."""
        import sonnet
        import tensorflow as tf

        layer = Layer(sonnet.Linear(config.units, config.use_bias), ACTIVATIONS[config.activation])
        layer.linear(tf.zeros((1, input_shape[-1]), config.format.name))
        return layer

    def load(self, layer: Layer, kernel: Array, bias: Array | None) -> None:
        layer.linear.w.assign(kernel)
        if bias is not None:
            layer.linear.b.assign(bias)

    def call(self, layer: Layer, inputs: Array) -> Array:
        import tensorflow as tf

        return _array(layer(tf.constant(inputs)))

    def differentiate(self, layer: Layer, inputs: Array, upstream: Array) -> Mapping[str, Array | None]:
        import tensorflow as tf

        given = tf.constant(inputs)
        wanted = {"kernel_gradient": layer.linear.w, "inputs_gradient": given}
        if layer.linear.with_bias:
            wanted["bias_gradient"] = layer.linear.b
        with tf.GradientTape() as tape:
            tape.watch(given)
            outputs = layer(given)
        found = tape.gradient(outputs, wanted, output_gradients=tf.constant(upstream))
        return {"outputs": _array(outputs), **{name: _array(gradient) for name, gradient in found.items()}}

    def describe(self, layer: Layer) -> Mapping[str, Json]:
        linear = layer.linear
        return described(_array(linear.w), _array(linear.b) if linear.with_bias else None)


def _array(tensor: Any) -> Array:
    return np.asarray(tensor.numpy())


def adapter() -> SonnetAdapter:
    """Raises ImportError where Sonnet or TensorFlow is not installed."""
    import sonnet  # noqa: F401

    return SonnetAdapter(
        Declaration(
            activations=frozenset(ACTIVATIONS),
            dtypes=frozenset({"float32", "float64", "float16", "bfloat16"}),
            ranks=(2, 99),
            version=version("dm-sonnet"),
        )
    )
