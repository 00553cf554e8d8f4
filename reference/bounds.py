"""The certified interval of every output and gradient: what any right implementation may return, and nothing else.

An implementation in a format of unit roundoff u may sum in any order, fuse products, flush subnormal numbers to zero,
and evaluate its activation with the error that the activation's row states. Everything else is outside. Why each bound
holds is proved in docs/numerics.md, with the same letters: n terms, A the sum of absolute values, E the error of z, D
of delta.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from reference.activations import Activation
from reference.dense import flatten_leading
from reference.elementwise import Elementwise
from reference.formats import FLOAT64, Array, Format, Mask
from reference.grades import BATCH_SUM_PASS_LINES, PASS_LINES, Grade
from reference.intervals import Interval, around, no_claim, where

#: The reference sums n products in float64 itself: at most n roundings, and 8 for the operations around the sum.
OWN_ROUNDINGS = 8
#: Elements of the three-index array that the certificate may hold at once: 8 MiB of int64.
_CERTIFICATE_CHUNK = 1 << 20


@dataclass(frozen=True)
class Estimate:
    """A value, and how far a right implementation's may be from it. Infinite error: no claim."""

    value: Array
    error: Array

    @property
    def magnitude(self) -> Array:
        """The greatest absolute value that a right implementation may hold."""
        return np.abs(self.value) + self.error

    @property
    def transposed(self) -> Estimate:
        return Estimate(self.value.T, self.error.T)


@dataclass(frozen=True)
class Problem:
    """One Dense, with its tensors in float64: inputs (..., input_dim), kernel (input_dim, units), bias (units,) or
    None.

    The numbers are the operands that the layer really multiplies, all of them numbers of `format`. grade: the rounding
    that is allowed; None for what conforms in this format.
    """

    inputs: Array
    kernel: Array
    bias: Array | None
    activation: Activation
    format: Format
    grade: Grade | None = None

    @property
    def allowed(self) -> Grade:
        return self.grade or PASS_LINES[self.format.name]

    @property
    def allowed_to_bias_gradient(self) -> Grade:
        """Of half types always what conforms: no grade of theirs asks for more."""
        return BATCH_SUM_PASS_LINES[self.format.name] if self.format.is_half else self.allowed

    @property
    def allowed_to_kernel_gradient(self) -> Grade:
        """From rank 3 on as the bias's: it may be made batch by batch."""
        return self.allowed_to_bias_gradient if self.inputs.ndim > 2 else self.allowed

    @property
    def rows(self) -> Array:
        return flatten_leading(self.inputs)

    def unflatten(self, rows: Array) -> Array:
        """(N, features) → (..., features)."""
        return rows.reshape(*self.inputs.shape[:-1], rows.shape[-1])


@np.errstate(all="ignore")
def bound_outputs(problem: Problem) -> Interval:
    """The interval of the outputs (..., output units)."""
    return _outputs(problem, pre_activation(problem))


@np.errstate(all="ignore")
def bound_gradients(problem: Problem, upstream: Array) -> Mapping[str, Interval]:
    """The intervals of `outputs` and of the gradients of sum(upstream * outputs), by their names in an answer.

    upstream: (..., output units). Without bias there is no `bias_gradient`.
    """
    z = pre_activation(problem)
    delta = _delta(problem, z, flatten_leading(upstream))
    kernel, inputs = _backpropagated(problem, delta)
    bounds = {
        "outputs": _outputs(problem, z),
        "kernel_gradient": _interval(kernel, problem.format),
        "inputs_gradient": _interval(Estimate(*map(problem.unflatten, (inputs.value, inputs.error))), problem.format),
    }
    if problem.bias is not None:
        ones = np.ones((1, len(problem.rows)))
        summed = product(ones, delta, problem.format, problem.allowed_to_bias_gradient)
        bounds["bias_gradient"] = _interval(Estimate(summed.value[0], summed.error[0]), problem.format)
    return bounds


@np.errstate(all="ignore")
def bound_second_gradients(problem: Problem, upstream: Array) -> Mapping[str, Interval]:
    """The intervals of the gradients of sum(inputs * inputs_gradient), the first factor held constant.

    With q = inputs @ kernel and e = q * upstream * f''(z): kernel inputs^T (e + delta), inputs e @ kernel^T.
    Raises ValueError for an activation whose row states no curvature.
    """
    activation = problem.activation
    if not isinstance(activation, Elementwise) or activation.curvature is None:
        raise ValueError("a second gradient is enclosed only for activations whose row states a curvature")
    z, g, format = pre_activation(problem), flatten_leading(upstream), problem.format
    delta = _delta(problem, z, g)
    second = Estimate(*activation.enclose_curvature(z.value, z.error, format))
    direction = product(problem.rows, exactly(problem.kernel), problem.format, problem.allowed)  # q: (N, units)
    bent = times(times(direction, exactly(g), format), second, format)  # e: (N, units)
    through_slope, inputs = _backpropagated(problem, bent)
    through_delta, _ = _backpropagated(problem, delta)
    return {
        "second_kernel_gradient": _interval(plus(through_slope, through_delta, format), format),
        "second_inputs_gradient": _interval(Estimate(*map(problem.unflatten, (inputs.value, inputs.error))), format),
    }


