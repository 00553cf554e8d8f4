"""What a clause of the contract is, and how it names the questions that it asks."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import Enum
from functools import cache
from itertools import product

from conformance.answers import Level, Trial
from conformance.cases import STANDARD_SHAPES, STANDARD_UNITS, Case, Json, Question, Tier
from conformance.compare import Comparison
from reference.activations import ACTIVATIONS, Activation
from reference.config import DenseConfig
from reference.dialects import Dialect
from reference.grades import Grade

#: (major, minor) of `tensorflow` and `keras`.
Versions = Mapping[str, tuple[int, ...]]

Check = Callable[[Trial], Iterator[Comparison]]


class Requirement(Enum):
    """How binding a clause is, in the words of RFC 2119. Only a MUST decides conformance."""

    MUST = "MUST"
    SHOULD = "SHOULD"
    MAY = "MAY"


MUST, SHOULD, MAY = Requirement.MUST, Requirement.SHOULD, Requirement.MAY


@dataclass(frozen=True)
class Erratum:
    """A place where real Keras is wrong or disagrees with itself.

    applies: to which questions. rivals: the definitions of the activation of which Keras, by version, computes one;
    none where the erratum is about a fact. grade: the rounding that Keras needs there. facts: what Keras states instead
    of the reference's facts. raises: Keras raises instead of answering, on some processors at least. The evidence is
    measured on every run: the oracle's own answers miss the reference there and agree with a rival; once they do not,
    Keras is repaired. shown_by: by which versions, as (major, minor) by name, where it is known that others have it
    mended.
    """

    id: str
    says: str
    source: str
    applies: Callable[[Question], bool]
    rivals: tuple[Callable[[Question], Activation], ...] = ()
    grade: Grade | None = None
    facts: Callable[[Question, Mapping[str, Json]], Mapping[str, Json]] | None = None
    raises: bool = False
    shown_by: Callable[[Versions], bool] = lambda versions: True


@dataclass(frozen=True)
class Asked:
    """A question, and the first tier that asks it."""

    question: Question
    tier: Tier


@dataclass(frozen=True)
class Clause:
    """One sentence of the contract: what must hold, where that comes from, and how it is put to the test.

    id: `area.defect-class`, never reused. says: one sentence that a user of Keras can contradict. source: where Keras
    says or does so. guards: the defect that this clause is for, and a public bug report where there is one. check: a
    pure function of a trial. raising_is_an_answer: an exception is something to compare, not an error. is_graded: its
    questions measure arithmetic, so that a result says how accurate it was.
    """

    id: str
    says: str
    source: str
    guards: str
    level: Level
    asks: tuple[Asked, ...]
    check: Check
    requirement: Requirement = MUST
    since: str = "1"
    holds_for: Callable[[Dialect], bool] = lambda dialect: True
    errata: tuple[Erratum, ...] = ()
    raising_is_an_answer: bool = False
    is_graded: bool = False

    @property
    def area(self) -> str:
        return self.id.partition(".")[0]

    def cases(self, dialect: Dialect) -> Iterator[Case]:
        """Every case of this clause in a dialect; none where it does not hold there or lacks the activation.

        A question that several tiers list is a case of the first of them.
        """
        if self.holds_for(dialect):
            first: dict[Question, Tier] = {}
            for asked in self.asks:
                first[asked.question] = min(asked.tier, first.get(asked.question, asked.tier))
            for question, tier in first.items():
                if question.config.activation in dialect.activations:
                    yield Case(self.id, question, tier)


def ask(
    procedure: str = "call",
    *,
    activation: Iterable[str] = ("linear",),
    use_bias: Iterable[bool] = (True,),
    shape: Iterable[tuple[int | None, ...]] = (),
    rank: Iterable[int] = (),
    units: Iterable[int] = (STANDARD_UNITS,),
    dtype: Iterable[str] = ("float32",),
    family: Iterable[str] = ("integers",),
    seed: Iterable[int] = (0,),
    tier: Tier = Tier.SMOKE,
    arguments: Mapping[str, str] | None = None,
    **options: str,
) -> tuple[Asked, ...]:
    """The product of all that is listed: one question for each combination.

    rank: adds the standard shape of that rank to the shapes; rank 2 where neither is given. An activation that halves
    the units is asked for an even number of them: twice the listed one where that is odd. arguments: other arguments of
    the config, by name.
    """
    shapes = [*shape, *(STANDARD_SHAPES[each] for each in rank)] or [STANDARD_SHAPES[2]]
    extra, said = tuple(sorted(options.items())), dict(arguments or {})
    combinations = product(activation, use_bias, shapes, units, dtype, family, seed)
    return tuple(
        Asked(Question(procedure, _config(_whole(f, m), f, b, d, **said), s, each_family, k, extra), tier)
        for f, b, s, m, d, each_family, k in combinations
    )


#: Thousands of questions share some hundred configs, each of which is validated once.
_config = cache(DenseConfig)


def _whole(activation: str, units: int) -> int:
    return units if ACTIVATIONS[activation].output_units(2) == 2 or units % 2 == 0 else 2 * units
