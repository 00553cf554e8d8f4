"""Activations that couple the units of a row: softmax, log_softmax, sparsemax and glu, always on the last axis.

The enclosures are those of docs/numerics.md, 3: z (..., units) and its error of the same shape give the interval of the
outputs (..., output units), and of delta (..., units) for an upstream gradient (..., output units).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from reference.elementwise import OWN_ROUNDINGS, UNDERFLOWS
from reference.formats import FLOAT64, Array, Format, Mask
from reference.intervals import Interval, around, image, no_claim, where

Enclosure = Callable[[Array, Array, Format], Interval]
EnclosedVjp = Callable[[Array, Array, Array, Format], tuple[Array, Array]]

#: Roundings of exp (6), of the shift by the maximum (2), of the quotient (2) and of the store's neighbours (2), in u:
#: the OpenCL full profile's error table, as for every other activation. docs/numerics.md, 3.
SOFTMAX_ROUNDINGS = 12.0
#: The same for a sigmoid and its slope: rows `sigmoid` of reference.activations.
SIGMOID_ROUNDINGS, SIGMOID_SLOPE_ROUNDINGS = 12.0, 26.0


@dataclass(frozen=True)
class Rowwise:
    """A function of whole rows. value: (..., units) → (..., output units); vjp(z, upstream) → delta, shaped as z.

    enclose and enclose_vjp mean the same as for an elementwise row.
    """

    value: Callable[[Array], Array]
    vjp: Callable[[Array, Array], Array]
    enclose: Enclosure
    enclose_vjp: EnclosedVjp
    units_per_output: int = 1
    kinks: tuple[float, ...] = ()

    def output_units(self, units: int) -> int:
        return units // self.units_per_output


# ---- softmax and log_softmax ---------------------------------------------------------------------------------------


def softmax(z: Array) -> Array:
    """exp(z) / sum exp(z), shifted by the maximum."""
    weights = np.exp(z - z.max(axis=-1, keepdims=True, initial=-np.inf))
    return weights / weights.sum(axis=-1, keepdims=True)


def softmax_vjp(z: Array, upstream: Array) -> Array:
    p = softmax(z)
    return p * (upstream - (p * upstream).sum(axis=-1, keepdims=True))


def log_softmax(z: Array) -> Array:
    """z - log sum exp(z), shifted by the maximum."""
    shifted = z - z.max(axis=-1, keepdims=True, initial=-np.inf)
    return shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True))


def log_softmax_vjp(z: Array, upstream: Array) -> Array:
    return upstream - softmax(z) * upstream.sum(axis=-1, keepdims=True)


@dataclass(frozen=True)
class _Probabilities:
    """softmax's interval before any evaluation error: from the sums of exp(z_j - z_i) over the other units j.

    roundings: the relative error of an evaluation, in units of u.
    """

    value: Array
    lower: Array
    upper: Array
    distance: Array
    weighted_distance: Array

    def roundings(self, units: int) -> Array:
        return SOFTMAX_ROUNDINGS + 2 * self.distance + 2 * self.weighted_distance + units


def _apart(z: Array, error: Array) -> tuple[Array, Array]:
    """z_j - z_i at its least and greatest, (..., i, j); minus infinity for a unit itself."""
    apart = z[..., None, :] - z[..., :, None]
    doubt = error[..., None, :] + error[..., :, None]
    others = ~np.eye(z.shape[-1], dtype=bool)
    return np.where(others, apart - doubt, -np.inf), np.where(others, apart + doubt, -np.inf)


def _log_of_all(apart: Array) -> Array:
    """log(1 + sum_j exp(apart_j)), also where the sum is beyond every number."""
    total, largest = np.exp(apart).sum(axis=-1), apart.max(axis=-1, keepdims=True, initial=-np.inf)
    shifted = largest[..., 0] + np.log(np.exp(apart - largest).sum(axis=-1))
    return np.where(np.isinf(total), shifted, np.log1p(total))


def _probabilities(z: Array, error: Array) -> _Probabilities:
    least, greatest = (np.exp(apart).sum(axis=-1) for apart in _apart(z, error))
    lower, upper = 1 / (1 + greatest), 1 / (1 + least)
    distance = z.max(axis=-1, keepdims=True, initial=-np.inf) - z + error
    weighted = np.where(upper > 0, upper * distance, 0.0).sum(axis=-1, keepdims=True)
    return _Probabilities(softmax(z), lower, upper, distance, weighted)


def _roundoff(format: Format) -> float:
    """u of the format, and of the reference's own float64 evaluation by the same steps."""
    return format.unit_roundoff + FLOAT64.unit_roundoff


