"""Wrong outputs: of the product, the bias, the batch, the arithmetic."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import ml_dtypes
import numpy as np

from conformance.implementations.mutant import Mutant, affine, numpy_mutant
from conformance.implementations.protocol import Array
from conformance.implementations.reference import ReferenceLayer
from reference.dense import flatten_leading

Bias = Array | None


# ---- the product and the bias --------------------------------------------------------------------------------------


def _transposed(inputs: Array, kernel: Array, bias: Bias) -> Array:
    return affine(inputs, kernel.ravel(order="F").reshape(kernel.shape), bias)


def _last_feature_dropped(inputs: Array, kernel: Array, bias: Bias) -> Array:
    return affine(inputs[..., :-1], kernel[:-1], bias)


def _features_reversed(inputs: Array, kernel: Array, bias: Bias) -> Array:
    return affine(inputs[..., ::-1], kernel, bias)


def _bias_factor(factor: float) -> Callable[[Array, Array, Bias], Array]:
    return lambda inputs, kernel, bias: affine(inputs, kernel, None if bias is None else bias * factor)


def _bias_in_first_row(inputs: Array, kernel: Array, bias: Bias) -> Array:
    z = affine(inputs, kernel, None)
    if bias is not None and len(z):
        z[0] += bias
    return z


def _always_biased(inputs: Array, kernel: Array, bias: Bias) -> Array:
    return affine(inputs, kernel, np.full(kernel.shape[1], 2.0**-6) if bias is None else bias)


def _bias_last(layer: ReferenceLayer, inputs: Array) -> Array:
    kernel, bias = layer.weights
    outputs = layer.activation.value(affine(layer.rounded(inputs), kernel, None))
    return outputs if bias is None else outputs + bias[: outputs.shape[-1]]


def _activated_with_bias(layer: ReferenceLayer, inputs: Array) -> Array:
    """As where bias and activation share a kernel that is left out without bias; units are kept."""
    kernel, bias = layer.weights
    z = affine(layer.rounded(inputs), kernel, bias)
    outputs = layer.activation.value(z)
    return z if bias is None and outputs.shape == z.shape else outputs


def _absolute_kernel(inputs: Array, kernel: Array, bias: Bias) -> Array:
    return affine(inputs, np.abs(kernel), bias)


def _tiny_weights_lost(inputs: Array, kernel: Array, bias: Bias) -> Array:
    """As where a generator writes the weights with twelve decimals."""
    return affine(inputs, np.where(np.abs(kernel) < 1e-12, 0.0, kernel), bias)


# ---- ranks, batches, units -----------------------------------------------------------------------------------------


def _from_rank(rank: int, wrong: Callable[[Array], Array]) -> Callable[[Array, Array, Bias], Array]:
    """Wrong from a rank on."""
    return lambda inputs, kernel, bias: (
        wrong(affine(inputs, kernel, bias)) if inputs.ndim >= rank else affine(inputs, kernel, bias)
    )


def _first_step_everywhere(z: Array) -> Array:
    return np.broadcast_to(z[:, :1], z.shape).copy() if z.shape[1] else z


def _batch(wrong: Callable[[Array], Array]) -> Callable[[Array, Array, Bias], Array]:
    return lambda inputs, kernel, bias: wrong(affine(inputs, kernel, bias))


def _only_32_rows(z: Array) -> Array:
    return np.concatenate([z[:32], np.zeros_like(z[32:])])


def _narrow_for_many_rows(inputs: Array, kernel: Array, bias: Bias) -> Array:
    return affine(inputs, kernel if len(inputs) <= 32 else _cast(kernel, np.float16), bias)


def _row_33_repeats(z: Array) -> Array:
    z = z.copy()
    z[32:33] = z[:1]
    return z


def _needs_rows(z: Array) -> Array:
    if not z.shape[0]:
        raise ValueError("empty batch")
    return z


def _unit(at: int, value: float) -> Callable[[Array], Array]:
    def wrong(z: Array) -> Array:
        z = z.copy()
        z[..., at : at + 1 or None] = value
        return z

    return wrong


def _remainder_of_four(z: Array) -> Array:
    z = z.copy()
    z[..., z.shape[-1] // 4 * 4 :] = 0
    return z


def _panels_shuffled(inputs: Array, kernel: Array, bias: Bias) -> Array:
    """As where a kernel is packed in panels of eight columns, and unpacked in another order."""
    if kernel.shape[1] % 8 == 0:
        kernel = kernel.reshape(len(kernel), -1, 8)[:, :, [0, 2, 1, 3, 4, 6, 5, 7]].reshape(kernel.shape)
    return affine(inputs, kernel, bias)


def _centred(z: Array) -> Array:
    return z - z.mean(axis=0, keepdims=True) * 2.0**-10 if len(z) else z


def _scaled_by_batch(z: Array) -> Array:
    """As a kernel with one scale for the whole batch: numbers far below the largest are lost."""
    scale = 2.0 ** np.ceil(np.log2(np.abs(z).max(initial=0.0) or 1.0)) / 127
    return np.where(np.abs(z) < scale, 0.0, z)


# ---- arithmetic ----------------------------------------------------------------------------------------------------


def _cast(values: Array, dtype: Any) -> Array:
    return values.astype(dtype).astype(np.float64)


def _tf32(values: Array) -> Array:
    """Rounded to 11 bits."""
    mantissa, exponent = np.frexp(values)
    return np.ldexp(np.round(mantissa * 2.0**11) / 2.0**11, exponent)


def _operands(rounded: Callable[[Array], Array]) -> Callable[[Array, Array, Bias], Array]:
    return lambda inputs, kernel, bias: affine(rounded(inputs), rounded(kernel), bias)


def _stored_kernel(dtype: Any) -> Callable[[Array, Array, Bias], Array]:
    return lambda inputs, kernel, bias: affine(inputs, _cast(kernel, dtype), bias)


def _accumulated(dtype: Any) -> Callable[[Array, Array, Bias], Array]:
    """Each partial sum rounded to a narrow type."""

    def pre(inputs: Array, kernel: Array, bias: Bias) -> Array:
        rows = flatten_leading(inputs)
        total = np.zeros((len(rows), kernel.shape[1]))
        for feature in range(kernel.shape[0]):
            total = _cast(total + rows[:, feature : feature + 1] * kernel[feature], dtype)
        z = total if bias is None else total + bias
        return z.reshape(*inputs.shape[:-1], kernel.shape[1])

    return pre


def _first_features(count: int) -> Callable[[Array, Array, Bias], Array]:
    return lambda inputs, kernel, bias: affine(inputs[..., :count], kernel[:count], bias)


def _in_float32(layer: ReferenceLayer, inputs: Array) -> Array:
    """Everything in float32, whatever the layer's dtype."""
    kernel, bias = layer.weights
    narrow = affine(
        layer.rounded(inputs).astype(np.float32),
        kernel.astype(np.float32),
        None if bias is None else bias.astype(np.float32),
    )
    return _cast(layer.activation.value(narrow.astype(np.float64)), np.float32)


