"""LiteRT: tf.keras.layers.Dense, converted to a flatbuffer, and run by the interpreter for devices."""

from __future__ import annotations

from typing import Any

import numpy as np

from conformance.implementations.frameworks._from_keras import FromKerasAdapter, Layer, declares, traced
from conformance.implementations.protocol import Array

PACKAGE = "ai-edge-litert tensorflow"


def _run(layer: Layer, inputs: Array) -> Array:
    """By an interpreter for each shape."""
    if inputs.shape not in layer.made:
        layer.made[inputs.shape] = _interpreter(_model(layer, inputs.ndim), inputs.shape)
    interpreter = layer.made[inputs.shape]
    interpreter.set_tensor(interpreter.get_input_details()[0]["index"], inputs)
    interpreter.invoke()
    return np.asarray(interpreter.get_tensor(interpreter.get_output_details()[0]["index"]))


def _model(layer: Layer, rank: int) -> bytes:
    """The layer as a flatbuffer. Raises NotImplementedError for what the converter has no operation for."""
    import tensorflow as tf
    from tensorflow.lite.python.convert_phase import ConverterError

    if rank not in layer.made:
        converter = tf.lite.TFLiteConverter.from_concrete_functions([traced(layer, rank)], None)
        try:
            layer.made[rank] = converter.convert()
        except ConverterError as failure:
            raise NotImplementedError(str(failure)) from None
    model: bytes = layer.made[rank]
    return model


def _interpreter(model: bytes, shape: tuple[int, ...]) -> Any:
    """With the delegate XNNPACK, as by default."""
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(model_content=model)
    interpreter.resize_tensor_input(interpreter.get_input_details()[0]["index"], shape)
    interpreter.allocate_tensors()
    return interpreter


def adapter() -> FromKerasAdapter:
    """On the CPU; the converter knows no float64. Raises ImportError where LiteRT or TensorFlow is not installed."""
    import ai_edge_litert
    import tensorflow  # noqa: F401 - converts

    return FromKerasAdapter("litert", declares(ai_edge_litert.__version__), _run)
