"""Other definitions that real Keras computes in place of the true one, as rows of the same types.

The suite's errata say where each was seen. `hard_sigmoid` is no mistake: it is what Keras 2 meant by the name.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
from scipy.special import ndtr

from reference.activations import (
    CELU,
    GELU,
    HARD_SIGMOID,
    LEAKY_RELU,
    SELU,
    SELU_SCALE,
    SQUAREPLUS,
    Activation,
    normal_density,
    tail_product,
)
from reference.elementwise import Elementwise
from reference.formats import Array, Format
from reference.intervals import Interval, around
from reference.rowwise import Rowwise, Sorted, sort_rows, sorting_error

#: 1/sqrt(2) through float32, as a factor of the true one; and the float32 slope of leaky_relu.
GELU_SCALE = float(np.float32(0.7071067811865476)) * float(np.sqrt(2.0))
#: The same of versions that divide by sqrt(2), through float32.
GELU_QUOTIENT = float(np.sqrt(2.0)) / float(np.float32(1.4142135623730951))
LEAKY_SLOPE_FLOAT32 = float(np.float32(0.2))


def squareplus_overflowing(format: Format) -> Elementwise:
    """squareplus by the square of its argument, which overflows in this format: infinite from there on, both ways.

    Its slope there is a quotient of infinities, of which nothing is claimed.
    """
    limit = float(np.sqrt(min(format.overflow_threshold, np.finfo(np.float64).max)))

    def value(z: Array) -> Array:
        return np.where(np.abs(z) >= limit, np.inf, SQUAREPLUS.value(z))

    def slope(z: Array) -> Array:
        return np.where(np.abs(z) >= limit, np.nan, SQUAREPLUS.slope(z))

    return replace(SQUAREPLUS, value=value, slope=slope, turning_points=(-limit, limit))


def scaled_gelu(scale: float) -> Elementwise:
    """gelu whose normal distribution is taken of scale * z."""
    return replace(
        GELU,
        value=lambda z: tail_product(z, ndtr(scale * z)),
        slope=lambda z: ndtr(scale * z) + scale * tail_product(z, normal_density(scale * z)),
    )


# ---- Keras's sparsemax ---------------------------------------------------------------------------------------------


def summed_threshold(rows: Sorted) -> Array:
    """Keras's tau: the sum of the running sums over the support, where the last of them belongs."""
    total = np.where(rows.support, rows.sums, 0.0).sum(axis=-1, keepdims=True)
    return (total - 1) / rows.size


def summed_sparsemax(z: Array) -> Array:
    return np.maximum(z - summed_threshold(sort_rows(z)), 0.0)


def summed_sparsemax_vjp(z: Array, upstream: Array) -> Array:
    """The j-th of the support's k units, in descending order, stands in k - j + 1 of its running sums."""
    rows = sort_rows(z)
    passed = upstream * (z >= summed_threshold(rows))
    to_threshold = -passed.sum(axis=-1, keepdims=True)
    times = np.where(rows.support, rows.size - np.arange(z.shape[-1]), 0.0) / rows.size
    through = np.zeros_like(z)
    np.put_along_axis(through, rows.order, to_threshold * times, axis=-1)
    return passed + through


def _uncertainty(z: Array, error: Array, format: Format) -> tuple[Array, Array, Array]:
    """How far Keras's threshold may be off; whether the support may differ; whether it may even be empty: all (..., 1).

    From 2^precision on z - (z - 1) is 0, and so is the size of the support, by which Keras divides.
    """
    units, rows = z.shape[-1], sort_rows(z)
    worst = error.max(axis=-1, keepdims=True, initial=0.0)
    rounding = units * sorting_error(z, format)
    doubt = 2 * worst + sorting_error(z, format)
    decided = (np.abs(rows.margins) > doubt) | ((rows.margins == 0) & (worst == 0))
    off = worst * (units + 1) / 2 + rounding
    return off, ~decided.all(axis=-1, keepdims=True), np.abs(rows.margins[..., :1]) <= doubt


