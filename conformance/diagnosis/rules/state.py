"""What a layer remembers: answers that depend on the calls before them, weights that stay, or that are shared."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

import numpy as np

from conformance.cases import Question
from conformance.diagnosis.exhibits import Asked, Inquiry, answers_alike, matches, spread
from conformance.diagnosis.rules.explained import PLAIN, SPECIAL, fails_in, fails_plainly, is_made_of_outputs
from conformance.diagnosis.wording import listed, observed
from conformance.families import Tensors
from conformance.implementations.adapter import other_weights
from conformance.results import Diagnosis, Result
from conformance.truth import truth
from reference.intervals import Interval

AGAIN, UNTOUCHED = "state.same-answer-twice", "state.inputs-untouched"
RELOADED, INDEPENDENT = "state.reloaded-weights", "state.layers-independent"
#: Plain failures whose question is put to a fresh layer.
SAMPLE = 10
#: Plain failures whose question is put twice.
TWICE = 3
#: One weight alone that is not replaced.
_STAYS = "a {0} that is set later is not used: the {0} that it was first called with stays"
#: The defect, in words, and the evidence.
Told = tuple[str, str, str]


def wrong_state(inquiry: Inquiry) -> Iterator[Diagnosis]:
    """The rule: the first of these that fails is the cause, and the later ones, and plain answers, follow from it."""
    for clause, tell in ((UNTOUCHED, _overwritten), (AGAIN, _changing), (RELOADED, _stale), (INDEPENDENT, _shared)):
        failing = [result for result in inquiry.failing(clause) if result.comparisons]
        told = tell(inquiry, failing) if failing else None
        if told is not None:
            defect, says, evidence = told
            follow = inquiry.failing(AGAIN, UNTOUCHED, RELOADED, INDEPENDENT, "state.batch-length")
            if clause == INDEPENDENT:
                follow = failing
            if clause == UNTOUCHED and not all(_by_inputs(inquiry, each) for each in inquiry.failing(AGAIN)):
                follow = failing
            fresh = right_when_fresh(inquiry)
            if fresh:
                made = (*PLAIN, "read_losses", "read_losses_in_graph")
                fresh += [
                    each for each in inquiry.open if each.case.question.procedure in made and is_made_of_outputs(each)
                ]
            cast = [
                each for each in inquiry.failing("dtypes.inputs-") if clause == RELOADED and is_made_of_outputs(each)
            ]
            yield Diagnosis(
                defect, says, evidence, tuple(dict.fromkeys(each.case.id for each in (*follow, *fresh, *cast)))
            )


def unrepeatable(inquiry: Inquiry) -> Iterator[Diagnosis]:
    """The rule for layers of which one question, put to a new one of the same weights, gets other outputs."""
    if not _unlike(inquiry):
        return
    cases = tuple(result.case.id for result in inquiry.open if is_made_of_outputs(result) or _is_of_state(result))
    says = "the same question, put again with the same weights, gets other outputs"
    yield Diagnosis("history-dependent", says, f"{TWICE} of {TWICE} questions that were put again", cases)


def _unlike(inquiry: Inquiry) -> bool:
    """Whether some that fail plainly, all of them, are answered differently when they are put again."""
    questions = spread(fails_plainly(inquiry), TWICE)
    return len(questions) == TWICE and not any(answers_alike(inquiry, question) for question in questions)


def _is_of_state(result: Result) -> bool:
    return result.clause.id in (AGAIN, RELOADED, INDEPENDENT, "state.batch-length", "state.outputs-kept")


def depends_on_history(inquiry: Inquiry) -> Iterator[Diagnosis]:
    """The rule for layers whose plain answers are wrong, and right when a fresh layer is asked."""
    fresh = right_when_fresh(inquiry)
    if len({r.case.question for r in fresh if r.case.question.family not in SPECIAL}) < SAMPLE:
        return
    cases = tuple(result.case.id for result in inquiry.open if is_made_of_outputs(result))
    late = _stale_elsewhere(inquiry, fresh)
    if late is not None:
        yield Diagnosis(*late, cases)
        return
    says = "what a layer was called on before decides its answers: a fresh layer answers right"
    yield Diagnosis(
        "history-dependent", says, f"{SAMPLE} of {SAMPLE} failing questions are answered right by a fresh layer", cases
    )


def _stale_elsewhere(inquiry: Inquiry, failing: Sequence[Result]) -> Told | None:
    """Weights that are set later, and not used, of layers that no question loads twice; in which dtypes."""
    plain = [r for r in failing if len(r.case.question.input_shape) in (2, 3)]
    asked = [inquiry.witness.ask(replace(q, procedure="reload", family="integers")) for q in spread(plain, 4)]
    if len(asked) < 2 or any(each.tensors is None or each.answer.tensor("outputs") is None for each in asked):
        return None
    dtypes = {result.case.question.config.dtype for result in failing}
    told = _of_earlier_weights(inquiry, asked)
    if told is None or dtypes & {r.case.question.config.dtype for r in inquiry.passed if r.clause.id == RELOADED}:
        return None
    defect, says, evidence = told
    return defect, f"{says} in {listed(sorted(dtypes))}", evidence


def asked_again(inquiry: Inquiry, failing: list[Result]) -> list[Asked]:
    return [inquiry.witness.ask(question) for question in spread(failing, 4)]


def _overwritten(inquiry: Inquiry, failing: list[Result]) -> tuple[str, str, str]:
    asked = asked_again(inquiry, failing)
    shapes = [
        (each.tensors.inputs.shape, each.answer.tensors["inputs_after"].shape)
        for each in asked
        if each.tensors is not None
    ]
    reshaped = [pair for pair in shapes if pair[0] != pair[1]]
    if reshaped:
        before, after = reshaped[0]
        return (
            "inputs-overwritten",
            f"a call reshapes the caller's inputs: those of shape {before} are of shape {after} after it",
            f"{len(reshaped)} of {len(asked)} inputs are of another shape after a call",
        )
    changed = sum(
        int((a.answer.tensors["inputs_after"] != a.tensors.inputs).sum()) for a in asked if a.tensors is not None
    )
    return (
        "inputs-overwritten",
        "a call overwrites the caller's inputs",
        f"{changed} elements of {len(asked)} inputs are others after a call",
    )


def _by_inputs(inquiry: Inquiry, result: Result) -> bool:
    """Whether the second answer is right for what the inputs had become."""
    asked = inquiry.witness.ask(result.case.question)
    if asked.tensors is None or "inputs_after" not in asked.answer.tensors:
        return False
    return is_right_for(inquiry, asked, replace(asked.tensors, inputs=asked.answer.tensors["inputs_after"]), "second")


def _changing(inquiry: Inquiry, failing: list[Result]) -> tuple[str, str, str]:
    asked = asked_again(inquiry, failing)
    says = "the same inputs get another answer the second time"
    evidence = f"{len(failing)} of {len(failing)} questions are answered differently when they are put again"
    between = [(a, replace(a.tensors, inputs=1 - a.tensors.inputs[::-1])) for a in asked if a.tensors is not None]
    if between and all(is_right_for(inquiry, a, other, "second") for a, other in between):
        return (
            "answers-remembered",
            f"{says}: that of the call before",
            f"{evidence}; each answer is right for the inputs before",
        )
    sums = [_is_summed(inquiry, each) for each in asked]
    if sums and all(sums):
        return "answers-accumulate", f"{says}: outputs are added to those of the calls before", evidence
    halved = [
        (a, replace(a.tensors, kernel=a.tensors.kernel * a.tensors.kernel.dtype.type(0.25)))
        for a in asked
        if a.tensors is not None
    ]
    if halved and all(is_right_for(inquiry, a, other, "second") for a, other in halved):
        return "weights-drift", f"{says}: every call halves the kernel", evidence
    return "answers-change", says + _difference(asked), evidence


def _is_summed(inquiry: Inquiry, asked: Asked) -> bool:
    """Whether the second answer is the sum of three: the first, that of the call between, and its own."""
    first, second = asked.answer.tensor("first"), asked.answer.tensor("second")
    if asked.tensors is None or first is None or second is None or first.shape != second.shape:
        return False
    question = replace(asked.question, procedure="call")
    tensors = replace(asked.tensors, inputs=1 - asked.tensors.inputs[::-1])
    between = truth(question, tensors, inquiry.witness.oracle.dialect).bounds["outputs"]
    own, u = asked.truth.bounds["outputs"], question.config.format.unit_roundoff
    total = Interval(2 * own.lower + between.lower, 2 * own.upper + between.upper)
    return matches(second, total.widened(4 * u * (2 * np.abs(own.middle) + np.abs(between.middle))))


def _difference(asked: list[Asked]) -> str:
    """One number by which all second answers are off, in words."""
    differences: set[float] = set()
    for each in asked:
        first, second = each.answer.tensor("first"), each.answer.tensor("second")
        if first is None or second is None or first.shape != second.shape:
            return ""
        differences |= set(np.unique(second.astype(np.float64) - first.astype(np.float64)).tolist())
    return f": it is off by {differences.pop():g}" if len(differences) == 1 else ""


def _stale(inquiry: Inquiry, failing: list[Result]) -> Told | None:
    asked = asked_again(inquiry, failing)
    if not all(is_right_again(inquiry, each.question) for each in asked):
        return None
    if asked and all(_is_one_call_late(inquiry, each) for each in asked):
        says = "weights that are set take effect one call late: the first call after it still uses those before"
        return "weights-late", says, f"{len(asked)} of {len(asked)} layers answer right at the second call"
    told = _of_earlier_weights(inquiry, asked)
    if told is not None:
        return told
    if fails_plainly(inquiry):
        return None
    says = f"weights that are set later do not take effect as they should: {observed(failing)}"
    return "stale-weights", says, f"{len(failing)} answers after a second load are wrong"


def _of_earlier_weights(inquiry: Inquiry, asked: list[Asked]) -> Told | None:
    """Answers that are right for the weights before, or for one of them."""
    parts: tuple[tuple[str, Callable[[Tensors, Tensors], Tensors]], ...] = (
        ("weights that are set later are not used: kernel and bias of the first call stay", lambda t, o: o),
        (_STAYS.format("kernel"), lambda t, o: replace(t, kernel=o.kernel)),
        (_STAYS.format("bias"), lambda t, o: replace(t, bias=o.bias)),
    )
    for words, made in parts:
        fits = [
            is_right_for(inquiry, a, made(a.tensors, other_weights(a.tensors)), "outputs")
            for a in asked
            if a.tensors is not None
        ]
        if fits and all(fits):
            evidence = f"{len(fits)} of {len(fits)} answers are right for the weights before"
            if _takes_others(inquiry, asked):
                says = (
                    "outputs are kept for inputs that were seen before: weights that are set later do not change them"
                )
                return "answers-remembered", says, evidence
            return "stale-weights", f"{words} in use", evidence
    return None


def _takes_others(inquiry: Inquiry, asked: list[Asked]) -> bool:
    """Whether other weights are used where the inputs are others, too: a layer that was called before answers right."""
    answered = []
    for each in asked:
        if each.tensors is not None:
            question, others = replace(each.question, procedure="call"), other_weights(each.tensors)
            inquiry.witness.ask_with(question, each.tensors)
            later = inquiry.witness.ask_with(question, replace(others, inputs=2 * others.inputs + 1))
            answered.append(matches(later.answer.tensor("outputs"), later.truth.bounds["outputs"]))
    return bool(answered) and all(answered)


def _is_one_call_late(inquiry: Inquiry, asked: Asked) -> bool:
    """Whether of one layer's calls the first with other weights answers for those before, and the second is right."""
    if asked.tensors is None:
        return False
    question, others = replace(asked.question, procedure="call"), other_weights(asked.tensors)
    inquiry.witness.ask_with(question, asked.tensors)
    before = inquiry.witness.ask_with(question, asked.tensors)
    first, second = (inquiry.witness.ask_with(question, others) for _ in range(2))
    is_late = matches(first.answer.tensor("outputs"), before.truth.bounds["outputs"])
    if not is_late or not matches(second.answer.tensor("outputs"), second.truth.bounds["outputs"]):
        return False
    # of other inputs the answer is not late
    other = inquiry.witness.ask_with(question, replace(others, inputs=2 * others.inputs + 1))
    return matches(other.answer.tensor("outputs"), other.truth.bounds["outputs"])


