"""What weights and outputs cost: the values in `losses`, and the gradients of their sum."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from conformance.cases import Question
from conformance.diagnosis.exhibits import Inquiry
from conformance.diagnosis.rivals.families import written
from conformance.diagnosis.wording import listed, names_missed, options
from conformance.implementations.adapter import other_weights
from conformance.results import Diagnosis, Result, Verdict
from conformance.truth import Posed
from reference.activations import ACTIVATIONS
from reference.regularizers import REGULARIZERS
from reference.training import Weights, penalties

ARGUMENTS = ("kernel_regularizer", "bias_regularizer", "activity_regularizer")
PROCEDURES = ("read_losses", "read_losses_in_graph", "call_masked")
#: By the name of its argument what each regularizer adds.
Parts = dict[str, float]


@dataclass(frozen=True)
class Costs:
    """What one question's losses came to, least first, and what makes them up in truth."""

    result: Result
    posed: Posed
    parts: Parts
    got: NDArray[Any]

    @property
    def question(self) -> Question:
        return self.posed.question

    def match(self, values: Sequence[float], *, narrow: bool = False) -> bool:
        """Within the roundings of sums as long as a weight, and of a factor; narrow: in the dtype of computation."""
        if len(values) != len(self.got):
            return False
        format = self.question.config.format if narrow else self.question.config.variable_format
        size = max(self.posed.tensors.kernel.size, prod(self.posed.tensors.upstream.shape))
        doubt = (2 * size + 16) * format.unit_roundoff
        wanted = np.sort(np.array(values, np.float64))
        return bool((np.abs(self.got - wanted) <= doubt * np.abs(wanted)).all())


def wrong_costs(inquiry: Inquiry) -> Iterator[Diagnosis]:
    """The rule: argument by argument the first account that explains all failing losses with it."""
    yield from _none_at_all(inquiry)
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
            defect, says, evidence = told
            if defect == "penalty-missing" and any(_has(r, argument) for r in _passed(inquiry, "losses.training")):
                says = f"{says}, and is there under fit"
            yield Diagnosis(defect, says, evidence, _follow(inquiry, argument))
    yield from _gradients(inquiry)


def _none_at_all(inquiry: Inquiry) -> Iterator[Diagnosis]:
    """Losses that are empty, whichever regularizer is given."""
    failing = _costs(inquiry, [r for r in inquiry.failing("losses.") if any(_fails(r, each) for each in ARGUMENTS)])
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


def _passed(inquiry: Inquiry, clause: str) -> list[Result]:
    return [result for result in inquiry.passed if result.clause.id == clause]


def _has(result: Result, argument: str) -> bool:
    config = result.case.question.config
    return bool(getattr(config, argument)) and (argument != "bias_regularizer" or config.use_bias)


def _fails(result: Result, argument: str) -> bool:
    return result.case.question.procedure in PROCEDURES and _has(result, argument) and "losses" in names_missed(result)


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
        found.append(Costs(result, posed, _parts(posed), got.astype(np.float64)))
    return found


def _parts(posed: Posed, **changed: Any) -> Parts:
    tensors, problem = changed.get("tensors", posed.tensors), posed.problem
    bias = None if tensors.bias is None else tensors.bias.astype(np.float64)
    stored = Weights(tensors.kernel.astype(np.float64), bias)
    operands = Weights(problem.kernel, problem.bias) if "tensors" not in changed else stored
    activation = changed.get("activation", problem.activation)
    divides = posed.dialect.divides_activity_loss
    found = penalties(posed.question.config, problem.inputs, stored, activation, divides=divides, operands=operands)
    if posed.question.option("frozen") and not posed.dialect.keeps_losses_of_frozen and not changed.get("all"):
        return {name: value for name, value in found.items() if name == "activity_regularizer"}
    return found


def _with(costs: Costs, argument: str, *values: float) -> list[float]:
    return [*(value for name, value in costs.parts.items() if name != argument), *values]


#: The defect, in words, and what the losses are instead; of one argument.
Account = tuple[str, str, Callable[[Costs], "list[float] | None"]]


def _times(argument: str, factor: Callable[[Costs], float]) -> Callable[[Costs], list[float] | None]:
    return lambda costs: _with(costs, argument, costs.parts[argument] * factor(costs))