@np.errstate(all="ignore")
def enclose_summed_sparsemax(z: Array, error: Array, format: Format) -> Interval:
    off, undecided, may_be_empty = _uncertainty(z, error, format)
    enclosed = around(summed_sparsemax(z), error + off)
    highest = (
        (z.shape[-1] + 1) * (np.abs(z) + error).sum(axis=-1, keepdims=True) + 1 + off
    )  # z - tau, whatever the support
    highest = np.where(may_be_empty, np.inf, highest)
    return Interval(np.where(undecided, 0.0, enclosed.lower), np.where(undecided, highest, enclosed.upper))


@np.errstate(all="ignore")
def enclose_summed_sparsemax_vjp(z: Array, error: Array, upstream: Array, format: Format) -> tuple[Array, Array]:
    off, undecided, may_be_empty = _uncertainty(z, error, format)
    rows, units = sort_rows(z), z.shape[-1]
    gaps, above = -np.diff(rows.values, axis=-1), z - summed_threshold(rows)
    exact = (error == 0).all(axis=-1, keepdims=True)
    unordered = (np.where(rows.support[..., 1:], gaps, np.inf) <= 2 * error.max(initial=0.0)).any(
        axis=-1, keepdims=True
    ) & ~exact
    on_edge = ((np.abs(above) <= error + off) & ~(exact & (above == 0))).any(axis=-1, keepdims=True)
    total = np.abs(upstream).sum(axis=-1, keepdims=True)
    rounding = (2 * units + 8) * format.unit_roundoff * (np.abs(upstream) + units * total)
    delta = summed_sparsemax_vjp(z, upstream)
    any_support = np.abs(delta) + np.abs(upstream) + total
    doubt = np.where(undecided | unordered | on_edge, any_support, 0.0)
    return delta, np.where(may_be_empty, np.inf, rounding + doubt)


# ---- the rows ------------------------------------------------------------------------------------------------------

RIVALS: Mapping[str, Activation] = {
    "sparsemax": Rowwise(
        summed_sparsemax, summed_sparsemax_vjp, enclose_summed_sparsemax, enclose_summed_sparsemax_vjp
    ),
    "celu": replace(
        CELU, slope=lambda z: np.where(z == 0, 2.0, CELU.slope(z)), slope_turning_points=(0.0,)
    ),  # maximum and minimum both pass the gradient on at 0
    "selu": replace(SELU, slope=lambda z: np.where(z == 0, SELU_SCALE, SELU.slope(z))),
    "gelu": scaled_gelu(GELU_SCALE),
    "gelu_by_quotient": scaled_gelu(GELU_QUOTIENT),
    "leaky_relu": replace(
        LEAKY_RELU,
        value=lambda z: np.where(z > 0, z, LEAKY_SLOPE_FLOAT32 * z),
        slope=lambda z: np.where(z > 0, 1.0, LEAKY_SLOPE_FLOAT32),
    ),
    "hard_sigmoid": replace(
        HARD_SIGMOID,
        value=lambda z: np.clip(0.2 * z + 0.5, 0.0, 1.0),
        slope=lambda z: np.where(np.abs(z) < 2.5, 0.2, 0.0),
        magnitude=lambda z: np.where(np.abs(z) > 2.5, 0.0, 0.2 * np.abs(z) + 0.5),
        slope_magnitude=lambda z: np.where(np.abs(z) > 2.5, 0.0, 0.2),
        turning_points=(-2.5, 2.5),
        slope_turning_points=(-2.5, 2.5),
        kinks=(-2.5, 2.5),
        exact_where=lambda z, format: np.asarray((np.abs(z) >= 3) & np.isfinite(z)),
        kink_shift=0.5 / LEAKY_SLOPE_FLOAT32,  # 2.5 but for the rounding of 0.2: on which side 2.5 itself is, is open
    ),
}
