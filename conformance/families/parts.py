"""What tensors are made of, and what every family shares."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import ml_dtypes  # noqa: F401 - gives NumPy its bfloat16
from numpy.typing import NDArray

from conformance.generator import Stream
from reference.activations import ACTIVATIONS
from reference.config import DenseConfig
from reference.formats import Array

Tensor = NDArray[Any]
Shape = tuple[int, ...]


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


def output_units(config: DenseConfig) -> int:
    return ACTIVATIONS[config.activation].output_units(config.units)


def upstream_of(numbers: Stream, config: DenseConfig, rows: int) -> Array:
    """Small integers, never 0, of both signs: never all alike where there are two."""
    upstream = numbers.signed((rows, output_units(config)), 1, 3)
    if upstream.size >= 2:
        upstream.flat[0], upstream.flat[-1] = 2, -3
    return upstream
