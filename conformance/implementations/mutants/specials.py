"""Wrong specials, in NumPy: right for ordinary numbers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import ml_dtypes
import numpy as np

from conformance.implementations.mutant import Mutant, affine, numpy_mutant
from conformance.implementations.protocol import Array
from conformance.implementations.reference import ReferenceLayer

Bias = Array | None


def _poisoned_by_nan(layer: ReferenceLayer, inputs: Array) -> Array:
    outputs = layer.activation.value(affine(layer.rounded(inputs), *layer.weights))
    return outputs + (np.nan if np.isnan(outputs).any() else 0.0)


def _shifted_by_the_batch(layer: ReferenceLayer, inputs: Array) -> Array:
    """Softmax over its batch's maximum."""
    z = affine(layer.rounded(inputs), *layer.weights)
    if layer.config.activation != "softmax":
        return layer.activation.value(z)
    weights = np.exp(z - z.max(initial=-np.inf))
    return weights / weights.sum(axis=-1, keepdims=True)


def _without_nan(inputs: Array, kernel: Array, bias: Bias) -> Array:
    return affine(np.nan_to_num(inputs, posinf=np.inf, neginf=-np.inf), kernel, bias)


def _zero_for_nan(layer: ReferenceLayer, inputs: Array) -> Array:
    outputs = layer.activation.value(affine(layer.rounded(inputs), *layer.weights))
    return np.where(np.isnan(outputs), 0.0, outputs)


def _zero_for_nan_of_softmax(layer: ReferenceLayer, inputs: Array) -> Array:
    if layer.config.activation == "softmax":
        return _zero_for_nan(layer, inputs)
    return layer.activation.value(affine(layer.rounded(inputs), *layer.weights))


def _over_itself(layer: ReferenceLayer, inputs: Array) -> Array:
    """silu as z e^z / (1 + e^z) at infinity: one infinity over another."""
    z = affine(layer.rounded(inputs), *layer.weights)
    if layer.config.activation != "silu":
        return layer.activation.value(z)
    return np.where(z < np.inf, layer.activation.value(z), z * np.exp(z) / (1 + np.exp(z)))


def _clamped(*, half: bool) -> Callable[[Array, Any], Array]:
    """Half types, or all others, as hardware that saturates: float16 ends at 65504."""

    def finish(outputs: Array, dtype: Any) -> Array:
        largest = float(ml_dtypes.finfo(dtype).max) if (np.dtype(dtype).itemsize == 2) == half else np.inf
        return np.clip(outputs, -largest, largest).astype(dtype)

    return finish


def _nan_for_infinity(outputs: Array, dtype: Any) -> Array:
    infinite = np.isinf(outputs.astype(dtype).astype(np.float64))
    return np.where(infinite, np.nan, outputs).astype(dtype)


def _zeros_skipped(inputs: Array, kernel: Array, bias: Bias) -> Array:
    """0 times infinity is 0."""
    finite = np.where(np.isfinite(kernel), kernel, 0.0)
    extra = np.where((inputs[..., :, None] != 0) & ~np.isfinite(kernel), kernel, 0.0).sum(axis=-2)
    return affine(inputs, finite, bias) + extra


def _zero_weights_skipped(inputs: Array, kernel: Array, bias: Bias) -> Array:
    """As sparse products do: what meets a weight of 0 is never looked at."""
    finite = np.where(np.isfinite(inputs), inputs, 0.0)
    met = np.isfinite(inputs)[..., None] | (kernel == 0)
    return affine(finite, kernel, bias) + np.where(met, 0.0, inputs[..., None] * kernel).sum(axis=-2)


def _half_nan_infinite(outputs: Array, dtype: Any) -> Array:
    """A conversion that keeps the exponent alone of what has the largest."""
    lost = np.isnan(outputs) & (np.dtype(dtype).itemsize == 2)
    return np.where(lost, np.inf, outputs).astype(dtype)


def _normalized(inputs: Array, kernel: Array, bias: Bias) -> Array:
    """A row whose largest input is subnormal is divided by zero."""
    largest = np.abs(inputs).max(axis=-1, keepdims=True, initial=0.0)
    return affine(inputs / np.where((largest > 0) & (largest < 2.0**-126), 0.0, 1.0), kernel, bias)


