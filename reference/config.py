"""The arguments of one Dense layer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from reference.constraints import CONSTRAINTS
from reference.formats import POLICIES, Format
from reference.initializers import INITIALIZERS
from reference.regularizers import REGULARIZERS


@dataclass(frozen=True)
class DenseConfig:
    """Valid arguments of `tf.keras.layers.Dense`, one value for each; what Keras refuses cannot be said here.

    units: positive; activation: a name of `reference.activations.ACTIVATIONS`; dtype: a name of `POLICIES`; the
    initializers, regularizers and constraints: names of rows of `INITIALIZERS`, `REGULARIZERS` and `CONSTRAINTS`, or
    None for none. Raises ValueError for anything else.
    """

    units: int
    activation: str = "linear"
    use_bias: bool = True
    dtype: str = "float32"
    kernel_initializer: str = "glorot_uniform"
    bias_initializer: str = "zeros"
    kernel_regularizer: str | None = None
    bias_regularizer: str | None = None
    activity_regularizer: str | None = None
    kernel_constraint: str | None = None
    bias_constraint: str | None = None

    def __post_init__(self) -> None:
        if type(self.units) is not int or self.units < 1:
            raise ValueError(f"units must be a positive integer, got {self.units!r} ({type(self.units).__name__})")
        if type(self.use_bias) is not bool:
            raise ValueError(f"use_bias must be True or False, got {self.use_bias!r} ({type(self.use_bias).__name__})")
        if self.dtype not in POLICIES:
            raise ValueError(f"dtype must be one of {', '.join(POLICIES)}, got {self.dtype!r}")
        for argument, table in TABLES.items():
            name = getattr(self, argument)
            if name not in table and (name is not None or argument.endswith("initializer")):
                raise ValueError(f"{argument} must be one of {', '.join(table)}, got {name!r}")

    @property
    def format(self) -> Format:
        """The format that the layer computes in."""
        return POLICIES[self.dtype].compute

    @property
    def variable_format(self) -> Format:
        """The format of the layer's weights."""
        return POLICIES[self.dtype].variable


#: Which table the name that an argument holds is a row of.
TABLES: Mapping[str, Mapping[str, Any]] = {
    "kernel_initializer": INITIALIZERS,
    "bias_initializer": INITIALIZERS,
    "kernel_regularizer": REGULARIZERS,
    "bias_regularizer": REGULARIZERS,
    "activity_regularizer": REGULARIZERS,
    "kernel_constraint": CONSTRAINTS,
    "bias_constraint": CONSTRAINTS,
}
