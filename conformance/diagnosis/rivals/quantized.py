"""Rivals of operands that are held in fixed steps, as decimals, or as integers with a scale."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import ml_dtypes
import numpy as np
from numpy.typing import DTypeLike

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
#: How many values there are between the least weight and the greatest, where they are spaced evenly.
EVEN = (16, 64, 256)


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
class Even:
    """So many values from the least to the greatest, evenly spaced; what lies between two may come to either."""

    says: str
    count: int

    def held(self, values: Array) -> Estimate:
        least, greatest = values.min(initial=np.inf), values.max(initial=-np.inf)
        if not least < greatest:
            return Estimate(values, np.zeros_like(values))
        step = (greatest - least) / (self.count - 1)
        parts = (values - least) / step
        is_between = np.abs(parts - np.floor(parts) - 0.5) <= self.count * 2.0**-21
        return Estimate(np.round(parts) * step + least, np.where(is_between, step, 0.0))


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


@dataclass(frozen=True)
class Pruned:
    """The two smallest of four in a row are 0, of a last group of fewer none; of equal ones any may be."""

    says: str
    axis: int

    def held(self, values: Array) -> Estimate:
        lines = np.moveaxis(values, self.axis, 0)
        sizes, whole = np.abs(lines), len(lines) // 4 * 4
        kept, lost = np.ones(lines.shape, bool), np.zeros(lines.shape, bool)
        for first in range(0, whole, 4):
            four = sizes[first : first + 4]
            second, third = np.sort(four, axis=0)[1:3]
            kept[first : first + 4], lost[first : first + 4] = four > second, four < third
        either = ~kept & ~lost
        value = np.where(lost, 0.0, np.where(either, lines / 2, lines))
        error = np.where(either, np.abs(lines) / 2, 0.0)
        return Estimate(np.moveaxis(value, 0, self.axis), np.moveaxis(error, 0, self.axis))


Held = Steps | Scaled | Groups | Even | Pruned
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
    *(Even(f"{count} values, spaced evenly from the least weight to the greatest", count) for count in EVEN),
)
PRUNED = (
    Pruned("of four features in a row each unit's two smallest weights are taken for 0", 0),
    Pruned("of four units in a row each feature's two smallest weights are taken for 0", 1),
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


def _bias_in_steps_of(narrow: Held) -> Forward:
    def z(estimate: Estimate, problem: Problem) -> Estimate:
        if problem.bias is None:
            return estimate
        held, u = narrow.held(problem.bias), problem.format.unit_roundoff
        value = estimate.value + (held.value - problem.bias)
        sizes = np.abs(value) + np.abs(problem.bias)
        return Estimate(value, estimate.error + held.error + ROUNDINGS * u * sizes)

    return Forward(z=z)


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
    for pruned in PRUNED:
        yield forward("kernel-pruned", pruned.says, _in_steps_of(None, pruned))
    yield forward("narrow-storage", f"the bias is held in {ONE_SCALE.says}", _bias_in_steps_of(ONE_SCALE))
    for given in INPUTS:
        says = f"the inputs are rounded to {given.says}"
        yield forward("operands-rounded", says, _in_steps_of(given, None))
        for narrow in KERNELS[:3]:
            yield forward("operands-rounded", f"{says}, the kernel to {narrow.says}", _in_steps_of(given, narrow))
