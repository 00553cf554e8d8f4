"""Ask, check, judge: one case, many cases. The one conductor: every entrance calls it and does nothing else.

Work goes question by question, for all implementations at once, sorted so that a built layer serves many inputs; results
are told in the contract's order.
"""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from unittest import SkipTest

from conformance.answers import Answer, Level, Raised, Trial, needed_for
from conformance.cases import PROCEDURES, Case, Question, Tier
from conformance.compare import Comparison
from conformance.contract import CONTRACT
from conformance.contract.clause import Clause, Erratum
from conformance.families import Tensors, draw
from conformance.floors import FLOORS
from conformance.implementations.keras.oracle import stock, versions
from conformance.implementations.protocol import Implementation
from conformance.judge import judge
from conformance.reports.terminal import render_result
from conformance.results import Report, Result, Verdict
from conformance.truth import Truth, needs_tensors, truth
from reference.config import DenseConfig
from reference.dialects import Dialect, activation, dialect_of


class PlugError(Exception):
    """An implementation that cannot be talked to at all: nothing was judged."""


@dataclass(frozen=True)
class Oracle:
    """The real layer, its versions, and the dialect that they speak."""

    implementation: Implementation
    versions: Mapping[str, str]
    dialect: Dialect


def live_oracle() -> Oracle:
    """The installed tf.keras.layers.Dense. Raises ImportError where TensorFlow is not installed."""
    installed = versions()
    return Oracle(stock(), installed, dialect_of(installed["keras"]))


@dataclass(frozen=True)
class Selection:
    """What is to be run. level: None for the highest whose capabilities an implementation declares.

    areas, case: a choice among the cases (all where empty); such a run claims nothing about conformance. seed: added to
    every question's own.
    """

    level: Level | None = None
    tier: Tier = Tier.DEFAULT
    areas: tuple[str, ...] = ()
    case: str = ""
    seed: int = 0

    @property
    def is_everything(self) -> bool:
        return not self.areas and not self.case

    def takes(self, clause: Clause, case: Case) -> bool:
        """True for a case of the chosen areas whose id is, or starts with, or holds the pattern."""
        return (not self.areas or clause.area in self.areas) and (not self.case or self.case in case.id)


@dataclass(frozen=True)
class Planned:
    """A case with the clause that it puts to the test."""

    clause: Clause
    case: Case


def catalogue(dialect: Dialect, *, seed: int = 0) -> tuple[Planned, ...]:
    """Every case that there is in a dialect, in the contract's order."""
    cases = ((clause, case) for clause in CONTRACT for case in clause.cases(dialect))
    return tuple(Planned(clause, _reseeded(case, seed)) for clause, case in cases)


def plan(selection: Selection, dialect: Dialect) -> tuple[Planned, ...]:
    """The catalogue's cases of a selection, of every level: an implementation's own level is applied later."""
    return tuple(
        planned
        for planned in catalogue(dialect, seed=selection.seed)
        if planned.case.tier <= (Tier.EXHAUSTIVE if selection.case else selection.tier)
        and selection.takes(planned.clause, planned.case)
    )


def highest_level(implementation: Implementation) -> Level:
    """The highest level all of whose capabilities are declared; inference at least."""
    declared = [level for level in Level if needed_for(level) <= implementation.capabilities]
    return max(declared, default=Level.INFERENCE)


def converse(implementation: Implementation) -> None:
    """Puts one plain question: a linear layer of 3 units on a 2 × 5 batch. A wrong answer is an answer.

    Raises PlugError where none comes back.
    """
    question = Question("call", DenseConfig(units=3), (2, 5))
    tensors = draw(question.family, question.config, (2, 5), question.seed)
    answer = _asked(implementation, question, tensors)
    if answer.raised or answer.lacks or answer.tensor("outputs") is None:
        what = answer.raised or answer.lacks or "it gave back no outputs"
        raise PlugError(
            f"cannot talk to {implementation.name}: a linear layer of 3 units on inputs of shape (2, 5) gave no answer "
            f"({what}); the suite constructs it as Dense(units, activation=, use_bias=, dtype=), or talks to an adapter "
            f"with build, load, call, differentiate and describe: see conformance/implementations/protocol.py"
        )


