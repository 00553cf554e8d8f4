"""What is wrong with plain gradients, behind outputs that are right."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import replace
from functools import partial

import numpy as np

from conformance.cases import Question
from conformance.diagnosis.exhibits import Exhibit, Inquiry, matches, spread
from conformance.diagnosis.fit import Fit, agrees, fitting
from conformance.diagnosis.rivals.backward import gradient_of, gradients
from conformance.diagnosis.rivals.families import number_between, plainest, written
from conformance.diagnosis.rivals.gradient_places import of_places
from conformance.diagnosis.rivals.gradients import of_products
from conformance.diagnosis.rivals.limited_gradients import of_decay, of_stepped_kernel
from conformance.diagnosis.rivals.rival import Predicted, Rival, scaled
from conformance.diagnosis.rivals.slopes import of_slope, plain_kinks
from conformance.diagnosis.rivals.upstreams import of_upstream
from conformance.diagnosis.rules.explained import PLAIN, UNCERTAIN, fails_in, is_of_gradients
from conformance.diagnosis.rules.outputs import exhibits, is_of_activation
from conformance.diagnosis.rules.rescope import rescoped
from conformance.diagnosis.rules.slope_curves import CURVES, kink_rivals, wrong_slopes
from conformance.families import draw
from conformance.procedures import GRADIENTS
from conformance.results import Diagnosis, Result, Verdict
from conformance.truth import Posed
from reference.bounds import Problem
from reference.elementwise import Elementwise
from reference.formats import Array

#: Rows of a batch that no case has.
UNASKED = 13


def wrong_gradients(inquiry: Inquiry) -> Iterator[Diagnosis]:
    """The rule: of delta first, which all three gradients are made of; then of each product."""
    failing, right = exhibits(inquiry, *GRADIENTS)
    right = [exhibit for exhibit in right if exhibit.name in GRADIENTS]
    told = {exhibit.name for fit in inquiry.fits if not fit.rival.about for exhibit in fit.explained}
    left = failing = [exhibit for exhibit in failing if exhibit.name not in told]
    wrong = {exhibit.question.config.activation for exhibit in failing}
    confirmed: list[Fit] = []
    for found in _fits(inquiry, failing, right):
        fit = rescoped(inquiry, found, left, right)
        if fit is not None:
            confirmed.append(fit)
            left = [exhibit for exhibit in left if exhibit not in fit.explained]
    for fit in confirmed:
        if _is_no_coincidence(fit, confirmed, wrong):
            inquiry.fits.append(fit)
            yield concluded(fit, inquiry)
    left = [exhibit for exhibit in failing if not any(exhibit in fit.explained for fit in inquiry.fits)]
    if not inquiry.is_unsure and not any(_is_of_all_outputs(fit) for fit in inquiry.fits):
        yield from wrong_slopes(inquiry, left)


def _is_no_coincidence(fit: Fit, fits: Sequence[Fit], wrong: Collection[str]) -> bool:
    """Of slopes that are wrong with many activations a few are like another by chance."""
    named = {each.rival.about for each in fits if each.rival.about}
    return not fit.rival.about or len(wrong) <= CURVES or 2 * len(named) >= len(wrong)


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
    says = "the same question, put again with the same weights, gets other gradients"
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

    # behind other pre-activations slopes are others, too
    of_slopes = [] if any(map(_is_of_all_outputs, inquiry.fits)) else [name for name in names if name != "linear"]
    own = [partial(_of_one, inquiry, name, left, right) for name in of_slopes]
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
        rivals = [*kink_rivals(inquiry, name, row, own[0].question), *plain_kinks(name, row), *rivals]
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


# ---- what a fit explains -------------------------------------------------------------------------------------------


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
