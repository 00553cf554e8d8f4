"""Rivals of operands and outputs that are held in fixed steps, or in a range that ends."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

import numpy as np

from conformance.diagnosis.exhibits import Exhibit
from conformance.diagnosis.rivals.rival import Forward, Rival, forward
from conformance.diagnosis.rivals.rounding import INTEGERS, Round, to_steps
from reference.bounds import Estimate, Problem
from reference.formats import Array
from reference.intervals import Interval

#: Binary places behind the point, and decimal ones.
BINARY, DECIMAL = range(4, 21), range(1, 8)
#: What is flushed to 0 below.
TINY = (*(10.0**-power for power in range(3, 13)), 1e-15, 1e-20, 1e-30)


def to_binary(places: int) -> Round:
    return lambda values: np.round(values * 2.0**places) / 2.0**places


def _to_decimal(places: int) -> Round:
    return lambda values: np.round(values, places)


def from_zero_point(values: Array) -> Array:
    """256 steps from the least number to the greatest, one of them being 0."""
    least, greatest = min(values.min(initial=0.0), 0.0), max(values.max(initial=0.0), 0.0)
    step = (greatest - least) / 255 or 1.0
    zero = np.round(-least / step)
    return np.asarray((np.clip(np.round(values / step) + zero, 0, 255) - zero) * step)


def by_row(values: Array) -> Array:
    """127 steps on either side of 0 for each row."""
    largest = np.abs(values).max(axis=-1, keepdims=True, initial=0.0)
    step = np.where(largest > 0, largest, 1.0) / 127
    return np.asarray(np.round(values / step) * step)


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


def of_operands() -> Iterator[Rival]:
    """Fixed point, decimals, and integers with a scale."""
    for places in BINARY:
        to, words = to_binary(places), f"multiples of 2^-{places}"
        yield forward("narrow-storage", f"the kernel is held in {words}", _held(kernel=to))
        yield forward("narrow-storage", f"kernel and bias are held in {words}", _held(kernel=to, bias=to))
        yield forward("operands-rounded", f"the inputs are rounded to {words}", _held(inputs=to))
        yield forward("operands-rounded", f"inputs and kernel are rounded to {words}", _held(inputs=to, kernel=to))
        says = f"inputs, kernel and bias are rounded to {words}"
        yield forward("operands-rounded", says, _held(inputs=to, kernel=to, bias=to))
    for places in DECIMAL:
        to = _to_decimal(places)
        yield forward("operands-rounded", f"the inputs are rounded to {places} decimals", _held(inputs=to))
    whole = to_steps(127, by_column=False)
    for words, to in (("one scale", whole), ("a scale for each row", by_row)):
        yield forward("operands-rounded", f"the inputs are rounded to 8-bit integers with {words}", _held(inputs=to))
        for narrow in INTEGERS[:2]:
            says = f"the inputs are rounded to 8-bit integers with {words}, the kernel to {narrow.says}"
            yield forward("operands-rounded", says, _held(inputs=to, kernel=narrow.round))
    says = "the kernel is held in 8-bit integers with one scale and a zero point"
    yield forward("narrow-storage", says, _held(kernel=from_zero_point))


# ---- outputs -------------------------------------------------------------------------------------------------------

_MODES: tuple[tuple[str, Callable[[Array], Array]], ...] = (
    ("rounded", np.round),
    ("rounded down", np.floor),
    ("truncated", np.trunc),
)


def of_seen_steps(failing: Sequence[Exhibit]) -> Iterator[Rival]:
    """Outputs that are all multiples of one power of two, and end where the wrong ones do."""
    seen = [e.got.astype(np.float64).ravel() for e in failing if e.got is not None and e.name == "outputs"]
    values = np.concatenate(seen) if seen else np.zeros(0)
    values = values[np.isfinite(values)]
    places = next((p for p in range(17) if (values * 2.0**p == np.round(values * 2.0**p)).all()), None)
    if places is None or values.size < 2 or np.ptp(values) * 2.0**places < 2:
        return
    step, ends = 2.0**-places, (float(values.min()), float(values.max()))
    for words, mode in _MODES:
        says = f"the outputs are {words} to multiples of 2^-{places}"
        if np.log2(ends[1] + step) % 1 == 0 and ends[0] == -(ends[1] + step):
            limited = f"{says}, and end at {ends[0]:g} and {ends[1]:.9g}"
            yield forward("outputs-rounded", limited, _in_steps(mode, step, ends))
        yield forward("outputs-rounded", says, _in_steps(mode, step, (-np.inf, np.inf)))


def _in_steps(mode: Callable[[Array], Array], step: float, ends: tuple[float, float]) -> Forward:
    """Rounding is monotone, so that the ends of an interval tell."""

    def outputs(interval: Interval, problem: Problem) -> Interval:
        low, high = (np.clip(mode(end / step) * step, *ends) for end in (interval.lower, interval.upper))
        return Interval(problem.format.round(low), problem.format.round(high))

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


def of_limits() -> Iterator[Rival]:
    for least in TINY:
        says = f"what is activated is taken for 0 where it is smaller than {least:.0e}"
        yield forward("tiny-values-zero", says, Forward(z=_flushed(least)))
    for most in (1.0, 6.0, 10.0, 20.0, 50.0, 100.0, 1000.0, 1e4, 65504.0, 1e6):
        says = f"what is activated is clipped to [-{most:g}, {most:g}]"
        yield forward("pre-activations-clipped", says, Forward(z=_clipped(most)))


def _clipped(most: float) -> Callable[[Estimate, Problem], Estimate]:
    def z(estimate: Estimate, problem: Problem) -> Estimate:
        low = np.clip(estimate.value - estimate.error, -most, most)
        high = np.clip(estimate.value + estimate.error, -most, most)
        return Estimate((low + high) / 2, (high - low) / 2)

    return z
