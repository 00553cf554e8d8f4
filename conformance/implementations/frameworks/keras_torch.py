"""Keras 3 on PyTorch."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from conformance.implementations.frameworks._keras_backend import KerasBackendAdapter, backend_adapter, environment

PACKAGE = "keras torch"
ENVIRONMENT = environment("torch")


def differentiate(layer: Any, inputs: Any, upstream: Any) -> Mapping[str, Any]:
    """By torch.autograd.grad with respect to the layer's parameters and to the inputs."""
    import torch

    given = inputs.requires_grad_()
    outputs = layer(given)
    wanted = {f"{variable.name}_gradient": variable.value for variable in layer.trainable_variables}
    wanted["inputs_gradient"] = given
    found = torch.autograd.grad(outputs, list(wanted.values()), upstream)
    return {"outputs": outputs, **dict(zip(wanted, found, strict=True))}


def adapter() -> KerasBackendAdapter:
    """Raises ImportError where Keras or PyTorch is not installed."""
    return backend_adapter("torch", differentiate)
