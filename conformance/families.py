"""The tensors that questions are asked with: exact ones, in which nothing can round, and random ones, in which much
does.

Everything comes from a portable integer generator (`conformance.generator`), so that the same question gives the same
bits on every platform and NumPy version; and each family asserts what it planted.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import ml_dtypes  # noqa: F401 - gives NumPy its bfloat16
import numpy as np
from numpy.typing import NDArray

from conformance.generator import Stream, stream
from reference.activations import ACTIVATIONS
from reference.config import DenseConfig
from reference.formats import Array

Tensor = NDArray[Any]
Shape = tuple[int, ...]

#: In an exact family at most this many inputs of a row are not zero, so that the sums stay small.
BUSY_FEATURES = 64
#: The dense grid of pre-activations covers [-GRID_END, GRID_END]: beyond, float32 sigmoid differs from 0 or 1 by <
#: 2^-28.
GRID_END = 20.0


@dataclass(frozen=True)
class Tensors:
    """inputs (..., input_dim), kernel (input_dim, units), bias (units,) or None, upstream gradient (..., output units).

    All of the dtype of the config's variables, and the upstream gradient of the one that it computes in. Exact families
    have nothing that is lost between the two.
    """

    inputs: Tensor
    kernel: Tensor
    bias: Tensor | None
    upstream: Tensor

    def copies(self) -> Tensors:
        """The same, to be kept or overwritten."""
        bias = None if self.bias is None else self.bias.copy()
        return Tensors(self.inputs.copy(), self.kernel.copy(), bias, self.upstream.copy())


@dataclass(frozen=True)
class Parts:
    """What a family draws, as float64: `rows` are the inputs with all leading axes merged, (N, input_dim)."""

    rows: Array
    kernel: Array
    bias: Array
    upstream: Array


@dataclass(frozen=True)
class Family:
    """A way to make tensors. exact: sums of their products never round, in any order."""

    says: str
    exact: bool
    draw: Callable[[Stream, DenseConfig, int, int], Parts]


def draw(family: str, config: DenseConfig, input_shape: Shape, seed: int) -> Tensors:
    """The tensors of one question. Raises ValueError for an unknown family, AssertionError for one that breaks its
    word.
    """
    if family not in FAMILIES:
        raise ValueError(f"family must be one of {', '.join(FAMILIES)}, got {family!r}")
    numbers = stream(family, config.units, config.activation, config.use_bias, config.dtype, input_shape, seed)
    leading, input_dim = input_shape[:-1], input_shape[-1]
    parts = FAMILIES[family].draw(numbers, config, int(np.prod(leading, dtype=int)), input_dim)
    dtype = config.variable_format.dtype
    with np.errstate(all="ignore"):
        return Tensors(
            inputs=parts.rows.astype(dtype).reshape(input_shape),
            kernel=parts.kernel.astype(dtype),
            bias=parts.bias.astype(dtype) if config.use_bias else None,
            upstream=parts.upstream.astype(config.format.dtype).reshape(*leading, parts.upstream.shape[-1]),
        )


def digest(tensors: Tensors) -> str:
    """A fingerprint of every bit: dtype, shape and little-endian bytes of each tensor."""
    text = hashlib.sha256()
    for tensor in (tensors.inputs, tensors.kernel, tensors.bias, tensors.upstream):
        if tensor is not None:
            text.update(f"{tensor.dtype.name}{tensor.shape}".encode())
            text.update(np.ascontiguousarray(tensor).astype(tensor.dtype.newbyteorder("<")).tobytes())
    return text.hexdigest()


# ---- exact families ------------------------------------------------------------------------------------------------


def _integers(numbers: Stream, config: DenseConfig, rows: int, input_dim: int) -> Parts:
    """Small integers; each kink is met exactly, in every unit, by a row of its own."""
    inputs = numbers.integers((rows, input_dim), -3, 3).astype(np.float64)
    inputs[:, BUSY_FEATURES:] *= numbers.integers((rows, max(0, input_dim - BUSY_FEATURES)), 0, 15) == 0
    kernel = numbers.integers((input_dim, config.units), -1, 1).astype(np.float64)
    bias = numbers.signed((config.units,), 1, 3)
    upstream = _upstream(numbers, config, rows)
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


def _wide(numbers: Stream, config: DenseConfig, rows: int, input_dim: int) -> Parts:
    """Odd integers of 12 bits: what is left of them in 11 or 8 bits is something else."""
    inputs = numbers.signed((rows, input_dim), 2049, 4095)
    inputs += 1 - np.abs(inputs) % 2
    inputs *= numbers.integers((rows, input_dim), 0, max(0, -(-input_dim // BUSY_FEATURES) - 1)) == 0
    kernel = numbers.integers((input_dim, config.units), -1, 1).astype(np.float64)
    if input_dim:
        kernel[0] = 1
    parts = Parts(inputs, kernel, numbers.signed((config.units,), 1, 2047), _upstream(numbers, config, rows))
    _assert_small(parts)
    assert (np.abs(inputs) % 2)[inputs != 0].all(), "wide inputs should be odd"
    return parts


def _gather(numbers: Stream, config: DenseConfig, rows: int, input_dim: int) -> Parts:
    """Each unit takes one feature, times a power of two: outputs are inputs, moved. All mantissas are full."""
    inputs = numbers.full_mantissas((rows, input_dim), config.format.precision)
    kernel = np.zeros((input_dim, config.units))
    if input_dim:
        chosen = (numbers.integers((), 0, input_dim - 1) + np.arange(config.units)) % input_dim
        kernel[chosen, np.arange(config.units)] = np.ldexp(1.0, numbers.integers((config.units,), -2, 2))
    upstream = _upstream(numbers, config, rows)
    if rows * input_dim >= 8:
        low = np.abs(inputs) * 2.0 ** (config.format.precision - 1) % 2
        assert low.any(), "gathered inputs should use the last bit of the dtype"
    return Parts(inputs, kernel, np.zeros(config.units), upstream)


def _cancel(numbers: Stream, config: DenseConfig, rows: int, input_dim: int) -> Parts:
    """A huge value and its negative half a row apart, and small integers: what a narrow accumulator loses shows."""
    inputs = numbers.integers((rows, input_dim), -2, 2).astype(np.float64)
    inputs *= numbers.integers((rows, input_dim), 0, max(0, -(-input_dim // BUSY_FEATURES) - 1)) == 0
    kernel = numbers.integers((input_dim, config.units), -1, 1).astype(np.float64)
    half = input_dim // 2
    if half:
        huge = _huge(numbers, config, rows)
        inputs[:, 0], inputs[:, half] = huge, -huge
        kernel[0], kernel[half] = 1, 1
    parts = Parts(inputs, kernel, numbers.signed((config.units,), 1, 3), _upstream(numbers, config, rows))
    _assert_small(parts)
    return parts


def _scaled(numbers: Stream, config: DenseConfig, rows: int, input_dim: int) -> Parts:
    """Integers; each feature times a power of two, its weights divided by it: terms and sums are those of the integers.

    Half the range of the exponents, so that a product of any two of them is finite.
    """
    parts = _integers(numbers, config, rows, input_dim)
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


def _bits(numbers: Stream, config: DenseConfig, rows: int, input_dim: int) -> Parts:
    """Inputs of 0 and 1 alone, which every numeric type has."""
    inputs = numbers.integers((rows, input_dim), 0, 1).astype(np.float64)
    kernel = numbers.integers((input_dim, config.units), -1, 1).astype(np.float64)
    return Parts(inputs, kernel, numbers.signed((config.units,), 1, 3), _upstream(numbers, config, rows))


def _counts(numbers: Stream, config: DenseConfig, rows: int, input_dim: int) -> Parts:
    """Odd integers of as many bits as the compute dtype has, 30 at most; each unit takes one feature."""
    low = min(config.format.precision, 30) // 2
    high = min(config.format.precision, 30) - low
    inputs = numbers.signed((rows, input_dim), 2 ** (high - 1), 2**high - 1) * 2.0**low
    inputs += np.sign(inputs) * (2 * numbers.integers((rows, input_dim), 0, 2 ** (low - 1) - 1) + 1)
    return _one_hot(numbers, config, inputs)


def _large_counts(numbers: Stream, config: DenseConfig, rows: int, input_dim: int) -> Parts:
    """The same beyond 32 bits."""
    return _one_hot(numbers, config, _counts(numbers, config, rows, input_dim).rows * 2.0**30)


def _bytes(numbers: Stream, config: DenseConfig, rows: int, input_dim: int) -> Parts:
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
    return Parts(inputs, kernel, np.zeros(config.units), _upstream(numbers, config, rows))


def _uncast(numbers: Stream, config: DenseConfig, rows: int, input_dim: int) -> Parts:
    """Of a mixed policy: inputs and weights that become small integers when they are rounded to nearest.

    A large value and its negative cancel then; what is not rounded, or not to nearest, leaves something behind.
    """
    precision, half = config.format.precision, input_dim // 2
    parts = _integers(numbers, config, rows, input_dim)
    inputs, kernel = np.sign(parts.rows), parts.kernel.copy()
    if half:
        large = numbers.signed((rows,), 2 ** (precision - 2), 2 ** (precision - 1))
        inputs[:, 0], inputs[:, half] = large, -large
        kernel[0], kernel[half] = 1, 1
    nudge = 1 + np.where(np.arange(input_dim) < half, 1, -1) * 2.0 ** -(precision + 2)
    upstream = numbers.signed((rows, _output_units(config)), 1, 3)
    return Parts(inputs * nudge, kernel * nudge[:, None], np.sign(parts.bias), upstream)


# ---- pre-activations at will ---------------------------------------------------------------------------------------


def _grid(numbers: Stream, config: DenseConfig, rows: int, input_dim: int) -> Parts:
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


def _tails(numbers: Stream, config: DenseConfig, rows: int, input_dim: int) -> Parts:
    """Both tails: every power of two from the smallest normal number to the largest, with full mantissas."""
    format = config.format
    exponents = np.linspace(format.min_exponent, format.max_exponent, max(1, rows)).round().astype(int)[:rows]
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
    upstream = numbers.signed((len(values), _output_units(config)), 1, 3)
    return Parts(inputs, kernel, np.zeros(config.units), upstream)


def _specials(numbers: Stream, config: DenseConfig, rows: int, input_dim: int) -> Parts:
    """Integers; one NaN, one infinity and one negative infinity, each in a row of its own. No weight is 0."""
    inputs = numbers.integers((rows, input_dim), -3, 3).astype(np.float64)
    kernel = numbers.integers((input_dim, config.units), 1, 3).astype(np.float64)
    if input_dim:
        for row, special in zip(range(rows), (np.nan, np.inf, -np.inf), strict=False):
            inputs[row, row % input_dim] = special
    if rows >= 4 and input_dim:
        assert np.isnan(inputs).sum() == 1, "there should be one NaN"
        assert np.isinf(inputs).sum() == 2, "there should be two infinities"
    return Parts(inputs, kernel, numbers.signed((config.units,), 1, 3), _upstream(numbers, config, rows))


def _special_weights(numbers: Stream, config: DenseConfig, rows: int, input_dim: int) -> Parts:
    """Integers; NaN and infinity as weights, each of a unit of its own; the first input of every row but one is 0."""
    inputs = numbers.signed((rows, input_dim), 1, 3)
    kernel = numbers.integers((input_dim, config.units), 1, 3).astype(np.float64)
    bias = numbers.signed((config.units,), 1, 3)
    if input_dim:
        inputs[1:, 0] = 0
        kernel[0, :2] = np.array([np.nan, np.inf])[: config.units]
    bias[2:4] = np.array([np.nan, -np.inf])[: len(bias[2:4])]
    return Parts(inputs, kernel, bias, _upstream(numbers, config, rows))


def _special_upstream(numbers: Stream, config: DenseConfig, rows: int, input_dim: int) -> Parts:
    """Integers, no input and no weight 0; one element of the upstream gradient, of the last row and unit, is NaN."""
    upstream = numbers.signed((rows, _output_units(config)), 1, 3).astype(np.float64)
    if upstream.size:
        upstream[-1, -1] = np.nan
    inputs, kernel = numbers.signed((rows, input_dim), 1, 3), numbers.signed((input_dim, config.units), 1, 3)
    return Parts(inputs, kernel, numbers.signed((config.units,), 1, 3), upstream)


def _overflowing(numbers: Stream, config: DenseConfig, rows: int, input_dim: int) -> Parts:
    """Every sum is beyond the largest number; each row has one sign."""
    signs = numbers.signed((rows, 1), 1, 1)
    inputs = signs * np.ldexp(1.0, config.format.max_exponent - 1) * np.ones((rows, input_dim))
    kernel = 4.0 * numbers.integers((input_dim, config.units), 1, 3).astype(np.float64)
    return Parts(inputs, kernel, numbers.signed((config.units,), 1, 3), _upstream(numbers, config, rows))


def _subnormal(numbers: Stream, config: DenseConfig, rows: int, input_dim: int) -> Parts:
    """Inputs below the smallest normal number; a bias that is none, so that only they are at work."""
    inputs = numbers.signed((rows, input_dim), 1, 1000) * np.ldexp(1.0, config.format.min_exponent - 11)
    kernel = numbers.integers((input_dim, config.units), -1, 1).astype(np.float64)
    return Parts(inputs, kernel, np.zeros(config.units), _upstream(numbers, config, rows))


# ---- random families -----------------------------------------------------------------------------------------------


def _random(inputs_of: Callable[[Stream, Shape, int], Array]) -> Callable[[Stream, DenseConfig, int, int], Parts]:
    """Random inputs of one kind; a kernel scaled by about 1 / sqrt(input_dim); every mantissa full."""

    def draw_parts(numbers: Stream, config: DenseConfig, rows: int, input_dim: int) -> Parts:
        precision = config.format.precision
        scale = 2.0 ** -(max(1, input_dim).bit_length() // 2)
        inputs = config.format.round(inputs_of(numbers, (rows, input_dim), precision))
        return Parts(
            inputs,
            config.format.round(numbers.normals((input_dim, config.units), precision) * scale),
            config.format.round(numbers.normals((config.units,), precision)),
            config.format.round(numbers.normals((rows, _output_units(config)), precision)),
        )

    return draw_parts


def _positive(numbers: Stream, shape: Shape, precision: int) -> Array:
    return np.abs(numbers.normals(shape, precision)) + 2.0**-4


def _wide_range(numbers: Stream, shape: Shape, precision: int) -> Array:
    return np.ldexp(numbers.normals(shape, precision), numbers.integers(shape, -10, 5))


def _cancelling(numbers: Stream, shape: Shape, precision: int) -> Array:
    """Neighbouring features are nearly each other's negative."""
    values = numbers.normals(shape, precision)
    half = shape[-1] // 2
    values[:, half : 2 * half] = -values[:, :half] * (1 + 2.0**-10 * numbers.normals((shape[0], half), precision))
    return values