def _activation_in_float32(layer: ReferenceLayer, inputs: Array) -> Array:
    z = affine(layer.rounded(inputs), *layer.weights)
    return _cast(layer.activation.value(_cast(z, np.float32)), np.float32)


# ---- NaN and infinities --------------------------------------------------------------------------------------------


AFFINE, BIASED, PLAIN = "outputs.affine", "outputs.bias-before-activation", "outputs.without-bias"
BATCH, ROWS, UNITS = "outputs.batch-size", "outputs.rows-independent", "outputs.units"
MANY, ARITHMETIC, WIDE = "outputs.many-features", "outputs.arithmetic", "outputs.float64-precision"
DTYPE = "outputs.dtype"
RANK, SETTING = "outputs.every-rank", "outputs.every-setting"


def _zero_rows_skipped(inputs: Array, kernel: Array, bias: Bias) -> Array:
    """Nothing is done for them, nothing added to them."""
    return affine(inputs, kernel, bias) * inputs.any(axis=-1, keepdims=True)


MUTANTS: tuple[Mutant, ...] = (
    numpy_mutant("zero-rows-skipped", "rows of zeros have no bias", "outputs.affine", pre=_zero_rows_skipped),
    numpy_mutant("kernel-transposed", "the kernel is read column by column", AFFINE, pre=_transposed),
    numpy_mutant("last-feature-dropped", "the sum stops one feature early", AFFINE, pre=_last_feature_dropped),
    numpy_mutant("features-reversed", "the features are read backwards", AFFINE, pre=_features_reversed),
    numpy_mutant("kernel-absolute", "the kernel's signs are lost", AFFINE, pre=_absolute_kernel),
    numpy_mutant("tiny-weights-lost", "weights below 1e-12 are taken for 0", AFFINE, pre=_tiny_weights_lost),
    numpy_mutant("bias-dropped", "the bias is not added", AFFINE, pre=_bias_factor(0)),
    numpy_mutant("bias-doubled", "the bias is added twice", AFFINE, pre=_bias_factor(2)),
    numpy_mutant("bias-subtracted", "the bias is subtracted", AFFINE, pre=_bias_factor(-1)),
    numpy_mutant("bias-in-first-row", "the bias reaches the first row alone", AFFINE, pre=_bias_in_first_row),
    numpy_mutant("bias-after-activation", "the bias is added to the activated outputs", BIASED, whole=_bias_last),
    numpy_mutant("bias-always", "a small bias is added although none was asked for", PLAIN, pre=_always_biased),
    numpy_mutant("rank-4-reversed", "from rank 4 on the batch is reversed", RANK, pre=_from_rank(4, lambda z: z[::-1])),
    numpy_mutant(
        "rank-5-doubled", "from rank 5 on what is activated is doubled", RANK, pre=_from_rank(5, lambda z: 2 * z)
    ),
    numpy_mutant(
        "activation-with-bias-only", "without bias there is no activation either", SETTING, whole=_activated_with_bias
    ),
    numpy_mutant("batch-cut-at-32", "rows beyond the 32nd are zero", BATCH, pre=_batch(_only_32_rows)),
    numpy_mutant(
        "float16-kernel-beyond-32", "more than 32 rows are multiplied in float16", BATCH, pre=_narrow_for_many_rows
    ),
    numpy_mutant("row-33-repeats-first", "the 33rd row repeats the first", BATCH, pre=_batch(_row_33_repeats)),
    numpy_mutant(
        "empty-batch-refused", "a batch without rows raises", BATCH, only_raises=True, pre=_batch(_needs_rows)
    ),
    numpy_mutant("batch-mean-subtracted", "a trace of the batch's mean is subtracted", ROWS, pre=_batch(_centred)),
    numpy_mutant("batch-scale-shared", "small rows vanish beside large ones", ROWS, pre=_batch(_scaled_by_batch)),
    numpy_mutant("last-unit-zero", "the last unit is always 0", UNITS, pre=_batch(_unit(-1, 0.0))),
    numpy_mutant("fifth-unit-zero", "the fifth unit is always 0", UNITS, pre=_batch(_unit(4, 0.0))),
    numpy_mutant("units-in-fours", "units beyond a multiple of 4 are 0", UNITS, pre=_batch(_remainder_of_four)),
    numpy_mutant(
        "panels-shuffled", "columns change places where units are a multiple of 8", UNITS, pre=_panels_shuffled
    ),
    numpy_mutant("sum-cut-at-256", "features beyond the 256th are ignored", MANY, pre=_first_features(256)),
    numpy_mutant("float16-accumulator", "partial sums are kept in float16", MANY, pre=_accumulated(np.float16)),
    numpy_mutant(
        "bfloat16-accumulator", "partial sums are kept in bfloat16", MANY, pre=_accumulated(ml_dtypes.bfloat16)
    ),
    numpy_mutant("tf32-operands", "operands are rounded to 11 bits", ARITHMETIC, pre=_operands(_tf32)),
    numpy_mutant(
        "bfloat16-operands",
        "operands are rounded to bfloat16",
        ARITHMETIC,
        pre=_operands(lambda values: _cast(values, ml_dtypes.bfloat16)),
    ),
    numpy_mutant("kernel-in-float16", "the kernel is stored in float16", ARITHMETIC, pre=_stored_kernel(np.float16)),
    numpy_mutant(
        "kernel-in-bfloat16", "the kernel is stored in bfloat16", ARITHMETIC, pre=_stored_kernel(ml_dtypes.bfloat16)
    ),
    numpy_mutant("float64-in-float32", "a float64 layer computes in float32", WIDE, whole=_in_float32),
    numpy_mutant(
        "activation-in-float32", "a float64 activation is computed in float32", WIDE, whole=_activation_in_float32
    ),
    numpy_mutant(
        "outputs-in-float64", "outputs are float64 whatever the layer's dtype", DTYPE, finish=lambda outputs, _: outputs
    ),
    numpy_mutant(
        "outputs-in-float32",
        "float64 outputs that float32 can hold come back as float32",
        DTYPE,
        finish=lambda outputs, dtype: outputs.astype(
            np.float32 if (outputs.astype(np.float32) == outputs).all() else dtype
        ),
    ),
)
