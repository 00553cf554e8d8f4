"""Keras 2 as it lives on beside Keras 3: tf_keras.layers.Dense, differentiated by a tape."""

from __future__ import annotations

from conformance.answers import Declaration
from conformance.implementations.keras.layers import KerasAdapter
from reference.dialects import DIALECTS

PACKAGE = "tf_keras"


def adapter() -> KerasAdapter:
    """Raises ImportError where tf_keras is not installed."""
    import tf_keras

    return KerasAdapter(
        tf_keras.layers.Dense,
        "tf_keras",
        frozenset({"call", "differentiate", "describe", "dtype_policies"}),
        Declaration(activations=DIALECTS[0].activations, version=tf_keras.__version__),
    )
