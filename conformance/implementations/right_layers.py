"""Right layers that are written differently: the proof that the contract accuses none of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
from scipy.special import erf, erfc, expit

from conformance.implementations.adapter import AdapterImplementation
from conformance.implementations.function import FunctionAdapter
from conformance.implementations.keras import right_layers as keras
from conformance.implementations.mutant import Make, Pieces, made_of
from conformance.implementations.protocol import Array, Implementation
from reference.dense import flatten_leading
from reference.dialects import Dialect
from reference.dialects import activation as meant

Bias = Array | None
Product = Callable[[Array, Array], Array]
Function = Callable[[Array], Array]
#: inputs, kernel, bias, activation → outputs, all in the layer's own dtype.
Dense = Callable[[Array, Array, Bias, Function], Array]


@dataclass(frozen=True)
class RightLayer:
    """says: how it differs from the stock layer without being wrong."""

    name: str
    says: str
    make: Make


# ---- products in the layer's own dtype, in other orders ------------------------------------------------------------


def _features_last_to_first(rows: Array, kernel: Array) -> Array:
    total = np.zeros((len(rows), kernel.shape[1]), rows.dtype)
    for feature in reversed(range(len(kernel))):
        total = total + rows[:, feature, None] * kernel[feature]
    return total


def _in_blocks(rows: Array, kernel: Array) -> Array:
    blocks = [rows[:, at : at + 32] @ kernel[at : at + 32] for at in range(0, len(kernel), 32)]
    total = np.zeros((len(rows), kernel.shape[1]), rows.dtype)
    for block in reversed(blocks):
        total = total + block
    return total


def _pairwise(rows: Array, kernel: Array) -> Array:
    """Halves summed apart, as a tree."""
    if len(kernel) <= 1:
        return rows[:, :1] * kernel[:1] if len(kernel) else np.zeros((len(rows), kernel.shape[1]), rows.dtype)
    half = len(kernel) // 2
    return _pairwise(rows[:, :half], kernel[:half]) + _pairwise(rows[:, half:], kernel[half:])


def _fused(rows: Array, kernel: Array) -> Array:
    """Each step rounded once: product and sum in float64, as a fused multiply-add does for float32."""
    total = np.zeros((len(rows), kernel.shape[1]), rows.dtype)
    for feature in range(len(kernel)):
        exact = rows[:, feature, None].astype(np.float64) * kernel[feature].astype(np.float64)
        total = (exact + total.astype(np.float64)).astype(rows.dtype)
    return total


def _by_einsum(rows: Array, kernel: Array) -> Array:
    return np.einsum("nk,ku->nu", rows, kernel)


def _units_first(rows: Array, kernel: Array) -> Array:
    """The kernel is kept as (units, input_dim)."""
    packed = np.ascontiguousarray(kernel.T)
    return np.asarray((packed @ rows.T).T)


def _dense(product: Product, inputs: Array, kernel: Array, bias: Bias, activation: Function) -> Array:
    z = product(flatten_leading(inputs), kernel)
    z = (z if bias is None else z + bias).reshape(*inputs.shape[:-1], kernel.shape[1])
    return activation(z)


def _of_product(product: Product) -> Dense:
    return lambda inputs, kernel, bias, activation: _dense(product, inputs, kernel, bias, activation)


def _bias_as_feature(inputs: Array, kernel: Array, bias: Bias, activation: Function) -> Array:
    """A feature of ones whose weights are the bias."""
    if bias is None:
        return _dense(np.matmul, inputs, kernel, None, activation)
    widened = np.concatenate([inputs, np.ones((*inputs.shape[:-1], 1), inputs.dtype)], axis=-1)
    return _dense(np.matmul, widened, np.concatenate([kernel, bias[None]]), None, activation)


# ---- activations by formulas of one's own, in the layer's own dtype ------------------------------------------------


def _stable_softplus(z: Array) -> Array:
    return np.maximum(z, 0) + np.log1p(np.exp(-np.abs(z)))


def _sigmoid(z: Array) -> Array:
    return 1 / (1 + np.exp(-z))


def _mish(z: Array) -> Array:
    """z n / (n + 2) with n = e (e + 2), e = exp(z): beyond 20 the quotient is 1."""
    e = np.exp(np.minimum(z, 20))
    n = e * (e + 2)
    return np.where(z > 20, z, z * (n / (n + 2)))


def _squareplus(z: Array) -> Array:
    root = np.hypot(z, z.dtype.type(2))
    return np.where(z >= 0, np.abs(z) / 2 + root / 2, 2 / (root + np.abs(z)))


def _log_softmax(z: Array) -> Array:
    shifted = z - z.max(axis=-1, keepdims=True, initial=-np.inf)
    return shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True))


#: Formulas that an author might write; all others are the reference's, rounded once.
OWN_FORMULAS: Mapping[str, Function] = {
    "sigmoid": _sigmoid,
    "softplus": _stable_softplus,
    "log_sigmoid": lambda z: -_stable_softplus(-z),
    "elu": lambda z: np.where(z > 0, z, np.exp(np.minimum(z, 0)) - 1),
    "gelu": lambda z: z * (erfc(-z.astype(np.float64) / np.sqrt(2)) / 2).astype(z.dtype),
    "silu": lambda z: z / (1 + np.exp(-z)),
    "mish": _mish,
    "squareplus": _squareplus,
    "log_softmax": _log_softmax,
    "softmax": lambda z: (
        np.exp(z - z.max(axis=-1, keepdims=True, initial=-np.inf))
        / np.exp(z - z.max(axis=-1, keepdims=True, initial=-np.inf)).sum(axis=-1, keepdims=True)
    ),
    "softsign": lambda z: z / (1 + np.abs(z)),
    "tanh_shrink": lambda z: z - np.tanh(z),
    "leaky_relu": lambda z: np.maximum(z, z.dtype.type(0.2) * z),
    "relu6": lambda z: np.minimum(np.maximum(z, 0), 6),
}
OTHER_FORMULAS: Mapping[str, Function] = {
    **OWN_FORMULAS,
    "sigmoid": lambda z: np.where(z >= 0, 1 / (1 + np.exp(-np.abs(z))), np.exp(-np.abs(z)) / (1 + np.exp(-np.abs(z)))),
    "elu": lambda z: np.where(z > 0, z, np.expm1(np.minimum(z, 0))),
    "gelu": lambda z: z * (0.5 * (1 + erf(z.astype(np.float64) / np.sqrt(2)))).astype(z.dtype),
    "silu": lambda z: z * expit(z),
    "leaky_relu": lambda z: np.where(z > 0, z, z.dtype.type(0.2) * z),
    "hard_sigmoid": lambda z: np.clip(z / 6 + z.dtype.type(0.5), 0, 1),
}


def _activation(name: str, dialect: Dialect, formulas: Mapping[str, Function]) -> Function:
    """A formula of one's own where there is one and the dialect has not another definition; else the reference's."""
    if name in formulas and name not in dialect.redefined:
        return formulas[name]
    row = meant(name, dialect)
    return lambda z: row.value(z.astype(np.float64)).astype(z.dtype)


def _function(
    name: str, says: str, dense: Dense, formulas: Mapping[str, Function] = MappingProxyType({})
) -> RightLayer:
    def make(dialect: Dialect) -> Implementation:
        @np.errstate(all="ignore")
        def of_names(inputs: Array, kernel: Array, bias: Bias, activation: str) -> Array:
            return dense(inputs, kernel, bias, _activation(activation, dialect, formulas))

        return AdapterImplementation(FunctionAdapter(of_names, name))

    return RightLayer(name, says, make)


RIGHT_LAYERS: Mapping[str, RightLayer] = {
    layer.name: layer
    for layer in (
        _function(
            "features-last-to-first", "sums from the last feature to the first", _of_product(_features_last_to_first)
        ),
        _function("blocked-sums", "sums blocks of 32 features", _of_product(_in_blocks)),
        _function("pairwise-sums", "sums as a tree", _of_product(_pairwise)),
        _function("fused-multiply-add", "rounds product and sum together", _of_product(_fused)),
        _function("einsum", "numpy.einsum", _of_product(_by_einsum)),
        _function("units-first", "keeps the kernel as (units, input_dim)", _of_product(_units_first)),
        _function("bias-as-feature", "the bias is one more feature", _bias_as_feature),
        _function("own-formulas", "activations by formulas of its own", _of_product(np.matmul), OWN_FORMULAS),
        _function("other-formulas", "activations by other formulas", _of_product(np.matmul), OTHER_FORMULAS),
        RightLayer("double-product", "computes in float64, rounds once", made_of("double-product", Pieces())),
        *(RightLayer(name, says, make) for name, says, make in keras.RIGHT_LAYERS),
    )
}
