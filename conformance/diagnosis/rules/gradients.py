"""What is wrong with plain gradients, behind outputs that are right."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import partial

import numpy as np

from conformance.cases import Question
from conformance.diagnosis.exhibits import Exhibit, Inquiry, inside, matches, spread
from conformance.diagnosis.fit import Fit, agrees, fitting
from conformance.diagnosis.rivals.backward import gradient_of, gradients
from conformance.diagnosis.rivals.families import ALIASES, number_between, plainest, written
from conformance.diagnosis.rivals.gradient_places import of_places
from conformance.diagnosis.rivals.gradients import of_products
from conformance.diagnosis.rivals.limited_gradients import of_decay, of_stepped_kernel
from conformance.diagnosis.rivals.rival import Predicted, Rival, scaled
from conformance.diagnosis.rivals.slopes import at_kinks, of_slope, plain_kinks
from conformance.diagnosis.rivals.upstreams import of_upstream
from conformance.diagnosis.rules.curves import depends_on_rows, inexactly, told_apart
from conformance.diagnosis.rules.explained import PLAIN, UNCERTAIN, fails_in
from conformance.diagnosis.rules.outputs import exhibits, is_of_activation
from conformance.diagnosis.rules.rescope import rescoped
from conformance.families import draw
from conformance.procedures import GRADIENTS
from conformance.results import Diagnosis, Result, Verdict
from conformance.truth import Posed
from reference.activations import ACTIVATIONS
from reference.bounds import Problem
from reference.config import DenseConfig
from reference.elementwise import Elementwise
from reference.formats import Array

#: Rows of a batch that no case has.
UNASKED = 13
#: So many activations at most have slopes of their own that nobody knows.
CURVES = 3


def wrong_gradients(inquiry: Inquiry) -> Iterator[Diagnosis]:
    """The rule: of delta first, which all three gradients are made of; then of each product."""
    failing, right = exhibits(inquiry, *GRADIENTS)
    right = [exhibit for exhibit in right if exhibit.name in GRADIENTS]
    told = {exhibit.name for fit in inquiry.fits if not fit.rival.about for exhibit in fit.explained}
    left = failing = [exhibit for exhibit in failing if exhibit.name not in told]
    for found in _fits(inquiry, failing, right):
        fit = rescoped(inquiry, found, left, right)
        if fit is None:
            continue
        inquiry.fits.append(fit)
        yield concluded(fit, inquiry)
        left = [exhibit for exhibit in left if exhibit not in fit.explained]
    if not inquiry.is_unsure and not any(_is_of_all_outputs(fit) for fit in inquiry.fits):
        yield from _by_curve(inquiry, left)


def _is_of_all_outputs(fit: Fit) -> bool:
    """Of operands, say, which the way back has as well: what is left of it is no function of its own."""
    return not fit.rival.about and any(exhibit.name == "outputs" for exhibit in fit.explained)


def more_gradients(inquiry: Inquiry) -> Iterator[Diagnosis]:
    """The same once more, where something was found."""
    if any(exhibit.name in GRADIENTS for fit in inquiry.fits for exhibit in fit.explained):
        yield from wrong_gradients(inquiry)


def unstable_gradients(inquiry: Inquiry) -> Iterator[Diagnosis]:
    """The rule for gradients that differ when a question is put again."""
    failing = [r for r in inquiry.open if r.case.question.procedure == "differentiate" and fails_in(r, *GRADIENTS)]
    questions = spread(failing, 6)
    unstable = sum(_is_unstable(inquiry, question) for question in questions)
    if unstable < 2:
        return
    cases = tuple(r.case.id for r in inquiry.open if is_of_gradients(r) or _raises_in_gradients(r))
    says = "the gradients depend on the calls before: one question, put again, gets others"
    yield Diagnosis(
        "history-dependent", says, f"{unstable} of {len(questions)} questions that were put three times", cases
    )


def _is_unstable(inquiry: Inquiry, question: Question) -> bool:
    tensors = inquiry.witness.tensors(question)
    answers = [inquiry.witness.ask_with(question, tensors).answer for _ in range(3)]
    for name in GRADIENTS:
        values = [answer.tensor(name) for answer in answers]
        if any((one is None) != (values[0] is None) for one in values):
            return True
        given = [one for one in values if one is not None]
        if any(not np.array_equal(one, given[0], equal_nan=True) for one in given):
            return True
    return False


def _raises_in_gradients(result: Result) -> bool:
    procedures = ("differentiate_twice", "forward_mode", "jacobian", "fit", "differentiate_in_lane")
    return result.verdict is Verdict.ERROR and result.case.question.procedure in procedures


def stale_gradients(inquiry: Inquiry) -> Iterator[Diagnosis]:
    """The rule for gradients that are made of what an earlier call was given: of a layer that nobody asked for yet."""
    failing = [r for r in inquiry.open if r.case.question.procedure == "differentiate" and fails_in(r, *GRADIENTS)]
    questions = [each for each in spread(failing, 6) if len(each.known_shape) == 2 and each.known_shape[-1]]
    for question in questions[:1]:
        asked = replace(question, input_shape=(UNASKED, UNASKED + 6), family="integers")
        before, now = (
            draw(asked.family, asked.config, asked.known_shape, seed) for seed in (question.seed + 1, question.seed + 2)
        )
        inquiry.witness.ask_with(asked, before)
        answer = inquiry.witness.ask_with(asked, now).answer
        posed = inquiry.witness.posed(asked, now)
        older = inquiry.witness.posed(asked, before).problem
        for name, of, changed in (
            ("kernel_gradient", "the inputs", replace(posed.problem, inputs=older.inputs)),
            ("inputs_gradient", "the kernel", replace(posed.problem, kernel=older.kernel)),
        ):
            got = answer.tensor(name)
            if matches(got, posed.gradients[name]) or not matches(got, gradients(posed, backward=_as(changed))[name]):
                continue
            says = f"{gradient_of(name)} is made of {of} of an earlier call"
            evidence = "of two calls of one shape the second answers for the first"
            cases = tuple(r.case.id for r in inquiry.open if is_of_gradients(r) and _misses(r, name))
            yield Diagnosis("gradient-stale", says, evidence, cases)
    for question in questions[:1]:
        if _has_stale_slope(inquiry, question):
            says = "the activation's slope is taken at the pre-activations of an earlier call"
            cases = tuple(r.case.id for r in inquiry.open if is_of_gradients(r))
            yield Diagnosis("gradient-stale", says, "of two calls of one shape the second answers for the first", cases)


def _has_stale_slope(inquiry: Inquiry, question: Question) -> bool:
    """Of an activation whose slope is another one everywhere."""
    config = replace(question.config, activation="tanh")
    asked = replace(question, config=config, input_shape=(UNASKED, question.known_shape[-1]), family="normal")
    before, now = (draw(asked.family, config, asked.known_shape, seed) for seed in (1, 2))
    inquiry.witness.ask_with(asked, before)
    answer, posed = inquiry.witness.ask_with(asked, now).answer, inquiry.witness.posed(asked, now)
    stale = gradients(posed, forward=_as(inquiry.witness.posed(asked, before).problem))
    got = {name: answer.tensor(name) for name in stale}
    is_stale = all(matches(got[name], within) for name, within in stale.items())
    return is_stale and not any(matches(got[name], posed.gradients[name]) for name in stale)


def _as(problem: Problem) -> Callable[[Problem], Problem]:
    return lambda _: problem


def _misses(result: Result, name: str) -> bool:
    return fails_in(result, name) or not fails_in(result, *GRADIENTS)


def _fits(inquiry: Inquiry, failing: list[Exhibit], right: Sequence[Exhibit]) -> Iterator[Fit]:
    """Of an activation's slope where linear layers are right, then of everything."""
    names = list(dict.fromkeys(exhibit.question.config.activation for exhibit in failing))
    left, told = list(failing), set[str]()

    def general() -> list[Fit]:
        return fitting(
            [
                *of_products(),
                *of_upstream(),
                *_factors(left),
                *of_decay(left),
                *of_stepped_kernel(left),
                *of_places(left),
            ],
            left,
            right,
        )

    own = [partial(_of_one, inquiry, name, left, right) for name in names if name != "linear"]
    steps: list[Callable[[], list[Fit]]] = [general, *own]
    if "linear" not in names:
        steps = [*own, general] if len(names) == 1 else [lambda: fitting(of_upstream(), left, right), *own, general]
    for step in steps:
        for fit in step():
            yield fit
            told |= {exhibit.name for exhibit in fit.explained} if not fit.rival.about else set()
            left[:] = [exhibit for exhibit in left if exhibit not in fit.explained and exhibit.name not in told]


