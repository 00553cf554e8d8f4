"""Keras's own export to ONNX: a model of one tf.keras.layers.Dense, exported, and run by ONNX Runtime."""

from __future__ import annotations

from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from conformance.answers import Declaration
from conformance.implementations.protocol import Array
from reference.config import DenseConfig

PACKAGE = "onnxruntime tensorflow tf2onnx"


@dataclass
class Layer:
    """A Keras layer, a model of it for each rank of inputs, and a session for each rank, with the present weights."""

    dense: Any
    models: dict[int, Any] = field(default_factory=dict)
    sessions: dict[int, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class ExportedAdapter:
    """Inference alone."""

    declares: Declaration
    name: str = "onnxruntime_from_keras"
    capabilities: frozenset[str] = frozenset({"call"})

    def build(self, config: DenseConfig, input_shape: tuple[int, ...]) -> Layer:
        import tensorflow as tf

        dense = tf.keras.layers.Dense(
            config.units, activation=config.activation, use_bias=config.use_bias, dtype=config.dtype
        )
        dense.build((None, input_shape[-1]))
        return Layer(dense)

    def load(self, layer: Layer, kernel: Array, bias: Array | None) -> None:
        """Weights that a layer already has, bit by bit, cost no new export."""
        weights = [kernel] if bias is None else [kernel, bias]
        held = layer.dense.get_weights()
        if [each.tobytes() for each in weights] != [each.tobytes() for each in held]:
            layer.dense.set_weights(weights)
            layer.sessions.clear()

    def call(self, layer: Layer, inputs: Array) -> Array:
        if inputs.ndim not in layer.sessions:
            layer.sessions[inputs.ndim] = _session(layer, inputs.ndim)
        session = layer.sessions[inputs.ndim]
        (outputs,) = session.run(None, {session.get_inputs()[0].name: inputs})
        return np.asarray(outputs)


def _session(layer: Layer, rank: int) -> Any:
    """Of a model whose leading axes have any length, exported through a file, as `export` wants it."""
    import onnxruntime
    import tensorflow as tf

    shape = [None] * (rank - 1) + [layer.dense.kernel.shape[0]]
    if rank not in layer.models:
        inputs = tf.keras.Input(shape[1:])
        layer.models[rank] = tf.keras.Model(inputs, layer.dense(inputs))
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1  # a pool of threads for each of a thousand sessions costs more than it computes
    with TemporaryDirectory() as folder:
        path = str(Path(folder) / "dense.onnx")
        layer.models[rank].export(path, format="onnx", verbose=False, input_signature=[tf.TensorSpec(shape)])
        return onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])


def adapter() -> ExportedAdapter:
    """On the CPU; `export` asks for float32, and Dense for inputs of rank 2 or more.

    Raises ImportError where ONNX Runtime, TensorFlow or tf2onnx is not installed.
    """
    import onnxruntime
    import tensorflow  # noqa: F401 - exports

    versions = f"{onnxruntime.__version__} (tf2onnx {version('tf2onnx')})"
    return ExportedAdapter(Declaration(dtypes=frozenset({"float32"}), ranks=(2, 99), version=versions))
