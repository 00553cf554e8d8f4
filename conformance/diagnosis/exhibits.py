"""What is laid before the rules: single tensors of answers that were asked for again, each with what is right there."""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from conformance.answers import Answer
from conformance.cases import Question
from conformance.families import Tensors, draw
from conformance.implementations.protocol import Implementation
from conformance.results import Report, Result, Verdict
from conformance.session import Oracle
from conformance.truth import Posed, Truth, needs_tensors, truth
from reference.activations import Activation
from reference.dialects import activation
from reference.formats import Array, Mask
from reference.intervals import Interval
from reference.rivals import RIVALS, squareplus_overflowing

#: How long an implementation may be asked again, all in all.
PATIENCE = 30.0


@dataclass(frozen=True)
class Asked:
    """A question that was put again, with its tensors, the answer, and the truth."""

    question: Question
    tensors: Tensors | None
    answer: Answer
    truth: Truth


@dataclass(frozen=True)
class Exhibit:
    """One tensor of an answer. got: None for one that did not come. right: what is allowed. fails: it is outside."""

    posed: Posed
    name: str
    got: NDArray[Any] | None
    right: Interval
    fails: bool

    @property
    def question(self) -> Question:
        return self.posed.question

    @property
    def is_shaped(self) -> bool:
        """Whether a tensor came, of the shape that is right."""
        return self.got is not None and self.got.shape == self.right.shape


@dataclass
class Witness:
    """Asks an implementation again, each question once, until its patience is at an end."""

    implementation: Implementation
    oracle: Oracle
    seconds: float = 0.0
    _asked: dict[Question, Asked] = field(default_factory=dict)

    @property
    def is_tired(self) -> bool:
        return self.seconds > PATIENCE

    def ask(self, question: Question) -> Asked:
        """The question's own tensors, drawn as in the run."""
        if question not in self._asked:
            tensors = None
            if needs_tensors(question):
                tensors = draw(question.family, question.config, question.known_shape, question.seed)
            self._asked[question] = self.ask_with(question, tensors)
        return self._asked[question]

    def ask_with(self, question: Question, tensors: Tensors | None) -> Asked:
        """Other tensors than the question's own."""
        answer = self._answer(self.implementation, question, tensors)
        return Asked(question, tensors, answer, truth(question, tensors, self.oracle.dialect))

    def tensors(self, question: Question) -> Tensors | None:
        """Those of a question, whether it was put again or not."""
        if question in self._asked:
            return self._asked[question].tensors
        if not needs_tensors(question):
            return None
        return draw(question.family, question.config, question.known_shape, question.seed)

    def oracle_answer(self, question: Question) -> Answer:
        """What the oracle says; nothing where it is recorded."""
        if self.oracle.is_recorded:
            return Answer()
        return self._answer(self.oracle.implementation, question, self.ask(question).tensors)

    def exhibits(self, question: Question) -> list[Exhibit]:
        """Every tensor that the reference bounds; none where the answer was an exception or the tensors are special."""
        return self._exhibits_of(self.ask(question))

    def exhibits_with(self, question: Question, tensors: Tensors) -> list[Exhibit]:
        """The same of other tensors than the question's own."""
        return self._exhibits_of(self.ask_with(question, tensors))

    def _exhibits_of(self, asked: Asked) -> list[Exhibit]:
        if asked.tensors is None or asked.answer.raised or asked.answer.lacks:
            return []
        posed = self.posed(asked.question, asked.tensors)
        found = [
            Exhibit(posed, name, asked.answer.tensor(name), right, not _holds(asked.answer.tensor(name), right))
            for name, right in asked.truth.bounds.items()
        ]
        return [self._as_keras(exhibit) if exhibit.fails else exhibit for exhibit in found]

    def _as_keras(self, exhibit: Exhibit) -> Exhibit:
        """What answers as Keras does where Keras is wrong fails in nothing."""
        posed = exhibit.posed
        for definition in _others_of_keras(posed.question):
            other = truth(posed.question, posed.tensors, posed.dialect, definition).bounds.get(exhibit.name)
            if other is not None and _holds(exhibit.got, other):
                return Exhibit(replace(posed, definition=definition), exhibit.name, exhibit.got, other, fails=False)
        return exhibit

    def posed(self, question: Question, tensors: Tensors) -> Posed:
        dialect = self.oracle.dialect
        return Posed(question, tensors, dialect, activation(question.config.activation, dialect))

    def _answer(self, implementation: Implementation, question: Question, tensors: Tensors | None) -> Answer:
        """Warnings are the implementation's own affair."""
        start = time.perf_counter()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            answer = implementation.answer(question, None if tensors is None else tensors.copies())
        self.seconds += time.perf_counter() - start
        return answer


