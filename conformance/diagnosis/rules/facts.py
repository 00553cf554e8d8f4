"""What can be said of answers without fitting anything: exceptions, dtypes, shapes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from math import prod

import numpy as np

from conformance.cases import Question
from conformance.contract.half_precision import RIVAL_FORMULAS
from conformance.diagnosis.exhibits import Asked, Inquiry, inside, spread
from conformance.diagnosis.further import further, plainest
from conformance.diagnosis.rules.explained import PLAIN, fails_in, is_made_of_outputs
from conformance.diagnosis.scope import Trait, separating
from conformance.results import Diagnosis, Result, Verdict
from reference.activations import ACTIVATIONS

#: So many features has no case.
UNASKED = 29
#: More outputs than this are nearer to what is named.
HALF = 0.5

#: So many names stand for many.
FEW = 5
#: What a layer refuses, by the words of where it does.
REFUSED = {
    "for inputs without rows": "empty-inputs-refused",
    "for a batch of length 0": "empty-inputs-refused",
    "for inputs without elements": "empty-inputs-refused",
    "for inputs without features": "empty-inputs-refused",
    "where an axis has length 1": "unit-axis-refused",
}


def raises_plainly(inquiry: Inquiry) -> Iterator[Diagnosis]:
    """A plain call, or its gradients, that raises: which questions do, and no others."""
    calls = [r for r in inquiry.report.results if r.case.question.procedure in PLAIN]
    fail_to_call = [r for r in calls if r.verdict is Verdict.ERROR and r.case.question.procedure == "call"]
    if not fail_to_call:
        yield from _raises_in_gradients(inquiry, calls)
        return
    raised = [r for r in inquiry.open if r.verdict is Verdict.ERROR and r.case.question.procedure in PLAIN]
    if not raised:
        return
    answered = [r for r in calls if r.verdict in (Verdict.PASS, Verdict.FAIL)]
    where = _where([result.case.question for result in raised], [result.case.question for result in answered])
    message = _message(raised[0])
    held = None if where is None else _held_further(inquiry, where, raised, answered)
    if where is None or held is None:
        found = [*_raises_after_others(inquiry, raised), *_raises_for_specials(inquiry)]
        yield from found
        if where is None or found:
            return
        held = where, False
    where, is_sure = held
    reached = [
        result for result in inquiry.open if result.verdict is Verdict.ERROR and where.holds(result.case.question)
    ]
    also = [result for result in inquiry.open if result.verdict is Verdict.BLOCKED]
    rank = "rank-refused" if where.says.startswith("for rank") and "," not in where.says else "raises"
    if rank == "rank-refused":
        also += [r for r in inquiry.failing("shapes.other-rank-accepted") if r.raised == raised[0].raised]
    cases = tuple(dict.fromkeys(result.case.id for result in (*reached, *also)))
    says = f"it raises {'' if is_sure else 'now and then '}{where.says or 'whenever it is called'}: {message}"
    evidence = f"{len(raised)} of {len(raised)} such questions raise, {len(answered)} others do not"
    yield Diagnosis(REFUSED.get(where.says.partition(",")[0], rank), says, evidence, cases)


def flattened_inputs(inquiry: Inquiry) -> Iterator[Diagnosis]:
    """Inputs as (batch, -1): what does not fit the kernel raises, and of a single step two axes are left."""
    plain = [r for r in inquiry.open if r.case.question.procedure in PLAIN and len(r.case.question.known_shape) > 2]
    raised = [result for result in plain if result.verdict is Verdict.ERROR]
    if not raised or any(prod(result.case.question.known_shape[1:-1]) == 1 for result in raised):
        return
    config = replace(raised[0].case.question.config, activation="linear")
    asked = inquiry.witness.ask(Question("call", config, (3, 1, UNASKED)))
    got, right = asked.answer.tensor("outputs"), asked.truth.bounds["outputs"]
    if got is None or got.shape != (3, config.units) or not inside(got[:, None], right).all():
        return
    if not inquiry.witness.ask(Question("call", config, (3, 5, UNASKED))).answer.raised:
        return  # rows that stay merged have one step for what follows, too
    says = "inputs of rank above 2 are flattened to (batch, -1), and where that does not fit the kernel it raises"
    cases = [r.case.id for r in inquiry.open if len(r.case.question.input_shape) > 2 and _is_of_calls(r)]
    evidence = f"{len(raised)} of {len(raised)} questions that raise have several steps; of one step the axis is lost"
    yield Diagnosis("inputs-flattened", f"{says}: {_message(raised[0])}", evidence, tuple(cases))


def _is_of_calls(result: Result) -> bool:
    return result.verdict is Verdict.ERROR or is_made_of_outputs(result)


def _held_further(
    inquiry: Inquiry, where: Trait, raised: Sequence[Result], answered: Sequence[Result]
) -> tuple[Trait, bool] | None:
    """The property that further questions leave of what raises, and whether it always does there.

    None where none of these raises: then it is not the layer's arguments, or its inputs' shape, that make it raise.
    """
    calls = [result.case.question for result in raised if result.case.question.procedure == "call"]
    others = [result.case.question for result in answered]
    inside = [result.case.question for result in raised]
    outside: list[Question] = []
    if not calls:
        return where, True
    for question in further(plainest(calls), sorted(inquiry.witness.oracle.dialect.activations)):
        if not inquiry.witness.is_tired:
            (inside if inquiry.witness.ask(question).answer.raised else outside).append(question)
    if len(inside) == len(raised) and any(where.holds(question) for question in outside):
        return None
    always = _where(inside, [*others, *outside])
    return (always, True) if always is not None else (_where(inside, others) or where, False)


def _where(raised: Sequence[Question], answered: Sequence[Question]) -> Trait | None:
    """A plain property of what raises, or its activations, however many these are."""
    names, others = ({question.config.activation for question in each} for each in (raised, answered))
    found = separating(raised, (), answered)
    if found is not None or names & others:
        return found
    few, count = sorted(names)[:FEW], len(names) - FEW
    says = f"with activation {', '.join(few)} and {count} others"
    return Trait(says, lambda question: question.config.activation in names)


def _raises_in_gradients(inquiry: Inquiry, plain: Sequence[Result]) -> Iterator[Diagnosis]:
    """What can be called, and raises when it is differentiated."""
    asked = [r for r in plain if r.case.question.procedure == "differentiate"]
    raised = [r for r in inquiry.open if r in asked and r.verdict is Verdict.ERROR]
    answered = [r.case.question for r in asked if r.verdict in (Verdict.PASS, Verdict.FAIL)]
    where = separating((r.case.question for r in raised), (), answered) if raised else None
    if where is None:
        return
    says = f"its gradients cannot be taken {where.says}".strip()
    evidence = f"{len(raised)} of {len(raised)} such questions raise, {len(answered)} others do not"
    errors = [r for r in inquiry.open if r.verdict is Verdict.ERROR and r.raised == raised[0].raised]
    reached = [r for r in errors if where.holds(r.case.question)]
    cases = tuple(dict.fromkeys(r.case.id for r in (*raised, *reached)))
    yield Diagnosis("raises", f"{says}: {_message(raised[0])}", evidence, cases)


def _raises_after_others(inquiry: Inquiry, raised: Sequence[Result]) -> Iterator[Diagnosis]:
    """What raises only because of what the layer was called on before: a fresh one answers. Calls alone tell that."""
    called = [result for result in raised if result.case.question.procedure == "call"]
    fresh = [replace(question, procedure="call_again") for question in spread(called, 8)]
    if not fresh or any(inquiry.witness.ask(question).answer.raised for question in fresh):
        return
    errors = tuple(result.case.id for result in inquiry.open if result.verdict is Verdict.ERROR)
    evidence = f"{len(fresh)} of {len(fresh)} questions that raise are answered by a fresh layer"
    ranks = [r for r in inquiry.failing("shapes.other-rank-accepted") if r.verdict is Verdict.ERROR]
    lengths = [r for r in inquiry.failing("state.batch-length") if r.verdict is Verdict.ERROR]
    if not lengths and not ranks and _refuses_other_rank(inquiry, called[0].case.question):
        ranks = list(raised)
    if lengths:
        says = f"a layer refuses batches of another length than that of its first inputs: {_message(lengths[0])}"
        yield Diagnosis("batch-refused", says, evidence, errors)
    elif ranks:
        says = f"a layer refuses another rank than that of its first inputs: {_message(ranks[0])}"
        yield Diagnosis("rank-refused", says, evidence, errors)
    else:
        says = f"what a layer was called on before makes it raise: {_message(raised[0])}"
        yield Diagnosis("history-dependent", says, evidence, errors)


def _refuses_other_rank(inquiry: Inquiry, question: Question) -> bool:
    """Whether a layer that answered once refuses another rank, and takes another batch: of widths that nobody asked."""
    plain = replace(question, config=replace(question.config, activation="linear"), family="integers")
    taken = []
    for width, first, second in ((UNASKED, (5,), (3, 5)), (UNASKED + 2, (5,), (3,))):
        asked = [replace(plain, procedure="call", input_shape=(*leading, width)) for leading in (first, second)]
        answers = [inquiry.witness.ask_with(each, inquiry.witness.tensors(each)).answer for each in asked]
        taken.append([not answer.raised for answer in answers])
    return taken == [[True, False], [True, True]]


def _raises_for_specials(inquiry: Inquiry) -> Iterator[Diagnosis]:
    """What raises where its inputs, weights or outputs are not finite, or may overflow on the way."""
    raised = [r for r in inquiry.open if r.verdict is Verdict.ERROR and r.case.question.procedure in PLAIN]
    asked = [inquiry.witness.ask(question) for question in spread(raised, 8)]
    if not asked or not all(_is_special(each) for each in asked):
        return
    kind = raised[0].raised
    errors = [r for r in inquiry.open if r.verdict is Verdict.ERROR and r.raised == kind]
    says = f"it raises for numbers that are not finite: {_message(raised[0])}"
    evidence = f"{len(asked)} of {len(asked)} questions that raise hold or make NaN or infinities"
    cases = tuple(dict.fromkeys(result.case.id for result in (*raised, *errors)))
    yield Diagnosis("specials-refused", says, evidence, cases)


def _is_special(asked: Asked) -> bool:
    """Whether NaN or infinity is handed in, or may come out."""
    given = () if asked.tensors is None else (asked.tensors.inputs, asked.tensors.kernel, asked.tensors.upstream)
    handed_in = any(not np.isfinite(each.astype(np.float64)).all() for each in given)
    right = [asked.truth.bounds[name] for name in asked.truth.bounds]
    return handed_in or any(not np.isfinite([each.lower, each.upper]).all() for each in right)


def _message(result: Result) -> str:
    return result.reason.removeprefix("it raised ")


def wrong_dtype(inquiry: Inquiry) -> Iterator[Diagnosis]:
    """Outputs of another dtype than the layer's, whatever their values."""
    told = [result for result in inquiry.failing("outputs.dtype", "dtypes.outputs") if fails_in(result, "dtype")]
    if not told:
        return
    pairs = list(
        dict.fromkeys((each.got, each.allowed) for result in told for each in result.comparisons if not each.holds)
    )
    found = [got for got, _ in pairs]
    ran = [r for r in inquiry.report.results if r.clause.id in ("outputs.dtype", "dtypes.outputs")]
    words = "; ".join(f"{got} where {allowed} is right" for got, allowed in pairs[:3])
    cases = [result.case.id for result in told]
    for result in inquiry.open:
        question = result.case.question
        if fails_in(result, "outputs", "dtype") and question.procedure in PLAIN and not inquiry.witness.is_tired:
            outputs = inquiry.witness.ask(question).answer.tensor("outputs")
            if outputs is not None and outputs.dtype.name != question.config.format.name:
                cases.append(result.case.id)
    evidence = f"{len(told)} of {len(ran)} cases that look at dtypes, among them {len(found)} kinds"
    yield Diagnosis(
        "output-dtype", f"the outputs have another dtype than the layer: {words}", evidence, tuple(dict.fromkeys(cases))
    )


