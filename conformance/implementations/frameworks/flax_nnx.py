"""Flax NNX: flax.nnx.Linear, and the function of that name in jax.nn for an activation."""

from __future__ import annotations

from functools import cache
from typing import Any

from conformance.implementations.frameworks.jax import JaxAdapter, adapter_on
from reference.config import DenseConfig

PACKAGE = "flax"


def _made(config: DenseConfig, input_dim: int) -> tuple[Any, Any]:
    return _initialized(config.units, config.use_bias, config.format.name, input_dim)


@cache
def _initialized(units: int, use_bias: bool, dtype: str, input_dim: int) -> tuple[Any, Any]:
    """A layer split into its definition, which is hashable, and its state, of which `_packed` takes copies."""
    from flax import nnx

    of_dtype = {"dtype": dtype, "param_dtype": dtype}
    definition, state = nnx.split(nnx.Linear(input_dim, units, use_bias=use_bias, **of_dtype, rngs=nnx.Rngs(0)))
    return definition, state


def _applied(definition: Any, state: Any, inputs: Any) -> Any:
    from flax import nnx

    return nnx.merge(definition, state)(inputs)


def _packed(state: Any, kernel: Any, bias: Any) -> Any:
    import jax

    copy = jax.tree.map(lambda held: held, state)
    copy["kernel"][...] = kernel
    if bias is not None:
        copy["bias"][...] = bias
    return copy


def _unpacked(state: Any) -> tuple[Any, Any]:
    return state["kernel"][...], state["bias"][...] if "bias" in state else None


def adapter(device: str = "") -> JaxAdapter:
    """device: as JAX names it. Raises ImportError where Flax is not installed, RuntimeError without the device."""
    import flax

    return adapter_on(device, "flax_nnx", flax.__version__, _made, _applied, _packed, _unpacked)
