"""Wrong activations: slips in a formula, other variants and constants, fast approximations, tails, axes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
from scipy.special import expit, ndtr

from conformance.implementations.mutant import Mutant, accepted, numpy_mutant, renamed
from conformance.implementations.protocol import Array
from reference.activations import ACTIVATIONS, SELU_ALPHA, SELU_SCALE, negative_part, normal_density, tail_product
from reference.elementwise import Elementwise
from reference.rivals import RIVALS
from reference.rowwise import Rowwise, softmax, softmax_vjp

Function = Callable[[Array], Array]
Vjp = Callable[[Array, Array], Array]
FORMULA, TAILS, LAST_AXIS = "outputs.activation-formula", "outputs.activation-tails", "outputs.last-axis"

#: What fixed-point libraries make of a slope of 0.2: 26 / 128.
SLOPE_OF_SEVEN_BITS = 26 / 128


def _mutant(
    name: str,
    says: str,
    of: str | tuple[str, ...],
    value: Function,
    slope: Function | None = None,
    breaks: str = FORMULA,
) -> Mutant:
    """One activation, under all its names, with another value, and the slope of it; its slope stays right without."""
    names = (of,) if isinstance(of, str) else of
    row = ACTIVATIONS[names[0]]
    assert isinstance(row, Elementwise)
    wrong = replace(row, value=value, slope=slope or row.slope)
    return numpy_mutant(
        name, says, breaks, activation=renamed(**dict.fromkeys(names, wrong)), wrong_in=accepted(names[-1])
    )


def _coupled(name: str, says: str, of: str, value: Function, vjp: Vjp | None = None, breaks: str = FORMULA) -> Mutant:
    """The same for an activation of whole rows."""
    row = ACTIVATIONS[of]
    assert isinstance(row, Rowwise)
    wrong = replace(row, value=value, vjp=vjp or row.vjp)
    return numpy_mutant(name, says, breaks, activation=renamed(**{of: wrong}), wrong_in=accepted(of))


def _of_float32_range(values: Array) -> Array:
    """Infinite or 0 where float32 is, and as precise as they were elsewhere."""
    narrow = values.astype(np.float32)
    return np.where(np.isinf(narrow) | (narrow == 0), narrow, values)


# ---- slips in a formula --------------------------------------------------------------------------------------------


def _gelu_not_halved(z: Array) -> Array:
    return 2 * tail_product(z, ndtr(z))


def _gelu_slope_not_halved(z: Array) -> Array:
    return 2 * (ndtr(z) + tail_product(z, normal_density(z)))


def _selu_swapped(z: Array) -> Array:
    return SELU_ALPHA * np.where(z > 0, z, SELU_SCALE * np.expm1(negative_part(z)))


def _selu_slope_swapped(z: Array) -> Array:
    return SELU_ALPHA * np.where(z > 0, 1.0, SELU_SCALE * np.exp(negative_part(z)))


def _selu_half_scaled(z: Array) -> Array:
    """scale * z if z > 0 else alpha * (exp(z) - 1): a pair of parentheses is missing."""
    return np.where(z > 0, SELU_SCALE * z, SELU_ALPHA * np.expm1(negative_part(z)))


def _selu_slope_half_scaled(z: Array) -> Array:
    return np.where(z > 0, SELU_SCALE, SELU_ALPHA * np.exp(negative_part(z)))


def _log_sigmoid_negated(z: Array) -> Array:
    return -ACTIVATIONS["log_sigmoid"].value(z)


def _soft_shrink_in_place(z: Array) -> Array:
    return np.where(np.abs(z) > 0.5, z, 0.0)


# ---- other variants and constants ----------------------------------------------------------------------------------


def _hard_silu_of_keras_2(z: Array) -> Array:
    return z * RIVALS["hard_sigmoid"].value(z)


def _hard_silu_slope_of_keras_2(z: Array) -> Array:
    return np.where(z >= 2.5, 1.0, np.where(z <= -2.5, 0.0, 0.4 * z + 0.5))


def _swiglu(z: Array) -> Array:
    half = z.shape[-1] // 2
    return z[..., :half] * tail_product(z[..., half:], expit(z[..., half:]))


def _swiglu_vjp(z: Array, upstream: Array) -> Array:
    half = z.shape[-1] // 2
    linear, gate = z[..., :half], z[..., half:]
    gated = tail_product(gate, expit(gate))
    slope = expit(gate) * (1 + tail_product(gate, expit(-gate)))
    return np.concatenate([upstream * gated, upstream * linear * slope], axis=-1)


def _softmax_of_powers_of_two(z: Array) -> Array:
    """Fixed-point libraries take 2^z, a shift, for exp(z)."""
    return softmax(z * np.log(2))


def _softmax_of_powers_of_two_vjp(z: Array, upstream: Array) -> Array:
    return np.log(2) * softmax_vjp(z * np.log(2), upstream)


# ---- approximations ------------------------------------------------------------------------------------------------


def _rational_tanh(z: Array) -> Array:
    near = np.clip(z, -3, 3)
    return near * (27 + near**2) / (27 + 9 * near**2)


def _rational_tanh_slope(z: Array) -> Array:
    near = np.clip(z, -3, 3)
    return ((9 - near**2) / (9 + 3 * near**2)) ** 2


def _tabulated_sigmoid(z: Array) -> Array:
    """256 entries over [-8, 8), each the value at its lower end; NaN has no entry, and stays."""
    step = 16 / 256
    return expit(np.clip(np.floor(z / step), -128, 127) * step)


def _log_sigmoid_with_epsilon(z: Array) -> Array:
    return np.log(expit(z) + 1e-7)


def _log_sigmoid_slope_with_epsilon(z: Array) -> Array:
    return expit(z) * expit(-z) / (expit(z) + 1e-7)


# ---- tails --------------------------------------------------------------------------------------------------------


def _elu_by_masks(z: Array) -> Array:
    """Branchless: 0 times infinity from 89 on."""
    return (z > 0) * z + (z <= 0) * (_of_float32_range(np.exp(z)) - 1)


def _elu_slope_by_masks(z: Array) -> Array:
    return (z > 0) + (z <= 0) * _of_float32_range(np.exp(z))


def _mish_of_quotient(z: Array) -> Array:
    """z n / (n + 2) with n = e^2z + 2 e^z: no logarithm, but a quotient of infinities."""
    e = _of_float32_range(np.exp(z))
    n = _of_float32_range(e * e + 2 * e)
    return z * (n / (n + 2))


def _clamped_exponential(z: Array) -> Array:
    return np.exp(np.clip(z, -50, 50))


def _clamped_exponential_slope(z: Array) -> Array:
    return np.where(np.abs(z) <= 50, np.exp(z), 0.0)


def _unshifted_log_softmax(z: Array) -> Array:
    return z - np.log(_of_float32_range(np.exp(z)).sum(axis=-1, keepdims=True))


# ---- axes ----------------------------------------------------------------------------------------------------------


def _examples_flattened(z: Array) -> Array:
    """(batch, ..., units) → (batch, all the rest)."""
    return z.reshape(len(z), int(np.prod(z.shape[1:], dtype=int)))


def _softmax_of_examples(z: Array) -> Array:
    return softmax(_examples_flattened(z)).reshape(z.shape)


def _softmax_of_examples_vjp(z: Array, upstream: Array) -> Array:
    return softmax_vjp(_examples_flattened(z), _examples_flattened(upstream)).reshape(z.shape)


MUTANTS: tuple[Mutant, ...] = (
    _mutant("gelu-not-halved", "gelu lacks its factor 1/2", "gelu", _gelu_not_halved, _gelu_slope_not_halved),
    _mutant(
        "selu-constants-swapped",
        "selu's alpha and scale are swapped",
        "selu",
        _selu_swapped,
        _selu_slope_swapped,
    ),
    _mutant(
        "selu-scaled-above-0-alone",
        "selu is not scaled below 0",
        "selu",
        _selu_half_scaled,
        _selu_slope_half_scaled,
    ),
    _mutant(
        "leaky-slope-of-seven-bits",
        "leaky_relu's slope is 26/128: it is rounded to seven bits",
        "leaky_relu",
        lambda z: np.where(z > 0, z, SLOPE_OF_SEVEN_BITS * z),
        lambda z: np.where(z > 0, 1.0, SLOPE_OF_SEVEN_BITS),
    ),
    _mutant(
        "relu6-uncapped",
        "relu6 has no cap: it is relu",
        "relu6",
        lambda z: np.maximum(z, 0.0),
        lambda z: np.where(z > 0, 1.0, 0.0),
    ),
    _mutant(
        "log-sigmoid-negated",
        "log_sigmoid has the wrong sign",
        "log_sigmoid",
        _log_sigmoid_negated,
        lambda z: -expit(-z),
    ),
    _mutant(
        "soft-shrink-not-moved",
        "soft_shrink does not move what it keeps: it is hard_shrink",
        "soft_shrink",
        _soft_shrink_in_place,
    ),
    _mutant(
        "hard-sigmoid-of-binarynet",
        "hard_sigmoid is (z + 1) / 2, cut to 0 and 1",
        "hard_sigmoid",
        lambda z: np.clip((z + 1) / 2, 0.0, 1.0),
        lambda z: np.where(np.abs(z) < 1, 0.5, 0.0),
    ),
    _mutant(
        "hard-silu-of-keras-2",
        "hard_silu is made of Keras 2's hard_sigmoid",
        ("hard_silu", "hard_swish"),
        _hard_silu_of_keras_2,
        _hard_silu_slope_of_keras_2,
    ),
    _mutant(
        "silu-is-hard",
        "silu is hard_silu",
        ("silu", "swish"),
        ACTIVATIONS["hard_silu"].value,
        lambda z: np.where(z >= 3, 1.0, np.where(z <= -3, 0.0, (2 * z + 3) / 6)),
    ),
    _mutant(
        "tanh-by-pade",
        "tanh is the rational z (27 + z^2) / (27 + 9 z^2)",
        "tanh",
        _rational_tanh,
        _rational_tanh_slope,
    ),
    _mutant(
        "sigmoid-by-table",
        "sigmoid's value is looked up in a table of 256 entries over ±8",
        "sigmoid",
        _tabulated_sigmoid,
    ),
    _mutant(
        "log-sigmoid-with-epsilon",
        "log_sigmoid adds 1e-7 before it takes the log",
        "log_sigmoid",
        _log_sigmoid_with_epsilon,
        _log_sigmoid_slope_with_epsilon,
    ),
    _mutant(
        "elu-by-masks",
        "elu multiplies an infinite exp(z) by 0 above 0",
        "elu",
        _elu_by_masks,
        _elu_slope_by_masks,
        TAILS,
    ),
    _mutant("mish-of-infinities", "mish divides infinity by infinity", "mish", _mish_of_quotient, breaks=TAILS),
    _mutant(
        "exponential-clamped",
        "exponential clamps its argument to ±50",
        "exponential",
        _clamped_exponential,
        _clamped_exponential_slope,
        TAILS,
    ),
    _coupled(
        "softmax-of-powers-of-2",
        "softmax takes 2^z for exp(z)",
        "softmax",
        _softmax_of_powers_of_two,
        _softmax_of_powers_of_two_vjp,
    ),
    _coupled("glu-is-swiglu", "glu gates by silu, not by sigmoid", "glu", _swiglu, _swiglu_vjp),
    _coupled(
        "log-softmax-unshifted",
        "log_softmax does not subtract the maximum",
        "log_softmax",
        _unshifted_log_softmax,
        breaks=TAILS,
    ),
    _coupled(
        "softmax-over-examples",
        "softmax runs over all axes but the batch",
        "softmax",
        _softmax_of_examples,
        _softmax_of_examples_vjp,
        LAST_AXIS,
    ),
)
