"""Wrong forward passes: bias, kernel, rows, special values, precision. Kept apart."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import ml_dtypes
import numpy as np

from conformance.implementations.mutant import Mutant, PiecesAdapter, affine, numpy_mutant
from conformance.implementations.mutants.once_apart.forward import Bias, BuildingAdapter, CastOnceLayer, adapted
from conformance.implementations.protocol import Array
from conformance.implementations.reference import ReferenceLayer
from reference.dense import forward

ARITHMETIC = "outputs.arithmetic"

LARGEST_INT8 = 127
#: Of the 23 bits behind the point of a float32, those that are not in TF32, and not in bfloat16.
BEHIND_TF32, BEHIND_BFLOAT16 = 13, 16


def _unbiased(inputs: Array, kernel: Array, bias: Bias) -> Array:
    return affine(inputs, kernel, None)


def _time_major(layer: ReferenceLayer, inputs: Array) -> Array:
    """Reshaped where a transposition belongs."""
    rows = layer.rounded(inputs)
    ordered = rows if rows.ndim == 2 else rows.swapaxes(0, 1)
    outputs = forward(ordered, *layer.weights, layer.activation)
    return outputs.reshape(*inputs.shape[:-1], outputs.shape[-1])


def _saturated(outputs: Array, dtype: Any) -> Array:
    largest = float(ml_dtypes.finfo(dtype).max)
    return np.clip(outputs, -largest, largest).astype(dtype)


def _half_in_float32(outputs: Array, dtype: Any) -> Array:
    return outputs.astype(np.float32 if np.dtype(dtype).itemsize == 2 else dtype)


# ---- the kernel ----------------------------------------------------------------------------------------------------


class QuantizingAdapter(PiecesAdapter):
    """A float32 layer's kernel is loaded in 8 bits, with one scale."""

    def load(self, layer: ReferenceLayer, kernel: Array, bias: Bias) -> None:
        step = np.abs(kernel).max(initial=0.0) / LARGEST_INT8
        if layer.config.format.name == "float32" and 0 < step < np.inf:
            kernel = (np.round(kernel / step) * step).astype(kernel.dtype)
        super().load(layer, kernel, bias)


def _cut(values: Array, bits: int) -> Array:
    """As float32, without the last bits."""
    kept = np.uint32(2**32 - 2**bits)
    return (values.astype(np.float32).view(np.uint32) & kept).view(np.float32).astype(np.float64)


class TruncatingLayer(ReferenceLayer):
    """The weights are cut to bfloat16."""

    @property
    def weights(self) -> tuple[Array, Bias]:
        bias = None if self.bias is None else _cut(self.bias, BEHIND_BFLOAT16)
        return _cut(self.kernel, BEHIND_BFLOAT16), bias


def _packed_once(layer: ReferenceLayer) -> ReferenceLayer:
    return CastOnceLayer(**vars(layer))


def _truncating_if_mixed_bfloat16(layer: ReferenceLayer) -> ReferenceLayer:
    return TruncatingLayer(**vars(layer)) if layer.config.dtype == "mixed_bfloat16" else layer


# ---- the product ---------------------------------------------------------------------------------------------------


def _to_tf32(values: Array) -> Array:
    """Half a step is added to the magnitude, so that ties go away from zero."""
    _, exponent = np.frexp(values)
    return _cut(values + np.ldexp(np.sign(values), exponent - 12), BEHIND_TF32)


def _in_tf32(rows: Array, kernel: Array) -> Array:
    return affine(_to_tf32(rows), _to_tf32(kernel), None)


def _in_float32(rows: Array, kernel: Array) -> Array:
    return affine(rows.astype(np.float32), kernel.astype(np.float32), None).astype(np.float64)


def _summed_in_float16(rows: Array, kernel: Array) -> Array:
    total = np.zeros((*rows.shape[:-1], kernel.shape[1]), np.float16)
    for feature, weights in enumerate(kernel.astype(np.float16)):
        total = total + rows[..., feature, None].astype(np.float16) * weights
    return total.astype(np.float64)


def _multiplied(format_name: str, product: Callable[[Array, Array], Array]) -> Callable[[ReferenceLayer, Array], Array]:
    """product: of inputs and kernel, in layers that compute in this format."""

    def whole(layer: ReferenceLayer, inputs: Array) -> Array:
        (kernel, bias), rows = layer.weights, layer.rounded(inputs)
        if layer.config.format.name != format_name:
            return forward(rows, kernel, bias, layer.activation)
        z = product(rows, kernel)
        return layer.activation.value(z if bias is None else z + bias)

    return whole


MUTANTS: tuple[Mutant, ...] = (
    numpy_mutant("bias-never-added", "the bias is never added", "outputs.affine", pre=_unbiased),
    adapted(
        "kernel-in-int8-steps",
        "a float32 layer's kernel is loaded in steps of max|kernel| / 127",
        ARITHMETIC,
        QuantizingAdapter,
    ),
    adapted(
        "kernel-packed-once",
        "the kernel of a layer's first use is used ever after; the bias is fresh",
        "state.reloaded-weights",
        partial(BuildingAdapter, built=_packed_once),
    ),
    numpy_mutant(
        "time-major-rows",
        "from rank 3 up outputs have their rows in the order of swapped axes 0 and 1",
        "outputs.every-rank",
        whole=_time_major,
    ),
    numpy_mutant(
        "outputs-saturate",
        "infinite outputs become the largest finite number of the dtype, with their sign",
        "specials.overflow",
        finish=_saturated,
    ),
    numpy_mutant(
        "product-in-tf32",
        "float32 layers round inputs and kernel to TF32 in the forward pass",
        ARITHMETIC,
        whole=_multiplied("float32", _in_tf32),
    ),
    numpy_mutant(
        "float64-multiplied-in-float32",
        "float64 layers compute inputs @ kernel in float32 in the forward pass",
        "outputs.float64-precision",
        whole=_multiplied("float64", _in_float32),
    ),
    numpy_mutant(
        "float16-summed-in-float16",
        "in float16, mixed too, the forward product is summed feature by feature in float16",
        "dtypes.half-accumulator",
        whole=_multiplied("float16", _summed_in_float16),
    ),
    numpy_mutant(
        "half-outputs-in-float32",
        "layers that compute in half types give float32 outputs, not rounded to half",
        "dtypes.outputs",
        finish=_half_in_float32,
    ),
    adapted(
        "bfloat16-cast-truncates",
        "mixed_bfloat16 cuts kernel and bias to bfloat16 where it should round to nearest",
        "dtypes.mixed-rounds-operands",
        partial(BuildingAdapter, built=_truncating_if_mixed_bfloat16),
    ),
)
