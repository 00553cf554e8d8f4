"""Rivals of operands and outputs that are held in fixed steps, or in a range that ends."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

import ml_dtypes
import numpy as np
from numpy.typing import DTypeLike

from conformance.diagnosis.exhibits import Exhibit
from conformance.diagnosis.rivals.narrow import Round
from conformance.diagnosis.rivals.rival import ROUNDINGS, Forward, Rival, forward, inexactly
from reference.bounds import Estimate, Problem
from reference.dense import flatten_leading
from reference.formats import Array
from reference.intervals import Interval

#: Binary places behind the point, and decimal ones.
BINARY, DECIMAL = range(4, 21), range(1, 8)
#: Decimal places that generators write weights with, and the sizes below which they are lost.
WRITTEN, LOST = range(2, 13), (1e-18, 1e-15, *(10.0**-power for power in (12, *range(10, 2, -1))))
#: Significant digits of weights in a text.
DIGITS = range(2, 9)
#: Steps of the format itself are twice its unit roundoff, as a part of the number; so many of them are finer ones.
FINER = 8.0
#: So often a value at an end is a limit.
RECURS = 4
#: What is flushed to 0 below.
TINY = (*(10.0**-power for power in range(3, 13)), 1e-15, 1e-20, 1e-30)


def to_binary(places: int) -> Round:
    return lambda values: np.round(values * 2.0**places) / 2.0**places


def _to_fixed(places: int, bits: int) -> Round:
    """In so many bits, of which one is the sign: the greatest value is one step below the end."""
    most = 2.0 ** (bits - 1)
    return lambda values: np.clip(np.round(values * 2.0**places), -most, most - 1) / 2.0**places


def _to_decimal(places: int) -> Round:
    return lambda values: np.round(values, places)


@dataclass(frozen=True)
class Steps:
    """Values in steps of which the largest is so many from 0. by: of which axis each place has steps of its own; None
    for one scale. has_zero_point: 256 steps from the least value to the greatest, one of them being 0.
    """

    says: str
    count: int = 127
    by: int | None = None
    has_zero_point: bool = False

    def held(self, values: Array) -> Estimate:
        """What lies in the middle between two steps may come to either: the scale itself is rounded."""
        kept = None if self.by is None else (1 if self.by == 0 else -1)
        if self.has_zero_point:
            least, greatest = min(values.min(initial=0.0), 0.0), max(values.max(initial=0.0), 0.0)
            step = np.asarray((greatest - least) / 255 or 1.0)
            zero = np.round(-least / step)
            whole = np.clip(np.round(values / step) + zero, 0, 255) - zero
        else:
            axis = None if kept is None else (0 if kept == 1 else -1)
            largest = np.abs(values).max(axis=axis, keepdims=True, initial=0.0)
            step = np.where(largest > 0, largest, 1.0) / self.count
            whole = np.clip(np.round(values / step), -self.count, self.count)
        parts = np.abs(values / step)
        is_between = np.abs(parts - np.floor(parts) - 0.5) <= parts * 2.0**-21
        return Estimate(whole * step, np.where(is_between, step, 0.0))


@dataclass(frozen=True)
class Groups:
    """Steps with a scale for so many features of each unit."""

    says: str
    count: int
    features: int

    def held(self, values: Array) -> Estimate:
        steps = Steps("", self.count, by=0)
        parts = [steps.held(values[at : at + self.features]) for at in range(0, len(values), self.features)]
        if not parts:
            return Estimate(values, np.zeros_like(values))
        return Estimate(np.concatenate([each.value for each in parts]), np.concatenate([each.error for each in parts]))


@dataclass(frozen=True)
class Scaled:
    """Values divided by a scale that takes the largest to the narrow format's largest number, and rounded to it. over:
    the axis along which the largest is looked for; None for one scale of all.
    """

    says: str
    dtype: DTypeLike
    largest: float
    over: int | None = None

    def held(self, values: Array) -> Estimate:
        """What lies near the middle between two numbers may come to either: the scale itself is rounded."""
        top = np.abs(values).max(axis=self.over, keepdims=True, initial=0.0)
        scale = np.where(top > 0, top, 1.0) / self.largest
        ends = [
            np.clip(values / scale * (1 + side * 2.0**-21), -self.largest, self.largest)
            .astype(self.dtype)
            .astype(np.float64)
            for side in (-1, 1)
        ]
        return Estimate((ends[0] + ends[1]) / 2 * scale, np.abs(ends[1] - ends[0]) / 2 * scale)


Held = Steps | Scaled | Groups
ONE_SCALE = Steps("8-bit integers with one scale")
KERNELS: tuple[Held, ...] = (
    ONE_SCALE,
    Steps("8-bit integers with a scale for each unit", by=0),
    Steps("8-bit integers with one scale and a zero point", has_zero_point=True),
    Steps("16-bit integers with one scale", 2**15 - 1),
    Steps("4-bit integers with one scale", 7),
    Steps("4-bit integers with a scale for each unit", 7, by=0),
    *(
        Groups(f"{bits}-bit integers with a scale for {features} features of each unit", 2 ** (bits - 1) - 1, features)
        for bits in (4, 8)
        for features in (16, 32, 64, 128)
    ),
    Scaled("float8 (e4m3) with one scale", ml_dtypes.float8_e4m3fn, 448.0),
    Scaled("float8 (e4m3) with a scale for each unit", ml_dtypes.float8_e4m3fn, 448.0, over=0),
    Scaled("float8 (e5m2) with one scale", ml_dtypes.float8_e5m2, 57344.0),
)
INPUTS: tuple[Held, ...] = (
    ONE_SCALE,
    Steps("8-bit integers with a scale for each row", by=-1),
    Steps("16-bit integers with one scale", 2**15 - 1),
    Steps("8-bit integers with one scale and a zero point", has_zero_point=True),
    Scaled("float8 (e4m3) with one scale", ml_dtypes.float8_e4m3fn, 448.0),
)


def _in_steps_of(inputs: Held | None, kernel: Held | None) -> Forward:
    """Operands in steps: the products that hang on a value between two steps may be either."""

    def parts(problem: Problem) -> tuple[Estimate, Estimate]:
        exact = Estimate(problem.inputs, np.zeros_like(problem.inputs))
        held = exact if inputs is None else inputs.held(problem.inputs)
        weights = Estimate(problem.kernel, np.zeros_like(problem.kernel))
        return held, weights if kernel is None else kernel.held(problem.kernel)

    def operands(problem: Problem) -> Problem:
        held, weights = parts(problem)
        return replace(problem, inputs=held.value, kernel=weights.value)

    def bound(problem: Problem) -> Interval:
        held, weights = parts(problem)
        rounded = ROUNDINGS * problem.format.unit_roundoff
        rows, doubt = flatten_leading(np.abs(held.value)), flatten_leading(held.error)
        sizes = np.abs(weights.value)
        either = doubt @ (sizes + weights.error) + rows @ weights.error + rounded * (rows @ sizes)
        widened = Forward(operands=operands, z=lambda z, p: Estimate(z.value, z.error + p.unflatten(either)))
        return widened.bound(problem)

    return Forward(whole=bound)


def _held(*, inputs: Round | None = None, kernel: Round | None = None, bias: Round | None = None) -> Forward:
    def operands(problem: Problem) -> Problem:
        rounds, own = problem.format.round, problem.bias
        return replace(
            problem,
            inputs=problem.inputs if inputs is None else rounds(inputs(problem.inputs)),
            kernel=problem.kernel if kernel is None else rounds(kernel(problem.kernel)),
            bias=own if bias is None or own is None else rounds(bias(own)),
        )

    return Forward(operands=operands)


def _written(digits: int) -> Forward:
    """Kernel and bias as decimals, which the format need not hold."""

    def rounded(values: Array) -> Array:
        with np.errstate(all="ignore"):
            scale = 10.0 ** (digits - 1 - np.floor(np.log10(np.abs(values))))
            return np.asarray(np.where(values == 0, 0.0, np.round(values * scale) / scale))

    def operands(problem: Problem) -> Problem:
        own = problem.bias
        return replace(problem, kernel=rounded(problem.kernel), bias=None if own is None else rounded(own))

    return inexactly(operands)


def _lost_below(least: float) -> Round:
    return lambda values: np.where(np.abs(values) < least, 0.0, values)


def of_operands() -> Iterator[Rival]:
    """Fixed point, decimals, and integers with a scale."""
    for least in LOST:
        yield forward("tiny-weights-zero", "tiny weights are taken for 0", _held(kernel=_lost_below(least)))
    for places in WRITTEN:
        says = f"the weights are rounded to {places} decimals"
        yield forward("kernel-rounded", says, _held(kernel=_to_decimal(places)))
        says = f"weights and biases are rounded to {places} decimals"
        yield forward("kernel-rounded", says, _held(kernel=_to_decimal(places), bias=_to_decimal(places)))
    for digits in DIGITS:
        says = f"weights are written with {digits} significant digits"
        yield forward("kernel-rounded", says, _written(digits))
    for places in BINARY:
        to, words = to_binary(places), f"multiples of 2^-{places}"
        yield forward("narrow-storage", f"the kernel is held in {words}", _held(kernel=to))
        yield forward("narrow-storage", f"kernel and bias are held in {words}", _held(kernel=to, bias=to))
        yield forward("operands-rounded", f"the inputs are rounded to {words}", _held(inputs=to))
        yield forward("operands-rounded", f"inputs and kernel are rounded to {words}", _held(inputs=to, kernel=to))
        for bits in (bits for bits in (8, 16) if bits > places):
            ends = f"{words}, and end at -{2.0 ** (bits - 1 - places):g} and {2.0 ** (bits - 1 - places):g}"
            held = _to_fixed(places, bits)
            yield forward("narrow-storage", f"the kernel is held in {ends}", _held(kernel=held))
            yield forward("narrow-storage", f"kernel and bias are held in {ends}", _held(kernel=held, bias=held))
        says = f"inputs, kernel and bias are rounded to {words}"
        yield forward("operands-rounded", says, _held(inputs=to, kernel=to, bias=to))
    for places in DECIMAL:
        to = _to_decimal(places)
        yield forward("operands-rounded", f"the inputs are rounded to {places} decimals", _held(inputs=to))
    for narrow in KERNELS:
        yield forward("narrow-storage", f"the kernel is held in {narrow.says}", _in_steps_of(None, narrow))
    for given in INPUTS:
        says = f"the inputs are rounded to {given.says}"
        yield forward("operands-rounded", says, _in_steps_of(given, None))
        for narrow in KERNELS[:3]:
            yield forward("operands-rounded", f"{says}, the kernel to {narrow.says}", _in_steps_of(given, narrow))


# ---- outputs -------------------------------------------------------------------------------------------------------

_MODES: tuple[tuple[str, Callable[[Array], Array]], ...] = (
    ("rounded", np.round),
    ("rounded down", np.floor),
    ("truncated", np.trunc),
)


def of_seen_steps(failing: Sequence[Exhibit]) -> Iterator[Rival]:
    """Outputs that are all multiples of one power of two, and end where the wrong ones do."""
    seen = [e for e in failing if e.got is not None and e.name == "outputs"]
    seen = [e for e in seen if not e.question.config.format.is_half] or seen
    values = np.concatenate([np.asarray(e.got, np.float64).ravel() for e in seen]) if seen else np.zeros(0)
    values = values[np.isfinite(values)]
    places = next((p for p in range(17) if (values * 2.0**p == np.round(values * 2.0**p)).all()), None)
    if places is None or values.size < 2 or np.ptp(values) * 2.0**places < 2:
        return
    if any(not _is_coarse(2.0**-places, each) for each in seen):
        return
    step, ends = 2.0**-places, (float(values.min()), float(values.max()))
    for words, mode in _MODES:
        says = f"the outputs are {words} to multiples of 2^-{places}"
        is_of_integers = np.log2(ends[1] + step) % 1 == 0
        if is_of_integers and ends[0] in (0.0, -(ends[1] + step)):
            limited = f"{says}, and end at {ends[0]:g} and {ends[1]:.9g}"
            yield forward("outputs-rounded", limited, _in_steps(mode, step, ends))
        yield forward("outputs-rounded", says, _in_steps(mode, step, (-np.inf, np.inf)))
        half = 2.0 ** np.ceil(np.log2(max(ends[1] + step, -ends[0])))
        wrapped = f"{says}, and wrap around at -{half:g} and {half:g}"
        yield forward("outputs-rounded", wrapped, _wrapped(mode, step, half))


def _is_coarse(step: float, exhibit: Exhibit) -> bool:
    """Whether the format of an exhibit could hold finer numbers of that size."""
    values = np.abs(np.asarray(exhibit.got, np.float64))
    values = values[np.isfinite(values) & (values > 0)]
    return not values.size or step > FINER * exhibit.posed.problem.format.unit_roundoff * float(np.median(values))


def _in_steps(mode: Callable[[Array], Array], step: float, ends: tuple[float, float]) -> Forward:
    """Rounding is monotone, so that the ends of an interval tell."""

    def outputs(interval: Interval, problem: Problem) -> Interval:
        low, high = (np.clip(mode(end / step) * step, *ends) for end in (interval.lower, interval.upper))
        return Interval(problem.format.round(low), problem.format.round(high))

    return Forward(outputs=outputs)


def _wrapped(mode: Callable[[Array], Array], step: float, half: float) -> Forward:
    """As two's complement does; of what may lie on either side of an end nothing is said."""

    def outputs(interval: Interval, problem: Problem) -> Interval:
        low, high = (mode(end / step) * step for end in (interval.lower, interval.upper))
        with np.errstate(all="ignore"):
            turns = [np.floor((end + half) / (2 * half)) for end in (low, high)]
            found = [problem.format.round(end - 2 * half * turns[0]) for end in (low, high)]
        known = (turns[0] == turns[1]) & np.isfinite(turns[0])
        return Interval(np.where(known, found[0], -np.inf), np.where(known, found[1], np.inf))

    return Forward(outputs=outputs)


