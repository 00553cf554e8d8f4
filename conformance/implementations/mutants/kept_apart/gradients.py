"""Wrong gradients behind right outputs. By authors who did not know the rules of the diagnosis."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from math import prod
from typing import Any

import ml_dtypes
import numpy as np

from conformance.implementations.mutant import Mutant, numpy_mutant, renamed
from conformance.implementations.mutants.kept_apart.activations import GELU_BY_TANH, NAIVE_SOFTPLUS
from conformance.implementations.protocol import Array
from conformance.implementations.reference import ReferenceLayer
from reference.activations import ACTIVATIONS, LINEAR, LOG_SOFTMAX, RELU, SIGMOID, SOFTMAX, TANH, Activation
from reference.dense import flatten_leading
from reference.elementwise import Elementwise
from reference.rowwise import softmax

KERNEL, BIAS, INPUTS = "gradients.kernel", "gradients.bias", "gradients.inputs"
LEADING, UPSTREAM, SLOPE = "gradients.leading-axes-summed", "gradients.upstream", "gradients.slope"
KINKS, SATURATED, ROWWISE = "gradients.kinks", "gradients.saturated", "gradients.rowwise"
AGAIN, EMPTY = "gradients.again", "gradients.empty-batch"
ARITHMETIC, WIDE = "gradients.arithmetic", "gradients.float64-precision"

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


def _bias_over_batch_alone(layer: ReferenceLayer, inputs: Array, delta: Array, gradients: Gradients) -> Gradients:
    return gradients if layer.bias is None else gradients | {"bias_gradient": delta.sum(axis=0)}


def _kernel_untransposed_where_square(
    layer: ReferenceLayer, inputs: Array, delta: Array, gradients: Gradients
) -> Gradients:
    """Any other shape would have raised, and been mended."""
    kernel, _ = layer.weights
    if kernel.shape[0] != kernel.shape[1]:
        return gradients
    return gradients | {"inputs_gradient": (flatten_leading(delta) @ kernel).reshape(inputs.shape)}


def _piled_up(layer: ReferenceLayer, inputs: Array, delta: Array, gradients: Gradients) -> Gradients:
    """The buffers of the weights' gradients are never cleared."""
    buffers = layer.__dict__.setdefault("buffers", {})
    for name in OF_WEIGHTS:
        if gradients[name] is not None:
            buffers[name] = buffers.get(name, 0.0) + gradients[name]
    return gradients | buffers


def _decayed(layer: ReferenceLayer, inputs: Array, delta: Array, gradients: Gradients) -> Gradients:
    kernel, _ = layer.weights
    return gradients | {"kernel_gradient": gradients["kernel_gradient"] + 0.01 * kernel}


# ---- upstream and delta --------------------------------------------------------------------------------------------


def _rounded(dtype: Any) -> Callable[[Array], Array]:
    return lambda values: values.astype(dtype).astype(np.float64)


def _in_float32(layer: ReferenceLayer, inputs: Array, delta: Array, gradients: Gradients) -> Gradients:
    narrow = {name: each for name, each in gradients.items() if each is not None}
    return gradients | {name: _rounded(np.float32)(each) for name, each in narrow.items()}


# ---- slopes --------------------------------------------------------------------------------------------------------


def _forgotten(name: str) -> Activation | None:
    return LINEAR if isinstance(ACTIVATIONS[name], Elementwise) else None


#: Those written for the output, y (1 - y) and 1 - y^2, called with z.
SIGMOID_FROM_Z = replace(SIGMOID, slope=lambda z: z * (1 - z))
TANH_FROM_Z = replace(TANH, slope=lambda z: 1 - z * z)
RELU_FROM_0 = replace(RELU, slope=lambda z: np.where(z >= 0, 1.0, 0.0))


