"""Wrong activations: of value alone, or of value and slope. By authors who did not know the rules of the diagnosis."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from scipy.special import expit

from conformance.implementations.mutant import Mutant, numpy_mutant, of_generation, renamed
from conformance.implementations.protocol import Array
from reference.activations import (
    ACTIVATIONS,
    ELU,
    GELU,
    GLU,
    HARD_SIGMOID,
    LEAKY_RELU,
    LINEAR,
    LOG_SOFTMAX,
    RELU,
    RELU6,
    SELU,
    SIGMOID,
    SOFTMAX,
    SOFTPLUS,
    TANH,
    Activation,
    negative_part,
    sech_squared,
    tail_product,
)
from reference.elementwise import Elementwise

FORMULA, TAILS = "outputs.activation-formula", "outputs.activation-tails"
AXIS, ONE_UNIT, SPECIALS = "outputs.last-axis", "outputs.one-unit-softmax", "specials.pass-through"


# ---- element by element --------------------------------------------------------------------------------------------

TANH_FACTOR, TANH_CUBE = float(np.sqrt(2 / np.pi)), 0.044715


def _gelu_argument(z: Array) -> Array:
    return TANH_FACTOR * (z + TANH_CUBE * z**3)


def _gelu_by_tanh_slope(z: Array) -> Array:
    inner = _gelu_argument(z)
    return (1 + np.tanh(inner)) / 2 + tail_product(
        z * TANH_FACTOR * (1 + 3 * TANH_CUBE * z * z) / 2, sech_squared(inner)
    )


GELU_BY_TANH = replace(
    GELU,
    value=lambda z: tail_product(z, (1 + np.tanh(_gelu_argument(z))) / 2),
    slope=_gelu_by_tanh_slope,
)
GELU_BY_SIGMOID = replace(
    GELU,
    value=lambda z: tail_product(z, expit(1.702 * z)),
    slope=lambda z: expit(1.702 * z) + tail_product(1.702 * z, expit(1.702 * z) * expit(-1.702 * z)),
)
HARD_SIGMOID_OF_KERAS_2 = replace(
    HARD_SIGMOID,
    value=lambda z: np.clip(0.2 * z + 0.5, 0.0, 1.0),
    slope=lambda z: np.where(np.abs(z) < 2.5, 0.2, 0.0),
)
ROUNDED_SELU = replace(
    SELU,
    value=lambda z: 1.05 * np.where(z > 0, z, 1.67 * np.expm1(negative_part(z))),
    slope=lambda z: 1.05 * np.where(z > 0, 1.0, 1.67 * np.exp(negative_part(z))),
)
#: A product with 0 stands for the branch that is not taken.
MASKED_ELU = replace(
    ELU,
    value=lambda z: (z > 0) * z + (z <= 0) * (np.exp(z) - 1),
    slope=lambda z: (z > 0) * np.ones_like(z) + (z <= 0) * np.exp(z),
)
NAIVE_SOFTPLUS = replace(
    SOFTPLUS,
    value=lambda z: np.log(1 + np.exp(z)),
    slope=lambda z: np.exp(z) / (1 + np.exp(z)),
)


def _leaky(slope: float) -> Elementwise:
    return replace(
        LEAKY_RELU,
        value=lambda z: np.where(z > 0, z, slope * z),
        slope=lambda z: np.where(z > 0, 1.0, slope),
    )


def _tabulated_sigmoid(z: Array) -> Array:
    """1024 entries on [-8, 8), none interpolated."""
    entry = np.clip(np.floor((z + 8) * 64), 0, 1023)
    return np.asarray(expit(entry / 64 - 8))


def _rational_tanh(z: Array) -> Array:
    """Padé's approximant, which reaches 1 at 3."""
    z = np.clip(z, -3.0, 3.0)
    return z * (27 + z * z) / (27 + 9 * z * z)


# ---- of rows -------------------------------------------------------------------------------------------------------


