"""One case: put its question to the oracle and to an implementation, check both answers, judge them.

A session keeps what was asked, so that each question is drawn, bounded and answered once, however many clauses use it.
"""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property

from conformance.answers import Answer, Raised, Trial
from conformance.cases import Case, Question
from conformance.compare import Comparison
from conformance.contract.clause import Clause, Erratum, Versions
from conformance.families import Tensors, draw
from conformance.implementations.keras.oracle import stock, versions
from conformance.implementations.protocol import Implementation, declared
from conformance.judge import judge
from conformance.results import Result, Verdict, note_errata
from conformance.truth import Truth, needs_tensors, truth
from reference.config import DenseConfig
from reference.dialects import Dialect, dialect_of
from reference.grades import GRADES, LADDERS, PASS_LINES


class PlugError(Exception):
    """An implementation that cannot be talked to at all: nothing was judged."""


class OracleError(Exception):
    """An oracle that cannot be used: nothing was judged."""


@dataclass(frozen=True)
class Oracle:
    """The real layer, its versions, and the dialect that they speak.

    is_recorded: it was held to the reference before; it is asked again only where it may show an erratum.
    """

    implementation: Implementation
    versions: Mapping[str, str]
    dialect: Dialect
    is_recorded: bool = False

    @property
    def told(self) -> Mapping[str, str]:
        """What a report says of it: its versions, and that it is a recording where it is one."""
        return {**self.versions, **({"oracle": "recorded"} if self.is_recorded else {})}

    @cached_property
    def numbers(self) -> Versions:
        """(major, minor) of each version."""
        pairs = {name: version.split(".")[:2] for name, version in self.versions.items()}
        return {name: tuple(map(int, pair)) for name, pair in pairs.items()}


def live_oracle() -> Oracle:
    """The installed tf.keras.layers.Dense.

    Raises ImportError where TensorFlow is not installed, OracleError for a version whose dialect is not known.
    """
    installed = versions()
    try:
        return Oracle(stock(), installed, dialect_of(installed["keras"]))
    except ValueError as failure:
        raise OracleError(f"the installed oracle cannot be used: {failure}") from None


@dataclass(frozen=True)
class Planned:
    """A case with the clause that it puts to the test."""

    clause: Clause
    case: Case


def converse(implementation: Implementation, oracle: Oracle) -> None:
    """Puts one plain question: a linear layer of 3 units on a 2 × 5 batch. A wrong answer is an answer.

    Raises PlugError where none comes back, and for a Keras layer that a recorded oracle cannot judge.
    """
    if oracle.is_recorded and "keras" in implementation.capabilities:
        raise PlugError(
            f"{implementation.name} is a Keras layer: what only Keras layers are asked is not recorded; judge it by "
            f"--oracle tensorflow, or by an adapter"
        )
    answer = _asked(implementation, Question("talk", DenseConfig(units=3), (2, 5)), None)
    if answer.raised or answer.lacks or answer.tensor("outputs") is None:
        what = answer.raised or answer.lacks or "it gave back no outputs"
        raise PlugError(
            f"cannot talk to {implementation.name}: a linear layer of 3 units on inputs of shape (2, 5) gave no answer "
            f"({what}); the suite constructs it as Dense(units, activation=, use_bias=, dtype=), or needs an adapter "
            f"with build, load, call, differentiate and describe: see conformance/implementations/protocol.py"
        )


