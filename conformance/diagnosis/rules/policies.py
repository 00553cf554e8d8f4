"""The dtype policy as a whole: whether anything that is given changes anything."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from conformance.diagnosis.exhibits import Asked, Inquiry, matches
from conformance.diagnosis.rivals.narrow import cut_to_bits
from conformance.diagnosis.rules.state import asked_again
from conformance.diagnosis.wording import names_missed
from conformance.families import Tensors
from conformance.results import Diagnosis, Result

WEIGHTS, OUTPUTS, MIXED = "dtypes.variables", "dtypes.outputs", "dtypes.mixed-rounds-operands"


def ignored_policy(inquiry: Inquiry) -> Iterator[Diagnosis]:
    """The rule for layers whose weights and outputs are of one dtype, whichever is asked for."""
    if not inquiry.failing(WEIGHTS) or not inquiry.failing(OUTPUTS):
        return
    asked = [r.case.question for r in inquiry.report.results if r.clause.id in (WEIGHTS, OUTPUTS)]
    found: set[str] = set()
    for question in dict.fromkeys(asked):
        answer = inquiry.witness.ask(question).answer
        weights, outputs = answer.fact("weights"), answer.tensor("outputs")
        found |= {str(weight.get("dtype")) for weight in weights or () if isinstance(weight, dict)}
        found |= set() if outputs is None else {outputs.dtype.name}
    if len(found) == 1:
        (dtype,) = found
        says = f"the dtype that is given is ignored: weights and outputs are {dtype}, whatever it is"
        cases = tuple(result.case.id for result in inquiry.open if _depends(result, dtype))
        yield Diagnosis("policy-ignored", says, f"{len(asked)} layers of all dtypes were asked", cases)


def unrounded_operands(inquiry: Inquiry) -> Iterator[Diagnosis]:
    """The rule for operands that a mixed policy does not round: what is handed in rounded tells which."""
    failing = inquiry.failing(MIXED)
    asked = asked_again(inquiry, failing)
    found = [_unrounded(inquiry, each) for each in asked]
    if found and found[0] and len(set(found)) == 1:
        says = f"a mixed policy's {found[0]}"
        evidence = f"{len(asked)} of {len(asked)} layers answer right once these are rounded beforehand"
        yield Diagnosis("operands-unrounded", says, evidence, tuple(result.case.id for result in failing))


def _unrounded(inquiry: Inquiry, asked: Asked) -> str:
    """Which operands are the cause, in words; empty where rounding them mends nothing, or they are cut off."""
    if asked.tensors is None or _is_as_cut(inquiry, asked, asked.tensors):
        return ""
    rounded = asked.question.config.format.round
    inputs, kernel = (rounded(each).astype(each.dtype) for each in (asked.tensors.inputs, asked.tensors.kernel))
    for words, tensors in (
        ("inputs are not rounded before they are multiplied", replace(asked.tensors, inputs=inputs)),
        ("kernel is not rounded before it is multiplied", replace(asked.tensors, kernel=kernel)),
        ("operands are not rounded before they are multiplied", replace(asked.tensors, inputs=inputs, kernel=kernel)),
    ):
        answered = inquiry.witness.ask_with(asked.question, tensors)
        if matches(answered.answer.tensor("outputs"), answered.truth.bounds["outputs"]):
            return words
    return ""


def _is_as_cut(inquiry: Inquiry, asked: Asked, tensors: Tensors) -> bool:
    """Whether operands that are cut off beforehand get the same outputs."""
    cut = cut_to_bits(asked.question.config.format.precision)
    inputs, kernel = (cut(each.astype(np.float64)).astype(each.dtype) for each in (tensors.inputs, tensors.kernel))
    answer = inquiry.witness.ask_with(asked.question, replace(tensors, inputs=inputs, kernel=kernel)).answer
    one, other = answer.tensor("outputs"), asked.answer.tensor("outputs")
    return one is not None and other is not None and np.array_equal(one, other)


def _depends(result: Result, dtype: str) -> bool:
    """Whether another dtype was asked for, however."""
    question = result.case.question
    named = question.config.dtype != dtype or "dtype" in question.option("odd") or bool(question.option("policy_by"))
    return named or any("dtype" in name for name in names_missed(result))