# ---- pre-activations -----------------------------------------------------------------------------------------------


def _flushed(least: float) -> Callable[[Estimate, Problem], Estimate]:
    """0 below a size; where the error leaves it open on which side of it a value lies, anything between."""

    def z(estimate: Estimate, problem: Problem) -> Estimate:
        size, error = np.abs(estimate.value), estimate.error
        is_zero, is_kept = size + error < least, size - error >= least
        either = size / 2 + error
        value = np.where(is_zero, 0.0, np.where(is_kept, estimate.value, estimate.value / 2))
        return Estimate(value, np.where(is_zero, 0.0, np.where(is_kept, error, either)))

    return z


#: The ends of 8-bit, 16-bit and 32-bit integers, and of float16.
SATURATED = (*((-(2.0**bits), 2.0**bits - 1) for bits in (7, 15, 31)), (-65504.0, 65504.0))


def _saturating(ends: tuple[float, float], *, bias_first: bool) -> Callable[[Estimate, Problem], Estimate]:
    """Feature by feature, from the first to the last."""

    def z(estimate: Estimate, problem: Problem) -> Estimate:
        bias = 0.0 if problem.bias is None else problem.bias
        total = np.zeros((len(problem.rows), problem.kernel.shape[1])) + (bias if bias_first else 0.0)
        for feature, weights in enumerate(problem.kernel):
            total = np.clip(total + problem.rows[:, feature, None] * weights, *ends)
        total = total if bias_first else np.clip(total + bias, *ends)
        return Estimate(problem.unflatten(total), estimate.error)

    return z


