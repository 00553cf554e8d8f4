"""Keras 3 on JAX."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from conformance.implementations.frameworks._keras_backend import KerasBackendAdapter, backend_adapter, environment

PACKAGE = "keras jax"
#: JAX has no float64 unless it is told so before it starts.
ENVIRONMENT = environment("jax", JAX_ENABLE_X64="1")


def differentiate(layer: Any, inputs: Any, upstream: Any) -> Mapping[str, Any]:
    """By jax.vjp of the layer as a pure function of its variables and of the inputs.

    The upstream gradient is cast to the dtype that the outputs have, since JAX takes no other.
    """
    import jax

    def outputs_of(weights: list[Any], given: Any) -> Any:
        outputs, _ = layer.stateless_call(weights, [], given)
        return outputs

    outputs, pull_back = jax.vjp(outputs_of, [variable.value for variable in layer.trainable_variables], inputs)
    weights, inputs_gradient = pull_back(upstream.astype(outputs.dtype))
    named = zip((f"{variable.name}_gradient" for variable in layer.trainable_variables), weights, strict=True)
    return {"outputs": outputs, "inputs_gradient": inputs_gradient, **dict(named)}


def adapter() -> KerasBackendAdapter:
    """Raises ImportError where Keras or JAX is not installed."""
    return backend_adapter("jax", differentiate)
