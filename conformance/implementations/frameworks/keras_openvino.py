"""Keras 3 on OpenVINO: for inference alone."""

from __future__ import annotations

from conformance.implementations.frameworks._keras_backend import KerasBackendAdapter, backend_adapter, environment

PACKAGE = "keras openvino"
ENVIRONMENT = environment("openvino")


def adapter() -> KerasBackendAdapter:
    """Raises ImportError where Keras or OpenVINO is not installed."""
    return backend_adapter("openvino")
