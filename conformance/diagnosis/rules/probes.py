"""Rivals that are found by asking: which weight each feature meets, and which bias each unit.

Rows of the identity show the kernel that is in use, and a kernel of zeros the bias. What is read off there is put to
all that fails, like any rival.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from conformance.cases import Question
from conformance.diagnosis.exhibits import Inquiry
from conformance.diagnosis.rivals.rival import Forward, Rival, forward
from conformance.diagnosis.rivals.steps import of_bias, of_kernel
from conformance.diagnosis.wording import listed, nth
from conformance.families import Tensors
from conformance.truth import Posed
from reference.bounds import Problem
from reference.formats import Array

#: So many kernels are looked at, of as many features or units at most.
NUMBERS, MOST = 16, 600
#: So many features have most cases: the bias of so many is looked at as well.
PLAIN = 7
#: So many weights are told apart by their numbers.
DISTINCT = 2**15
#: What a weight may be multiplied by, and the words for it; where it is none of these nothing is concluded.
TIMES: Mapping[float, str] = {0.0: "left out", 2.0: "counted twice", -1.0: "negated"}
#: The end of the defect's name, for features and for units.
DONE = {
    (0.0, False): "dropped",
    (2.0, False): "repeated",
    (-1.0, False): "negated",
    (0.0, True): "zero",
    (2.0, True): "doubled",
    (-1.0, True): "negated",
}
#: Of the bias what units are called.
OF_BIAS = {
    "units-reordered": "bias-permuted",
    "units-zero": "bias-dropped",
    "units-doubled": "bias-doubled",
    "units-negated": "bias-subtracted",
}
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


Shown = TypeVar("Shown")
#: By (features, units).
Uses = Mapping[tuple[int, int], Use]


def probed(inquiry: Inquiry, failing: Sequence[Question]) -> Iterator[Rival]:
    """For the numbers of features and units that fail, what a linear layer answers."""
    plain = [replace(each, config=replace(each.config, activation="linear")) for each in failing]
    questions = list(dict.fromkeys(plain))
    kernels = _each(questions, lambda question: _in_use(inquiry, question))
    by_feature = {numbers: _use(got, weights) for numbers, (got, weights) in kernels.items()}
    by_unit = {numbers: _use(got.T, weights.T) for numbers, (got, weights) in kernels.items()}
    features, units = _uses(by_feature), _uses(by_unit)
    if len(features) == len(kernels) and any(not use.is_right for use in features.values()):
        yield _of_features(features)
    if len(units) == len(kernels) and any(not use.is_right for use in units.values()):
        yield _of_units(units)
    if any(use is None for use in (*by_feature.values(), *by_unit.values())):
        orders = _each(questions, lambda question: _order(inquiry, question))
        if any((order != np.arange(order.size)).any() for order in orders.values()):
            yield _of_elements(orders)
    biased = [question for question in questions if question.config.use_bias]
    biased += [replace(question, input_shape=(*question.known_shape[:-1], PLAIN)) for question in biased]
    biases = _each(biased, lambda question: _bias(inquiry, question))
    if any(not use.is_right for use in biases.values()) and _is_of_units(biases):
        yield _of_biases(biases)
        if len(units) == len(kernels) and any(not use.is_right for use in units.values()):
            yield _of_units_and_biases(units, biases)


def _is_of_units(biases: Uses) -> bool:
    """Whether the number of units decides which bias each gets, whatever the number of features."""
    by_units: dict[int, Use] = {}
    for (_, units), use in biases.items():
        first = by_units.setdefault(units, use)
        if not (np.array_equal(first.origin, use.origin) and np.array_equal(first.times, use.times)):
            return False
    return True


def _order(inquiry: Inquiry, question: Question) -> NDArray[Any] | None:
    """Of every weight the place of the one that is used for it, each once; None where that is not what it is."""
    count, units = question.known_shape[-1], question.config.units
    if not count or count * units > DISTINCT:
        return None
    config = replace(question.config, use_bias=False, dtype="float32")
    asked = replace(question, procedure="call", config=config, input_shape=(count, count), family="integers")
    kernel = 1.0 + np.arange(count * units).reshape(count, units)
    got = _answer(inquiry, asked, np.eye(count), kernel, None)
    if got is None or not np.array_equal(np.sort(got.ravel()), kernel.ravel()):
        return None
    return got.ravel().astype(int) - 1


def _of_elements(orders: Mapping[tuple[int, int], NDArray[Any]]) -> Rival:
    step = of_kernel(lambda kernel, _: kernel.ravel()[orders[kernel.shape]].reshape(kernel.shape))
    (features, units), order = max(
        ((numbers, order) for numbers, order in orders.items() if (order != np.arange(order.size)).any()),
        key=lambda each: each[1].size,
    )
    place = int(np.flatnonzero(order != np.arange(order.size))[0])
    used, own = (divmod(each, units) for each in (int(order[place]), place))
    says = (
        f"the kernel is read in another order than it lies: of {features} features and {units} units, for weight "
        f"[{own[0]}, {own[1]}] that of [{used[0]}, {used[1]}] is used"
    )
    return forward("kernel-misread", says, step, applies=lambda posed: posed.problem.kernel.shape in orders)


def _of_features(uses: Uses) -> Rival:
    step = of_kernel(lambda kernel, problem: _use_of(uses, problem).of(kernel))
    defect, says = _told(uses, 0, "feature", "meets the weights of", "the {places} {are} {times}")
    return forward(defect, says, step, applies=_among(uses))


def _of_units(uses: Uses) -> Rival:
    step = of_kernel(lambda kernel, problem: _use_of(uses, problem).of(kernel.T).T)
    defect, says = _told(uses, 1, "unit", "gets the product of", "the product of the {places} is {times}")
    return forward(defect, says, step, applies=_among(uses))


def _of_biases(uses: Uses) -> Rival:
    step = of_bias(lambda bias, problem: _use_of(uses, problem).of(bias))
    defect, says = _told(uses, 1, "unit", "gets the bias of", "the bias of the {places} is {times}")
    return forward(OF_BIAS[defect], says, step, applies=_among(uses))


def _of_units_and_biases(units: Uses, biases: Uses) -> Rival:
    """A unit that gets another one's product and bias is that other unit."""

    def operands(problem: Problem) -> Problem:
        moved = of_kernel(lambda kernel, problem: _use_of(units, problem).of(kernel.T).T).operands(problem)
        return of_bias(lambda bias, problem: _use_of(biases, problem).of(bias)).operands(moved)

    def applies(posed: Posed) -> bool:
        return _among(units)(posed) and (posed.problem.bias is None or _among(biases)(posed))

    defect, says = _told(units, 1, "unit", "gets product and bias of", "product and bias of the {places} are {times}")
    return forward(defect, says, Forward(operands=operands), applies=applies)


