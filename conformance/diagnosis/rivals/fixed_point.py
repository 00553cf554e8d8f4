"""Rivals of pre-activations and outputs, or of all numbers, in fixed point."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

import numpy as np

from conformance.diagnosis.exhibits import Exhibit
from conformance.diagnosis.rivals.quantized import BINARY
from conformance.diagnosis.rivals.rival import Forward, Rival, forward
from reference.bounds import Estimate, Problem
from reference.formats import Array
from reference.intervals import Interval

#: Steps of the format itself are twice its unit roundoff, as a part of the number; so many of them are finer ones.
FINER = 8.0
Mode = Callable[[Array], Array]
#: The ends of an interval, half the range and a step → those ends in the range.
Becomes = Callable[[Array, Array, float, float], tuple[Array, Array]]
#: Bits of a number in fixed point.
WORDS = (8, 12, 16, 18, 24, 32)
MODES: tuple[tuple[str, Mode], ...] = (
    ("rounded", np.round),
    ("rounded down", np.floor),
    ("truncated", np.trunc),
)


def of_seen_steps(failing: Sequence[Exhibit]) -> Iterator[Rival]:
    """Outputs that are all multiples of one power of two, and end where the wrong ones do."""
    found = _places_and_ends([e for e in failing if e.name == "outputs"])
    if found is None:
        return
    places, ends = found
    step = 2.0**-places
    for words, mode in MODES:
        says = f"the outputs are {words} to multiples of 2^-{places}"
        is_of_integers = np.log2(ends[1] + step) % 1 == 0
        if is_of_integers and ends[0] in (0.0, -(ends[1] + step)):
            limited = f"{says} between {ends[0]:g} and {ends[1]:.9g}"
            yield forward("outputs-rounded", limited, Forward(outputs=_outputs(mode, step, np.inf, _between(*ends))))
        yield forward("outputs-rounded", says, Forward(outputs=_outputs(mode, step, np.inf, _unlimited)))
        half = 2.0 ** np.ceil(np.log2(max(ends[1] + step, -ends[0])))
        wrapped = f"{says}, and wrap around at -{half:g} and {half:g}"
        yield forward("outputs-rounded", wrapped, Forward(outputs=_outputs(mode, step, half, _in_range)))


def _places_and_ends(exhibits: Sequence[Exhibit]) -> tuple[int, tuple[float, float]] | None:
    """Of how many binary places all values are multiples, the least and the greatest; None where they are of none."""
    seen = [e for e in exhibits if e.got is not None]
    seen = [e for e in seen if not e.question.config.format.is_half] or seen
    values = np.concatenate([np.asarray(e.got, np.float64).ravel() for e in seen]) if seen else np.zeros(0)
    values = values[np.isfinite(values)]
    places = next((p for p in range(17) if (values * 2.0**p == np.round(values * 2.0**p)).all()), None)
    if places is None or values.size < 2 or np.ptp(values) * 2.0**places < 2:
        return None
    if any(not _is_coarse(2.0**-places, each) for each in seen):
        return None
    return places, (float(values.min()), float(values.max()))


def _is_coarse(step: float, exhibit: Exhibit) -> bool:
    """Whether the format of an exhibit could hold finer numbers of that size."""
    values = np.abs(np.asarray(exhibit.got, np.float64))
    values = values[np.isfinite(values) & (values > 0)]
    return not values.size or step > FINER * exhibit.posed.problem.format.unit_roundoff * float(np.median(values))


def of_seen_fixed_point(failing: Sequence[Exhibit]) -> Iterator[Rival]:
    """Pre-activations in fixed point, as linear outputs show them: their steps, and what becomes of larger ones."""
    found = _places_and_ends(
        [e for e in failing if e.name == "outputs" and e.question.config.activation == "linear" and e.is_shaped]
    )
    if found is None:
        return
    places, (least, greatest) = found
    half = 2.0 ** np.ceil(np.log2(max(greatest + 2.0**-places, -least)))
    for words, mode in MODES:
        says = f"what is activated is {words} to multiples of 2^-{places}"
        for how, becomes in (("wraps around", _in_range), ("ends", _within)):
            limited = f"{says}, and {how} at -{half:g} and {half:g}"
            yield forward(
                "pre-activations-rounded", limited, Forward(z=_pre_activations(mode, 2.0**-places, half, becomes))
            )


def of_fixed_point(failing: Sequence[Exhibit]) -> Iterator[Rival]:
    """All numbers in fixed point: operands, pre-activations and outputs, whose steps show."""
    found = _places_and_ends([exhibit for exhibit in failing if exhibit.name == "outputs" and exhibit.is_shaped])
    if found is None:
        return
    places, _ = found
    for bits in (bits for bits in WORDS if bits > places):
        half = 2.0 ** (bits - 1 - places)
        for words, mode in MODES[:2]:
            for how, becomes in (("wraps around", _in_range), ("ends", _within)):
                says = f"everything is in fixed point: {words} to multiples of 2^-{places}, and {how} at ±{half:g}"
                yield forward("fixed-point", says, _all_in_fixed_point(places, mode, half, becomes))


def _all_in_fixed_point(places: int, mode: Mode, half: float, becomes: Becomes) -> Forward:
    step = 2.0**-places

    def exactly(values: Array) -> Array:
        whole = mode(values / step) * step
        return becomes(whole, whole, half, step)[0]

    def operands(problem: Problem) -> Problem:
        bias = None if problem.bias is None else exactly(problem.bias)
        return replace(problem, inputs=exactly(problem.inputs), kernel=exactly(problem.kernel), bias=bias)

    z, outputs = _pre_activations(mode, step, half, becomes), _outputs(mode, step, half, becomes)
    return Forward(operands=operands, z=z, outputs=outputs)


def _in_range(low: Array, high: Array, half: float, step: float) -> tuple[Array, Array]:
    """As two's complement has it; of what may lie on either side of an end all of the range is said."""
    turns = [np.floor((end + half) / (2 * half)) for end in (low, high)]
    is_known = (turns[0] == turns[1]) & np.isfinite(turns[0])
    back = 2 * half * np.where(is_known, turns[0], 0.0)
    return np.where(is_known, low - back, -half), np.where(is_known, high - back, half)


