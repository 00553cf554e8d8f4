"""Ask, check, judge: one case, many cases. The one conductor: every entrance calls it and does nothing else.

Work goes question by question, for all implementations at once, layer by layer; results are told in the contract's
order.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from unittest import SkipTest

from conformance.answers import Level, needed_for
from conformance.cases import Case, Question, Tier, pattern, question_of
from conformance.contract import CONTRACT
from conformance.contract.clause import Clause
from conformance.floors import FLOORS
from conformance.implementations.protocol import Implementation, declared
from conformance.reports.terminal import render_result
from conformance.results import Report, Result, Shard, Verdict
from conformance.session import Oracle, Planned, Session, converse
from conformance.waivers.application import NOTHING_WAIVED, InForce, Waiving, apply, in_force, versions_of
from reference.config import DenseConfig
from reference.dialects import Dialect

#: Called with questions done and to do.
Progress = Callable[[int, int], None]
#: A question with the clauses that ask it.
Asking = tuple[Question, list[Planned]]
#: What one layer is made of: config and input_dim.
Layer = tuple[DenseConfig, int | None]


@dataclass(frozen=True)
class Selection:
    """What is to be run. level: None for the highest whose capabilities an implementation declares.

    areas, case: a choice among the cases (all where empty); such a run claims nothing about conformance. seed: added to
    every question's own. shard: the part of all this that is run, None for the whole.
    """

    level: Level | None = None
    tier: Tier = Tier.DEFAULT
    areas: tuple[str, ...] = ()
    case: str = ""
    seed: int = 0
    shard: Shard | None = None

    @property
    def is_everything(self) -> bool:
        return not self.areas and not self.case and self.shard is None

    def takes(self, planned: Planned) -> bool:
        """True for a case of the tier and the chosen areas whose id holds the pattern; a pattern reaches every tier.

        In a pattern * stands for anything.
        """
        clause, case = planned.clause, planned.case
        tier = Tier.EXHAUSTIVE if self.case else self.tier
        if case.tier > tier or (self.areas and clause.area not in self.areas):
            return False
        return not self.case or pattern(self.case).search(case.id) is not None

    def level_of(self, implementation: Implementation) -> Level:
        """The level asked for, or the highest all of whose capabilities are declared; inference at least."""
        declared = [level for level in Level if needed_for(level) <= implementation.capabilities]
        return max(declared, default=Level.INFERENCE) if self.level is None else self.level


def catalogue(dialect: Dialect, *, seed: int = 0) -> tuple[Planned, ...]:
    """Every case that there is in a dialect, in the contract's order."""
    cases = _cases(dialect)
    return tuple(Planned(each.clause, _reseeded(each.case, seed)) for each in cases) if seed else cases


@cache
def _cases(dialect: Dialect) -> tuple[Planned, ...]:
    return tuple(Planned(clause, case) for clause in CONTRACT for case in clause.cases(dialect))


def plan(selection: Selection, dialect: Dialect) -> tuple[Planned, ...]:
    """The catalogue's cases of a selection, of every level: an implementation's own level is applied later.

    Where none is, the case whose id is the pattern itself: a shrunk one, say. Raises ShardError where there are fewer
    layers than shards.
    """
    taken = tuple(each for each in catalogue(dialect, seed=selection.seed) if selection.takes(each))
    beside = beside_the_catalogue(selection.case, dialect) if selection.case and not taken else None
    if beside is not None and selection.takes(beside):
        taken = (beside,)
    if selection.shard is None:
        return taken
    numbers = shard_numbers(taken, selection.shard.of)
    return tuple(each for each in taken if numbers[each.case.question.layer] == selection.shard.number)


class ShardError(ValueError):
    """A run that cannot be split into so many shards."""


def shard_numbers(planned: Iterable[Planned], of: int) -> dict[Layer, int]:
    """The shard that each layer belongs to, from 1: all questions of one layer stay together, so that what is said of a
    layer that cannot be constructed is what an unshared run says.

    The layers of which most is asked are dealt out first, each to the shard that has least, so that shards end
    together. Raises ShardError where a shard would have nothing.
    """
    weights = Counter(question.layer for question, _ in by_question(planned))
    if len(weights) < of:
        raise ShardError(
            f"{len(weights)} layers cannot be split into {of} shards: "
            + (f"give at most I/{len(weights)}" if weights else "the selection has no case; widen it")
        )
    loads = [0] * of
    numbers = {}
    for layer, weight in weights.most_common():
        lightest = loads.index(min(loads))
        loads[lightest] += weight
        numbers[layer] = lightest + 1
    return numbers


@cache
def _clauses(dialect: Dialect) -> Mapping[str, Clause]:
    """By id, those that ask anything in a dialect."""
    return {each.clause.id: each.clause for each in catalogue(dialect)}


