"""Keras 2 as it lives on beside Keras 3: tf_keras.layers.Dense, differentiated by a tape."""

from __future__ import annotations

from dataclasses import dataclass, field

from conformance.answers import Declaration
from conformance.implementations.keras.layers import KerasAdapter
from reference.dialects import DIALECTS

PACKAGE = "tf_keras"


@dataclass(frozen=True)
class Keras2Adapter(KerasAdapter):
    """A Keras layer class that is asked what any framework is asked."""

    declares: Declaration = field(default_factory=Declaration)


def adapter() -> Keras2Adapter:
    """Raises ImportError where tf_keras is not installed."""
    import tf_keras

    return Keras2Adapter(
        tf_keras.layers.Dense,
        "tf_keras",
        frozenset({"call", "differentiate", "describe", "dtype_policies"}),
        Declaration(activations=DIALECTS[0].activations, version=tf_keras.__version__),
    )
