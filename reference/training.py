"""Training: what one step of gradient descent makes of the weights of a Dense, with its penalties and constraints."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from reference.activations import Activation
from reference.config import DenseConfig
from reference.constraints import CONSTRAINTS
from reference.dense import Gradients, backward, forward
from reference.formats import Array
from reference.regularizers import REGULARIZERS


@dataclass(frozen=True)
class Weights:
    """kernel (input_dim, units), bias (units,) or None."""

    kernel: Array
    bias: Array | None


def activity_divisor(inputs: Array, *, divides: bool) -> float:
    """What an activity penalty is divided by: the length of the first axis alone, or nothing."""
    return float(len(inputs)) if divides else 1.0


def penalties(
    config: DenseConfig,
    inputs: Array,
    weights: Weights,
    activation: Activation,
    *,
    divides: bool,
    operands: Weights | None = None,
) -> dict[str, float]:
    """What each regularizer of a config adds to the losses, by the name of its argument.

    operands: the weights as they are multiplied, where a mixed policy rounds them first; penalized are those stored.
    """
    multiplied = operands or weights
    outputs = forward(inputs, multiplied.kernel, multiplied.bias, activation)
    found: dict[str, float] = {}
    if config.activity_regularizer:
        penalty = REGULARIZERS[config.activity_regularizer].penalty(outputs)
        found["activity_regularizer"] = penalty / activity_divisor(inputs, divides=divides)
    if config.kernel_regularizer:
        found["kernel_regularizer"] = REGULARIZERS[config.kernel_regularizer].penalty(weights.kernel)
    if config.bias_regularizer and weights.bias is not None:
        found["bias_regularizer"] = REGULARIZERS[config.bias_regularizer].penalty(weights.bias)
    return found


def gradients_with_penalties(
    config: DenseConfig,
    inputs: Array,
    weights: Weights,
    activation: Activation,
    upstream: Array,
    *,
    divides: bool,
    operands: Weights | None = None,
) -> Gradients:
    """The gradients of sum(upstream * outputs) and of all penalties; operands: as for `penalties`."""
    multiplied = operands or weights
    outputs = forward(inputs, multiplied.kernel, multiplied.bias, activation)
    activity = _gradient(config.activity_regularizer, outputs) / activity_divisor(inputs, divides=divides)
    found = backward(inputs, multiplied.kernel, multiplied.bias, activation, upstream + activity)
    kernel = found.kernel + _gradient(config.kernel_regularizer, weights.kernel)
    if weights.bias is None:
        return replace(found, kernel=kernel)
    return replace(found, kernel=kernel, bias=found.bias + _gradient(config.bias_regularizer, weights.bias))


def step(weights: Weights, gradients: Gradients, rate: float, config: DenseConfig) -> Weights:
    """Gradient descent, then the constraints: of the kernel, and of the bias."""
    kernel = constrained(config.kernel_constraint, weights.kernel - rate * gradients.kernel)
    if weights.bias is None:
        return Weights(kernel, None)
    return Weights(kernel, constrained(config.bias_constraint, weights.bias - rate * gradients.bias))


def constrained(name: str | None, values: Array) -> Array:
    """The weight after its constraint, if it has one."""
    return values if name is None else CONSTRAINTS[name].apply(values)


def _gradient(name: str | None, values: Array) -> Array:
    return np.zeros_like(values) if name is None else REGULARIZERS[name].gradient(values)
