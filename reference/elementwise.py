"""The row type of an elementwise activation: its value and slope, and what a bound must know of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from reference.formats import FLOAT64, Array, Format, Mask
from reference.intervals import Interval, around, image, point, where

Function = Callable[[Array], Array]
Decision = Callable[[Array, Format], Mask]

#: The reference's own error of a value or slope, in float64 roundoffs of its magnitude: the special functions of NumPy
#: and
#: SciPy are good to a few. Held to Arb by tests/reference/test_activation_accuracy.py, which states the worst.
OWN_ROUNDINGS = 8.0
#: What an implementation may lose below the normal numbers: a flushed result, and 1 / largest where exp overflows
#: inside.
#: docs/numerics.md, 1.
UNDERFLOWS = 4.0


def everywhere(z: Array, format: Format) -> Mask:
    """Computed without any rounding, wherever the argument is exact."""
    return np.isfinite(z)


def nowhere(z: Array, format: Format) -> Mask:
    """No argument has a result that every right implementation computes alike."""
    return np.zeros(z.shape, bool)


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
    between them the function is monotone. kinks: where the slope jumps. exact_where, slope_exact_where: the exact
    arguments for which one result alone is right. is_product: z times something, so that the factor's underflow is
    scaled by |z|. kink_shift: a constant that the formula adds to z before it looks on which side of a kink it is.
    """

    value: Function
    slope: Function
    magnitude: Function
    slope_magnitude: Function
    roundings: float = 0.0
    slope_roundings: float = 0.0
    turning_points: tuple[float, ...] = ()
    slope_turning_points: tuple[float, ...] = ()
    kinks: tuple[float, ...] = ()
    exact_where: Decision = nowhere
    slope_exact_where: Decision = nowhere
    is_product: bool = False
    kink_shift: float = 0.0
    curvature: Curvature | None = None

    def output_units(self, units: int) -> int:
        return units

    def vjp(self, z: Array, upstream: Array) -> Array:
        """The gradient of sum(upstream * value(z)), shaped as z."""
        return upstream * self.slope(z)

    @np.errstate(all="ignore")
    def enclose(self, z: Array, error: Array, format: Format) -> Interval:
        """The interval of every right value, stored in the format, for pre-activations within `error` of z.

        Where error is 0 and the row says so, one value alone. Infinite error: no claim.
        """
        near = around(z, error)
        values = image(self.value, near, turning_points=self.turning_points)
        evaluated = values.widened(self._evaluation(self.magnitude, self.roundings, near, z, format))
        stored = format.unit_roundoff * np.fmax(np.abs(evaluated.lower), np.abs(evaluated.upper))
        rounded = evaluated.widened(stored + self._underflow(near, format)) if self.roundings else evaluated
        exact = (error == 0) & self.exact_where(z, format)
        return where(exact, point(np.where(exact, self.value(z), 0.0)), rounded).overflowing(format)

    @np.errstate(all="ignore")
    def enclose_vjp(self, z: Array, error: Array, upstream: Array, format: Format) -> tuple[Array, Array]:
        """delta = upstream * slope(z), and how far a right implementation's may be from it; infinite: no claim."""
        near = around(z, error + self._shift(z, error, format))
        slope, slope_error = self._derivative(self.slope, self.slope_turning_points, near, z)
        slope_error = slope_error + self._evaluation(self.slope_magnitude, self.slope_roundings, near, z, format)
        delta = upstream * slope
        inherited = np.abs(upstream) * slope_error
        stored = format.unit_roundoff * (np.abs(delta) + inherited)
        lost = self._underflow(near, format) * (1 + np.abs(upstream))
        rounded = inherited + stored + lost + FLOAT64.unit_roundoff * np.abs(delta)
        exact = (error == 0) & self.slope_exact_where(z, format)
        may_overflow = ~(np.abs(slope) + slope_error < format.largest)
        if self.is_product:  # upstream * z comes first in TensorFlow
            may_overflow |= ~(np.abs(upstream) * (np.abs(z) + error) < format.largest)
        return np.where(exact | ~may_overflow, delta, 0.0), np.where(
            exact, 0.0, np.where(may_overflow, np.inf, rounded)
        )

    @np.errstate(all="ignore")
    def enclose_curvature(self, z: Array, error: Array, format: Format) -> tuple[Array, Array]:
        """The second derivative at z, and its error. Raises ValueError for a row that states none."""
        if self.curvature is None:
            raise ValueError("this activation's row states no curvature")
        row, near = self.curvature, around(z, error)
        value, value_error = self._derivative(row.value, row.turning_points, near, z)
        evaluation = self._evaluation(row.magnitude, row.roundings, near, z, format)
        lost = UNDERFLOWS * format.smallest_normal if row.roundings else 0.0
        return value, value_error + evaluation + lost

    def _shift(self, z: Array, error: Array, format: Format) -> Array:
        """How far a kink may seem to be moved by the rounding of z + kink_shift: not at all where that is exact."""
        if not self.kink_shift:
            return np.zeros_like(z)
        certain = (error == 0) & format.adds_exactly(z, self.kink_shift) & format.adds_exactly(z, -self.kink_shift)
        return np.where(certain, 0.0, 2 * format.unit_roundoff * (np.abs(z) + error + self.kink_shift))

    @staticmethod
    def _derivative(
        function: Function, turning_points: tuple[float, ...], near: Interval, z: Array
    ) -> tuple[Array, Array]:
        """The function at z, and its greatest distance from there over the interval."""
        value, range_ = function(z), image(function, near, turning_points=turning_points)
        return value, np.where(near.is_exact, 0.0, np.fmax(range_.upper - value, value - range_.lower))

    @staticmethod
    def _evaluation(magnitude: Function, roundings: float, near: Interval, z: Array, format: Format) -> Array:
        """K u Q, and the reference's own error: Q at its greatest over the interval."""
        if not roundings:
            return np.zeros_like(z)
        greatest = np.maximum.reduce([magnitude(z), magnitude(near.lower), magnitude(near.upper)])
        return (roundings * format.unit_roundoff + OWN_ROUNDINGS * FLOAT64.unit_roundoff) * greatest

    def _underflow(self, near: Interval, format: Format) -> Array:
        if not (self.roundings or self.slope_roundings):
            return np.zeros_like(near.lower)
        factor = np.fmax(np.abs(near.lower), np.abs(near.upper)) if self.is_product else np.zeros_like(near.lower)
        return UNDERFLOWS * format.smallest_normal * (1 + factor)