def _within(low: Array, high: Array, half: float, step: float) -> tuple[Array, Array]:
    return np.clip(low, -half, half - step), np.clip(high, -half, half - step)


def _between(least: float, greatest: float) -> Becomes:
    return lambda low, high, half, step: (np.clip(low, least, greatest), np.clip(high, least, greatest))


def _unlimited(low: Array, high: Array, half: float, step: float) -> tuple[Array, Array]:
    return low, high


def _pre_activations(mode: Mode, step: float, half: float, becomes: Becomes) -> Callable[[Estimate, Problem], Estimate]:
    """Rounding is monotone, so that the ends tell."""

    def z(estimate: Estimate, problem: Problem) -> Estimate:
        low, high = (mode((estimate.value + side * estimate.error) / step) * step for side in (-1, 1))
        low, high = becomes(low, high, half, step)
        return Estimate((low + high) / 2, (high - low) / 2)

    return z


def _outputs(mode: Mode, step: float, half: float, becomes: Becomes) -> Callable[[Interval, Problem], Interval]:
    def outputs(interval: Interval, problem: Problem) -> Interval:
        low, high = (mode(end / step) * step for end in (interval.lower, interval.upper))
        return Interval(*(problem.format.round(end) for end in becomes(low, high, half, step)))

    return outputs


def of_cut_pre_activations() -> Iterator[Rival]:
    """In steps, without an end."""
    for places in BINARY:
        for words, mode in MODES:
            says = f"what is activated is {words} to multiples of 2^-{places}"
            yield forward(
                "pre-activations-rounded", says, Forward(z=_pre_activations(mode, 2.0**-places, np.inf, _unlimited))
            )
