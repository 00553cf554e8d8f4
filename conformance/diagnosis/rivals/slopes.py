"""Rivals of an activation's gradient: other slopes, other slopes at kinks, and other gradients of whole rows."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from functools import partial

import numpy as np
from scipy.special import expit, ndtr

from conformance.diagnosis.rivals.backward import gradients
from conformance.diagnosis.rivals.families import ALIASES
from conformance.diagnosis.rivals.rival import MORE_ROUNDINGS, Predicted, Rival
from conformance.truth import Posed
from reference.activations import (
    ACTIVATIONS,
    SELU_ALPHA,
    SELU_SCALE,
    Activation,
    sech_squared,
    softplus,
    tail_product,
)
from reference.elementwise import Elementwise
from reference.formats import Array
from reference.rowwise import Rowwise, log_softmax, softmax

Slope = Callable[[Array], Array]
Vjp = Callable[[Array, Array], Array]


def _gelu_tanh_slope(z: Array) -> Array:
    inner = np.sqrt(2 / np.pi) * (z + 0.044715 * z**3)
    return 0.5 * (1 + np.tanh(inner)) + 0.5 * z * sech_squared(inner) * np.sqrt(2 / np.pi) * (1 + 3 * 0.044715 * z**2)


def _phi(z: Array) -> Array:
    return np.exp(-z * z / 2) / np.sqrt(2 * np.pi)


def _exp_below(z: Array) -> Array:
    return np.exp(np.minimum(z, 0.0))


def _two_slopes(below: float, z: Array) -> Array:
    return np.where(z > 0, 1.0, below)


def _sigmoid_product_slope(factor: float) -> Slope:
    return lambda z: expit(factor * z) + factor * tail_product(z, expit(factor * z) * expit(-factor * z))


#: By activation: of what the slope is, in words.
SLOPES: Mapping[str, tuple[tuple[str, Slope], ...]] = {
    "gelu": (
        ("that of the tanh approximation", _gelu_tanh_slope),
        ("that of z sigmoid(1.702 z)", _sigmoid_product_slope(1.702)),
        ("Phi(z) alone: z phi(z) is left out", ndtr),
        ("Phi(z) + phi(z): a factor z is left out", lambda z: ndtr(z) + _phi(z)),
        ("Phi(z) - z phi(z): a sign is wrong", lambda z: ndtr(z) - tail_product(z, _phi(z))),
        ("with exp(-z^2) for exp(-z^2 / 2) in its density", lambda z: ndtr(z) + tail_product(z, _phi(np.sqrt(2) * z))),
        ("with its density twice", lambda z: ndtr(z) + 2 * tail_product(z, _phi(z))),
    ),
    "silu": (
        ("sigmoid(z) alone", expit),
        ("that of sigmoid", lambda z: expit(z) * expit(-z)),
    ),
    "tanh": (
        ("1 - |y|", lambda z: 1 - np.abs(np.tanh(z))),
        ("1 - y", lambda z: 1 - np.tanh(z)),
        ("1 + y^2", lambda z: 1 + np.tanh(z) ** 2),
        ("y (1 - y)", lambda z: np.tanh(z) * (1 - np.tanh(z))),
        ("1 - z^2", lambda z: 1 - z * z),
    ),
    "sigmoid": (
        ("y", expit),
        ("1 - y", lambda z: expit(-z)),
        ("1 - y^2", lambda z: 1 - expit(z) ** 2),
        ("z (1 - z)", lambda z: z * (1 - z)),
        ("y (1 - y) + 0.1", lambda z: expit(z) * expit(-z) + 0.1),
    ),
    "softsign": (
        ("1 / (1 + |z|): a square is left out", lambda z: 1 / (1 + np.abs(z))),
        ("1 / (1 + z^2)", lambda z: 1 / (1 + z * z)),
    ),
    "mish": (
        ("tanh(softplus(z)): a term is left out", lambda z: np.tanh(softplus(z))),
        (
            "tanh(softplus(z)) + z (1 - tanh^2): the slope of softplus is left out",
            lambda z: np.tanh(softplus(z)) + tail_product(z, sech_squared(softplus(z))),
        ),
        (
            "tanh(softplus(z)) + sigmoid(z) (1 - tanh^2): a factor z is left out",
            lambda z: np.tanh(softplus(z)) + expit(z) * sech_squared(softplus(z)),
        ),
        ("that of silu", _sigmoid_product_slope(1.0)),
    ),
    "softplus": (("1 - sigmoid(z)", lambda z: expit(-z)), ("exp(z)", np.exp)),
    "leaky_relu": tuple((f"{slope:g} below 0", partial(_two_slopes, slope)) for slope in (0.01, 0.1, 0.3, 0.0)),
    "elu": (("y below 0, where y + 1 belongs", lambda z: np.where(z > 0, 1.0, np.expm1(np.minimum(z, 0.0)))),),
    "selu": (
        ("1 above 0 and exp(z) below: scale and alpha are left out", lambda z: np.where(z > 0, 1.0, _exp_below(z))),
        (
            "1 above 0 and alpha exp(z) below: the scale is left out",
            lambda z: np.where(z > 0, 1.0, SELU_ALPHA * _exp_below(z)),
        ),
        ("1 above 0: the scale is left out", lambda z: np.where(z > 0, 1.0, SELU_SCALE * SELU_ALPHA * _exp_below(z))),
        (
            "alpha exp(z) below 0: the scale is left out",
            lambda z: np.where(z > 0, SELU_SCALE, SELU_ALPHA * _exp_below(z)),
        ),
        (
            "y + alpha below 0, where y + scale alpha belongs",
            lambda z: np.where(z > 0, SELU_SCALE, SELU_SCALE * SELU_ALPHA * np.expm1(np.minimum(z, 0.0)) + SELU_ALPHA),
        ),
    ),
    "exponential": (("1 + exp(z)", lambda z: 1 + np.exp(z)),),
    "hard_sigmoid": (("1 / 6 everywhere", lambda z: np.full_like(z, 1 / 6)),),
    "sparse_sigmoid": (("1 / 2 everywhere", lambda z: np.full_like(z, 0.5)),),
    "hard_silu": (
        ("hard_sigmoid(z) alone: the slope of its second factor is left out", lambda z: np.clip(z / 6 + 0.5, 0.0, 1.0)),
        ("(z + 3) / 6 between -3 and 3", lambda z: np.where(np.abs(z) <= 3, (z + 3) / 6, np.where(z > 0, 1.0, 0.0))),
    ),
}


def with_slope(row: Elementwise, slope: Slope) -> Elementwise:
    return replace(
        row,
        slope=slope,
        slope_magnitude=lambda z: np.maximum(row.slope_magnitude(z), np.abs(slope(z))),
        slope_roundings=row.slope_roundings + MORE_ROUNDINGS,
    )


#: What the slopes of others are.
KNOWN: Mapping[str, str] = {
    "softplus": "sigmoid(z), that of softplus",
    "exponential": "exp(z), that of exponential",
    "sigmoid": "sigmoid(z) (1 - sigmoid(z)), that of sigmoid",
    "tanh": "1 - tanh(z)^2, that of tanh",
    "relu": "1 above 0 and 0 below, that of relu",
}


def of_slope(name: str, row: Activation) -> Iterator[Rival]:
    """Other slopes of one activation."""
    for words, change in (("negative", lambda u: np.maximum(u, 0)), ("positive", lambda u: np.minimum(u, 0))):
        says = f"the gradient of {{activation}} takes upstream gradients for 0 where they are {words}"
        yield Rival("upstream-changed", says, _from_upstream(name, change), about=name)
    if isinstance(row, Rowwise):
        for words, vjp in VJPS.get(name, ()):
            yield _sloped(name, f"the gradient of {{activation}} {words}", _with_vjp(row, vjp))
        return
    yield _sloped(name, "the slope of {activation} is left out", ACTIVATIONS["linear"], "slope-missing")
    value = row.value
    for words, slope in (
        *SLOPES.get(ALIASES.get(name, name), ()),
        ("its value", value),
        ("half of what it should be", lambda z: row.slope(z) / 2),
        ("twice what it should be", lambda z: 2 * row.slope(z)),
        ("negated", lambda z: -row.slope(z)),
        ("the square of what it should be", lambda z: row.slope(z) ** 2),
        ("taken of the output, not of z", lambda z: row.slope(value(z))),
    ):
        yield _sloped(name, f"the slope of {{activation}} is {words}", with_slope(row, slope))
    for other, other_row in ACTIVATIONS.items():
        if isinstance(other_row, Elementwise) and other_row is not row and other != "linear":
            words = KNOWN.get(other, f"that of {other}")
            yield _sloped(name, f"the slope of {{activation}} is {words}", other_row)


def _from_upstream(name: str, change: Callable[[Array], Array]) -> Callable[[Posed], Predicted | None]:
    def predict(posed: Posed) -> Predicted | None:
        return dict(gradients(posed, upstream=change)) if posed.question.config.activation == name else None

    return predict


def _sloped(name: str, says: str, row: Activation, defect: str = "slope-formula") -> Rival:
    def predict(posed: Posed) -> Predicted | None:
        return dict(gradients(posed, row=row)) if posed.question.config.activation == name else None

    return Rival(defect, says, predict, about=name)


def at_kinks(name: str, row: Elementwise, slopes: Mapping[float, float]) -> Rival:
    """Other slopes at points, elsewhere the right one."""

    def slope(z: Array) -> Array:
        found = row.slope(z)
        for point, value in slopes.items():
            found = np.where(z == point, value, found)
        return found

    told = " and ".join(f"{value:.6g} at {point:g}" for point, value in slopes.items())
    right = " and ".join(f"{float(row.slope(np.array([point]))[0]):.6g}" for point in slopes)
    exact = replace(row, slope=slope)
    return _sloped(name, f"the slope of {{activation}} is {told}, where {right} is right", exact, "slope-at-kink")


def plain_kinks(name: str, row: Elementwise) -> Iterator[Rival]:
    """Each kink with the slopes that a layer may well have there: 0, 1/2, 1, and the one of either side."""
    for kink in row.kinks:
        sides = row.slope(np.array([np.nextafter(kink, -np.inf), np.nextafter(kink, np.inf)]))
        right = float(row.slope(np.array([kink]))[0])
        for slope in sorted({0.0, 0.5, 1.0, *map(float, sides), float(sides.mean())} - {right}):
            yield at_kinks(name, row, {kink: slope})


# ---- activations of whole rows -------------------------------------------------------------------------------------


def _halves(z: Array) -> tuple[Array, Array]:
    half = z.shape[-1] // 2
    return z[..., :half], z[..., half:]


def _glu(to_linear: bool, to_gate: bool) -> Vjp:
    def vjp(z: Array, upstream: Array) -> Array:
        linear, gate = _halves(z)
        first = upstream * expit(gate) if to_linear else np.zeros_like(upstream)
        second = upstream * linear * expit(gate) * expit(-gate) if to_gate else np.zeros_like(upstream)
        return np.concatenate([first, second], axis=-1)

    return vjp


def _glu_by(to_gate: Callable[[Array, Array], Array]) -> Vjp:
    """to_gate: of the first half and the gate's sigmoid the derivative by the gate."""

    def vjp(z: Array, upstream: Array) -> Array:
        linear, gate = _halves(z)
        return np.concatenate([upstream * expit(gate), upstream * to_gate(linear, expit(gate))], axis=-1)

    return vjp


