"""Dense: outputs = activation(inputs @ kernel + bias), forward and backward, for inputs of any rank from 2 up.

The product runs over the last axis alone: every leading axis is kept, none is flattened into the features. All
arithmetic is float64; what it may be off by is part of every bound (`reference.bounds`).
"""

from __future__ import annotations

from dataclasses import dataclass
from math import prod

import numpy as np

from reference.activations import ACTIVATIONS, Activation
from reference.config import DenseConfig
from reference.formats import Array


@dataclass(frozen=True)
class Gradients:
    """The gradients of sum(upstream * outputs): kernel (input_dim, units), bias (units,), inputs (..., input_dim)."""

    kernel: Array
    bias: Array
    inputs: Array


def pre_activations(inputs: Array, kernel: Array, bias: Array | None) -> Array:
    """z = inputs @ kernel + bias: (..., input_dim), (input_dim, units), (units,) or None → (..., units)."""
    z = flatten_leading(inputs) @ kernel  # (N, units)
    z = z if bias is None else z + bias
    return z.reshape(*inputs.shape[:-1], kernel.shape[1])


def forward(inputs: Array, kernel: Array, bias: Array | None, activation: Activation) -> Array:
    """The outputs (..., activation.output_units(units))."""
    return activation.value(pre_activations(inputs, kernel, bias))


def backward(inputs: Array, kernel: Array, bias: Array | None, activation: Activation, upstream: Array) -> Gradients:
    """The gradients for an upstream gradient of the outputs' shape."""
    delta = activation.vjp(pre_activations(inputs, kernel, bias), upstream)  # (..., units)
    rows, deltas = flatten_leading(inputs), flatten_leading(delta)  # (N, input_dim), (N, units)
    return Gradients(
        kernel=rows.T @ deltas,  # (input_dim, units)
        bias=deltas.sum(axis=0),  # (units,)
        inputs=(deltas @ kernel.T).reshape(inputs.shape),  # (..., input_dim)
    )


def flatten_leading(tensor: Array) -> Array:
    """(..., features) → (N, features), N being the product of all leading axes; also where an axis is 0."""
    return tensor.reshape(prod(tensor.shape[:-1]), tensor.shape[-1])


def output_shape(config: DenseConfig, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
    """(..., input_dim) → (..., units), or (..., units / 2) for glu; None stays None.

    Raises ValueError for fewer than two axes: Dense refuses them when it is called.
    """
    if len(input_shape) < 2:
        raise ValueError(f"inputs must have at least 2 axes, (batch, ..., input_dim), got shape {input_shape}")
    return (*input_shape[:-1], ACTIVATIONS[config.activation].output_units(config.units))


def kernel_shape(config: DenseConfig, input_dim: int) -> tuple[int, int]:
    return (input_dim, config.units)


def parameter_count(config: DenseConfig, input_dim: int) -> int:
    """input_dim * units, and units more with a bias."""
    return int(np.prod(kernel_shape(config, input_dim))) + (config.units if config.use_bias else 0)
