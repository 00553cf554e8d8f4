"""Rivals that are found by asking: which weight each feature meets, and which bias each unit.

Rows of the identity show the kernel that is in use, and a kernel of zeros the bias. What is read off there is put to
all that fails, like any rival.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from conformance.cases import Question
from conformance.diagnosis.exhibits import Inquiry
from conformance.diagnosis.rivals.rival import Rival, forward
from conformance.diagnosis.rivals.steps import of_bias, of_kernel
from conformance.diagnosis.wording import listed
from conformance.families import Tensors
from conformance.truth import Posed
from reference.bounds import Problem
from reference.formats import Array

#: So many numbers of features, or of units, are looked at; and as many of either at most.
NUMBERS, MOST = 12, 600
#: Units of a probe at least: by fewer weights no row of a kernel is known.
UNITS = 8
#: What a weight may be multiplied by, and the words for it; where it is none of these nothing is concluded.
TIMES: Mapping[float, str] = {0.0: "left out", 2.0: "counted twice", 3.0: "counted three times", -1.0: "negated"}
#: So many places are listed.
LISTED = 4


@dataclass(frozen=True)
class Use:
    """Of so many places: which one's weight each takes, and times what."""

    origin: NDArray[Any]
    times: Array

    @property
    def is_right(self) -> bool:
        return bool((self.origin == np.arange(len(self.origin))).all() and (self.times == 1).all())

    def of(self, values: Array) -> Array:
        """Along the first axis."""
        return values[self.origin] * self.times.reshape(-1, *(1 for _ in values.shape[1:]))


Uses = Mapping[int, Use]


def probed(inquiry: Inquiry, failing: Sequence[Question]) -> Iterator[Rival]:
    """For each number of features and of units that fails, what a linear layer answers."""
    plain = [replace(each, config=replace(each.config, activation="linear")) for each in failing]
    questions = list(dict.fromkeys(plain))
    features = _each(
        questions, lambda question: question.known_shape[-1], lambda question: _features(inquiry, question)
    )
    if any(not use.is_right for use in features.values()):
        defect, says = _told(features, "feature", "meets the weights of", ("features-dropped", "features-reordered"))
        step = of_kernel(lambda kernel, problem: features[len(kernel)].of(kernel))
        yield forward(defect, says, step, applies=_among(features, lambda problem: len(problem.kernel)))
    biased = [question for question in questions if question.config.use_bias]
    units = _each(biased, lambda question: question.config.units, lambda question: _bias(inquiry, question))
    if any(not use.is_right for use in units.values()):
        defect, says = _told(units, "unit", "gets the bias of", ("units-unbiased", "bias-permuted"))
        step = of_bias(lambda bias, problem: units[len(bias)].of(bias))
        yield forward(defect, says, step, applies=_among(units, lambda problem: problem.kernel.shape[1]))


def _each(
    questions: Sequence[Question], number: Callable[[Question], int], look: Callable[[Question], Use | None]
) -> Uses:
    first = {number(question): question for question in questions[::-1] if len(question.known_shape) > 1}
    found = {count: look(question) for count, question in sorted(first.items())[:NUMBERS] if 0 < count <= MOST}
    return {count: use for count, use in found.items() if use is not None}


def _among(uses: Uses, number: Callable[[Problem], int]) -> Callable[[Posed], bool]:
    return lambda posed: number(posed.problem) in uses


def _features(inquiry: Inquiry, question: Question) -> Use | None:
    """Which row of the kernel each feature meets."""
    count, units = question.known_shape[-1], max(question.config.units, UNITS)
    config = replace(question.config, units=units, use_bias=False)
    asked = replace(question, procedure="call", config=config, input_shape=(count, count), family="integers")
    kernel = np.random.default_rng(count).integers(1, 9, (count, units)) * (1 - 2 * (np.arange(units) % 2))
    got = _answer(inquiry, asked, np.eye(count), kernel, None)
    return None if got is None else _use(got, kernel.astype(np.float64))


def _bias(inquiry: Inquiry, question: Question) -> Use | None:
    """Which bias each unit gets: odd numbers, none of which is another one's double."""
    features, units = max(question.known_shape[-1], 1), question.config.units
    asked = replace(question, procedure="call", input_shape=(3, features), family="integers")
    bias = 2.0 * np.arange(units) + 1
    got = _answer(inquiry, asked, np.ones((3, features)), np.zeros((features, units)), bias)
    if got is None or (got != got[0]).any():
        return None
    return _use(got[0][:, None], bias[:, None])


def _answer(inquiry: Inquiry, question: Question, inputs: Any, kernel: Any, bias: Any) -> Array | None:
    dtype = question.config.variable_format.dtype
    upstream = np.zeros((len(inputs), kernel.shape[1]), dtype)
    own = None if bias is None else bias.astype(dtype)
    if inquiry.witness.is_tired:
        return None
    tensors = Tensors(inputs.astype(dtype), kernel.astype(dtype), own, upstream)
    got = inquiry.witness.ask_with(question, tensors).answer.tensor("outputs")
    return None if got is None or got.shape != upstream.shape else got.astype(np.float64)


def _use(got: Array, weights: Any) -> Use | None:
    """Its own weights times a number, or those of one other place; None where neither is so."""
    origin, times = np.arange(len(weights)), np.ones(len(weights))
    for place in np.flatnonzero((got != weights).any(axis=1)):
        factors = [by for by in TIMES if (got[place] == by * weights[place]).all()]
        others = np.flatnonzero((weights == got[place]).all(axis=1))
        if factors:
            times[place] = factors[0]
        elif len(others) == 1:
            origin[place] = others[0]
        else:
            return None
    return Use(origin, times)


def _told(uses: Uses, one: str, takes: str, defects: tuple[str, str]) -> tuple[str, str]:
    """The defect, and a sentence about the largest number of places that shows it."""
    count, use = max((count, use) for count, use in uses.items() if not use.is_right)
    moved = np.flatnonzero(use.origin != np.arange(count))
    if moved.size:
        place = int(moved[0])
        if (use.origin == np.arange(count) % place).all():
            return defects[1], f"of {count} {one}s each, counted from 0, {takes} its own number modulo {place}"
        says = f"of {count} {one}s the {_nth(place)} {takes} the {_nth(int(use.origin[place]))}"
        return defects[1], says
    by = float(use.times[use.times != 1][0])
    places = np.flatnonzero(use.times == by)
    defect = defects[0] if by == 0 else f"{one}s-repeated" if by > 1 else f"{one}s-negated"
    if one == "unit":
        return defect, f"of {count} units the bias of the {_places(places)} is {TIMES[by]}"
    return defect, f"of {count} features the {_places(places)} {'are' if len(places) > 1 else 'is'} {TIMES[by]}"


def _nth(place: int) -> str:
    number = place + 1
    ending = "th" if number % 100 in (11, 12, 13) else {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")
    return f"{number}{ending}"


def _places(places: NDArray[Any]) -> str:
    if len(places) > 2 and places[-1] - places[0] == len(places) - 1:
        return f"{_nth(int(places[0]))} to {_nth(int(places[-1]))}"
    words = [_nth(int(place)) for place in places[:LISTED]]
    return listed([*words, "others"] if len(places) > LISTED else words)