def _of_one(inquiry: Inquiry, name: str, failing: Sequence[Exhibit], right: Sequence[Exhibit]) -> list[Fit]:
    own = [exhibit for exhibit in failing if exhibit.question.config.activation == name]
    others = [exhibit for exhibit in right if exhibit.question.config.activation == name]
    if not own:
        return []
    row = own[0].posed.definition
    rivals = list(of_slope(name, row))
    if isinstance(row, Elementwise):
        rivals = [*_kink_rivals(inquiry, name, row, own[0].question), *plain_kinks(name, row), *rivals]
    return [fit for fit in fitting(rivals, own, others) if is_of_activation(fit.explained, inquiry)]


def _factors(failing: Sequence[Exhibit]) -> Iterator[Rival]:
    """One factor of all elements of a gradient."""
    for name in dict.fromkeys(exhibit.name for exhibit in failing):
        equations = []
        for exhibit in failing:
            if exhibit.name == name and exhibit.got is not None and exhibit.is_shaped:
                got = exhibit.got.astype(np.float64)
                doubt = _size(
                    got, exhibit.right.middle
                ) * exhibit.right.width + 4 * exhibit.posed.problem.format.unit_roundoff * np.abs(got)
                equations.append((got, exhibit.right.middle, doubt))
        found = number_between(equations)
        number = 1.0 if found is None else plainest(*found)
        if number not in (0.0, 1.0, -1.0, 2.0, 0.5):
            says = f"{gradient_of(name)} is {written(number)} times what it should be"
            yield Rival("gradient-scaled", says, _times(name, number))


