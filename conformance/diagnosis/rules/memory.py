"""Memory that is used twice or misread: outputs and gradients in one buffer, lengths of a first batch, strides."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from conformance.diagnosis.exhibits import Asked, Inquiry, matches
from conformance.diagnosis.rivals.rival import scaled
from conformance.diagnosis.rules.explained import fails_in, fails_plainly, is_made_of_outputs, is_of_gradients
from conformance.diagnosis.rules.state import (
    asked_again,
    is_right_again,
    is_right_for,
    is_right_plainly,
    right_when_fresh,
)
from conformance.diagnosis.wording import listed, names_missed, observed, raised
from conformance.procedures import GRADIENTS
from conformance.results import Diagnosis, Result, Verdict
from reference.intervals import Interval

KEPT, ROWS, LENGTH = "state.outputs-kept", "outputs.rows-independent", "state.batch-length"
VIEWS, AGAIN = "state.views", "gradients.again"
#: So many features has no case.
UNASKED = 13


def overwritten_answers(inquiry: Inquiry) -> Iterator[Diagnosis]:
    """The rule for layers that keep one array for their outputs: what they gave back becomes the next answer."""
    yield from _kept_by_shape(inquiry)
    kept = [result for result in inquiry.failing(KEPT) if fails_in(result, "first_after")]
    rows = [result for result in inquiry.failing(ROWS) if fails_in(result, "row_by_row")]
    asked = [each for each in asked_again(inquiry, rows) if each.question.known_shape[0] > 1]
    repeated = bool(asked) and not fails_plainly(inquiry) and all(_repeats(each, -1) for each in asked)
    if not kept and not repeated:
        return
    says = "outputs that were given back are overwritten by later calls: they are one array"
    evidence = f"{len(kept)} outputs are others after the next call"
    if repeated:
        evidence += f"; {len(asked)} of {len(asked)} batches, asked row by row, hold the last row's outputs throughout"
    found = (*kept, *(rows if repeated else ()))
    yield Diagnosis("outputs-overwritten", says, evidence, tuple(result.case.id for result in found))


def _kept_by_shape(inquiry: Inquiry) -> Iterator[Diagnosis]:
    """Rows that are asked one by one all get what the first one got."""
    rows = [result for result in inquiry.failing(ROWS) if fails_in(result, "row_by_row")]
    asked = [each for each in asked_again(inquiry, rows) if each.question.known_shape[0] > 1]
    if asked and not fails_plainly(inquiry) and all(_repeats(each, 0) for each in asked):
        says = "outputs are kept by the inputs' shape: other inputs of a shape get those of the first that had it"
        evidence = f"{len(asked)} of {len(asked)} batches, asked row by row, get the first row's outputs throughout"
        yield Diagnosis("answers-remembered", says, evidence, tuple(result.case.id for result in rows))


def _repeats(asked: Asked, place: int) -> bool:
    """Whether each row, asked for alone, got what is right for the one in this place."""
    rows, right = asked.answer.tensor("row_by_row"), asked.truth.bounds.get("outputs")
    if rows is None or right is None or rows.shape != right.shape:
        return False
    one = Interval(right.lower[[place]], right.upper[[place]])
    return all(matches(rows[at : at + 1], one) for at in range(len(rows)))


def first_batches(inquiry: Inquiry) -> Iterator[Diagnosis]:
    """The rule for layers that the length of their first batch decides something of; a fresh one answers right."""
    failing = inquiry.failing(LENGTH)
    if not failing or not all(is_right_again(inquiry, each.case.question) for each in failing):
        return
    words = {"after_fewer": "a shorter batch", "after_more": "a longer batch"}
    names = {name for result in failing for name in names_missed(result)}
    before = listed([word for name, word in words.items() if name in names]) if names else "another batch"
    zeros = bool(names) and all(_is_zero_beyond(each) for each in asked_again(inquiry, failing))
    what = "rows beyond the length of the first batch are 0" if zeros else observed(failing)
    single = [result for result in inquiry.failing(ROWS) if fails_in(result, "row_by_row")]
    if single:  # batches of one length, which get others' answers as well
        defect, decides = "history-dependent", "what a layer was called on before decides its answers"
    else:
        defect, decides = "first-batch-decides", "the length of a layer's first batch decides its later answers"
    evidence = f"{len(failing)} of {len(failing)} questions, put to layers that were called on other batches before"
    fresh = right_when_fresh(inquiry)
    follow = [each for each in inquiry.open if fresh and is_made_of_outputs(each)]
    cases = tuple(dict.fromkeys(result.case.id for result in (*failing, *single, *follow)))
    yield Diagnosis(defect, f"{decides}: after {before} {what}", evidence, cases)


def _is_zero_beyond(asked: Asked) -> bool:
    got, right = asked.answer.tensor("after_fewer"), asked.truth.bounds["outputs"]
    if got is None or got.shape != right.shape:
        return False
    return matches(got[:1], Interval(right.lower[:1], right.upper[:1])) and not got[1:].any()


def misread_views(inquiry: Inquiry) -> Iterator[Diagnosis]:
    """The rule for inputs that do not lie one behind the other in memory."""
    failing = inquiry.failing(VIEWS)
    if not failing or not all(is_right_plainly(inquiry, result.case.question) for result in failing):
        return
    asked = asked_again(inquiry, failing)
    evidence = f"{len(failing)} of {len(failing)} questions whose inputs are views of wider memory"
    misread = bool(asked) and all(_is_as_it_lies(inquiry, each) for each in asked)
    if misread:
        says = "the strides of its inputs are ignored: it reads on in memory, as if they lay one behind the other"
    elif _is_in_column_order(inquiry, failing, asked):
        says = "inputs that lie in memory column by column are read row by row, in the order of memory"
    elif all(result.verdict is not Verdict.FAIL for result in failing):
        says = f"inputs that are a view of wider memory are refused: {raised(failing)}"
    else:
        says = f"inputs that are a view of wider memory get other outputs: {observed(failing)}"
    yield Diagnosis("strides-ignored", says, evidence, tuple(result.case.id for result in failing))


def _is_in_column_order(inquiry: Inquiry, failing: Sequence[Result], asked: Sequence[Asked]) -> bool:
    """Whether inputs that are laid column by column are read as they lie, and no others."""
    if {name for result in failing for name in names_missed(result)} != {"of_columns"}:
        return False
    given = [(each, each.tensors) for each in asked if each.tensors is not None]
    return bool(given) and all(
        is_right_for(inquiry, each, replace(tensors, inputs=_by_columns(tensors.inputs)), "of_columns")
        for each, tensors in given
    )


def _by_columns(inputs: NDArray[Any]) -> NDArray[Any]:
    return np.asarray(np.moveaxis(inputs, -1, 0).ravel().reshape(inputs.shape))


def _is_as_it_lies(inquiry: Inquiry, asked: Asked) -> bool:
    """Whether both answers are right for what lies in memory where the views begin."""
    if asked.tensors is None:
        return False
    inputs = asked.tensors.inputs
    lying = {
        "of_steps": np.repeat(inputs, 2, axis=-1).ravel()[: inputs.size],
        "of_columns": _by_columns(inputs),
    }
    tensors = {name: replace(asked.tensors, inputs=values.reshape(inputs.shape)) for name, values in lying.items()}
    return all(is_right_for(inquiry, asked, each, name) for name, each in tensors.items())


def gradients_again(inquiry: Inquiry) -> Iterator[Diagnosis]:
    """The rule for gradients that are right once: what they leave behind."""
    refused = [result for result in inquiry.failing(AGAIN) if result.verdict is Verdict.ERROR]
    if refused and not inquiry.failing("gradients.kernel", "gradients.bias", "gradients.inputs"):
        says = f"its gradients can be taken once: the second time it raises: {raised(refused)}"
        evidence = f"{len(refused)} of {len(refused)} questions whose gradients are taken twice"
        yield Diagnosis("gradients-once", says, evidence, tuple(result.case.id for result in refused))
    failing = [result for result in inquiry.failing(AGAIN) if result.comparisons]
    asked = asked_again(inquiry, failing)
    if not failing or not all(_is_right_once(inquiry, *each) for each in enumerate(asked)):
        return
    if any(_is_as_ever(inquiry, each) for each in asked):
        return
    follow = [r for r in inquiry.open if r.clause.area in ("gradients", "dtypes", "specials") and is_of_gradients(r)]
    cases = tuple(dict.fromkeys(result.case.id for result in (*failing, *follow)))
    evidence = f"{len(failing)} of {len(failing)} questions whose gradients are taken twice"
    missed = {name for result in failing for name in names_missed(result)}
    if "outputs" in missed:
        return  # nothing is known of gradients behind other outputs
    changed = sorted(missed & {"inputs_after", "upstream_after"})
    if changed:
        words = {"inputs_after": "the caller's inputs", "upstream_after": "the caller's upstream gradient"}
        says = f"the backward pass overwrites {listed([words[name] for name in changed])}"
        defect = "upstream-overwritten" if "upstream_after" in changed else "inputs-overwritten"
        yield Diagnosis(defect, says, evidence, cases)
        return
    doubled = [name for name in GRADIENTS if name in missed and all(_is_doubled(each, name) for each in asked)]
    if doubled and set(doubled) == missed:
        of = listed([name.removesuffix("_gradient") for name in doubled])
        says = f"gradients pile up: the second time those of {of} are added to the first"
        yield Diagnosis("gradients-accumulate", says, evidence, cases)
    else:
        says = f"the gradients are others when they are taken again: {observed(failing)}"
        yield Diagnosis("gradients-change", says, evidence, cases)


def _is_right_once(inquiry: Inquiry, place: int, asked: Asked) -> bool:
    """Whether a new layer's first gradients are right: of a width that nobody asked for, each of its own."""
    shape = (*asked.question.input_shape[:-1], UNASKED + 2 * place)
    question = replace(asked.question, procedure="differentiate", input_shape=shape, family="integers")
    answered = inquiry.witness.ask_with(question, inquiry.witness.tensors(question))
    bounds = answered.truth.bounds
    return all(matches(answered.answer.tensor(name), bounds[name]) for name in GRADIENTS if name in bounds)


def _is_as_ever(inquiry: Inquiry, asked: Asked) -> bool:
    """Whether gradients that are wrong are so at other times, too."""
    plain = inquiry.witness.ask_with(replace(asked.question, procedure="differentiate"), asked.tensors).answer
    wrong = [name for name in GRADIENTS if name in asked.truth.bounds]
    wrong = [name for name in wrong if not matches(asked.answer.tensor(name), asked.truth.bounds[name])]
    pairs = [(asked.answer.tensor(name), plain.tensor(name)) for name in wrong]
    return bool(pairs) and all(
        (one is None and other is None) or (one is not None and other is not None and np.array_equal(one, other))
        for one, other in pairs
    )


def _is_doubled(asked: Asked, name: str) -> bool:
    right, u = asked.truth.bounds.get(name), asked.question.config.format.unit_roundoff
    return right is None or matches(asked.answer.tensor(name), scaled(right, 2.0, u))
