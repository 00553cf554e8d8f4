"""Wrong backward passes behind a right forward pass."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from scipy.special import ndtr

from conformance.implementations.mutant import Mutant, PiecesAdapter, affine, numpy_mutant, renamed
from conformance.implementations.mutants.once_apart.forward import adapted
from conformance.implementations.protocol import Array
from conformance.implementations.reference import ReferenceLayer
from reference.activations import GELU, LOG_SOFTMAX, SIGMOID
from reference.dense import flatten_leading
from reference.rowwise import softmax

Gradients = dict[str, Any]


def _bias_averaged_over_steps(layer: ReferenceLayer, inputs: Array, delta: Array, right: Gradients) -> Gradients:
    if layer.bias is None or delta.ndim == 2:
        return right
    of_steps = flatten_leading(delta.sum(axis=0))
    return {**right, "bias_gradient": of_steps.sum(axis=0) / len(of_steps)}


def _zero_for_nan(upstream: Array) -> Array:
    return np.where(np.isnan(upstream), 0.0, upstream)


def _of_cross_entropy(z: Array, upstream: Array) -> Array:
    """Right where upstream sums to 1."""
    return upstream - softmax(z)


class MaskingInPlaceAdapter(PiecesAdapter):
    """Where relu is 0 the caller's upstream gradient becomes 0."""

    @np.errstate(all="ignore")
    def differentiate(self, layer: ReferenceLayer, inputs: Array, upstream: Array) -> Mapping[str, Array | None]:
        found = super().differentiate(layer, inputs, upstream)
        if layer.config.activation == "relu":
            upstream[affine(layer.rounded(inputs), *layer.weights) <= 0] = 0
        return found


class AccumulatingAdapter(PiecesAdapter):
    """The weights' gradients are added to those since the weights were loaded."""

    def load(self, layer: ReferenceLayer, kernel: Array, bias: Array | None) -> None:
        super().load(layer, kernel, bias)
        layer.__dict__["totals"] = {}

    def differentiate(self, layer: ReferenceLayer, inputs: Array, upstream: Array) -> Mapping[str, Array | None]:
        found = super().differentiate(layer, inputs, upstream)
        totals = layer.__dict__["totals"]
        for name in ("kernel_gradient", "bias_gradient"):
            if found[name] is not None:
                totals[name] = totals[name] + found[name] if name in totals else found[name]
        return {**found, **totals}


AGAIN, SLOPE = "gradients.again", "gradients.slope"

MUTANTS: tuple[Mutant, ...] = (
    numpy_mutant(
        "bias-averaged-over-steps",
        "the bias's gradient is summed over the batch and averaged over other axes",
        "gradients.leading-axes-summed",
        gradients=_bias_averaged_over_steps,
    ),
    numpy_mutant(
        "nan-upstream-zeroed", "an upstream gradient of NaN is taken for 0", "specials.upstream", upstream=_zero_for_nan
    ),
    adapted(
        "gradients-accumulate",
        "the weights' gradients add up until weights are loaded",
        AGAIN,
        AccumulatingAdapter,
    ),
    adapted(
        "relu-masks-in-place",
        "relu's backward pass writes zeros into the caller's upstream gradient",
        AGAIN,
        MaskingInPlaceAdapter,
    ),
    numpy_mutant(
        "sigmoid-slope-of-z",
        "sigmoid's slope is z (1 - z)",
        SLOPE,
        slope=renamed(sigmoid=replace(SIGMOID, slope=lambda z: z * (1 - z))),
    ),
    numpy_mutant(
        "gelu-slope-without-density",
        "gelu's slope leaves out z times the density",
        SLOPE,
        slope=renamed(gelu=replace(GELU, slope=ndtr)),
    ),
    numpy_mutant(
        "log-softmax-of-cross-entropy",
        "log_softmax's gradient is upstream - softmax(z), whatever upstream sums to",
        "gradients.rowwise",
        slope=renamed(log_softmax=replace(LOG_SOFTMAX, vjp=_of_cross_entropy)),
    ),
)
