"""Wrong activations: of value alone, or of value and slope. By authors who did not know the rules of the diagnosis."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from scipy.special import expit

from conformance.implementations.mutant import Mutant, numpy_mutant, renamed
from conformance.implementations.protocol import Array
from reference.activations import (
    ACTIVATIONS,
    LINEAR,
    LOG_SOFTMAX,
    RELU,
    RELU6,
    SELU,
    SIGMOID,
    SOFTMAX,
    Activation,
    negative_part,
)

FORMULA, AXIS, SPECIALS = "outputs.activation-formula", "outputs.last-axis", "specials.pass-through"


# ---- element by element --------------------------------------------------------------------------------------------

ROUNDED_SELU = replace(
    SELU,
    value=lambda z: 1.05 * np.where(z > 0, z, 1.67 * np.expm1(negative_part(z))),
    slope=lambda z: 1.05 * np.where(z > 0, 1.0, 1.67 * np.exp(negative_part(z))),
)


def _tabulated_sigmoid(z: Array) -> Array:
    """1024 entries on [-8, 8), none interpolated."""
    entry = np.clip(np.floor((z + 8) * 64), 0, 1023)
    return np.asarray(expit(entry / 64 - 8))


# ---- of rows -------------------------------------------------------------------------------------------------------


def _softmax(z: Array, axis: int) -> Array:
    weights = np.exp(z - z.max(axis=axis, keepdims=True, initial=-np.inf))
    return np.asarray(weights / weights.sum(axis=axis, keepdims=True))


def _implicit_axis(z: Array) -> int:
    """PyTorch's choice for a softmax that names no axis."""
    return 0 if z.ndim == 3 else 1


def _log_softmax_of_implicit_axis(z: Array) -> Array:
    axis = _implicit_axis(z)
    shifted = z - z.max(axis=axis, keepdims=True, initial=-np.inf)
    return shifted - np.log(np.exp(shifted).sum(axis=axis, keepdims=True))


def _log_softmax_of_implicit_axis_vjp(z: Array, upstream: Array) -> Array:
    axis = _implicit_axis(z)
    return upstream - _softmax(z, axis) * upstream.sum(axis=axis, keepdims=True)


# ---- of every name -------------------------------------------------------------------------------------------------

KNOWN = frozenset({"linear", "relu", "sigmoid", "tanh", "softmax"})


def _dropped(name: str) -> Activation | None:
    """glu is kept: without it there would be other units."""
    return None if name == "glu" else LINEAR


def _common_alone(name: str) -> Activation | None:
    return None if name in KNOWN else _dropped(name)


def _twice(name: str) -> Activation | None:
    """Of the names that mean the same in all versions, and keep the units."""
    if name in ("glu", "hard_sigmoid"):
        return None
    once = ACTIVATIONS[name]
    return replace(
        SOFTMAX,
        value=lambda z: once.value(once.value(z)),
        vjp=lambda z, upstream: once.vjp(z, once.vjp(once.value(z), upstream)),
    )


MUTANTS: tuple[Mutant, ...] = (
    numpy_mutant("relu-with-ceiling", "relu is relu6", FORMULA, activation=renamed(relu=RELU6)),
    numpy_mutant(
        "selu-short-constants",
        "selu's constants have three digits",
        FORMULA,
        activation=renamed(selu=ROUNDED_SELU),
    ),
    numpy_mutant("activation-left-out", "no activation is applied", FORMULA, activation=_dropped),
    numpy_mutant(
        "rare-activations-linear",
        "all but relu, sigmoid, tanh and softmax are taken for linear",
        FORMULA,
        activation=_common_alone,
    ),
    numpy_mutant("activation-applied-twice", "the activation is applied twice", FORMULA, activation=_twice),
    numpy_mutant(
        "sigmoid-from-table",
        "sigmoid is read from a table of 1024 entries",
        FORMULA,
        activation=renamed(sigmoid=replace(SIGMOID, value=_tabulated_sigmoid)),
    ),
    numpy_mutant(
        "log-softmax-of-implicit-axis",
        "log_softmax is over the batch for rank 3, and over axis 1 else",
        AXIS,
        activation=renamed(
            log_softmax=replace(LOG_SOFTMAX, value=_log_softmax_of_implicit_axis, vjp=_log_softmax_of_implicit_axis_vjp)
        ),
    ),
    numpy_mutant(
        "relu-of-nan-zero",
        "relu makes NaN 0",
        SPECIALS,
        activation=renamed(relu=replace(RELU, value=lambda z: np.where(z > 0, z, 0.0))),
    ),
)
