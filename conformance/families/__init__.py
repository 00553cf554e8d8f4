"""The tensors that questions are asked with: exact ones, in which nothing can round, and random ones, in which much
does.

Everything comes from a portable integer generator (`conformance.generator`), so that the same question gives the same
bits on every platform and NumPy version; and each family asserts what it planted.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

import numpy as np

from conformance.families import exact, grids, rounding, specials
from conformance.families.parts import Family, Shape, Tensors
from conformance.generator import Stream, stream
from reference.config import DenseConfig

__all__ = ["FAMILIES", "Family", "Tensors", "digest", "draw"]


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


FAMILIES: Mapping[str, Family] = {
    "integers": Family("small integers that meet every kink: semantics, whatever the arithmetic", True, exact.integers),
    "wide": Family("odd integers of 12 bits: operands rounded to 11 bits or fewer show", True, exact.wide),
    "gather": Family("one-hot weights, full mantissas: a wrong axis, order or type shows", True, exact.gather),
    "cancel": Family("huge values that cancel: a narrow accumulator shows", True, exact.cancel),
    "scaled": Family(
        "integers, features and weights scaled against each other: tiny weights count", True, exact.scaled
    ),
    "sparse": Family("integers, most of them 0: a row and a unit of zeros are none to be left out", True, exact.sparse),
    "bits": Family("inputs of 0 and 1: every numeric type has them", True, exact.bits),
    "counts": Family("large odd integers, moved: a cast by way of a narrower type shows", True, exact.counts),
    "large_counts": Family("the same beyond 32 bits", True, exact.large_counts),
    "bytes": Family("integers up to 255, moved: a sign that bytes have not shows", True, exact.unsigned_bytes),
    "uncast": Family("small integers once rounded to a mixed policy's compute dtype", True, exact.uncast),
    "grid": Family("a dense grid of exact pre-activations: the activation's formula shows", True, grids.grid),
    "tails": Family("exact pre-activations up to the largest finite ones", True, grids.tails),
    "specials": Family("integers with NaN and infinities in rows of their own", False, specials.specials),
    "special_weights": Family("integers with NaN and infinities among the weights", False, specials.special_weights),
    "zero_weights": Family(
        "the same integers as specials, and weights of 0: NaN all the same", False, specials.zero_weights
    ),
    "special_upstream": Family(
        "integers with NaN in one place of the upstream gradient", False, specials.special_upstream
    ),
    "overflowing": Family("sums beyond the largest number, of one sign in each row", False, specials.overflowing),
    "subnormal": Family("inputs below the smallest normal number", False, specials.subnormal),
    "normal": Family("about normal, full mantissas: arithmetic", False, rounding.drawn(Stream.normals)),
    "columns": Family(
        "kernel columns of every norm, from none at all: what a constraint does", False, rounding.columns
    ),
    "positive": Family("all of one sign: errors that add up", False, rounding.drawn(rounding.positive)),
    "wide_range": Family(
        "magnitudes from 2^-10 to 2^5: errors large beside the result", False, rounding.drawn(rounding.wide_range)
    ),
    "cancelling": Family("sums that nearly cancel", False, rounding.drawn(rounding.cancelling)),
}
