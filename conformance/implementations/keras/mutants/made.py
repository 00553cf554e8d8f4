"""How a wrong Keras layer is made: the hand-written one, with some of its methods replaced."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from conformance.implementations.keras.oracle import keras_implementation
from conformance.implementations.keras.written import variant
from conformance.implementations.mutant import Mutant
from conformance.implementations.protocol import Implementation
from reference.dialects import Dialect

Layer = Any
Methods = dict[str, Any]


def keras_mutant(
    name: str,
    says: str,
    breaks: str,
    methods: Callable[[], Methods],
    *,
    only_raises: bool = False,
    wrong_in: Callable[[Dialect], bool] = lambda dialect: True,
) -> Mutant:
    """methods: makes those that are wrong, when the mutant is made; the hand-written class has all the others."""

    def make(_: Dialect) -> Implementation:
        return keras_implementation(variant("Mutant", **methods()), name)

    return Mutant(name, says, breaks, make, only_raises, wrong_in)
