"""NaN, infinities, overflow and subnormal numbers: what becomes of them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from conformance.cases import Question
from conformance.diagnosis.exhibits import Asked, Exhibit, Inquiry, wrong_elements
from conformance.diagnosis.fit import of_subnormal_rows
from conformance.diagnosis.rules.explained import SPECIAL, fails_in, is_plain
from conformance.diagnosis.scope import separating
from conformance.diagnosis.wording import listed
from conformance.procedures import GRADIENTS
from conformance.results import Diagnosis, Result, Verdict
from reference.activations import ACTIVATIONS
from reference.config import DenseConfig
from reference.formats import Mask
from reference.intervals import Interval

#: So many times smaller than the largest number is far below it.
NEAR = 16.0
#: Those that hold NaN or infinities among inputs or weights.
HELD = ("specials", "special_weights", "zero_weights")
#: What may be wrong of a tensor.
Excused = Callable[[Exhibit], Mask]


def wrong_specials(inquiry: Inquiry) -> Iterator[Diagnosis]:
    """The rule, for activations and dtypes that are right for ordinary numbers, as far as it is about outputs."""
    for made in (_rows_and_weights, _overflow, _upstream, _subnormal):
        yield from made(inquiry)


def _without_ordinary(inquiry: Inquiry, results: list[Result]) -> list[Result]:
    """Those whose activation and dtype do not fail for ordinary numbers, which the tails are not, either; none while
    linear layers do.
    """
    ordinary = {
        (result.case.question.config.activation, result.case.question.config.dtype)
        for result in inquiry.open
        if result.case.question.family not in (*SPECIAL, "tails", "grid") and fails_in(result, "outputs", "row_by_row")
    }
    if any(activation == "linear" for activation, _ in ordinary):
        return []
    return [
        each
        for each in results
        if (each.case.question.config.activation, each.case.question.config.dtype) not in ordinary
    ]


def _answers(inquiry: Inquiry, results: list[Result]) -> list[tuple[Asked, NDArray[Any]]]:
    found = []
    for question in dict.fromkeys(result.case.question for result in results):
        asked = inquiry.witness.ask(question)
        outputs = asked.answer.tensor("outputs")
        if outputs is not None and asked.tensors is not None and outputs.shape == asked.truth.bounds["outputs"].shape:
            found.append((asked, outputs.astype(np.float64)))
    return found


def _overflow(inquiry: Inquiry) -> Iterator[Diagnosis]:
    failing = _without_ordinary(inquiry, inquiry.failing("specials.overflow", "dtypes.half-overflow"))
    answers = _answers(inquiry, failing)
    if not answers:
        return
    values = np.concatenate([outputs.ravel() for _, outputs in answers])
    passed = [r.case.question for r in inquiry.passed if r.case.question.family == "overflowing"]
    where = separating((result.case.question for result in failing), (), passed)
    words = f" {where.says}" if where is not None and where.says else ""
    evidence = f"{len(answers)} of {len(answers)} failing tensors of sums beyond the largest number"
    cases = [result.case.id for result in failing]
    infinite = [
        r.case.id for r in inquiry.open if _misses_infinity(r) and (where is None or where.holds(r.case.question))
    ]
    finite = np.isfinite(values)
    if finite.all() and np.abs(values).max() < _least_clip(answers) and _fails_ordinarily(inquiry):
        return  # a limit that ordinary numbers reach as well
    if finite.all():
        says = f"what overflows stays finite{words}: {np.abs(values).max():.6g} where it should be infinite"
        yield Diagnosis("infinity-clipped", says, evidence, tuple(dict.fromkeys([*cases, *infinite])))
    elif not np.isnan(values).any() and (values[np.isinf(values)] > 0).all():
        says = f"what overflows is infinite without its sign{words}"
        yield Diagnosis("infinity-unsigned", says, evidence, _once(cases, infinite))
    elif np.isnan(values).any() and np.isnan(values[~np.isinf(values)]).all():
        says = f"what overflows becomes NaN{words}, where it should be infinite"
        yield Diagnosis("infinity-nan", says, evidence, tuple(dict.fromkeys([*cases, *infinite])))


def _least_clip(answers: list[tuple[Asked, NDArray[Any]]]) -> float:
    """What is not far below the largest number is clipped because that is reached."""
    return min(asked.question.config.format.largest for asked, _ in answers) / NEAR


def _fails_ordinarily(inquiry: Inquiry) -> bool:
    return any(r.case.question.family not in SPECIAL and fails_in(r, "outputs") for r in inquiry.open)


def _misses_infinity(result: Result) -> bool:
    """True where infinity alone is right."""
    return any(not each.holds and each.allowed.lstrip("-").startswith("inf") for each in result.comparisons)


@dataclass(frozen=True)
class _Counts:
    """Elements of answers.

    lost: numbers where NaN is right, and became: which. spread: NaN in rows of numbers. turned: NaN for infinities, and
    kept: infinities. clipped: numbers where infinity is right. skipped: whether what meets a 0 is lost; cleaned: what
    meets none.
    """

    lost: int
    spread: int
    turned: int
    kept: int
    clipped: int
    skipped: bool
    cleaned: bool
    became: frozenset[float]


def _counted(answers: Sequence[tuple[Asked, NDArray[Any]]]) -> _Counts:
    lost, spread_out, turned, kept, clipped, skipped, cleaned = 0, 0, 0, 0, 0, False, False
    became: list[float] = []
    for asked, outputs in answers:
        assert asked.tensors is not None
        places = np.asarray(asked.truth.facts.get("nan_at", []), int)
        expected = np.isin(np.arange(outputs.size), places).reshape(outputs.shape)
        nan, right = np.isnan(outputs), asked.truth.bounds["outputs"]
        infinite = np.isinf(right.lower) & (right.lower == right.upper) & ~expected
        lost += int((expected & ~nan).sum())
        became += outputs[expected & ~nan].tolist()
        plain = np.isfinite(asked.tensors.inputs.astype(np.float64)).all(axis=-1, keepdims=True)
        plain = plain & ~right.makes_no_claim & ~_may_be_infinite(right)
        spread_out += int((nan & ~expected & plain).sum())
        turned += int((nan & ~expected & ~plain).sum())
        kept += int((np.isinf(outputs) & infinite).sum())
        clipped += int((np.isfinite(outputs) & infinite).sum())
        if asked.question.family != "specials" and (expected & ~nan).any():
            whole = (asked.tensors.inputs != 0).all(axis=-1, keepdims=True) & (asked.tensors.kernel != 0).all(axis=0)
            skipped, cleaned = True, cleaned or bool((expected & ~nan & whole).any())
    return _Counts(lost, spread_out, turned, kept, clipped, skipped, cleaned, frozenset(became))


def _rows_and_weights(inquiry: Inquiry) -> Iterator[Diagnosis]:
    failing = [r for r in inquiry.failing("specials.") if r.case.question.family in HELD]
    failing = _without_ordinary(inquiry, failing)
    answers = _answers(inquiry, failing)
    if not answers:
        return
    counts = _counted(answers)
    names = sorted({result.case.question.config.activation for result in failing})
    others = {r.case.question.config.activation for r in inquiry.passed if r.case.question.family == "specials"}
    is_of_one = len(names) == 1 and names != ["linear"] and bool(others - set(names))
    of = f" by {names[0]}" if is_of_one else _in_dtypes(inquiry, failing)
    if len(names) > 1 and others and others.isdisjoint(names):
        of = f" with activation {listed(names)}{of}"
    looked = f"in {len(answers)} tensors with NaN or infinities"
    in_inputs = any(asked.question.family == "specials" for asked, _ in answers)
    cases = tuple(result.case.id for result in failing)

    def more(excused: Excused) -> tuple[str, ...]:
        """With what overflows, and what holds infinities otherwise; of one activation that may have other causes."""
        if is_of_one:
            return cases
        overflow = (result.case.id for result in inquiry.failing("specials.overflow", "dtypes.half-overflow"))
        return _once(cases, overflow, _elsewhere(inquiry, excused))

    reached = _reached_by_nan(inquiry, answers[0][0].question) if counts.spread or counts.turned else ""
    if counts.spread and not reached:
        counts = replace(counts, spread=0, turned=counts.spread + counts.turned)
    if counts.spread and not counts.lost and not (is_of_one and _fail_in_tails(inquiry, names)):
        evidence = f"{counts.spread} elements of rows without NaN are NaN, {looked}"
        yield Diagnosis(
            "nan-spreads", f"one NaN spoils other rows of its batch{of}", evidence, more(_nan_beside_infinity)
        )
    elif counts.lost and in_inputs and not counts.spread and _lets_nan_through(inquiry, answers[0][0].question):
        evidence = f"{counts.lost + counts.clipped} elements that should be NaN or infinite are numbers, {looked}"
        yield Diagnosis(
            "infinity-clipped", f"infinite inputs are taken for finite numbers{of}", evidence, more(_clipped)
        )
    elif counts.lost and in_inputs and not counts.spread:
        says = _replaced(inquiry, answers, counts, of)
        yield Diagnosis("nan-replaced", says, f"{counts.lost} elements that should be NaN are numbers, {looked}", cases)
    elif counts.cleaned and not in_inputs:
        says = f"NaN among the weights is turned into a number{of}"
        yield Diagnosis("nan-replaced", says, f"{counts.lost} elements that should be NaN are numbers, {looked}", cases)
    elif counts.skipped and not in_inputs:
        families = {asked.question.family for asked, _ in answers}
        told = {
            "special_weights": "a weight that is not finite is skipped where its input is 0",
            "zero_weights": "an input that is not finite is skipped where its weight is 0",
        }
        skips = " and ".join(words for family, words in told.items() if family in families)
        says = f"0 times infinity, or 0 times NaN, is 0: {skips}"
        evidence = f"{counts.lost} elements that should be NaN are numbers, {looked}"
        yield Diagnosis("zero-times-infinity", says, evidence, cases)
    elif counts.clipped and not counts.spread and not counts.lost:
        evidence = f"{counts.clipped} elements that should be infinite are finite, {looked}"
        yield Diagnosis("infinity-clipped", f"infinities are clipped to finite numbers{of}", evidence, more(_clipped))
    elif counts.turned and reached:
        says = f"one NaN spoils {reached}"
        yield Diagnosis("nan-spreads", says, f"{counts.turned} elements, {looked}", more(_nan_beside_infinity))
    elif counts.turned and not counts.spread:
        says = _turned(inquiry, counts, names, of, is_of_one=is_of_one)
        if says:
            yield Diagnosis("infinity-nan", says, f"{counts.turned} elements, {looked}", more(_nan_for_infinity))


def _turned(inquiry: Inquiry, counts: _Counts, names: Sequence[str], of: str, *, is_of_one: bool) -> str:
    """Of infinities that become NaN, and not by way of another NaN, which; empty where that is not known."""
    if counts.kept and is_of_one:
        ends = _infinities_of(inquiry, names[0])
        return f"{listed(ends)} becomes NaN{of}" if ends else ""
    if counts.kept:
        of_all = f" in {counts.turned} of {counts.turned + counts.kept} elements"
        return f"infinity becomes NaN{of}{of_all}" if counts.turned > counts.kept else ""
    return f"infinity becomes NaN{of}" if "linear" in names or not _fail_in_tails(inquiry, names) else ""


def _infinities_of(inquiry: Inquiry, activation: str) -> list[str]:
    """Of which infinite pre-activations an activation makes NaN, where it should not."""
    question = Question("call", DenseConfig(1, activation, use_bias=False), (2, 1))
    tensors = inquiry.witness.tensors(question)
    if tensors is None:
        return []
    ends = np.array([[np.inf], [-np.inf]], tensors.inputs.dtype)
    given = replace(tensors, inputs=ends, kernel=np.ones_like(tensors.kernel))
    asked = inquiry.witness.ask_with(question, given)
    outputs, right = asked.answer.tensor("outputs"), ACTIVATIONS[activation].value(ends.astype(np.float64))
    if outputs is None or outputs.shape != right.shape:
        return []
    wrong = np.isnan(outputs.astype(np.float64)) & ~np.isnan(right)
    return [words for words, is_so in zip(("infinity", "minus infinity"), wrong.ravel(), strict=True) if is_so]


def _in_dtypes(inquiry: Inquiry, failing: Sequence[Result]) -> str:
    """The end of a sentence, where it is true of some dtypes alone."""
    dtypes = {result.case.question.config.dtype for result in failing}
    right = {r.case.question.config.dtype for r in inquiry.passed if r.case.question.family in HELD}
    return f" in {listed(sorted(dtypes))}" if right and not dtypes & right else ""


def _lets_nan_through(inquiry: Inquiry, question: Question) -> bool:
    """Whether a single NaN among ones makes its own row NaN: then infinities are what is lost."""
    tensors = inquiry.witness.tensors(question)
    if tensors is None or len(tensors.inputs) < 2:
        return False
    inputs, kernel = np.ones_like(tensors.inputs), np.ones_like(tensors.kernel)
    inputs[1, ..., 0] = np.nan
    answer = inquiry.witness.ask_with(question, replace(tensors, inputs=inputs, kernel=kernel)).answer
    outputs = answer.tensor("outputs")
    return outputs is not None and len(outputs) > 1 and bool(np.isnan(outputs[1].astype(np.float64)).all())


def _reached_by_nan(inquiry: Inquiry, question: Question) -> str:
    """Which other row a single NaN reaches, in words; empty for none."""
    tensors = inquiry.witness.tensors(question)
    if tensors is None or len(tensors.inputs) < 3:
        return ""
    inputs = np.ones_like(tensors.inputs)
    inputs[1] = np.nan
    outputs = inquiry.witness.ask_with(question, replace(tensors, inputs=inputs)).answer.tensor("outputs")
    if outputs is None or outputs.shape[:1] != inputs.shape[:1]:
        return ""
    rows = np.isnan(outputs.astype(np.float64)).reshape(len(inputs), -1).any(axis=1)
    words = {"[0, 1]": "the row before it", "[1, 2]": "the row behind it"}
    return words.get(str(np.flatnonzero(rows).tolist()), "other rows of its batch" if rows.sum() > 1 else "")


def _replaced(inquiry: Inquiry, answers: Sequence[tuple[Asked, NDArray[Any]]], counts: _Counts, of: str) -> str:
    """Of NaN that becomes a number: which, or that inputs are taken for 0, which then have the same outputs."""
    if len(counts.became) > 1 and all(_is_as_without_nan(inquiry, asked, outputs) for asked, outputs in answers):
        return "NaN in the inputs is taken for 0"
    to = f"becomes {min(counts.became):.6g}" if len(counts.became) == 1 else "becomes a number"
    return f"NaN {to}{of}: it does not come through" + (", nor does infinity" if counts.clipped else "")


def _is_as_without_nan(inquiry: Inquiry, asked: Asked, outputs: NDArray[Any]) -> bool:
    assert asked.tensors is not None
    inputs = asked.tensors.inputs
    tensors = replace(asked.tensors, inputs=np.where(np.isnan(inputs), np.zeros_like(inputs), inputs))
    other = inquiry.witness.ask_with(asked.question, tensors).answer.tensor("outputs")
    return other is not None and np.array_equal(other.astype(np.float64), outputs, equal_nan=True)


def _once(*cases: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(case for some in cases for case in some))


def _elsewhere(inquiry: Inquiry, excused: Excused) -> list[str]:
    """Cases of ordinary questions in which nothing is wrong but what is excused."""
    found = []
    for result in inquiry.open:
        if is_plain(result) and not inquiry.witness.is_tired:
            failing = [each for each in inquiry.witness.exhibits(result.case.question) if each.fails]
            if failing and all(_is_excused(each, excused) for each in failing):
                found.append(result.case.id)
    return found


def _is_excused(exhibit: Exhibit, excused: Excused) -> bool:
    return exhibit.is_shaped and not (wrong_elements(exhibit) & ~excused(exhibit)).any()


def _may_be_infinite(right: Interval) -> Mask:
    return np.asarray(np.isinf(right.lower) | np.isinf(right.upper))


def _nan_for_infinity(exhibit: Exhibit) -> Mask:
    assert exhibit.got is not None
    return np.asarray(np.isnan(exhibit.got.astype(np.float64)) & _may_be_infinite(exhibit.right))


def _nan_beside_infinity(exhibit: Exhibit) -> Mask:
    """NaN in a tensor that holds an infinity, or nearly: a difference of those is NaN."""
    assert exhibit.got is not None
    return np.asarray(np.isnan(exhibit.got.astype(np.float64)) & bool(_may_be_infinite(exhibit.right).any()))


def _clipped(exhibit: Exhibit) -> Mask:
    """What is as large as anything in its tensor, and should be larger."""
    assert exhibit.got is not None
    got = np.abs(exhibit.got.astype(np.float64))
    beyond = np.fmax(np.abs(exhibit.right.lower), np.abs(exhibit.right.upper))
    return np.asarray(np.isfinite(got) & (got == got.max(initial=0.0)) & (beyond >= got))


def _beside_subnormal(exhibit: Exhibit) -> Mask:
    """Rows whose numbers are all subnormal; of sums over rows, and of slopes, what holds such a row."""
    if exhibit.name == "outputs":
        return of_subnormal_rows(exhibit)
    sizes = np.abs(exhibit.posed.problem.inputs).max(axis=-1, initial=0.0)
    rows = (sizes > 0) & (sizes < exhibit.posed.problem.format.smallest_normal)
    shape = exhibit.right.shape
    if exhibit.name == "inputs_gradient":
        return np.asarray(np.broadcast_to(rows[..., None], shape))
    return np.full(shape, bool(rows.any()))


def _fail_in_tails(inquiry: Inquiry, names: Sequence[str]) -> bool:
    """Whether these activations are wrong far from 0 as well: then infinity is but the farthest."""
    tails = {result.case.question.config.activation for result in inquiry.failing("outputs.activation-tails")}
    return bool(tails & set(names))


def _upstream(inquiry: Inquiry) -> Iterator[Diagnosis]:
    failing = inquiry.failing("specials.upstream")
    if not failing or any(r.verdict is Verdict.ERROR for r in failing) or inquiry.failing("gradients."):
        return
    if any(_is_missing(inquiry, result) for result in failing):
        return
    lost, more = 0, 0
    for question in dict.fromkeys(result.case.question for result in failing):
        asked = inquiry.witness.ask(question)
        expected = {(name, place) for name, place in asked.truth.facts.get("nan_at", [])}
        found = {
            (name, int(place))
            for name in GRADIENTS
            if (values := asked.answer.tensor(name)) is not None
            for place in np.flatnonzero(np.isnan(values.astype(np.float64)))
        }
        lost, more = lost + len(expected - found), more + len(found - expected)
    cases = tuple(result.case.id for result in failing)
    if lost and not more:
        says = "NaN in the upstream gradient is turned into a number"
        yield Diagnosis("nan-gradient-replaced", says, f"{lost} elements that should be NaN are numbers", cases)
    elif more and not lost:
        says = "one NaN in the upstream gradient spoils gradients that it should not reach"
        yield Diagnosis("nan-gradient-spreads", says, f"{more} elements are NaN that should not be", cases)


def _is_missing(inquiry: Inquiry, result: Result) -> bool:
    """Whether a gradient did not come at all: what is missing holds no NaN."""
    asked = inquiry.witness.ask(result.case.question)
    return any(asked.answer.tensor(name) is None for name in GRADIENTS if name in asked.truth.bounds)


def _subnormal(inquiry: Inquiry) -> Iterator[Diagnosis]:
    failing = _without_ordinary(inquiry, inquiry.failing("specials.subnormal"))
    answers = _answers(inquiry, failing)
    if not answers:
        return
    bad = sum(int((~np.isfinite(outputs)).sum()) for _, outputs in answers)
    what = "NaN or infinity comes of" if bad else "wrong numbers come of"
    says = f"{what} inputs below the smallest normal number"
    cases = _once((result.case.id for result in failing), _elsewhere(inquiry, _beside_subnormal))
    yield Diagnosis("subnormal-wrong", says, f"{len(answers)} of {len(answers)} failing tensors", cases)
