"""A class of torch.nn.Module as an implementation: a Dense layer that somebody wrote for PyTorch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from conformance.answers import Declaration
from conformance.cases import Json
from conformance.implementations.frameworks.torch import array_of, tensor_of
from conformance.implementations.named import WEIGHTS, arguments, meanings
from conformance.implementations.protocol import Array
from reference.config import DenseConfig
from reference.dialects import DIALECTS

#: Input features and units of the layer that a class is looked at by: two primes, so that a weight shows how it lies.
PROBE = (3, 5)


@dataclass(frozen=True)
class TorchModuleAdapter:
    """Its constructor may call Dense's arguments otherwise (`named`); its weights are kernel or weight, and bias.

    It declares the activations that its constructor takes by Keras's names; linear alone where it takes none.
    """

    module_class: Any
    name: str
    capabilities: frozenset[str] = frozenset({"call", "differentiate", "describe"})

    @cached_property
    def declares(self) -> Declaration:
        import torch

        known = {name for name in DIALECTS[-1].activations if self._takes(name)}
        return Declaration(activations=frozenset(known | {"linear"}), version=torch.__version__)

    @cached_property
    def _named(self) -> Mapping[str, str]:
        return meanings(self.module_class)

    @cached_property
    def is_turned(self) -> bool:
        """True where the weight is (units, input_dim), as torch.nn.Linear has it."""
        return tuple(_weight(self._made(DenseConfig(PROBE[1]), (2, PROBE[0])), "kernel").shape) == PROBE[::-1]

    def build(self, config: DenseConfig, input_shape: tuple[int, ...]) -> Any:
        if config.dtype not in ("float32", "float64"):
            raise NotImplementedError(f"dtype {config.dtype!r}")
        return self._made(config, input_shape)

    def load(self, layer: Any, kernel: Array, bias: Array | None) -> None:
        import torch

        given = {"kernel": kernel.T if self.is_turned else kernel, "bias": bias}
        with torch.no_grad():
            for name, values in given.items():
                weight = _weight(layer, name)
                if values is None or weight is None:
                    continue
                if tuple(weight.shape) != values.shape:
                    raise ValueError(f"its {name} has shape {tuple(weight.shape)}, expected {values.shape}")
                weight.copy_(tensor_of(values))

    def call(self, layer: Any, inputs: Array) -> Array:
        return array_of(layer(tensor_of(inputs)))

    def differentiate(self, layer: Any, inputs: Array, upstream: Array) -> Mapping[str, Array | None]:
        import torch

        given = tensor_of(inputs).requires_grad_()
        outputs = layer(given)
        weights = {f"{name}_gradient": _weight(layer, name) for name in WEIGHTS}
        wanted = {"inputs_gradient": given, **{name: each for name, each in weights.items() if each is not None}}
        found = torch.autograd.grad(outputs, list(wanted.values()), tensor_of(upstream), allow_unused=True)
        gradients = {name: None if each is None else array_of(each) for name, each in zip(wanted, found, strict=True)}
        turned = gradients["kernel_gradient"]
        if self.is_turned and turned is not None:
            gradients["kernel_gradient"] = turned.T
        return {"outputs": array_of(outputs), **gradients}

    def describe(self, layer: Any) -> Mapping[str, Json]:
        """Every parameter, under Dense's name where it is one of Dense's."""
        named = {id(_weight(layer, name)): name for name in WEIGHTS}
        weights = []
        for name, each in layer.named_parameters():
            shape = list(each.shape)
            meaning = named.get(id(each), name)
            weights.append(
                {
                    "name": meaning,
                    "shape": shape[::-1] if meaning == "kernel" and self.is_turned else shape,
                    "trainable": each.requires_grad,
                    "dtype": str(each.dtype).removeprefix("torch."),
                }
            )
        parameters = list(layer.parameters())
        trainable = sum(each.numel() for each in parameters if each.requires_grad)
        return {"weights": weights, "count": sum(each.numel() for each in parameters), "trainable": trainable}

    def _made(self, config: DenseConfig, input_shape: tuple[int, ...]) -> Any:
        """A lazy module has no weights before it is called."""
        import torch

        dtype = getattr(torch, config.format.name)
        layer = self.module_class(**arguments(self._named, config, input_shape[-1], dtype)).to(dtype)
        if "input_dim" not in self._named:
            layer(torch.zeros(input_shape, dtype=dtype))
        return layer

    def _takes(self, activation: str) -> bool:
        """True where a layer with this activation can be made and called."""
        import torch

        if "activation" not in self._named:
            return False
        try:
            self._made(DenseConfig(PROBE[1] + 1, activation), (2, PROBE[0]))(torch.zeros((2, PROBE[0])))
        except Exception:
            return False
        return True


def _weight(layer: Any, meaning: str) -> Any:
    """The parameter that is called so or otherwise; None where there is none."""
    import torch

    found = (getattr(layer, name, None) for name in WEIGHTS[meaning])
    return next((each for each in found if isinstance(each, torch.nn.Parameter)), None)
