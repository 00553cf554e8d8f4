"""From a failing case to the plainest one that fails in the same way: what a person should look at first.

A candidate is another question for the same clause. It counts only where the oracle's own answer holds the clause's
check, so that no candidate can accuse a right layer, and where the implementation fails as it did before.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from math import prod
from typing import Any

from conformance.cases import Case, Question
from conformance.contract.clause import Clause
from conformance.families import FAMILIES
from conformance.implementations.protocol import Implementation
from conformance.procedures import PROCEDURES
from conformance.results import Report, Result, Verdict
from conformance.run import beside_the_catalogue
from conformance.session import Oracle, Planned, Session
from reference.config import TABLES, DenseConfig

#: Candidates that one case is shrunk by, at most: 164 mutants in NumPy get as small as by 400, two of them not by 40.
QUESTIONS = 80
#: After so long the best that was found is taken: an implementation in a process of its own, or XLA, may be slow.
SECONDS = 5.0
#: The same for all clauses of a run together.
SECONDS_IN_ALL = 60.0
#: Exact data are drawn anew for every shape, so that a defect may miss the first ones by chance.
SEEDS = (0, 1, 2)
#: How often the smallest case must fail again before it is shown. One that fails every other time, as where a layer has
#: kept the weights that it drew, is shown once in 32 times.
REPEATS = 5

#: Clauses that are about many numbers together. They are a sample: fewer of them would say less, and by chance.
OF_MANY = frozenset(
    {
        "dtypes.half-formula",
        *(f"initializers.{name}" for name in ("default", "none", "distribution", "names")),
    }
)
#: What can be made smaller. A verdict of another kind has no question behind it, or one that takes too long.
_SHRINKABLE = (Verdict.FAIL, Verdict.ERROR, Verdict.CRASH)


def smallest_of(
    report: Report, implementation: Implementation, oracle: Oracle, *, seconds: float = SECONDS_IN_ALL
) -> Mapping[str, Result]:
    """Of each clause that failed, the plainest case that fails it, by the clause's id."""
    until = time.monotonic() + seconds
    failures: dict[str, list[Result]] = {}
    for result in report.results:
        if result.verdict.fails:
            failures.setdefault(result.clause.id, []).append(result)
    # one that a waiver does not waive comes first: why is what its reader looks for
    first = {
        clause: min(failed, key=lambda each: (not each.remark, _burden(each))) for clause, failed in failures.items()
    }
    return {
        clause: smallest(result, implementation, oracle, seconds=min(SECONDS, until - time.monotonic()))
        for clause, result in first.items()
    }


def smallest(
    result: Result,
    implementation: Implementation,
    oracle: Oracle,
    *,
    questions: int = QUESTIONS,
    seconds: float = SECONDS,
) -> Result:
    """The plainest case that was found to fail the same clause in the same way; the result itself where none was.

    In the same way: with the same verdict, and by the same comparison, or by an exception of the same type.
    """
    if result.verdict not in _SHRINKABLE or not _signs(result):
        return result
    search = _Search(implementation, _unrecorded(oracle), questions, time.monotonic() + seconds)
    steps = [result]
    while (plainer := search.step(steps[-1])) is not None:
        steps.append(plainer)
    found = next((each for each in reversed(steps[1:]) if search.is_steady(each)), None)
    return result if found is None else replace(found, remark=result.remark)


@dataclass
class _Search:
    """What is asked while one case is shrunk. refused: questions that were asked, and are no way on."""

    implementation: Implementation
    oracle: Oracle
    questions: int
    until: float
    refused: set[Question] = field(default_factory=set)

    def step(self, result: Result) -> Result | None:
        """The first of the plainer questions that fails as the result does."""
        for question in _plainer(result.case.question, result.clause):
            if question in self.refused:
                continue
            if self.questions <= 0 or time.monotonic() > self.until:
                return None
            self.questions -= 1
            found = self._asked(replace(result.case, question=question), result.clause)
            if _fails_as(found, result) and self._has_its_id(found):
                return found
            self.refused.add(question)
        return None

    def is_steady(self, result: Result) -> bool:
        """True where it fails again each time: what an implementation draws by chance is no ground to stand on."""
        return all(_fails_as(self._asked(result.case, result.clause), result) for _ in range(REPEATS))

    def _asked(self, case: Case, clause: Clause) -> Result:
        """In a session of its own: nothing is kept of a candidate, and none blocks another."""
        return Session(self.oracle).result(Planned(clause, case), self.implementation)

    def _has_its_id(self, result: Result) -> bool:
        """True where the id alone leads back to the case, so that it can be asked for again."""
        named = beside_the_catalogue(result.case.id, self.oracle.dialect)
        return named is not None and named.case.question == result.case.question


def _unrecorded(oracle: Oracle) -> Oracle:
    """A recording tells of the catalogue alone: in other cases what stands for the real layer is asked itself."""
    return replace(oracle, is_recorded=False)