@dataclass
class Session:
    """One oracle and everything asked so far: each question is drawn, bounded and put to each answerer once.

    errata: those asked about, True once the oracle has shown one. settled: every result, by implementation and case id.
    shown: of each erratum, activation and dtype, the places of the rivals that explain all that the oracle answered.
    """

    oracle: Oracle
    errata: dict[str, bool] = field(default_factory=dict)
    seconds_answering: float = 0.0
    settled: dict[tuple[int, str], Result] = field(default_factory=dict)
    shown: dict[tuple[str, str, str], set[int]] = field(default_factory=dict)
    _asked: dict[Question, _Asked] = field(default_factory=dict)
    _unbuildable: dict[tuple[int, DenseConfig, int | None], tuple[str, str]] = field(default_factory=dict)

    def result(self, planned: Planned, implementation: Implementation, *, claimed: bool = False) -> Result:
        """The result of one case. claimed: the level was asked for, so what is lacking is a failure."""
        result = self._settle(planned, implementation, claimed=claimed)
        self.settled[id(implementation), planned.case.id] = result
        return result

    def _settle(self, planned: Planned, implementation: Implementation, *, claimed: bool) -> Result:
        clause, case = planned.clause, planned.case
        declined = self._declined(case, implementation)
        if declined:
            verdict = Verdict.FAIL if claimed else Verdict.NOT_APPLICABLE
            return Result(case, clause, verdict, reason=declined)
        blocked = self._unbuildable.get((id(implementation), *case.question.layer))
        if blocked and not clause.raising_is_an_answer:
            first, raised = blocked
            return Result(
                case, clause, Verdict.BLOCKED, reason=f"{first} failed to construct this layer", raised=raised
            )
        try:
            return self._judged(planned, implementation, claimed=claimed)
        except Exception as failure:
            return Result(case, clause, Verdict.SUITE_ERROR, reason=f"the suite failed: {_in_one_line(failure)}")

    def forget(self, question: Question) -> None:
        """Drops what was kept of a question."""
        self._asked.pop(question, None)

    def answer(self, question: Question, implementation: Implementation) -> Answer:
        """The implementation's answer, asked for once."""
        asked = self._question(question)
        if id(implementation) not in asked.answers:
            start = time.perf_counter()
            asked.answers[id(implementation)] = _asked(implementation, question, asked.tensors)
            self.seconds_answering += time.perf_counter() - start
        return asked.answers[id(implementation)]

    def trial(self, planned: Planned, implementation: Implementation) -> Trial:
        """What the clause's check looks at: the implementation's answer, beside the truth and the oracle's own."""
        question = planned.case.question
        asked, oracle_answer = self._question(question), self.answer(question, self.oracle.implementation)
        return asked.trial(question, self.answer(question, implementation), oracle_answer, asked.truth)

    def _oracle_answer(self, planned: Planned) -> Answer:
        """A recorded oracle has been held to the reference already, but for where it shows an erratum."""
        if self.oracle.is_recorded and not self._errata(planned):
            return AS_RECORDED
        return self.answer(planned.case.question, self.oracle.implementation)

    def _declined(self, case: Case, implementation: Implementation) -> str:
        lacking = ", ".join(map(repr, sorted(case.question.capabilities - implementation.capabilities)))
        lacking = lacking or declared(implementation).lacks(case.question)
        return f"it does not declare {lacking}" if lacking else ""

    def _question(self, question: Question) -> _Asked:
        if question not in self._asked:
            tensors = None
            if needs_tensors(question):
                tensors = draw(question.family, question.config, question.known_shape, question.seed)
            self._asked[question] = _Asked(tensors, truth(question, tensors, self.oracle.dialect))
        return self._asked[question]

    def _judged(self, planned: Planned, implementation: Implementation, *, claimed: bool) -> Result:
        clause, case = planned.clause, planned.case
        oracle_answer = self._oracle_answer(planned)
        answer = self.answer(case.question, implementation)
        asked = self._question(case.question)
        if answer.lacks:
            verdict = Verdict.FAIL if claimed else Verdict.NOT_APPLICABLE
            return Result(case, clause, verdict, reason=f"it does not have this: {answer.lacks}")
        if answer.raised and answer.raised.ended:
            return Result(case, clause, Verdict(answer.raised.ended), reason=str(answer.raised))
        if oracle_answer.raised and not clause.raising_is_an_answer:
            return self._judged_beside_refusal(planned, answer, oracle_answer, asked)
        if answer.raised and not clause.raising_is_an_answer:
            self._note_unbuildable(case, implementation, answer.raised)
            reason, kind = f"it raised {answer.raised}", answer.raised.type
            return Result(case, clause, Verdict.ERROR, reason=reason, raised=kind)
        return self._compared(planned, answer, oracle_answer, asked)

    def _judged_beside_refusal(self, planned: Planned, answer: Answer, oracle_answer: Answer, asked: _Asked) -> Result:
        """The oracle raised. Where an erratum says that Keras does, raising and the right answer both pass."""
        clause, case = planned.clause, planned.case
        erratum = next((each for each in self._errata(planned) if each.raises), None)
        if erratum is None:
            return Result(case, clause, Verdict.SUITE_ERROR, reason=f"the oracle raised {oracle_answer.raised}")
        note_errata(self.errata, {erratum.id: True})
        comparisons = asked.check(planned, answer, oracle_answer, asked.truth)
        if answer.raised:
            comparisons = tuple(_raised_as_keras(each) for each in comparisons)
        holds, as_keras = _hold(comparisons), answer.raised is not None
        verdict = judge(holds, False, erratum_explains=True, answers_as_keras=as_keras)
        decided = "keras" if as_keras else "mathematics" if holds else ""
        return Result(case, clause, verdict, comparisons, "", erratum.id, decided)

    def _compared(self, planned: Planned, answer: Answer, oracle_answer: Answer, asked: _Asked) -> Result:
        clause, case = planned.clause, planned.case

        def check(answered: Answer, true: Truth) -> tuple[Comparison, ...]:
            return asked.check(planned, answered, oracle_answer, true)

        comparisons = check(answer, asked.truth)
        oracle_comparisons = comparisons
        if answer is not oracle_answer and oracle_answer is not AS_RECORDED:
            oracle_comparisons = check(oracle_answer, asked.truth)
        holds = _hold(comparisons)
        oracle_holds = oracle_answer is AS_RECORDED or _hold(oracle_comparisons)
        explained: list[tuple[Erratum, Truth]] = []
        if not (holds and oracle_holds):
            explained = self._explained(planned, asked, lambda true: _hold(check(oracle_answer, true)))
        seen = explained[0][0] if explained and not oracle_holds else None
        if seen is not None:
            self._note_shown(seen, case.question, [rival for erratum, rival in explained if erratum is seen], asked)
        note_errata(self.errata, {erratum.id: erratum is seen for erratum in self._errata(planned)})
        by_rival = [(erratum, check(answer, rival)) for erratum, rival in explained]
        kept = next(((erratum, each) for erratum, each in by_rival if _hold(each)), None)
        verdict = judge(holds, oracle_holds, erratum_explains=bool(explained), answers_as_keras=kept is not None)
        if kept is not None and not holds:
            return Result(case, clause, verdict, kept[1], "", kept[0].id, "keras")
        if explained and not oracle_holds:
            return Result(case, clause, verdict, comparisons, "", explained[0][0].id, "mathematics" if holds else "")
        grade = self._grade(planned, asked, lambda true: _hold(check(answer, true)))
        reason = "" if oracle_holds else f"the oracle misses the reference: {_worst(oracle_comparisons)}"
        if grade and verdict is Verdict.FAIL:
            reason = _grade_reached(grade, case.question)
        return Result(case, clause, verdict, comparisons, reason, grade=grade)

    def _grade(self, planned: Planned, asked: _Asked, holds: Callable[[Truth], bool]) -> str:
        """The name of the best grade that the answer meets, "-" for none; "" where the clause awards none."""
        if not planned.clause.is_graded or asked.tensors is None:
            return ""
        question = planned.case.question
        for grade in LADDERS[question.config.format.name]:
            if grade.name not in asked.graded:
                asked.graded[grade.name] = truth(question, asked.tensors, self.oracle.dialect, grade=grade)
            if holds(asked.graded[grade.name]):
                return grade.name
        return "-"

    def _explained(
        self, planned: Planned, asked: _Asked, oracle_agrees: Callable[[Truth], bool]
    ) -> list[tuple[Erratum, Truth]]:
        """The errata, each with the rival definitions of it that the oracle's answer agrees with."""
        found = []
        for erratum in self._errata(planned):
            if erratum.id not in asked.rivals:
                rivals = _rivals(erratum, asked, planned.case.question, self.oracle.dialect)
                asked.rivals[erratum.id] = tuple(rivals)
            found += [(erratum, rival) for rival in asked.rivals[erratum.id] if oracle_agrees(rival)]
        return found

    def _note_shown(self, erratum: Erratum, question: Question, explaining: list[Truth], asked: _Asked) -> None:
        places = {at for at, rival in enumerate(asked.rivals[erratum.id]) if any(rival is each for each in explaining)}
        key = (erratum.id, question.config.activation, question.config.dtype)
        self.shown[key] = self.shown.get(key, places) & places

    def _errata(self, planned: Planned) -> list[Erratum]:
        """Those that this oracle may show here."""
        numbers, question = self.oracle.numbers, planned.case.question
        return [each for each in planned.clause.errata if each.applies(question) and each.shown_by(numbers)]

    def _note_unbuildable(self, case: Case, implementation: Implementation, raised: Raised) -> None:
        if raised.phase == "construct":
            key = (id(implementation), *case.question.layer)
            self._unbuildable.setdefault(key, (case.id, raised.type))