def _uses(found: Mapping[tuple[int, int], Use | None]) -> Uses:
    return {numbers: use for numbers, use in found.items() if use is not None}


def _each(questions: Sequence[Question], look: Callable[[Question], Shown | None]) -> dict[tuple[int, int], Shown]:
    """By (features, units), of the first such question, what is seen there."""
    first = {
        (question.known_shape[-1], question.config.units): question
        for question in questions[::-1]
        if len(question.known_shape) > 1
    }
    found = {numbers: look(question) for numbers, question in sorted(first.items())[:NUMBERS] if max(numbers) <= MOST}
    return {numbers: shown for numbers, shown in found.items() if shown is not None}


def _use_of(uses: Uses, problem: Problem) -> Use:
    return uses[problem.kernel.shape]


def _among(uses: Uses) -> Callable[[Posed], bool]:
    return lambda posed: posed.problem.kernel.shape in uses


def _in_use(inquiry: Inquiry, question: Question) -> tuple[Array, Array] | None:
    """The kernel that rows of the identity show, and the one that was set."""
    count, units = question.known_shape[-1], question.config.units
    if not count:
        return None
    config = replace(question.config, use_bias=False)
    asked = replace(question, procedure="call", config=config, input_shape=(count, count), family="integers")
    signs = 1 - 2 * (np.arange(count * units) % 2)
    kernel = np.random.default_rng(count).integers(1, 9, (count, units)) * signs.reshape(count, units)
    got = _answer(inquiry, asked, np.eye(count), kernel, None)
    return None if got is None else (got, kernel.astype(np.float64))


def _bias(inquiry: Inquiry, question: Question) -> Use | None:
    """Which bias each unit gets: odd numbers, none of which is another one's double."""
    features, units = question.known_shape[-1], question.config.units
    if not features:
        return None
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


def _told(uses: Uses, axis: int, one: str, takes: str, words: str) -> tuple[str, str]:
    """The defect, and a sentence about the largest number of places that shows it."""
    numbers, use = max(
        ((numbers, use) for numbers, use in uses.items() if not use.is_right), key=lambda each: each[0][axis]
    )
    count = numbers[axis]
    moved = np.flatnonzero(use.origin != np.arange(count))
    if moved.size:
        place, origin = int(moved[0]), use.origin
        if (origin == np.arange(count) % place).all():
            return f"{one}s-reordered", f"of {count} {one}s each, counted from 0, {takes} its own number modulo {place}"
        return f"{one}s-reordered", f"of {count} {one}s the {nth(place)} {takes} the {nth(int(origin[place]))}"
    by = float(use.times[use.times != 1][0])
    places = np.flatnonzero(use.times == by)
    told = words.format(places=_places(places), are="are" if len(places) > 1 else "is", times=TIMES[by])
    return f"{one}s-{DONE[by, one == 'unit']}", f"of {count} {one}s {told}"


def _places(places: NDArray[Any]) -> str:
    if len(places) > 2 and places[-1] - places[0] == len(places) - 1:
        return f"{nth(int(places[0]))} to {nth(int(places[-1]))}"
    words = [nth(int(place)) for place in places[:LISTED]]
    return listed([*words, "others"] if len(places) > LISTED else words)