def _softmax(z: Array, axis: int, epsilon: float = 0.0) -> Array:
    weights = np.exp(z - z.max(axis=axis, keepdims=True, initial=-np.inf))
    return weights / (weights.sum(axis=axis, keepdims=True) + epsilon)


def _softmax_vjp(p: Array, upstream: Array, axis: int = -1) -> Array:
    return p * (upstream - (p * upstream).sum(axis=axis, keepdims=True))


def _unshifted(z: Array) -> Array:
    return np.exp(z) / np.exp(z).sum(axis=-1, keepdims=True)


def _underflowing_softmax(z: Array) -> Array:
    """0 where float32 has nothing else."""
    p = _softmax(z, -1)
    return np.where(p < 2.0**-149, 0.0, p)


def _implicit_axis(z: Array) -> int:
    """PyTorch's choice for a softmax that names no axis."""
    return 0 if z.ndim == 3 else 1


def _log_softmax_of_implicit_axis(z: Array) -> Array:
    axis = _implicit_axis(z)
    shifted = z - z.max(axis=axis, keepdims=True, initial=-np.inf)
    return shifted - np.log(np.exp(shifted).sum(axis=axis, keepdims=True))


def _log_softmax_of_implicit_axis_vjp(z: Array, upstream: Array) -> Array:
    axis = _implicit_axis(z)
    return upstream - _softmax(z, axis) * upstream.sum(axis=axis, keepdims=True)


def _gated_by_first_half(z: Array) -> Array:
    gate, linear = np.split(z, 2, axis=-1)
    return np.asarray(linear * expit(gate))


def _gated_by_first_half_vjp(z: Array, upstream: Array) -> Array:
    gate, linear = np.split(z, 2, axis=-1)
    return np.concatenate([upstream * linear * SIGMOID.slope(gate), upstream * expit(gate)], axis=-1)


SOFTMAX_OF_AXIS_1 = replace(
    SOFTMAX,
    value=lambda z: _softmax(z, 1),
    vjp=lambda z, upstream: _softmax_vjp(_softmax(z, 1), upstream, 1),
)
UNSHIFTED_SOFTMAX = replace(
    SOFTMAX,
    value=_unshifted,
    vjp=lambda z, upstream: _softmax_vjp(_unshifted(z), upstream),
)
LOG_OF_SOFTMAX = replace(
    LOG_SOFTMAX,
    value=lambda z: np.log(_underflowing_softmax(z)),
    vjp=lambda z, upstream: _softmax_vjp(_underflowing_softmax(z), upstream / _underflowing_softmax(z)),
)


# ---- of every name -------------------------------------------------------------------------------------------------

KNOWN = frozenset({"linear", "relu", "sigmoid", "tanh", "softmax"})


def _dropped(name: str) -> Activation | None:
    """glu is kept: without it there would be other units."""
    return None if name == "glu" else LINEAR


def _common_alone(name: str) -> Activation | None:
    return None if name in KNOWN else _dropped(name)


def _twice(name: str) -> Activation | None:
    """Of the names that mean the same in all versions, and keep the units."""
    if name in ("glu", "hard_sigmoid"):
        return None
    once = ACTIVATIONS[name]
    return replace(
        SOFTMAX,
        value=lambda z: once.value(once.value(z)),
        vjp=lambda z, upstream: once.vjp(z, once.vjp(once.value(z), upstream)),
    )


