"""Wrong activations: other formulas with their slopes, and quotients and exponentials that overflow. Kept apart."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial

import numpy as np
from scipy.special import expit

from conformance.implementations.mutant import Mutant, numpy_mutant, renamed
from conformance.implementations.mutants.once_apart.activations import GELU_CUBIC, GELU_FACTOR
from conformance.implementations.mutants.once_apart.forward import BuildingAdapter, adapted
from conformance.implementations.protocol import Array
from conformance.implementations.reference import ReferenceLayer
from reference.activations import (
    ELU,
    GELU,
    LINEAR,
    MISH,
    SIGMOID,
    SOFTMAX,
    SOFTPLUS,
    Activation,
    negative_part,
    normal_density,
    tail_product,
)
from reference.elementwise import Elementwise
from reference.formats import Format
from reference.rowwise import Rowwise

FORMULA, TAILS = "outputs.activation-formula", "outputs.activation-tails"

SIGMOID_FACTOR = 1.702
SOFTPLUS_THRESHOLD = 20.0
EPSILON = 1e-6
#: Abramowitz and Stegun, 7.1.26, highest power first.
ERF_COEFFICIENTS = (1.061405429, -1.453152027, 1.421413741, -0.284496736, 0.254829592, 0.0)
ERF_P = 0.3275911


# ---- of whole formulas ---------------------------------------------------------------------------------------------


def gate_by_tanh(z: Array) -> Array:
    """What gelu multiplies z by: (1 + tanh) / 2 is a sigmoid."""
    return expit(2 * GELU_FACTOR * (z + GELU_CUBIC * z**3))


def gate_steepness(z: Array) -> Array:
    """z times the slope of what that sigmoid is taken of."""
    return 2 * GELU_FACTOR * z * (1 + 3 * GELU_CUBIC * z * z)


def _gelu_slope_by_tanh(z: Array) -> Array:
    gate = gate_by_tanh(z)
    return gate + tail_product(gate_steepness(z), gate * (1 - gate))


def _gelu_slope_by_sigmoid(z: Array) -> Array:
    scaled = SIGMOID_FACTOR * z
    return expit(scaled) * (1 + tail_product(scaled, expit(-scaled)))


def _normal_by_polynomial(z: Array) -> Array:
    """The normal distribution function, from an erf of five terms."""
    t = 1 / (1 + ERF_P * np.abs(z) / np.sqrt(2))
    tail = np.polyval(ERF_COEFFICIENTS, t) * np.exp(-z * z / 2) / 2
    return np.where(z > 0, 1 - tail, tail)


GELU_BY_TANH = replace(GELU, value=lambda z: tail_product(z, gate_by_tanh(z)), slope=_gelu_slope_by_tanh)
GELU_BY_SIGMOID = replace(
    GELU, value=lambda z: tail_product(z, expit(SIGMOID_FACTOR * z)), slope=_gelu_slope_by_sigmoid
)
GELU_BY_POLYNOMIAL = replace(
    GELU,
    value=lambda z: tail_product(z, _normal_by_polynomial(z)),
    slope=lambda z: _normal_by_polynomial(z) + tail_product(z, normal_density(z)),
)
UNSHIFTED_ELU = replace(ELU, value=lambda z: np.where(z > 0, z, np.exp(negative_part(z))))
CUT_SOFTPLUS = replace(
    SOFTPLUS,
    value=lambda z: np.where(z > SOFTPLUS_THRESHOLD, z, SOFTPLUS.value(z)),
    slope=lambda z: np.where(z > SOFTPLUS_THRESHOLD, 1.0, SOFTPLUS.slope(z)),
)


# ---- of softmax ----------------------------------------------------------------------------------------------------


def _softmax_of(weigh: Callable[[Array], Array], epsilon: float = 0.0) -> Rowwise:
    """weigh: the exponentials, however they are shifted."""

    def value(z: Array) -> Array:
        weights = weigh(z)
        return weights / (weights.sum(axis=-1, keepdims=True) + epsilon)

    def vjp(z: Array, upstream: Array) -> Array:
        p = value(z)
        return p * (upstream - (p * upstream).sum(axis=-1, keepdims=True))

    return replace(SOFTMAX, value=value, vjp=vjp)


def _unshifted(format: Format) -> Rowwise:
    return _softmax_of(lambda z: format.round(np.exp(z)))


def _shifted_by_batch(format: Format) -> Rowwise:
    return _softmax_of(lambda z: format.round(np.exp(z - z.max(initial=-np.inf))))


WITH_EPSILON = _softmax_of(lambda z: np.exp(z - z.max(axis=-1, keepdims=True, initial=-np.inf)), EPSILON)


# ---- of what overflows in the layer's format -----------------------------------------------------------------------


def _softplus_as_written(format: Format) -> Elementwise:
    def power(z: Array) -> Array:
        return format.round(np.exp(z))

    def one_more(z: Array) -> Array:
        return format.round(1 + power(z))

    return replace(SOFTPLUS, value=lambda z: np.log(one_more(z)), slope=lambda z: power(z) / one_more(z))


def _nan_beyond(row: Elementwise, divisor: Callable[[Array], Array]) -> Elementwise:
    """divisor: of a quotient that is NaN, and its slope too, where that is infinite."""

    def known(z: Array, values: Array) -> Array:
        return np.where(np.isinf(divisor(z)), np.nan, values)

    return replace(row, value=lambda z: known(z, row.value(z)), slope=lambda z: known(z, row.slope(z)))


def _sigmoid_by_quotient(format: Format) -> Elementwise:
    return _nan_beyond(SIGMOID, lambda z: format.round(np.exp(z)))


def _mish_by_quotient(format: Format) -> Elementwise:
    def divisor(z: Array) -> Array:
        power = format.round(np.exp(z))
        return format.round(power * (power + 2))

    return _nan_beyond(MISH, divisor)


def _in_format(name: str, says: str, breaks: str, of: str, row: Callable[[Format], Activation]) -> Mutant:
    """row: what the activation of this name is in a layer that computes in a format."""

    def built(layer: ReferenceLayer) -> ReferenceLayer:
        return replace(layer, activation=row(layer.config.format)) if layer.config.activation == of else layer

    return adapted(name, says, breaks, partial(BuildingAdapter, built=built))


#: Name, defect, clause, and the row of an activation that is wrong in every format.
OF_EVERY_FORMAT: tuple[tuple[str, str, str, dict[str, Activation]], ...] = (
    ("gelu-of-tanh", "gelu is the tanh approximation, value and slope", FORMULA, {"gelu": GELU_BY_TANH}),
    (
        "gelu-by-sigmoid-with-its-slope",
        "gelu is z sigmoid(1.702 z), value and slope",
        FORMULA,
        {"gelu": GELU_BY_SIGMOID},
    ),
    (
        "gelu-by-polynomial",
        "gelu takes a polynomial for erf that is off by 1.5e-7, A&S 7.1.26",
        FORMULA,
        {"gelu": GELU_BY_POLYNOMIAL},
    ),
    ("elu-without-minus-one", "elu is exp(z) below 0; its slope is right", FORMULA, {"elu": UNSHIFTED_ELU}),
    (
        "softplus-of-pytorch",
        "softplus is z itself above 20, with a slope of 1: float64 shows it",
        TAILS,
        {"softplus": CUT_SOFTPLUS},
    ),
    ("softmax-epsilon", "softmax adds 1e-6 to its denominator", "outputs.one-unit-softmax", {"softmax": WITH_EPSILON}),
    ("swish-unknown", "swish is taken for linear, forward and backward; silu is right", FORMULA, {"swish": LINEAR}),
)

#: Name, defect, clause, the activation's name, and its row by the layer's format.
OF_ITS_FORMAT: tuple[tuple[str, str, str, str, Callable[[Format], Activation]], ...] = (
    (
        "softplus-as-written",
        "softplus is log(1 + exp(z)) in the dtype: infinite once exp is, 0 once 1 + exp(z) is 1",
        TAILS,
        "softplus",
        _softplus_as_written,
    ),
    (
        "sigmoid-by-quotient",
        "sigmoid is exp(z) / (1 + exp(z)): NaN, slope too, where exp overflows in the dtype",
        TAILS,
        "sigmoid",
        _sigmoid_by_quotient,
    ),
    (
        "mish-by-quotient",
        "mish is z n / (n + 2), n = exp(z) (exp(z) + 2): NaN, slope too, where n overflows",
        TAILS,
        "mish",
        _mish_by_quotient,
    ),
    (
        "softmax-unshifted-in-its-dtype",
        "softmax does not subtract the maximum: NaN where exp overflows, or all underflow",
        TAILS,
        "softmax",
        _unshifted,
    ),
    (
        "softmax-shifted-by-batch",
        "softmax subtracts the maximum of all rows: NaN in rows far below it",
        "specials.rows-apart",
        "softmax",
        _shifted_by_batch,
    ),
)

MUTANTS: tuple[Mutant, ...] = (
    *(numpy_mutant(name, says, breaks, activation=renamed(**rows)) for name, says, breaks, rows in OF_EVERY_FORMAT),
    *(_in_format(*row) for row in OF_ITS_FORMAT),
)
