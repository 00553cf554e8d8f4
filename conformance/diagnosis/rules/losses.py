"""What weights and outputs cost: the values in `losses`, and the gradients of their sum."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

import numpy as np

from conformance.diagnosis.exhibits import Inquiry
from conformance.diagnosis.rivals.families import written
from conformance.diagnosis.rules.penalties import (
    Account,
    Costs,
    accounts,
    by_one_regularizer,
    fitted,
    parts_of,
    swapped,
)
from conformance.diagnosis.wording import listed, names_missed, options
from conformance.results import Diagnosis, Result, Verdict

ARGUMENTS = ("kernel_regularizer", "bias_regularizer", "activity_regularizer")
PROCEDURES = ("read_losses", "read_losses_in_graph", "call_masked")


def wrong_costs(inquiry: Inquiry) -> Iterator[Diagnosis]:
    """The rule: argument by argument the first account that explains all failing losses with it."""
    yield from _none_at_all(inquiry)
    yield from _by_one_regularizer(inquiry)
    yield from _in_one_sum(inquiry)
    yield from _none_of_weights(inquiry)
    yield from _by_one_kind(inquiry)
    for argument in ARGUMENTS:
        masks = any("outputs" in names_missed(result) for result in inquiry.failing("composition.masks"))
        results = [r for r in inquiry.failing("losses.") if _fails(r, argument)]
        results = [r for r in results if not (masks and r.case.question.procedure == "call_masked")]
        failing = [*_costs(inquiry, results), *_probes(inquiry, results)]
        passed = _costs(
            inquiry, [r for r in inquiry.passed if r.case.question.procedure in PROCEDURES and _has(r, argument)]
        )
        told = _explained(argument, failing, passed) if failing else None
        if told is not None:
            account, says, evidence = told
            if account[0] == "penalty-missing" and any(_has(r, argument) for r in _passed(inquiry, "losses.training")):
                says = f"{says}, and is there under fit"
            denied = _denied(inquiry, argument, account)
            cases = tuple(case for case in _follow(inquiry, argument) if case not in denied)
            yield Diagnosis(account[0], says, evidence, cases)
    yield from _of_frozen(inquiry)
    yield from _gradients(inquiry)


def _none_at_all(inquiry: Inquiry) -> Iterator[Diagnosis]:
    """Losses that are empty, whichever regularizer is given."""
    failing = _failing(inquiry, ARGUMENTS)
    alone = {name for each in failing if len(each.parts) == 1 for name in each.parts}
    right = [r for r in inquiry.passed if r.case.question.procedure in PROCEDURES and r.clause.area == "losses"]
    if any(each.got.size for each in _costs(inquiry, right)):
        return
    if len(alone) > 1 and not any(each.got.size for each in failing):
        cases = [case for argument in ARGUMENTS for case in _follow(inquiry, argument)]
        cases += [r.case.id for r in inquiry.failing("losses.")]
        evidence = f"{len(failing)} of {len(failing)} lists of losses that were read again are empty"
        says = "the losses are empty, whichever regularizer is given"
        yield Diagnosis("penalty-missing", says, evidence, tuple(dict.fromkeys(cases)))


def _by_one_regularizer(inquiry: Inquiry) -> Iterator[Diagnosis]:
    """One of two weights penalized by the other's regularizer, whichever is given."""
    failing = _failing(inquiry, ARGUMENTS)
    both = ARGUMENTS[:2]
    alone = {name for each in failing if len(each.parts) == 1 for name in each.parts}
    if not set(both) <= alone:
        return
    if all(each.match(swapped(each)) for each in failing):
        evidence = f"{len(failing)} of {len(failing)} lists of losses that were read again are these"
        cases = tuple(dict.fromkeys([*_follow(inquiry, both[0]), *_follow(inquiry, both[1])]))
        says = "kernel and bias are each penalized by the other's regularizer"
        yield Diagnosis("penalty-of-other-regularizer", says, evidence, cases)
        return
    for argument, other in (both, both[::-1]):
        wanted = [by_one_regularizer(each, argument, other) for each in failing]
        if all(values is not None and each.match(values) for each, values in zip(failing, wanted, strict=True)):
            of, own = (each.removesuffix("_regularizer") for each in (argument, other))
            evidence = f"{len(failing)} of {len(failing)} lists of losses that were read again are these"
            cases = tuple(dict.fromkeys([*_follow(inquiry, argument), *_follow(inquiry, other)]))
            says = f"the {of}'s penalty is by the {own}'s regularizer"
            yield Diagnosis("penalty-of-other-regularizer", says, evidence, cases)