@dataclass
class Inquiry:
    """The failures of one report that nothing explains yet, and whoever can be asked about them.

    fits: of rivals that were named. is_unsure: plain linear outputs are wrong, and nothing explains them. broken: rules
    that raised, in words.
    """

    report: Report
    witness: Witness
    open: list[Result]
    fits: list[Any] = field(default_factory=list)
    is_unsure: bool = False
    broken: list[str] = field(default_factory=list)
    held_back: list[Result] = field(default_factory=list)

    @staticmethod
    def into(report: Report, implementation: Implementation, oracle: Oracle) -> Inquiry:
        failed = [result for result in report.results if result.verdict.fails]
        return Inquiry(report, Witness(implementation, oracle), failed)

    @property
    def passed(self) -> Iterator[Result]:
        return (result for result in self.report.results if result.verdict is Verdict.PASS)

    def settle(self, cases: Iterable[str]) -> None:
        """These cases are explained."""
        explained = set(cases)
        self.open = [result for result in self.open if result.case.id not in explained]
        self.held_back = [result for result in self.held_back if result.case.id not in explained]

    def hold_back(self, results: Iterable[Result]) -> None:
        """These cannot speak for themselves: no rule sees them, but as what follows from something else."""
        held = {id(result) for result in results}
        self.held_back = [result for result in self.open if id(result) in held]
        self.open = [result for result in self.open if id(result) not in held]

    def release(self) -> None:
        """What was held back is open again."""
        self.open, self.held_back = [*self.open, *self.held_back], []

    def without(self, results: Iterable[Result]) -> list[Result]:
        """Takes these out of the open ones, and gives them back."""
        taken = list(results)
        self.settle(result.case.id for result in taken)
        return taken

    def failing(self, *clauses: str) -> list[Result]:
        """The open failures of clauses whose id begins so."""
        return [result for result in self.open if result.clause.id.startswith(clauses)]

    def consequences(self, *clauses: str) -> list[Result]:
        """The same, with those that are held back."""
        return [result for result in (*self.open, *self.held_back) if result.clause.id.startswith(clauses)]


def changed(tensors: Tensors, names: Iterable[str], change: Callable[[NDArray[Any]], NDArray[Any]]) -> Tensors:
    """Those of these names through a change, and in their own dtype again."""
    operands = {name: getattr(tensors, name) for name in names}
    return replace(tensors, **{name: change(values).astype(values.dtype) for name, values in operands.items()})


def matches(got: NDArray[Any] | None, within: Interval) -> bool:
    """True where every element lies inside. An interval whose ends are NaN holds NaN alone."""
    return got is not None and got.shape == within.shape and bool(inside(got, within).all())


def inside(got: NDArray[Any], within: Interval) -> Mask:
    values = got.astype(np.float64)
    return np.asarray(np.where(np.isnan(within.lower), np.isnan(values), within.contains(values)))


def wrong_elements(exhibit: Exhibit) -> Mask:
    """Of a tensor that came."""
    assert exhibit.got is not None
    return ~inside(exhibit.got, exhibit.right)


def outputs_fail(found: Iterable[Exhibit]) -> bool:
    return any(exhibit.name == "outputs" and exhibit.fails for exhibit in found)


def off_by(exhibit: Exhibit) -> float:
    """The greatest error, as a part of the greatest element; inf where there is none, or another shape."""
    if not exhibit.is_shaped or exhibit.got is None:
        return np.inf
    middle = exhibit.right.middle
    greatest = float(np.abs(middle).max(initial=0.0))
    error = float(np.abs(exhibit.got.astype(np.float64) - middle).max(initial=0.0))
    return error / greatest if np.isfinite(error) and greatest > 0 else np.inf


def apart(one: Interval, other: Interval) -> Mask:
    """True where no value lies in both."""
    with np.errstate(invalid="ignore"):
        disjoint = (one.lower > other.upper) | (other.lower > one.upper)
    return np.asarray(disjoint | (np.isnan(one.lower) & ~other.makes_no_claim & ~np.isnan(other.lower)))


#: Activations of which most is asked.
_PLAINEST = ("linear", "relu")


def spread(results: Sequence[Result], limit: int) -> list[Question]:
    """Questions of these results, at most so many, of every kind some, small ones and plain activations first."""
    by_kind: dict[tuple[object, ...], list[Question]] = {}
    for question in dict.fromkeys(result.case.question for result in results):
        by_kind.setdefault(_kind(question), []).append(question)
    for questions in by_kind.values():
        questions.sort(key=_size)
    queues = [by_kind[kind] for kind in sorted(by_kind, key=lambda kind: kind[1] not in _PLAINEST)]
    chosen: list[Question] = []
    while queues and len(chosen) < limit:
        for queue in list(queues):
            if len(chosen) < limit:
                chosen.append(queue.pop(0))
            if not queue:
                queues.remove(queue)
    return chosen


def twin(question: Question, family: str = "normal") -> Question:
    """The same question with tensors of another family: full mantissas leave nothing to chance."""
    return replace(question, family=family, seed=question.seed + 101)


def answers_alike(inquiry: Inquiry, question: Question) -> bool:
    """Whether the same tensors get the same outputs, bit by bit, when they are put again; also where none come."""
    tensors = inquiry.witness.tensors(question)
    one, other = (inquiry.witness.ask_with(question, tensors).answer.tensor("outputs") for _ in range(2))
    return one is None or other is None or np.array_equal(one, other, equal_nan=True)


#: Definitions by which Keras is wrong; the hard_sigmoid of Keras 2 is another function of that name, and no mistake.
ERRANT = {name: row for name, row in RIVALS.items() if name != "hard_sigmoid"}


def _others_of_keras(question: Question) -> list[Activation]:
    """Other definitions of a question's activation that some Keras computes by."""
    name = question.config.activation
    found = [rival for key, rival in ERRANT.items() if key in (name, f"{name}_by_quotient")]
    return [*found, squareplus_overflowing(question.config.format)] if name == "squareplus" else found


def _kind(question: Question) -> tuple[object, ...]:
    config = question.config
    ranks, square = len(question.input_shape), question.known_shape[-1:] == (config.units,)
    return question.procedure, config.activation, config.dtype, config.use_bias, ranks, question.family, square


def _size(question: Question) -> int:
    return int(np.prod(question.known_shape, dtype=int)) * question.config.units


def _holds(got: NDArray[Any] | None, within: Interval) -> bool:
    return got is not None and got.shape == within.shape and bool(within.contains(got.astype(np.float64)).all())


def elements(values: Array) -> int:
    return int(np.prod(values.shape, dtype=int))