def _shared(inquiry: Inquiry, failing: list[Result]) -> Told | None:
    asked = asked_again(inquiry, failing)
    fits = [is_right_for(inquiry, a, other_weights(a.tensors), "outputs") for a in asked if a.tensors is not None]
    told = f"{sum(fits)} of {len(fits)} answers of one layer are right for the weights of the other"
    if fits and all(fits):
        return "weights-shared", "two layers share their weights: what one is given, the other uses", told
    for name in ("bias", "kernel"):
        fits = [
            is_right_for(inquiry, a, replace(a.tensors, **{name: getattr(other_weights(a.tensors), name)}), "outputs")
            for a in asked
            if a.tensors is not None
        ]
        if fits and all(fits):
            evidence = f"{len(fits)} of {len(fits)} answers of one layer are right for the {name} of the other"
            return f"{name}-shared", f"two layers share their {name}: what one is given, the other uses", evidence
    if fails_plainly(inquiry):
        return None
    return "weights-shared", f"beside another layer of its own weights one answers wrong: {observed(failing)}", told


def is_right_for(inquiry: Inquiry, asked: Asked, tensors: Tensors, name: str) -> bool:
    """Whether a tensor of the answer is right for other tensors."""
    question = replace(asked.question, procedure="call")
    right: Interval = truth(question, tensors, inquiry.witness.oracle.dialect).bounds["outputs"]
    return matches(asked.answer.tensor(name), right)


