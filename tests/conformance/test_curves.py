"""Curves: what they say of right and of wrong implementations."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from conformance.answers import Answer, Declaration
from conformance.cases import Question
from conformance.curves import measure, signed_error
from conformance.families import Tensors
from conformance.implementations.load import load
from conformance.results import Curve
from reference.activations import ACTIVATIONS
from reference.dense import forward
from reference.dialects import DIALECTS
from reference.intervals import Interval
from reference.rivals import RIVALS

NEWEST = DIALECTS[-1]


def dense(inputs: Any, kernel: Any, bias: Any, activation: str) -> Any:
    """Right, but for what some activations are about here."""
    z = inputs.astype("float64") @ kernel.astype("float64")
    if activation == "gelu":
        return (z / 2 * (1 + np.tanh(math.sqrt(2 / math.pi) * (z + 0.044715 * z**3)))).astype(inputs.dtype)
    if activation == "mish":
        raise RuntimeError("no mish today")
    if activation == "elu":
        raise NotImplementedError("elu")
    if activation == "tanh":
        return inputs[0]
    if activation == "relu":
        return np.full_like(z, np.nan)
    definition = RIVALS["sparsemax"] if activation == "sparsemax" else ACTIVATIONS[activation]
    return forward(inputs.astype("float64"), kernel.astype("float64"), None, definition).astype(inputs.dtype)


@pytest.fixture(scope="module")
def curves() -> dict[str, Curve]:
    return {curve.activation: curve for curve in measure(load(dense), NEWEST)}


def test_every_activation_of_the_dialect_has_one(curves: dict[str, Curve]) -> None:
    assert set(curves) == NEWEST.activations


def test_the_reference_is_inside_everywhere() -> None:
    for curve in measure(load("reference"), NEWEST):
        assert not curve.absent
        assert max(map(abs, curve.error)) <= 1, curve.activation


def test_z_rises_and_covers_the_grid(curves: dict[str, Curve]) -> None:
    z = curves["sigmoid"].z
    assert list(z) == sorted(z)
    assert (z[0] < -19, z[-1] > 19, 0.0 in z) == (True, True, True)


def test_gelu_by_tanh_is_outside_and_its_sign_is_seen(curves: dict[str, Curve]) -> None:
    """Between -2.7 and 0 the approximation lies above, below -3 beneath: the error has both signs."""
    error = dict(zip(curves["gelu"].z, curves["gelu"].error, strict=True))
    assert max(error.values()) > 1
    assert min(error.values()) < -1
    assert error[0.0] == 0


def test_an_error_is_told_in_half_widths_with_its_sign() -> None:
    """At the lower end -1; half-way up 1/2; two half-widths above 3; where one value alone is right 0 or no number."""
    within = Interval(np.array([0.0, 0.0, 0.0, 2.0, 3.0, 3.0]), np.array([2.0, 2.0, 2.0, 2.0, 3.0, 3.0]))
    values = np.array([0.0, 1.5, 4.0, 2.0, 4.0, 2.0])
    assert signed_error(values, within).tolist() == [-1, 0.5, 3, 0, math.inf, -math.inf]


@pytest.mark.parametrize(
    ("activation", "why"),
    [
        ("mish", "it raised RuntimeError while it was asked to call: no mish today"),
        ("elu", "it does not have this: elu"),
        ("tanh", "it gave back outputs of shape (1,) where the shape is (1021, 1)"),
    ],
)
def test_where_there_is_no_curve_it_says_why(curves: dict[str, Curve], activation: str, why: str) -> None:
    assert curves[activation].absent == why
    assert curves[activation].z == ()


def test_nan_is_outside(curves: dict[str, Curve]) -> None:
    assert all(math.isinf(error) for error in curves["relu"].error)


def test_what_keras_computes_where_it_is_wrong_is_not_shown_as_wrong(curves: dict[str, Curve]) -> None:
    """A right layer that keeps to Keras's sparsemax: inside, by the erratum."""
    assert curves["sparsemax"].erratum == "sparsemax"
    assert max(map(abs, curves["sparsemax"].error)) <= 1


class OnlyRelu:
    """Says that it has relu alone."""

    name = "only relu"
    capabilities = frozenset({"call"})
    declares = Declaration(activations=frozenset({"relu"}))

    def answer(self, question: Question, tensors: Tensors | None) -> Answer:
        return load("reference").answer(question, tensors)


def test_what_is_not_declared_is_not_asked() -> None:
    told = {curve.activation: curve.absent for curve in measure(OnlyRelu(), NEWEST)}
    assert told.pop("relu") == ""
    assert told == {name: f"it does not declare activation {name!r}" for name in told}
