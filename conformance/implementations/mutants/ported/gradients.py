"""Wrong backward passes behind right outputs: slopes, sums, shapes, types, what is left over from a training loop."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from scipy.special import expit

from conformance.implementations.adapter import AdapterImplementation
from conformance.implementations.mutant import Mutant, PiecesAdapter, accepted, numpy_mutant, renamed
from conformance.implementations.protocol import Array
from conformance.implementations.reference import ReferenceLayer
from reference.activations import ACTIVATIONS, SELU, SELU_SCALE
from reference.dense import flatten_leading
from reference.elementwise import Elementwise
from reference.rowwise import Rowwise, glu_vjp

KERNEL, BIAS, INPUTS = "gradients.kernel", "gradients.bias", "gradients.inputs"
LEADING, UPSTREAM, SLOPE = "gradients.leading-axes-summed", "gradients.upstream", "gradients.slope"
KINKS, SATURATED, ROWWISE = "gradients.kinks", "gradients.saturated", "gradients.rowwise"
ARITHMETIC, HALF_EXACT = "gradients.arithmetic", "dtypes.half-exact"

LOSS_SCALE = 1024.0

Function = Callable[[Array], Array]
Gradients = dict[str, Any]
#: change(layer, inputs, delta, the right gradient) → the wrong one.
Change = Callable[[ReferenceLayer, Array, Array, Array], Array]


def _mutant(name: str, says: str, breaks: str, of: str, change: Change) -> Mutant:
    """One of the three gradients is another."""

    def gradients(layer: ReferenceLayer, inputs: Array, delta: Array, right: Gradients) -> Gradients:
        key = f"{of}_gradient"
        return right if right[key] is None else {**right, key: change(layer, inputs, delta, right[key])}

    return numpy_mutant(name, says, breaks, gradients=gradients)


def _sloped(name: str, says: str, of: str | tuple[str, ...], slope: Function, breaks: str = SLOPE) -> Mutant:
    """One activation, under all its names, with another slope."""
    names = (of,) if isinstance(of, str) else of
    row = ACTIVATIONS[names[0]]
    assert isinstance(row, Elementwise)
    wrong = dict.fromkeys(names, replace(row, slope=slope))
    return numpy_mutant(name, says, breaks, slope=renamed(**wrong), wrong_in=accepted(names[-1]))


def _coupled(name: str, says: str, of: str, vjp: Callable[[Array, Array], Array]) -> Mutant:
    row = ACTIVATIONS[of]
    assert isinstance(row, Rowwise)
    return numpy_mutant(name, says, ROWWISE, slope=renamed(**{of: replace(row, vjp=vjp)}), wrong_in=accepted(of))


# ---- slopes --------------------------------------------------------------------------------------------------------


def _sigmoid_slope_of_outputs(z: Array) -> Array:
    """s(y) (1 - s(y)) with y = s(z): the derivative is given what was activated already."""
    y = expit(z)
    return expit(y) * expit(-y)


def _selu_slope_unscaled(z: Array) -> Array:
    return SELU.slope(z) / SELU_SCALE


def _slopes_at(of: str, slopes: Mapping[float, float]) -> Function:
    """The right slope but at these points."""
    row = ACTIVATIONS[of]
    assert isinstance(row, Elementwise)
    right = row.slope

    def slope(z: Array) -> Array:
        wrong = right(z)
        for point, value in slopes.items():
            wrong = np.where(z == point, value, wrong)
        return wrong

    return slope


def _sigmoid_slope_by_exp(z: Array) -> Array:
    """e / (1 + e)^2 with e = exp(-z), infinite where float32's is."""
    e = np.exp(-z)
    e = np.where(np.isinf(e.astype(np.float32)), np.inf, e)
    return e / (1 + e) ** 2


