"""Dense layers that people write for PyTorch: right ones are not accused, wrong ones are, in the right area."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812

from conformance.api import check
from conformance.implementations.load import NamingError, Place, load
from conformance.results import Report

ACTIVATIONS: dict[str | None, Callable[[Tensor], Tensor]] = {
    None: lambda z: z,
    "relu": torch.relu,
    "tanh": torch.tanh,
    "gelu": F.gelu,
    "softmax": lambda z: torch.softmax(z, -1),
}


class Right(nn.Module):
    """Arguments and weights called as in PyTorch."""

    def __init__(self, in_features: int, out_features: int, bias: bool = True, activation: str | None = None) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(out_features, in_features))
        self.bias = nn.Parameter(torch.zeros(out_features)) if bias else None
        self.activation = ACTIVATIONS[activation]

    def forward(self, inputs: Tensor) -> Tensor:
        return self.activation(F.linear(inputs, self.weight, self.bias))


class WeightTheOtherWayRound(nn.Module):
    def __init__(self, nin: int, nout: int, with_bias: bool = True) -> None:
        super().__init__()
        self.w = nn.Parameter(torch.randn(nin, nout))
        self.b = nn.Parameter(torch.zeros(nout)) if with_bias else None

    def forward(self, inputs: Tensor) -> Tensor:
        outputs = inputs @ self.w
        return outputs if self.b is None else outputs + self.b


class HandsOn(Right):
    def __init__(self, *given: Any, **named: Any) -> None:
        super().__init__(*given, **named)


class Lazy(nn.LazyLinear):
    """Its width is that of its first inputs."""


class SoftmaxOfTheSecondAxis(Right):
    def forward(self, inputs: Tensor) -> Tensor:
        z = F.linear(inputs, self.weight, self.bias)
        return torch.softmax(z, 1) if self.activation is ACTIVATIONS["softmax"] else self.activation(z)


class GeluByTanh(Right):
    def forward(self, inputs: Tensor) -> Tensor:
        z = F.linear(inputs, self.weight, self.bias)
        return F.gelu(z, approximate="tanh") if self.activation is F.gelu else self.activation(z)


class LateBias(Right):
    def forward(self, inputs: Tensor) -> Tensor:
        outputs = self.activation(F.linear(inputs, self.weight))
        return outputs if self.bias is None else outputs + self.bias


class InputsDetached(Right):
    def forward(self, inputs: Tensor) -> Tensor:
        return super().forward(inputs.detach())


class Flattened(Right):
    def forward(self, inputs: Tensor) -> Tensor:
        return super().forward(inputs.reshape(len(inputs), -1)[:, -inputs.shape[-1] :])


class BiasAlways(Right):
    def __init__(self, in_features: int, out_features: int, bias: bool = True, activation: str | None = None) -> None:
        super().__init__(in_features, out_features, True, activation)
        nn.init.ones_(self.bias)


def judged(module_class: type) -> Report:
    return check(module_class, tier="smoke", oracle="recorded")


@pytest.mark.parametrize("right", [Right, WeightTheOtherWayRound, HandsOn, Lazy, nn.Linear])
def test_a_right_module_is_not_accused(right: type) -> None:
    report = judged(right)
    assert [result.case.id for result in report.accusations] == []
    assert report.executed > 150
    assert report.grades["float32"] in ("A", "B")


@pytest.mark.parametrize(
    ("wrong", "clause"),
    [
        (SoftmaxOfTheSecondAxis, "outputs.last-axis"),
        (GeluByTanh, "outputs.activation-formula"),
        (LateBias, "outputs.bias-before-activation"),
        (InputsDetached, "gradients.inputs"),
        (Flattened, "shapes.not-flattened"),
        (BiasAlways, "outputs.every-setting"),
    ],
)
def test_a_wrong_module_is_failed_by_its_clause(wrong: type, clause: str) -> None:
    assert clause in {result.clause.id for result in judged(wrong).accusations}


def test_a_constructor_that_needs_more_is_refused_with_its_reason() -> None:
    class Needy(nn.Module):
        def __init__(self, in_features: int, out_features: int, groups: int) -> None:
            super().__init__()

    with pytest.raises(NamingError, match="needs 'groups'"):
        load(Needy)


def test_the_activations_that_it_takes_are_declared() -> None:
    assert load(Right).declares.activations == {"linear", "relu", "tanh", "gelu", "softmax"}
    assert load(nn.Linear).declares.activations == {"linear"}


def test_a_device_that_is_not_there_is_refused() -> None:

    assert load("torch", place=Place(device="cpu")).declares.device == "cpu"
    if not torch.cuda.is_available():
        with pytest.raises(NamingError, match="cannot compute on cuda"):
            load("torch", place=Place(device="cuda"))