#: In the place of a recorded oracle's answer that was found right when it was recorded.
AS_RECORDED = Answer()


@dataclass
class _Asked:
    """What is kept of one question while it is at hand."""

    tensors: Tensors | None
    truth: Truth
    answers: dict[int, Answer] = field(default_factory=dict)
    rivals: dict[str, tuple[Truth, ...]] = field(default_factory=dict)
    graded: dict[str, Truth] = field(default_factory=dict)

    def check(self, planned: Planned, answer: Answer, oracle_answer: Answer, true: Truth) -> tuple[Comparison, ...]:
        """What the clause's check finds in an answer, held to one truth; the tensors are not kept with it."""
        trial = self.trial(planned.case.question, answer, oracle_answer, true)
        return tuple(replace(each, claim=None) for each in planned.clause.check(trial))

    def trial(self, question: Question, answer: Answer, oracle_answer: Answer, true: Truth) -> Trial:
        inputs = () if self.tensors is None else (self.tensors.inputs,)
        return Trial(question, answer, true.bounds, true.facts, oracle_answer, *inputs)


def _asked(implementation: Implementation, question: Question, tensors: Tensors | None) -> Answer:
    """The implementation's warnings are its own affair: where they are errors, they would accuse a right layer."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return implementation.answer(question, None if tensors is None else tensors.copies())


def _rivals(erratum: Erratum, asked: _Asked, question: Question, dialect: Dialect) -> Iterator[Truth]:
    """What the reference would say if Keras were right: with each rival definition, or with the facts that Keras
    states.
    """
    for rival in erratum.rivals:
        yield truth(question, asked.tensors, dialect, rival(question))
    if erratum.grade is not None:
        yield truth(question, asked.tensors, dialect, grade=erratum.grade)
    if erratum.facts is not None:
        yield replace(asked.truth, facts=erratum.facts(question, asked.truth.facts))


def _hold(comparisons: Iterable[Comparison]) -> bool:
    return all(comparison.holds for comparison in comparisons)


def _grade_reached(grade: str, question: Question) -> str:
    """Why an answer of this grade fails, in words."""
    format = question.config.format.name
    needed = PASS_LINES[format].name
    reached = f"it reaches grade {grade} ({GRADES[grade].says})" if grade in GRADES else "it reaches no grade"
    return f"{reached}; {format} needs {needed}"


def _raised_as_keras(comparison: Comparison) -> Comparison:
    """What becomes of a comparison where an exception is as good as the right answer."""
    allowed = "an exception, as Keras raises"
    return replace(
        comparison, holds=True, got="an exception", allowed=allowed, ratio=0.0, place=(), misses=0, directions=()
    )


def _worst(comparisons: Iterable[Comparison]) -> str:
    missed = max((each for each in comparisons if not each.holds), key=lambda each: each.ratio)
    return f"{missed.name} at {list(missed.place)} is {missed.got}, allowed {missed.allowed}"


def _in_one_line(failure: Exception) -> str:
    return f"{type(failure).__name__}: {' '.join(str(failure).split())}"[:300]
