"""What the losses of a layer may be instead: accounts of one regularizer's penalty."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from conformance.cases import Question
from conformance.diagnosis.rivals.families import written
from conformance.implementations.adapter import other_weights
from conformance.results import Result
from conformance.truth import Posed
from reference.activations import ACTIVATIONS
from reference.regularizers import REGULARIZERS
from reference.training import Weights, penalties

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


def parts_of(posed: Posed, **changed: Any) -> Parts:
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


def accounts(argument: str) -> Iterator[Account]:
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
    yield (
        "penalty-accumulated",
        f"{of} is added to that of the call before",
        lambda costs: _piled_up(costs, argument),
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
        own, its = (each.removesuffix("_regularizer") for each in (argument, other))
        for always, words in ((False, ", where that has no regularizer of its own"), (True, "")):
            yield (
                "penalty-of-other-regularizer",
                f"the {own}'s regularizer penalizes the {its} as well{words}",
                partial(_of_both, argument=argument, other=other, always=always),
            )
    else:
        yield (
            "activity-divisor",
            f"{of} is divided by the length of the batch once too often",
            _times(argument, lambda costs: 1 / _batch(costs)),
        )
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
        for words, factor in (
            ("once as it is and once more times the length of the batch", _batch),
            ("once as it is and once more divided by the length of the batch", lambda costs: 1 / _batch(costs)),
        ):
            yield "penalty-repeated", f"{of} is in the losses twice, {words}", partial(_twice, argument, factor)
        yield "penalty-of-pre-activations", f"{of} is of the outputs before the activation", _of_z
        yield "penalty-of-inputs", f"{of} is of the inputs, not of the outputs", _of_inputs
        yield "penalty-of-masked", f"{of} leaves out masked outputs", _masked


def _twice(argument: str, factor: Callable[[Costs], float], costs: Costs) -> list[float]:
    own = costs.parts[argument]
    return _with(costs, argument, own, own * factor(costs))


def _piled_up(costs: Costs, argument: str) -> list[float] | None:
    before = parts_of(costs.posed, tensors=other_weights(costs.posed.tensors))
    return _with(costs, argument, before[argument] + costs.parts[argument]) if argument in before else None


def _stale(costs: Costs, argument: str) -> list[float] | None:
    before = parts_of(costs.posed, tensors=other_weights(costs.posed.tensors))
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


def _of_both(costs: Costs, argument: str, other: str, *, always: bool) -> list[float]:
    """always: also where the other weight has a regularizer."""
    name, tensors = getattr(costs.question.config, argument), costs.posed.tensors
    weight = tensors.bias if argument == "kernel_regularizer" else tensors.kernel
    if weight is None or (other in costs.parts and not always):
        return list(costs.parts.values())
    return [*costs.parts.values(), REGULARIZERS[name].penalty(weight.astype(np.float64))]


def by_one_regularizer(costs: Costs, argument: str, other: str) -> list[float] | None:
    """The weight of one argument costs what the other one's regularizer says, and nothing where there is none."""
    name, tensors = getattr(costs.question.config, other), costs.posed.tensors
    weight = tensors.kernel if argument == "kernel_regularizer" else tensors.bias
    if name is None or weight is None:
        return _with(costs, argument)
    return _with(costs, argument, REGULARIZERS[name].penalty(weight.astype(np.float64)))


def swapped(costs: Costs) -> list[float]:
    """Kernel and bias each cost what the other one's regularizer says."""
    config, tensors = costs.question.config, costs.posed.tensors
    pairs = ((tensors.kernel, config.bias_regularizer), (tensors.bias, config.kernel_regularizer))
    found = [value for name, value in costs.parts.items() if name == "activity_regularizer"]
    for weight, name in pairs:
        if weight is not None and name is not None:
            found.append(REGULARIZERS[name].penalty(weight.astype(np.float64)))
    return found


def _of_z(costs: Costs) -> list[float] | None:
    parts = parts_of(costs.posed, activation=ACTIVATIONS["linear"])
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


def fitted(argument: str, failing: Sequence[Costs]) -> Iterator[Account]:
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
