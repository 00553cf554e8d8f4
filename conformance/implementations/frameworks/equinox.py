"""Equinox: equinox.nn.Linear, and the function of that name in jax.nn for an activation."""

from __future__ import annotations

from functools import cache
from typing import Any

from conformance.implementations.frameworks.jax import JaxAdapter, adapter_on
from reference.config import DenseConfig

PACKAGE = "equinox"


def _made(config: DenseConfig, input_dim: int) -> tuple[None, Any]:
    return None, _initialized(config.units, config.use_bias, config.format.name, input_dim)


@cache
def _initialized(units: int, use_bias: bool, dtype: str, input_dim: int) -> Any:
    """A layer is a tree of its own arrays, which nobody changes in place."""
    import equinox
    import jax

    return equinox.nn.Linear(input_dim, units, use_bias, dtype=jax.numpy.dtype(dtype), key=jax.random.key(0))


def _applied(_: None, layer: Any, inputs: Any) -> Any:
    """Equinox's Linear takes one row: it is mapped over each of the leading axes."""
    import jax

    mapped = layer
    for _axis in inputs.shape[:-1]:
        mapped = jax.vmap(mapped)
    return mapped(inputs)


def _packed(layer: Any, kernel: Any, bias: Any) -> Any:
    """The weight lies the other way round in Equinox."""
    import equinox

    if bias is None:
        return equinox.tree_at(lambda held: held.weight, layer, kernel.T)
    return equinox.tree_at(lambda held: (held.weight, held.bias), layer, (kernel.T, bias))


def _unpacked(layer: Any) -> tuple[Any, Any]:
    return layer.weight.T, layer.bias


def adapter(device: str = "") -> JaxAdapter:
    """device: as JAX names it. Raises ImportError where Equinox is not installed, RuntimeError without the device."""
    import equinox

    return adapter_on(device, "equinox", equinox.__version__, _made, _applied, _packed, _unpacked)
