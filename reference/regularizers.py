"""What a weight or an output costs: one row for each regularizer, under the name that a config gives it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Regularizer:
    """keras: the name of its class in `keras.regularizers`; arguments: those of its constructor."""

    keras: str
    arguments: Mapping[str, Any] = field(default_factory=dict)


REGULARIZERS: Mapping[str, Regularizer] = {
    "l1": Regularizer("L1", {"l1": 0.125}),
    "l2": Regularizer("L2", {"l2": 0.125}),
}
