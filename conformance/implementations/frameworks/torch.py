"""PyTorch: torch.nn.Linear, and the function of that name for an activation."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import ml_dtypes
import numpy as np

from conformance.answers import Declaration
from conformance.cases import Json
from conformance.implementations.adapter import described
from conformance.implementations.protocol import Array
from reference.config import DenseConfig

PACKAGE = "torch"

#: torch.nn.functional and z: what a user of PyTorch writes for the activation that Keras calls so.
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
    "log_sigmoid": lambda F, z: F.logsigmoid(z),
    "tanh": lambda F, z: F.tanh(z),
    "hard_tanh": lambda F, z: F.hardtanh(z),
    "tanh_shrink": lambda F, z: F.tanhshrink(z),
    "hard_shrink": lambda F, z: F.hardshrink(z),
    "soft_shrink": lambda F, z: F.softshrink(z),
    "softplus": lambda F, z: F.softplus(z),
    "softsign": lambda F, z: F.softsign(z),
    "mish": lambda F, z: F.mish(z),
    "exponential": lambda F, z: z.exp(),
    "softmax": lambda F, z: F.softmax(z, dim=-1),
    "log_softmax": lambda F, z: F.log_softmax(z, dim=-1),
    "glu": lambda F, z: F.glu(z),
}


@dataclass
class Layer:
    """An activation, and the Linear that comes before it."""

    linear: Any
    activation: Callable[[Any, Any], Any]

    def __call__(self, inputs: Any) -> Any:
        import torch

        return self.activation(torch.nn.functional, self.linear(inputs))


@dataclass(frozen=True)
class TorchAdapter:
    """device: as torch names it."""

    declares: Declaration
    name: str = "torch"
    capabilities: frozenset[str] = frozenset({"call", "differentiate", "describe", "dtype_policies"})

    def build(self, config: DenseConfig, input_shape: tuple[int, ...]) -> Layer:
        import torch

        linear = torch.nn.Linear(
            *(input_shape[-1], config.units, config.use_bias),
            dtype=getattr(torch, config.format.name),
            device=self.declares.device,
        )
        return Layer(linear, ACTIVATIONS[config.activation])

    def load(self, layer: Layer, kernel: Array, bias: Array | None) -> None:
        import torch

        with torch.no_grad():
            layer.linear.weight.copy_(self._tensor(kernel).T)
            if bias is not None:
                layer.linear.bias.copy_(self._tensor(bias))

    def call(self, layer: Layer, inputs: Array) -> Array:
        return array_of(layer(self._tensor(inputs)))

    def differentiate(self, layer: Layer, inputs: Array, upstream: Array) -> Mapping[str, Array | None]:
        import torch

        given = self._tensor(inputs).requires_grad_()
        outputs = layer(given)
        wanted = {"kernel_gradient": layer.linear.weight, "inputs_gradient": given}
        if layer.linear.bias is not None:
            wanted["bias_gradient"] = layer.linear.bias
        found = torch.autograd.grad(outputs, list(wanted.values()), self._tensor(upstream))
        gradients = {name: array_of(gradient) for name, gradient in zip(wanted, found, strict=True)}
        return {"outputs": array_of(outputs), **gradients, "kernel_gradient": gradients["kernel_gradient"].T}

    def describe(self, layer: Layer) -> Mapping[str, Json]:
        """The weight lies the other way round in PyTorch: told is the kernel that it stands for."""
        linear = layer.linear
        bias = None if linear.bias is None else array_of(linear.bias)
        return described(array_of(linear.weight).T, bias, trainable=linear.weight.requires_grad)

    def _tensor(self, values: Array) -> Any:
        return tensor_of(values, self.declares.device)


def tensor_of(values: Array, device: str = "cpu") -> Any:
    """A tensor of the same dtype, shape and strides; PyTorch has none that count backwards."""
    import torch

    forwards = np.ascontiguousarray(values).reshape(values.shape) if min(values.strides, default=0) < 0 else values
    if values.dtype == ml_dtypes.bfloat16:  # which torch.from_numpy does not know
        return torch.from_numpy(forwards.view(np.int16)).view(torch.bfloat16).to(device)
    return torch.from_numpy(forwards).to(device)


def array_of(tensor: Any) -> Array:
    """The same in NumPy."""
    import torch

    held = tensor.detach().cpu()
    if held.dtype is torch.bfloat16:
        return np.asarray(held.contiguous().view(torch.int16).numpy().view(ml_dtypes.bfloat16))
    return np.asarray(held.numpy())


def adapter(device: str = "cpu") -> TorchAdapter:
    """device: as torch names it. Raises ImportError where PyTorch is not installed, RuntimeError without the device."""
    import torch

    torch.empty(1, device=device)
    multiplies_in_tf32 = device.startswith("cuda") and torch.backends.cuda.matmul.allow_tf32
    return TorchAdapter(
        Declaration(
            activations=frozenset(ACTIVATIONS),
            dtypes=frozenset({"float32", "float64", "float16", "bfloat16"}),
            device=device,
            profile="TF32" if multiplies_in_tf32 else "IEEE",
            version=torch.__version__,
        )
    )
