"""Wrong activations: other variants, other constants, other axes, and formulas that fail in a tail."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
from scipy.special import erf, expit

from conformance.implementations.mutant import Mutant, accepted, numpy_mutant, of_generation, renamed
from conformance.implementations.protocol import Array
from reference.activations import ACTIVATIONS, Activation, softplus, tail_product
from reference.rivals import RIVALS

Function = Callable[[Array], Array]
FORMULA, TAILS, EXACT = "outputs.activation-formula", "outputs.activation-tails", "outputs.exact-pieces"
LAST_AXIS, ONE_UNIT, UNITS = "outputs.last-axis", "outputs.one-unit-softmax", "outputs.units"


def _valued(name: str, value: Function) -> Activation:
    """The row of this name with another value; its slope stays right."""
    return replace(ACTIVATIONS[name], value=value)


def _mutant(name: str, says: str, of: str, value: Function, breaks: str = FORMULA) -> Mutant:
    """One activation with another value."""
    return numpy_mutant(name, says, breaks, activation=renamed(**{of: _valued(of, value)}), wrong_in=accepted(of))


def _float32(values: Array) -> Array:
    return values.astype(np.float32).astype(np.float64)


# ---- other formulas ------------------------------------------------------------------------------------------------


def gelu_by_tanh(z: Array) -> Array:
    return 0.5 * z * (1 + np.tanh(np.sqrt(2 / np.pi) * (z + 0.044715 * z**3)))


def _selu_of_three_digits(z: Array) -> Array:
    return 1.051 * np.where(z > 0, z, 1.673 * np.expm1(np.minimum(z, 0)))


def _softplus_threshold(limit: float) -> Function:
    return lambda z: np.where(z > limit, z, softplus(z))


def _naive_mish(z: Array) -> Array:
    return z * np.tanh(np.where(z > 4, z, softplus(z)))


# ---- formulas that fail in a tail, in float32 ----------------------------------------------------------------------


def _naive_softplus(z: Array) -> Array:
    return np.log(1 + _float32(np.exp(z)))


def _naive_log_sigmoid(z: Array) -> Array:
    return np.log(_float32(expit(z)))


def _sigmoid_of_quotient(z: Array) -> Array:
    """exp(z) / (1 + exp(z)): a quotient of infinities."""
    e = _float32(np.exp(z))
    return e / (1 + e)


def _clamped_sigmoid(z: Array) -> Array:
    return expit(np.clip(z, -15, 15))


def _naive_softmax(z: Array) -> Array:
    e = _float32(np.exp(z))
    return e / e.sum(axis=-1, keepdims=True)


def _log_of_softmax(z: Array) -> Array:
    return np.log(_float32(ACTIVATIONS["softmax"].value(z)))


# ---- other axes ----------------------------------------------------------------------------------------------------


def _along(axis: int, name: str) -> Function:
    """The same function along another axis."""

    def value(z: Array) -> Array:
        return np.moveaxis(ACTIVATIONS[name].value(np.moveaxis(z, axis, -1)), -1, axis) if z.size else z

    return value


def _softmax_with_epsilon(epsilon: float) -> Function:
    def value(z: Array) -> Array:
        e = np.exp(z - z.max(axis=-1, keepdims=True, initial=-np.inf))
        return e / (e.sum(axis=-1, keepdims=True) + epsilon)

    return value


def _over_batch(z: Array) -> Array:
    return _along(0, "softmax")(z)


def _in_blocks_of_32(z: Array) -> Array:
    parts = [ACTIVATIONS["softmax"].value(z[..., start : start + 32]) for start in range(0, z.shape[-1], 32)]
    return np.concatenate(parts, axis=-1)


def _glu_swapped(z: Array) -> Array:
    half = z.shape[-1] // 2
    return z[..., half:] * expit(z[..., :half])


def _glu_interleaved(z: Array) -> Array:
    return z[..., ::2] * expit(z[..., 1::2])


def _hard_sparsemax(z: Array) -> Array:
    """All weight on the largest unit."""
    return (z == z.max(axis=-1, keepdims=True, initial=-np.inf)).astype(np.float64)


def _swish_sigmoid_twice(z: Array) -> Array:
    return tail_product(z, expit(1.702 * z))


MUTANTS: tuple[Mutant, ...] = (
    _mutant("gelu-by-tanh", "gelu is the tanh approximation", "gelu", gelu_by_tanh),
    _mutant("gelu-by-sigmoid", "gelu is z sigmoid(1.702 z)", "gelu", lambda z: tail_product(z, expit(1.702 * z))),
    _mutant("gelu-erf-of-z", "gelu takes erf of z, not of z / sqrt(2)", "gelu", lambda z: z * (1 + erf(z)) / 2),
    _mutant("swish-with-beta", "swish has the factor of another paper", "swish", _swish_sigmoid_twice),
    _mutant("leaky-slope-0.01", "leaky_relu has PyTorch's slope", "leaky_relu", lambda z: np.where(z > 0, z, 0.01 * z)),
    _mutant(
        "leaky-slope-0.3",
        "leaky_relu has the slope of the LeakyReLU layer",
        "leaky_relu",
        lambda z: np.where(z > 0, z, 0.3 * z),
    ),
    _mutant(
        "elu-alpha-1.01",
        "elu has another alpha",
        "elu",
        lambda z: np.where(z > 0, z, 1.01 * np.expm1(np.minimum(z, 0))),
    ),
    _mutant("selu-three-digits", "selu has rounded constants", "selu", _selu_of_three_digits),
    _mutant("celu-is-relu", "celu is cut at 0", "celu", lambda z: np.maximum(z, 0)),
    numpy_mutant(
        "hard-sigmoid-of-keras-2",
        "hard_sigmoid is 0.2 z + 0.5",
        FORMULA,
        activation=renamed(hard_sigmoid=RIVALS["hard_sigmoid"]),
        wrong_in=of_generation(3),
    ),
    numpy_mutant(
        "hard-sigmoid-of-keras-3",
        "hard_sigmoid is z / 6 + 0.5",
        FORMULA,
        activation=renamed(hard_sigmoid=ACTIVATIONS["hard_sigmoid"]),
        wrong_in=of_generation(2),
    ),
    _mutant("hard-silu-cut-at-2", "hard_silu becomes z too early", "hard_silu", lambda z: z * np.clip(z + 2, 0, 4) / 4),
    _mutant("relu6-cap-8", "relu6 is capped at 8", "relu6", lambda z: np.clip(z, 0, 8)),
    _mutant("hard-tanh-cap-2", "hard_tanh is cut at 2", "hard_tanh", lambda z: np.clip(z, -2, 2)),
    _mutant(
        "soft-shrink-threshold-0.4",
        "soft_shrink has another threshold",
        "soft_shrink",
        lambda z: np.sign(z) * np.maximum(np.abs(z) - 0.4, 0),
    ),
    _mutant(
        "hard-shrink-inclusive",
        "hard_shrink keeps ±0.5 itself",
        "hard_shrink",
        lambda z: np.where(np.abs(z) >= 0.5, z, 0),
    ),
    _mutant("squareplus-b-1", "squareplus has b = 1", "squareplus", lambda z: (z + np.hypot(z, 1)) / 2),
    _mutant("sparse-plus-is-relu", "sparse_plus has no parabola", "sparse_plus", lambda z: np.maximum(z, 0)),
    _mutant(
        "sparse-sigmoid-wide", "sparse_sigmoid reaches to ±2", "sparse_sigmoid", lambda z: np.clip((z + 2) / 4, 0, 1)
    ),
    _mutant("softsign-squared", "softsign is z / (1 + z^2)", "softsign", lambda z: z / (1 + z * z)),
    _mutant("tanh-off-by-1e-5", "tanh is off by a hundred-thousandth", "tanh", lambda z: np.tanh(z) * (1 + 1e-5)),
    _mutant("sigmoid-off-by-2e-6", "sigmoid is a fast approximation", "sigmoid", lambda z: expit(z) * (1 - 2e-6)),
    _mutant(
        "exponential-by-pade", "exp is a rational approximation", "exponential", lambda z: np.exp(z) * (1 + 1e-5 * z)
    ),
    _mutant("softplus-threshold-5", "softplus becomes z at 5", "softplus", _softplus_threshold(5)),
    _mutant("mish-threshold-4", "mish takes softplus for z from 4 on", "mish", _naive_mish),
    _mutant("tanh-shrink-sign", "tanh_shrink is tanh(z) - z", "tanh_shrink", lambda z: np.tanh(z) - z),
    _mutant("softplus-overflows", "softplus takes log(1 + exp(z))", "softplus", _naive_softplus, TAILS),
    _mutant("log-sigmoid-underflows", "log_sigmoid takes the log of 0", "log_sigmoid", _naive_log_sigmoid, TAILS),
    _mutant("sigmoid-of-infinities", "sigmoid divides infinity by infinity", "sigmoid", _sigmoid_of_quotient, TAILS),
    _mutant("sigmoid-clamped", "sigmoid clamps its argument to ±15", "sigmoid", _clamped_sigmoid, TAILS),
    _mutant("softmax-unshifted", "softmax does not subtract the maximum", "softmax", _naive_softmax, TAILS),
    _mutant("log-of-softmax", "log_softmax takes the log of 0", "log_softmax", _log_of_softmax, TAILS),
    _mutant(
        "elu-smoothed",
        "elu is not quite z above 0",
        "elu",
        lambda z: np.where(z > 0, z * (1 + 2.0**-20), np.expm1(np.minimum(z, 0))),
        EXACT,
    ),
    _mutant(
        "sparse-plus-biased",
        "sparse_plus is not quite 0 below -1",
        "sparse_plus",
        lambda z: ACTIVATIONS["sparse_plus"].value(z) + 2.0**-30,
        EXACT,
    ),
    _mutant(
        "softmax-epsilon-1e-6",
        "softmax has an epsilon in its denominator",
        "softmax",
        _softmax_with_epsilon(1e-6),
        ONE_UNIT,
    ),
    _mutant(
        "softmax-epsilon-1e-7",
        "softmax has a small epsilon in its denominator",
        "softmax",
        _softmax_with_epsilon(1e-7),
        ONE_UNIT,
    ),
    _mutant("softmax-over-batch", "softmax runs over the batch", "softmax", _over_batch, LAST_AXIS),
    _mutant("softmax-axis-1", "softmax runs over axis 1", "softmax", _along(1, "softmax"), LAST_AXIS),
    _mutant("log-softmax-axis-1", "log_softmax runs over axis 1", "log_softmax", _along(1, "log_softmax"), LAST_AXIS),
    _mutant("softmax-in-blocks", "softmax runs over 32 units at a time", "softmax", _in_blocks_of_32, UNITS),
    _mutant("glu-halves-swapped", "glu gates the wrong half", "glu", _glu_swapped, LAST_AXIS),
    _mutant("glu-interleaved", "glu takes every other unit for a gate", "glu", _glu_interleaved, LAST_AXIS),
    _mutant("sparsemax-one-hot", "sparsemax gives all to the largest", "sparsemax", _hard_sparsemax),
)