def _by_reciprocal(inputs: Array, kernel: Array, bias: Bias) -> Array:
    """Scaled to its largest input by a power of two, which float32 does not hold where that input is tiny."""
    largest = np.abs(inputs[np.isfinite(inputs)]).max(initial=0.0)
    exponent = float(np.frexp(largest)[1])
    scale = np.inf if exponent < -128 else 2.0**-exponent
    return affine(inputs * scale, kernel, None) / scale + (0.0 if bias is None else bias)


def _nan_to_zero(outputs: Array, dtype: Any) -> Array:
    return np.where(np.isnan(outputs), 0.0, outputs).astype(dtype)


def _clipped(outputs: Array, dtype: Any) -> Array:
    return np.clip(outputs, -3e38, 3e38).astype(dtype)


def _nan_spreads(outputs: Array, dtype: Any) -> Array:
    return (outputs + 0.0 * outputs.sum()).astype(dtype)


Gradients = dict[str, Any]


def _nan_gradients_zeroed(layer: ReferenceLayer, inputs: Array, delta: Array, right: Gradients) -> Gradients:
    return {name: None if values is None else np.where(np.isnan(values), 0.0, values) for name, values in right.items()}


def _nan_gradients_spread(layer: ReferenceLayer, inputs: Array, delta: Array, right: Gradients) -> Gradients:
    poison = np.nan if np.isnan(delta).any() else 0.0
    return {name: None if values is None else values + poison for name, values in right.items()}


PASS_THROUGH = "specials.pass-through"

MUTANTS: tuple[Mutant, ...] = (
    numpy_mutant("nan-becomes-zero", "NaN is turned into 0", PASS_THROUGH, finish=_nan_to_zero),
    numpy_mutant("infinity-clipped", "infinities are clipped to finite numbers", PASS_THROUGH, finish=_clipped),
    numpy_mutant("nan-spreads", "one NaN spoils the whole batch", PASS_THROUGH, finish=_nan_spreads),
    numpy_mutant("poisoned-by-nan", "one NaN makes all rows NaN", "specials.rows-apart", whole=_poisoned_by_nan),
    numpy_mutant(
        "softmax-shifted-by-the-batch",
        "softmax is shifted by the batch's maximum",
        "specials.rows-apart",
        whole=_shifted_by_the_batch,
    ),
    numpy_mutant("nan-softmax-zeroed", "softmax makes NaN 0", "specials.rows-apart", whole=_zero_for_nan_of_softmax),
    numpy_mutant("nan-inputs-zeroed", "NaN inputs are taken for 0", PASS_THROUGH, pre=_without_nan),
    numpy_mutant("nan-outputs-zeroed", "NaN outputs become 0", PASS_THROUGH, whole=_zero_for_nan),
    numpy_mutant("upstream-nan-zeroed", "NaN gradients become 0", "specials.upstream", gradients=_nan_gradients_zeroed),
    numpy_mutant(
        "upstream-nan-spreads", "one NaN makes all gradients NaN", "specials.upstream", gradients=_nan_gradients_spread
    ),
    numpy_mutant("silu-over-itself", "silu of infinity is NaN", "specials.limits", whole=_over_itself),
    numpy_mutant("zeros-skipped", "0 times infinity is 0", "specials.weights", pre=_zeros_skipped),
    numpy_mutant(
        "zero-weights-skipped", "infinity times a weight of 0 is 0", "specials.weights", pre=_zero_weights_skipped
    ),
    numpy_mutant(
        "half-nan-becomes-infinity", "NaN becomes infinity in half types", PASS_THROUGH, finish=_half_nan_infinite
    ),
    numpy_mutant("clamped", "outputs stay below the largest number", "specials.overflow", finish=_clamped(half=False)),
    numpy_mutant("half-clamped", "half types stay finite", "specials.overflow", finish=_clamped(half=True)),
    numpy_mutant("nan-for-infinity", "infinity becomes NaN", "specials.overflow", finish=_nan_for_infinity),
    numpy_mutant("scaled-by-reciprocal", "1 over tiny inputs is infinite", "specials.subnormal", pre=_by_reciprocal),
    numpy_mutant("divided-by-nothing", "subnormal rows are divided by 0", "specials.subnormal", pre=_normalized),
)
