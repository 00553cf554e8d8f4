"""IREE: what JAX makes of a Dense and of its gradients, as StableHLO, compiled for the CPU and run without JAX."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from importlib.metadata import version
from typing import Any

import numpy as np

from conformance.answers import Declaration
from conformance.implementations.frameworks.jax import ACTIVATIONS, JaxAdapter, affine, made, packed, unpacked
from conformance.implementations.protocol import Array

PACKAGE = "iree-base-compiler iree-base-runtime jax"
#: JAX lowers for where it computes: elsewhere what it writes calls libraries that IREE has not.
ENVIRONMENT: Mapping[str, str] = {"JAX_PLATFORMS": "cpu"}


def by_iree(function: Callable[..., Any]) -> Callable[..., Any]:
    """The function of trees of arrays, compiled once for each shape and dtype of its arguments."""
    import jax

    modules: dict[Any, tuple[Any, Any]] = {}

    def call(*arguments: Any) -> Any:
        leaves = [np.ascontiguousarray(leaf).reshape(leaf.shape) for leaf in jax.tree.leaves(arguments)]
        shapes = tuple((leaf.shape, leaf.dtype) for leaf in leaves)
        if shapes not in modules:
            modules[shapes] = _module(function, arguments)
        module, tree = modules[shapes]
        outputs = module.main(*leaves)
        together = outputs if isinstance(outputs, (list, tuple)) else [outputs]
        return jax.tree.unflatten(tree, [_array(each) for each in together])

    return call


def _array(output: Any) -> Array:
    return np.asarray(output.to_host())


def _module(function: Callable[..., Any], arguments: Any) -> tuple[Any, Any]:
    """The loaded module, and the tree of its outputs. Raises RuntimeError for what the compiler refuses."""
    import iree.compiler
    import iree.runtime
    import jax

    lowered = jax.jit(function, keep_unused=True).lower(*arguments)
    try:
        compiled = iree.compiler.compile_str(
            str(lowered.compiler_ir("stablehlo")),
            target_backends=["llvm-cpu"],
            input_type="stablehlo",
            extra_args=["--iree-llvmcpu-target-cpu=host"],
        )
    except iree.compiler.CompilerToolError as failure:
        complaint = re.search(r"error: .*", str(failure))
        raise RuntimeError(complaint.group() if complaint else str(failure)) from None
    return iree.runtime.load_vm_flatbuffer(compiled, driver="local-task"), lowered.out_tree


def adapter() -> JaxAdapter:
    """On the CPU. float64 is left out: the compiler makes float32 of it unless it is told not to.

    Raises ImportError where IREE or JAX is not installed.
    """
    import iree.compiler
    import iree.runtime  # noqa: F401 - runs what is compiled
    import jax  # noqa: F401 - lowers

    dtypes = frozenset({"float32", "float16", "bfloat16"})
    declares = Declaration(frozenset(ACTIVATIONS), dtypes, version=version("iree-base-compiler"))
    has = frozenset({"call", "differentiate", "dtype_policies"})
    return JaxAdapter("iree", declares, made, affine, packed, unpacked, by_iree, has)
