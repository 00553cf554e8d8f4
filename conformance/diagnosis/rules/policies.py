"""The dtype policy as a whole: whether anything that is given changes anything."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

from conformance.diagnosis.exhibits import Asked, Inquiry, changed, matches
from conformance.diagnosis.rivals.narrow import cut_to_bits
from conformance.diagnosis.rules.explained import fails_plainly
from conformance.diagnosis.rules.state import asked_again
from conformance.diagnosis.wording import names_missed
from conformance.families import Tensors
from conformance.results import Diagnosis, Result
from reference.formats import Array

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
    """The rule for operands that a mixed policy does not round: what is handed in rounded, or cut, tells which."""
    if any(not result.case.question.config.format.is_half for result in fails_plainly(inquiry)):
        return  # whatever is wrong there is wrong under mixed policies as well
    failing = inquiry.failing(MIXED)
    asked = asked_again(inquiry, failing)
    for defect, look, evidence in (
        ("operands-cut", _cut, "give the same outputs once these are cut"),
        ("operands-unrounded", _unrounded, "answer right once these are rounded"),
    ):
        found = [look(inquiry, each) for each in asked]
        if found and found[0] and len(set(found)) == 1:
            cases = tuple(result.case.id for result in failing)
            told = f"{len(asked)} of {len(asked)} layers {evidence} beforehand"
            yield Diagnosis(defect, f"a mixed policy's {found[0]} before they are multiplied", told, cases)
            return


#: Operands that may be at fault together, and the word for them.
_OPERANDS = (("inputs", ("inputs",)), ("kernels", ("kernel",)), ("operands", ("inputs", "kernel")))


def _unrounded(inquiry: Inquiry, asked: Asked) -> str:
    """Which operands are the cause, in words; empty where rounding them mends nothing."""
    for words, tensors in _each_changed(asked, asked.question.config.format.round):
        answered = inquiry.witness.ask_with(asked.question, tensors)
        if matches(answered.answer.tensor("outputs"), answered.truth.bounds["outputs"]):
            return f"{words} are not rounded"
    return ""


def _cut(inquiry: Inquiry, asked: Asked) -> str:
    """Which operands get the same outputs when they are cut off beforehand, and others when they are rounded."""
    format, own = asked.question.config.format, asked.answer.tensor("outputs")
    pairs = zip(_each_changed(asked, cut_to_bits(format.precision)), _each_changed(asked, format.round), strict=True)
    for (words, cut), (_, rounded) in pairs:
        given, other = (
            inquiry.witness.ask_with(asked.question, each).answer.tensor("outputs") for each in (cut, rounded)
        )
        if own is None or given is None or other is None:
            return ""
        if np.array_equal(given, own) and not np.array_equal(other, own):
            return f"{words} are cut off, not rounded to nearest,"
    return ""


def _each_changed(asked: Asked, change: Callable[[Array], Array]) -> Iterator[tuple[str, Tensors]]:
    """The question's tensors with operands that went through this: inputs, the kernel, and both."""
    if asked.tensors is not None:
        for word, names in _OPERANDS:
            yield word, changed(asked.tensors, names, lambda values: change(values.astype(np.float64)))


def _depends(result: Result, dtype: str) -> bool:
    """Whether another dtype was asked for, however."""
    question = result.case.question
    named = question.config.dtype != dtype or "dtype" in question.option("odd") or bool(question.option("policy_by"))
    return named or any("dtype" in name for name in names_missed(result))