def wrong_shape(inquiry: Inquiry) -> Iterator[Diagnosis]:
    """Outputs of another shape, where no rival says which."""
    found: list[tuple[Question, tuple[int, ...], tuple[int, ...]]] = []
    for question in spread([r for r in inquiry.open if r.case.question.procedure in PLAIN], 24):
        for exhibit in inquiry.witness.exhibits(question):
            if exhibit.name == "outputs" and exhibit.got is not None and exhibit.got.shape != exhibit.right.shape:
                found.append((question, exhibit.got.shape, exhibit.right.shape))
    if not found:
        return
    passed = [result.case.question for result in inquiry.passed if result.case.question.procedure in PLAIN]
    where = separating((question for question, _, _ in found), (), passed)
    wrong = {question for question, _, _ in found}
    place = where or Trait("in some cases", lambda question: question in wrong)
    _, got, right = found[0]
    cases = tuple(r.case.id for r in inquiry.open if place.holds(r.case.question))
    says = f"the outputs have another shape {place.says}: {got} where {right} is right"
    yield Diagnosis("output-shape", says, f"{len(found)} tensors that were asked for again", cases)


# ---- half types ----------------------------------------------------------------------------------------------------


def half_formula(inquiry: Inquiry) -> Iterator[Diagnosis]:
    """Most outputs of a half type are nearer to another formula: the comparison has its name."""
    by_activation: dict[str, list[Result]] = {}
    for result in inquiry.failing("dtypes.half-formula"):
        by_activation.setdefault(result.case.question.config.activation, []).append(result)
    for name, results in by_activation.items():
        shares = [_nearest(inquiry, name, result) for result in results]
        best = max(shares[0], key=lambda formula: min(each.get(formula, 0.0) for each in shares), default="")
        dtypes = " and ".join(sorted({result.case.question.config.dtype for result in results}))
        if best and min(each.get(best, 0.0) for each in shares) > HALF:
            says = f"{name} is computed by another formula in {dtypes}: most outputs are nearer to {best}"
            share = min(each[best] for each in shares)
            evidence = f"{share:.0%} of the outputs that tell them apart, on {len(results)} grids"
            yield Diagnosis("activation-formula", says, evidence, _of(results))


def _nearest(inquiry: Inquiry, name: str, result: Result) -> dict[str, float]:
    """Of each rival formula the share of outputs, where the two differ, that are nearer to it than to the true one."""
    asked = inquiry.witness.ask(result.case.question)
    outputs = asked.answer.tensor("outputs")
    if outputs is None or asked.tensors is None:
        return {}
    z, got = asked.tensors.inputs[..., 0].astype(np.float64), outputs[..., 0].astype(np.float64)
    true, format = ACTIVATIONS[name].value(z), result.case.question.config.format
    ulp, shares = 2.0 ** (np.frexp(true)[1] - format.precision), {}
    for rival in RIVAL_FORMULAS:
        if rival.activation == name:
            other = rival.formula(z)
            decided = (np.abs(z) >= 0.25) & (np.abs(z) <= 4) & (np.abs(true - other) > ulp / 4)
            shares[rival.name] = float((np.abs(got - other) < np.abs(got - true))[decided].mean())
    return shares


def _of(results: Sequence[Result]) -> tuple[str, ...]:
    return tuple(result.case.id for result in results)
