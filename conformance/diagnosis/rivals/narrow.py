"""Ways to hold numbers in fewer bits than the dtype has."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import ml_dtypes
import numpy as np
from numpy.typing import DTypeLike

from reference.formats import FORMATS, Array
from reference.grades import Grade

Round = Callable[[Array], Array]


@dataclass(frozen=True)
class Narrow:
    """A way to hold numbers in fewer bits. says: its name in a sentence. bits: of the mantissa, the hidden one too."""

    says: str
    bits: int
    round: Round


def to_bits(bits: int) -> Round:
    """To nearest, ties to even, with every exponent."""

    def rounded(values: Array) -> Array:
        mantissa, exponent = np.frexp(values)
        return np.asarray(np.ldexp(np.round(mantissa * 2.0**bits) / 2.0**bits, exponent))

    return rounded


def to_bits_away(bits: int) -> Round:
    """To nearest, ties away from zero, as where half a step is added and the rest cut off."""

    def rounded(values: Array) -> Array:
        mantissa, exponent = np.frexp(values)
        away = np.copysign(np.floor(np.abs(mantissa) * 2.0**bits + 0.5), mantissa)
        return np.asarray(np.ldexp(away / 2.0**bits, exponent))

    return rounded


def cut_to_bits(bits: int) -> Round:
    """Truncated."""

    def cut(values: Array) -> Array:
        mantissa, exponent = np.frexp(values)
        return np.asarray(np.ldexp(np.trunc(mantissa * 2.0**bits) / 2.0**bits, exponent))

    return cut


def _stored_as(dtype: DTypeLike) -> Round:
    return lambda values: values.astype(dtype).astype(np.float64)


def _in_two(dtype: DTypeLike) -> Round:
    """Two numbers of a narrow type: the nearest, and the nearest of what is left."""

    def rounded(values: Array) -> Array:
        high = _stored_as(dtype)(values)
        return np.asarray(high + _stored_as(dtype)(values - high))

    return rounded


NARROW: tuple[Narrow, ...] = (
    Narrow("float32", 24, FORMATS["float32"].round),
    Narrow("the sum of two bfloat16", 16, _in_two(ml_dtypes.bfloat16)),
    Narrow("11 bits (TF32, float16)", 11, to_bits(11)),
    Narrow("float16", 11, FORMATS["float16"].round),
    Narrow("11 bits by truncation", 11, cut_to_bits(11)),
    Narrow("bfloat16", 8, FORMATS["bfloat16"].round),
    Narrow("bfloat16 by truncation", 8, cut_to_bits(8)),
    Narrow("6 bits", 6, to_bits(6)),
    Narrow("float8 (e4m3)", 4, _stored_as(ml_dtypes.float8_e4m3fn)),
    Narrow("float8 (e5m2)", 3, _stored_as(ml_dtypes.float8_e5m2)),
    Narrow("4 bits", 4, to_bits(4)),
)
#: Told apart from those by operands alone, among which ties are many.
AWAY: tuple[Narrow, ...] = (
    Narrow("11 bits (TF32), ties away from zero,", 11, to_bits_away(11)),
    Narrow("bfloat16, ties away from zero,", 8, to_bits_away(8)),
)
NARROW_SUMS = Grade("narrow sums", "summed in a 16-bit type, operands as they are", sums_narrowly=True)