def _in_one_sum(inquiry: Inquiry) -> Iterator[Diagnosis]:
    """All penalties as one number."""
    failing = _failing(inquiry, ARGUMENTS)
    if failing and all(len(each.parts) > 1 and each.match([sum(each.parts.values())]) for each in failing):
        evidence = f"{len(failing)} of {len(failing)} lists of losses that were read again are one number"
        cases = [case for argument in ARGUMENTS for case in _follow(inquiry, argument)]
        cases += [result.case.id for result in inquiry.failing("losses.when-built")]
        says = "the losses are one number, the sum of all penalties, where each has its own place"
        yield Diagnosis("losses-summed", says, evidence, tuple(dict.fromkeys(cases)))


def _none_of_weights(inquiry: Inquiry) -> Iterator[Diagnosis]:
    """Of all penalties that of the activity alone is there."""
    both = ARGUMENTS[:2]
    failing = _failing(inquiry, both)
    alone = {argument for each in failing for argument in both if argument in each.parts}
    if alone != set(both) or not all(each.match(_of_activity(each)) for each in failing):
        return
    if all(each.question.option("given_as", "object") != "object" for each in failing):
        return  # a form that is ignored, of each weight for itself
    evidence = f"{len(failing)} of {len(failing)} lists of losses that were read again hold none of them"
    says = "the penalties of kernel and bias are missing from the losses"
    if _passed(inquiry, "losses.training"):
        says = f"{says}, and are there in training"
    cases = [case for argument in both for case in _follow(inquiry, argument)]
    yield Diagnosis("penalty-missing", says, evidence, tuple(dict.fromkeys(cases)))


def _by_one_kind(inquiry: Inquiry) -> Iterator[Diagnosis]:
    """One regularizer that costs a factor too much, of whichever weight."""
    failing = [each for each in _failing(inquiry, ARGUMENTS) if not each.question.option("frozen")]
    alone = [(each.got[0], *each.parts.values()) for each in failing if len(each.parts) == len(each.got) == 1]
    factors = {float(f"{got / value:.6g}") for got, value in alone if value}
    if len(factors) != 1:
        return
    (factor,) = factors
    for kind in sorted({_kind(each, argument) for each in failing for argument in each.parts}):
        arguments = {argument for each in failing for argument in ARGUMENTS[:2] if _is_by(kind, each, argument)}
        if len(arguments) < 2 or not all(_is_scaled(each, kind, factor) for each in failing):
            continue
        words = {0.5: "halved", 2.0: "doubled"}.get(factor, f"{written(factor)} times what it should be")
        says = f"the penalty of a weight by {kind} is {words}, whichever weight it is"
        evidence = f"{len(failing)} of {len(failing)} lists of losses that were read again are these"
        cases = [case for each in ARGUMENTS[:2] for case in _follow(inquiry, each)]
        yield Diagnosis("penalty-scaled", says, evidence, tuple(dict.fromkeys(cases)))


def _kind(costs: Costs, argument: str) -> str:
    """The name of the regularizer that an argument gives."""
    return str(getattr(costs.question.config, argument)).removesuffix("_by_default")


def _is_by(kind: str, costs: Costs, argument: str) -> bool:
    return argument in costs.parts and _kind(costs, argument) == kind


def _is_scaled(costs: Costs, kind: str, factor: float) -> bool:
    """Whether what this regularizer adds of a weight is times the factor, and all else is right."""
    return costs.match(
        [
            value * (factor if argument in ARGUMENTS[:2] and _kind(costs, argument) == kind else 1.0)
            for argument, value in costs.parts.items()
        ]
    )


def _of_activity(costs: Costs) -> list[float]:
    return [value for name, value in costs.parts.items() if name == "activity_regularizer"]


def _passed(inquiry: Inquiry, clause: str) -> list[Result]:
    return [result for result in inquiry.passed if result.clause.id == clause]


