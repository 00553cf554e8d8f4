"""Exact families: whatever the order of their sums, nothing rounds."""

from __future__ import annotations

import numpy as np

from conformance.families.parts import Parts, output_units, upstream_of
from conformance.generator import Stream
from reference.activations import ACTIVATIONS
from reference.config import DenseConfig
from reference.formats import Array

#: In an exact family at most this many inputs of a row are not zero, so that the sums stay small.
BUSY_FEATURES = 64


def integers(numbers: Stream, config: DenseConfig, rows: int, input_dim: int) -> Parts:
    """Small integers; each kink is met exactly, in every unit, by a row of its own."""
    inputs = numbers.integers((rows, input_dim), -3, 3).astype(np.float64)
    inputs[:, BUSY_FEATURES:] *= numbers.integers((rows, max(0, input_dim - BUSY_FEATURES)), 0, 15) == 0
    kernel = numbers.integers((input_dim, config.units), -1, 1).astype(np.float64)
    bias = numbers.signed((config.units,), 1, 3)
    upstream = upstream_of(numbers, config, rows)
    return _with_kinks(Parts(inputs, kernel, bias, upstream), config)


def _with_kinks(parts: Parts, config: DenseConfig) -> Parts:
    """Row r meets the r-th kink in every unit: one feature that every unit weighs by 1, and a bias that is alike for
    all.

    Works without bias as well. The upstream gradient is nowhere 0, so that the slope at the kink shows.
    """
    kinks = ACTIVATIONS[config.activation].kinks
    if not kinks or not parts.rows.size or not config.units:
        return parts
    rows, kernel, bias = parts.rows.copy(), parts.kernel.copy(), np.full_like(parts.bias, parts.bias.flat[0])
    kernel[0, :] = 1
    offset = bias[0] if config.use_bias else 0.0
    for row, kink in zip(range(len(rows)), kinks, strict=False):
        rows[row, :] = 0
        rows[row, 0] = kink - offset
        met = rows[row] @ kernel + offset
        assert (met == kink).all(), f"row {row} should meet the kink {kink} in every unit, got {met}"
        assert (parts.upstream[row] != 0).all(), f"the upstream gradient of row {row} should be nowhere 0"
    return Parts(rows, kernel, bias, parts.upstream)


