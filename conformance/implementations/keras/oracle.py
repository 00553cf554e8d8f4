"""Keras layer classes as implementations; the real tf.keras.layers.Dense is the one that is the oracle."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any

from conformance.implementations import adapter
from conformance.implementations.adapter import AdapterImplementation
from conformance.implementations.keras import (
    calls,
    casting,
    composing,
    gradients,
    handling,
    initial,
    lanes,
    optimizing,
    penalties,
    refusing,
    shapes,
    storing,
)
from conformance.implementations.keras.layers import KerasAdapter

PROCEDURES = {
    **adapter.PROCEDURES,
    **calls.PROCEDURES,
    **gradients.PROCEDURES,
    **shapes.PROCEDURES,
    **casting.PROCEDURES,
    **initial.PROCEDURES,
    **penalties.PROCEDURES,
    **optimizing.PROCEDURES,
    **handling.PROCEDURES,
    **composing.PROCEDURES,
    **lanes.PROCEDURES,
    **storing.PROCEDURES,
    **refusing.PROCEDURES,
}


def keras_implementation(layer_class: Any, name: str) -> AdapterImplementation:
    """Any class that is called and constructed as tf.keras.layers.Dense."""
    return AdapterImplementation(KerasAdapter(layer_class, name), PROCEDURES, may_lack=False)


@cache
def stock() -> AdapterImplementation:
    """The real layer. Raises ImportError where TensorFlow is not installed."""
    import tensorflow as tf

    return keras_implementation(tf.keras.layers.Dense, "tensorflow")


@cache
def versions() -> Mapping[str, str]:
    """The installed versions of `tensorflow` and `keras` (or of the tf_keras that stands in its place)."""
    import tensorflow as tf

    module = tf.keras.layers.Dense.__module__.partition(".")[0]
    return {"tensorflow": tf.__version__, "keras": getattr(__import__(module), "__version__", tf.__version__)}