def _has(result: Result, argument: str) -> bool:
    config = result.case.question.config
    return bool(getattr(config, argument)) and (argument != "bias_regularizer" or config.use_bias)


def _fails(result: Result, argument: str) -> bool:
    return result.case.question.procedure in PROCEDURES and _has(result, argument) and "losses" in names_missed(result)


def _failing(inquiry: Inquiry, arguments: Sequence[str]) -> list[Costs]:
    """What failing losses with any of these arguments came to."""
    return _costs(inquiry, [r for r in inquiry.failing("losses.") if any(_fails(r, each) for each in arguments)])


def _follow(inquiry: Inquiry, argument: str) -> tuple[str, ...]:
    """All that is open and made of this penalty."""
    made = (
        "losses",
        "reported_loss",
        "kernel_after",
        "bias_after",
        "kernel_gradient",
        "bias_gradient",
        "inputs_gradient",
    )
    found = []
    for result in inquiry.open:
        names = names_missed(result)
        made_of_it = bool(names) and all(name.startswith(made) for name in names)
        raised = result.verdict is Verdict.ERROR and result.clause.area == "losses"
        if _has(result, argument) and (made_of_it or raised):
            found.append(result.case.id)
    return tuple(found)


def _denied(inquiry: Inquiry, argument: str, account: Account) -> set[str]:
    """Open cases with this penalty whose losses are not what the account says; rounded ones leave that open."""
    results = [r for r in inquiry.failing("losses.") if _fails(r, argument)]
    costs = [each for each in _costs(inquiry, results) if not each.question.config.format.is_half]
    once_more = [each for each in costs if each.question.option("frozen") and _stays(each, argument)]
    if account[0] == "penalty-repeated":  # what a call adds is there whether the layer trains or not
        costs = [each for each in costs if each not in once_more]
    denied = {each.result.case.id for each in costs if not _fits(account, argument, each)}
    if account[0] != "penalty-missing":
        denied |= {result.case.id for result in inquiry.failing("losses.when-built")}
    return denied


def _probes(inquiry: Inquiry, results: Sequence[Result]) -> list[Costs]:
    """The same on other shapes and numbers, so that a factor of two is no length of a batch."""
    found = []
    for result in results[:2]:
        question = result.case.question
        steps = len(question.input_shape) - 2
        config = replace(question.config, units=6)
        asked = replace(question, config=config, input_shape=(3, *[5] * steps, 7), family="normal")
        found += _costs(inquiry, [replace(result, case=replace(result.case, question=asked))])
    return found


def _costs(inquiry: Inquiry, results: Sequence[Result]) -> list[Costs]:
    found = []
    for result in results[:24]:
        asked = inquiry.witness.ask(result.case.question)
        got = asked.answer.tensor("losses")
        if asked.tensors is None or got is None:
            continue
        posed = inquiry.witness.posed(result.case.question, asked.tensors)
        found.append(Costs(result, posed, parts_of(posed), got.astype(np.float64)))
    return found


Told = tuple[Account, str, str]
_PLACES = {
    "read_losses": "in a plain call",
    "read_losses_in_graph": "in a graph traced for any batch",
    "call_masked": "behind a mask",
}


