"""Penalties, constraints, initial weights and training steps: against Keras's own, and against their definitions."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from scipy import stats

from conformance.implementations.keras.layers import made
from reference.activations import ACTIVATIONS
from reference.config import DenseConfig
from reference.constraints import CONSTRAINTS
from reference.formats import FORMATS
from reference.initializers import INITIALIZERS, Spread
from reference.regularizers import REGULARIZERS
from reference.training import Weights, gradients_with_penalties, penalties, step

FLOAT32 = FORMATS["float32"]
#: Integers, two of them zero: columns of different norms.
KERNEL = np.array([[3.0, 0.0, -1.0], [4.0, -2.0, 2.0], [0.0, 1.0, 2.0], [-2.0, 2.0, 4.0]])


@pytest.mark.parametrize("name", REGULARIZERS)
def test_a_penalty_is_that_of_keras(name: str) -> None:
    """And so is its gradient."""
    row = REGULARIZERS[name]
    kernel = tf.Variable(KERNEL, dtype=tf.float32)
    with tf.GradientTape() as tape:
        cost = made("kernel_regularizer", name)(kernel)
    assert abs(float(cost) - row.penalty(KERNEL)) <= row.error(KERNEL, FLOAT32)
    off = np.abs(np.asarray(tape.gradient(cost, kernel), np.float64) - row.gradient(KERNEL))
    assert (off <= row.gradient_error(KERNEL, FLOAT32)).all()


@pytest.mark.parametrize("name", ["orthogonal_rows", "orthogonal_columns"])
def test_a_doubt_of_an_orthogonal_gradient_is_small_beside_it(name: str) -> None:
    """But for vectors at right angles, whose cosine may have either sign."""
    row, skew = REGULARIZERS[name], np.array([[3.0, 1.0], [1.0, 2.0]])
    assert (row.gradient_error(skew, FLOAT32) < 1e-4 * np.abs(row.gradient(skew)).max()).all()
    assert row.gradient_error(np.eye(2), FLOAT32).max() > 0.1


@pytest.mark.parametrize("name", CONSTRAINTS)
def test_a_constrained_weight_is_that_of_keras(name: str) -> None:
    row = CONSTRAINTS[name]
    found = np.asarray(made("kernel_constraint", name)(tf.constant(KERNEL, tf.float32)))
    assert (np.abs(found - row.apply(KERNEL)) <= row.error(KERNEL, FLOAT32)).all()
    assert (row.apply(KERNEL) != KERNEL).any(), "the kernel must be one that the constraint changes"


@pytest.mark.parametrize("name", [name for name, row in INITIALIZERS.items() if row.values])
@pytest.mark.parametrize("shape", [(4, 7), (7, 4)], ids=str)
def test_certain_values_are_those_of_keras(name: str, shape: tuple[int, ...]) -> None:
    values = INITIALIZERS[name].values
    assert values is not None
    np.testing.assert_array_equal(made("kernel_initializer", name)(shape), values(shape).astype(np.float32))


@pytest.mark.parametrize("name", [name for name, row in INITIALIZERS.items() if row.spread])
def test_draws_of_keras_fill_the_support_and_do_not_leave_it(name: str) -> None:
    """Of n draws the greatest is below the (1 - 23 / n)-quantile with a probability of exp(-23), about 1e-10."""
    spread = INITIALIZERS[name].spread
    assert spread is not None
    shape = (30, 700)
    drawn = np.asarray(made("kernel_initializer", name)(shape), np.float64)
    assert spread(shape).distribution(drawn.max()) > 1 - 23 / drawn.size
    assert drawn.max() <= spread(shape).limit * (1 + 8 * FLOAT32.unit_roundoff)


@pytest.mark.parametrize("shape", ["uniform", "normal", "truncated"])
def test_a_distribution_is_that_of_scipy(shape: str) -> None:
    """By its function, its limit and its second moment, all to a few roundings of float64."""
    spread = Spread(shape, 0.5)
    half = 0.5 * np.sqrt(3)
    laws = {
        "uniform": stats.uniform(-half, 2 * half),
        "normal": stats.norm(0, 0.5),
        "truncated": stats.truncnorm(-2, 2, scale=0.5),
    }
    law, values = laws[shape], np.linspace(-3, 3, 101)
    doubt = 16 * FORMATS["float64"].unit_roundoff
    assert np.abs(spread.distribution(values) - law.cdf(values)).max() <= doubt
    assert np.isinf(spread.limit) or abs(spread.limit - law.support()[1]) <= doubt
    assert abs(spread.second_moment - law.moment(2)) <= doubt


EVERYTHING = DenseConfig(3, kernel_regularizer="l2", bias_regularizer="l2", activity_regularizer="l2")
INPUTS = np.array([[1.0, -2.0, 0.0, 3.0], [2.0, 1.0, -1.0, 0.0]])
UPSTREAM = np.array([[1.0, -1.0, 2.0], [0.0, 3.0, -2.0]])
BIAS = np.array([1.0, -2.0, 0.0])


@pytest.mark.parametrize("divides", [True, False])
@pytest.mark.parametrize("use_bias", [True, False])
def test_gradients_are_those_of_the_whole_loss(divides: bool, use_bias: bool) -> None:
    """The loss is quadratic, so that central differences are its derivative, and on integers nothing rounds."""
    config = replace(EVERYTHING, use_bias=use_bias)
    weights = Weights(KERNEL, BIAS if use_bias else None)
    given = (config, INPUTS, weights, ACTIVATIONS["linear"])

    def loss(kernel: Any, bias: Any) -> float:
        outputs = INPUTS @ kernel + (0 if bias is None else bias)
        costs = penalties(config, INPUTS, Weights(kernel, bias), ACTIVATIONS["linear"], divides=divides)
        return float((UPSTREAM * outputs).sum() + sum(costs.values()))

    found = gradients_with_penalties(*given, UPSTREAM, divides=divides)
    for place in np.ndindex(KERNEL.shape):
        nudge = np.zeros_like(KERNEL)
        nudge[place] = 0.5
        assert found.kernel[place] == loss(KERNEL + nudge, weights.bias) - loss(KERNEL - nudge, weights.bias)
    if weights.bias is None:
        return
    for at in range(3):
        nudge = np.eye(3)[at] / 2
        assert found.bias[at] == loss(KERNEL, BIAS + nudge) - loss(KERNEL, BIAS - nudge)


def test_a_step_goes_down_the_gradient_and_then_constrains() -> None:
    config = DenseConfig(3, kernel_constraint="non_neg")
    after = step(Weights(KERNEL, BIAS), Weights(np.full_like(KERNEL, 2.0), np.full_like(BIAS, 4.0)), 0.5, config)
    np.testing.assert_array_equal(after.kernel, np.maximum(KERNEL - 1, 0))
    np.testing.assert_array_equal(after.bias, BIAS - 2)