@np.errstate(all="ignore")
def pre_activation(problem: Problem) -> Estimate:
    """z = inputs @ kernel + bias of shape (N, units), and its error E; 0 where the certificate holds."""
    kernel = exactly(problem.kernel)
    return product(problem.rows, kernel, problem.format, problem.allowed, addend=problem.bias)


def product(left: Array, right: Estimate, format: Format, grade: Grade, *, addend: Array | None = None) -> Estimate:
    """left @ right + addend, summed in any order: (rows, n), (n, columns), (columns,) → (rows, columns).

    E = |left| @ error + (c(n, u) + 2 u_in) A + flushed + n tiny + the reference's own n u_ref A; 0 where nothing can
    round. Where the accumulator is wider than the format, the sum is stored first, and the addend is added to that.
    """
    accumulator = grade.accumulator(format)
    is_stored = accumulator.precision > format.precision
    within = None if is_stored else addend
    n = left.shape[1] + (within is not None)
    absolute = np.abs(left)
    products = absolute @ right.magnitude
    total = products if within is None else products + np.abs(within)  # A
    value = left @ right.value if within is None else left @ right.value + within
    inherited = _weighed(absolute, right.error)
    operands = (2 + grade.operand_roundoff) * grade.operand_roundoff
    rounded = (operands + grade.accumulation(n, accumulator.unit_roundoff) * (1 + operands)) * total
    flushed = _weighed(subnormal(left, format), right.magnitude) + _weighed(absolute, subnormal(right.value, format))
    own = FLOAT64.unit_roundoff * (n + OWN_ROUNDINGS) * total
    error = inherited + rounded + flushed + n * accumulator.smallest_normal + own
    may_overflow = ~(total + rounded < accumulator.largest)
    exact = (inherited == 0) & (flushed == 0) & (operands == 0)
    if exact.any():
        exact &= exactly_summable(left, right.value, within, accumulator)
    if is_stored:
        exact &= _is_stored_exactly(value, format)
        error = error + grade.stores_within * format.unit_roundoff * (np.abs(value) + error) + format.underflow
        may_overflow |= ~(np.abs(value) + error < format.largest)
    if is_stored and addend is not None:
        value = value + addend
        exact &= _is_stored_exactly(value, format)
        error = error + format.unit_roundoff * (np.abs(value) + error) + format.underflow
    return Estimate(value, np.where(exact, 0.0, np.where(may_overflow, np.inf, error)))


def _weighed(left: Array, right: Array) -> Array:
    """left @ right: no product is made where one of them is 0 everywhere, as most doubts are."""
    return left @ right if left.any() and right.any() else np.zeros((left.shape[0], right.shape[1]))


def times(left: Estimate, right: Estimate, format: Format) -> Estimate:
    """left * right, element by element, with one rounding."""
    value = left.value * right.value
    inherited = left.error * right.magnitude + np.abs(left.value) * right.error
    power = _lowest_bit(left.value) + _lowest_bit(right.value)
    return _rounded_once(value, inherited, _fits(np.abs(value), power, format), format)


def plus(left: Estimate, right: Estimate, format: Format) -> Estimate:
    """left + right, element by element, with one rounding."""
    power = np.minimum(_lowest_bit(left.value), _lowest_bit(right.value))
    exact = _fits(np.abs(left.value) + np.abs(right.value), power, format)
    return _rounded_once(left.value + right.value, left.error + right.error, exact, format)


def exactly(values: Array) -> Estimate:
    """Values that every implementation holds as they are."""
    return Estimate(values, np.zeros_like(values))


def subnormal(values: Array, format: Format) -> Array:
    """|values| where a right implementation may flush them to zero, else 0."""
    absolute = np.abs(values)
    return np.where(absolute < format.smallest_normal, absolute, 0.0)