def _explained(argument: str, failing: Sequence[Costs], passed: Sequence[Costs]) -> Told | None:
    """The account that fits all; where right losses contradict it, the form, or what else tells them apart."""
    failing = [each for each in failing if not each.question.option("frozen")]
    failing = [each for each in failing if not each.question.config.format.is_half] or failing
    if not failing:
        return None
    known = [*accounts(argument), *fitted(argument, failing)]
    fits = [account for account in known if all(_fits(account, argument, each) for each in failing)]
    if not fits:
        return None
    account, words = fits[0], fits[0][1]
    evidence = f"{len(failing)} of {len(failing)} lists of losses that were read again are these"
    others = [each for each in passed if not _fits(fits[0], argument, each)]
    if not others:
        return account, words, evidence
    given = [each.question.option("given_as", "object") for each in failing]
    forms = [] if "object" in given else list(dict.fromkeys(given))
    if forms and not set(forms) & set(options([each.result for each in others], "given_as")):
        says = f"{words} where its regularizer is given as {listed(forms)}"
        if "missing" in words:
            says = f"a regularizer that is given as {listed(forms)} is ignored: {words}"
        return ("penalty-form-ignored", words, account[2]), says, evidence
    wrong, right = ({each.question.procedure for each in group} for group in (failing, others))
    if not wrong & right:
        if "read_losses" in wrong:
            return account, f"{words}, but not {' or '.join(_PLACES[each] for each in sorted(right))}", evidence
        return account, f"{words} {' and '.join(_PLACES[each] for each in sorted(wrong))}", evidence
    kinds = {getattr(each.question.config, argument) for each in failing}
    if kinds.isdisjoint(getattr(each.question.config, argument) for each in others):
        return account, f"{words} with {listed(sorted(map(str, kinds)))}", evidence
    dtypes = sorted({each.question.config.dtype for each in failing} - {each.question.config.dtype for each in others})
    if dtypes == sorted({each.question.config.dtype for each in failing}):
        return account, f"{words} in {listed(dtypes)}", evidence
    return None


def _fits(account: Account, argument: str, costs: Costs) -> bool:
    defect, _, made = account
    values = made(costs) if argument in costs.parts else list(costs.parts.values())
    return values is not None and costs.match(values, narrow=defect == "penalty-rounded")


def _of_frozen(inquiry: Inquiry) -> Iterator[Diagnosis]:
    """The losses of layers that do not train."""
    failing = [each for each in _failing(inquiry, ARGUMENTS) if each.question.option("frozen")]
    if not failing:
        return
    if all(not len(each.got) for each in failing):
        says = "a layer that does not train has no losses at all, not even its activity's"
    elif all(each.match(list(parts_of(each.posed, all=True).values())) for each in failing):
        says = "the weights of a layer that does not train cost what they did before"
    else:
        stays = [argument for argument in ARGUMENTS[:2] if all(_stays(each, argument) for each in failing)]
        if len(stays) != 1:
            return
        of = stays[0].removesuffix("_regularizer")
        says = f"the {of} of a layer that does not train costs what it did before"
    cases = tuple(each.result.case.id for each in failing)
    yield Diagnosis("frozen-penalties", says, f"{len(failing)} of {len(failing)} frozen layers", cases)


def _stays(costs: Costs, argument: str) -> bool:
    """Whether its penalty is there although the layer does not train, and no other weight's is."""
    every = parts_of(costs.posed, all=True)
    return argument in every and costs.match([*costs.parts.values(), every[argument]])


def _gradients(inquiry: Inquiry) -> Iterator[Diagnosis]:
    """Right values whose gradient is not."""
    failing = [
        r for r in inquiry.failing("losses.gradient") if r.case.question.procedure == "read_losses" and r.comparisons
    ]
    if not failing or inquiry.failing("losses.kernel", "losses.bias", "losses.activity", "losses.all"):
        return
    by_argument: Mapping[str, list[Result]] = {
        argument: [r for r in failing if _has(r, argument)] for argument in ARGUMENTS
    }
    for argument, results in by_argument.items():
        zeros, names = 0, set()
        for result in results:
            answer = inquiry.witness.ask(result.case.question).answer
            for name in names_missed(result):
                values = answer.tensor(name)
                names.add(name)
                zeros += values is None or not np.asarray(values, np.float64).any()
        if not results or zeros < len(results):
            continue
        kinds = sorted({str(getattr(r.case.question.config, argument)) for r in results})
        ran = {
            str(getattr(r.case.question.config, argument))
            for r in inquiry.report.results
            if r.clause.id == "losses.gradient" and _has(r, argument)
        }
        of = f"the {argument.removesuffix('_regularizer')}'s penalty" + (
            f" by {listed(kinds)}" if set(kinds) < ran else ""
        )
        to = (
            f" to {listed(sorted(name.removesuffix('_gradient') for name in names))}"
            if argument == "activity_regularizer"
            else ""
        )
        says = f"{of} has no gradient{to}: its value is right, and nothing lowers it"
        yield Diagnosis(
            "penalty-without-gradient", says, f"{zeros} gradients are zero or missing", _follow(inquiry, argument)
        )