@dataclass
class Session:
    """One oracle and everything asked so far: each question is drawn, bounded and put to each answerer once."""

    oracle: Oracle
    errata: dict[str, bool] = field(default_factory=dict)
    seconds_answering: float = 0.0
    _asked: dict[Question, _Asked] = field(default_factory=dict)
    _unbuildable: dict[tuple[int, DenseConfig], str] = field(default_factory=dict)

    def result(self, planned: Planned, implementation: Implementation, *, claimed: bool = False) -> Result:
        """The result of one case. claimed: the level was asked for, so what is lacking is a failure."""
        clause, case = planned.clause, planned.case
        declined = self._declined(case, implementation)
        if declined:
            verdict = Verdict.FAIL if claimed else Verdict.NOT_APPLICABLE
            return Result(case, clause, verdict, reason=declined)
        blocked = self._unbuildable.get((id(implementation), case.question.config))
        if blocked and not clause.raising_is_an_answer:
            return Result(case, clause, Verdict.BLOCKED, reason=f"{blocked} failed to construct this layer")
        try:
            return self._judged(planned, implementation, claimed=claimed)
        except Exception as failure:  # noqa: BLE001 - a bug of the suite is a suite-error of this case, not the run's end
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

    def _declined(self, case: Case, implementation: Implementation) -> str:
        capability = PROCEDURES[case.question.procedure].capability
        return "" if capability in implementation.capabilities else f"it does not declare {capability!r}"

    def _question(self, question: Question) -> _Asked:
        if question not in self._asked:
            tensors = None
            if needs_tensors(question):
                tensors = draw(question.family, question.config, question.known_shape, question.seed)
            definition = activation(question.config.activation, self.oracle.dialect)
            self._asked[question] = _Asked(tensors, truth(question, tensors, definition))
        return self._asked[question]

    def _judged(self, planned: Planned, implementation: Implementation, *, claimed: bool) -> Result:
        clause, case = planned.clause, planned.case
        oracle_answer = self.answer(case.question, self.oracle.implementation)
        answer = self.answer(case.question, implementation)
        asked = self._question(case.question)
        if answer.lacks:
            verdict = Verdict.FAIL if claimed else Verdict.NOT_APPLICABLE
            return Result(case, clause, verdict, reason=f"it does not have this: {answer.lacks}")
        if oracle_answer.raised and not clause.raising_is_an_answer:
            return Result(case, clause, Verdict.SUITE_ERROR, reason=f"the oracle raised {oracle_answer.raised}")
        if answer.raised and not clause.raising_is_an_answer:
            self._note_unbuildable(case, implementation, answer.raised)
            return Result(case, clause, Verdict.ERROR, reason=f"it raised {answer.raised}")
        return self._compared(planned, answer, oracle_answer, asked)

    def _compared(self, planned: Planned, answer: Answer, oracle_answer: Answer, asked: _Asked) -> Result:
        clause, case = planned.clause, planned.case

        def check(answered: Answer, true: Truth) -> tuple[Comparison, ...]:
            inputs = () if asked.tensors is None else (asked.tensors.inputs,)
            return tuple(clause.check(Trial(case.question, answered, true.bounds, true.facts, oracle_answer, *inputs)))

        comparisons = check(answer, asked.truth)
        oracle_comparisons = comparisons if answer is oracle_answer else check(oracle_answer, asked.truth)
        holds, oracle_holds = _hold(comparisons), _hold(oracle_comparisons)
        errata = [erratum for erratum in clause.errata if erratum.applies(case.question)]
        for erratum in errata:
            self.errata.setdefault(erratum.id, False)
        explaining = None if oracle_holds else self._explaining(errata, asked, case, lambda t: _hold(check(oracle_answer, t)))
        if explaining is None:
            verdict = judge(holds, oracle_holds)
            reason = "" if oracle_holds else f"the oracle misses the reference: {_worst(oracle_comparisons)}"
            return Result(case, clause, verdict, comparisons, reason)
        as_keras = check(answer, self._rival(explaining, asked, case))
        verdict = judge(holds, oracle_holds, erratum_explains=True, answers_as_keras=_hold(as_keras))
        told = as_keras if _hold(as_keras) and not holds else comparisons
        return Result(case, clause, verdict, told, "", explaining.id, "mathematics" if holds else "keras")

    def _explaining(
        self, errata: Iterable[Erratum], asked: _Asked, case: Case, oracle_agrees: Callable[[Truth], bool]
    ) -> Erratum | None:
        """The erratum whose rival definition the oracle's answer agrees with."""
        for erratum in errata:
            if oracle_agrees(self._rival(erratum, asked, case)):
                self.errata[erratum.id] = True
                return erratum
        return None

    def _rival(self, erratum: Erratum, asked: _Asked, case: Case) -> Truth:
        question = case.question
        if erratum.id not in asked.rivals:
            rival = asked.truth
            if erratum.rival is not None:
                rival = truth(question, asked.tensors, erratum.rival(question))
            if erratum.facts is not None:
                rival = replace(rival, facts=erratum.facts(question, rival.facts))
            asked.rivals[erratum.id] = rival
        return asked.rivals[erratum.id]

    def _note_unbuildable(self, case: Case, implementation: Implementation, raised: Raised) -> None:
        if raised.phase == "construct":
            self._unbuildable.setdefault((id(implementation), case.question.config), case.id)


@dataclass
class _Asked:
    """What is kept of one question while it is at hand."""

    tensors: Tensors | None
    truth: Truth
    answers: dict[int, Answer] = field(default_factory=dict)
    rivals: dict[str, Truth] = field(default_factory=dict)