def _fails_as(found: Result, result: Result) -> bool:
    same = found.verdict is result.verdict and found.compared >= min(1, result.compared)
    no_worse = not found.erratum or bool(result.erratum)
    return same and no_worse and bool(_signs(found) & _signs(result))


def _signs(result: Result) -> frozenset[str]:
    """How it failed, in names: those of the comparisons that miss, or phase and type of what was raised."""
    if result.verdict is Verdict.FAIL:
        return frozenset(comparison.name for comparison in result.comparisons if not comparison.holds)
    return frozenset([result.reason.partition(":")[0]])


# ---- what is plainer ------------------------------------------------------------------------------------------------


def _plainer(question: Question, clause: Clause) -> Iterator[Question]:
    """Questions with one thing plainer, those first that change most; shapes with other data last.

    Activations, dtypes, options and ranks are those that the clause asks; a clause that is about the bias keeps it.
    """
    asked = [each.question for each in clause.asks if each.question.procedure == question.procedure]
    shapes = [] if clause.id in OF_MANY else [*_shapes(question, asked)]
    yield from shapes
    yield from _families(question, asked)
    if question.config.use_bias and (_is_asked_without_bias(asked) or "bias" not in clause.id):
        yield _with(question, arguments={"use_bias": False})
    yield from _configs(question, asked)
    yield from _options(question, asked)
    if PROCEDURES[question.procedure].bounds:
        yield from (replace(question, seed=seed) for seed in SEEDS if seed < question.seed)
        yield from (replace(each, seed=seed) for each in shapes for seed in SEEDS if seed != question.seed)


def _shapes(question: Question, asked: list[Question]) -> Iterator[Question]:
    """Fewer axes, shorter axes, fewer units; lengths that are equal together as well."""
    shape, units = question.input_shape, question.config.units
    least = min(len(each.input_shape) for each in asked)
    if len(shape) > least:
        yield from (_with(question, shape[:at] + shape[at + 1 :]) for at in range(len(shape) - 1))
    for fewer in _below(units):
        yield _with(question, arguments={"units": fewer})
    for at, axis in enumerate(shape):
        for shorter in _below(axis or 0):
            yield _with(question, (*shape[:at], shorter, *shape[at + 1 :]))
    for length, count in Counter((*shape, units)).items():
        for shorter in _below(length or 0) if count > 1 else ():
            together = tuple(shorter if axis == length else axis for axis in shape)
            yield _with(question, together, {"units": shorter if units == length else units})


def _below(length: int) -> Iterator[int]:
    """Lengths to try in place of this one: 1 first, one less last, and in between ever smaller steps down."""
    tried = (1, 2, 3, *(length - (length >> halved) for halved in range(1, length.bit_length())))
    return iter(sorted({each for each in tried if 1 <= each < length}))


def _is_asked_without_bias(asked: list[Question]) -> bool:
    return any(not each.config.use_bias for each in asked)


def _families(question: Question, asked: list[Question]) -> Iterator[Question]:
    """Families that come before this one in their table, of those that the clause asks; integers for any exact one."""
    names, known = list(FAMILIES), {each.family for each in asked}
    if any(FAMILIES[name].exact for name in known):
        known.add("integers")
    yield from (replace(question, family=name) for name in names[: names.index(question.family)] if name in known)


def _configs(question: Question, asked: list[Question]) -> Iterator[Question]:
    plain = DenseConfig(question.config.units)
    for name, values in {**{name: (getattr(plain, name),) for name in TABLES}, **_PLAINEST}.items():
        now, known = getattr(question.config, name), {getattr(each.config, name) for each in asked}
        plainer = values[: values.index(now)] if now in values else values
        yield from (_with(question, arguments={name: value}) for value in plainer if value in known)


#: Arguments of which several values are plain, the plainest first.
_PLAINEST: Mapping[str, tuple[str, ...]] = {
    "activation": ("linear", "relu"),
    "dtype": ("float32", "float64", "float16", "bfloat16", "mixed_float16", "mixed_bfloat16"),
}


def _options(question: Question, asked: list[Question]) -> Iterator[Question]:
    """Fewer options, as far as the clause asks so."""
    known = {each.options: None for each in asked}
    yield from (replace(question, options=each) for each in known if set(each) < set(question.options))


def _with(
    question: Question, shape: tuple[int | None, ...] | None = None, arguments: Mapping[str, Any] | None = None
) -> Question:
    config = replace(question.config, **(arguments or {}))
    return replace(question, config=config, input_shape=question.input_shape if shape is None else shape)


def _burden(result: Result) -> tuple[int, ...]:
    """How much there is to look at: what cannot be shrunk last, then by numbers, axes, and what is not standard."""
    question = result.case.question
    shape, config = question.known_shape, question.config
    numbers = prod(shape) + (shape[-1] if shape else 1) * config.units
    extras = len(question.label.split("-"))
    return (result.verdict not in _SHRINKABLE, list(FAMILIES).index(question.family), len(shape), numbers, extras)