def of_limits() -> Iterator[Rival]:
    for least in TINY:
        says = f"what is activated is taken for 0 where it is smaller than {least:.0e}"
        yield forward("tiny-values-zero", says, Forward(z=_flushed(least)))
    for places in BINARY:
        for words, mode in _MODES:
            says = f"what is activated is {words} to multiples of 2^-{places}"
            yield forward("pre-activations-rounded", says, Forward(z=_cut(places, mode)))
    for ends in SATURATED:
        for bias_first in (True, False):
            says = f"partial sums end at {ends[0]:.9g} and {ends[1]:.9g}"
            yield forward("sums-saturated", says, Forward(z=_saturating(ends, bias_first=bias_first)))
    for most in (1.0, 6.0, 10.0, 20.0, 50.0, 100.0, 1000.0, 1e4, 65504.0, 1e6):
        says = f"what is activated is clipped to [-{most:g}, {most:g}]"
        yield forward("pre-activations-clipped", says, Forward(z=_clipped(-most, most)))


def of_seen_limits(failing: Sequence[Exhibit]) -> Iterator[Rival]:
    """Linear outputs that end at one number on either side, and stay there."""
    seen = [e for e in failing if e.is_shaped and e.name == "outputs" and e.question.config.activation == "linear"]
    values = np.concatenate([np.asarray(e.got, np.float64).ravel() for e in seen]) if seen else np.zeros(0)
    if not values.size or not np.isfinite(values).all():
        return
    least, greatest = float(values.min()), float(values.max())
    low, high = ((values == end).sum() >= RECURS for end in (least, greatest))
    if low or high:
        ends = (least if low else -np.inf, greatest if high else np.inf)
        words = " and ".join(f"{end:.9g}" for end in ends if np.isfinite(end))
        yield forward("pre-activations-clipped", f"what is activated ends at {words}", Forward(z=_clipped(*ends)))


def _cut(places: int, mode: Callable[[Array], Array]) -> Callable[[Estimate, Problem], Estimate]:
    """In fixed point: rounding is monotone, so that the ends tell."""

    def z(estimate: Estimate, problem: Problem) -> Estimate:
        low = mode((estimate.value - estimate.error) * 2.0**places) / 2.0**places
        high = mode((estimate.value + estimate.error) * 2.0**places) / 2.0**places
        return Estimate((low + high) / 2, (high - low) / 2)

    return z


def _clipped(least: float, greatest: float) -> Callable[[Estimate, Problem], Estimate]:
    def z(estimate: Estimate, problem: Problem) -> Estimate:
        low = np.clip(estimate.value - estimate.error, least, greatest)
        high = np.clip(estimate.value + estimate.error, least, greatest)
        return Estimate((low + high) / 2, (high - low) / 2)

    return z