@np.errstate(all="ignore")
def enclose_softmax(z: Array, error: Array, format: Format) -> Interval:
    p, units = _probabilities(z, error), z.shape[-1]
    if units == 1:
        # exp(0) / exp(0) = 1 / 1, but for a quotient that is faithful only: TensorFlow's own can be 1 - u
        return Interval(np.full_like(z, 1 - format.unit_roundoff), np.full_like(z, 1 + 2 * format.unit_roundoff))
    evaluation = np.where(p.upper > 0, _roundoff(format) * p.roundings(units) * p.upper, 0.0)
    stored = format.unit_roundoff * p.upper + UNDERFLOWS * format.smallest_normal
    return Interval(p.lower, p.upper).widened(evaluation + stored)


@np.errstate(all="ignore")
def enclose_softmax_vjp(z: Array, error: Array, upstream: Array, format: Format) -> tuple[Array, Array]:
    units, u = z.shape[-1], _roundoff(format)
    if units == 1:
        # p is within 2 u of 1: two terms of the size of the upstream gradient that differ by that and two roundings
        return np.zeros_like(z), 4 * u * np.abs(upstream)
    p, p_error = _probability_error(z, error, format)
    lost = UNDERFLOWS * format.smallest_normal
    dot = (p * upstream).sum(axis=-1, keepdims=True)
    size = np.abs(upstream)
    absolute_dot = ((p + p_error) * size).sum(axis=-1, keepdims=True)
    dot_error = (p_error * size).sum(axis=-1, keepdims=True) + (units + 2) * u * absolute_dot + lost
    delta = p * (upstream - dot)
    inherited = p_error * np.abs(upstream - dot) + (p + p_error) * (dot_error + 2 * u * (size + absolute_dot))
    return delta, _claimed(inherited + 2 * u * (np.abs(delta) + inherited) + 2 * lost)


@np.errstate(all="ignore")
def enclose_log_softmax(z: Array, error: Array, format: Format) -> Interval:
    p, units = _probabilities(z, error), z.shape[-1]
    log_sum = np.abs(np.log(np.exp(-(p.distance - error)).sum(axis=-1, keepdims=True)))
    roundings = 6 * log_sum + p.roundings(units)
    least, greatest = (_log_of_all(apart) for apart in _apart(z, error))
    exact = Interval(-greatest, -least)
    evaluated = exact.widened(_roundoff(format) * roundings)
    stored = format.unit_roundoff * np.abs(evaluated.lower) + UNDERFLOWS * format.smallest_normal
    return evaluated.widened(stored).overflowing(format)


@np.errstate(all="ignore")
def enclose_log_softmax_vjp(z: Array, error: Array, upstream: Array, format: Format) -> tuple[Array, Array]:
    units, u = z.shape[-1], _roundoff(format)
    p, p_error = _probability_error(z, error, format)
    # exp of the stored logarithm: its rounding becomes a relative error of p
    p_error = p_error + u * (2 * np.abs(log_softmax(z)) + 8) * (p + p_error)
    total = upstream.sum(axis=-1, keepdims=True)
    absolute_total = np.abs(upstream).sum(axis=-1, keepdims=True)
    delta = upstream - p * total
    inherited = p_error * np.abs(total) + (p + p_error) * (units + 3) * u * absolute_total + u * p * np.abs(total)
    lost = 2 * UNDERFLOWS * format.smallest_normal * (1 + absolute_total)
    return delta, _claimed(inherited + u * (np.abs(delta) + inherited) + lost)


