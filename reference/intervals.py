"""Intervals that are certain to hold a result, element by element. Nothing here knows of Dense.

The words are those of the field (Arb, MPFI): lower, upper, contains. Every operation rounds outwards, so that an
interval that holds the operands' true values gives one that holds the true result. An interval of the whole line makes
no claim: it admits everything, NaN included.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from reference.formats import Array, Format, Mask


@dataclass(frozen=True)
class Interval:
    """Every correct result lies in [lower, upper], element by element. Both are float64 arrays of one shape."""

    lower: Array
    upper: Array

    @property
    def shape(self) -> tuple[int, ...]:
        return self.lower.shape

    @property
    def is_exact(self) -> Mask:
        """True where one value alone is right."""
        return np.asarray(self.lower == self.upper)

    @property
    def makes_no_claim(self) -> Mask:
        """True where the interval is the whole line."""
        return np.asarray((self.lower == -np.inf) & (self.upper == np.inf))

    @property
    def width(self) -> Array:
        """How far apart two members may be; NaN where both ends are one infinity."""
        with np.errstate(invalid="ignore"):
            return self.upper - self.lower

    @property
    def middle(self) -> Array:
        """Halfway between the ends; NaN where they are opposite infinities."""
        with np.errstate(invalid="ignore"):
            return (self.lower + self.upper) / 2

    def contains(self, values: Array) -> Mask:
        """True where values lie inside, ends included. NaN lies in no interval but one that makes no claim."""
        with np.errstate(invalid="ignore"):
            return np.asarray((self.lower <= values) & (values <= self.upper)) | self.makes_no_claim

    def encloses(self, other: Interval) -> Mask:
        """True where the other interval lies inside this one."""
        return np.asarray((self.lower <= other.lower) & (other.upper <= self.upper))

    def widened(self, by: Array | float) -> Interval:
        """The interval with `by` >= 0 more on either side. An infinite or NaN `by` leaves no claim."""
        with np.errstate(all="ignore"):
            return outward(self.lower - by, self.upper + by, exact=np.asarray(by) == 0)

    def overflowing(self, format: Format) -> Interval:
        """Ends at or beyond the format's overflow threshold become infinities: there the format has nothing else."""
        limit = format.overflow_threshold
        return Interval(_overflow(self.lower, limit), _overflow(self.upper, limit))

    def __add__(self, other: Interval) -> Interval:
        with np.errstate(all="ignore"):
            return outward(self.lower + other.lower, self.upper + other.upper)

    def __sub__(self, other: Interval) -> Interval:
        with np.errstate(all="ignore"):
            return outward(self.lower - other.upper, self.upper - other.lower)

    def __mul__(self, other: Interval) -> Interval:
        with np.errstate(all="ignore"):
            corners = np.stack([a * b for a in (self.lower, self.upper) for b in (other.lower, other.upper)])
            return outward(corners.min(axis=0), corners.max(axis=0))


def point(values: ArrayLike) -> Interval:
    """The interval that holds one value: nothing else is right."""
    values = np.asarray(values, np.float64)
    return Interval(values, values)


def around(center: ArrayLike, radius: Array | float) -> Interval:
    """[center - radius, center + radius]; the point itself where the radius is 0."""
    return point(center).widened(radius)


def no_claim(shape: tuple[int, ...]) -> Interval:
    """The whole line: admits everything."""
    return Interval(np.full(shape, -np.inf), np.full(shape, np.inf))


def hull(intervals: Iterable[Interval]) -> Interval:
    """The smallest interval that encloses all of them."""
    intervals = tuple(intervals)
    lower = np.minimum.reduce([interval.lower for interval in intervals])
    return Interval(lower, np.maximum.reduce([interval.upper for interval in intervals]))


def where(condition: Mask, chosen: Interval, otherwise: Interval) -> Interval:
    """Element by element, the one or the other."""
    lower = np.where(condition, chosen.lower, otherwise.lower)
    return Interval(lower, np.where(condition, chosen.upper, otherwise.upper))


def image(function: Callable[[Array], Array], of: Interval, *, turning_points: Iterable[float] = ()) -> Interval:
    """The range of `function` over an interval: its ends, and each extremum or jump in between with both one-sided
    limits.

    `function` must be monotone between neighbouring turning points. A NaN of the function leaves no claim.
    """
    with np.errstate(all="ignore"):
        ends = np.stack([function(of.lower), function(of.upper)])
        lower, upper = ends.min(axis=0), ends.max(axis=0)
        for turn in turning_points:
            inside = (of.lower <= turn) & (turn <= of.upper) & ~of.is_exact
            if inside.any():
                near = function(np.array([np.nextafter(turn, -np.inf), turn, np.nextafter(turn, np.inf)]))
                lower = np.where(inside, np.minimum(lower, near.min()), lower)
                upper = np.where(inside, np.maximum(upper, near.max()), upper)
        return claimed(lower, upper)


def claimed(lower: Array, upper: Array) -> Interval:
    """[lower, upper], or no claim where an end is NaN."""
    unknown = np.isnan(lower) | np.isnan(upper)
    return Interval(np.where(unknown, -np.inf, lower), np.where(unknown, np.inf, upper))


def outward(lower: Array, upper: Array, *, exact: ArrayLike = False) -> Interval:
    """[lower, upper] moved outwards by one float64 each, which covers one rounding; not where `exact`."""
    down = np.where(exact, lower, np.nextafter(lower, -np.inf))
    return claimed(down, np.where(exact, upper, np.nextafter(upper, np.inf)))


def _overflow(ends: Array, limit: float) -> Array:
    return np.where(ends >= limit, np.inf, np.where(ends <= -limit, -np.inf, ends))
