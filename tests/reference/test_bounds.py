"""Every right result lies inside its interval, wrong ones outside, and what cannot round is one number."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction

import ml_dtypes
import numpy as np
import pytest
from flint import arb, ctx
from hypothesis import given, settings
from hypothesis import strategies as st

from conformance.families import Tensors, draw
from reference.activations import ACTIVATIONS, Activation
from reference.bounds import (
    Problem,
    bound_gradients,
    bound_outputs,
    bound_second_gradients,
    exactly_summable,
    pre_activation,
)
from reference.config import DenseConfig
from reference.dense import backward, forward
from reference.formats import FORMATS, Array
from reference.grades import GRADES
from reference.intervals import Interval
from reference.rivals import RIVALS

SHAPES = [(3, 7), (2, 3, 5), (4, 64)]
EXACT_FAMILIES = ("integers", "wide", "gather", "cancel", "scaled")
RANDOM_FAMILIES = ("normal", "positive", "wide_range", "cancelling")
ORDERS: dict[str, Callable[[Array, Array], Array]] = {
    "as numpy": lambda rows, kernel: rows @ kernel,
    "first to last": lambda rows, kernel: _in_turn(rows, kernel, range(len(kernel))),
    "last to first": lambda rows, kernel: _in_turn(rows, kernel, reversed(range(len(kernel)))),
    "in double": lambda rows, kernel: (rows.astype(np.float64) @ kernel.astype(np.float64)).astype(rows.dtype),
}


def _in_turn(rows: Array, kernel: Array, order: object) -> Array:
    total = np.zeros((len(rows), kernel.shape[1]), rows.dtype)
    for feature in order:  # type: ignore[attr-defined]
        total = total + rows[:, feature, None] * kernel[feature]
    return total


def problem_of(tensors: Tensors, config: DenseConfig) -> Problem:
    bias = None if tensors.bias is None else tensors.bias.astype(np.float64)
    wide = tensors.inputs.astype(np.float64), tensors.kernel.astype(np.float64)
    return Problem(*wide, bias, ACTIVATIONS[config.activation], config.format)


def drawn(family: str, activation: str, dtype: str, shape: tuple[int, ...], seed: int = 0) -> tuple[Tensors, Problem]:
    config = DenseConfig(5, activation, dtype=dtype)
    tensors = draw(family, config, shape, seed)
    return tensors, problem_of(tensors, config)


def outside(interval: Interval, values: Array) -> int:
    return int((~interval.contains(values.astype(np.float64))).sum())


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("family", EXACT_FAMILIES)
def test_exact_data_have_one_right_answer_and_it_is_the_rational_one(family: str, dtype: str) -> None:
    tensors, problem = drawn(family, "linear", dtype, (3, 4, 7))
    interval = bound_outputs(problem)
    assert interval.is_exact.all()
    rows = tensors.inputs.reshape(-1, 7).tolist()
    columns = tensors.kernel.T.tolist()
    bias = tensors.bias.tolist()
    truth = [
        sum((Fraction(x) * Fraction(w) for x, w in zip(row, column, strict=True)), Fraction(b))
        for row in rows
        for column, b in zip(columns, bias, strict=True)
    ]
    assert [Fraction(value) for value in interval.lower.ravel().tolist()] == truth


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("activation", ["linear", "relu", "relu6"])
def test_integer_gradients_are_points(activation: str, dtype: str) -> None:
    tensors, problem = drawn("integers", activation, dtype, (3, 4, 7))
    bounds = bound_gradients(problem, tensors.upstream.astype(np.float64))
    assert all(interval.is_exact.all() for interval in bounds.values())


@pytest.mark.parametrize(
    ("left", "right"),
    [
        ([[2.0**24, 1.0]], [[1.0], [1.0]]),  # 2^24 + 1 has 25 bits
        ([[1.0, 2.0**-24]], [[1.0], [1.0]]),  # so has 1 + 2^-24
        ([[2.0**-127]], [[1.0]]),  # subnormal: it may be flushed
        ([[1 + 2.0**-23]], [[1 + 2.0**-23]]),  # a product of 48 bits
    ],
)
def test_a_sum_that_can_round_is_not_called_exact(left: list[list[float]], right: list[list[float]]) -> None:
    assert not exactly_summable(np.array(left), np.array(right), None, FORMATS["float32"]).any()


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_what_is_called_exact_is_the_same_in_every_order(data: st.DataObject) -> None:
    """Powers of two far apart: some rows are certified, some are not, and no certified one depends on the order."""
    entry = st.integers(-3, 3).map(float) | st.sampled_from([2.0**k for k in range(-30, 31, 6)])
    row = data.draw(st.lists(entry, min_size=2, max_size=7))
    order = data.draw(st.permutations(range(len(row))))
    left, ones = np.array([row]), np.ones((len(row), 1))
    if exactly_summable(left, ones, None, FORMATS["float32"])[0, 0]:
        total = np.float32(0)
        for feature in order:
            total = np.float32(total + np.float32(row[feature]))
        assert Fraction(float(total)) == sum(map(Fraction, row))


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("family", RANDOM_FAMILIES)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_every_order_of_summation_is_inside(order: str, family: str, dtype: str) -> None:
    for shape in SHAPES:
        tensors, problem = drawn(family, "linear", dtype, shape)
        rows = tensors.inputs.reshape(-1, shape[-1])
        outputs = ORDERS[order](rows, tensors.kernel) + tensors.bias
        assert outside(bound_outputs(problem), outputs.reshape(*shape[:-1], 5)) == 0
        bounds = bound_gradients(problem, tensors.upstream.astype(np.float64))
        deltas = tensors.upstream.reshape(-1, 5)
        assert outside(bounds["kernel_gradient"], ORDERS[order](rows.T, deltas)) == 0
        assert outside(bounds["inputs_gradient"], ORDERS[order](deltas, tensors.kernel.T).reshape(shape)) == 0


@pytest.mark.parametrize("activation", ["linear", "relu", "tanh", "sigmoid", "exponential", "softplus"])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_the_arb_truth_of_a_whole_dense_is_inside(activation: str, dtype: str) -> None:
    """Forward and the three gradients in balls of 160 bits: rounded to float64 they are the truth to half an ulp."""
    ctx.prec = 160
    functions: dict[str, tuple[Callable[[arb], arb], Callable[[arb], arb]]] = {
        "linear": (lambda z: z, lambda z: arb(1)),
        "relu": (lambda z: z if z > 0 else arb(0), lambda z: arb(1) if z > 0 else arb(0)),
        "tanh": (lambda z: z.tanh(), lambda z: 1 - z.tanh() ** 2),
        "sigmoid": (lambda z: 1 / (1 + (-z).exp()), lambda z: 1 / (1 + (-z).exp()) / (1 + z.exp())),
        "exponential": (lambda z: z.exp(), lambda z: z.exp()),
        "softplus": (lambda z: (1 + z.exp()).log(), lambda z: 1 / (1 + (-z).exp())),
    }
    value, slope = (np.frompyfunc(function, 1, 1) for function in functions[activation])
    tensors, problem = drawn("normal", activation, dtype, (4, 6))
    ball = np.frompyfunc(lambda x: arb(float(x)), 1, 1)
    x, w, b, g = (ball(each) for each in (tensors.inputs, tensors.kernel, tensors.bias, tensors.upstream))
    z = x @ w + b
    delta = g * slope(z)
    bounds = bound_gradients(problem, tensors.upstream.astype(np.float64))
    truth = {
        "outputs": value(z),
        "kernel_gradient": x.T @ delta,
        "bias_gradient": delta.sum(axis=0),
        "inputs_gradient": delta @ w.T,
    }
    for name, balls in truth.items():
        assert outside(bounds[name], np.frompyfunc(float, 1, 1)(balls).astype(np.float64)) == 0


@pytest.mark.parametrize("activation", ["tanh", "sigmoid", "exponential", "softplus", "relu", "linear"])
def test_second_gradients_are_inside(activation: str) -> None:
    """The gradient of the gradient by its formula in balls; without the term in the curvature it would be outside."""
    ctx.prec = 200
    bent: dict[str, tuple[Callable[[arb], arb], Callable[[arb], arb]]] = {
        "linear": (lambda z: arb(1), lambda z: arb(0)),
        "relu": (lambda z: arb(1) if z > 0 else arb(0), lambda z: arb(0)),
        "tanh": (lambda z: 1 - z.tanh() ** 2, lambda z: -2 * z.tanh() * (1 - z.tanh() ** 2)),
        "sigmoid": (
            lambda z: 1 / (1 + (-z).exp()) / (1 + z.exp()),
            lambda z: 1 / (1 + (-z).exp()) / (1 + z.exp()) * (1 - 2 / (1 + (-z).exp())),
        ),
        "exponential": (lambda z: z.exp(), lambda z: z.exp()),
        "softplus": (lambda z: 1 / (1 + (-z).exp()), lambda z: 1 / (1 + (-z).exp()) / (1 + z.exp())),
    }
    slope, curvature = (np.frompyfunc(function, 1, 1) for function in bent[activation])
    tensors, problem = drawn("normal", activation, "float32", (4, 6))
    ball = np.frompyfunc(lambda x: arb(float(x)), 1, 1)
    x, w, b, g = (ball(each) for each in (tensors.inputs, tensors.kernel, tensors.bias, tensors.upstream))
    z = x @ w + b
    e, delta = (x @ w) * g * curvature(z), g * slope(z)
    bounds = bound_second_gradients(problem, tensors.upstream.astype(np.float64))
    as_float = np.frompyfunc(float, 1, 1)
    assert outside(bounds["second_kernel_gradient"], as_float(x.T @ (e + delta)).astype(np.float64)) == 0
    assert outside(bounds["second_inputs_gradient"], as_float(e @ w.T).astype(np.float64)) == 0
    without = as_float(x.T @ delta).astype(np.float64)
    if activation not in ("linear", "relu"):
        assert outside(bounds["second_kernel_gradient"], without) > 0


def test_the_pass_line_is_wider_than_grade_a() -> None:
    for family in RANDOM_FAMILIES:
        _, problem = drawn(family, "linear", "float32", (3, 300))
        assert bound_outputs(problem).encloses(bound_outputs(replace(problem, grade=GRADES["A"]))).all()


@pytest.mark.parametrize(
    "wrong",
    [
        lambda inputs, kernel, bias: inputs.astype(ml_dtypes.bfloat16).astype(np.float64) @ kernel + bias,
        lambda inputs, kernel, bias: inputs[:, :-1] @ kernel[:-1] + bias,
        lambda inputs, kernel, bias: inputs @ kernel + 2 * bias,
        lambda inputs, kernel, bias: inputs @ kernel.astype(np.float16).astype(np.float64) + bias,
    ],
    ids=["bfloat16 operands", "last feature dropped", "bias doubled", "float16 kernel"],
)
def test_wrong_arithmetic_is_outside(wrong: Callable[[Array, Array, Array], Array]) -> None:
    tensors, problem = drawn("normal", "linear", "float32", (16, 64))
    assert outside(bound_outputs(problem), wrong(problem.inputs, problem.kernel, tensors.bias)) > 0


def test_float32_inside_a_float64_layer_is_outside() -> None:
    tensors, problem = drawn("gather", "linear", "float64", (5, 7))
    narrow = tensors.inputs.astype(np.float32) @ tensors.kernel.astype(np.float32) + tensors.bias.astype(np.float32)
    assert outside(bound_outputs(problem), narrow) > 0


@pytest.mark.parametrize("slope_at_0", [1.0, 0.5])
def test_another_slope_at_a_planted_kink_is_outside(slope_at_0: float) -> None:
    tensors, problem = drawn("integers", "relu", "float32", (5, 7))
    upstream = tensors.upstream.astype(np.float64)
    z = problem.inputs @ problem.kernel + problem.bias
    assert (z == 0).any()
    delta = upstream * np.where(z > 0, 1.0, np.where(z == 0, slope_at_0, 0.0))
    bounds = bound_gradients(problem, upstream)
    assert (
        outside(bounds["kernel_gradient"], problem.inputs.T @ delta)
        + outside(bounds["bias_gradient"], delta.sum(axis=0))
        > 0
    )


def test_nothing_is_claimed_where_an_intermediate_may_overflow() -> None:
    """3e38 - 3e38 is 0, unless the first sum of two has overflowed."""
    huge = Problem(
        np.array([[3e38, 3e38, -3e38], [1.0, 1.0, 1.0]]), np.ones((3, 1)), None, ACTIVATIONS["relu"], FORMATS["float32"]
    )
    assert bound_outputs(huge).makes_no_claim.tolist() == [[True], [False]]
    assert np.isinf(pre_activation(huge).error).tolist() == [[True], [False]]


@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("shape", [(3, 7), (2, 3, 7), (0, 7), (3, 0)])
def test_the_reference_itself_rounded_once_is_inside(activation: str, shape: tuple[int, ...]) -> None:
    config = DenseConfig(6, activation)
    tensors = draw("normal", config, shape, 0)
    problem = problem_of(tensors, config)
    upstream = tensors.upstream.astype(np.float64)
    with np.errstate(all="ignore"):
        outputs = forward(problem.inputs, problem.kernel, problem.bias, problem.activation)
        gradients = backward(problem.inputs, problem.kernel, problem.bias, problem.activation, upstream)
    bounds = bound_gradients(problem, upstream)
    assert outside(bounds["outputs"], outputs.astype(np.float32)) == 0
    assert outside(bounds["kernel_gradient"], gradients.kernel.astype(np.float32)) == 0
    assert outside(bounds["bias_gradient"], gradients.bias.astype(np.float32)) == 0
    assert outside(bounds["inputs_gradient"], gradients.inputs.astype(np.float32)) == 0


@pytest.mark.parametrize("definition", [*ACTIVATIONS.values(), *RIVALS.values()], ids=[*ACTIVATIONS, *RIVALS])
def test_without_rows_the_weights_have_gradients_of_zeros(definition: Activation) -> None:
    problem = Problem(np.zeros((0, 3)), np.ones((3, 4)), np.ones(4), definition, FORMATS["float32"])
    bounds = bound_gradients(problem, np.zeros((0, definition.output_units(4))))
    for name in ("kernel_gradient", "bias_gradient"):
        assert not bounds[name].lower.any()
        assert not bounds[name].upper.any()


def test_sparsemax_of_huge_numbers_gives_all_to_the_largest() -> None:
    """From 2^53 on z - (z - 1) is 0 in float64: the support would be empty if z were not shifted."""
    z = np.array([[3e38, -3e38, 1.5e38], [1e300, 2e300, -1e300]])
    assert ACTIVATIONS["sparsemax"].value(z).tolist() == [[1, 0, 0], [0, 1, 0]]


def test_hard_silu_claims_nothing_where_six_z_overflows() -> None:
    """z relu6(z + 3) / 6 is as right a formula as z times (relu6(z + 3) / 6)."""
    z = np.array([5e37, 6e37, 3e38])
    enclosed = ACTIVATIONS["hard_silu"].enclose(z, np.zeros(3), FORMATS["float32"])
    assert enclosed.makes_no_claim.tolist() == [False, True, True]