def _probability_error(z: Array, error: Array, format: Format) -> tuple[Array, Array]:
    """softmax, and how far a right implementation's stored value may be from it."""
    p, u = _probabilities(z, error), _roundoff(format)
    spread = np.maximum(p.upper - p.value, p.value - p.lower)
    relative = np.where(p.upper > 0, u * (p.roundings(z.shape[-1]) + 1) * p.upper, 0.0)
    return p.value, spread + relative + UNDERFLOWS * format.smallest_normal


def _claimed(error: Array) -> Array:
    return np.where(np.isnan(error), np.inf, error)


# ---- glu -----------------------------------------------------------------------------------------------------------


def _halves(z: Array) -> tuple[Array, Array]:
    half = z.shape[-1] // 2
    return z[..., :half], z[..., half:]


def glu(z: Array) -> Array:
    """The first half of the units times the sigmoid of the second half."""
    linear, gate = _halves(z)
    return linear * expit(gate)


def glu_vjp(z: Array, upstream: Array) -> Array:
    linear, gate = _halves(z)
    return np.concatenate([upstream * expit(gate), upstream * linear * _sigmoid_slope(gate)], axis=-1)


def _sigmoid_slope(z: Array) -> Array:
    return np.asarray(expit(z) * expit(-z))


@np.errstate(all="ignore")
def enclose_glu(z: Array, error: Array, format: Format) -> Interval:
    (linear, gate), (linear_error, gate_error) = _halves(z), _halves(error)
    gates = image(expit, around(gate, gate_error))
    size = np.abs(linear) + linear_error
    values = around(linear, linear_error) * gates
    evaluation = (SIGMOID_ROUNDINGS + 1) * format.unit_roundoff + OWN_ROUNDINGS * FLOAT64.unit_roundoff
    stored = format.unit_roundoff * size * gates.upper + UNDERFLOWS * format.smallest_normal * (1 + size)
    enclosed = values.widened(evaluation * size * gates.upper + stored).overflowing(format)
    return where(np.isfinite(linear_error + gate_error), enclosed, no_claim(enclosed.shape))


@np.errstate(all="ignore")
def enclose_glu_vjp(z: Array, error: Array, upstream: Array, format: Format) -> tuple[Array, Array]:
    (linear, gate), (linear_error, gate_error) = _halves(z), _halves(error)
    u, lost, size = format.unit_roundoff, UNDERFLOWS * format.smallest_normal, np.abs(upstream)
    near = around(gate, gate_error)
    gates, slopes = image(expit, near), image(_sigmoid_slope, near, turning_points=(0.0,))
    own = OWN_ROUNDINGS * FLOAT64.unit_roundoff
    value_error = _radius(gates, expit(gate), near) + (SIGMOID_ROUNDINGS * u + own) * gates.upper
    slope = _sigmoid_slope(gate)
    slope_error = _radius(slopes, slope, near) + (SIGMOID_SLOPE_ROUNDINGS * u + own) * gates.upper
    to_linear, to_gate = upstream * expit(gate), upstream * linear * slope
    linear_doubt = size * value_error
    gate_doubt = size * ((np.abs(linear) + linear_error) * slope_error + linear_error * slope)
    errors = (
        linear_doubt + (u + own) * (np.abs(to_linear) + linear_doubt) + lost * (1 + size),
        gate_doubt + 2 * (u + own) * (np.abs(to_gate) + gate_doubt) + lost * (1 + size) * (1 + np.abs(linear)),
    )
    # TensorFlow takes upstream * linear first
    known = np.isfinite(linear_error + gate_error) & (size * (np.abs(linear) + linear_error) < format.largest)
    known = np.tile(known, 2)
    doubts = np.where(known, np.concatenate(errors, axis=-1), np.inf)
    return np.concatenate([to_linear, to_gate], axis=-1), _claimed(doubts)


