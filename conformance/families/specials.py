"""NaN, infinities, sums that overflow and numbers that are hardly any."""

from __future__ import annotations

import numpy as np

from conformance.families.parts import Parts, output_units, upstream_of
from conformance.generator import Stream
from reference.config import DenseConfig


def specials(numbers: Stream, config: DenseConfig, rows: int, input_dim: int) -> Parts:
    """Integers; one NaN, one infinity and one negative infinity, each in a row of its own. No weight is 0."""
    inputs = numbers.integers((rows, input_dim), -3, 3).astype(np.float64)
    kernel = numbers.integers((input_dim, config.units), 1, 3).astype(np.float64)
    if input_dim:
        for row, special in zip(range(rows), (np.nan, np.inf, -np.inf), strict=False):
            inputs[row, row % input_dim] = special
    if rows >= 4 and input_dim:
        assert np.isnan(inputs).sum() == 1, "there should be one NaN"
        assert np.isinf(inputs).sum() == 2, "there should be two infinities"
    return Parts(inputs, kernel, numbers.signed((config.units,), 1, 3), upstream_of(numbers, config, rows))


def special_weights(numbers: Stream, config: DenseConfig, rows: int, input_dim: int) -> Parts:
    """Integers; NaN and infinity as weights, each of a unit of its own; the first input of every row but one is 0."""
    inputs = numbers.signed((rows, input_dim), 1, 3)
    kernel = numbers.integers((input_dim, config.units), 1, 3).astype(np.float64)
    bias = numbers.signed((config.units,), 1, 3)
    if input_dim:
        inputs[1:, 0] = 0
        kernel[0, :2] = np.array([np.nan, np.inf])[: config.units]
    bias[2:4] = np.array([np.nan, -np.inf])[: len(bias[2:4])]
    return Parts(inputs, kernel, bias, upstream_of(numbers, config, rows))


def zero_weights(numbers: Stream, config: DenseConfig, rows: int, input_dim: int) -> Parts:
    """The same inputs as those of `specials`; every other weight is 0, in every unit and for every feature some."""
    parts = specials(numbers, config, rows, input_dim)
    features, units = np.arange(input_dim)[:, None], np.arange(config.units)
    return Parts(parts.rows, parts.kernel * ((features + units) % 2), parts.bias, parts.upstream)


def special_upstream(numbers: Stream, config: DenseConfig, rows: int, input_dim: int) -> Parts:
    """Integers, no input and no weight 0; one element of the upstream gradient, of the last row and unit, is NaN."""
    upstream = numbers.signed((rows, output_units(config)), 1, 3).astype(np.float64)
    if upstream.size:
        upstream[-1, -1] = np.nan
    inputs, kernel = numbers.signed((rows, input_dim), 1, 3), numbers.signed((input_dim, config.units), 1, 3)
    return Parts(inputs, kernel, numbers.signed((config.units,), 1, 3), upstream)


def overflowing(numbers: Stream, config: DenseConfig, rows: int, input_dim: int) -> Parts:
    """Every sum is beyond the largest number; each row has one sign."""
    signs = numbers.signed((rows, 1), 1, 1)
    inputs = signs * np.ldexp(1.0, config.format.max_exponent - 1) * np.ones((rows, input_dim))
    kernel = 4.0 * numbers.integers((input_dim, config.units), 1, 3).astype(np.float64)
    return Parts(inputs, kernel, numbers.signed((config.units,), 1, 3), upstream_of(numbers, config, rows))


def subnormal(numbers: Stream, config: DenseConfig, rows: int, input_dim: int) -> Parts:
    """Inputs so far below the smallest normal number that 1 over any of them is infinite; a bias that is none, so that
    only they are at work.
    """
    inputs = numbers.signed((rows, input_dim), 1, 1000) * np.ldexp(1.0, config.format.min_exponent - 14)
    kernel = numbers.integers((input_dim, config.units), -1, 1).astype(np.float64)
    return Parts(inputs, kernel, np.zeros(config.units), upstream_of(numbers, config, rows))
