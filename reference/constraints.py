"""What an optimizer makes of a weight after its step: one row for each constraint, under the name that a config gives
it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from reference.formats import Array, Format

#: What Keras adds to a norm before it divides by it.
EPSILON = 1e-7


@dataclass(frozen=True)
class Constraint:
    """keras: the name of its class in `keras.constraints`; arguments: those of its constructor.

    apply: what becomes of a weight. roundings: the relative error of that, besides one for each term of a norm.
    """

    keras: str
    apply: Callable[[Array], Array]
    arguments: Mapping[str, Any] = field(default_factory=dict)
    roundings: float = 12.0

    def error(self, values: Array, format: Format) -> Array:
        """How far a right implementation's result may be from the reference's."""
        if not self.roundings:
            return np.zeros_like(values)
        longest = max(values.shape, default=1)
        return (self.roundings + longest) * format.unit_roundoff * np.abs(self.apply(values)) + format.smallest_normal


def _norm(values: Array, axis: int) -> Array:
    return np.sqrt((values**2).sum(axis=axis, keepdims=True))


def _max_norm(limit: float, axis: int = 0) -> Callable[[Array], Array]:
    return lambda w: w * (np.clip(_norm(w, axis), 0, limit) / (EPSILON + _norm(w, axis)))


def _unit_norm(axis: int = 0) -> Callable[[Array], Array]:
    return lambda w: w / (EPSILON + _norm(w, axis))


def _min_max_norm(least: float, greatest: float, rate: float, axis: int = 0) -> Callable[[Array], Array]:
    def apply(w: Array) -> Array:
        norm = _norm(w, axis)
        desired = rate * np.clip(norm, least, greatest) + (1 - rate) * norm
        return w * (desired / (EPSILON + norm))

    return apply


CONSTRAINTS: Mapping[str, Constraint] = {
    "non_neg": Constraint("NonNeg", lambda w: np.maximum(w, 0.0), roundings=0.0),
    "max_norm": Constraint("MaxNorm", _max_norm(2.0), {"max_value": 2.0}),
    "max_norm_of_rows": Constraint("MaxNorm", _max_norm(1.0, 1), {"max_value": 1.0, "axis": 1}),
    "unit_norm": Constraint("UnitNorm", _unit_norm()),
    "min_max_norm": Constraint(
        "MinMaxNorm", _min_max_norm(4.0, 8.0, 0.5), {"min_value": 4.0, "max_value": 8.0, "rate": 0.5}
    ),
}
