"""What is said of layers that no rival, or more than one, explains: nothing that is not so."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from conformance.cases import Tier
from conformance.diagnosis import conclude
from conformance.diagnosis.conclude import diagnose
from conformance.diagnosis.rules.seen import SEEN
from conformance.implementations.load import load
from conformance.recording import oracle_named
from conformance.results import Diagnosis
from conformance.run import Selection, run
from reference.activations import ACTIVATIONS

ORACLE = oracle_named("recorded")


def activated(z: Any, activation: str) -> Any:
    return ACTIVATIONS[activation].value(z.astype(np.float64)).astype(z.dtype)


def plus(z: Any, bias: Any) -> Any:
    return z if bias is None else z + bias


def tiled(inputs: Any, kernel: Any, bias: Any, activation: str) -> Any:
    """Rows behind the last whole tile are not multiplied."""
    z = inputs @ kernel
    rows = z.reshape(-1, z.shape[-1])
    if len(rows) > 16:
        rows[len(rows) // 16 * 16 :] = 0
    return activated(plus(rows.reshape(z.shape), bias), activation)


def tiled_with_a_table(inputs: Any, kernel: Any, bias: Any, activation: str) -> Any:
    if activation != "tanh":
        return tiled(inputs, kernel, bias, activation)
    z = tiled(inputs, kernel, bias, "linear")
    return np.tanh(np.round(np.nan_to_num(z.astype(np.float64)).clip(-4, 4) * 32) / 32).astype(z.dtype)


def by_knots(inputs: Any, kernel: Any, bias: Any, activation: str) -> Any:
    z = plus(inputs @ kernel, bias)
    knots = np.linspace(-4, 4, 9)
    if activation != "sigmoid":
        return activated(z, activation)
    return np.interp(z.astype(np.float64), knots, 1 / (1 + np.exp(-knots))).astype(z.dtype)


def nearly(inputs: Any, kernel: Any, bias: Any, activation: str) -> Any:
    """Each weight is off by 2^-9 of itself."""
    signs = np.sign(np.sin(1e5 * np.arange(kernel.size))).reshape(kernel.shape)
    return activated(plus(inputs @ (kernel * (1 + 2.0**-9 * signs)).astype(kernel.dtype), bias), activation)


def sorted_at_rank_4(inputs: Any, kernel: Any, bias: Any, activation: str) -> Any:
    z = inputs @ kernel
    return activated(plus(np.sort(z, axis=1) if z.ndim == 4 else z, bias), activation)


def moved_rows(inputs: Any, kernel: Any, bias: Any, activation: str) -> Any:
    rows = inputs.reshape(-1, inputs.shape[-1])
    order = np.argsort(np.sin(1e3 * np.arange(len(rows))))
    z = plus(rows[order] @ kernel, bias).reshape(*inputs.shape[:-1], kernel.shape[1])
    return activated(z, activation)


def one_without_bias(inputs: Any, kernel: Any, bias: Any, activation: str) -> Any:
    return activated(inputs @ kernel + (1 if bias is None else bias), activation)


def log_of_sigmoid(inputs: Any, kernel: Any, bias: Any, activation: str) -> Any:
    z = plus(inputs @ kernel, bias)
    if activation != "log_sigmoid":
        return activated(z, activation)
    return np.log(1 / (1 + np.exp(-z)))


def sign_by_a_table_of_reciprocals(inputs: Any, kernel: Any, bias: Any, activation: str) -> Any:
    """1 / (1 + |z|) of 12 bits, as processors estimate it."""
    z = plus(inputs @ kernel, bias)
    if activation != "softsign":
        return activated(z, activation)
    mantissa, exponent = np.frexp(1 / (1 + np.abs(z.astype(np.float64))))
    return (z * np.ldexp(np.round(mantissa * 2**12) / 2**12, exponent)).astype(z.dtype)


def narrow_tanh(inputs: Any, kernel: Any, bias: Any, activation: str) -> Any:
    z = plus(inputs @ kernel, bias)
    if activation != "tanh" or z.dtype != np.float64:
        return activated(z, activation)
    return np.tanh(z.astype(np.float32)).astype(np.float64)


def softmax_unshifted(inputs: Any, kernel: Any, bias: Any, activation: str) -> Any:
    z = plus(inputs @ kernel, bias)
    if activation != "softmax":
        return activated(z, activation)
    return np.exp(z) / np.exp(z).sum(axis=-1, keepdims=True)


def relu_without_bias(inputs: Any, kernel: Any, bias: Any, activation: str) -> Any:
    return activated(plus(inputs @ kernel, None if activation == "relu" else bias), activation)


def three_are_linear(inputs: Any, kernel: Any, bias: Any, activation: str) -> Any:
    linear = activation in ("selu", "mish", "softsign", "hard_silu")
    return activated(plus(inputs @ kernel, bias), "linear" if linear else activation)


def a_single_row_biased_twice(inputs: Any, kernel: Any, bias: Any, activation: str) -> Any:
    z = plus(inputs @ kernel, bias)
    return activated(plus(z, bias) if np.prod(z.shape[:-1]) == 1 else z, activation)


def units_start_again(inputs: Any, kernel: Any, bias: Any, activation: str) -> Any:
    units = np.arange(kernel.shape[1])
    units = np.where(units < len(units) // 8 * 8, units, units % 8)
    return activated(plus(inputs @ kernel[:, units], None if bias is None else bias[units]), activation)


def softmax_by_the_batch(inputs: Any, kernel: Any, bias: Any, activation: str) -> Any:
    """One maximum for all rows: those far below it are 0 in all units."""
    z = plus(inputs @ kernel, bias)
    if activation not in ("softmax", "log_softmax"):
        return activated(z, activation)
    below = z.astype(np.float64) - z.max(initial=-1e30)
    total = np.exp(below).sum(axis=-1, keepdims=True)
    return (np.exp(below) / total if activation == "softmax" else below - np.log(total)).astype(z.dtype)


def told_of(function: Callable[..., Any], *areas: str) -> tuple[Diagnosis, ...]:
    implementation = load(function, ORACLE.dialect)
    (report,) = run([implementation], Selection(tier=Tier.SMOKE, areas=areas), ORACLE)
    assert report.accusations
    return diagnose(report, implementation, ORACLE)


@pytest.mark.parametrize(
    ("function", "defect", "says"),
    [
        (tiled, "rows-zero", "the rows behind the last whole block of 16, where there is one, are the bias alone"),
        (by_knots, "activation-formula", "sigmoid runs in straight lines"),
        (nearly, "outputs-inexact", "the outputs are inexact: off by up to 2."),
        (sorted_at_rank_4, "rows-coupled", "the outputs of a row depend on the other rows of its batch for rank 4"),
        (moved_rows, "rows-reordered", "the rows come in another order"),
        (one_without_bias, "bias-uninvited", "1 is added although there is no bias"),
        (log_of_sigmoid, "activation-formula", "log_sigmoid is log(1 / (1 + exp(-z))), as it stands: exp overflows"),
        (sign_by_a_table_of_reciprocals, "activation-formula", "softsign is inexact, off by up to 2.4e-04"),
        (narrow_tanh, "activation-narrow", "tanh is computed in float32"),
        (softmax_unshifted, "activation-formula", "softmax is exp(z) / sum(exp(z)), not shifted by the largest unit"),
        (relu_without_bias, "bias-dropped", "with relu the bias is not added"),
        (
            three_are_linear,
            "activation-missing",
            "no activation is applied with activation hard_silu, mish, selu and softsign",
        ),
        (a_single_row_biased_twice, "bias-doubled", "the bias is added twice for a single row"),
        (units_start_again, "units-repeated", "the units behind the last whole block of 8 repeat the first ones"),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_one_sentence_and_no_other(function: Callable[..., Any], defect: str, says: str) -> None:
    (told,) = [each for each in told_of(function, "outputs") if each.defect]
    assert told.defect == defect
    assert told.says.startswith(says)


def test_an_activation_is_told_beside_a_defect_that_it_shows_as_well() -> None:
    told = [each for each in told_of(tiled_with_a_table, "outputs") if each.defect]
    assert [each.defect for each in told] == ["rows-zero", "activation-formula"]
    assert told[1].says.startswith("tanh moves in steps, as a table does")


def test_gradients_and_casts_say_nothing_where_outputs_are_wrong_for_no_known_reason() -> None:
    """They are wrong as well, and look as if they had defects of their own."""
    told = told_of(nearly, "outputs", "gradients", "dtypes")
    assert {each.defect for each in told} - {""} <= SEEN


def test_a_rule_that_raises_leaves_the_others_their_say(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(_: Any) -> Any:
        raise RuntimeError("it answers otherwise now")

    monkeypatch.setattr(conclude, "FORWARD", (broken, *conclude.FORWARD))
    told = told_of(tiled, "outputs")
    assert [each.defect for each in told] == ["rows-zero"]
    monkeypatch.setattr(conclude, "FORWARD", (broken,))
    assert "broken raised RuntimeError" in told_of(tiled, "outputs")[-1].evidence


def test_a_defect_of_all_layers_is_not_concluded_from_one_activation() -> None:
    """Few questions are asked of softmax, and rivals of the product fit some of them by chance."""
    named = {each.defect for each in told_of(softmax_by_the_batch, "outputs", "specials") if each.defect}
    assert named
    assert named <= {"rows-coupled", "nan-spreads", "infinity-nan", "activation-formula", "activation-tail"}