def beside_the_catalogue(case_id: str, dialect: Dialect) -> Planned | None:
    """The case that has this id, of a clause that holds in the dialect and asks in this way; None for what is no id."""
    clause_id, _, rest = case_id.partition("[")
    clause = _clauses(dialect).get(clause_id)
    if clause is None or not rest.endswith("]"):
        return None
    beside = [asked.question for asked in clause.asks]
    try:
        question = question_of(rest.removesuffix("]"), beside)
    except ValueError:
        return None
    asks_so = any((each.procedure, each.options) == (question.procedure, question.options) for each in beside)
    known = asks_so and question.config.activation in dialect.activations
    return Planned(clause, Case(clause_id, question)) if known else None


@dataclass(frozen=True)
class Ran:
    """What a report's heading says: who was asked, at which level and tier, and by which oracle. Plain data.

    is_everything: no selection was made, so that the floor applies. areas, case, shard: as the selection has them.
    version: of the implementation, as it declares it.
    """

    implementation: str
    level: Level
    claimed: bool
    tier: Tier
    seed: int
    oracle: Mapping[str, str]
    dialect: str
    is_everything: bool
    areas: tuple[str, ...] = ()
    case: str = ""
    shard: Shard | None = None
    version: str = ""

    @staticmethod
    def of(implementation: Implementation, selection: Selection, oracle: Oracle) -> Ran:
        return Ran(
            implementation.name,
            selection.level_of(implementation),
            selection.level is not None,
            selection.tier,
            selection.seed,
            oracle.told,
            oracle.dialect.name,
            selection.is_everything,
            selection.areas,
            selection.case,
            selection.shard,
            declared(implementation).version,
        )


@dataclass
class Findings:
    """What questions came to: of every implementation the results by case id; of the oracle the errata that it shows.

    stopped: the implementations whose first failure ended their run.
    """

    results: tuple[dict[str, Result], ...]
    errata: dict[str, bool] = field(default_factory=dict)
    stopped: set[int] = field(default_factory=set)
    seconds_answering: float = 0.0


def run(
    implementations: Sequence[Implementation],
    selection: Selection,
    oracle: Oracle,
    *,
    exitfirst: bool = False,
    progress: Progress = lambda done, total: None,
    waiving: Waiving = NOTHING_WAIVED,
) -> tuple[Report, ...]:
    """Runs a selection of the contract against every implementation: one report for each, in their order.

    exitfirst: an implementation's first failure that is not waived ends its run. progress: called with questions done
    and to do. waiving: the waivers that are applied to each report.
    Raises PlugError for an implementation that cannot be talked to, before anything is judged.
    """
    for implementation in implementations:
        converse(implementation, oracle)
    start = time.perf_counter()
    planned = plan(selection, oracle.dialect)
    questions = by_question(planned)
    findings = put(
        questions, implementations, selection, oracle, exitfirst=exitfirst, progress=progress, waiving=waiving
    )
    seconds = time.perf_counter() - start
    ran = [Ran.of(each, selection, oracle) for each in implementations]
    return reports(ran, planned, findings, seconds=seconds, waiving=waiving)


def put(
    questions: Sequence[Asking],
    implementations: Sequence[Implementation],
    selection: Selection,
    oracle: Oracle,
    *,
    exitfirst: bool = False,
    progress: Progress = lambda done, total: None,
    waiving: Waiving = NOTHING_WAIVED,
) -> Findings:
    """Puts questions to implementations, each with the clauses that ask it, as far as they are of its level.

    Results are as they are: waivers decide here only which failure ends a run, and are applied to whole reports.
    """
    session, claimed = Session(oracle), selection.level is not None
    forces = [force_of(Ran.of(each, selection, oracle), waiving) for each in implementations] if exitfirst else []
    findings = Findings(tuple({} for _ in implementations))
    levels = [selection.level_of(each) for each in implementations]
    for done, (question, asking) in enumerate(questions, start=1):
        for at, (implementation, level) in enumerate(zip(implementations, levels, strict=True)):
            for planned in asking:
                if at not in findings.stopped and _applies(planned, implementation, level, claimed=claimed):
                    result = session.result(planned, implementation, claimed=claimed)
                    findings.results[at][planned.case.id] = result
                    if exitfirst and forces[at].settled(result).verdict.accuses:
                        findings.stopped.add(at)
        session.forget(question)
        progress(done, len(questions))
    return replace(findings, errata=session.errata, seconds_answering=session.seconds_answering)


def force_of(ran: Ran, waiving: Waiving) -> InForce:
    """The waivers that count in a run."""
    return in_force(waiving, versions_of(ran.oracle, ran.version), ran.dialect, seed=ran.seed)