def is_right_again(inquiry: Inquiry, question: Question) -> bool:
    """Whether a new layer answers right that was called before, on other inputs of the same length."""
    asked = inquiry.witness.ask(replace(question, procedure="call_again"))
    return matches(asked.answer.tensor("second"), asked.truth.bounds["outputs"])


def is_right_plainly(inquiry: Inquiry, question: Question) -> bool:
    """Whether a plain call of the same numbers gives what it should."""
    asked = inquiry.witness.ask(replace(question, procedure="call"))
    return matches(asked.answer.tensor("outputs"), asked.truth.bounds["outputs"])


def right_when_fresh(inquiry: Inquiry) -> list[Result]:
    """The plain failures, where a sample of them is right when a fresh layer is asked.

    Of special numbers, which bounds allow much of, nothing is concluded: they only follow where others are right.
    """
    plain = [r for r in inquiry.open if r.case.question.procedure in (*PLAIN, "call_rows") and is_made_of_outputs(r)]
    plain = [result for result in plain if fails_in(result, "outputs", "row_by_row", "nan_at")]
    sample = spread([result for result in plain if result.case.question.family not in SPECIAL], SAMPLE)
    for question in sample:
        answered = inquiry.witness.ask(replace(question, procedure="call_again"))
        if not matches(answered.answer.tensor("first"), answered.truth.bounds["outputs"]):
            return []
        if question.procedure == "differentiate" and is_right_plainly(inquiry, question):
            return []  # what the gradients do to the outputs is no memory
    return plain if sample else []
