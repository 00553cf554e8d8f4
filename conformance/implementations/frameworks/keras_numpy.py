"""Keras 3 on NumPy: for inference alone."""

from __future__ import annotations

from conformance.implementations.frameworks._keras_backend import KerasBackendAdapter, backend_adapter, environment

PACKAGE = "keras"
ENVIRONMENT = environment("numpy")


def adapter() -> KerasBackendAdapter:
    """Raises ImportError where Keras is not installed."""
    return backend_adapter("numpy")
