"""Flax Linen: flax.linen.Dense, and the function of that name in jax.nn for an activation."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any

from conformance.implementations.frameworks.jax import JaxAdapter, adapter_on
from reference.config import DenseConfig

PACKAGE = "flax"


def _made(config: DenseConfig, input_dim: int) -> tuple[Any, Any]:
    return _initialized(config.units, config.use_bias, config.format.name, input_dim)


@cache
def _initialized(units: int, use_bias: bool, dtype: str, input_dim: int) -> tuple[Any, Any]:
    """The module, which is hashable, and its own initial parameters, which nobody changes in place."""
    import flax.linen
    import jax

    module = flax.linen.Dense(units, use_bias=use_bias, dtype=dtype, param_dtype=dtype)
    variables = module.init(jax.random.key(0), jax.numpy.zeros((1, input_dim), dtype))
    return module, variables["params"]


def _applied(module: Any, parameters: Any, inputs: Any) -> Any:
    return module.apply({"params": parameters}, inputs)


def _packed(_: Any, kernel: Any, bias: Any) -> Mapping[str, Any]:
    return {"kernel": kernel} if bias is None else {"kernel": kernel, "bias": bias}


def _unpacked(parameters: Mapping[str, Any]) -> tuple[Any, Any]:
    return parameters["kernel"], parameters.get("bias")


def adapter(device: str = "") -> JaxAdapter:
    """device: as JAX names it. Raises ImportError where Flax is not installed, RuntimeError without the device."""
    import flax

    return adapter_on(device, "flax_linen", flax.__version__, _made, _applied, _packed, _unpacked)
