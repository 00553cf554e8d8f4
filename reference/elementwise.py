"""The row type of an elementwise activation: its value and slope, and what a bound must know of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from reference.formats import FLOAT64, Array, Format, Mask
from reference.intervals import Interval, around, image, no_claim, point, where

Function = Callable[[Array], Array]
Decision = Callable[[Array, Format], Mask]

#: The reference's own error of a value or slope, in float64 roundoffs of its magnitude: the special functions of NumPy
#: and SciPy are good to a few. Held to Arb by tests/reference/test_activation_accuracy.py, which states the worst
#: (4.4).
OWN_ROUNDINGS = 8.0
#: What an implementation may lose below the normal numbers: a flushed result, and 1 / largest where exp overflows
#: inside. docs/numerics.md, 3.
UNDERFLOWS = 4.0


def nowhere(z: Array, format: Format) -> Mask:
    """No argument has one result alone that is right, but for what a row of no roundings computes."""
    return np.zeros(z.shape, bool)


def flushed(values: Array, error: Array, format: Format) -> Array:
    """What is lost where a number within `error` of the values is subnormal, so that 0 may be taken for it."""
    subnormal = (np.abs(values) - error < format.smallest_normal) & ~((values == 0) & (error == 0))
    return np.where(subnormal, format.smallest_normal, 0.0)


@dataclass(frozen=True)
class Curvature:
    """The second derivative: value and magnitude as for a slope; roundings in units of u * magnitude."""

    value: Function
    magnitude: Function
    roundings: float
    turning_points: tuple[float, ...] = ()


@dataclass(frozen=True)
class Elementwise:
    """A function of each pre-activation alone. All functions map float64 arrays of any shape to the same shape.

    slope: its derivative; at a kink, what eager TensorFlow, tf.function and XLA agree on. magnitude, slope_magnitude:
    the formula on absolute values: what cancellation can destroy. roundings, slope_roundings: the error that a right
    implementation may make, in units of u * magnitude. turning_points, slope_turning_points: extrema and jumps;
    between them the function is monotone. magnitude_peaks: maxima of either magnitude that are at none of these, nor at
    a kink, nor at 0. kinks: where the slope jumps. exact_where: the exact arguments for which
    one value alone is right although the row rounds. is_product: z times something, so that the factor's underflow is
    scaled by |z|. kink_shift: a constant that the formula adds to z before it looks on which side of a kink it is.
    multiplies_by: what a usual formula multiplies z by before it divides; nothing is claimed where that overflows.
    """

    value: Function
    slope: Function
    magnitude: Function
    slope_magnitude: Function
    roundings: float = 0.0
    slope_roundings: float = 0.0
    turning_points: tuple[float, ...] = ()
    slope_turning_points: tuple[float, ...] = ()
    magnitude_peaks: tuple[float, ...] = ()
    kinks: tuple[float, ...] = ()
    exact_where: Decision = nowhere
    is_product: bool = False
    kink_shift: float = 0.0
    multiplies_by: float = 1.0
    curvature: Curvature | None = None

    def output_units(self, units: int) -> int:
        return units

    def vjp(self, z: Array, upstream: Array) -> Array:
        """The gradient of sum(upstream * value(z)), shaped as z."""
        return upstream * self.slope(z)

    @np.errstate(all="ignore")
    def enclose(self, z: Array, error: Array, format: Format) -> Interval:
        """The interval of every right value, stored in the format, for pre-activations within `error` of z.

        One value alone where error is 0 and the row rounds nothing there. Infinite error: no claim.
        """
        near = around(z, error + flushed(z, error, format))
        values = image(self.value, near, turning_points=self.turning_points)
        if self.roundings:
            evaluated = values.widened(self._evaluation(self.magnitude, self.roundings, near, format))
            stored = format.unit_roundoff * np.fmax(np.abs(evaluated.lower), np.abs(evaluated.upper))
            rounded = evaluated.widened(stored + self._underflow(near, format))
        else:
            rounded = values.widened(flushed(z, error, format))  # TensorFlow's relu(z) is z where it takes z < 0 for 0
        exact = near.is_exact & self.exact_where(z, format)
        enclosed = where(exact, point(np.where(exact, self.value(z), 0.0)), rounded).overflowing(format)
        multiplied = self.multiplies_by == 1 or self.multiplies_by * (np.abs(z) + error) < format.largest
        return where(np.isfinite(error) & multiplied, enclosed, no_claim(z.shape))

    @np.errstate(all="ignore")
    def enclose_vjp(self, z: Array, error: Array, upstream: Array, format: Format) -> tuple[Array, Array]:
        """delta = upstream * slope(z), and how far a right implementation's may be from it; infinite: no claim."""
        slope, slope_error = self._enclose_slope(z, error, format)
        delta = upstream * slope
        delta_error = np.abs(upstream) * slope_error
        if self.slope_roundings:
            own = FLOAT64.unit_roundoff * np.abs(delta)
            stored = format.unit_roundoff * (np.abs(delta) + delta_error) + own
            delta_error = delta_error + stored + self._underflow(around(z, error), format) * (1 + np.abs(upstream))
        else:
            delta_error = delta_error + flushed(delta, delta_error, format)
        held = (np.abs(slope) + slope_error, np.abs(delta) + delta_error, self._product_size(z, error, upstream))
        claimed = (np.maximum.reduce(held) < format.largest) & np.isfinite(error)
        return np.where(claimed, delta, 0.0), np.where(claimed, delta_error, np.inf)

    @np.errstate(all="ignore")
    def enclose_curvature(self, z: Array, error: Array, format: Format) -> tuple[Array, Array]:
        """The second derivative at z, and how far a right implementation's may be from it; infinite: no claim.

        Raises ValueError for a row that states none.
        """
        if self.curvature is None:
            raise ValueError("this activation's row states no curvature")
        row, near = self.curvature, around(z, error + flushed(z, error, format))
        value, value_error = _distance(row.value, row.turning_points, near, z)
        lost = UNDERFLOWS * format.smallest_normal if row.roundings else 0.0
        value_error = value_error + self._evaluation(row.magnitude, row.roundings, near, format) + lost
        claimed = (np.abs(value) + value_error < format.largest) & np.isfinite(error)
        return np.where(claimed, value, 0.0), np.where(claimed, value_error, np.inf)

    def _enclose_slope(self, z: Array, error: Array, format: Format) -> tuple[Array, Array]:
        """The slope at z, and how far a right implementation's may be from it: it may see a kink elsewhere, too."""
        near = around(z, error + flushed(z, error, format) + self._shift(z, error, format))
        slope, slope_error = _distance(self.slope, self.slope_turning_points, near, z)
        return slope, slope_error + self._evaluation(self.slope_magnitude, self.slope_roundings, near, format)

    def _shift(self, z: Array, error: Array, format: Format) -> Array:
        """How far a kink may seem to be moved by the rounding of z + kink_shift: not at all where that is exact."""
        if not self.kink_shift:
            return np.zeros_like(z)
        certain = (error == 0) & format.adds_exactly(z, self.kink_shift) & format.adds_exactly(z, -self.kink_shift)
        return np.where(certain, 0.0, 2 * format.unit_roundoff * (np.abs(z) + error + self.kink_shift))

    def _evaluation(self, magnitude: Function, roundings: float, near: Interval, format: Format) -> Array:
        """K u Q, and the reference's own error: Q at its greatest over the interval."""
        if not roundings:
            return np.zeros(near.shape)
        peaks = (0.0, *self.kinks, *self.turning_points, *self.magnitude_peaks)
        greatest = image(magnitude, near, turning_points=peaks).upper
        return (roundings * format.unit_roundoff + OWN_ROUNDINGS * FLOAT64.unit_roundoff) * greatest

    def _product_size(self, z: Array, error: Array, upstream: Array) -> Array:
        """|upstream| |z|, which a product's gradient in TensorFlow takes first."""
        return np.abs(upstream) * (np.abs(z) + error) if self.is_product else np.zeros_like(z)

    def _underflow(self, near: Interval, format: Format) -> Array:
        factor = np.fmax(np.abs(near.lower), np.abs(near.upper)) if self.is_product else np.zeros_like(near.lower)
        return UNDERFLOWS * format.smallest_normal * (1 + factor)


def _distance(function: Function, turning_points: tuple[float, ...], near: Interval, z: Array) -> tuple[Array, Array]:
    """The function at z, and its greatest distance from there over the interval."""
    value, range_ = function(z), image(function, near, turning_points=turning_points)
    return value, np.where(near.is_exact, 0.0, np.fmax(range_.upper - value, value - range_.lower))
