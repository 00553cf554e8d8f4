"""A portable generator of numbers: 64-bit integers with wrap-around, nothing else.

SplitMix64 (Steele, Lea and Flood, OOPSLA 2014), counted from a hash of what is asked, so that a question's tensors are
the same bits on every platform. Nothing here takes a logarithm or a cosine: those differ from library to library.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from reference.formats import Array

_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_MIX = ((np.uint64(30), np.uint64(0xBF58476D1CE4E5B9)), (np.uint64(27), np.uint64(0x94D049BB133111EB)))
_LAST = np.uint64(31)


def stream(*asked: object) -> Stream:
    """The numbers that belong to these words."""
    text = "\0".join(str(word) for word in asked)
    return Stream(int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "little"))


@dataclass
class Stream:
    """A position in the sequence. Every method draws what it returns and moves on."""

    position: int

    def words(self, count: int) -> NDArray[np.uint64]:
        """The next integers of 64 random bits."""
        with np.errstate(over="ignore"):
            state = np.uint64(self.position) + _GOLDEN * np.arange(1, count + 1, dtype=np.uint64)
            for shift, factor in _MIX:
                state = (state ^ (state >> shift)) * factor
        self.position = (self.position + int(_GOLDEN) * count) % 2**64
        return state ^ (state >> _LAST)

    def integers(self, shape: tuple[int, ...], low: int, high: int) -> NDArray[np.int64]:
        """Integers from low to high, both included. The bias of the remainder is below 2^-40: high - low < 2^24."""
        count = int(np.prod(shape, dtype=int))
        span = np.uint64(high - low + 1)
        return ((self.words(count) >> np.uint64(1)) % span).astype(np.int64).reshape(shape) + low

    def signed(self, shape: tuple[int, ...], low: int, high: int) -> Array:
        """Integers of magnitude low to high, of either sign, as float64."""
        sizes = self.integers(shape, low, high)
        return np.where(self.integers(shape, 0, 1) == 1, sizes, -sizes).astype(np.float64)

    def uniforms(self, shape: tuple[int, ...], precision: int) -> Array:
        """Multiples of 2^-precision in [0, 1)."""
        words = self.words(int(np.prod(shape, dtype=int))) >> np.uint64(64 - precision)
        return words.astype(np.float64).reshape(shape) * 2.0**-precision

    def full_mantissas(self, shape: tuple[int, ...], precision: int) -> Array:
        """±[1, 2) with every bit of a mantissa in use, the last one mostly."""
        sizes = 1 + self.uniforms(shape, precision - 1)
        return np.where(self.integers(shape, 0, 1) == 1, sizes, -sizes)

    def normals(self, shape: tuple[int, ...], precision: int) -> Array:
        """About normal, of mean 0 and variance 1: the sum of 12 uniform numbers, less 6.

        Each summand has the precision asked for, so that the low bits are random as well.
        """
        first, *others = self.uniforms((12, *shape), precision)
        return sum(others, start=first) - 6.0