def _radius(range_: Interval, value: Array, near: Interval) -> Array:
    return np.where(near.is_exact, 0.0, np.fmax(range_.upper - value, value - range_.lower))


# ---- sparsemax -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Sorted:
    """Rows in descending order, equal ones in the order of their units, with the running sums and the support."""

    order: NDArray[np.intp]
    values: Array
    sums: Array
    margins: Array

    @property
    def support(self) -> Mask:
        return np.asarray(self.margins > 0)

    @property
    def size(self) -> Array:
        """How many units the support has, (..., 1)."""
        return self.support.sum(axis=-1, keepdims=True).astype(np.float64)


def sort_rows(z: Array) -> Sorted:
    """Unit j of the sorted row is in the support where it exceeds the threshold that the first j units would have."""
    order = np.argsort(-z, axis=-1, kind="stable")
    values = np.take_along_axis(z, order, axis=-1)
    sums = np.cumsum(values, axis=-1)
    return Sorted(order, values, sums, values - (sums - 1) / np.arange(1, z.shape[-1] + 1))


def above_threshold(z: Array) -> Array:
    """z - tau, tau being the sum over the support, less 1, shared among its units. Martins and Astudillo, ICML 2016.

    Taken of z less its maximum, which changes nothing but that the first unit is in the support however large z is.
    """
    shifted = z - z.max(axis=-1, keepdims=True, initial=-np.inf)
    rows = sort_rows(shifted)
    sum_of_support = np.where(rows.support, rows.values, 0.0).sum(axis=-1, keepdims=True)
    return shifted - (sum_of_support - 1) / rows.size


def sparsemax(z: Array) -> Array:
    """The point of the probability simplex that is nearest to z."""
    return np.maximum(above_threshold(z), 0.0)


def sparsemax_vjp(z: Array, upstream: Array) -> Array:
    support = above_threshold(z) > 0
    mean = (upstream * support).sum(axis=-1, keepdims=True) / support.sum(axis=-1, keepdims=True)
    return support * (upstream - mean)


def sorting_error(z: Array, format: Format) -> Array:
    """The evaluation error of a threshold (..., 1): running sums of `units` terms and a few operations around them."""
    units = z.shape[-1]
    return (2 * units + 8) * _roundoff(format) * (np.abs(z).sum(axis=-1, keepdims=True) + 1)


@np.errstate(all="ignore")
def enclose_sparsemax(z: Array, error: Array, format: Format) -> Interval:
    """A projection onto a convex set moves no farther than its argument, in the Euclidean norm."""
    moved = np.sqrt((error**2).sum(axis=-1, keepdims=True))
    enclosed = around(sparsemax(z), np.broadcast_to(moved + sorting_error(z, format), z.shape))
    certain = (np.isfinite(z) & np.isfinite(error)).all(axis=-1, keepdims=True)
    lower, upper = np.maximum(enclosed.lower, 0.0), enclosed.upper
    return Interval(np.where(certain, lower, -np.inf), np.where(certain, upper, np.inf))


@np.errstate(all="ignore")
def enclose_sparsemax_vjp(z: Array, error: Array, upstream: Array, format: Format) -> tuple[Array, Array]:
    """Where a unit is so near the threshold that it may be on either side of it, what holds for every support: delta is
    an upstream gradient less a mean of them.
    """
    moved = np.sqrt((error**2).sum(axis=-1, keepdims=True)) + error + sorting_error(z, format)
    certain = (np.abs(above_threshold(z)) > moved).all(axis=-1, keepdims=True)
    delta, total = sparsemax_vjp(z, upstream), np.abs(upstream).sum(axis=-1, keepdims=True)
    rounding = (z.shape[-1] + 4) * _roundoff(format) * (np.abs(upstream) + total)
    any_support = np.abs(delta) + 2 * np.abs(upstream).max(axis=-1, keepdims=True, initial=0.0)
    doubt = np.where(certain, 0.0, any_support)
    return delta, np.where(np.isfinite(moved), rounding + doubt, np.inf)
