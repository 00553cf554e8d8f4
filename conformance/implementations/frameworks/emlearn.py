"""emlearn: one layer of its neural networks in C, `eml_net_forward`, compiled from the header that programs include.

emlearn itself is not imported, only found: its import sets NumPy's error state to raise, for the whole process.
"""

from __future__ import annotations

import ctypes
import math
import subprocess
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

import numpy as np

from conformance.answers import Declaration
from conformance.implementations.protocol import Array
from reference.config import DenseConfig

PACKAGE = "emlearn"

#: Numbers of `EmlNetActivationFunction` in eml_net_common.h.
ACTIVATIONS: Mapping[str, int] = {"linear": 0, "relu": 1, "sigmoid": 2, "softmax": 3, "tanh": 4}


@dataclass
class Layer:
    """kernel (input_dim, units) and bias (units,), in float32 and C's order, which is emlearn's own."""

    activation: int
    kernel: Array
    bias: Array


@dataclass(frozen=True)
class EmlearnAdapter:
    """Inference alone, row by row, as a microcontroller asks it. There is no layer without bias."""

    declares: Declaration
    name: str = "emlearn"
    capabilities: frozenset[str] = frozenset({"call"})

    def build(self, config: DenseConfig, input_shape: tuple[int, ...]) -> Layer:
        if not config.use_bias:
            raise NotImplementedError("use_bias=False")
        kernel = np.zeros((input_shape[-1], config.units), np.float32)
        return Layer(ACTIVATIONS[config.activation], kernel, kernel.sum(axis=0))

    def load(self, layer: Layer, kernel: Array, bias: Array | None) -> None:
        if bias is None:
            raise NotImplementedError("use_bias=False")
        layer.kernel, layer.bias = np.array(kernel, order="C"), np.array(bias)

    def call(self, layer: Layer, inputs: Array) -> Array:
        input_dim, units = layer.kernel.shape
        outputs = np.empty((*inputs.shape[:-1], units), np.float32)
        rows = math.prod(inputs.shape[:-1])
        pairs = zip(np.ascontiguousarray(inputs).reshape(rows, input_dim), outputs.reshape(rows, units), strict=True)
        for row, answer in pairs:
            failed = _library().eml_net_forward(
                *(_pointer(row), input_dim, _pointer(layer.kernel), _pointer(layer.bias)),
                *(layer.activation, _pointer(answer), units),
            )
            if failed:
                raise RuntimeError(f"eml_net_forward answers the error {failed}")
        return outputs


def _pointer(values: Array) -> ctypes.c_void_p:
    return ctypes.c_void_p(values.ctypes.data)


@cache
def _library() -> ctypes.CDLL:
    """The header as a library, compiled once. Loaded, it needs its file no more."""
    headers = _headers()
    with tempfile.TemporaryDirectory() as folder:
        library = Path(folder) / "emlearn.so"
        source = headers / "eml_net.h"
        subprocess.run(
            ["gcc", "-shared", "-fPIC", "-O2", "-I", headers, "-x", "c", source, "-o", library, "-lm"], check=True
        )
        return ctypes.CDLL(str(library))


def _headers() -> Path:
    """Raises ImportError where emlearn is not installed."""
    found = find_spec("emlearn")
    if found is None or found.origin is None:
        raise ImportError("No module named 'emlearn'")
    return Path(found.origin).parent


def adapter() -> EmlearnAdapter:
    """On the CPU, with gcc. Raises ImportError where emlearn is not installed."""
    _headers()
    return EmlearnAdapter(
        Declaration(
            activations=frozenset(ACTIVATIONS),
            dtypes=frozenset({"float32"}),
            ranks=(1, 99),
            version=version("emlearn"),
        )
    )
