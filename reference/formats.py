"""The floating-point formats that a Dense layer computes in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import ml_dtypes
import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray

Array = NDArray[np.float64]
Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class Format:
    """A binary format in the terms of IEEE 754: `precision` counts the hidden bit, exponents are those of 1.f × 2^e.

    The numbers that bounds are made of (unit roundoff, limits) are float64 values.
    """

    name: str
    precision: int
    min_exponent: int
    max_exponent: int
    dtype: np.dtype[np.generic]

    @property
    def unit_roundoff(self) -> float:
        """u = 2^-p: the greatest relative error of rounding to nearest."""
        return 2.0**-self.precision

    @property
    def smallest_normal(self) -> float:
        return 2.0**self.min_exponent

    @property
    def is_half(self) -> bool:
        """True for the 16-bit formats."""
        return self.precision < 24

    @property
    def underflow(self) -> float:
        """What storing a number may lose below the normal ones: all of it where subnormal numbers may be flushed to
        zero; of float16 they are in use everywhere.
        """
        return self.smallest_normal if self.min_exponent < -14 else 2.0 ** (self.min_exponent + 1 - self.precision)

    @property
    def largest(self) -> float:
        return (2.0 - 2.0 ** (1 - self.precision)) * 2.0**self.max_exponent

    @property
    def overflow_threshold(self) -> float:
        """The smallest magnitude that rounds to infinity. For float64 it is infinity itself."""
        return self.largest if self.precision == 53 else (2.0 - 2.0**-self.precision) * 2.0**self.max_exponent

    def round(self, values: ArrayLike) -> Array:
        """Values rounded to the nearest number of this format, as float64."""
        with np.errstate(all="ignore"):
            return np.asarray(values, np.float64).astype(self.dtype).astype(np.float64)

    def holds(self, values: Array) -> Mask:
        """True where a value is a number of this format, so that storing it rounds nothing."""
        return np.asarray(self.round(values) == values)

    def adds_exactly(self, values: Array, constant: float) -> Mask:
        """True where values + constant is a number of this format. Knuth's two-sum tells what float64 itself rounds."""
        total = values + constant
        taken = total - values
        lost = (values - (total - taken)) + (constant - taken)
        return np.asarray(self.holds(total) & (lost == 0))


def _format(name: str, dtype: DTypeLike, *, precision: int, exponents: tuple[int, int]) -> Format:
    return Format(name, precision, exponents[0], exponents[1], np.dtype(dtype))


FORMATS: Mapping[str, Format] = {
    format.name: format
    for format in (
        _format("float16", np.float16, precision=11, exponents=(-14, 15)),
        _format("bfloat16", ml_dtypes.bfloat16, precision=8, exponents=(-126, 127)),
        _format("float32", np.float32, precision=24, exponents=(-126, 127)),
        _format("float64", np.float64, precision=53, exponents=(-1022, 1023)),
    )
}

FLOAT64 = FORMATS["float64"]


@dataclass(frozen=True)
class Policy:
    """A dtype policy in Keras's sense: the format that a layer computes in, and the one of its variables."""

    name: str
    compute: Format
    variable: Format


#: Every dtype policy by the name that Keras gives it.
POLICIES: Mapping[str, Policy] = {
    **{name: Policy(name, format, format) for name, format in FORMATS.items()},
    "mixed_float16": Policy("mixed_float16", FORMATS["float16"], FORMATS["float32"]),
    "mixed_bfloat16": Policy("mixed_bfloat16", FORMATS["bfloat16"], FORMATS["float32"]),
}
