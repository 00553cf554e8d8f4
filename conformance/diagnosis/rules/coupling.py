"""Rows that depend on the other rows of their batch, or hold the outputs of others."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np

from conformance.cases import Question
from conformance.diagnosis.exhibits import Inquiry, answers_alike, inside, outputs_fail, spread
from conformance.diagnosis.rules.explained import PLAIN, SPECIAL, fails_in, is_made_of_outputs
from conformance.diagnosis.scope import Trait, separating
from conformance.diagnosis.wording import listed
from conformance.results import Diagnosis

#: Axes before the features, of lengths on both sides of a block.
LEADING = (
    *((2,), (3,), (4,), (5,), (8,), (9,), (16,), (17,), (32,), (33,), (40,), (64,), (65,), (96,), (128,), (200,)),
    *((3, 5), (2, 40), (40, 2), (2, 3, 5), (3, 13)),
)
#: So many units tell the rows of a batch apart.
DISTINCT = 3
#: So many activations at most are told one by one.
LISTED = 3


def coupled_rows(inquiry: Inquiry) -> Iterator[Diagnosis]:
    """Every row is right when it is asked for alone, and wrong beside the others."""
    failing = [
        result
        for result in inquiry.open
        if fails_in(result, "outputs", "row_by_row") and result.case.question.family not in SPECIAL
    ]
    failing = [result for result in failing if result.case.question.procedure in (*PLAIN, "call_rows")]
    questions = [replace(each, procedure="call") for each in spread(failing, 8)]
    questions = [
        question
        for question in dict.fromkeys(questions)
        if question.known_shape[0] > 1 and 0 not in question.known_shape
    ]
    mended = [question for question in questions if _is_right_among_its_like(inquiry, question)]
    coupled = [question for question in questions if question in mended or _changes_with_others(inquiry, question)]
    if (len(coupled) < 2 and not mended) or 2 * len(coupled) < len(questions):
        return
    names = {result.case.question.config.activation for result in failing}
    reached = [r for r in inquiry.open if "linear" in names or r.case.question.config.activation in names]
    cases = tuple(result.case.id for result in reached if is_made_of_outputs(result))
    told_apart = [each for each in coupled if each.config.activation == "linear" and each.config.units >= DISTINCT]
    held = [_held_rows(inquiry, question) for question in told_apart]
    if held and all(held):
        row, origin = next((row, origin) for row, origin in enumerate(held[0]) if row != origin)
        holds = f"row {row} holds the outputs of row {origin}, counted from 0"
        if all(len(set(rows)) == len(rows) for rows in held):
            says, evidence = f"the rows come in another order: {holds}", "batches hold all rows, moved"
            yield Diagnosis("rows-reordered", says, f"{len(held)} of {len(held)} {evidence}", cases)
        else:
            says, evidence = f"some rows hold the outputs of others: of {len(held[0])} rows {holds}", "batches do"
            yield Diagnosis("rows-repeated", says, f"{len(held)} of {len(held)} {evidence}", cases)
        return
    where = _where(inquiry, coupled) if "linear" in names else None
    of = _with(sorted(names)) if "linear" not in names else where.says if where is not None else ""
    says = f"the outputs of a row depend on the other rows of its batch {of}".strip()
    evidence = f"of {len(coupled)} of {len(questions)} batches one row's outputs change when the others do"
    yield Diagnosis("rows-coupled", says, evidence, cases)


def _with(names: Sequence[str]) -> str:
    return f"with {listed(names)}" if len(names) <= LISTED else "where there is an activation"


def _where(inquiry: Inquiry, coupled: Sequence[Question]) -> Trait | None:
    """Where a linear layer's rows depend on each other, held to batches of other lengths, and to other ranks."""
    plain = min(coupled, key=lambda each: (each.config.activation != "linear", len(each.input_shape)))
    base = replace(plain, config=replace(plain.config, activation="linear"), family="normal")
    features = base.known_shape[-1]
    asked = [replace(base, input_shape=(*leading, features)) for leading in LEADING]
    asked = [question for question in asked if not inquiry.witness.is_tired]
    shown = [each for each in asked if _is_wrong(inquiry, each) or _changes_with_others(inquiry, each)]
    outside = [each for each in asked if each not in shown]
    return separating([*coupled, *shown], (), outside, by_activation=False)


def _is_wrong(inquiry: Inquiry, question: Question) -> bool:
    return outputs_fail(inquiry.witness.exhibits(question))


def _held_rows(inquiry: Inquiry, question: Question) -> list[int]:
    """Of every row (of all leading axes) the one whose outputs it holds; nothing where that is not sure of each."""
    asked = inquiry.witness.ask(question)
    got, right = asked.answer.tensor("outputs"), asked.truth.bounds["outputs"]
    if got is None or got.shape != right.shape:
        return []
    rows, units = got.reshape(-1, got.shape[-1]).astype(np.float64), right.shape[-1]
    lower, upper = right.lower.reshape(-1, units), right.upper.reshape(-1, units)
    found: list[int] = []
    for place, row in enumerate(rows):
        origins = np.flatnonzero(((lower <= row) & (row <= upper)).all(axis=1))
        if len(origins) != 1 and place not in origins:
            return []
        found.append(place if place in origins else int(origins[0]))
    return found if found != list(range(len(found))) else []


def _changes_with_others(inquiry: Inquiry, question: Question) -> bool:
    """Whether a row's outputs are others beside other rows, by more than rounding may make of it.

    Two evaluations of one row differ by no more than the width of what is allowed to either.
    """
    tensors = inquiry.witness.tensors(question)
    if tensors is None:
        return False
    if not answers_alike(inquiry, question):
        return False
    own = inquiry.witness.ask_with(question, tensors)
    right, outputs = own.truth.bounds["outputs"], own.answer.tensor("outputs")
    if outputs is None or outputs.shape != right.shape:
        return False
    for factor in (-2, 0, 64):
        inputs = tensors.inputs.copy()
        inputs[1:] *= factor
        beside = inquiry.witness.ask_with(question, replace(tensors, inputs=inputs)).answer.tensor("outputs")
        if beside is not None and beside.shape == outputs.shape:
            apart = np.abs(beside[0].astype(np.float64) - outputs[0].astype(np.float64))
            if (apart > right.width[0]).any() or (np.isnan(beside[0]) != np.isnan(outputs[0])).any():
                return True
    return False


def _is_right_among_its_like(inquiry: Inquiry, question: Question) -> bool:
    """Whether a row that is wrong becomes right in the same place where all rows are as it is."""
    own = inquiry.witness.ask(question)
    got, right, tensors = own.answer.tensor("outputs"), own.truth.bounds.get("outputs"), own.tensors
    if got is None or right is None or tensors is None or got.shape != right.shape:
        return False
    if not answers_alike(inquiry, question):
        return False
    units, features = right.shape[-1], tensors.inputs.shape[-1]
    wrong = np.flatnonzero((~inside(got, right)).reshape(-1, units).any(axis=1))
    for row in wrong[[0, len(wrong) // 2, -1]] if len(wrong) else []:
        same = tensors.inputs.reshape(-1, features)[row]
        inputs = np.ascontiguousarray(np.broadcast_to(same, tensors.inputs.shape))
        asked = inquiry.witness.ask_with(question, replace(tensors, inputs=inputs))
        beside = asked.answer.tensor("outputs")
        if beside is not None and beside.shape == right.shape:
            holds = inside(beside, asked.truth.bounds["outputs"]).reshape(-1, units)
            if holds[row].all():
                return True
    return False
