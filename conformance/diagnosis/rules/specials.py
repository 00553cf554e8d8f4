"""NaN, infinities, overflow and subnormal numbers: what becomes of them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from conformance.diagnosis.exhibits import Asked, Inquiry
from conformance.diagnosis.rules.explained import fails_in
from conformance.diagnosis.scope import separating
from conformance.procedures import GRADIENTS
from conformance.results import Diagnosis, Result, Verdict

#: So many times smaller than the largest number is far below it.
NEAR = 16.0
FAMILIES = ("specials", "special_weights", "special_upstream", "overflowing", "subnormal")


def wrong_specials(inquiry: Inquiry) -> Iterator[Diagnosis]:
    """The rule, for activations and dtypes that are right for ordinary numbers, as far as it is about outputs."""
    for made in (_rows_and_weights, _overflow, _upstream, _subnormal):
        yield from made(inquiry)


def _without_ordinary(inquiry: Inquiry, results: list[Result]) -> list[Result]:
    """Those whose activation and dtype do not fail for ordinary numbers, which the tails are not, either."""
    ordinary = {
        (result.case.question.config.activation, result.case.question.config.dtype)
        for result in inquiry.open
        if result.case.question.family not in (*FAMILIES, "tails", "grid") and fails_in(result, "outputs", "row_by_row")
    }
    linear = {dtype for activation, dtype in ordinary if activation == "linear"}
    results = [each for each in results if each.case.question.config.dtype not in linear]
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
    elif np.isnan(values[~np.isinf(values)]).all():
        says = f"what overflows becomes NaN{words}, where it should be infinite"
        yield Diagnosis("infinity-nan", says, evidence, tuple(dict.fromkeys([*cases, *infinite])))


def _least_clip(answers: list[tuple[Asked, NDArray[Any]]]) -> float:
    """What is not far below the largest number is clipped because that is reached."""
    return min(asked.question.config.format.largest for asked, _ in answers) / NEAR


def _fails_ordinarily(inquiry: Inquiry) -> bool:
    return any(r.case.question.family not in FAMILIES and fails_in(r, "outputs") for r in inquiry.open)


def _misses_infinity(result: Result) -> bool:
    """True where infinity alone is right."""
    return any(not each.holds and each.allowed.lstrip("-").startswith("inf") for each in result.comparisons)


def _rows_and_weights(inquiry: Inquiry) -> Iterator[Diagnosis]:
    failing = [r for r in inquiry.failing("specials.") if r.case.question.family in ("specials", "special_weights")]
    failing = _without_ordinary(inquiry, failing)
    answers = _answers(inquiry, failing)
    if not answers:
        return
    lost, spread_out, turned, clipped, skipped = 0, 0, 0, 0, 0
    values: list[float] = []
    for asked, outputs in answers:
        assert asked.tensors is not None
        places = np.asarray(asked.truth.facts.get("nan_at", []), int)
        expected = np.isin(np.arange(outputs.size), places).reshape(outputs.shape)
        nan, right = np.isnan(outputs), asked.truth.bounds["outputs"]
        infinite = np.isinf(right.lower) & (right.lower == right.upper) & ~expected
        lost += int((expected & ~nan).sum())
        values += outputs[expected & ~nan].tolist()
        plain = np.isfinite(asked.tensors.inputs.astype(np.float64)).all(axis=-1, keepdims=True) & ~right.makes_no_claim
        spread_out += int((nan & ~expected & plain).sum())
        turned += int((nan & ~expected & ~plain).sum())
        clipped += int((np.isfinite(outputs) & infinite).sum())
        skipped += asked.question.family == "special_weights" and bool((expected & ~nan).any())
    cases = tuple(result.case.id for result in failing)
    names = sorted({result.case.question.config.activation for result in failing})
    others = {r.case.question.config.activation for r in inquiry.passed if r.case.question.family == "specials"}
    of = f" by {' and '.join(names)}" if len(names) == 1 and others - set(names) else ""
    looked = f"in {len(answers)} tensors with NaN or infinities"
    in_inputs = any(asked.question.family == "specials" for asked, _ in answers)
    if spread_out and not lost and not (of and _fail_in_tails(inquiry, names)):
        says = f"one NaN spoils other rows of its batch{of}"
        infinite = (
            () if of else tuple(each.case.id for each in inquiry.failing("specials.overflow", "dtypes.half-overflow"))
        )
        evidence = f"{spread_out} elements of rows without NaN are NaN, {looked}"
        yield Diagnosis("nan-spreads", says, evidence, (*cases, *infinite))
    elif lost and in_inputs and not spread_out:
        to = f"becomes {values[0]:.6g}" if len(set(values)) == 1 else "becomes a number"
        says = f"NaN {to}{of}: it does not come through" + (", nor does infinity" if clipped else "")
        yield Diagnosis("nan-replaced", says, f"{lost} elements that should be NaN are numbers, {looked}", cases)
    elif skipped and not in_inputs:
        says = "0 times infinity, or 0 times NaN, is 0: a weight that is not finite is skipped where its input is 0"
        yield Diagnosis("zero-times-infinity", says, f"{lost} elements that should be NaN are numbers, {looked}", cases)
    elif clipped and not spread_out and not lost:
        says = f"infinities are clipped to finite numbers{of}"
        overflow = () if of else tuple(each.case.id for each in inquiry.open if _misses_infinity(each))
        evidence = f"{clipped} elements that should be infinite are finite, {looked}"
        yield Diagnosis("infinity-clipped", says, evidence, tuple(dict.fromkeys([*cases, *overflow])))
    elif turned and not spread_out and not lost and not clipped and not _fail_in_tails(inquiry, names):
        yield Diagnosis("infinity-nan", f"infinity becomes NaN{of}", f"{turned} elements, {looked}", cases)


def _fail_in_tails(inquiry: Inquiry, names: list[str]) -> bool:
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
    yield Diagnosis(
        "subnormal-wrong", says, f"{len(answers)} of {len(answers)} failing tensors", tuple(r.case.id for r in failing)
    )
