"""Which failed cases come of a defect of the outputs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np

from conformance.cases import Question
from conformance.diagnosis.exhibits import ERRANT, Inquiry, matches, twin
from conformance.diagnosis.fit import Fit, agrees
from conformance.diagnosis.rivals.consistent import bias_gradient
from conformance.diagnosis.rivals.rival import Rival
from conformance.procedures import GRADIENTS
from conformance.results import Diagnosis, Result

PLAIN = ("call", "differentiate")
#: Families with NaN, infinities or what overflows: of rules of their own.
SPECIAL = ("specials", "special_weights", "zero_weights", "special_upstream", "overflowing", "subnormal")
#: Where Keras itself is wrong: other activations are the better witnesses.
UNCERTAIN = frozenset(ERRANT) | {"squareplus"}


def fails_in(result: Result, *names: str) -> bool:
    """True where a comparison of one of these tensors failed."""
    return any(not each.holds and each.name.startswith(names) for each in result.comparisons)


def is_plain(result: Result) -> bool:
    question = result.case.question
    return question.procedure in PLAIN and question.family not in SPECIAL


def fails_plainly(inquiry: Inquiry) -> list[Result]:
    """What is wrong without anything having gone before."""
    return [result for result in inquiry.open if is_plain(result) and fails_in(result, "outputs")]


def linear_twin(question: Question) -> Question:
    """The same question of a layer without activation."""
    return replace(question, config=replace(question.config, activation="linear"))


#: Tensors and facts that are made of the outputs, or of their gradients.
MADE_OF_OUTPUTS = (
    *("outputs", "training", "inference", "first", "second", "row_by_row", "baseline", "reported_loss", "nan_at"),
    *("after_fewer", "after_more", "of_steps", "of_columns"),
    *("kernel_gradient", "bias_gradient", "inputs_gradient", "second_", "most outputs", "output_shape", "NaNs"),
)


def concluded(fit: Fit, inquiry: Inquiry) -> Diagnosis:
    rival = fit.rival
    activation = rival.about or fit.explained[0].question.config.activation
    says = rival.says.format(activation=activation)
    words = f"{says} {fit.where.says}".strip()
    cases = tuple(result.case.id for result in inquiry.open if _follows(fit, result, inquiry))
    return Diagnosis(rival.defect, words, fit.evidence, cases)


def _follows(fit: Fit, result: Result, inquiry: Inquiry) -> bool:
    """Whether a failed case comes of the defect: its question is one in which the defect shows."""
    question = result.case.question
    if question.procedure == "differentiate_again":
        question = replace(question, procedure="differentiate")
    if not is_made_of_outputs(result):
        return False
    if is_plain(result) and fails_in(result, "outputs") and not inquiry.witness.is_tired:
        found = [each for each in inquiry.witness.exhibits(question) if each.name == "outputs" and each.fails]
        certain = question.config.activation not in UNCERTAIN
        agreed = agrees(fit.rival, found[0]) if certain and found else None
        # another defect, where the activation alone fails; else it is but not predicted in every element
        if agreed is not None and (agreed or not _linear_twin_fails(question, inquiry)):
            return agreed
    if _is_of_bias_alone(result) and question.procedure in PLAIN and _is_consistent(fit.rival, question, inquiry):
        return True
    asked = [question]
    if question.procedure == "call_rows":
        alone = replace(question, procedure="call", input_shape=(1, *question.input_shape[1:]))
        asked += [alone, twin(alone), linear_twin(alone)]  # of so few numbers an activation may hide all
    asked = [each for each in asked if fit.where.holds(each)]
    if fit.rival.about:
        return bool(asked) and question.config.activation == fit.rival.about
    return any(shows(fit.rival, each, inquiry) for each in asked)


def _is_of_bias_alone(result: Result) -> bool:
    missed = [each for each in result.comparisons if not each.holds]
    return bool(missed) and all(each.name == "bias_gradient" for each in missed)


def _is_consistent(rival: Rival, question: Question, inquiry: Inquiry) -> bool:
    """Whether the bias's gradient is that of what the rival computes: a bias of 0 hides what becomes of it."""
    found = [each for each in inquiry.witness.exhibits(question) if each.name == "bias_gradient"]
    if not found or not found[0].is_shaped:
        return False
    within = bias_gradient(rival, found[0].posed)
    return within is not None and matches(found[0].got, within)


def _linear_twin_fails(question: Question, inquiry: Inquiry) -> bool:
    return any(each.fails for each in inquiry.witness.exhibits(linear_twin(question)) if each.name == "outputs")


def is_made_of_outputs(result: Result) -> bool:
    """Whether all that failed of a case depends on the outputs."""
    question, missed = result.case.question, [each for each in result.comparisons if not each.holds]
    depends: tuple[str, ...] = MADE_OF_OUTPUTS
    if question.config.activity_regularizer:
        depends = (*depends, "losses")
    if question.procedure in ("fit", "step"):
        depends = (*depends, "kernel_after", "bias_after")
    return bool(missed) and all(each.name.startswith(depends) for each in missed)


def has_wrong_linear_outputs(inquiry: Inquiry) -> bool:
    """Whether plain outputs without activation are among what is not explained."""
    plain = [result for result in inquiry.open if is_plain(result) and fails_in(result, "outputs")]
    return any(result.case.question.config.activation == "linear" for result in plain)


def may_follow_from_outputs(results: Sequence[Result]) -> Iterator[Result]:
    """Those of these unexplained failures that may come of plain outputs being wrong, whatever else they look at.

    Where outputs of linear layers are wrong all that is made of outputs may be; else what is of the same activation.
    """
    results = [result for result in results if not _may_be_keras_own(result)]
    plain = [result for result in results if is_plain(result) and fails_in(result, "outputs")]
    names = {result.case.question.config.activation for result in plain}
    for result in results:
        reached = "linear" in names or result.case.question.config.activation in names
        if reached and is_made_of_outputs(result) and not _is_of_gradients_alone(result):
            yield result


def _may_be_keras_own(result: Result) -> bool:
    """Gradients where Keras itself is wrong: answers are held to one definition as a whole, so that right outputs fail
    beside a wrong gradient.
    """
    return result.clause.area == "gradients" and result.case.question.config.activation in UNCERTAIN


def is_of_gradients(result: Result) -> bool:
    """Whether gradients are wrong and nothing else is, but what is made of them."""
    missed = [each for each in result.comparisons if not each.holds]
    if result.case.question.config.activation in UNCERTAIN and len(missed) > 1:
        missed = [each for each in missed if each.name != "outputs"]
    made = (*GRADIENTS, "second_", "dtype of the", "nan_at")
    stepped = (
        ("kernel_after", "bias_after", "reported_loss") if result.case.question.procedure in ("fit", "step") else ()
    )
    return bool(missed) and all(each.name.startswith((*made, *stepped)) for each in missed)


def _is_of_gradients_alone(result: Result) -> bool:
    return all(each.holds or each.name.endswith("_gradient") for each in result.comparisons)


def shows(rival: Rival, question: Question, inquiry: Inquiry) -> bool:
    """Whether the rival's outputs are others than the right ones; also where that cannot be said."""
    if question.family in SPECIAL or len(question.input_shape) < 2:
        return True
    asked = inquiry.witness.tensors(question)
    if asked is None:
        return False
    posed = inquiry.witness.posed(question, asked)
    said = rival.predict(posed)
    if said is None:
        return False
    within = said.get("outputs")
    right = posed.outputs
    if within is None or within.shape != right.shape:
        return True
    with np.errstate(all="ignore"):
        return bool(((within.lower != right.lower) | (within.upper != right.upper)).any())