def reports(
    ran: Sequence[Ran],
    planned: Sequence[Planned],
    findings: Findings,
    *,
    seconds: float,
    waiving: Waiving = NOTHING_WAIVED,
) -> tuple[Report, ...]:
    """One report for each implementation, in their order, with the waivers applied."""
    told = [
        report(
            each,
            [results[case.case.id] for case in planned if case.case.id in results],
            errata=findings.errata,
            stopped_early=at in findings.stopped,
        )
        for at, (each, results) in enumerate(zip(ran, findings.results, strict=True))
    ]
    timed = (replace(each, seconds=seconds, seconds_answering=findings.seconds_answering) for each in told)
    return tuple(apply(each, waiving) for each in timed)


#: The ids of all errata, in the contract's order: that in which a report tells them, in whatever order they were met.
_ERRATA = tuple(dict.fromkeys(erratum.id for clause in CONTRACT for erratum in clause.errata))


def report(ran: Ran, results: Iterable[Result], *, errata: Mapping[str, bool], stopped_early: bool = False) -> Report:
    """The report of one implementation's results, with the counts and the floor that they are held to."""
    results = tuple(results)
    beyond = sum(result.clause.level > ran.level for result in results)
    return Report(
        implementation=ran.implementation,
        level=ran.level,
        tier=ran.tier,
        results=results,
        applicable=FLOORS[ran.dialect, ran.level, Tier.EXHAUSTIVE].cases + beyond,
        catalogue=FLOORS[ran.dialect, Level.KERAS, Tier.EXHAUSTIVE].cases,
        oracle=ran.oracle,
        dialect=ran.dialect,
        seed=ran.seed,
        claimed=ran.claimed,
        floor=FLOORS[ran.dialect, ran.level, ran.tier] if ran.is_everything else None,
        areas=ran.areas,
        case=ran.case,
        shard=ran.shard,
        errata={erratum: errata[erratum] for erratum in _ERRATA if erratum in errata},
        stopped_early=stopped_early,
        version=ran.version,
    )


def _applies(planned: Planned, implementation: Implementation, level: Level, *, claimed: bool) -> bool:
    """Whether a case is of the level; or, where none was asked for, of what is declared beyond it."""
    if planned.clause.level <= level:
        return True
    needed = planned.case.question.capabilities
    beyond = needed - needed_for(level)
    return not claimed and bool(beyond) and needed <= implementation.capabilities


def by_question(planned: Iterable[Planned]) -> list[Asking]:
    """Each question with the clauses that ask it, in the order of a run.

    Layer by layer, so that a built one serves many inputs; those of which most is asked first, so that workers that
    share a run end together.
    """
    asking: dict[Question, list[Planned]] = {}
    for each in planned:
        asking.setdefault(each.case.question, []).append(each)
    asked = Counter(question.layer for question in asking)
    return sorted(asking.items(), key=lambda item: _place(item[0], asked))


def _place(question: Question, asked: Mapping[Layer, int]) -> tuple[int, str, str, str]:
    return -asked[question.layer], str(question.layer), question.procedure, question.label


def _reseeded(case: Case, seed: int) -> Case:
    return replace(case, question=replace(case.question, seed=case.question.seed + seed))


def contract_areas() -> Iterator[str]:
    """The contract's areas, in reading order."""
    return iter(dict.fromkeys(clause.area for clause in CONTRACT))


class NonconformityError(AssertionError):
    """A case that the implementation failed; the message is the block that `run` prints."""


class SuiteFailedError(Exception):
    """A case in which the suite or the oracle failed: nothing is said of the implementation."""


@dataclass(frozen=True)
class RunnableCase:
    """A case with what it takes to run it: the item that pytest gets. Its session is shared by all of a process.

    naming: by which another process finds the implementation; "" where none does. oracle: as `oracle_named` takes it.
    """

    planned: Planned
    implementation: Implementation
    selection: Selection
    session: Callable[[], Session]
    naming: str
    oracle: str

    @property
    def id(self) -> str:
        return self.planned.case.id

    @property
    def ran(self) -> Ran:
        """The heading of the report that this case belongs to."""
        return Ran.of(self.implementation, self.selection, self.session().oracle)

    @property
    def settled(self) -> Result | None:
        """The result, once the case has run."""
        return self.session().settled.get((id(self.implementation), self.id))

    def told(self, result: Result) -> str:
        """The block that `run` prints of a result of this case."""
        return render_result(result, self.naming or self.implementation.name)

    def run(self) -> Result:
        """The result of a case that passes.

        Raises NonconformityError for one that fails, SuiteFailedError for a suite-error, SkipTest for one that is not
        applicable.
        """
        __tracebackhide__ = True
        claimed = self.selection.level is not None
        result = self.session().result(self.planned, self.implementation, claimed=claimed)
        if result.verdict.accuses:
            raise NonconformityError(self.told(result))
        if result.verdict is Verdict.SUITE_ERROR:
            raise SuiteFailedError(self.told(result))
        if result.verdict is Verdict.NOT_APPLICABLE:
            raise SkipTest(f"not applicable: {result.reason}")
        return result
