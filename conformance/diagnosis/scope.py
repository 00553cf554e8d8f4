"""Where a defect shows: the plainest property that questions with it have, and questions without it lack."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from math import prod

from conformance.cases import Question
from conformance.diagnosis.wording import listed
from reference.formats import POLICIES


@dataclass(frozen=True)
class Trait:
    """A property of questions. says: the words that follow a sentence. is_of_dtype: it is one of their dtypes alone.

    length: which length it is a limit of, if of any. spared: the activations that it excepts.
    """

    says: str
    holds: Callable[[Question], bool]
    is_of_dtype: bool = False
    length: str = ""
    spared: frozenset[str] = frozenset()


def _dtype(question: Question) -> str:
    return question.config.dtype


def _last(shape: tuple[int, ...]) -> int:
    return shape[-1] if shape else 0


#: Numbers of a question, in words for "so many and more" and for "no more than so many".
_NUMBERS: tuple[tuple[Callable[[Question], int], str, str], ...] = (
    (lambda question: len(question.input_shape), "for rank {} and above", "for rank {} and below"),
    (lambda question: question.config.units, "for {} units and more", "for {} units and fewer"),
    (lambda question: _last(question.known_shape), "for {} features and more", "for {} features and fewer"),
    (lambda question: _last(question.known_shape[:1]), "for batches of {} and more", "for batches of {} and fewer"),
    (lambda question: prod(question.known_shape[:-1]), "for {} rows and more", "for {} rows and fewer"),
)
#: Yes or no, in words for either.
_FLAGS: tuple[tuple[Callable[[Question], bool], str, str], ...] = (
    (lambda question: question.config.use_bias, "with bias", "without bias"),
    (
        lambda question: question.procedure == "differentiate",
        "where gradients are taken",
        "where no gradients are taken",
    ),
    (lambda question: question.known_shape[:1] == (0,), "for a batch of length 0", "for batches that have a length"),
    (lambda question: 0 in question.known_shape[:-1], "for inputs without rows", "for inputs that have rows"),
    (
        lambda question: question.known_shape[-1:] == (0,),
        "for inputs without features",
        "for inputs that have features",
    ),
    (lambda question: 0 in question.known_shape, "for inputs without elements", "for inputs that have elements"),
    (
        lambda question: question.known_shape[-1:] == (question.config.units,),
        "where the kernel is square",
        "where the kernel is not square",
    ),
    (lambda question: question.config.units == 1, "for a single unit", "for several units"),
    (lambda question: question.known_shape[-1:] == (1,), "for a single feature", "unless there is a single feature"),
    (lambda question: prod(question.known_shape[:-1]) == 1, "for a single row", "for several rows"),
    (
        lambda question: 1 in (*question.known_shape[:-1], question.config.units),
        "where an axis has length 1",
        "where no axis has length 1",
    ),
    (lambda question: question.config.format.is_half, "in half types", "in float32 and float64"),
)
#: The last of them is less plain than a name of a dtype.
_FIRST_FLAGS, _LAST_FLAGS = _FLAGS[:-1], _FLAGS[-1:]
#: Less plain than numbers.
_COMPARED: tuple[tuple[Callable[[Question], bool], str, str], ...] = (
    (
        lambda question: question.config.units > _last(question.known_shape),
        "where there are more units than features",
        "where there are no more units than features",
    ),
    (
        lambda question: _last(question.known_shape[:1]) == _last(question.known_shape),
        "where there are as many features as entries in the batch",
        "where there are not as many features as entries in the batch",
    ),
    (
        lambda question: question.config.units < _last(question.known_shape),
        "where there are more features than units",
        "where there are no more features than units",
    ),
    (lambda question: question.config.units % 2 == 1, "for an odd number of units", "for an even number of units"),
    (
        lambda question: _last(question.known_shape) % 2 == 1,
        "for an odd number of features",
        "for an even number of features",
    ),
    (
        lambda question: prod(question.known_shape[:-1]) % 2 == 1,
        "for an odd number of rows",
        "for an even number of rows",
    ),
)
#: Names, in words; at most so many of them are listed.
_NAMES: tuple[tuple[Callable[[Question], str], str], ...] = (
    (lambda question: question.config.activation, "with activation {}"),
    (_dtype, "in {}"),
)
_LISTED = 3
#: So many activations may fail for a reason of their own beside what is wrong with all.
OWN_DEFECTS = 1
#: So many activations are most of them.
_MANY = 6


def traits(questions: Sequence[Question], *, of_numbers: bool = True, of_activations: bool = True) -> Iterator[Trait]:
    """The properties that all of these questions have, plainest first."""
    yield from _flagged(questions, _FIRST_FLAGS)
    for named, words in _NAMES if of_activations else _NAMES[1:]:
        names = sorted({named(question) for question in questions})
        if len(names) <= (_LISTED if named is _dtype else _MANY):
            yield Trait(words.format(listed(names)), _among(named, names), named is _dtype)
        elif named is _dtype and len(names) == len(POLICIES) - 1:
            (other,) = {*POLICIES} - {*names}
            yield Trait(f"in all dtypes but {other}", _among(named, names), is_of_dtype=True)
    yield from (replace(each, is_of_dtype=True) for each in _flagged(questions, _LAST_FLAGS))
    ranks = {len(question.input_shape) for question in questions}
    if len(ranks) == 1 and of_numbers:
        rank = ranks.pop()
        yield Trait(f"for rank {rank}", lambda question: len(question.input_shape) == rank)
    for number, more, fewer in _NUMBERS if of_numbers else ():
        numbers = [number(question) for question in questions]
        length = "" if "rank" in more else more
        yield Trait(more.format(min(numbers)), _at_least(number, min(numbers)), length=length)
        yield Trait(_in_words(fewer.format(max(numbers))), _at_most(number, max(numbers)), length=length)
    yield from _flagged(questions, _COMPARED if of_numbers else ())


def _in_words(says: str) -> str:
    """No more than one of what has one at least is a single one."""
    words = {"units": "a single unit", "features": "a single feature", "rows": "a single row"}
    for several, single in words.items():
        says = f"for {single}" if says == f"for 1 {several} and fewer" else says
    return "for batches of one" if says == "for batches of 1 and fewer" else says


def _flagged(
    questions: Sequence[Question], flags: Sequence[tuple[Callable[[Question], bool], str, str]]
) -> Iterator[Trait]:
    for yes_or_no, yes, no in flags:
        found = {bool(yes_or_no(question)) for question in questions}
        if len(found) == 1:
            value = found.pop()
            yield Trait(yes if value else no, _is(yes_or_no, value))


def separating(
    inside: Iterable[Question],
    failing: Iterable[Question],
    right: Iterable[Question] = (),
    *,
    by_activation: bool = True,
) -> Trait | None:
    """The plainest property that all inside have and none of the others; two together where one is not enough.

    failing: others that fail, in another way: what tells them apart must be no number, of which one is always found.
    right: others that do not fail. by_activation: the name of an activation may be that property. A property of no
    words where there are no others; None where nothing tells.
    """
    inside, failing, right = (list(dict.fromkeys(questions)) for questions in (inside, failing, right))
    outside = [*failing, *right]
    if not outside:
        return Trait("", lambda question: True)
    candidates = list(traits(inside, of_numbers=not failing, of_activations=by_activation))
    for trait in candidates:
        if not any(trait.holds(question) for question in outside):
            return trait
    for one, other in combinations(candidates, 2):
        if one.length and one.length == other.length:
            continue  # no defect is one of lengths between two others
        if not any(one.holds(question) and other.holds(question) for question in outside):
            return Trait(f"{one.says}, {other.says}", _both(one, other))
    anywhere = Trait("", lambda question: True)
    exceptions = (_exception(trait, inside, failing, right) for trait in (anywhere, *candidates))
    return next((trait for trait in exceptions if trait is not None), None)


def _exception(
    trait: Trait, inside: Sequence[Question], failing: Sequence[Question], right: Sequence[Question]
) -> Trait | None:
    """The trait for all activations but a few that are right, and one that has a defect of its own, perhaps."""
    odd = {question.config.activation for question in failing if trait.holds(question)}
    if len(odd) > OWN_DEFECTS:
        return None
    left = [question for question in (*failing, *right) if trait.holds(question)]
    names, others = ({question.config.activation for question in each} for each in (inside, left))
    if names & others or len(names) < _MANY or len(others) > _MANY:
        return None
    return without_activations(trait, others)


def without_activations(trait: Trait, names: Collection[str]) -> Trait:
    spared = frozenset(names) | trait.spared
    says = trait.says.removesuffix(_except(trait.spared)).rstrip(", ")
    holds = trait.holds
    return Trait(
        f"{says}, {_except(spared)}" if says else _except(spared),
        lambda question: holds(question) and question.config.activation not in spared,
        spared=spared,
    )


def _except(activations: Collection[str]) -> str:
    return f"except with activation {listed(sorted(activations))}" if activations else ""


def described(questions: Iterable[Question]) -> str:
    """What is known of where something shows: activations, dtypes, ranks and bias, as far as they are few."""
    asked = list(dict.fromkeys(questions))
    activations = _listed(question.config.activation for question in asked)
    dtypes = _listed(question.config.dtype for question in asked)
    ranks = sorted({len(question.input_shape) for question in asked})
    biases = {question.config.use_bias for question in asked}
    bias = "with and without bias" if len(biases) == 2 else "with bias" if biases == {True} else "without bias"
    rank = f"rank {ranks[0]}" if len(ranks) == 1 else f"ranks {', '.join(map(str, ranks))}"
    return f"activation {activations}; {dtypes}; {rank}; {bias}"


def _listed(names: Iterable[str]) -> str:
    found = sorted(set(names))
    return ", ".join(found) if len(found) <= 2 * _LISTED else f"{len(found)} of them"


def _is(of: Callable[[Question], bool], value: bool) -> Callable[[Question], bool]:
    return lambda question: bool(of(question)) == value


def _among(of: Callable[[Question], str], names: Sequence[str]) -> Callable[[Question], bool]:
    return lambda question: of(question) in names


def _at_least(of: Callable[[Question], int], least: int) -> Callable[[Question], bool]:
    return lambda question: of(question) >= least


def _at_most(of: Callable[[Question], int], most: int) -> Callable[[Question], bool]:
    return lambda question: of(question) <= most


def _both(one: Trait, other: Trait) -> Callable[[Question], bool]:
    return lambda question: one.holds(question) and other.holds(question)
