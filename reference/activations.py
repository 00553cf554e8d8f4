"""Every activation that Keras accepts by name: value and slope side by side, one row each.

The numbers of each row (roundings, magnitudes) are those of docs/numerics.md, 3: composed from the OpenCL full
profile's error table, where exp and log may be off by 3 ulp, tanh by 5, erf by 16, a square root by 3, a quotient by
2.5.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from scipy.special import expit, ndtr

from reference.elementwise import Curvature, Decision, Elementwise
from reference.formats import Array, Format, Mask
from reference.rowwise import (
    Rowwise,
    enclose_glu,
    enclose_glu_vjp,
    enclose_log_softmax,
    enclose_log_softmax_vjp,
    enclose_softmax,
    enclose_softmax_vjp,
    enclose_sparsemax,
    enclose_sparsemax_vjp,
    glu,
    glu_vjp,
    log_softmax,
    log_softmax_vjp,
    softmax,
    softmax_vjp,
    sparsemax,
    sparsemax_vjp,
)

Activation = Elementwise | Rowwise

#: Klambauer et al., Self-Normalizing Neural Networks, 2017.
SELU_ALPHA, SELU_SCALE = 1.6732632423543772, 1.0507009873554805
LEAKY_SLOPE = 0.2  # keras/src/activations/activations.py: leaky_relu


# ---- the formulas that need more than a line -----------------------------------------------------------------------


def negative_part(z: Array) -> Array:
    return np.minimum(z, 0.0)


def softplus(z: Array) -> Array:
    """log(1 + exp(z)), with exp of a negative number alone."""
    return np.maximum(z, 0.0) + np.log1p(np.exp(-np.abs(z)))


def sech_squared(z: Array) -> Array:
    """1 - tanh(z)^2, without the cancellation."""
    e = np.exp(-2 * np.abs(z))
    return 4 * e / (1 + e) ** 2


def normal_density(z: Array) -> Array:
    return np.exp(-z * z / 2) / np.sqrt(2 * np.pi)


def mish_slope(z: Array) -> Array:
    return np.tanh(softplus(z)) + z * sech_squared(softplus(z)) * expit(z)


def tail_product(z: Array, factor: Array) -> Array:
    """z * factor, 0 where the factor is: z alone may be infinite there."""
    return np.where(factor == 0, 0.0, z * factor)


def squareplus(z: Array) -> Array:
    """(z + sqrt(z^2 + 4)) / 2, without cancellation below 0 and without overflow."""
    root = np.hypot(z, 2.0)
    return np.where(z >= 0, np.maximum(z, 0.0) / 2 + root / 2, 2 / (root - negative_part(z)))


def squareplus_slope(z: Array) -> Array:
    """(1 + z / sqrt(z^2 + 4)) / 2, likewise: below 0 it is 2 / ((root - z) root)."""
    root = np.hypot(z, 2.0)
    return np.where(z >= 0, (1 + z / root) / 2, 2 / (root - negative_part(z)) / root)


# ---- where one result alone is right -------------------------------------------------------------------------------


def at_zero(z: Array, format: Format) -> Mask:
    """The premise is no more than exp(0) = 1, tanh(0) = 0, sqrt(4) = 2, or that 0 times a finite number is 0."""
    return np.asarray(z == 0)


def from_zero_up(z: Array, format: Format) -> Mask:
    return np.asarray((z >= 0) & np.isfinite(z))


def outside(limit: float, *, and_at_zero: bool = False) -> Decision:
    """On the constant or linear pieces beyond ±limit."""
    return lambda z, format: np.asarray((np.abs(z) >= limit) & np.isfinite(z) | (and_at_zero & (z == 0)))


def shrinks_exactly(z: Array, format: Format) -> Mask:
    """z - 1/2 or z + 1/2 is a number of the format, or the result is 0."""
    shrunk = np.where(z > 0, format.adds_exactly(z, -0.5), format.adds_exactly(z, 0.5))
    return np.asarray(np.isfinite(z) & ((np.abs(z) <= 0.5) | shrunk))


def halves_exactly(z: Array, format: Format) -> Mask:
    """(z + 1) / 2 is a number of the format, or the result is constant."""
    return np.asarray(np.isfinite(z) & ((np.abs(z) >= 1) | format.adds_exactly(z, 1.0)))


ZERO_CURVATURE = Curvature(np.zeros_like, np.zeros_like, 0.0)

# ---- the rows ------------------------------------------------------------------------------------------------------

LINEAR = Elementwise(
    value=lambda z: z + 0.0,
    slope=np.ones_like,
    magnitude=np.zeros_like,
    slope_magnitude=np.zeros_like,
    curvature=ZERO_CURVATURE,
)
RELU = Elementwise(
    value=lambda z: np.maximum(z, 0.0),
    slope=lambda z: np.where(z > 0, 1.0, 0.0),
    magnitude=np.zeros_like,
    slope_magnitude=np.zeros_like,
    turning_points=(0.0,),
    slope_turning_points=(0.0,),
    kinks=(0.0,),
    curvature=ZERO_CURVATURE,
)
RELU6 = Elementwise(
    value=lambda z: np.clip(z, 0.0, 6.0),
    slope=lambda z: np.where((z > 0) & (z < 6), 1.0, 0.0),
    magnitude=np.zeros_like,
    slope_magnitude=np.zeros_like,
    turning_points=(0.0, 6.0),
    slope_turning_points=(0.0, 6.0),
    kinks=(0.0, 6.0),
)
LEAKY_RELU = Elementwise(
    value=lambda z: np.where(z > 0, z, LEAKY_SLOPE * z),
    slope=lambda z: np.where(z > 0, 1.0, LEAKY_SLOPE),
    magnitude=lambda z: LEAKY_SLOPE * np.abs(negative_part(z)),
    slope_magnitude=lambda z: np.where(z > 0, 0.0, LEAKY_SLOPE),
    roundings=2,
    slope_roundings=2,
    slope_turning_points=(0.0,),
    kinks=(0.0,),
    exact_where=from_zero_up,
)
ELU = Elementwise(
    value=lambda z: np.where(z > 0, z, np.expm1(negative_part(z))),
    slope=lambda z: np.where(z > 0, 1.0, np.exp(negative_part(z))),
    magnitude=lambda z: np.where(z > 0, 0.0, 1 + np.exp(negative_part(z))),  # TensorFlow takes exp(z) - 1
    slope_magnitude=lambda z: np.where(z > 0, 0.0, 1.0),
    roundings=8,
    slope_roundings=8,
    kinks=(0.0,),
    exact_where=from_zero_up,
)
CELU = Elementwise(
    value=ELU.value,
    slope=ELU.slope,
    magnitude=ELU.magnitude,  # with alpha 1 it is elu: exp(z) - 1 is as right here as expm1
    slope_magnitude=ELU.slope_magnitude,
    roundings=8,
    slope_roundings=8,
    kinks=(0.0,),
    exact_where=from_zero_up,
)
SELU = Elementwise(
    value=lambda z: SELU_SCALE * np.where(z > 0, z, SELU_ALPHA * np.expm1(negative_part(z))),
    slope=lambda z: SELU_SCALE * np.where(z > 0, 1.0, SELU_ALPHA * np.exp(negative_part(z))),
    magnitude=lambda z: SELU_SCALE * np.where(z > 0, z, SELU_ALPHA * (1 + np.exp(negative_part(z)))),
    slope_magnitude=lambda z: SELU_SCALE * np.where(z > 0, 1.0, SELU_ALPHA),
    roundings=10,
    slope_roundings=10,
    slope_turning_points=(0.0,),
    kinks=(0.0,),
    exact_where=at_zero,
    kink_shift=1.0,  # TensorFlow decides from the output, which rounds to 0 for |z| < u
)
EXPONENTIAL = Elementwise(
    value=np.exp,
    slope=np.exp,
    magnitude=np.exp,
    slope_magnitude=np.exp,
    roundings=6,
    slope_roundings=6,
    exact_where=at_zero,
    curvature=Curvature(np.exp, np.exp, 6.0),
)
SIGMOID = Elementwise(
    value=expit,
    slope=lambda z: expit(z) * expit(-z),
    magnitude=expit,
    slope_magnitude=expit,  # from y (1 - y)
    roundings=12,
    slope_roundings=26,
    slope_turning_points=(0.0,),
    exact_where=at_zero,
    # y (1 - y) (1 - 2 y): 26 from the slope, 2 * 12 + 2 from 1 - 2 y, and 4 products and differences
    curvature=Curvature(
        value=lambda z: -expit(z) * expit(-z) * np.tanh(z / 2),
        magnitude=expit,
        roundings=56.0,
        turning_points=(-1.3169578969248167, 0.0, 1.3169578969248167),  # 1 - 6 y + 6 y^2 = 0
    ),
)
TANH = Elementwise(
    value=np.tanh,
    slope=sech_squared,
    magnitude=lambda z: np.abs(np.tanh(z)),
    slope_magnitude=np.ones_like,  # from 1 - y^2
    roundings=10,
    slope_roundings=22,
    slope_turning_points=(0.0,),
    exact_where=at_zero,
    # -2 y (1 - y^2): 10 from y, 22 from the slope, and 4 products
    curvature=Curvature(
        value=lambda z: -2 * np.tanh(z) * sech_squared(z),
        magnitude=lambda z: 2 * np.abs(np.tanh(z)),
        roundings=36.0,
        turning_points=(-0.6584789484624084, 0.6584789484624084),  # y^2 = 1/3
    ),
)
SOFTPLUS = Elementwise(
    value=softplus,
    slope=expit,
    magnitude=softplus,
    slope_magnitude=expit,
    roundings=12,
    slope_roundings=12,
    curvature=Curvature(SIGMOID.slope, expit, 26.0, turning_points=(0.0,)),
)
LOG_SIGMOID = Elementwise(
    value=lambda z: -softplus(-z),
    slope=lambda z: expit(-z),
    magnitude=lambda z: softplus(-z),
    slope_magnitude=lambda z: expit(-z),
    roundings=12,
    slope_roundings=12,
)
SOFTSIGN = Elementwise(
    value=lambda z: z / (1 + np.abs(z)),
    slope=lambda z: 1 / (1 + np.abs(z)) ** 2,
    magnitude=lambda z: np.abs(z) / (1 + np.abs(z)),
    slope_magnitude=lambda z: 1 / (1 + np.abs(z)),
    roundings=6,
    slope_roundings=9,
    slope_turning_points=(0.0,),
    exact_where=at_zero,
)
SILU = Elementwise(
    value=lambda z: tail_product(z, expit(z)),
    slope=lambda z: expit(z) * (1 + tail_product(z, expit(-z))),
    magnitude=lambda z: tail_product(np.abs(z), expit(z)),
    slope_magnitude=lambda z: expit(z) * (1 + np.abs(z)),
    roundings=14,
    slope_roundings=16,
    turning_points=(-1.2784645427610738,),
    slope_turning_points=(-2.3993572805154677, 2.3993572805154677),
    magnitude_peaks=(-0.5671432904097839,),  # z = -exp(z)
    exact_where=at_zero,
    is_product=True,
)
GELU = Elementwise(
    value=lambda z: tail_product(z, ndtr(z)),
    slope=lambda z: ndtr(z) + tail_product(z, normal_density(z)),
    magnitude=np.abs,
    slope_magnitude=lambda z: 1 + tail_product(np.abs(z) * (1 + z * z), normal_density(z)),
    roundings=38,
    slope_roundings=40,
    turning_points=(-0.7517915246935645,),
    slope_turning_points=(-1.4142135623730951, 1.4142135623730951),
    magnitude_peaks=(-1.5537739740300374, 1.5537739740300374),  # z^2 = 1 + sqrt(2)
    exact_where=at_zero,
    is_product=True,
)
MISH = Elementwise(
    value=lambda z: tail_product(z, np.tanh(softplus(z))),
    slope=mish_slope,
    magnitude=lambda z: tail_product(np.abs(z), np.tanh(softplus(z))),
    slope_magnitude=lambda z: np.tanh(softplus(z)) + np.abs(z) * expit(z),
    roundings=24,
    slope_roundings=30,
    turning_points=(-1.1924312145154952,),
    slope_turning_points=(-2.2563763963607931, 1.4905711794854284),
    magnitude_peaks=(-0.38337805262761404,),
    exact_where=at_zero,
    is_product=True,
)
HARD_SIGMOID = Elementwise(
    value=lambda z: np.clip(z + 3, 0.0, 6.0) / 6,
    slope=lambda z: np.where(np.abs(z) < 3, 1 / 6, 0.0),
    magnitude=lambda z: np.where(np.abs(z) > 3, 0.0, (np.abs(z) + 3) / 6),
    slope_magnitude=lambda z: np.where(np.abs(z) > 3, 0.0, 1 / 6),
    roundings=7,
    slope_roundings=6,
    turning_points=(-3.0, 3.0),
    slope_turning_points=(-3.0, 3.0),
    kinks=(-3.0, 3.0),
    # not at -3 itself: z / 6 + 1/2 may leave a rounding there
    exact_where=lambda z, format: np.asarray((np.abs(z) > 3) & np.isfinite(z)),
    kink_shift=3.0,
)
HARD_SILU = Elementwise(
    value=lambda z: z * (np.clip(z + 3, 0.0, 6.0) / 6),
    slope=lambda z: np.where(z >= 3, 1.0, np.where(z <= -3, 0.0, (2 * z + 3) / 6)),
    magnitude=lambda z: np.where(z < -3, 0.0, np.abs(z) * (np.minimum(np.abs(z) + 3, 6) / 6)),
    slope_magnitude=lambda z: np.where(z < -3, 0.0, np.where(z > 3, 1.0, (2 * np.abs(z) + 3) / 6)),
    roundings=8,
    slope_roundings=8,
    turning_points=(-3.0, -1.5, 3.0),
    slope_turning_points=(-3.0, 3.0),
    kinks=(-3.0, 3.0),
    exact_where=lambda z, format: np.asarray((z < -3) & np.isfinite(z) | (z == 0)),
    is_product=True,
    kink_shift=3.0,
    multiplies_by=6.0,  # z relu6(z + 3) / 6
)
TANH_SHRINK = Elementwise(
    value=lambda z: z - np.tanh(z),
    slope=lambda z: np.tanh(z) ** 2,
    magnitude=lambda z: np.abs(z) + np.abs(np.tanh(z)),
    slope_magnitude=lambda z: np.full_like(z, 2.0),
    roundings=11,
    slope_roundings=22,
    slope_turning_points=(0.0,),
    exact_where=at_zero,
)
HARD_TANH = Elementwise(
    value=lambda z: np.clip(z, -1.0, 1.0),
    slope=lambda z: np.where(np.abs(z) <= 1, 1.0, 0.0),
    magnitude=np.zeros_like,
    slope_magnitude=np.zeros_like,
    turning_points=(-1.0, 1.0),
    slope_turning_points=(-1.0, 1.0),
    kinks=(-1.0, 1.0),
)
SOFT_SHRINK = Elementwise(
    value=lambda z: np.sign(z) * np.maximum(np.abs(z) - 0.5, 0.0),
    slope=lambda z: np.where(np.abs(z) > 0.5, 1.0, 0.0),
    magnitude=lambda z: np.abs(z) + 0.5,
    slope_magnitude=np.zeros_like,
    roundings=1,
    turning_points=(-0.5, 0.5),
    slope_turning_points=(-0.5, 0.5),
    kinks=(-0.5, 0.5),
    exact_where=shrinks_exactly,
)
HARD_SHRINK = Elementwise(
    value=lambda z: np.where(np.abs(z) > 0.5, z, 0.0),
    slope=lambda z: np.where(np.abs(z) > 0.5, 1.0, 0.0),
    magnitude=np.zeros_like,
    slope_magnitude=np.zeros_like,
    turning_points=(-0.5, 0.5),
    slope_turning_points=(-0.5, 0.5),
    kinks=(-0.5, 0.5),
)
SPARSE_PLUS = Elementwise(
    value=lambda z: np.where(z <= -1, 0.0, np.where(z < 1, (np.clip(z, -1, 1) + 1) ** 2 / 4, z)),
    slope=lambda z: np.where(z <= -1, 0.0, np.where(z < 1, (z + 1) / 2, 1.0)),
    magnitude=lambda z: np.where(np.abs(z) < 1, (np.abs(z) + 1) ** 2 / 4, 0.0),
    slope_magnitude=lambda z: np.where(np.abs(z) < 1, (np.abs(z) + 1) / 2, 0.0),
    roundings=8,
    slope_roundings=8,
    kinks=(-1.0, 1.0),
    exact_where=outside(1.0, and_at_zero=True),
    kink_shift=1.0,
)
SPARSE_SIGMOID = Elementwise(
    value=lambda z: (np.clip(z, -1, 1) + 1) / 2,
    slope=lambda z: np.where(np.abs(z) < 1, 0.5, 0.0),
    magnitude=lambda z: np.where(np.abs(z) < 1, (np.abs(z) + 1) / 2, 0.0),
    slope_magnitude=np.zeros_like,
    roundings=2,
    turning_points=(-1.0, 1.0),
    slope_turning_points=(-1.0, 1.0),
    kinks=(-1.0, 1.0),
    exact_where=halves_exactly,
    kink_shift=1.0,
)
SQUAREPLUS = Elementwise(
    value=squareplus,
    slope=squareplus_slope,
    magnitude=lambda z: np.abs(z) / 2 + np.hypot(z, 2.0) / 2,
    slope_magnitude=np.ones_like,
    roundings=9,
    slope_roundings=12,
    exact_where=at_zero,
)
SOFTMAX = Rowwise(softmax, softmax_vjp, enclose_softmax, enclose_softmax_vjp)
LOG_SOFTMAX = Rowwise(log_softmax, log_softmax_vjp, enclose_log_softmax, enclose_log_softmax_vjp)
SPARSEMAX = Rowwise(sparsemax, sparsemax_vjp, enclose_sparsemax, enclose_sparsemax_vjp)
GLU = Rowwise(glu, glu_vjp, enclose_glu, enclose_glu_vjp, units_per_output=2)

ACTIVATIONS: Mapping[str, Activation] = {
    "linear": LINEAR,
    "relu": RELU,
    "relu6": RELU6,
    "leaky_relu": LEAKY_RELU,
    "elu": ELU,
    "celu": CELU,
    "selu": SELU,
    "gelu": GELU,
    "silu": SILU,
    "swish": SILU,
    "hard_silu": HARD_SILU,
    "hard_swish": HARD_SILU,
    "mish": MISH,
    "sigmoid": SIGMOID,
    "hard_sigmoid": HARD_SIGMOID,
    "log_sigmoid": LOG_SIGMOID,
    "tanh": TANH,
    "hard_tanh": HARD_TANH,
    "tanh_shrink": TANH_SHRINK,
    "hard_shrink": HARD_SHRINK,
    "soft_shrink": SOFT_SHRINK,
    "softplus": SOFTPLUS,
    "softsign": SOFTSIGN,
    "squareplus": SQUAREPLUS,
    "sparse_plus": SPARSE_PLUS,
    "sparse_sigmoid": SPARSE_SIGMOID,
    "exponential": EXPONENTIAL,
    "softmax": SOFTMAX,
    "log_softmax": LOG_SOFTMAX,
    "sparsemax": SPARSEMAX,
    "glu": GLU,
}
