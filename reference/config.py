"""The arguments of one Dense layer."""

from __future__ import annotations

from dataclasses import dataclass

from reference.formats import FORMATS, Format


@dataclass(frozen=True)
class DenseConfig:
    """Valid arguments of `tf.keras.layers.Dense`, one value for each; what Keras refuses cannot be said here.

    units: positive; activation: a name of `reference.activations.ACTIVATIONS`; dtype: a name of `FORMATS`.
    Raises ValueError for anything else.
    """

    units: int
    activation: str = "linear"
    use_bias: bool = True
    dtype: str = "float32"

    def __post_init__(self) -> None:
        if type(self.units) is not int or self.units < 1:
            raise ValueError(f"units must be a positive integer, got {self.units!r} ({type(self.units).__name__})")
        if type(self.use_bias) is not bool:
            raise ValueError(f"use_bias must be True or False, got {self.use_bias!r} ({type(self.use_bias).__name__})")
        if self.dtype not in FORMATS:
            raise ValueError(f"dtype must be one of {', '.join(FORMATS)}, got {self.dtype!r}")

    @property
    def format(self) -> Format:
        """The format that the layer computes in."""
        return FORMATS[self.dtype]
