"""Haiku: haiku.Linear, and the function of that name in jax.nn for an activation."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any

from conformance.implementations.frameworks.jax import JaxAdapter, adapter_on
from reference.config import DenseConfig

PACKAGE = "dm-haiku"


def _made(config: DenseConfig, input_dim: int) -> tuple[Any, Any]:
    transformed = _transformed(config.units, config.use_bias)
    return transformed, _initialized(transformed, config.format.name, input_dim)


@cache
def _transformed(units: int, use_bias: bool) -> Any:
    """The pure functions `init` and `apply` of the layer."""
    import haiku

    def dense(inputs: Any) -> Any:
        return haiku.Linear(units, use_bias)(inputs)  # made anew in each call: a module lives inside a transform only

    return haiku.without_apply_rng(haiku.transform(dense))


@cache
def _initialized(transformed: Any, dtype: str, input_dim: int) -> Any:
    """Its own initial parameters, of the inputs' dtype, which nobody changes in place."""
    import jax

    return transformed.init(jax.random.key(0), jax.numpy.zeros((1, input_dim), dtype))


def _applied(transformed: Any, parameters: Any, inputs: Any) -> Any:
    return transformed.apply(parameters, inputs)


def _packed(_: Any, kernel: Any, bias: Any) -> Mapping[str, Any]:
    return {"linear": {"w": kernel} if bias is None else {"w": kernel, "b": bias}}


def _unpacked(parameters: Mapping[str, Any]) -> tuple[Any, Any]:
    return parameters["linear"]["w"], parameters["linear"].get("b")


def adapter(device: str = "") -> JaxAdapter:
    """device: as JAX names it. Raises ImportError where Haiku is not installed, RuntimeError without the device."""
    import haiku

    return adapter_on(device, "haiku", haiku.__version__, _made, _applied, _packed, _unpacked)