def _columns(numbers: Stream, config: DenseConfig, rows: int, input_dim: int) -> Parts:
    """Columns of the kernel of every norm: none at all, beside Keras's epsilon, below 1, and above 8; a small bias."""
    parts = FAMILIES["normal"].draw(numbers, config, rows, input_dim)
    sizes = np.array([0.0, 2.0**-14, 2.0**-3, 1.0, 2.0**4])[np.arange(config.units) % 5]
    return Parts(parts.rows, parts.kernel * sizes, parts.bias * 2.0**-12, parts.upstream)


def _output_units(config: DenseConfig) -> int:
    return ACTIVATIONS[config.activation].output_units(config.units)


def _upstream(numbers: Stream, config: DenseConfig, rows: int) -> Array:
    """Small integers, never 0, of both signs: never all alike where there are two."""
    upstream = numbers.signed((rows, _output_units(config)), 1, 3)
    if upstream.size >= 2:
        upstream.flat[0], upstream.flat[-1] = 2, -3
    return upstream


FAMILIES: Mapping[str, Family] = {
    "integers": Family("small integers that meet every kink: semantics, whatever the arithmetic", True, _integers),
    "wide": Family("odd integers of 12 bits: operands rounded to 11 bits or fewer show", True, _wide),
    "gather": Family("one-hot weights, full mantissas: a wrong axis, order or type shows", True, _gather),
    "cancel": Family("huge values that cancel: a narrow accumulator shows", True, _cancel),
    "scaled": Family("integers, features and weights scaled against each other: tiny weights count", True, _scaled),
    "bits": Family("inputs of 0 and 1: every numeric type has them", True, _bits),
    "counts": Family("large odd integers, moved: a cast by way of a narrower type shows", True, _counts),
    "large_counts": Family("the same beyond 32 bits", True, _large_counts),
    "bytes": Family("integers up to 255, moved: a sign that bytes have not shows", True, _bytes),
    "uncast": Family("small integers once rounded to a mixed policy's compute dtype", True, _uncast),
    "grid": Family("a dense grid of exact pre-activations: the activation's formula shows", True, _grid),
    "tails": Family("exact pre-activations up to the largest finite ones", True, _tails),
    "specials": Family("integers with NaN and infinities in rows of their own", False, _specials),
    "special_weights": Family("integers with NaN and infinities among the weights", False, _special_weights),
    "special_upstream": Family("integers with NaN in one place of the upstream gradient", False, _special_upstream),
    "overflowing": Family("sums beyond the largest number, of one sign in each row", False, _overflowing),
    "subnormal": Family("inputs below the smallest normal number", False, _subnormal),
    "normal": Family("about normal, full mantissas: arithmetic", False, _random(Stream.normals)),
    "columns": Family("kernel columns of every norm, from none at all: what a constraint does", False, _columns),
    "positive": Family("all of one sign: errors that add up", False, _random(_positive)),
    "wide_range": Family("magnitudes from 2^-10 to 2^5: errors large beside the result", False, _random(_wide_range)),
    "cancelling": Family("sums that nearly cancel", False, _random(_cancelling)),
}
