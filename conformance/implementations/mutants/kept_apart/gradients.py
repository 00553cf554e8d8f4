"""Wrong backward passes behind right outputs: means, slopes, precision. Kept apart."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from conformance.implementations.mutant import Mutant, numpy_mutant, renamed
from conformance.implementations.mutants.drawn.gradients import OF_WEIGHTS
from conformance.implementations.mutants.kept_apart.activations import gate_by_tanh, gate_steepness
from conformance.implementations.protocol import Array
from conformance.implementations.reference import ReferenceLayer
from reference.activations import GELU, SOFTPLUS
from reference.dense import flatten_leading

Gradients = dict[str, Any]


def _averaged_over_batch(layer: ReferenceLayer, inputs: Array, delta: Array, right: Gradients) -> Gradients:
    return right | {name: right[name] / len(inputs) for name in OF_WEIGHTS if right[name] is not None}


def _gelu_slope_by_tanh(z: Array) -> Array:
    near = np.clip(z, -30.0, 30.0)
    gate = gate_by_tanh(near)
    return gate + gate_steepness(near) * gate * (1 - gate)


def _softplus_slope_by_quotient(z: Array) -> Array:
    return np.exp(z) / (1 + np.exp(z))


def _float64_in_float32(layer: ReferenceLayer, inputs: Array, delta: Array, right: Gradients) -> Gradients:
    if layer.config.format.name != "float64":
        return right
    rows, deltas = flatten_leading(inputs).astype(np.float32), flatten_leading(delta).astype(np.float32)
    return {
        "kernel_gradient": rows.T @ deltas,
        "bias_gradient": None if layer.bias is None else deltas.sum(axis=0),
        "inputs_gradient": (deltas @ layer.kernel.astype(np.float32).T).reshape(inputs.shape),
    }


def _kernel_summed_in_half(layer: ReferenceLayer, inputs: Array, delta: Array, right: Gradients) -> Gradients:
    format = layer.config.format
    if not format.is_half:
        return right
    total = np.zeros_like(right["kernel_gradient"])
    for row, deltas in zip(flatten_leading(inputs), flatten_leading(delta), strict=True):
        total = format.round(total + np.outer(row, deltas))
    return {**right, "kernel_gradient": total}


MUTANTS: tuple[Mutant, ...] = (
    numpy_mutant(
        "weights-by-mean",
        "the gradients of kernel and bias are divided by the length of the batch",
        "gradients.kernel",
        gradients=_averaged_over_batch,
    ),
    numpy_mutant(
        "gelu-slope-by-tanh",
        "gelu's slope is that of the tanh approximation, behind the exact value",
        "gradients.slope",
        slope=renamed(gelu=replace(GELU, slope=_gelu_slope_by_tanh)),
    ),
    numpy_mutant(
        "softplus-slope-by-quotient",
        "softplus's slope is exp(z) / (1 + exp(z)) in float64 for every dtype: NaN above 709.8",
        "gradients.saturated",
        slope=renamed(softplus=replace(SOFTPLUS, slope=_softplus_slope_by_quotient)),
    ),
    numpy_mutant(
        "float64-backward-in-float32",
        "all gradients of float64 layers are computed in float32",
        "gradients.float64-precision",
        gradients=_float64_in_float32,
    ),
    numpy_mutant(
        "kernel-summed-in-half",
        "in half types, mixed too, the kernel's gradient is summed row by row in that dtype",
        "dtypes.half-arithmetic",
        gradients=_kernel_summed_in_half,
    ),
)
