"""Wrong gradients, behind outputs that are right."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import ml_dtypes
import numpy as np
from scipy.special import expit

from conformance.implementations.adapter import AdapterImplementation
from conformance.implementations.mutant import Mutant, accepted, affine, numpy_mutant, renamed
from conformance.implementations.protocol import Array
from conformance.implementations.reference import ReferenceAdapter, ReferenceLayer
from reference.activations import ACTIVATIONS, Activation, sech_squared
from reference.dense import flatten_leading
from reference.elementwise import Elementwise
from reference.rowwise import Rowwise, softmax

KERNEL, BIAS, INPUTS = "gradients.kernel", "gradients.bias", "gradients.inputs"
LEADING, UPSTREAM, SLOPE = "gradients.leading-axes-summed", "gradients.upstream", "gradients.slope"
KINKS, SATURATED, ROWWISE = "gradients.kinks", "gradients.saturated", "gradients.rowwise"
SETTING, ARITHMETIC, EMPTY = "gradients.every-setting", "gradients.arithmetic", "gradients.empty-batch"

Gradients = dict[str, Any]


def _changed(name: str, change: Callable[[ReferenceLayer, Array, Array, Any], Any]) -> Callable[..., Gradients]:
    """One gradient replaced; change(layer, inputs, delta, the right one)."""

    def gradients(layer: ReferenceLayer, inputs: Array, delta: Array, right: Gradients) -> Gradients:
        wrong = right[name]
        return {**right, name: None if wrong is None else change(layer, inputs, delta, wrong)}

    return gradients


def _mutant(name: str, says: str, breaks: str, of: str, change: Callable[..., Any]) -> Mutant:
    return numpy_mutant(name, says, breaks, gradients=_changed(f"{of}_gradient", change))


def _sloped(name: str, says: str, of: str, slope: Callable[[Array], Array], breaks: str) -> Mutant:
    """One activation with another slope; its value stays right."""
    row = ACTIVATIONS[of]
    assert isinstance(row, Elementwise)
    return numpy_mutant(name, says, breaks, slope=renamed(**{of: replace(row, slope=slope)}), wrong_in=accepted(of))


def _coupled(name: str, says: str, of: str, vjp: Callable[[Array, Array], Array], breaks: str = ROWWISE) -> Mutant:
    row = ACTIVATIONS[of]
    assert isinstance(row, Rowwise)
    return numpy_mutant(name, says, breaks, slope=renamed(**{of: replace(row, vjp=vjp)}), wrong_in=accepted(of))


def _rows(tensor: Array) -> int:
    return max(1, len(flatten_leading(tensor)))


def _transposed_where_square(_: Any, inputs: Array, delta: Array, right: Array) -> Array:
    return right.T if right.shape[0] == right.shape[1] else right


def _last_step_alone(_: Any, inputs: Array, delta: Array, right: Array) -> Array:
    """From rank 3 on, only the last position of the axes between batch and features."""
    if inputs.ndim < 3 or not inputs.size:
        return right
    last = (slice(None),) + (-1,) * (inputs.ndim - 2)
    return np.asarray(inputs[last].T @ delta[last])


def _bias_of_first_step(_: Any, inputs: Array, delta: Array, right: Array) -> Array:
    if delta.ndim < 3 or not delta.size:
        return right
    return np.asarray(delta.sum(axis=0).reshape(-1, delta.shape[-1])[0])


def _mean_of_other_axes(_: Any, inputs: Array, delta: Array, right: Array) -> Array:
    between = int(np.prod(delta.shape[1:-1], dtype=int))
    return right / max(1, between)


def _half_the_rows(_: Any, inputs: Array, delta: Array, right: Array) -> Array:
    deltas = flatten_leading(delta)
    return np.asarray(deltas[: (len(deltas) + 1) // 2].sum(axis=0))


def _kernel_where_square(layer: ReferenceLayer, inputs: Array, delta: Array, right: Array) -> Array:
    kernel = layer.weights[0]
    if kernel.shape[0] != kernel.shape[1]:
        return right
    return (flatten_leading(delta) @ kernel).reshape(right.shape)


def _nan_without_rows(_: Any, inputs: Array, delta: Array, right: Array) -> Array:
    return right * np.nan if not inputs.size else right


def _wrong_without_bias(layer: ReferenceLayer, inputs: Array, delta: Array, right: Array) -> Array:
    return -right if layer.bias is None else right


def _wrong_at_rank_5(_: Any, inputs: Array, delta: Array, right: Array) -> Array:
    return right / 2 if inputs.ndim >= 5 else right


def _cast(dtype: Any) -> Callable[..., Array]:
    return lambda layer, inputs, delta, right: right.astype(dtype).astype(np.float64)


def _all_cast(dtype: Any) -> Callable[..., Gradients]:
    return lambda layer, inputs, delta, right: {
        name: None if each is None else np.asarray(each).astype(dtype) for name, each in right.items()
    }


def _gelu_tanh_slope(z: Array) -> Array:
    inner = np.sqrt(2 / np.pi) * (z + 0.044715 * z**3)
    sloped = np.sqrt(2 / np.pi) * (1 + 3 * 0.044715 * z**2)
    return 0.5 * (1 + np.tanh(inner)) + 0.5 * z * sech_squared(inner) * sloped


def _slope_at(of: str, point: float, slope: float) -> Callable[[Array], Array]:
    """The right slope, but for one point."""
    row = ACTIVATIONS[of]
    assert isinstance(row, Elementwise)
    right = row.slope
    return lambda z: np.where(z == point, slope, right(z))


def _float32(values: Array) -> Array:
    return values.astype(np.float32).astype(np.float64)


def _softplus_slope_of_infinities(z: Array) -> Array:
    e = _float32(np.exp(z))
    return e / (1 + e)


def _silu_slope_by_exp(z: Array) -> Array:
    """1 / (1 + e)^2 with e = exp(-z) infinite."""
    e = _float32(np.exp(-z))
    return (1 + e + z * e) / (1 + e) ** 2


def _softmax_diagonal(z: Array, upstream: Array) -> Array:
    p = softmax(z)
    return upstream * p * (1 - p)


def _log_softmax_uncoupled(z: Array, upstream: Array) -> Array:
    return upstream * (1 - softmax(z))


def _softmax_as_output(z: Array, upstream: Array) -> Array:
    return softmax(z) * upstream


def _glu_ungated(z: Array, upstream: Array) -> Array:
    half = z.shape[-1] // 2
    return np.concatenate([upstream * expit(z[..., half:]), np.zeros_like(upstream)], axis=-1)


def _ones_upstream(upstream: Array) -> Array:
    return np.ones_like(upstream)


def _without_slope(name: str) -> Activation:
    row = ACTIVATIONS[name]
    return replace(row, slope=np.ones_like) if isinstance(row, Elementwise) else row


def _piled_up(layer: ReferenceLayer, inputs: Array, delta: Array, right: Gradients) -> Gradients:
    """As long as the weights are the same ones."""
    weights, before = layer.__dict__.get("piled", (None, right))
    if weights is layer.kernel:
        right = {name: None if values is None else values + before[name] for name, values in right.items()}
    layer.__dict__["piled"] = layer.kernel, right
    return right


@dataclass(frozen=True)
class OverwritingAdapter(ReferenceAdapter):
    """delta is made where the upstream gradient lies."""

    capabilities: frozenset[str] = frozenset({"call", "differentiate"})

    def differentiate(self, layer: ReferenceLayer, inputs: Array, upstream: Array) -> Mapping[str, Array | None]:
        found = super().differentiate(layer, inputs, upstream)
        z = affine(layer.rounded(inputs), *layer.weights)
        if z.shape == upstream.shape:
            upstream[...] = layer.activation.vjp(z, upstream.astype(np.float64)).astype(upstream.dtype)
        return found


MUTANTS: tuple[Mutant, ...] = (
    _mutant(
        "kernel-gradient-mean",
        "the kernel's gradient is a mean over rows",
        KERNEL,
        "kernel",
        lambda _, x, d, right: right / _rows(x),
    ),
    _mutant(
        "kernel-gradient-transposed",
        "a square kernel's gradient is transposed",
        KERNEL,
        "kernel",
        _transposed_where_square,
    ),
    _mutant("kernel-gradient-zero", "the kernel is frozen", KERNEL, "kernel", lambda *given: 0 * given[-1]),
    _mutant("kernel-gradient-missing", "there is no kernel gradient", KERNEL, "kernel", lambda *given: None),
    _mutant(
        "kernel-gradient-negated",
        "the kernel's gradient has the wrong sign",
        KERNEL,
        "kernel",
        lambda *given: -given[-1],
    ),
    _mutant(
        "kernel-gradient-clipped",
        "the kernel's gradient is clipped at 1000: a training loop's clipping left in the layer",
        KERNEL,
        "kernel",
        lambda *given: np.clip(given[-1], -1000, 1000),
    ),
    _mutant(
        "bias-gradient-mean",
        "the bias's gradient is a mean over rows",
        BIAS,
        "bias",
        lambda _, x, d, right: right / _rows(x),
    ),
    _mutant("bias-gradient-half-the-rows", "half the rows reach the bias", BIAS, "bias", _half_the_rows),
    _mutant(
        "bias-gradient-doubled", "the bias's gradient is counted twice", BIAS, "bias", lambda *given: 2 * given[-1]
    ),
    _mutant("bias-gradient-missing", "there is no bias gradient", BIAS, "bias", lambda *given: None),
    _mutant(
        "bias-gradient-keeps-axis",
        "the bias's gradient has the shape (1, units)",
        BIAS,
        "bias",
        lambda *given: given[-1][None],
    ),
    _mutant(
        "inputs-gradient-by-kernel",
        "a square kernel is not transposed on the way back",
        INPUTS,
        "inputs",
        _kernel_where_square,
    ),
    _mutant("inputs-gradient-missing", "training stops at this layer", INPUTS, "inputs", lambda *given: None),
    _mutant("inputs-gradient-zero", "nothing flows to the inputs", INPUTS, "inputs", lambda *given: 0 * given[-1]),
    _mutant(
        "kernel-gradient-last-step", "from rank 3 on the last step alone counts", LEADING, "kernel", _last_step_alone
    ),
    _mutant(
        "bias-gradient-first-step", "from rank 3 on the first step alone counts", LEADING, "bias", _bias_of_first_step
    ),
    _mutant(
        "bias-gradient-mean-of-steps", "the bias's gradient is a mean over steps", LEADING, "bias", _mean_of_other_axes
    ),
    numpy_mutant("upstream-as-ones", "the upstream gradient is ignored", UPSTREAM, upstream=_ones_upstream),
    numpy_mutant(
        "upstream-clipped",
        "the upstream gradient is clipped to ±1",
        UPSTREAM,
        upstream=lambda given: np.clip(given, -1, 1),
    ),
    numpy_mutant("upstream-absolute", "the upstream gradient loses its sign", UPSTREAM, upstream=np.abs),
    numpy_mutant("slope-forgotten", "the activation's slope is taken for 1", SLOPE, slope=_without_slope),
    _sloped("gelu-slope-of-tanh-form", "gelu's slope is that of the tanh form", "gelu", _gelu_tanh_slope, SLOPE),
    _sloped("tanh-slope-off", "tanh's slope is 1 - |y|", "tanh", lambda z: 1 - np.abs(np.tanh(z)), SLOPE),
    _sloped(
        "softsign-slope-off", "softsign's slope forgets a square", "softsign", lambda z: 1 / (1 + np.abs(z)), SLOPE
    ),
    _sloped(
        "leaky-slope-off", "leaky_relu's slope below 0 is 0.01", "leaky_relu", lambda z: np.where(z > 0, 1, 0.01), SLOPE
    ),
    _sloped(
        "mish-slope-off",
        "mish's slope leaves out a factor",
        "mish",
        lambda z: np.tanh(np.log1p(np.exp(-np.abs(z))) + np.maximum(z, 0)),
        SLOPE,
    ),
    _sloped("relu-slope-1-at-0", "relu'(0) is 1", "relu", _slope_at("relu", 0, 1), KINKS),
    _sloped("relu-slope-half-at-0", "relu'(0) is 1/2", "relu", _slope_at("relu", 0, 0.5), KINKS),
    _sloped("relu6-slope-1-at-6", "relu6'(6) is 1", "relu6", _slope_at("relu6", 6, 1), KINKS),
    _sloped("leaky-slope-1-at-0", "leaky_relu'(0) is 1", "leaky_relu", _slope_at("leaky_relu", 0, 1), KINKS),
    _sloped("elu-slope-half-at-0", "elu'(0) is 1/2", "elu", _slope_at("elu", 0, 0.5), KINKS),
    _sloped("selu-slope-1-at-0", "selu'(0) is 1", "selu", _slope_at("selu", 0, 1), KINKS),
    _sloped("celu-slope-0-at-0", "celu'(0) is 0", "celu", _slope_at("celu", 0, 0), KINKS),
    _sloped("hard-tanh-slope-0-at-1", "hard_tanh'(1) is 0", "hard_tanh", _slope_at("hard_tanh", 1, 0), KINKS),
    _sloped(
        "hard-sigmoid-slope-at-3", "hard_sigmoid'(3) is 1/6", "hard_sigmoid", _slope_at("hard_sigmoid", 3, 1 / 6), KINKS
    ),
    _sloped("hard-silu-slope-at-3", "hard_silu'(3) is 3/2", "hard_silu", _slope_at("hard_silu", 3, 1.5), KINKS),
    _sloped(
        "soft-shrink-slope-at-half", "soft_shrink'(1/2) is 1", "soft_shrink", _slope_at("soft_shrink", 0.5, 1), KINKS
    ),
    _sloped(
        "sparse-sigmoid-slope-at-1",
        "sparse_sigmoid'(1) is 1/4",
        "sparse_sigmoid",
        _slope_at("sparse_sigmoid", 1, 0.25),
        KINKS,
    ),
    _sloped(
        "softplus-slope-of-infinities",
        "softplus's slope is infinity over infinity",
        "softplus",
        _softplus_slope_of_infinities,
        SATURATED,
    ),
    _sloped(
        "silu-slope-of-infinities", "silu's slope is infinity over infinity", "silu", _silu_slope_by_exp, SATURATED
    ),
    _coupled("softmax-gradient-diagonal", "softmax's gradient has its diagonal alone", "softmax", _softmax_diagonal),
    _coupled("softmax-gradient-product", "softmax's gradient is p * upstream", "softmax", _softmax_as_output),
    _coupled(
        "log-softmax-gradient-diagonal",
        "log_softmax's gradient does not couple units",
        "log_softmax",
        _log_softmax_uncoupled,
    ),
    _coupled("glu-gate-gradient-missing", "nothing flows to glu's gate", "glu", _glu_ungated),
    _coupled(
        "sparsemax-gradient-uncoupled",
        "sparsemax's gradient is the upstream gradient",
        "sparsemax",
        lambda z, upstream: upstream,
    ),
    _mutant(
        "gradient-without-bias",
        "without bias the kernel's gradient has the wrong sign",
        SETTING,
        "kernel",
        _wrong_without_bias,
    ),
    _mutant("gradient-of-rank-5", "from rank 5 on the inputs' gradient is halved", SETTING, "inputs", _wrong_at_rank_5),
    numpy_mutant(
        "gradients-in-float32",
        "float64 gradients are computed in float32",
        "gradients.float64-precision",
        gradients=_all_cast(np.float32),
    ),
    numpy_mutant("gradients-pile-up", "each gradient is added to those before", "gradients.again", gradients=_piled_up),
    Mutant(
        "upstream-overwritten",
        "the upstream gradient becomes delta in the caller's array",
        "gradients.again",
        lambda dialect: AdapterImplementation(OverwritingAdapter("upstream-overwritten", dialect=dialect)),
    ),
    numpy_mutant(
        "gradients-in-float16", "gradients are computed in float16", ARITHMETIC, gradients=_all_cast(np.float16)
    ),
    numpy_mutant(
        "gradients-in-bfloat16",
        "gradients are computed in bfloat16",
        ARITHMETIC,
        gradients=_all_cast(ml_dtypes.bfloat16),
    ),
    _mutant(
        "inputs-gradient-in-bfloat16",
        "the inputs' gradient is computed in bfloat16",
        ARITHMETIC,
        "inputs",
        _cast(ml_dtypes.bfloat16),
    ),
    _mutant(
        "empty-batch-gradient-nan", "a batch without rows gives a gradient of NaN", EMPTY, "kernel", _nan_without_rows
    ),
)
