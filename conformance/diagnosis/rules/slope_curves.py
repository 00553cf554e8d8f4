"""Slopes that are none that is known: of an activation, behind outputs that are right."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from conformance.cases import Question
from conformance.diagnosis.exhibits import Exhibit, Inquiry, inside, off_by, outputs_fail
from conformance.diagnosis.further import RANGES, over_range
from conformance.diagnosis.rivals.families import ALIASES
from conformance.diagnosis.rivals.rival import Rival
from conformance.diagnosis.rivals.slopes import at_kinks
from conformance.diagnosis.rules.along_curves import places
from conformance.diagnosis.rules.curves import INEXACT, depends_on_more, inexactly, told_apart, worst_part
from conformance.diagnosis.rules.explained import is_of_gradients
from conformance.diagnosis.rules.in_dtypes import in_dtypes
from conformance.diagnosis.rules.outputs import is_of_activation
from conformance.results import Diagnosis
from reference.elementwise import Elementwise

#: So many activations at most have slopes of their own that nobody knows.
CURVES = 3


def _slopes(inquiry: Inquiry, question: Question, family: str, rows: int) -> Exhibit | None:
    """The inputs' gradient on a grid or in the tails: upstream times slope, the kernel being 1.

    None where the outputs are wrong already.
    """
    exhibits = inquiry.witness.exhibits(over_range(question.config, family, rows, "differentiate"))
    if outputs_fail(exhibits):
        return None
    found = [exhibit for exhibit in exhibits if exhibit.name == "inputs_gradient"]
    return found[0] if found and found[0].is_shaped else None


def kink_rivals(inquiry: Inquiry, name: str, row: Elementwise, question: Question) -> Iterator[Rival]:
    grid = _slopes(inquiry, question, *RANGES[0])
    if grid is None or not row.kinks:
        return
    assert grid.got is not None
    z, wrong = grid.posed.problem.inputs, ~inside(grid.got, grid.right)
    slopes = grid.got.astype(np.float64) / grid.posed.upstream
    at = {kink: float(slopes[(z == kink) & wrong][0]) for kink in row.kinks if ((z == kink) & wrong).any()}
    if at:
        yield at_kinks(name, row, at)


def wrong_slopes(inquiry: Inquiry, failing: Sequence[Exhibit]) -> Iterator[Diagnosis]:
    """The slopes of few activations that are other functions, but none that are known.

    Where those of many are, that is hardly what is wrong with each of them.
    """
    wrong = [exhibit.question.config.activation for exhibit in failing]
    if len({ALIASES.get(name, name) for name in wrong}) <= CURVES:
        yield from _curves(inquiry, failing)


def _curves(inquiry: Inquiry, failing: Sequence[Exhibit]) -> Iterator[Diagnosis]:
    for name in dict.fromkeys(exhibit.question.config.activation for exhibit in failing):
        own = [exhibit for exhibit in failing if exhibit.question.config.activation == name]
        row = own[0].posed.definition
        if name == "linear" or not is_of_activation(own, inquiry):
            continue
        if isinstance(row, Elementwise):
            yield from _slope_curve(inquiry, name, row, own[0].question)
        else:
            yield from _row_gradient(inquiry, name, own)


def _row_gradient(inquiry: Inquiry, name: str, failing: Sequence[Exhibit]) -> Iterator[Diagnosis]:
    """Of an activation of whole rows: that its gradient is another function is all that is seen.

    It is that of the inputs, and of a weight.
    """
    names = {exhibit.name for exhibit in failing}
    if "inputs_gradient" not in names or len(names) < 2:
        return
    asked = [each for each in failing if each.name == "inputs_gradient"][:CURVES]
    if any(depends_on_more(each, inquiry, upstream_times=1.0) for each in asked):
        return
    cases = tuple(r.case.id for r in inquiry.open if r.case.question.config.activation == name and is_of_gradients(r))
    worst = max(off_by(exhibit) for exhibit in failing)
    of = in_dtypes(name, "inputs_gradient", worst, inquiry).of_all
    what = "another function of its rows" if worst >= INEXACT else f"off by up to {worst:.1e} of its greatest element"
    says = f"the gradient of {name} is {what}{of}, behind outputs that are right"
    yield Diagnosis(
        "slope-formula", says, f"{len(failing)} of {len(failing)} failing gradients; none that is known fits", cases
    )


def _is_of_inputs_alone(inquiry: Inquiry, grid: Exhibit) -> bool:
    """Whether the gradients of the weights are right, and are not made of the slopes that the inputs' gradient shows.

    The kernel of a grid is 1, so that its inputs' gradient is delta; sums of so many terms round so much at most.
    """
    assert grid.got is not None
    delta, inputs = grid.got.astype(np.float64), grid.posed.problem.inputs
    terms = {"kernel_gradient": inputs * delta, "bias_gradient": delta}
    others = {each.name: each for each in inquiry.witness.exhibits(grid.question) if each.name in terms}
    for name, other in others.items():
        if other.got is None or other.got.size != 1 or other.fails:
            continue
        if np.isfinite([terms[name].sum(), *other.right.lower.ravel(), *other.right.upper.ravel()]).all():
            doubt = (delta.size + 4) * grid.posed.problem.format.unit_roundoff * np.abs(terms[name]).sum()
            if abs(float(other.got.astype(np.float64).sum()) - terms[name].sum()) > doubt:
                return True
    return False


def _slope_curve(inquiry: Inquiry, name: str, row: Elementwise, question: Question) -> Iterator[Diagnosis]:
    parts = [_slopes(inquiry, question, *points) for points in RANGES]
    found = [part for part in parts if part is not None]
    if not found or any(_is_of_inputs_alone(inquiry, part) or depends_on_more(part, inquiry) for part in found):
        return
    z = np.concatenate([part.posed.problem.inputs.ravel() for part in found])
    got = np.concatenate([(np.asarray(part.got, np.float64) / part.posed.upstream).ravel() for part in found])
    wrong = np.concatenate([(~inside(part.got, part.right)).ravel() for part in found if part.got is not None])
    cases = tuple(r.case.id for r in inquiry.open if r.case.question.config.activation == name and is_of_gradients(r))
    if wrong.sum() < 3 or not cases or not (wrong & (np.abs(z) > 2.0**-10) & ~np.isin(z, row.kinks)).any():
        return
    evidence = (
        f"{int(wrong.sum())} of {wrong.size} slopes on a grid and in the tails are wrong; no formula that is known fits"
    )
    right = np.asarray(row.slope(z), np.float64)
    dtypes = in_dtypes(name, "inputs_gradient", worst_part(got, right, wrong), inquiry)
    if not (wrong & (np.abs(z) <= 3) & (np.abs(z) > 2.0**-10)).any():
        kinds = (("NaN", np.isnan(got)), ("0", got == 0), ("wrong", wrong))
        what, holds = next((words, kind) for words, kind in kinds if kind[wrong].all())
        where = places(name, z, wrong, holds)
        of, others = dtypes.of_one(question.config.dtype)
        says = f"the slope of {name} is {what} {where}{of}, and right wherever else it was asked{others}"
        yield Diagnosis("slope-tail", says, evidence, cases)
        return
    with np.errstate(all="ignore"):
        error = np.where(wrong & (np.abs(z) <= 3) & np.isfinite(got), np.abs(got - right), -1)
    place = int(np.argmax(error))
    what = inexactly(z, got, right, wrong) or "is another function"
    values = f"it is {told_apart(got[place], right[place])} is right"
    yield Diagnosis(
        "slope-formula", f"the slope of {name} {what}{dtypes.of_all}: at z = {z[place]:.6g} {values}", evidence, cases
    )
