"""scikinC: tf.keras.layers.Dense as a C function of one row, its weights written into it, compiled by gcc."""

from __future__ import annotations

import ctypes
import math
import subprocess
from collections.abc import Callable, Mapping
from importlib.metadata import version
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from conformance.answers import Declaration
from conformance.implementations.frameworks._from_keras import FromKerasAdapter, Layer
from conformance.implementations.protocol import Array

PACKAGE = "scikinC tensorflow"

#: Those in scikinC's own table of Keras's activation functions, and none.
ACTIVATIONS = frozenset({"linear", "relu", "sigmoid", "tanh", "elu", "celu"})
#: What scikinC's option float_t is told for a dtype.
TYPES: Mapping[str, str] = {"float32": "float", "float64": "double"}


def _run(layer: Layer, inputs: Array) -> Array:
    """Row by row, which is how the function is called."""
    if "function" not in layer.made:
        layer.made["function"] = _compiled(_source(layer))
    function = layer.made["function"]
    input_dim, units = layer.dense.kernel.shape
    outputs = np.empty((*inputs.shape[:-1], units), inputs.dtype)
    rows = math.prod(inputs.shape[:-1])
    pairs = zip(np.ascontiguousarray(inputs).reshape(rows, input_dim), outputs.reshape(rows, units), strict=True)
    for row, answer in pairs:
        function(ctypes.c_void_p(answer.ctypes.data), ctypes.c_void_p(row.ctypes.data))
    return outputs


def _source(layer: Layer) -> str:
    """C that a C++ compiler takes: it says extern "C"."""
    import scikinC
    import tensorflow as tf

    if 2 not in layer.kept:
        given = tf.keras.Input((int(layer.dense.kernel.shape[0]),), dtype=layer.dense.dtype)
        layer.kept[2] = tf.keras.Sequential([given, layer.dense])
    source: str = scikinC.convert({"dense": layer.kept[2]}, float_t=TYPES[layer.dense.dtype])
    return source


def _compiled(source: str) -> Callable[..., Any]:
    """The function `dense`. Without -Ofast, which scikinC's pages show: it gives up NaN, and that is not scikinC's.

    Raises RuntimeError for what gcc refuses.
    """
    with TemporaryDirectory() as folder:
        library = Path(folder) / "dense.so"
        command = ["gcc", "-shared", "-fPIC", "-O2", "-x", "c++", "-", "-o", str(library)]
        ran = subprocess.run(command, input=source, capture_output=True, text=True, check=False)
        if ran.returncode:
            complaint = next((line for line in ran.stderr.splitlines() if "error" in line), ran.stderr)
            raise RuntimeError(f"gcc refuses what scikinC wrote: {complaint}")
        function: Callable[..., Any] = ctypes.CDLL(str(library)).dense
    return function


def adapter() -> FromKerasAdapter:
    """On the CPU, with gcc. Raises ImportError where scikinC or TensorFlow is not installed."""
    import scikinC  # noqa: F401 - converts
    import tensorflow  # noqa: F401 - what is converted

    declares = Declaration(ACTIVATIONS, frozenset(TYPES), ranks=(1, 99), version=version("scikinC"))
    return FromKerasAdapter("scikinc", declares, _run)
