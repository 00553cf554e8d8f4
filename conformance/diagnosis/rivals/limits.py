"""Rivals of sums and pre-activations in a range that ends, at either side or at 0."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import numpy as np

from conformance.diagnosis.exhibits import Exhibit
from conformance.diagnosis.rivals.rival import Forward, Rival, forward, monotone
from reference.bounds import Estimate, Problem

#: So often a value at an end is a limit.
RECURS = 4
#: What is flushed to 0 below.
TINY = (*(10.0**-power for power in range(3, 13)), 1e-15, 1e-20, 1e-30)


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


def _clipped(least: float, greatest: float) -> Callable[[Estimate, Problem], Estimate]:
    return lambda estimate, problem: monotone(estimate, lambda end: np.clip(end, least, greatest))
