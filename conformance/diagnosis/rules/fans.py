"""Kernels that begin with the spread of other fans than their own."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np

from conformance.answers import Answer, Trial
from conformance.cases import Question
from conformance.contract.initializers import drawn_from_its_distribution
from conformance.diagnosis.exhibits import Inquiry
from conformance.diagnosis.rivals.families import plainest
from conformance.diagnosis.rules.begun import LARGE, Begun
from reference.initializers import INITIALIZERS

Told = tuple[str, str, str]

#: What a variance may be divided by, of (fan_in, fan_out).
FANS: tuple[tuple[str, Callable[[int, int], float]], ...] = (
    ("fan_in", lambda fan_in, fan_out: fan_in),
    ("fan_out", lambda fan_in, fan_out: fan_out),
    ("the mean of the fans", lambda fan_in, fan_out: (fan_in + fan_out) / 2),
    ("the greater fan", max),
    ("the lesser fan", min),
    ("the product of the fans", lambda fan_in, fan_out: fan_in * fan_out),
    ("the mean of fan_in and of the product of the fans", lambda fan_in, fan_out: fan_in * (1 + fan_out) / 2),
    ("the mean of fan_out and of the product of the fans", lambda fan_in, fan_out: fan_out * (1 + fan_in) / 2),
)


def by_other_fan(weight: str, failing: Sequence[Begun]) -> Told | None:
    """A variance that is one number through another fan, of large kernels of several shapes."""
    large = [each for each in failing if each.values.ndim > 1 and each.values.size > LARGE and each.expected is None]
    asked = {each.asked for each in large}
    several = [name for name in asked if len({each.values.shape for each in large if each.asked == name}) > 1]
    if len(asked) > 1 and several:
        large = [each for each in large if each.asked == several[0]]
        asked = {several[0]}
    if weight != "kernel" or len({each.values.shape for each in large}) < 2 or len(asked) > 1:
        return None
    doubt = max(8 / np.sqrt(2 * each.values.size) for each in large)
    fitting = []
    for words, fan in FANS:
        numbers = [float((each.values**2).mean()) * fan(*each.values.shape) for each in large]
        if max(numbers) <= (1 + doubt) * min(numbers) and min(numbers) > 0:
            middle = float(np.mean(numbers))
            fitting.append((words, plainest(middle * (1 - doubt), middle * (1 + doubt))))
    if len(fitting) != 1:
        return None
    words, number = fitting[0]
    says = f"a kernel by {asked.pop()} begins with a variance of about {number:g} divided by {words}, not with its own"
    return "initializer-scaled", says, f"{len(large)} of {len(large)} large kernels, of several shapes"


def drawn_turned(inquiry: Inquiry, weight: str, failing: Sequence[Begun]) -> Told | None:
    """Fans swapped: each spread fits the turned shape, and so do the values that a seed gives for it."""
    if weight != "kernel":
        return None
    known = [each for each in failing if INITIALIZERS[each.asked].spread is not None and each.expected is None]
    large = [each for each in known if each.values.size > LARGE]
    seeded = [each for each in failing if each.asked.endswith("_seeded") and each.values.ndim == 2]
    if not large or len(known) + len(seeded) < len(failing) or not all(_fits_turned(each) for each in large):
        return None
    as_drawn = [_is_drawn_turned(inquiry, each) for each in seeded]
    if any(as_drawn) and not all(as_drawn):
        return None
    words = "the kernel's fans are swapped: it is drawn for the transposed shape"
    return (
        "fans-swapped",
        f"{words}, and transposed" if as_drawn and all(as_drawn) else words,
        f"{len(large)} distributions fit the transposed shape, and {sum(as_drawn)} seeded kernels",
    )


def _turned(begun: Begun) -> Question:
    """The question whose kernel has the transposed shape."""
    features, units = begun.values.shape
    question = begun.question
    config = replace(question.config, units=features, bias_initializer="zeros")
    return replace(question, config=config, input_shape=(*question.input_shape[:-1], units))


def _fits_turned(begun: Begun) -> bool:
    trial = Trial(_turned(begun), Answer({"kernel": begun.values.T}), {}, {}, Answer())
    return all(comparison.holds for comparison in drawn_from_its_distribution(trial))


def _is_drawn_turned(inquiry: Inquiry, begun: Begun) -> bool:
    """Whether the real layer draws these values for the transposed shape."""
    drawn = inquiry.witness.oracle_answer(_turned(begun)).tensor("kernel")
    return drawn is not None and bool((begun.values == drawn.T).all())


#: What the variance of a weight may be a part of: of the shape (fan in, fan out).
_FANS: tuple[tuple[str, Callable[[int, int], float]], ...] = (
    ("the number of features", lambda features, units: features),
    ("the number of units", lambda features, units: units),
    ("the sum of features and units", lambda features, units: features + units),
    ("features times units", lambda features, units: features * units),
    ("no fan at all", lambda features, units: 1),
)


def of_other_fans(weight: str, failing: Sequence[Begun]) -> Told | None:
    """A variance that is one number over another fan, in kernels of several shapes."""
    seen = [each for each in failing if each.values.ndim == 2 and INITIALIZERS[each.asked].spread is not None]
    asked = {each.asked.removesuffix("_seeded") for each in seen}
    shapes = {each.values.shape for each in seen}
    if weight != "kernel" or len(shapes) < 2 or len(asked) != 1:
        return None
    fits = []
    for words, fan in _FANS:
        numbers = [(float((each.values**2).mean() * fan(*each.values.shape)), each.values.size) for each in seen]
        doubt = max(number * 4 * np.sqrt(2 / size) for number, size in numbers)
        if np.ptp([number for number, _ in numbers]) <= doubt:
            fits.append((words, max(numbers, key=lambda each: each[1])[0]))
    if len(fits) != 1:
        return None
    words, number = fits[0]
    of = f"{number:.2g} / ({words})" if words != "no fan at all" else f"{number:.2g}, whatever the shape"
    says = f"by {asked.pop()} the kernel begins with another variance than it should: about {of}"
    return "fans-wrong", says, f"{len(seen)} kernels of {len(shapes)} shapes"