def wide(numbers: Stream, config: DenseConfig, rows: int, input_dim: int) -> Parts:
    """Odd integers of 12 bits: what is left of them in 11 or 8 bits is something else."""
    inputs = numbers.signed((rows, input_dim), 2049, 4095)
    inputs += 1 - np.abs(inputs) % 2
    inputs *= numbers.integers((rows, input_dim), 0, max(0, -(-input_dim // BUSY_FEATURES) - 1)) == 0
    kernel = numbers.integers((input_dim, config.units), -1, 1).astype(np.float64)
    if input_dim:
        kernel[0] = 1
    parts = Parts(inputs, kernel, numbers.signed((config.units,), 1, 2047), upstream_of(numbers, config, rows))
    _assert_small(parts)
    assert (np.abs(inputs) % 2)[inputs != 0].all(), "wide inputs should be odd"
    return parts


def gather(numbers: Stream, config: DenseConfig, rows: int, input_dim: int) -> Parts:
    """Each unit takes one feature, times a power of two: outputs are inputs, moved. All mantissas are full."""
    inputs = numbers.full_mantissas((rows, input_dim), config.format.precision)
    kernel = np.zeros((input_dim, config.units))
    if input_dim:
        chosen = (numbers.integers((), 0, input_dim - 1) + np.arange(config.units)) % input_dim
        kernel[chosen, np.arange(config.units)] = np.ldexp(1.0, numbers.integers((config.units,), -2, 2))
    upstream = upstream_of(numbers, config, rows)
    if rows * input_dim >= 8:
        low = np.abs(inputs) * 2.0 ** (config.format.precision - 1) % 2
        assert low.any(), "gathered inputs should use the last bit of the dtype"
    return Parts(inputs, kernel, np.zeros(config.units), upstream)


def cancel(numbers: Stream, config: DenseConfig, rows: int, input_dim: int) -> Parts:
    """A huge value and its negative half a row apart, and small integers: what a narrow accumulator loses shows."""
    inputs = numbers.integers((rows, input_dim), -2, 2).astype(np.float64)
    inputs *= numbers.integers((rows, input_dim), 0, max(0, -(-input_dim // BUSY_FEATURES) - 1)) == 0
    kernel = numbers.integers((input_dim, config.units), -1, 1).astype(np.float64)
    half = input_dim // 2
    if half:
        huge = _huge(numbers, config, rows)
        inputs[:, 0], inputs[:, half] = huge, -huge
        kernel[0], kernel[half] = 1, 1
    parts = Parts(inputs, kernel, numbers.signed((config.units,), 1, 3), upstream_of(numbers, config, rows))
    _assert_small(parts)
    return parts


def scaled(numbers: Stream, config: DenseConfig, rows: int, input_dim: int) -> Parts:
    """Integers; each feature times a power of two, its weights divided by it: terms and sums are those of the integers.

    Half the range of the exponents, so that a product of any two of them is finite.
    """
    parts = integers(numbers, config, rows, input_dim)
    limit = min(-config.format.min_exponent, config.format.max_exponent) // 2
    exponents = numbers.integers((input_dim,), -limit, limit)
    exponents[:2] = np.array([limit, -limit])[:input_dim]
    inputs, kernel = np.ldexp(parts.rows, exponents), np.ldexp(parts.kernel, -exponents[:, None])
    assert (inputs @ kernel == parts.rows @ parts.kernel).all(), "scaled features should leave the sums as they are"
    return Parts(inputs, kernel, parts.bias, parts.upstream)


def _huge(numbers: Stream, config: DenseConfig, rows: int) -> Array:
    """What leaves no room for small integers in 21 bits, or, of a half type, in its own precision."""
    if not config.format.is_half:
        return numbers.signed((rows,), 2**20, 2**21 - 1)
    precision = config.format.precision
    return numbers.signed((rows,), 2 ** (precision - 1), 2**precision - 1) * 2.0**4


def _assert_small(parts: Parts) -> None:
    """The sum of absolute terms fits the 24 bits of float32, so no order of summation can round."""
    total = np.abs(parts.rows) @ np.abs(parts.kernel) + np.abs(parts.bias)
    assert total.max(initial=0.0) <= 2.0**24, f"a sum of absolute terms should be <= 2^24, got {total.max()}"


def sparse(numbers: Stream, config: DenseConfig, rows: int, input_dim: int) -> Parts:
    """Integers, most of them 0; the last row has no others, nor have the weights of the last unit.

    Of several units the first has a bias of 0.
    """
    inputs = numbers.integers((rows, input_dim), -3, 3) * (numbers.integers((rows, input_dim), 0, 2) == 0)
    kernel = numbers.signed((input_dim, config.units), 1, 3) * (numbers.integers((input_dim, config.units), 0, 2) == 0)
    inputs[-1:], kernel[:, -1:] = 0, 0
    bias = numbers.signed((config.units,), 1, 3)
    bias[:-1][:1] = 0
    return Parts(inputs.astype(np.float64), kernel.astype(np.float64), bias, upstream_of(numbers, config, rows))


def bits(numbers: Stream, config: DenseConfig, rows: int, input_dim: int) -> Parts:
    """Inputs of 0 and 1 alone, which every numeric type has; weights in quarters, which no type of integers has."""
    inputs = numbers.integers((rows, input_dim), 0, 1).astype(np.float64)
    kernel = numbers.integers((input_dim, config.units), -5, 5) / 4
    return Parts(inputs, kernel, numbers.signed((config.units,), 1, 7) / 4, upstream_of(numbers, config, rows))


def counts(numbers: Stream, config: DenseConfig, rows: int, input_dim: int) -> Parts:
    """Odd integers of as many bits as the compute dtype has, 30 at most; each unit takes one feature."""
    low = min(config.format.precision, 30) // 2
    high = min(config.format.precision, 30) - low
    inputs = numbers.signed((rows, input_dim), 2 ** (high - 1), 2**high - 1) * 2.0**low
    inputs += np.sign(inputs) * (2 * numbers.integers((rows, input_dim), 0, 2 ** (low - 1) - 1) + 1)
    return _one_hot(numbers, config, inputs)


def large_counts(numbers: Stream, config: DenseConfig, rows: int, input_dim: int) -> Parts:
    """The same beyond 32 bits."""
    return _one_hot(numbers, config, counts(numbers, config, rows, input_dim).rows * 2.0**30)


def unsigned_bytes(numbers: Stream, config: DenseConfig, rows: int, input_dim: int) -> Parts:
    """All that 8 bits without a sign can say, the largest included."""
    inputs = numbers.integers((rows, input_dim), 0, 255).astype(np.float64)
    inputs.flat[:1] = 255
    return _one_hot(numbers, config, inputs)


def _one_hot(numbers: Stream, config: DenseConfig, inputs: Array) -> Parts:
    """Outputs are inputs, moved."""
    rows, input_dim = inputs.shape
    kernel = np.zeros((input_dim, config.units))
    if input_dim:
        kernel[np.arange(config.units) % input_dim, np.arange(config.units)] = 1
    return Parts(inputs, kernel, np.zeros(config.units), upstream_of(numbers, config, rows))


def uncast(numbers: Stream, config: DenseConfig, rows: int, input_dim: int) -> Parts:
    """Of a mixed policy: inputs and weights that become small integers when they are rounded to nearest.

    A large value and its negative cancel then; what is not rounded, or not to nearest, leaves something behind.
    """
    precision, half = config.format.precision, input_dim // 2
    parts = integers(numbers, config, rows, input_dim)
    inputs, kernel = np.sign(parts.rows), parts.kernel.copy()
    if half:
        large = numbers.signed((rows,), 2 ** (precision - 2), 2 ** (precision - 1))
        inputs[:, 0], inputs[:, half] = large, -large
        kernel[0], kernel[half] = 1, 1
    nudge = 1 + np.where(np.arange(input_dim) < half, 1, -1) * 2.0 ** -(precision + 2)
    upstream = numbers.signed((rows, output_units(config)), 1, 3)
    return Parts(inputs * nudge, kernel * nudge[:, None], np.sign(parts.bias), upstream)