def _glu_exchanged(z: Array, upstream: Array) -> Array:
    return np.concatenate(_halves(_glu(True, True)(z, upstream))[::-1], axis=-1)


def _of_own_outputs(z: Array, upstream: Array) -> Array:
    outputs = ACTIVATIONS["sparsemax"].value(z)
    return outputs * (upstream - (outputs * upstream).sum(axis=-1, keepdims=True))


def _sparsemax_by_units(z: Array, upstream: Array) -> Array:
    support = ACTIVATIONS["sparsemax"].value(z) > 0
    return support * (upstream - (support * upstream).sum(axis=-1, keepdims=True) / z.shape[-1])


VJPS: Mapping[str, tuple[tuple[str, Vjp], ...]] = {
    "softmax": (
        ("has the diagonal of its Jacobian alone", lambda z, u: u * softmax(z) * (1 - softmax(z))),
        ("is softmax times the upstream gradient: the sum over the row is left out", lambda z, u: softmax(z) * u),
        ("is the upstream gradient itself", lambda z, u: u),
        ("is that of log_softmax", lambda z, u: u - softmax(z) * u.sum(axis=-1, keepdims=True)),
        ("is softmax less the upstream gradient", lambda z, u: softmax(z) - u),
        (
            "takes its sum over the whole batch, not over each row",
            lambda z, u: softmax(z) * (u - (softmax(z) * u).sum()),
        ),
        (
            "adds its sum instead of taking it off",
            lambda z, u: softmax(z) * (u + (softmax(z) * u).sum(axis=-1, keepdims=True)),
        ),
        (
            "takes its mean over the units for the sum",
            lambda z, u: softmax(z) * (u - (softmax(z) * u).mean(axis=-1, keepdims=True)),
        ),
        (
            "takes off the sum of the upstream gradient, which is not weighted by softmax",
            lambda z, u: softmax(z) * (u - u.sum(axis=-1, keepdims=True)),
        ),
        ("leaves out the factor softmax", lambda z, u: u - (softmax(z) * u).sum(axis=-1, keepdims=True)),
    ),
    "log_softmax": (
        (
            "does not couple the units: it is (1 - softmax) times the upstream gradient",
            lambda z, u: u * (1 - softmax(z)),
        ),
        ("is the upstream gradient itself", lambda z, u: u),
        ("is the upstream gradient less softmax", lambda z, u: u - softmax(z)),
        ("is that of softmax", ACTIVATIONS["softmax"].vjp),
        (
            "takes its own outputs for probabilities",
            lambda z, u: u - log_softmax(z) * u.sum(axis=-1, keepdims=True),
        ),
    ),
    "glu": (
        ("does not reach the gate", _glu(True, False)),
        ("reaches the gate alone", _glu(False, True)),
        ("has its two halves in each other's place", _glu_exchanged),
        ("leaves out the first half as a factor of the gate's", _glu_by(lambda a, s: np.ones_like(a) * s * (1 - s))),
        ("leaves out the slope of the gate's sigmoid", _glu_by(lambda a, s: a)),
        ("takes sigmoid for the slope of the gate's sigmoid", _glu_by(lambda a, s: a * s)),
    ),
    "sparsemax": (
        ("is the upstream gradient itself", lambda z, u: u),
        ("is that of softmax", ACTIVATIONS["softmax"].vjp),
        ("is that of softmax, of its own outputs", _of_own_outputs),
        ("divides the sum over the support by the number of units", _sparsemax_by_units),
        (
            "is the upstream gradient on the support, its mean not taken off",
            lambda z, u: u * (ACTIVATIONS["sparsemax"].value(z) > 0),
        ),
    ),
}


def _with_vjp(row: Rowwise, vjp: Vjp) -> Rowwise:
    def enclose_vjp(z: Array, error: Array, upstream: Array, format: object) -> tuple[Array, Array]:
        delta = vjp(z, upstream)
        _, own = row.enclose_vjp(z, error, upstream, format)  # type: ignore[arg-type]
        u = format.unit_roundoff  # type: ignore[attr-defined]
        total = np.abs(upstream).sum(axis=-1, keepdims=True)
        return delta, own + MORE_ROUNDINGS * u * (np.abs(delta) + total)

    return replace(row, vjp=vjp, enclose_vjp=enclose_vjp)
