"""Random families: every mantissa is full, so that everything rounds."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from conformance.families.parts import Parts, Shape, output_units
from conformance.generator import Stream
from reference.config import DenseConfig
from reference.formats import Array


def drawn(inputs_of: Callable[[Stream, Shape, int], Array]) -> Callable[[Stream, DenseConfig, int, int], Parts]:
    """Random inputs of one kind; a kernel scaled by about 1 / sqrt(input_dim); every mantissa full."""

    def draw_parts(numbers: Stream, config: DenseConfig, rows: int, input_dim: int) -> Parts:
        precision = config.format.precision
        scale = 2.0 ** -(max(1, input_dim).bit_length() // 2)
        inputs = config.format.round(inputs_of(numbers, (rows, input_dim), precision))
        return Parts(
            inputs,
            config.format.round(numbers.normals((input_dim, config.units), precision) * scale),
            config.format.round(numbers.normals((config.units,), precision)),
            config.format.round(numbers.normals((rows, output_units(config)), precision)),
        )

    return draw_parts


def positive(numbers: Stream, shape: Shape, precision: int) -> Array:
    return np.abs(numbers.normals(shape, precision)) + 2.0**-4


def wide_range(numbers: Stream, shape: Shape, precision: int) -> Array:
    return np.ldexp(numbers.normals(shape, precision), numbers.integers(shape, -10, 5))


def cancelling(numbers: Stream, shape: Shape, precision: int) -> Array:
    """Neighbouring features are nearly each other's negative."""
    values = numbers.normals(shape, precision)
    half = shape[-1] // 2
    values[:, half : 2 * half] = -values[:, :half] * (1 + 2.0**-10 * numbers.normals((shape[0], half), precision))
    return values


def columns(numbers: Stream, config: DenseConfig, rows: int, input_dim: int) -> Parts:
    """Columns of the kernel of every norm: none at all, beside Keras's epsilon, below 1, and above 8; a small bias."""
    parts = drawn(Stream.normals)(numbers, config, rows, input_dim)
    sizes = np.array([0.0, 2.0**-14, 2.0**-3, 1.0, 2.0**4])[np.arange(config.units) % 5]
    return Parts(parts.rows, parts.kernel * sizes, parts.bias * 2.0**-12, parts.upstream)