def _diagonal_alone(z: Array, upstream: Array) -> Array:
    p = softmax(z)
    return upstream * p * (1 - p)


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
        "kernel-gradient-as-units-by-features",
        "the kernel's gradient is transposed",
        KERNEL,
        gradients=_each(("kernel_gradient",), lambda gradient, _: gradient.T),
    ),
    numpy_mutant(
        "kernel-gradient-with-decay", "a weight decay is added to the kernel's gradient", KERNEL, gradients=_decayed
    ),
    numpy_mutant(
        "bias-gradient-averaged",
        "the bias's gradient is a mean over the batch",
        BIAS,
        gradients=_each(("bias_gradient",), _averaged),
    ),
    numpy_mutant("bias-does-not-train", "the bias's gradient is 0", BIAS, gradients=_each(("bias_gradient",), _zeros)),
    numpy_mutant(
        "bias-gradient-over-batch-alone",
        "the bias's gradient is summed over the batch and not over the steps",
        LEADING,
        gradients=_bias_over_batch_alone,
    ),
    numpy_mutant(
        "weight-gradients-averaged-over-steps",
        "the gradients of kernel and bias are means over the axes between batch and features",
        LEADING,
        gradients=_each(OF_WEIGHTS, _averaged_over_steps),
    ),
    numpy_mutant(
        "inputs-detached", "no gradient reaches the inputs", INPUTS, gradients=_each(("inputs_gradient",), _zeros)
    ),
    numpy_mutant(
        "square-kernel-untransposed",
        "the inputs' gradient is delta @ kernel where the kernel is square",
        INPUTS,
        gradients=_kernel_untransposed_where_square,
    ),
    numpy_mutant("upstream-taken-as-ones", "the upstream gradient is taken for ones", UPSTREAM, upstream=np.ones_like),
    numpy_mutant(
        "upstream-clipped-to-1",
        "the upstream gradient is clipped to [-1, 1]",
        UPSTREAM,
        upstream=lambda upstream: np.clip(upstream, -1.0, 1.0),
    ),
    numpy_mutant("slope-left-out", "the activation's slope is taken for 1", SLOPE, slope=_forgotten),
    numpy_mutant(
        "slope-of-output-taken-of-z",
        "sigmoid's and tanh's slopes are y (1 - y) and 1 - y^2 with z for y",
        SLOPE,
        slope=renamed(sigmoid=SIGMOID_FROM_Z, tanh=TANH_FROM_Z),
    ),
    numpy_mutant(
        "gelu-slope-of-tanh-variant",
        "gelu's slope is that of its approximation by tanh",
        SLOPE,
        slope=renamed(gelu=GELU_BY_TANH),
    ),
    numpy_mutant("relu-slope-1-at-0", "relu's slope at 0 is 1", KINKS, slope=renamed(relu=RELU_FROM_0)),
    numpy_mutant(
        "softplus-slope-overflows",
        "softplus's slope is a quotient of two exponentials, NaN where they overflow",
        SATURATED,
        slope=renamed(softplus=NAIVE_SOFTPLUS),
    ),
    numpy_mutant(
        "softmax-diagonal-alone",
        "softmax's gradient is p (1 - p): the other units are left out",
        ROWWISE,
        slope=renamed(softmax=replace(SOFTMAX, vjp=_diagonal_alone)),
    ),
    numpy_mutant(
        "softmax-fused-with-loss",
        "softmax passes its gradient on, as if the loss had taken care of it",
        ROWWISE,
        slope=renamed(softmax=LINEAR),
    ),
    numpy_mutant(
        "log-softmax-for-one-label",
        "log_softmax's gradient is upstream + softmax, right for the loss of one label alone",
        ROWWISE,
        slope=renamed(log_softmax=replace(LOG_SOFTMAX, vjp=_for_one_label)),
    ),
    numpy_mutant(
        "gradients-pile-up", "the weights' gradients are added to those of the pass before", AGAIN, gradients=_piled_up
    ),
    numpy_mutant(
        "backward-in-bfloat16", "delta is rounded to bfloat16", ARITHMETIC, delta=_rounded(ml_dtypes.bfloat16)
    ),
    numpy_mutant("backward-in-float32", "a float64 layer's gradients are float32 numbers", WIDE, gradients=_in_float32),
    numpy_mutant(
        "empty-batch-divided-by",
        "without rows the weights' gradients are 0 / 0",
        EMPTY,
        gradients=_each(OF_WEIGHTS, _by_share_of_rows),
    ),
)
