"""What an optimizer makes of a weight after its step: one row for each constraint, under the name that a config gives
it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Constraint:
    """keras: the name of its class in `keras.constraints`; arguments: those of its constructor."""

    keras: str
    arguments: Mapping[str, Any] = field(default_factory=dict)


CONSTRAINTS: Mapping[str, Constraint] = {
    "non_neg": Constraint("NonNeg"),
}
