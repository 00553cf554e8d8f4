"""Wrong gradients behind right outputs. By authors who did not know the rules of the diagnosis."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from math import prod
from typing import Any

import ml_dtypes
import numpy as np

from conformance.implementations.mutant import Mutant, numpy_mutant, renamed
from conformance.implementations.protocol import Array
from conformance.implementations.reference import ReferenceLayer
from reference.activations import LOG_SOFTMAX, SIGMOID, TANH
from reference.rowwise import softmax

KERNEL, BIAS, LEADING = "gradients.kernel", "gradients.bias", "gradients.leading-axes-summed"
SLOPE, ROWWISE = "gradients.slope", "gradients.rowwise"
ARITHMETIC, EMPTY = "gradients.arithmetic", "gradients.empty-batch"

Gradients = dict[str, Any]
Changed = Callable[[ReferenceLayer, Array, Array, Gradients], Gradients]
OF_WEIGHTS = ("kernel_gradient", "bias_gradient")


# ---- the three products --------------------------------------------------------------------------------------------


def _each(names: tuple[str, ...], change: Callable[[Array, Array], Array]) -> Changed:
    """These gradients, where there are any, changed by change(gradient, inputs)."""

    def changed(layer: ReferenceLayer, inputs: Array, delta: Array, gradients: Gradients) -> Gradients:
        there = {name: gradients[name] for name in names if gradients[name] is not None}
        return gradients | {name: change(each, inputs) for name, each in there.items()}

    return changed


def _averaged(gradient: Array, inputs: Array) -> Array:
    return gradient / max(len(inputs), 1)


def _averaged_over_steps(gradient: Array, inputs: Array) -> Array:
    return gradient / max(prod(inputs.shape[1:-1]), 1)


def _by_share_of_rows(gradient: Array, inputs: Array) -> Array:
    """All rows are on one machine, whose share is 1; or 0 / 0."""
    rows = np.float64(prod(inputs.shape[:-1]))
    return np.asarray(gradient * (rows / rows))


def _zeros(gradient: Array, inputs: Array) -> Array:
    return np.zeros_like(gradient)


# ---- delta ---------------------------------------------------------------------------------------------------------


def _rounded(dtype: Any) -> Callable[[Array], Array]:
    return lambda values: values.astype(dtype).astype(np.float64)


# ---- slopes --------------------------------------------------------------------------------------------------------

#: Those written for the output, y (1 - y) and 1 - y^2, called with z.
SIGMOID_FROM_Z = replace(SIGMOID, slope=lambda z: z * (1 - z))
TANH_FROM_Z = replace(TANH, slope=lambda z: 1 - z * z)


def _for_one_label(z: Array, upstream: Array) -> Array:
    """Right where upstream is -1 at one unit and 0 at the others."""
    return upstream + softmax(z)


MUTANTS: tuple[Mutant, ...] = (
    numpy_mutant(
        "weight-gradients-averaged",
        "the gradients of kernel and bias are means over the batch",
        KERNEL,
        gradients=_each(OF_WEIGHTS, _averaged),
    ),
    numpy_mutant(
        "bias-gradient-averaged",
        "the bias's gradient is a mean over the batch",
        BIAS,
        gradients=_each(("bias_gradient",), _averaged),
    ),
    numpy_mutant("bias-does-not-train", "the bias's gradient is 0", BIAS, gradients=_each(("bias_gradient",), _zeros)),
    numpy_mutant(
        "weight-gradients-averaged-over-steps",
        "the gradients of kernel and bias are means over the axes between batch and features",
        LEADING,
        gradients=_each(OF_WEIGHTS, _averaged_over_steps),
    ),
    numpy_mutant(
        "slope-of-output-taken-of-z",
        "sigmoid's and tanh's slopes are y (1 - y) and 1 - y^2 with z for y",
        SLOPE,
        slope=renamed(sigmoid=SIGMOID_FROM_Z, tanh=TANH_FROM_Z),
    ),
    numpy_mutant(
        "log-softmax-for-one-label",
        "log_softmax's gradient is upstream + softmax, right for the loss of one label alone",
        ROWWISE,
        slope=renamed(log_softmax=replace(LOG_SOFTMAX, vjp=_for_one_label)),
    ),
    numpy_mutant(
        "backward-in-bfloat16", "delta is rounded to bfloat16", ARITHMETIC, delta=_rounded(ml_dtypes.bfloat16)
    ),
    numpy_mutant(
        "empty-batch-divided-by",
        "without rows the weights' gradients are 0 / 0",
        EMPTY,
        gradients=_each(OF_WEIGHTS, _by_share_of_rows),
    ),
)