def _glu_parts_swapped(z: Array, upstream: Array) -> Array:
    right = glu_vjp(z, upstream)
    return np.roll(right, z.shape[-1] // 2, axis=-1)


# ---- products and sums ---------------------------------------------------------------------------------------------


def _rows_in_fours(_: ReferenceLayer, inputs: Array, delta: Array, right: Array) -> Array:
    """A vectorised loop over four rows at a time, without its remainder."""
    rows, deltas = flatten_leading(inputs), flatten_leading(delta)
    whole = len(rows) // 4 * 4
    return np.asarray(rows[:whole].T @ deltas[:whole])


def _with_decay(layer: ReferenceLayer, inputs: Array, delta: Array, right: Array) -> Array:
    return right + 0.01 * layer.weights[0]


def _summed_over_batch(_: ReferenceLayer, inputs: Array, delta: Array, right: Array) -> Array:
    return np.asarray(delta.sum(axis=0))


def _by_stepped_kernel(layer: ReferenceLayer, inputs: Array, delta: Array, right: Array) -> Array:
    """The kernel moves, by a step of 0.01, before the inputs' gradient is taken."""
    kernel_gradient = flatten_leading(inputs).T @ flatten_leading(delta)
    stepped = layer.weights[0] - 0.01 * kernel_gradient
    return (flatten_leading(delta) @ stepped.T).reshape(right.shape)


def _averaged(upstream: Array) -> Array:
    return upstream / max(1, len(upstream))


# ---- types ---------------------------------------------------------------------------------------------------------


def _tf32(values: Array) -> Array:
    mantissa, exponent = np.frexp(values)
    return np.ldexp(np.round(mantissa * 2.0**11) / 2.0**11, exponent)


def _in_tf32(_: ReferenceLayer, inputs: Array, delta: Array, right: Array) -> Array:
    return np.asarray(_tf32(flatten_leading(inputs)).T @ _tf32(flatten_leading(delta)))


def _scaled_in_half(layer: ReferenceLayer, inputs: Array, delta: Array, right: Gradients) -> Gradients:
    """The upstream gradient comes scaled, so that nothing underflows; who divides again is forgotten."""
    scale = LOSS_SCALE if layer.config.format.is_half else 1.0
    return {name: None if each is None else scale * each for name, each in right.items()}


# ---- what needs more than the pieces -------------------------------------------------------------------------------


@dataclass(frozen=True)
class _BiasOfUpstream(PiecesAdapter):
    """db = dy.sum(axis=0) with dy from before the activation's own backward pass. glu's dy has other units."""

    def differentiate(self, layer: ReferenceLayer, inputs: Array, upstream: Array) -> Mapping[str, Array | None]:
        given = super().differentiate(layer, inputs, upstream)
        if layer.bias is None or upstream.shape[-1] != len(layer.bias):
            return given
        total = flatten_leading(upstream.astype(np.float64)).sum(axis=0)
        return {**given, "bias_gradient": layer.given_back(total, layer.bias.dtype)}


@dataclass(frozen=True)
class _Accumulating(PiecesAdapter):
    """PyTorch's way, where nobody sets the gradients to zero."""

    def differentiate(self, layer: ReferenceLayer, inputs: Array, upstream: Array) -> Mapping[str, Array | None]:
        given = super().differentiate(layer, inputs, upstream)
        kept = layer.__dict__.setdefault("accumulated", {})
        for name in ("kernel_gradient", "bias_gradient"):
            gradient = given[name]
            kept[name] = gradient if gradient is None or name not in kept else kept[name] + gradient
        return {**given, **kept}


MUTANTS: tuple[Mutant, ...] = (
    _sloped(
        "sigmoid-slope-of-outputs",
        "sigmoid's slope is taken at the outputs",
        "sigmoid",
        _sigmoid_slope_of_outputs,
    ),
    _sloped("tanh-slope-of-z", "tanh's slope is 1 - z^2, not 1 - y^2", "tanh", lambda z: 1 - z**2),
    _sloped("selu-slope-unscaled", "selu's slope leaves out the scale", "selu", _selu_slope_unscaled),
    _sloped("silu-slope-of-sigmoid", "silu's slope is sigmoid(z): half of a product's", ("silu", "swish"), expit),
    _sloped(
        "leaky-slope-split-at-0",
        "leaky_relu'(0) is 0.6, the mean of both sides",
        "leaky_relu",
        _slopes_at("leaky_relu", {0: 0.6}),
        KINKS,
    ),
    _sloped(
        "relu6-slope-half-at-its-ends",
        "relu6' is 1/2 at 0 and at 6",
        "relu6",
        _slopes_at("relu6", {0: 0.5, 6: 0.5}),
        KINKS,
    ),
    _sloped(
        "sigmoid-slope-of-infinities",
        "sigmoid's slope is infinity over infinity",
        "sigmoid",
        _sigmoid_slope_by_exp,
        SATURATED,
    ),
    _coupled(
        "softmax-gradient-left-to-the-loss",
        "softmax passes the upstream gradient on: a loss of cross-entropy would have seen to it",
        "softmax",
        lambda z, upstream: upstream,
    ),
    _coupled("glu-gradient-halves-swapped", "the two halves of glu's gradient are swapped", "glu", _glu_parts_swapped),
    _mutant(
        "kernel-gradient-as-in-pytorch",
        "the kernel's gradient has the shape (units, input_dim)",
        KERNEL,
        "kernel",
        lambda _, inputs, delta, right: right.T,
    ),
    _mutant(
        "kernel-gradient-with-decay",
        "0.01 times the kernel is added to its gradient: an optimizer's weight decay",
        KERNEL,
        "kernel",
        _with_decay,
    ),
    _mutant(
        "kernel-gradient-in-fours",
        "rows beyond a multiple of 4 do not reach the kernel's gradient",
        KERNEL,
        "kernel",
        _rows_in_fours,
    ),
    _mutant(
        "bias-gradient-over-batch",
        "the bias's gradient is summed over the batch alone: from rank 3 on it keeps the steps",
        LEADING,
        "bias",
        _summed_over_batch,
    ),
    Mutant(
        "bias-gradient-without-slope",
        "the bias's gradient leaves out the activation's slope",
        BIAS,
        lambda dialect: AdapterImplementation(_BiasOfUpstream("bias-gradient-without-slope", dialect=dialect)),
    ),
    _mutant(
        "inputs-gradient-by-stepped-kernel",
        "the inputs' gradient is taken with the kernel as it is after a step",
        INPUTS,
        "inputs",
        _by_stepped_kernel,
    ),
    _mutant(
        "inputs-gradient-flattened",
        "from rank 3 on the inputs' gradient stays flattened to rows",
        INPUTS,
        "inputs",
        lambda _, inputs, delta, right: flatten_leading(right),
    ),
    numpy_mutant(
        "upstream-averaged", "the upstream gradient is divided by the batch's length", UPSTREAM, upstream=_averaged
    ),
    _mutant(
        "kernel-gradient-in-tf32",
        "the operands of the kernel's gradient are rounded to 11 bits",
        ARITHMETIC,
        "kernel",
        _in_tf32,
    ),
    numpy_mutant(
        "half-gradients-left-scaled",
        "gradients of half types keep the loss's scale of 1024",
        HALF_EXACT,
        gradients=_scaled_in_half,
    ),
    Mutant(
        "weight-gradients-accumulate",
        "the gradients of kernel and bias are added to those of the backward passes before",
        KERNEL,
        lambda dialect: AdapterImplementation(_Accumulating("weight-gradients-accumulate", dialect=dialect)),
    ),
)
