"""The reference against real TensorFlow: outputs, gradients, parameter counts and rank above 2, across all settings.

Nothing here goes through the suite's own adapter or judge: the real layer is held to the reference's intervals.
"""

from __future__ import annotations

import numpy as np
import pytest

from conformance.cases import STANDARD_SHAPES
from conformance.families import draw
from reference.activations import ACTIVATIONS, Activation
from reference.bounds import Problem, bound_gradients
from reference.config import DenseConfig
from reference.dense import kernel_shape, output_shape, parameter_count
from reference.intervals import Interval
from reference.rivals import RIVALS
from tests.keras_layers import Array, answer, layer

#: Where real Keras computes something else: there the rival row holds, for this dtype or for both.
KERAS_DIFFERS = {
    ("sparsemax", "float32"),
    ("sparsemax", "float64"),
    ("celu", "float32"),
    ("celu", "float64"),
    ("selu", "float32"),
    ("selu", "float64"),
    ("gelu", "float64"),
    ("leaky_relu", "float64"),
}
EXACT = ("linear", "relu", "relu6", "hard_tanh", "hard_shrink", "soft_shrink")
RANKS = (2, 3, 4, 5, 6)
#: Where oneDNN computes softmax, the real layer raises from six axes on: the erratum softmax-of-six-axes.
RANKS_OF = {"softmax": (2, 3, 4, 5)}


def row_of(activation: str, dtype: str) -> Activation:
    return RIVALS[activation] if (activation, dtype) in KERAS_DIFFERS else ACTIVATIONS[activation]


def units_of(activation: str) -> int:
    return 6 if activation == "glu" else 5


def held(config: DenseConfig, shape: tuple[int, ...], family: str) -> tuple[dict[str, Array], dict[str, Interval]]:
    """What the real layer answered, and where the reference says that it must lie."""
    tensors = draw(family, config, shape, 7)
    bias = None if tensors.bias is None else tensors.bias.astype(np.float64)
    row = row_of(config.activation, config.dtype)
    wide = tensors.inputs.astype(np.float64), tensors.kernel.astype(np.float64)
    bounds = bound_gradients(Problem(*wide, bias, row, config.format), tensors.upstream.astype(np.float64))
    return answer(config, tensors), dict(bounds)


def misses(answered: dict[str, Array], bounds: dict[str, Interval]) -> dict[str, int]:
    """For each tensor, how many elements lie outside."""
    assert set(answered) == set(bounds)
    return {name: int((~bounds[name].contains(answered[name].astype(np.float64))).sum()) for name in bounds}


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("use_bias", [True, False], ids=["bias", "nobias"])
@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_outputs_and_gradients_of_every_rank(activation: str, use_bias: bool, dtype: str) -> None:
    """Integers that meet every kink, and random numbers; all ranks share one built layer."""
    config = DenseConfig(units_of(activation), activation, use_bias, dtype)
    for rank in RANKS_OF.get(activation, RANKS):
        for family in ("integers", "normal"):
            answered, bounds = held(config, STANDARD_SHAPES[rank], family)
            assert misses(answered, bounds) == dict.fromkeys(bounds, 0), f"rank {rank}, {family}"
            assert answered["outputs"].shape == output_shape(config, STANDARD_SHAPES[rank])
            assert answered["outputs"].dtype == dtype


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("family", ["integers", "wide", "gather", "cancel", "scaled"])
@pytest.mark.parametrize("activation", [name for name in EXACT if name != "soft_shrink"])
def test_exact_data_agree_to_the_last_bit(activation: str, family: str, dtype: str) -> None:
    """The outputs' interval is one number everywhere, for integers the gradients' too, and TensorFlow's is that one."""
    config = DenseConfig(5, activation, dtype=dtype)
    for shape in ((3, 7), (2, 3, 7), (2, 61)):
        answered, bounds = held(config, shape, family)
        exact = bounds.values() if family in ("integers", "scaled") else [bounds["outputs"]]
        assert all(interval.is_exact.all() for interval in exact), f"{shape} is not certified"
        assert misses(answered, bounds) == dict.fromkeys(bounds, 0)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("family", ["normal", "positive", "wide_range", "cancelling"])
@pytest.mark.parametrize("activation", ["linear", "relu", "tanh", "gelu", "softmax"])
def test_arithmetic_of_many_features(activation: str, family: str, dtype: str) -> None:
    config = DenseConfig(5, activation, dtype=dtype)
    for shape in ((5, 1), (16, 64), (5, 509)):
        answered, bounds = held(config, shape, family)
        assert misses(answered, bounds) == dict.fromkeys(bounds, 0)


@pytest.mark.parametrize(
    "shape", [(0, 7), (1, 7), (33, 7), (3, 0), (2, 3, 0), (0, 3, 7), (7, 7, 7), (1, 1, 1)], ids=str
)
@pytest.mark.parametrize("units", [1, 3, 4, 7])
def test_sizes_at_the_edge(shape: tuple[int, ...], units: int) -> None:
    answered, bounds = held(DenseConfig(units, "relu"), shape, "integers")
    assert misses(answered, bounds) == dict.fromkeys(bounds, 0)


@pytest.mark.parametrize("use_bias", [True, False], ids=["bias", "nobias"])
@pytest.mark.parametrize("shape", [(None, 16), (None, 3, 5), (2, 3, 4, 7), (None, 100)], ids=str)
def test_parameter_counts_and_shapes(shape: tuple[int | None, ...], use_bias: bool) -> None:
    """Whatever the rank: the kernel sees the last axis alone."""
    import tensorflow as tf

    config, width = DenseConfig(9, use_bias=use_bias), shape[-1]
    assert width is not None
    real = tf.keras.layers.Dense(9, use_bias=use_bias)
    real.build(shape)
    assert real.count_params() == parameter_count(config, width)
    assert tuple(real.kernel.shape) == kernel_shape(config, width)
    assert tuple(real.compute_output_shape(shape)) == output_shape(config, shape)


def test_the_example_that_everybody_quotes() -> None:
    config = DenseConfig(10 * 10 * 256, use_bias=False)
    assert layer(config, 100).count_params() == parameter_count(config, 100) == 2_560_000


def test_the_matrix_notices_a_wrong_row() -> None:
    """hard_sigmoid of Keras 2 in place of today's: outside."""
    config = DenseConfig(5, "hard_sigmoid")
    tensors = draw("normal", config, (16, 64), 7)
    wide = tensors.inputs.astype(np.float64), tensors.kernel.astype(np.float64), tensors.bias.astype(np.float64)
    problem = Problem(*wide, RIVALS["hard_sigmoid"], config.format)
    bounds = dict(bound_gradients(problem, tensors.upstream.astype(np.float64)))
    assert misses(answer(config, tensors), bounds)["outputs"] > 0