def _size(got: Array, right: Array) -> float:
    """How many times as large most elements are, once at least: so much larger are their roundings."""
    with np.errstate(all="ignore"):
        times = np.abs(got / right)
    times = times[np.isfinite(times)]
    return max(1.0, float(np.median(times))) if times.size else 1.0


def _times(name: str, factor: float) -> Callable[[Posed], Predicted]:
    def predict(posed: Posed) -> Predicted:
        if name not in posed.gradients:
            return {}
        return {name: scaled(posed.gradients[name], factor, posed.problem.format.unit_roundoff)}

    return predict


# ---- kinks, and slopes that are none that is known -------------------------------------------------------------------


def slope_grid(inquiry: Inquiry, question: Question) -> Exhibit | None:
    """The inputs' gradient on the dense grid: upstream times slope, the kernel being 1."""
    config = DenseConfig(1, question.config.activation, question.config.use_bias, question.config.dtype)
    asked = Question("differentiate", config, (509, 1), "grid")
    return _inputs_gradient(inquiry, asked)


def _inputs_gradient(inquiry: Inquiry, question: Question) -> Exhibit | None:
    """None where the outputs are wrong already."""
    exhibits = inquiry.witness.exhibits(question)
    if any(exhibit.name == "outputs" and exhibit.fails for exhibit in exhibits):
        return None
    found = [exhibit for exhibit in exhibits if exhibit.name == "inputs_gradient"]
    return found[0] if found and found[0].is_shaped else None


def _kink_rivals(inquiry: Inquiry, name: str, row: Elementwise, question: Question) -> Iterator[Rival]:
    grid = slope_grid(inquiry, question)
    if grid is None or not row.kinks:
        return
    assert grid.got is not None
    z, wrong = grid.posed.problem.inputs, ~inside(grid.got, grid.right)
    slopes = grid.got.astype(np.float64) / grid.posed.upstream
    at = {kink: float(slopes[(z == kink) & wrong][0]) for kink in row.kinks if ((z == kink) & wrong).any()}
    if at:
        yield at_kinks(name, row, at)


def _by_curve(inquiry: Inquiry, failing: Sequence[Exhibit]) -> Iterator[Diagnosis]:
    """The slopes of few activations that are other functions, but none that are known.

    Where those of many are, that is hardly what is wrong with each of them.
    """
    told = list(_curves(inquiry, failing))
    names = {ALIASES.get(name, name) for name, _ in told}
    if len(names) <= CURVES:
        yield from (diagnosis for _, diagnosis in told)


def _curves(inquiry: Inquiry, failing: Sequence[Exhibit]) -> Iterator[tuple[str, Diagnosis]]:
    """With the name of each activation."""
    for name in dict.fromkeys(exhibit.question.config.activation for exhibit in failing):
        own = [exhibit for exhibit in failing if exhibit.question.config.activation == name]
        row = own[0].posed.definition
        if name == "linear" or not is_of_activation(own, inquiry):
            continue
        made = (
            _slope_curve(inquiry, name, own[0].question)
            if isinstance(row, Elementwise)
            else _row_gradient(inquiry, name, own)
        )
        yield from ((name, diagnosis) for diagnosis in made)


def _row_gradient(inquiry: Inquiry, name: str, failing: Sequence[Exhibit]) -> Iterator[Diagnosis]:
    """Of an activation of whole rows: that its gradient is another function is all that is seen.

    It is that of the inputs, and of a weight.
    """
    names = {exhibit.name for exhibit in failing}
    if "inputs_gradient" not in names or len(names) < 2:
        return
    cases = tuple(r.case.id for r in inquiry.open if r.case.question.config.activation == name and is_of_gradients(r))
    says = f"the gradient of {name} is another function of its rows, behind outputs that are right"
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


def _kinks(name: str) -> tuple[float, ...]:
    row = ACTIVATIONS[name]
    return row.kinks if isinstance(row, Elementwise) else ()


