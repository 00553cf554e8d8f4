"""Wrong activations: formulas with the slopes that belong to them, tails, axes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
from scipy.special import expit

from conformance.implementations.mutant import Mutant, accepted, affine, numpy_mutant, renamed
from conformance.implementations.protocol import Array
from conformance.implementations.reference import ReferenceLayer
from reference.activations import ACTIVATIONS, negative_part, sech_squared, tail_product
from reference.formats import Format
from reference.rowwise import glu, glu_vjp, softmax, softmax_vjp

FORMULA, TAILS, LAST_AXIS = "outputs.activation-formula", "outputs.activation-tails", "outputs.last-axis"

EPSILON = 1e-7
PYTORCHS_SLOPE = 0.01
SHORT_ALPHA, SHORT_SCALE = 1.6733, 1.0507
GELU_FACTOR, GELU_CUBIC = np.sqrt(2 / np.pi), 0.044715


# ---- element by element --------------------------------------------------------------------------------------------


def _gelu_argument(z: Array) -> Array:
    return GELU_FACTOR * (z + GELU_CUBIC * z**3)


def _gelu_by_tanh(z: Array) -> Array:
    return tail_product(z, (1 + np.tanh(_gelu_argument(z))) / 2)


def _gelu_slope_by_tanh(z: Array) -> Array:
    inner = _gelu_argument(z)
    outer = z * GELU_FACTOR * (1 + 3 * GELU_CUBIC * z**2)
    return (1 + np.tanh(inner)) / 2 + tail_product(outer, sech_squared(inner) / 2)


def _short_selu(z: Array) -> Array:
    return SHORT_SCALE * np.where(z > 0, z, SHORT_ALPHA * np.expm1(negative_part(z)))


def _short_selu_slope(z: Array) -> Array:
    return SHORT_SCALE * np.where(z > 0, 1.0, SHORT_ALPHA * np.exp(negative_part(z)))


def _rational_tanh(z: Array) -> Array:
    near = np.clip(z, -3.0, 3.0)
    return near * (27 + near**2) / (27 + 9 * near**2)


def _rational_tanh_slope(z: Array) -> Array:
    near = np.clip(z, -3.0, 3.0)
    return (near**2 - 9) ** 2 / (9 * (3 + near**2) ** 2)


def _clipped_sigmoid(z: Array) -> Array:
    return np.clip(expit(z), EPSILON, 1 - EPSILON)


def _clipped_sigmoid_slope(z: Array) -> Array:
    probability = expit(z)
    inside = (probability > EPSILON) & (probability < 1 - EPSILON)
    return np.where(inside, probability * expit(-z), 0.0)


# ---- of rows -------------------------------------------------------------------------------------------------------


def _along_axis_1(z: Array) -> Array:
    return np.moveaxis(softmax(np.moveaxis(z, 1, -1)), -1, 1)


def _along_axis_1_vjp(z: Array, upstream: Array) -> Array:
    return np.moveaxis(softmax_vjp(np.moveaxis(z, 1, -1), np.moveaxis(upstream, 1, -1)), -1, 1)


def _log_softmax_with_epsilon(z: Array) -> Array:
    return np.log(softmax(z) + EPSILON)


def _log_softmax_with_epsilon_vjp(z: Array, upstream: Array) -> Array:
    return softmax_vjp(z, upstream / (softmax(z) + EPSILON))


def _halves_swapped(z: Array) -> Array:
    return np.roll(z, z.shape[-1] // 2, axis=-1)


def _glu_of_swapped(z: Array) -> Array:
    return glu(_halves_swapped(z))


def _glu_of_swapped_vjp(z: Array, upstream: Array) -> Array:
    return _halves_swapped(glu_vjp(_halves_swapped(z), upstream))


def _below_the_batchs_maximum(z: Array, format: Format) -> Array:
    weights = format.round(np.exp(z - z.max(initial=-np.inf)))
    return weights / weights.sum(axis=-1, keepdims=True)


def _unshifted(z: Array, format: Format) -> Array:
    """The sum is of the compute dtype, too."""
    weights = format.round(np.exp(z))
    return weights / format.round(weights.sum(axis=-1, keepdims=True))


def _with_softmax(value: Callable[[Array, Format], Array]) -> Callable[[ReferenceLayer, Array], Array]:
    """value: what softmax is, forward alone, in the layer's compute dtype."""

    def whole(layer: ReferenceLayer, inputs: Array) -> Array:
        z = affine(layer.rounded(inputs), *layer.weights)
        return value(z, layer.config.format) if layer.config.activation == "softmax" else layer.activation.value(z)

    return whole


def _mutant(name: str, says: str, breaks: str, of: str, **fields: Any) -> Mutant:
    """One activation with other functions: value, and slope or vjp."""
    row = replace(ACTIVATIONS[of], **fields)
    return numpy_mutant(name, says, breaks, activation=renamed(**{of: row}), wrong_in=accepted(of))


MUTANTS: tuple[Mutant, ...] = (
    _mutant(
        "gelu-by-tanh-with-its-slope",
        "gelu is the approximation by tanh, with its gradient",
        FORMULA,
        "gelu",
        value=_gelu_by_tanh,
        slope=_gelu_slope_by_tanh,
    ),
    _mutant(
        "leaky-slope-of-pytorch",
        "leaky_relu's slope below 0 is 0.01, forward and backward",
        FORMULA,
        "leaky_relu",
        value=lambda z: np.where(z > 0, z, PYTORCHS_SLOPE * z),
        slope=lambda z: np.where(z > 0, 1.0, PYTORCHS_SLOPE),
    ),
    _mutant(
        "selu-of-short-constants",
        "selu's constants have four decimals, forward and backward",
        FORMULA,
        "selu",
        value=_short_selu,
        slope=_short_selu_slope,
    ),
    _mutant(
        "tanh-rational",
        "tanh is z (27 + z^2) / (27 + 9 z^2) up to ±3, with its gradient",
        FORMULA,
        "tanh",
        value=_rational_tanh,
        slope=_rational_tanh_slope,
    ),
    _mutant(
        "sigmoid-clipped",
        "sigmoid is clipped to [1e-7, 1 - 1e-7], with a slope of 0 there",
        TAILS,
        "sigmoid",
        value=_clipped_sigmoid,
        slope=_clipped_sigmoid_slope,
    ),
    _mutant(
        "softmax-over-axis-1",
        "softmax runs over axis 1, forward and backward",
        LAST_AXIS,
        "softmax",
        value=_along_axis_1,
        vjp=_along_axis_1_vjp,
    ),
    numpy_mutant(
        "softmax-one-maximum",
        "softmax subtracts the maximum of the whole batch",
        "specials.rows-apart",
        whole=_with_softmax(_below_the_batchs_maximum),
    ),
    numpy_mutant(
        "softmax-of-plain-exp", "softmax does not subtract the maximum", TAILS, whole=_with_softmax(_unshifted)
    ),
    _mutant(
        "log-softmax-with-epsilon",
        "log_softmax is log(softmax(z) + 1e-7), with its gradient",
        FORMULA,
        "log_softmax",
        value=_log_softmax_with_epsilon,
        vjp=_log_softmax_with_epsilon_vjp,
    ),
    _mutant(
        "glu-gated-by-first-half",
        "glu gates the second half by the first, forward and backward",
        FORMULA,
        "glu",
        value=_glu_of_swapped,
        vjp=_glu_of_swapped_vjp,
    ),
)
