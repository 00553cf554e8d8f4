"""Approximations of activations, against layers that are written with them in float32."""

from __future__ import annotations

from collections.abc import Callable
from math import factorial
from typing import Any

import numpy as np
import pytest

from conformance.cases import Question
from conformance.diagnosis.exhibits import matches
from conformance.diagnosis.rivals.approximations import APPROXIMATIONS
from conformance.diagnosis.rivals.every_activation import of_every_activation
from conformance.diagnosis.rivals.formulas import activation_rivals
from conformance.families import draw
from conformance.recording import oracle_named
from conformance.truth import Posed
from reference.activations import ACTIVATIONS
from reference.config import DenseConfig

DIALECT = oracle_named("recorded").dialect
NARROW = np.float32


def posed(activation: str, units: int = 6) -> Posed:
    config = DenseConfig(units, activation, True, "float32")
    question = Question("call", config, (37, 21), "normal")
    return Posed(question, draw("normal", config, (37, 21), 0), DIALECT, ACTIVATIONS[activation])


def z_of(question: Posed) -> Any:
    tensors = question.tensors
    return tensors.inputs @ tensors.kernel + tensors.bias


def erf_by_7_1_25(x: Any) -> Any:
    """The handbook's three coefficients, one by one."""
    size = np.abs(x)
    t = NARROW(1) / (NARROW(1) + NARROW(0.47047) * size)
    total = np.zeros_like(t)
    for coefficient in (0.7478556, -0.0958798, 0.3480242):
        total = (total + NARROW(coefficient)) * t
    return np.sign(x) * (NARROW(1) - total * np.exp(-size * size))


def gelu(z: Any) -> Any:
    return z * (NARROW(1) + erf_by_7_1_25(z / NARROW(np.sqrt(2)))) / NARROW(2)


def pade(z: Any) -> Any:
    cut = np.clip(z, NARROW(-3), NARROW(3))
    return cut * (NARROW(27) + cut * cut) / (NARROW(27) + NARROW(9) * cut * cut)


def power(z: Any) -> Any:
    """By eight squarings, as kernels without exp do it."""
    found = NARROW(1) + z / NARROW(256)
    for _ in range(8):
        found = found * found
    return found


def series(z: Any) -> Any:
    return sum(z**n / NARROW(factorial(n)) for n in range(5))


def straight(z: Any) -> Any:
    """Each line of PLAN where its own condition holds, as gates do it."""
    size = np.abs(z)
    found = np.where(size >= 5, NARROW(1), size / NARROW(32) + NARROW(0.84375))
    found = np.where(size < NARROW(2.375), size / NARROW(8) + NARROW(0.625), found)
    found = np.where(size < 1, size / NARROW(4) + NARROW(0.5), found)
    return np.where(z < 0, NARROW(1) - found, found)


def padded_softmax(z: Any) -> Any:
    raised = np.exp(z)
    return raised / (raised.sum(axis=-1, keepdims=True) + NARROW(-z.shape[-1] % 8))


LAYERS: tuple[tuple[str, str, Callable[[Any], Any]], ...] = (
    ("gelu", "gelu is z (1 + erf(z / sqrt(2))) / 2 with a polynomial for erf, 7.1.25 of", gelu),
    ("tanh", "tanh is z (27 + z^2) / (27 + 9 z^2), a Pade approximant, of z cut to [-3, 3]", pade),
    ("exponential", "exponential is (1 + z / 256)^256", power),
    ("exponential", "exponential is the series of exp(z), cut behind z^4", series),
    ("sigmoid", "sigmoid is PLAN, four straight lines on either side", straight),
    ("softmax", "softmax is taken over units that zeros fill up to a multiple of 8", padded_softmax),
)


@pytest.mark.parametrize(("activation", "says", "layer"), LAYERS, ids=[each[1] for each in LAYERS])
def test_an_approximation_is_predicted(activation: str, says: str, layer: Callable[[Any], Any]) -> None:
    question = posed(activation)
    got = layer(z_of(question)).astype(NARROW)
    told = [
        rival
        for rival in activation_rivals(activation, ACTIVATIONS[activation], None)
        if rival.says.format(activation=activation).startswith(says)
    ]
    assert told
    said = told[0].predict(question)
    assert said is not None
    within = said["outputs"]
    assert within is not None
    assert matches(got, within)
    assert not matches(got, question.outputs)


@pytest.mark.parametrize("activation", sorted(APPROXIMATIONS))
def test_approximations_are_near_and_no_two_alike(activation: str) -> None:
    """Near 0 all of them are what they approximate, to a tenth; a coefficient that is mistyped is not."""
    z = np.linspace(-0.25, 0.25, 41)
    right = np.asarray(ACTIVATIONS[activation].value(z))
    for form in APPROXIMATIONS[activation]:
        if not form.says.endswith("cut behind z^1"):
            assert np.abs(form.value(z) - right).max() < 0.1, form.says
    names = [form.says for form in APPROXIMATIONS[activation]]
    assert len(set(names)) == len(names)


def test_what_is_done_to_every_activation() -> None:
    twice = next(rival for rival in of_every_activation() if rival.says == "every activation is applied twice")
    for name in ("tanh", "softmax", "relu6"):
        question = posed(name)
        once = ACTIVATIONS[name].value(z_of(question).astype(np.float64)).astype(NARROW)
        got = ACTIVATIONS[name].value(once.astype(np.float64)).astype(NARROW)
        said = twice.predict(question)
        assert said is not None
        within = said["outputs"]
        assert within is not None
        assert matches(got, within)
        assert matches(once, within) is (name == "relu6")