def _slope_curve(inquiry: Inquiry, name: str, question: Question) -> Iterator[Diagnosis]:
    parts = [slope_grid(inquiry, question), _tails(inquiry, question)]
    found = [part for part in parts if part is not None]
    if not found or any(_is_of_inputs_alone(inquiry, part) or depends_on_rows(part, inquiry) for part in found):
        return
    z = np.concatenate([part.posed.problem.inputs.ravel() for part in found])
    got = np.concatenate([(np.asarray(part.got, np.float64) / part.posed.upstream).ravel() for part in found])
    wrong = np.concatenate([(~inside(part.got, part.right)).ravel() for part in found if part.got is not None])
    cases = tuple(r.case.id for r in inquiry.open if r.case.question.config.activation == name and is_of_gradients(r))
    if wrong.sum() < 3 or not cases or not (wrong & (np.abs(z) > 2.0**-10) & ~np.isin(z, _kinks(name))).any():
        return
    evidence = (
        f"{int(wrong.sum())} of {wrong.size} slopes on a grid and in the tails are wrong; no formula that is known fits"
    )
    if not (wrong & (np.abs(z) <= 3) & (np.abs(z) > 2.0**-10)).any():
        what = "NaN" if np.isnan(got[wrong]).all() else "0" if (got[wrong] == 0).all() else "wrong"
        where = [f"below {z[wrong & (z < 0)].max():.5g}"] if (wrong & (z < 0)).any() else []
        where += [f"above {z[wrong & (z > 0)].min():.5g}"] if (wrong & (z > 0)).any() else []
        says = f"the slope of {name} is {what} {' and '.join(where)}, and right wherever else it was asked"
        yield Diagnosis("slope-tail", says, evidence, cases)
        return
    row = ACTIVATIONS[name]
    assert isinstance(row, Elementwise)
    right = np.asarray(row.slope(z), np.float64)
    with np.errstate(all="ignore"):
        error = np.where(wrong & (np.abs(z) <= 3) & np.isfinite(got), np.abs(got - right), -1)
    place = int(np.argmax(error))
    what = inexactly(z, got, right, wrong) or "is another function"
    values = f"it is {told_apart(got[place], right[place])} is right"
    yield Diagnosis("slope-formula", f"the slope of {name} {what}: at z = {z[place]:.6g} {values}", evidence, cases)


def _tails(inquiry: Inquiry, question: Question) -> Exhibit | None:
    config = DenseConfig(1, question.config.activation, question.config.use_bias, question.config.dtype)
    asked = Question("differentiate", config, (251, 1), "tails")
    return _inputs_gradient(inquiry, asked)


# ---- what a fit explains -------------------------------------------------------------------------------------------


def is_of_gradients(result: Result) -> bool:
    missed = [each for each in result.comparisons if not each.holds]
    if result.case.question.config.activation in UNCERTAIN and len(missed) > 1:
        missed = [each for each in missed if each.name != "outputs"]
    made = (*GRADIENTS, "second_", "dtype of the", "nan_at")
    stepped = (
        ("kernel_after", "bias_after", "reported_loss") if result.case.question.procedure in ("fit", "step") else ()
    )
    return bool(missed) and all(each.name.startswith((*made, *stepped)) for each in missed)


def concluded(fit: Fit, inquiry: Inquiry) -> Diagnosis:
    rival = fit.rival
    activation = rival.about or fit.explained[0].question.config.activation
    words = f"{rival.says.format(activation=activation)} {fit.where.says}".strip()
    names = {exhibit.name for exhibit in fit.explained}
    reached = [
        result for result in inquiry.open if _follows(fit, names, result) or _is_beside_erratum(inquiry, fit, result)
    ]
    return Diagnosis(rival.defect, words, fit.evidence, tuple(result.case.id for result in reached))


def _is_beside_erratum(inquiry: Inquiry, fit: Fit, result: Result) -> bool:
    """Whether outputs are Keras's own, where Keras is wrong, and every wrong gradient is the rival's: whole answers are
    held to one definition, of which the mathematics may fail in the outputs alone.
    """
    question = result.case.question
    if question.procedure != "differentiate" or question.config.activation not in UNCERTAIN:
        return False
    found = inquiry.witness.exhibits(question)
    wrong = [exhibit for exhibit in found if exhibit.fails]
    return any(agrees(fit.rival, exhibit) for exhibit in found) and all(agrees(fit.rival, each) for each in wrong)


def _follows(fit: Fit, names: set[str], result: Result) -> bool:
    question = result.case.question
    if not is_of_gradients(result):
        return False
    if fit.rival.about and question.config.activation != fit.rival.about:
        return False
    if question.procedure in PLAIN and not fit.where.holds(question):
        return False
    named = {each.name for each in result.comparisons if not each.holds}
    if question.config.activation in UNCERTAIN:
        return bool(named & names)
    return not (named & set(GRADIENTS)) or bool(named & names)
