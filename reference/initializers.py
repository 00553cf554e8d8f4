"""How weights begin: one row for each initializer, under the name that a config gives it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from math import erf, exp, inf, pi, sqrt
from typing import Any

import numpy as np
from scipy.special import ndtr

from reference.formats import Array

Shape = tuple[int, ...]


@dataclass(frozen=True)
class Spread:
    """A distribution around 0. shape: uniform, normal, or truncated at two standard deviations of the untruncated one;
    deviation: of what is drawn, or, of a truncated one, before it is truncated.
    """

    shape: str
    deviation: float

    @property
    def limit(self) -> float:
        """The greatest magnitude that is drawn."""
        return self.deviation * {"uniform": sqrt(3), "truncated": 2.0, "normal": inf}[self.shape]

    @property
    def second_moment(self) -> float:
        """The mean of the squares."""
        return (self.deviation * (TRUNCATED if self.shape == "truncated" else 1.0)) ** 2

    def distribution(self, values: Array) -> Array:
        """The probability of drawing no more than each value."""
        if self.shape == "uniform":
            return np.clip((values / self.limit + 1) / 2, 0.0, 1.0)
        below = ndtr(values / self.deviation)
        return below if self.shape == "normal" else np.clip((below - ndtr(-2)) / (ndtr(2) - ndtr(-2)), 0.0, 1.0)


@dataclass(frozen=True)
class Initializer:
    """keras: the name of its class in `keras.initializers`; arguments: those of its constructor.

    values: what it makes of a shape, where that is certain. spread: its distribution for a shape, where it has one.
    """

    keras: str
    arguments: Mapping[str, Any] = field(default_factory=dict)
    values: Callable[[Shape], Array] | None = None
    spread: Callable[[Shape], Spread] | None = None


#: The standard deviation of a standard normal truncated at 2, sqrt(1 - 4 phi(2) / (2 Phi(2) - 1)): by it Keras's
#: variance scaling is corrected.
TRUNCATED = sqrt(1 - 4 * exp(-2) / sqrt(2 * pi) / erf(sqrt(2)))


def _fans(shape: Shape) -> tuple[int, int]:
    """Of a kernel (input_dim, units): those two. Of a vector both are its length."""
    return (shape[0], shape[1]) if len(shape) == 2 else (shape[0], shape[0])


def _scaled(scale: float, mode: str, shape_of: str) -> Callable[[Shape], Spread]:
    """Variance scale / fan: of the inputs, or the mean of both fans."""

    def spread(shape: Shape) -> Spread:
        fan_in, fan_out = _fans(shape)
        deviation = sqrt(scale / (fan_in if mode == "fan_in" else (fan_in + fan_out) / 2))
        return Spread(shape_of, deviation / TRUNCATED if shape_of == "truncated" else deviation)

    return spread


def _plain(shape_of: str, deviation: float) -> Callable[[Shape], Spread]:
    return lambda _: Spread(shape_of, deviation)


_DRAWN: Mapping[str, tuple[str, Callable[[Shape], Spread]]] = {
    "glorot_uniform": ("GlorotUniform", _scaled(1.0, "fan_avg", "uniform")),
    "glorot_normal": ("GlorotNormal", _scaled(1.0, "fan_avg", "truncated")),
    "he_uniform": ("HeUniform", _scaled(2.0, "fan_in", "uniform")),
    "he_normal": ("HeNormal", _scaled(2.0, "fan_in", "truncated")),
    "lecun_uniform": ("LecunUniform", _scaled(1.0, "fan_in", "uniform")),
    "lecun_normal": ("LecunNormal", _scaled(1.0, "fan_in", "truncated")),
    "variance_scaling": ("VarianceScaling", _scaled(1.0, "fan_in", "truncated")),
    "random_uniform": ("RandomUniform", _plain("uniform", 0.05 / sqrt(3))),
    "random_normal": ("RandomNormal", _plain("normal", 0.05)),
    "truncated_normal": ("TruncatedNormal", _plain("truncated", 0.05)),
}
SEED = 42
#: With arguments that are not the standard ones, and another seed.
_ARGUED: Mapping[str, tuple[str, Mapping[str, Any]]] = {
    "random_uniform_from": ("RandomUniform", {"minval": -1.0, "maxval": 3.0}),
    "random_normal_around": ("RandomNormal", {"mean": 1.0, "stddev": 0.5}),
    "truncated_normal_around": ("TruncatedNormal", {"mean": -1.0, "stddev": 0.25}),
    "variance_scaling_out": ("VarianceScaling", {"scale": 3.0, "mode": "fan_out", "distribution": "uniform"}),
    "orthogonal_twice": ("Orthogonal", {"gain": 2.0}),
}

#: Those that Keras has; the seeded ones have `_seeded` behind their names. values are those of a float64 weight.
INITIALIZERS: Mapping[str, Initializer] = {
    "zeros": Initializer("Zeros", values=np.zeros),
    "ones": Initializer("Ones", values=np.ones),
    "constant": Initializer("Constant", {"value": -0.7}, values=lambda shape: np.full(shape, -0.7)),
    "identity": Initializer("Identity", {"gain": 0.5}, values=lambda shape: 0.5 * np.eye(shape[0], shape[1])),
    "orthogonal": Initializer("Orthogonal"),
    "orthogonal_seeded": Initializer("Orthogonal", {"seed": SEED}),
    **{name: Initializer(keras, spread=spread) for name, (keras, spread) in _DRAWN.items()},
    **{f"{name}_seeded": Initializer(keras, {"seed": SEED}, spread=spread) for name, (keras, spread) in _DRAWN.items()},
    **{f"{name}_seeded": Initializer(keras, {**said, "seed": 7}) for name, (keras, said) in _ARGUED.items()},
}
