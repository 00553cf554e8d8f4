"""JAX: inputs @ kernel + bias, and the function of that name in jax.nn for an activation.

The layers of JAX's libraries (Flax, Equinox, Haiku) are pure functions of a tree of parameters as well: `JaxAdapter` is
theirs too, and so is the table of activations.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np

from conformance.answers import Declaration
from conformance.cases import Json
from conformance.implementations.adapter import described
from conformance.implementations.protocol import Array
from reference.config import DenseConfig

PACKAGE = "jax"

#: jax and z: what a user of JAX writes for the activation that Keras calls so.
ACTIVATIONS: Mapping[str, Callable[[Any, Any], Any]] = {
    "linear": lambda jax, z: jax.nn.identity(z),
    "relu": lambda jax, z: jax.nn.relu(z),
    "relu6": lambda jax, z: jax.nn.relu6(z),
    "leaky_relu": lambda jax, z: jax.nn.leaky_relu(z),
    "elu": lambda jax, z: jax.nn.elu(z),
    "selu": lambda jax, z: jax.nn.selu(z),
    "celu": lambda jax, z: jax.nn.celu(z),
    "gelu": lambda jax, z: jax.nn.gelu(z),
    "silu": lambda jax, z: jax.nn.silu(z),
    "hard_silu": lambda jax, z: jax.nn.hard_silu(z),
    "sigmoid": lambda jax, z: jax.nn.sigmoid(z),
    "hard_sigmoid": lambda jax, z: jax.nn.hard_sigmoid(z),
    "log_sigmoid": lambda jax, z: jax.nn.log_sigmoid(z),
    "sparse_sigmoid": lambda jax, z: jax.nn.sparse_sigmoid(z),
    "tanh": lambda jax, z: jax.nn.tanh(z),
    "hard_tanh": lambda jax, z: jax.nn.hard_tanh(z),
    "softplus": lambda jax, z: jax.nn.softplus(z),
    "sparse_plus": lambda jax, z: jax.nn.sparse_plus(z),
    "squareplus": lambda jax, z: jax.nn.squareplus(z),
    "softsign": lambda jax, z: jax.nn.soft_sign(z),
    "mish": lambda jax, z: jax.nn.mish(z),
    "exponential": lambda jax, z: jax.numpy.exp(z),
    "softmax": lambda jax, z: jax.nn.softmax(z),
    "log_softmax": lambda jax, z: jax.nn.log_softmax(z),
    "glu": lambda jax, z: jax.nn.glu(z),
}


#: How float32 is multiplied elsewhere than on a CPU, unless JAX is told otherwise: jax.lax.Precision, DEFAULT.
PROFILES: Mapping[str, str] = {"gpu": "TF32", "tpu": "bfloat16"}

#: A function of trees of arrays → the same function, compiled.
Compiler = Callable[[Callable[..., Any]], Callable[..., Any]]


def by_xla(device: Any) -> Compiler:
    """As JAX does it, on one of its devices, where what the function is given is put before."""

    def compiled(function: Callable[..., Any]) -> Callable[..., Any]:
        import jax

        jitted = jax.jit(function)
        return lambda *arguments: jitted(*jax.device_put(arguments, device))

    return compiled


@dataclass
class Layer:
    """kind: all of a layer that is no array, hashable; parameters: its arrays, in whatever tree it keeps them."""

    kind: Any
    activation: str
    parameters: Any


@dataclass(frozen=True)
class JaxAdapter:
    """How one library of JAX's makes a Dense, applies it, and holds its weights.

    make(config, input_dim) → kind and fresh parameters; apply(kind, parameters, inputs) → pre-activations (..., units);
    pack(parameters, kernel, bias) → parameters of the same tree; unpack(parameters) → kernel (input_dim, units), bias.
    compiled(function) → the same function, compiled for the arguments that it meets.
    """

    name: str
    declares: Declaration
    make: Callable[[DenseConfig, int], tuple[Any, Any]]
    apply: Callable[[Any, Any, Any], Any]
    pack: Callable[[Any, Any, Any], Any]
    unpack: Callable[[Any], tuple[Any, Any]]
    compiled: Compiler
    capabilities: frozenset[str] = frozenset({"call", "differentiate", "describe", "dtype_policies"})

    def build(self, config: DenseConfig, input_shape: tuple[int, ...]) -> Layer:
        kind, parameters = self.make(config, input_shape[-1])
        return Layer(kind, config.activation, parameters)

    def load(self, layer: Layer, kernel: Array, bias: Array | None) -> None:
        layer.parameters = self.pack(layer.parameters, kernel, bias)

    def call(self, layer: Layer, inputs: Array) -> Array:
        forward, _ = _passes(self.compiled, self.apply, layer.kind, layer.activation)
        return np.asarray(forward(layer.parameters, inputs))

    def differentiate(self, layer: Layer, inputs: Array, upstream: Array) -> Mapping[str, Array | None]:
        _, backward = _passes(self.compiled, self.apply, layer.kind, layer.activation)
        outputs, of_parameters, of_inputs = backward(layer.parameters, inputs, upstream)
        kernel, bias = self.unpack(of_parameters)
        found = {"outputs": outputs, "kernel_gradient": kernel, "bias_gradient": bias, "inputs_gradient": of_inputs}
        return {name: np.asarray(values) for name, values in found.items() if values is not None}

    def describe(self, layer: Layer) -> Mapping[str, Json]:
        kernel, bias = self.unpack(layer.parameters)
        return described(np.asarray(kernel), None if bias is None else np.asarray(bias))


@lru_cache(maxsize=8)
def _passes(
    compiled: Compiler, apply: Callable[..., Any], kind: Any, activation: str
) -> tuple[Callable[..., Any], Callable[..., Any]]:
    """The outputs; the outputs and the gradients of sum(upstream * outputs) for the parameters and the inputs.

    Layers of one kind share it, whatever their parameters. Eight are kept: questions come layer by layer, and each of
    some 2300 compiled functions would hold 2 MB.
    """
    import jax

    def forward(parameters: Any, inputs: Any) -> Any:
        return ACTIVATIONS[activation](jax, apply(kind, parameters, inputs))

    def backward(parameters: Any, inputs: Any, upstream: Any) -> Any:
        outputs, pull_back = jax.vjp(forward, parameters, inputs)
        return outputs, *pull_back(upstream)

    return compiled(forward), compiled(backward)


def made(config: DenseConfig, input_dim: int) -> tuple[None, Mapping[str, Any]]:
    bias = np.zeros(config.units, config.format.dtype) if config.use_bias else None
    return None, packed(None, np.zeros((input_dim, config.units), config.format.dtype), bias)


def affine(_: None, parameters: Mapping[str, Any], inputs: Any) -> Any:
    outputs = inputs @ parameters["kernel"]
    return outputs + parameters["bias"] if "bias" in parameters else outputs


def packed(_: Any, kernel: Any, bias: Any) -> Mapping[str, Any]:
    return {"kernel": kernel} if bias is None else {"kernel": kernel, "bias": bias}


def unpacked(parameters: Mapping[str, Any]) -> tuple[Any, Any]:
    return parameters["kernel"], parameters.get("bias")


def adapter_on(device: str, name: str, version: str, *held: Callable[..., Any]) -> JaxAdapter:
    """device: as JAX's users say it, cpu or cuda:0; "" for JAX's own choice. held: make, apply, pack and unpack.

    With float64: JAX makes float32 of it unless it is told not to. Raises RuntimeError without the device.
    """
    import jax

    jax.config.update("jax_enable_x64", True)
    chosen = device_named(device)
    declares = Declaration(
        activations=frozenset(ACTIVATIONS),
        dtypes=frozenset({"float32", "float64", "float16", "bfloat16"}),
        device=device or chosen.platform,
        profile=PROFILES.get(chosen.platform, "IEEE"),
        version=version,
    )
    make, apply, pack, unpack = held
    return JaxAdapter(name, declares, make, apply, pack, unpack, by_xla(chosen))


def device_named(device: str) -> Any:
    """Raises RuntimeError for a device that is not there, ValueError for one that is misspelt."""
    import jax

    kind, colon, number = device.partition(":")
    there = jax.devices(kind or None)
    at = int(number) if colon else 0
    if not 0 <= at < len(there):
        raise RuntimeError(f"there are {len(there)} devices of the kind {kind!r}, counted from 0")
    return there[at]


def adapter(device: str = "") -> JaxAdapter:
    """device: cpu or cuda:0. Raises ImportError where JAX is not installed, RuntimeError without the device."""
    import jax

    return adapter_on(device, "jax", jax.__version__, made, affine, packed, unpacked)
