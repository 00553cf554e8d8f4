"""Dense against its definition in rational numbers, loop by loop."""

from __future__ import annotations

from fractions import Fraction
from itertools import product as indices

import numpy as np
import pytest

from conformance.families import draw
from reference.activations import ACTIVATIONS
from reference.config import DenseConfig
from reference.dense import backward, forward, output_shape, parameter_count

SHAPES = [(3, 7), (2, 3, 5), (2, 3, 1, 5), (2, 1, 2, 3, 5), (1, 2, 1, 2, 3, 5), (0, 3), (3, 0), (2, 0, 3)]


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("use_bias", [True, False])
def test_forward_and_backward_are_the_sums_that_define_them(shape: tuple[int, ...], use_bias: bool) -> None:
    """relu on integers: every product and sum is exact, so equality is equality."""
    config = DenseConfig(4, "relu", use_bias)
    tensors = draw("integers", config, shape, 0)
    bias = None if tensors.bias is None else tensors.bias.astype(np.float64)
    wide = tensors.inputs.astype(np.float64), tensors.kernel.astype(np.float64), bias
    outputs = forward(*wide, ACTIVATIONS["relu"])
    gradients = backward(*wide, ACTIVATIONS["relu"], tensors.upstream.astype(np.float64))

    kernel, upstream = tensors.kernel.tolist(), tensors.upstream
    to_kernel = [[Fraction(0)] * 4 for _ in range(shape[-1])]
    to_bias = [Fraction(0)] * 4
    for row in indices(*map(range, shape[:-1])):
        for unit in range(4):
            z = sum(Fraction(float(tensors.inputs[(*row, k)])) * Fraction(kernel[k][unit]) for k in range(shape[-1]))
            z += 0 if tensors.bias is None else Fraction(float(tensors.bias[unit]))
            assert outputs[(*row, unit)] == max(z, 0)
            delta = Fraction(float(upstream[(*row, unit)])) if z > 0 else Fraction(0)
            to_bias[unit] += delta
            for k in range(shape[-1]):
                to_kernel[k][unit] += delta * Fraction(float(tensors.inputs[(*row, k)]))
    assert gradients.kernel.tolist() == to_kernel
    assert gradients.bias.tolist() == to_bias
    assert gradients.inputs.shape == shape
    assert outputs.shape == (*shape[:-1], 4)


def test_the_examples_that_everybody_quotes() -> None:
    assert parameter_count(DenseConfig(10 * 10 * 256, use_bias=False), 100) == 2_560_000
    assert parameter_count(DenseConfig(32), 16) == 544
    assert parameter_count(DenseConfig(32), 32) == 1056


@pytest.mark.parametrize("shape", [(), (7,)])
def test_fewer_than_two_axes_have_no_output_shape(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="at least 2 axes"):
        output_shape(DenseConfig(3), shape)


def test_glu_halves_the_units_and_unknown_axes_stay_unknown() -> None:
    assert output_shape(DenseConfig(6, "glu"), (None, None, 7)) == (None, None, 3)
