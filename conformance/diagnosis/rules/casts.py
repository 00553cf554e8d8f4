"""What becomes of inputs of other dtypes than the layer's."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace

import numpy as np

from conformance.diagnosis.exhibits import Asked, Inquiry, inside, matches
from conformance.diagnosis.rivals.narrow import cut_to_bits
from conformance.diagnosis.rivals.rival import Forward, inexactly
from conformance.diagnosis.wording import listed, missed, names_missed, options, raised
from conformance.results import Diagnosis, Result, Verdict
from reference.formats import Array
from reference.intervals import Interval

CLAUSES = ("dtypes.inputs-cast", "dtypes.inputs-rounded", "dtypes.inputs-differentiated")
#: What images are divided by.
DIVISORS = (255, 256, 127, 128)
#: What inputs may be cast to on the way to the layer's dtype.
VIA: Mapping[str, Callable[[Array], Array]] = {
    "int32": lambda values: values.astype(np.int64).astype(np.int32).astype(np.float64),
    "int16": lambda values: values.astype(np.int64).astype(np.int16).astype(np.float64),
    "int8": lambda values: values.astype(np.int64).astype(np.int8).astype(np.float64),
    "uint8": lambda values: values.astype(np.int64).astype(np.uint8).astype(np.float64),
    "float16": lambda values: values.astype(np.float16).astype(np.float64),
    "float32": lambda values: values.astype(np.float32).astype(np.float64),
}


def wrong_casts(inquiry: Inquiry) -> Iterator[Diagnosis]:
    """The rule, for layers that are right for inputs of their own dtype."""
    failing = inquiry.failing(*CLAUSES)
    refused = [result for result in failing if result.verdict is Verdict.ERROR]
    if refused:
        given, handed = options(refused, "given"), options(refused, "handed")
        what = "NumPy arrays" if handed == ["array"] and len(refused) == 1 else f"inputs of {listed(given)}"
        says = f"{what} are refused: {raised(refused)}"
        yield Diagnosis("inputs-refused", says, f"{len(refused)} such questions raise", _ids(refused))
    answered = [result for result in failing if result.verdict is Verdict.FAIL]
    cut = [result for result in answered if _has_cut_kernel(inquiry, result)]
    if cut:
        says = f"for inputs of {listed(options(cut, 'given'))} the kernel is cut to whole numbers"
        evidence = f"{len(cut)} of {len(cut)} failing outputs are those of such a kernel"
        gradients = [result for result in answered if result.case.question.procedure == "differentiate_cast"]
        yield Diagnosis("kernel-cut", says, evidence, _ids([*cut, *gradients]))
        return
    without = [
        r for r in answered if r.case.question.procedure == "differentiate_cast" and _lacks_gradients(inquiry, r)
    ]
    if without:
        says = f"for inputs of {listed(options(without, 'given'))} the weights have no gradients"
        yield Diagnosis("integers-without-gradients", says, f"{len(without)} such gradients are missing", _ids(without))
    yield from _by_way_of(inquiry, [r for r in answered if "outputs" in names_missed(r) and r not in without])


def _lacks_gradients(inquiry: Inquiry, result: Result) -> bool:
    answer = inquiry.witness.ask(result.case.question).answer
    return all(answer.tensor(name) is None for name in names_missed(result))


def inputs_decide(inquiry: Inquiry) -> Iterator[Diagnosis]:
    """The rule for layers that compute in the dtype of whatever they are called on."""
    decided = [r for r in inquiry.failing("dtypes.inputs-cast") if "dtype" in names_missed(r)]
    given = [r for r in decided if inquiry.witness.ask(r.case.question).answer.tensor("outputs") is not None]
    kinds = {r.case.question.option("given") for r in given}
    if len(kinds) < 2 or not all(_has_dtype_of_inputs(inquiry, r) for r in given):
        return
    says = f"the inputs' dtype decides in which dtype the layer computes: {_dtypes(decided)}"
    follow = [r for r in inquiry.open if r.clause.area == "dtypes" or r.clause.id == "saving.config"]
    yield Diagnosis(
        "inputs-decide-dtype", says, f"{len(decided)} outputs have the dtype of their inputs", _ids([*decided, *follow])
    )


def _has_dtype_of_inputs(inquiry: Inquiry, result: Result) -> bool:
    outputs = inquiry.witness.ask(result.case.question).answer.tensor("outputs")
    return outputs is not None and outputs.dtype.name == result.case.question.option("given")


def _ids(results: Sequence[Result]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(result.case.id for result in results))


def _dtypes(results: Sequence[Result]) -> str:
    told = [each for each in missed(results) if each.name == "dtype"]
    return f"outputs are {told[0].got} where {told[0].allowed} is right"


def _by_way_of(inquiry: Inquiry, failing: Sequence[Result]) -> Iterator[Diagnosis]:
    asked = [inquiry.witness.ask(result.case.question) for result in failing]
    asked = [each for each in asked if each.tensors is not None and each.answer.tensor("outputs") is not None]
    if not asked:
        return
    given = listed(options(failing, "given"))
    evidence = f"{len(asked)} of {len(asked)} failing outputs are right for such inputs"
    passed = [r.case.question for r in inquiry.passed if r.clause.id in CLAUSES and r.case.question.option("given")]
    same = [inquiry.witness.ask(each) for each in passed if each.option("given") in options(failing, "given")]
    names = [name for name, via in VIA.items() if all(_is_right(inquiry, each, via) for each in asked)]
    if names and not any(_is_right(inquiry, each, VIA[name]) is False for each in same for name in names[:1]):
        says = f"inputs of {given} are cast by way of {' or '.join(names)}"
        yield Diagnosis("inputs-cast-narrowly", says, evidence, _ids(failing))
        return
    if all(_is_right(inquiry, each, cut_to_bits(each.question.config.format.precision)) for each in asked):
        yield Diagnosis(
            "inputs-truncated", f"inputs of {given} are truncated, not rounded to nearest", evidence, _ids(failing)
        )
        return
    for divisor in DIVISORS:
        if all(_is_divided(inquiry, each, divisor) for each in asked):
            yield Diagnosis("inputs-scaled", f"inputs of {given} are divided by {divisor}", evidence, _ids(failing))
            return


def _is_divided(inquiry: Inquiry, asked: Asked, divisor: int) -> bool:
    assert asked.tensors is not None
    problem = inquiry.witness.posed(asked.question, asked.tensors).problem
    divided = inexactly(lambda given: replace(given, inputs=given.inputs / divisor))
    return matches(asked.answer.tensor("outputs"), divided.bound(problem))


def _has_cut_kernel(inquiry: Inquiry, result: Result) -> bool:
    asked = inquiry.witness.ask(result.case.question)
    outputs = asked.answer.tensor("outputs")
    if asked.tensors is None or outputs is None or "outputs" not in names_missed(result):
        return False
    problem = inquiry.witness.posed(asked.question, asked.tensors).problem
    return matches(outputs, Forward().bound(replace(problem, kernel=np.trunc(problem.kernel))))


def _is_right(inquiry: Inquiry, asked: Asked, via: Callable[[Array], Array]) -> bool:
    """Whether the outputs are right for inputs that went through another dtype."""
    assert asked.tensors is not None
    nudge = {"up": 1 + 2.0**-30, "down": 1 - 2.0**-30}.get(asked.question.option("nudge"), 1.0)
    posed = inquiry.witness.posed(asked.question, asked.tensors)
    with np.errstate(all="ignore"):
        inputs = posed.problem.format.round(via(asked.tensors.inputs.astype(np.float64) * nudge))
    right: Interval = Forward().bound(replace(posed.problem, inputs=inputs))
    outputs = asked.answer.tensor("outputs")
    return outputs is not None and outputs.shape == right.shape and bool(inside(outputs, right).all())
