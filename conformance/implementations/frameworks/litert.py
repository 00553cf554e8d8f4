"""LiteRT: tf.keras.layers.Dense, converted to a flatbuffer, and run by the interpreter for devices."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from conformance.answers import Declaration
from conformance.implementations.protocol import Array
from reference.config import DenseConfig

PACKAGE = "ai-edge-litert tensorflow"


@dataclass
class Layer:
    """What is converted, a Keras layer, and what became of it with its present weights.

    traced: a graph for each rank, converted with the weights of the moment; models: a flatbuffer for each rank, with
    the weights inside; interpreters: one for each shape of inputs.
    """

    dense: Any
    traced: dict[int, Any] = field(default_factory=dict)
    models: dict[int, bytes] = field(default_factory=dict)
    interpreters: dict[tuple[int, ...], Any] = field(default_factory=dict)


@dataclass(frozen=True)
class LiteRtAdapter:
    """Inference alone."""

    declares: Declaration
    name: str = "litert"
    capabilities: frozenset[str] = frozenset({"call"})

    def build(self, config: DenseConfig, input_shape: tuple[int, ...]) -> Layer:
        import tensorflow as tf

        dense = tf.keras.layers.Dense(
            config.units, activation=config.activation, use_bias=config.use_bias, dtype=config.dtype
        )
        dense.build((None, input_shape[-1]))
        return Layer(dense)

    def load(self, layer: Layer, kernel: Array, bias: Array | None) -> None:
        """Weights that a layer already has, bit by bit, cost no new conversion."""
        weights = [kernel] if bias is None else [kernel, bias]
        held = layer.dense.get_weights()
        if [each.tobytes() for each in weights] != [each.tobytes() for each in held]:
            layer.dense.set_weights(weights)
            layer.models.clear()
            layer.interpreters.clear()

    def call(self, layer: Layer, inputs: Array) -> Array:
        if inputs.shape not in layer.interpreters:
            layer.interpreters[inputs.shape] = _interpreter(_model(layer, inputs.ndim), inputs.shape)
        interpreter = layer.interpreters[inputs.shape]
        interpreter.set_tensor(interpreter.get_input_details()[0]["index"], inputs)
        interpreter.invoke()
        return np.asarray(interpreter.get_tensor(interpreter.get_output_details()[0]["index"]))


def _model(layer: Layer, rank: int) -> bytes:
    """The layer as a flatbuffer, for leading axes of any length.

    Raises NotImplementedError for what the converter has no operation for.
    """
    import tensorflow as tf
    from tensorflow.lite.python.convert_phase import ConverterError

    if rank not in layer.traced:
        shape = [None] * (rank - 1) + [layer.dense.kernel.shape[0]]
        function = tf.function(layer.dense.__call__)
        layer.traced[rank] = function.get_concrete_function(tf.TensorSpec(shape, layer.dense.dtype))
    if rank not in layer.models:
        converter = tf.lite.TFLiteConverter.from_concrete_functions([layer.traced[rank]], None)
        try:
            layer.models[rank] = converter.convert()
        except ConverterError as failure:
            raise NotImplementedError(str(failure)) from None
    return layer.models[rank]


def _interpreter(model: bytes, shape: tuple[int, ...]) -> Any:
    """With the delegate XNNPACK, as by default."""
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(model_content=model)
    interpreter.resize_tensor_input(interpreter.get_input_details()[0]["index"], shape)
    interpreter.allocate_tensors()
    return interpreter


def adapter() -> LiteRtAdapter:
    """On the CPU; the converter knows no float64, and no input of rank 1 is one of Dense's.

    Raises ImportError where LiteRT or TensorFlow is not installed.
    """
    import ai_edge_litert
    import tensorflow  # noqa: F401 - converts

    declares = Declaration(dtypes=frozenset({"float32"}), ranks=(2, 99), version=ai_edge_litert.__version__)
    return LiteRtAdapter(declares)
