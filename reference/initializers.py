"""How weights begin: one row for each initializer, under the name that a config gives it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Initializer:
    """keras: the name of its class in `keras.initializers`; arguments: those of its constructor."""

    keras: str
    arguments: Mapping[str, Any] = field(default_factory=dict)


INITIALIZERS: Mapping[str, Initializer] = {
    "glorot_uniform": Initializer("GlorotUniform"),
    "zeros": Initializer("Zeros"),
}
