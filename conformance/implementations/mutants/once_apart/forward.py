"""Wrong forward passes: bias, kernel, shapes, rows, arithmetic, half types, state, specials."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from math import prod
from typing import Any

import numpy as np

from conformance.implementations.adapter import AdapterImplementation
from conformance.implementations.mutant import Mutant, PiecesAdapter, affine, numpy_mutant
from conformance.implementations.protocol import Adapter, Array
from conformance.implementations.reference import ReferenceLayer
from reference.activations import LINEAR
from reference.config import DenseConfig
from reference.dense import flatten_leading

Bias = Array | None
Built = Callable[[ReferenceLayer], ReferenceLayer]

ROW_TILE, UNIT_TILE = 32, 4


# ---- the bias ------------------------------------------------------------------------------------------------------


def _biased_at_rank_2(inputs: Array, kernel: Array, bias: Bias) -> Array:
    return affine(inputs, kernel, bias if inputs.ndim == 2 else None)


def _biased_in_whole_tiles(inputs: Array, kernel: Array, bias: Bias) -> Array:
    units = kernel.shape[1]
    in_a_tile = np.arange(units) < units // UNIT_TILE * UNIT_TILE
    return affine(inputs, kernel, None if bias is None else np.where(in_a_tile, bias, 0.0))


def _bias_last(layer: ReferenceLayer, inputs: Array) -> Array:
    """But for glu, whose outputs the bias does not fit."""
    (kernel, bias), rows = layer.weights, layer.rounded(inputs)
    if bias is None or layer.config.activation == "glu":
        return layer.activation.value(affine(rows, kernel, bias))
    return layer.activation.value(affine(rows, kernel, None)) + bias


# ---- shapes and rows -----------------------------------------------------------------------------------------------


def _one_unit_squeezed(outputs: Array, dtype: Any) -> Array:
    return (outputs[..., 0] if outputs.shape[-1] == 1 else outputs).astype(dtype)


def _rows_left_over_zero(outputs: Array, dtype: Any) -> Array:
    """Fewer rows than a tile has are none left over."""
    rows = flatten_leading(outputs).copy()
    rows[len(rows) // ROW_TILE * ROW_TILE or len(rows) :] = 0.0
    return rows.reshape(outputs.shape).astype(dtype)


def _refusing_no_rows(inputs: Array, kernel: Array, bias: Bias) -> Array:
    if not prod(inputs.shape[:-1]):
        raise ValueError(f"cannot reshape inputs of shape {inputs.shape} into rows")
    return affine(inputs, kernel, bias)


# ---- arithmetic ----------------------------------------------------------------------------------------------------


def _saturated_in_float16(outputs: Array, dtype: Any) -> Array:
    largest = float(np.finfo(np.float16).max) if dtype == np.float16 else np.inf
    return np.clip(outputs, -largest, largest).astype(dtype)


def _zero_inputs_skipped(inputs: Array, kernel: Array, bias: Bias) -> Array:
    rows = flatten_leading(inputs)
    total = np.zeros((len(rows), kernel.shape[1]))
    for feature, weights in zip(rows.T, kernel, strict=True):
        used = feature != 0
        total[used] += feature[used, None] * weights
    return (total if bias is None else total + bias).reshape(*inputs.shape[:-1], kernel.shape[1])


def _to_tf32(values: Array) -> Array:
    """Float32 without 13 of its bits, rounded to even."""
    bits = values.astype(np.float32).view(np.uint32)
    half_to_even = np.uint32(0xFFF) + (bits >> np.uint32(13) & np.uint32(1))
    return (bits + half_to_even & np.uint32(0xFFFFE000)).view(np.float32).astype(np.float64)


class Tf32Layer(ReferenceLayer):
    """Both operands are rounded, for the backward pass too."""

    @property
    def weights(self) -> tuple[Array, Bias]:
        kernel, bias = super().weights
        return _to_tf32(kernel), bias

    def rounded(self, inputs: Array) -> Array:
        return _to_tf32(super().rounded(inputs))


@dataclass
class CastOnceLayer(ReferenceLayer):
    """cast: the kernel of the first call, in the compute dtype; it stays."""

    cast: Array | None = None

    @property
    def weights(self) -> tuple[Array, Bias]:
        kernel, bias = super().weights
        if self.cast is None:
            self.cast = kernel
        return self.cast, bias


# ---- adapters ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class BuildingAdapter(PiecesAdapter):
    """built: what is made of a right layer."""

    built: Built = lambda layer: layer

    def build(self, config: DenseConfig, input_shape: tuple[int, ...]) -> ReferenceLayer:
        return self.built(super().build(config, input_shape))


class TransposingAdapter(PiecesAdapter):
    """A square kernel is loaded transposed."""

    def load(self, layer: ReferenceLayer, kernel: Array, bias: Bias) -> None:
        super().load(layer, kernel.T if kernel.shape[0] == kernel.shape[1] else kernel, bias)


class WideningAdapter(PiecesAdapter):
    """Outputs are rounded to the compute dtype, and come in that of the variables."""

    def call(self, layer: ReferenceLayer, inputs: Array) -> Array:
        return super().call(layer, inputs).astype(layer.config.variable_format.dtype)


def _activated_with_bias_alone(layer: ReferenceLayer) -> ReferenceLayer:
    return layer if layer.config.use_bias else replace(layer, activation=LINEAR)


def _tf32_for_float32(layer: ReferenceLayer) -> ReferenceLayer:
    return Tf32Layer(**vars(layer)) if layer.config.format.name == "float32" else layer


def _cast_once_if_mixed(layer: ReferenceLayer) -> ReferenceLayer:
    return CastOnceLayer(**vars(layer)) if layer.config.dtype.startswith("mixed_") else layer


def adapted(name: str, says: str, breaks: str, adapter: Callable[..., Adapter]) -> Mutant:
    """adapter: makes the wrong one, of a name and a dialect."""
    return Mutant(name, says, breaks, lambda dialect: AdapterImplementation(adapter(name, dialect=dialect)))


#: Name, defect, clause, and the piece that is wrong.
OF_PIECES: tuple[tuple[str, str, str, dict[str, Any]], ...] = (
    ("bias-of-rank-2-alone", "from rank 3 on the bias is left out", "outputs.every-rank", {"pre": _biased_at_rank_2}),
    (
        "bias-last",
        "the bias is added to what is activated, but for glu",
        "outputs.bias-before-activation",
        {"whole": _bias_last},
    ),
    ("bias-of-whole-tiles", "the last units % 4 units have no bias", "outputs.units", {"pre": _biased_in_whole_tiles}),
    ("one-unit-squeezed", "a last axis of length 1 is lost", "shapes.unit-axes", {"finish": _one_unit_squeezed}),
    (
        "remainder-of-rows-zero",
        "of 32 rows or more those beyond a multiple of 32 are 0",
        "outputs.batch-size",
        {"finish": _rows_left_over_zero},
    ),
    (
        "no-rows-refused",
        "a leading axis of length 0 raises",
        "shapes.zero-size",
        {"pre": _refusing_no_rows, "only_raises": True},
    ),
    (
        "float16-saturates",
        "float16 outputs are clamped to 65504, infinities too",
        "dtypes.half-overflow",
        {"finish": _saturated_in_float16},
    ),
    (
        "zero-inputs-skipped",
        "0 times an infinite or NaN weight is 0",
        "specials.weights",
        {"pre": _zero_inputs_skipped},
    ),
)

#: Name, defect, clause, and what makes the adapter.
OF_ADAPTERS: tuple[tuple[str, str, str, Callable[..., Adapter]], ...] = (
    (
        "no-bias-no-activation",
        "without bias no activation is applied, forward or backward",
        "outputs.every-setting",
        partial(BuildingAdapter, built=_activated_with_bias_alone),
    ),
    (
        "square-kernel-loaded-transposed",
        "a square kernel is loaded transposed",
        "shapes.equal-axes",
        TransposingAdapter,
    ),
    (
        "float32-in-tf32",
        "float32 layers round inputs and kernel to TF32, forward and backward",
        "outputs.arithmetic",
        partial(BuildingAdapter, built=_tf32_for_float32),
    ),
    ("mixed-outputs-float32", "outputs of mixed policies come as float32", "dtypes.outputs", WideningAdapter),
    (
        "mixed-kernel-cast-once",
        "under a mixed policy the kernel of the first call stays in use",
        "dtypes.mixed-rounds-operands",
        partial(BuildingAdapter, built=_cast_once_if_mixed),
    ),
)

MUTANTS: tuple[Mutant, ...] = (
    *(numpy_mutant(name, says, breaks, **pieces) for name, says, breaks, pieces in OF_PIECES),
    *(adapted(*row) for row in OF_ADAPTERS),
)
