"""tinygrad: tinygrad.nn.Linear, and the tensor's method of that name for an activation."""

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

PACKAGE = "tinygrad"

#: Of a tensor z: what a user of tinygrad writes for the activation that Keras calls so.
ACTIVATIONS: Mapping[str, Callable[[Any], Any]] = {
    "linear": lambda z: z,
    "relu": lambda z: z.relu(),
    "relu6": lambda z: z.relu6(),
    "leaky_relu": lambda z: z.leaky_relu(),
    "elu": lambda z: z.elu(),
    "selu": lambda z: z.selu(),
    "celu": lambda z: z.celu(),
    "gelu": lambda z: z.gelu(),
    "silu": lambda z: z.silu(),
    "hard_silu": lambda z: z.hardswish(),
    "sigmoid": lambda z: z.sigmoid(),
    "hard_sigmoid": lambda z: z.hardsigmoid(),
    "log_sigmoid": lambda z: z.logsigmoid(),
    "tanh": lambda z: z.tanh(),
    "hard_tanh": lambda z: z.hardtanh(),
    "softplus": lambda z: z.softplus(),
    "softsign": lambda z: z.softsign(),
    "mish": lambda z: z.mish(),
    "exponential": lambda z: z.exp(),
    "softmax": lambda z: z.softmax(),
    "log_softmax": lambda z: z.log_softmax(),
}


@dataclass
class Layer:
    """An activation, and the Linear that comes before it."""

    linear: Any
    activation: Callable[[Any], Any]

    def __call__(self, inputs: Any) -> Any:
        return self.activation(self.linear(inputs))


@dataclass(frozen=True)
class TinygradAdapter:
    """Weights and inputs are put on the device of `declares`, and what is computed from them stays there."""

    declares: Declaration
    name: str = "tinygrad"
    capabilities: frozenset[str] = frozenset({"call", "differentiate", "describe", "dtype_policies"})

    def build(self, config: DenseConfig, input_shape: tuple[int, ...]) -> Layer:
        from tinygrad import nn

        layer = Layer(nn.Linear(input_shape[-1], config.units, config.use_bias), ACTIVATIONS[config.activation])
        kernel = np.zeros((input_shape[-1], config.units), config.format.dtype)
        self.load(layer, kernel, kernel.sum(axis=0) if config.use_bias else None)
        return layer

    def load(self, layer: Layer, kernel: Array, bias: Array | None) -> None:
        layer.linear.weight = self._tensor(kernel.T)
        layer.linear.bias = None if bias is None else self._tensor(bias)

    def call(self, layer: Layer, inputs: Array) -> Array:
        return _array(layer(self._tensor(inputs)))

    def differentiate(self, layer: Layer, inputs: Array, upstream: Array) -> Mapping[str, Array | None]:
        from tinygrad import Tensor

        given = self._tensor(inputs)
        outputs = layer(given)
        wanted = {"kernel_gradient": layer.linear.weight, "inputs_gradient": given}
        if layer.linear.bias is not None:
            wanted["bias_gradient"] = layer.linear.bias
        found = outputs.gradient(*wanted.values(), gradient=self._tensor(upstream))
        Tensor.realize(outputs, *found)
        gradients = {name: _array(gradient) for name, gradient in zip(wanted, found, strict=True)}
        return {"outputs": _array(outputs), **gradients, "kernel_gradient": gradients["kernel_gradient"].T}

    def describe(self, layer: Layer) -> Mapping[str, Json]:
        """The weight lies the other way round in tinygrad: told is the kernel that it stands for."""
        linear = layer.linear
        return described(_array(linear.weight).T, None if linear.bias is None else _array(linear.bias))

    def _tensor(self, values: Array) -> Any:
        """Realized: a lazy tensor would look at the array again later."""
        from tinygrad import Tensor

        contiguous = np.ascontiguousarray(values).reshape(values.shape)
        return Tensor(contiguous, device=self.declares.device).realize()


def _array(tensor: Any) -> Array:
    return np.asarray(tensor.numpy())


def adapter() -> TinygradAdapter:
    """On the CPU, where clang compiles. Raises ImportError where tinygrad is not installed."""
    import tinygrad  # noqa: F401

    return TinygradAdapter(
        Declaration(
            activations=frozenset(ACTIVATIONS),
            dtypes=frozenset({"float32", "float64", "float16"}),
            version=version("tinygrad"),
        )
    )
