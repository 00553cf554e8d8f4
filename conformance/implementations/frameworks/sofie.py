"""SOFIE, of CERN: tf.keras.layers.Dense as a header in C++ that calls a BLAS, and a file of weights beside it."""

from __future__ import annotations

import ctypes
import subprocess
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from conformance.answers import Declaration
from conformance.implementations.frameworks._from_keras import FromKerasAdapter, Layer
from conformance.implementations.protocol import Array

PACKAGE = "sofie[keras] scipy-openblas32"
#: The parser prints, and the header is small work for many threads: both want a process of their own.
ENVIRONMENT: Mapping[str, str] = {"OPENBLAS_NUM_THREADS": "1"}

#: Those in sofie.keras's own table of layers' activations, and none.
ACTIVATIONS = frozenset({"linear", "relu", "elu", "selu", "sigmoid", "leaky_relu", "softmax", "swish", "silu", "tanh"})
#: What a program that includes the header would say; what it throws is told in words, for ctypes.
PROGRAM = """
#include "dense.hxx"
extern "C" void *begin(const char *weights, char *complaint) try {
  return new SOFIE_dense::Session(weights);
} catch (std::exception const &failure) {
  std::strncpy(complaint, failure.what(), 199);
  return nullptr;
}
extern "C" void infer(void *session, const float *inputs, float *outputs) {
  auto const answer = static_cast<SOFIE_dense::Session *>(session)->infer(inputs);
  std::copy(answer.begin(), answer.end(), outputs);
}
"""


def _run(layer: Layer, inputs: Array) -> Array:
    """By a session of these weights, in a program for this shape."""
    if inputs.shape not in layer.made:
        layer.made[inputs.shape] = _session(layer, inputs.shape)
    outputs = np.empty((*inputs.shape[:-1], layer.dense.units), np.float32)
    given = np.ascontiguousarray(inputs)
    layer.kept[inputs.shape].infer(layer.made[inputs.shape], _pointer(given), _pointer(outputs))
    return outputs


def _pointer(values: Array) -> ctypes.c_void_p:
    return ctypes.c_void_p(values.ctypes.data)


def _session(layer: Layer, shape: tuple[int, ...]) -> ctypes.c_void_p:
    """The weights, read by the program from the file that SOFIE wrote; the program is compiled once for a shape.

    Raises RuntimeError for what the compiler or the program refuses.
    """
    with TemporaryDirectory() as name:
        folder = Path(name)
        _generate(layer, shape, folder)
        if shape not in layer.kept:
            layer.kept[shape] = _compiled(folder)
        complaint = ctypes.create_string_buffer(200)
        session = layer.kept[shape].begin(str(folder / "dense.dat").encode(), complaint)
    if session is None:
        raise RuntimeError(f"the header throws: {complaint.value.decode()}")
    return ctypes.c_void_p(session)


def _generate(layer: Layer, shape: tuple[int, ...], folder: Path) -> None:
    """dense.hxx and dense.dat."""
    import sofie
    import tensorflow as tf

    tf.keras.Sequential([tf.keras.Input(shape[1:]), layer.dense]).save(folder / "dense.keras")
    model = sofie.keras.parse(str(folder / "dense.keras"), batch_size=shape[0])
    model.generate()
    model.output_generated(str(folder / "dense.hxx"))


def _compiled(folder: Path) -> Any:
    import scipy_openblas32

    blas = scipy_openblas32.get_lib_dir()
    library = folder / "dense.so"
    command = [
        *("g++", "-shared", "-fPIC", "-O2", "-std=c++20", "-x", "c++", "-", "-o", str(library), f"-I{folder}"),
        *("-Dsgemm_=scipy_sgemm_", "-Dsgemv_=scipy_sgemv_"),
        *(f"-L{blas}", f"-l{scipy_openblas32.get_library()}", f"-Wl,-rpath,{blas}"),
    ]
    ran = subprocess.run(command, input=PROGRAM, capture_output=True, text=True, check=False)
    if ran.returncode:
        complaint = next((line for line in ran.stderr.splitlines() if "error" in line), ran.stderr)
        raise RuntimeError(f"g++ refuses what SOFIE wrote: {complaint}")
    loaded = ctypes.CDLL(str(library))
    loaded.begin.restype = ctypes.c_void_p
    return loaded


def adapter() -> FromKerasAdapter:
    """On the CPU, with g++. Raises ImportError where SOFIE, TensorFlow or OpenBLAS is not installed."""
    import scipy_openblas32  # noqa: F401 - what the header calls
    import sofie.keras  # noqa: F401 - generates
    import tensorflow  # noqa: F401 - what is generated from

    declares = Declaration(ACTIVATIONS, frozenset({"float32"}), ranks=(2, 99), version=version("sofie"))
    return FromKerasAdapter("sofie", declares, _run)
