"""MLX: mlx.nn.Linear, and the function of that name in mlx.nn for an activation."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any

import ml_dtypes
import numpy as np

from conformance.answers import Declaration
from conformance.cases import Json
from conformance.implementations.adapter import described
from conformance.implementations.protocol import Array
from reference.config import DenseConfig

PACKAGE = "mlx[cpu]"
#: Now and then an evaluation never ends (seen in 0.32.4, waiting for its own stream): a process of its own is given up.
ENVIRONMENT: Mapping[str, str] = {"DENSE_CONFORMANCE_APART": "mlx"}

#: mlx.nn and z: what a user of MLX writes for the activation that Keras calls so.
ACTIVATIONS: Mapping[str, Callable[[Any, Any], Any]] = {
    "linear": lambda nn, z: z,
    "relu": lambda nn, z: nn.relu(z),
    "relu6": lambda nn, z: nn.relu6(z),
    "leaky_relu": lambda nn, z: nn.leaky_relu(z),
    "elu": lambda nn, z: nn.elu(z),
    "selu": lambda nn, z: nn.selu(z),
    "celu": lambda nn, z: nn.celu(z),
    "gelu": lambda nn, z: nn.gelu(z),
    "silu": lambda nn, z: nn.silu(z),
    "hard_silu": lambda nn, z: nn.hardswish(z),
    "sigmoid": lambda nn, z: nn.sigmoid(z),
    "log_sigmoid": lambda nn, z: nn.log_sigmoid(z),
    "tanh": lambda nn, z: nn.tanh(z),
    "hard_tanh": lambda nn, z: nn.hard_tanh(z),
    "hard_shrink": lambda nn, z: nn.hard_shrink(z),
    "soft_shrink": lambda nn, z: nn.softshrink(z),
    "softplus": lambda nn, z: nn.softplus(z),
    "softsign": lambda nn, z: nn.softsign(z),
    "mish": lambda nn, z: nn.mish(z),
    "exponential": lambda nn, z: z.exp(),
    "softmax": lambda nn, z: nn.softmax(z),
    "log_softmax": lambda nn, z: nn.log_softmax(z),
    "glu": lambda nn, z: nn.glu(z),
}


@dataclass
class Layer:
    """An activation, and the Linear that comes before it."""

    linear: Any
    activation: Callable[[Any, Any], Any]

    def __call__(self, inputs: Any) -> Any:
        from mlx import nn

        return self.activation(nn, self.linear(inputs))


@dataclass(frozen=True)
class MlxAdapter:
    """On the CPU, the only device of MLX that has float64."""

    declares: Declaration
    name: str = "mlx"
    capabilities: frozenset[str] = frozenset({"call", "differentiate", "describe", "dtype_policies"})

    def build(self, config: DenseConfig, input_shape: tuple[int, ...]) -> Layer:
        import mlx.core as mx
        from mlx import nn

        linear = nn.Linear(input_shape[-1], config.units, config.use_bias)
        linear.set_dtype(getattr(mx, config.format.name))
        return Layer(linear, ACTIVATIONS[config.activation])

    def load(self, layer: Layer, kernel: Array, bias: Array | None) -> None:
        layer.linear.weight = _tensor(kernel.T)
        if bias is not None:
            layer.linear.bias = _tensor(bias)

    def call(self, layer: Layer, inputs: Array) -> Array:
        return _array(layer(_tensor(inputs)))

    def differentiate(self, layer: Layer, inputs: Array, upstream: Array) -> Mapping[str, Array | None]:
        import mlx.core as mx

        given, weights = _tensor(inputs), layer.linear.trainable_parameters()
        names = list(weights)

        def of(inputs: Any, *values: Any) -> Any:
            layer.linear.update(dict(zip(names, values, strict=True)))
            return layer(inputs)

        (outputs,), found = mx.vjp(of, [given, *weights.values()], [_tensor(upstream)])
        layer.linear.update(weights)  # in place of what vjp traced
        gradients = {name: _array(gradient) for name, gradient in zip(("inputs", *names), found, strict=True)}
        return {
            "outputs": _array(outputs),
            "kernel_gradient": gradients["weight"].T,
            "bias_gradient": gradients.get("bias"),
            "inputs_gradient": gradients["inputs"],
        }

    def describe(self, layer: Layer) -> Mapping[str, Json]:
        """The weight lies the other way round in MLX: told is the kernel that it stands for."""
        weights = {name: _array(each) for name, each in layer.linear.trainable_parameters().items()}
        return described(weights["weight"].T, weights.get("bias"))


def _tensor(values: Array) -> Any:
    """Of the dtype of values, which has to be said for float64."""
    import mlx.core as mx

    return mx.array(values, dtype=getattr(mx, values.dtype.name))


def _array(tensor: Any) -> Array:
    import mlx.core as mx

    if tensor.dtype == mx.bfloat16:  # which NumPy does not know by itself
        return np.array(tensor.view(mx.uint16)).view(ml_dtypes.bfloat16)
    return np.array(tensor)


def adapter() -> MlxAdapter:
    """Raises ImportError where MLX is not installed."""
    import mlx.core as mx

    mx.set_default_device(mx.cpu)
    return MlxAdapter(
        Declaration(
            activations=frozenset(ACTIVATIONS),
            dtypes=frozenset({"float32", "float64", "float16", "bfloat16"}),
            version=version("mlx"),
        )
    )