def _rows(costs: Costs) -> int:
    return prod(costs.question.known_shape[:-1])


def _batch(costs: Costs) -> int:
    return costs.question.known_shape[0]


def _accounts(argument: str) -> Iterator[Account]:
    of = f"the {argument.removesuffix('_regularizer')}'s penalty"
    size: Mapping[str, Callable[[Costs], int]] = {
        "kernel_regularizer": lambda c: c.posed.tensors.kernel.size,
        "bias_regularizer": lambda c: c.question.config.units,
    }
    yield "penalty-missing", f"{of} is missing from the losses", lambda costs: _with(costs, argument)
    yield (
        "penalty-repeated",
        f"{of} is in the losses twice",
        lambda costs: _with(costs, argument, *[costs.parts.get(argument, 0.0)] * 2),
    )
    yield "penalty-scaled", f"{of} is halved", _times(argument, lambda costs: 0.5)
    yield "penalty-scaled", f"{of} is doubled", _times(argument, lambda costs: 2.0)
    if argument in size:
        count = size[argument]
        yield (
            "penalty-scaled",
            f"{of} is a mean over the weight, not a sum",
            _times(argument, lambda costs: 1 / count(costs)),
        )
        yield (
            "penalty-scaled",
            f"{of} is divided by the length of the batch",
            _times(argument, lambda costs: 1 / _batch(costs)),
        )
        yield (
            "penalty-scaled",
            f"{of} is divided by the number of rows",
            _times(argument, lambda costs: 1 / _rows(costs)),
        )
        yield (
            "penalty-stale",
            f"{of} is that of the weights before, not of those in use",
            lambda costs: _stale(costs, argument),
        )
        yield (
            "penalty-rounded",
            f"{of} is of the weights as the policy rounds them",
            lambda costs: _of_rounded(costs, argument),
        )
        other = "bias_regularizer" if argument == "kernel_regularizer" else "kernel_regularizer"
        words = f"{of} is by the {other.removesuffix('_regularizer')}'s regularizer"
        yield "penalty-of-other-regularizer", words, lambda costs: _by_the_other(costs, argument, other)
    else:
        yield (
            "activity-divisor",
            f"{of} is not divided by the length of the batch",
            _times(argument, _batch),
        )
        yield (
            "activity-divisor",
            f"{of} is divided by all rows, not by the length of the batch",
            _times(argument, lambda costs: _batch(costs) / _rows(costs)),
        )
        yield (
            "activity-divisor",
            f"{of} is a mean over all outputs",
            _times(argument, lambda costs: _batch(costs) / max(1, costs.posed.tensors.upstream.size)),
        )
        yield "penalty-of-pre-activations", f"{of} is of the outputs before the activation", _of_z
        yield "penalty-of-inputs", f"{of} is of the inputs, not of the outputs", _of_inputs
        yield "penalty-of-masked", f"{of} leaves out masked outputs", _masked


def _stale(costs: Costs, argument: str) -> list[float] | None:
    before = _parts(costs.posed, tensors=other_weights(costs.posed.tensors))
    return _with(costs, argument, before[argument]) if argument in before else None


def _of_rounded(costs: Costs, argument: str) -> list[float] | None:
    problem = costs.posed.problem
    weight = problem.kernel if argument == "kernel_regularizer" else problem.bias
    name = getattr(costs.question.config, argument)
    return None if weight is None else _with(costs, argument, REGULARIZERS[name].penalty(weight))


def _by_the_other(costs: Costs, argument: str, other: str) -> list[float] | None:
    name = getattr(costs.question.config, other)
    tensors = costs.posed.tensors
    weight = tensors.kernel if argument == "kernel_regularizer" else tensors.bias
    if weight is None or argument not in costs.parts:
        return None
    return _with(costs, argument, *([] if name is None else [REGULARIZERS[name].penalty(weight.astype(np.float64))]))


def _of_z(costs: Costs) -> list[float] | None:
    parts = _parts(costs.posed, activation=ACTIVATIONS["linear"])
    return _with(costs, "activity_regularizer", parts["activity_regularizer"])


def _of_inputs(costs: Costs) -> list[float] | None:
    inputs, name = costs.posed.problem.inputs, str(costs.question.config.activity_regularizer)
    divisor = len(inputs) if costs.posed.dialect.divides_activity_loss else 1
    return _with(costs, "activity_regularizer", REGULARIZERS[name].penalty(inputs) / divisor)