def exactly_summable(left: Array, right: Array, addend: Array | None, format: Format) -> Mask:
    """True where every partial sum of left @ right + addend is a number of the format, in any order: (rows, columns).

    Let 2^q divide every term, and A be the sum of absolute terms. Every partial sum is a multiple of 2^q not above A,
    so it fits p bits where A <= 2^(p+q); where q is no less than the least normal exponent, nothing can be flushed
    either.
    """
    total = np.abs(left) @ np.abs(right)
    power = _common_power(_lowest_bit(left), _lowest_bit(right))
    if addend is not None:
        total = total + np.abs(addend)
        power = np.minimum(power, _lowest_bit(addend))
    return _fits(total, power, format)


def _fits(total: Array, power: NDArray[np.int64], format: Format) -> Mask:
    """True where multiples of 2^power up to `total` are all numbers of the format, and none is subnormal."""
    fits = total <= np.ldexp(1.0, np.clip(power + format.precision, -1074, 1023))
    return np.asarray(fits & (power >= format.min_exponent) | (total == 0))


def _is_stored_exactly(values: Array, format: Format) -> Mask:
    """True for numbers of the format that nobody flushes to zero."""
    return format.holds(values) & ((np.abs(values) >= format.smallest_normal) | (values == 0))


#: The lowest bit of zero: above every real one, so that zeros never decide a minimum, and sums of two do not overflow.
_NO_BIT = 1 << 20


def _lowest_bit(values: Array) -> NDArray[np.int64]:
    """The exponent of each value's lowest set bit."""
    mantissa, exponent = np.frexp(np.where(np.isfinite(values), values, 0.0))
    digits = np.abs(mantissa * 2.0**53).astype(np.int64)
    trailing = np.frexp((digits & -digits).astype(np.float64))[1] - 1
    return np.where(digits == 0, _NO_BIT, exponent.astype(np.int64) - 53 + trailing)


def _common_power(left: NDArray[np.int64], right: NDArray[np.int64]) -> NDArray[np.int64]:
    """q[i, j] = min over k of left[i, k] + right[k, j]: a matrix product in which + is min and * is +."""
    if left.shape[1] == 0:
        return np.full((left.shape[0], right.shape[1]), _NO_BIT)
    step = max(1, _CERTIFICATE_CHUNK // max(1, right.size))
    chunks = [left[at : at + step, :, None] + right for at in range(0, len(left), step)]
    least = [chunk.min(axis=1) for chunk in chunks]
    return np.concatenate(least) if least else np.empty((0, right.shape[1]), np.int64)


def _outputs(problem: Problem, z: Estimate) -> Interval:
    """No claim for a unit whose z may have overflowed: what comes of it may be NaN, whatever the activation's range."""
    enclosed = problem.activation.enclose(z.value, z.error, problem.format)
    claimed = _per_output(problem, np.isfinite(z.error))
    enclosed = where(claimed, enclosed, no_claim(enclosed.shape))
    return Interval(problem.unflatten(enclosed.lower), problem.unflatten(enclosed.upper))


def _delta(problem: Problem, z: Estimate, upstream: Array) -> Estimate:
    """The gradient of z (N, units), likewise without a claim where z may have overflowed."""
    delta, error = problem.activation.enclose_vjp(z.value, z.error, upstream, problem.format)
    claimed = np.isfinite(z.error) if isinstance(problem.activation, Elementwise) else _whole_rows(np.isfinite(z.error))
    return Estimate(delta, np.where(claimed, error, np.inf))


def _per_output(problem: Problem, units: Mask) -> Mask:
    """What holds of units (N, units), for the outputs that are made of them."""
    return units if isinstance(problem.activation, Elementwise) else _whole_rows(units)[:, :1]


def _whole_rows(units: Mask) -> Mask:
    return np.broadcast_to(units.all(axis=-1, keepdims=True), units.shape)


def _backpropagated(problem: Problem, delta: Estimate) -> tuple[Estimate, Estimate]:
    """The kernel's (input_dim, units) and the inputs' (N, input_dim) gradient for a delta (N, units)."""
    kernel = product(problem.rows.T, delta, problem.format, problem.allowed_to_kernel_gradient)
    inputs = product(problem.kernel, delta.transposed, problem.format, problem.allowed).transposed
    return kernel, inputs


def _rounded_once(value: Array, inherited: Array, exact: Mask, format: Format) -> Estimate:
    rounding = (format.unit_roundoff + FLOAT64.unit_roundoff) * (np.abs(value) + inherited) + format.smallest_normal
    return Estimate(value, np.where(exact & (inherited == 0), 0.0, inherited + rounding))


def _interval(estimate: Estimate, format: Format) -> Interval:
    return around(estimate.value, estimate.error).overflowing(format)
