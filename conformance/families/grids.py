"""Exact pre-activations at will: one feature that each unit takes as it is, or a power of two times it."""

from __future__ import annotations

import numpy as np

from conformance.families.parts import Parts, output_units
from conformance.generator import Stream
from reference.activations import ACTIVATIONS
from reference.config import DenseConfig
from reference.formats import Array

#: The dense grid of pre-activations covers [-GRID_END, GRID_END]: beyond, float32 sigmoid differs from 0 or 1 by <
#: 2^-28.
GRID_END = 20.0
#: exp of numbers beyond 2^10 overflows in every format.
NEAR_EXPONENT = 10


def grid(numbers: Stream, config: DenseConfig, rows: int, input_dim: int) -> Parts:
    """One feature per row, so that the pre-activation is the input itself, or a power of two times it."""
    format, kinks = config.format, ACTIVATIONS[config.activation].kinks
    marks = np.array([0.0, *kinks, *(point / 2 for point in range(-16, 17))])
    if config.dtype in ("float32", "float64"):
        near = np.nextafter(marks.astype(format.dtype), format.dtype.type(np.inf)).astype(np.float64)
        below = np.nextafter(marks.astype(format.dtype), format.dtype.type(-np.inf)).astype(np.float64)
        marks = np.concatenate([marks, near[: 1 + len(kinks)], below[: 1 + len(kinks)]])
    spread = numbers.uniforms((rows,), format.precision) * 2 - 1
    dense = np.where(np.arange(rows) % 2, spread * GRID_END, spread * GRID_END / 5)
    dense[: len(marks)] = marks[:rows]
    return _one_feature(numbers, config, format.round(dense), input_dim)


def tails(numbers: Stream, config: DenseConfig, rows: int, input_dim: int) -> Parts:
    """Both tails: powers of two from the smallest normal number to the largest, with full mantissas.

    Of a format with many more powers than there are rows half of them lie between 1 and 2048, where tails begin.
    """
    format = config.format
    many = format.max_exponent - format.min_exponent > 2 * rows
    near = rows // 2 if many else 0
    exponents = np.concatenate(
        [
            np.linspace(0, NEAR_EXPONENT, near).round().astype(int),
            np.linspace(format.min_exponent, format.max_exponent, max(1, rows - near)).round().astype(int)[:rows],
        ]
    )
    mantissas = np.minimum(1 + numbers.uniforms((rows,), format.precision), 2 - 2.0 ** (1 - format.precision))
    sizes = np.minimum(np.ldexp(format.round(mantissas), exponents), format.largest)
    values = np.where(numbers.integers((rows,), 0, 1) == 1, sizes, -sizes)
    values[-2:] = np.array([format.largest, -format.largest])[: len(values[-2:])]
    assert (np.abs(values) <= format.largest).all(), "tails should be finite"
    return _one_feature(numbers, config, values, input_dim, powers=(0,))


def _one_feature(
    numbers: Stream, config: DenseConfig, values: Array, input_dim: int, powers: tuple[int, ...] = (0, -1, -2, -3)
) -> Parts:
    """values as the first feature; unit 0 takes it as it is, the others with other signs and powers of two."""
    inputs = np.zeros((len(values), input_dim))
    kernel = np.zeros((input_dim, config.units))
    if input_dim:
        inputs[:, 0] = values
        turns = np.arange(config.units)
        kernel[0] = np.where(turns % 2, -1.0, 1.0) * np.ldexp(1.0, np.array(powers)[turns % len(powers)])
    upstream = numbers.signed((len(values), output_units(config)), 1, 3)
    return Parts(inputs, kernel, np.zeros(config.units), upstream)
