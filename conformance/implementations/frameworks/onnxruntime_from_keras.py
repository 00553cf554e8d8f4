"""Keras's own export to ONNX: a model of one tf.keras.layers.Dense, exported, and run by ONNX Runtime."""

from __future__ import annotations

from importlib.metadata import version
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from conformance.implementations.frameworks._from_keras import FromKerasAdapter, Layer, any_shape, declares
from conformance.implementations.protocol import Array

PACKAGE = "onnxruntime tensorflow tf2onnx"


def _run(layer: Layer, inputs: Array) -> Array:
    """By a session for each rank."""
    if inputs.ndim not in layer.made:
        layer.made[inputs.ndim] = _session(layer, inputs.ndim)
    session = layer.made[inputs.ndim]
    (outputs,) = session.run(None, {session.get_inputs()[0].name: inputs})
    return np.asarray(outputs)


def _session(layer: Layer, rank: int) -> Any:
    """Exported through a file, as `export` wants it."""
    import onnxruntime
    import tensorflow as tf

    shape = any_shape(layer, rank)
    if rank not in layer.kept:
        inputs = tf.keras.Input(shape[1:])
        layer.kept[rank] = tf.keras.Model(inputs, layer.dense(inputs))
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1  # a pool of threads for each of a thousand sessions costs more than it computes
    with TemporaryDirectory() as folder:
        path = str(Path(folder) / "dense.onnx")
        layer.kept[rank].export(path, format="onnx", verbose=False, input_signature=[tf.TensorSpec(shape)])
        return onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])


def adapter() -> FromKerasAdapter:
    """On the CPU; `export` asks for float32.

    Raises ImportError where ONNX Runtime, TensorFlow or tf2onnx is not installed.
    """
    import onnxruntime
    import tensorflow  # noqa: F401 - exports

    versions = f"{onnxruntime.__version__} (tf2onnx {version('tf2onnx')})"
    return FromKerasAdapter("onnxruntime_from_keras", declares(versions), _run)