MUTANTS: tuple[Mutant, ...] = (
    numpy_mutant("gelu-tanh-variant", "gelu is approximated by tanh", FORMULA, activation=renamed(gelu=GELU_BY_TANH)),
    numpy_mutant("gelu-quick-variant", "gelu is z sigmoid(1.702 z)", FORMULA, activation=renamed(gelu=GELU_BY_SIGMOID)),
    numpy_mutant(
        "leaky-relu-with-torch-slope", "leaky_relu has slope 0.01", FORMULA, activation=renamed(leaky_relu=_leaky(0.01))
    ),
    numpy_mutant(
        "leaky-relu-with-layer-slope",
        "leaky_relu has slope 0.3, that of the layer LeakyReLU",
        FORMULA,
        activation=renamed(leaky_relu=_leaky(0.3)),
    ),
    numpy_mutant(
        "hard-sigmoid-of-old-keras",
        "hard_sigmoid is that of Keras 2",
        FORMULA,
        activation=renamed(hard_sigmoid=HARD_SIGMOID_OF_KERAS_2),
        wrong_in=of_generation(3),
    ),
    numpy_mutant("relu6-without-ceiling", "relu6 is relu", FORMULA, activation=renamed(relu6=RELU)),
    numpy_mutant("relu-with-ceiling", "relu is relu6", FORMULA, activation=renamed(relu=RELU6)),
    numpy_mutant(
        "selu-short-constants",
        "selu's constants have three digits",
        FORMULA,
        activation=renamed(selu=ROUNDED_SELU),
    ),
    numpy_mutant("activation-left-out", "no activation is applied", FORMULA, activation=_dropped),
    numpy_mutant(
        "rare-activations-linear",
        "all but relu, sigmoid, tanh and softmax are taken for linear",
        FORMULA,
        activation=_common_alone,
    ),
    numpy_mutant("activation-applied-twice", "the activation is applied twice", FORMULA, activation=_twice),
    numpy_mutant(
        "sigmoid-from-table",
        "sigmoid is read from a table of 1024 entries",
        FORMULA,
        activation=renamed(sigmoid=replace(SIGMOID, value=_tabulated_sigmoid)),
    ),
    numpy_mutant(
        "tanh-by-quotient",
        "tanh is approximated by a quotient of polynomials",
        FORMULA,
        activation=renamed(tanh=replace(TANH, value=_rational_tanh)),
    ),
    numpy_mutant(
        "glu-halves-exchanged",
        "glu's gate is the first half",
        FORMULA,
        activation=renamed(glu=replace(GLU, value=_gated_by_first_half, vjp=_gated_by_first_half_vjp)),
    ),
    numpy_mutant(
        "softplus-unguarded",
        "softplus is log(1 + exp(z)) as it stands: exp overflows above, and 1 swallows it below",
        TAILS,
        activation=renamed(softplus=NAIVE_SOFTPLUS),
    ),
    numpy_mutant(
        "elu-masked-by-product",
        "elu multiplies the branch not taken by 0: NaN where exp overflows",
        TAILS,
        activation=renamed(elu=MASKED_ELU),
    ),
    numpy_mutant(
        "softmax-unshifted",
        "softmax does not subtract the maximum, so exp overflows",
        TAILS,
        activation=renamed(softmax=UNSHIFTED_SOFTMAX),
    ),
    numpy_mutant(
        "log-softmax-underflows",
        "log_softmax is the logarithm of softmax, which underflows",
        TAILS,
        activation=renamed(log_softmax=LOG_OF_SOFTMAX),
    ),
    numpy_mutant(
        "softmax-of-axis-1", "softmax is over axis 1, not the last", AXIS, activation=renamed(softmax=SOFTMAX_OF_AXIS_1)
    ),
    numpy_mutant(
        "log-softmax-of-implicit-axis",
        "log_softmax is over the batch for rank 3, and over axis 1 else",
        AXIS,
        activation=renamed(
            log_softmax=replace(LOG_SOFTMAX, value=_log_softmax_of_implicit_axis, vjp=_log_softmax_of_implicit_axis_vjp)
        ),
    ),
    numpy_mutant(
        "softmax-with-epsilon",
        "1e-7 is added to softmax's denominator",
        ONE_UNIT,
        activation=renamed(softmax=replace(SOFTMAX, value=lambda z: _softmax(z, -1, 1e-7))),
    ),
    numpy_mutant(
        "relu-of-nan-zero",
        "relu makes NaN 0",
        SPECIALS,
        activation=renamed(relu=replace(RELU, value=lambda z: np.where(z > 0, z, 0.0))),
    ),
)
