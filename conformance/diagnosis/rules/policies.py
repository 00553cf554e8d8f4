"""The dtype policy as a whole: whether anything that is given changes anything."""

from __future__ import annotations

from collections.abc import Iterator

from conformance.diagnosis.exhibits import Inquiry
from conformance.diagnosis.wording import names_missed
from conformance.results import Diagnosis, Result

WEIGHTS, OUTPUTS = "dtypes.variables", "dtypes.outputs"


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


def _depends(result: Result, dtype: str) -> bool:
    """Whether another dtype was asked for, however."""
    question = result.case.question
    named = question.config.dtype != dtype or "dtype" in question.option("odd") or bool(question.option("policy_by"))
    return named or any("dtype" in name for name in names_missed(result))