def _masked(costs: Costs) -> list[float] | None:
    if costs.question.procedure != "call_masked":
        return list(costs.parts.values())
    outputs = costs.posed.outputs.middle
    seen = 1 - np.arange(outputs.shape[-2]) % 2
    name = str(costs.question.config.activity_regularizer)
    divisor = len(outputs) if costs.posed.dialect.divides_activity_loss else 1
    return _with(costs, "activity_regularizer", REGULARIZERS[name].penalty(outputs * seen[:, None]) / divisor)


Told = tuple[str, str, str]
_PLACES = {
    "read_losses": "in a plain call",
    "read_losses_in_graph": "in a graph traced for any batch",
    "call_masked": "behind a mask",
}


def _explained(argument: str, failing: Sequence[Costs], passed: Sequence[Costs]) -> Told | None:
    """The account that fits all; where right losses contradict it, the form, or what else tells them apart."""
    frozen = [each for each in failing if each.question.option("frozen")]
    if frozen and len(frozen) == len(failing):
        return _of_frozen(failing)
    failing = [each for each in failing if each not in frozen]
    failing = [each for each in failing if not each.question.config.format.is_half] or failing
    accounts = [*_accounts(argument), *_fitted(argument, failing)]
    fits = [account for account in accounts if all(_fits(account, argument, each) for each in failing)]
    if not fits:
        return None
    defect, words, _ = fits[0]
    evidence = f"{len(failing)} of {len(failing)} lists of losses that were read again are these"
    others = [each for each in passed if not _fits(fits[0], argument, each)]
    if not others:
        return defect, words, evidence
    given = [each.question.option("given_as", "object") for each in failing]
    forms = [] if "object" in given else list(dict.fromkeys(given))
    if forms and not set(forms) & set(options([each.result for each in others], "given_as")):
        says = f"a regularizer that is given as {listed(forms)} is ignored: {words}"
        return "penalty-form-ignored", says, evidence
    wrong, right = ({each.question.procedure for each in group} for group in (failing, others))
    if not wrong & right:
        if "read_losses" in wrong:
            return defect, f"{words}, but not {' or '.join(_PLACES[each] for each in sorted(right))}", evidence
        return defect, f"{words} {' and '.join(_PLACES[each] for each in sorted(wrong))}", evidence
    kinds = {getattr(each.question.config, argument) for each in failing}
    if kinds.isdisjoint(getattr(each.question.config, argument) for each in others):
        return defect, f"{words} with {listed(sorted(map(str, kinds)))}", evidence
    dtypes = sorted({each.question.config.dtype for each in failing} - {each.question.config.dtype for each in others})
    if dtypes == sorted({each.question.config.dtype for each in failing}):
        return defect, f"{words} in {listed(dtypes)}", evidence
    return None


def _fits(account: Account, argument: str, costs: Costs) -> bool:
    defect, _, made = account
    values = made(costs) if argument in costs.parts else list(costs.parts.values())
    return values is not None and costs.match(values, narrow=defect == "penalty-rounded")


def _fitted(argument: str, failing: Sequence[Costs]) -> Iterator[Account]:
    """One factor, where the penalty is the only one."""
    alone = [each for each in failing if list(each.parts) == [argument] and len(each.got) == 1 and each.parts[argument]]
    factors = {float(f"{each.got[0] / each.parts[argument]:.6g}") for each in alone}
    if len(alone) > 1 and len(factors) == 1:
        (factor,) = factors
        of = f"the {argument.removesuffix('_regularizer')}'s penalty"
        yield (
            "penalty-scaled",
            f"{of} is {written(factor)} times what it should be",
            _times(argument, lambda costs: factor),
        )


def _of_frozen(failing: Sequence[Costs]) -> Told | None:
    evidence = f"{len(failing)} of {len(failing)} frozen layers"
    if all(not len(each.got) for each in failing):
        return "frozen-penalties", "a layer that does not train has no losses at all, not even its activity's", evidence
    if all(each.match(list(_parts(each.posed, all=True).values())) for each in failing):
        return "frozen-penalties", "the weights of a layer that does not train cost what they did before", evidence
    return None


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