def run(
    implementations: Sequence[Implementation],
    selection: Selection,
    oracle: Oracle,
    *,
    exitfirst: bool = False,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> tuple[Report, ...]:
    """Runs a selection of the contract against every implementation: one report for each, in their order.

    exitfirst: an implementation's first failure ends its run. progress: called with questions done and to do.
    Raises PlugError for an implementation that cannot be talked to, before anything is judged.
    """
    for implementation in implementations:
        converse(implementation)
    start = time.perf_counter()
    planned = plan(selection, oracle.dialect)
    levels = [highest_level(each) if selection.level is None else selection.level for each in implementations]
    session = Session(oracle)
    found: list[dict[str, Result]] = [{} for _ in implementations]
    stopped: set[int] = set()
    questions = _by_question(planned)
    for done, (question, asking) in enumerate(questions):
        for index, implementation in enumerate(implementations):
            for each in asking:
                if index in stopped or each.clause.level > levels[index]:
                    continue
                result = session.result(each, implementation, claimed=selection.level is not None)
                found[index][each.case.id] = result
                if exitfirst and result.verdict.accuses:
                    stopped.add(index)
        session.forget(question)
        progress(done + 1, len(questions))
    seconds = time.perf_counter() - start
    return tuple(
        report(
            implementation.name,
            level,
            selection,
            oracle,
            [results[each.case.id] for each in planned if each.case.id in results],
            errata=session.errata,
            capabilities=implementation.capabilities,
            seconds=seconds,
            stopped_early=index in stopped,
        )
        for index, (implementation, level, results) in enumerate(zip(implementations, levels, found, strict=True))
    )


def report(
    name: str,
    level: Level,
    selection: Selection,
    oracle: Oracle,
    results: Iterable[Result],
    *,
    errata: Mapping[str, bool],
    capabilities: frozenset[str],
    seconds: float = 0.0,
    stopped_early: bool = False,
) -> Report:
    """The report of one implementation's results, with the counts and the floor that they are held to."""
    everything = catalogue(oracle.dialect)
    return Report(
        implementation=name,
        level=level,
        tier=selection.tier,
        results=tuple(results),
        applicable=sum(planned.clause.level <= level for planned in everything),
        catalogue=len(everything),
        oracle=oracle.versions,
        dialect=oracle.dialect.name,
        seed=selection.seed,
        claimed=selection.level is not None,
        floor=FLOORS[oracle.dialect.name, level, selection.tier] if selection.is_everything else None,
        errata=errata,
        lacking=tuple(sorted(needed_for(level) - capabilities)),
        seconds=seconds,
        stopped_early=stopped_early,
    )


def _by_question(planned: Iterable[Planned]) -> list[tuple[Question, list[Planned]]]:
    """Each question with the clauses that ask it, sorted so that one built layer serves many inputs."""
    asking: dict[Question, list[Planned]] = {}
    for each in planned:
        asking.setdefault(each.case.question, []).append(each)
    return sorted(asking.items(), key=lambda item: _layer_key(item[0]))


def _layer_key(question: Question) -> tuple[str, ...]:
    width = str(question.input_shape[-1]) if question.input_shape else ""
    return (str(question.config), width, question.procedure, question.label)


def _asked(implementation: Implementation, question: Question, tensors: Tensors | None) -> Answer:
    """The implementation's warnings are its own affair: where they are errors, they would accuse a right layer."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return implementation.answer(question, None if tensors is None else tensors.copies())


def _hold(comparisons: Iterable[Comparison]) -> bool:
    return all(comparison.holds for comparison in comparisons)


def _worst(comparisons: Iterable[Comparison]) -> str:
    missed = max((each for each in comparisons if not each.holds), key=lambda each: each.ratio)
    return f"{missed.name} at {list(missed.place)} is {missed.got}, allowed {missed.allowed}"


def _reseeded(case: Case, seed: int) -> Case:
    return replace(case, question=replace(case.question, seed=case.question.seed + seed)) if seed else case


def _in_one_line(failure: Exception) -> str:
    return f"{type(failure).__name__}: {' '.join(str(failure).split())}"[:300]


def areas() -> Iterator[str]:
    """The contract's areas, in reading order."""
    return iter(dict.fromkeys(clause.area for clause in CONTRACT))


class NotConforming(AssertionError):
    """A case that the implementation failed; the message is the block that `run` prints."""


class SuiteFailed(Exception):
    """A case in which the suite or the oracle failed: nothing is said of the implementation."""


@dataclass(frozen=True)
class RunnableCase:
    """A case with what it takes to run it: the item that pytest gets. Its session is shared by all of a process."""

    planned: Planned
    implementation: Implementation
    session: Callable[[], Session]
    claimed: bool = False

    @property
    def id(self) -> str:
        return self.planned.case.id

    def result(self) -> Result:
        return self.session().result(self.planned, self.implementation, claimed=self.claimed)

    def run(self) -> Result:
        """The result of a case that passes.

        Raises NotConforming for one that fails, SuiteFailed for a suite-error, SkipTest for one that is not applicable.
        """
        result = self.result()
        if result.verdict.accuses:
            raise NotConforming(render_result(result, self.implementation.name))
        if result.verdict is Verdict.SUITE_ERROR:
            raise SuiteFailed(render_result(result, self.implementation.name))
        if result.verdict is Verdict.NOT_APPLICABLE:
            raise SkipTest(f"not applicable: {result.reason}")
        return result
