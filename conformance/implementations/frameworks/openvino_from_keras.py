"""OpenVINO's own conversion of Keras: the graph of one tf.keras.layers.Dense, converted, and compiled for the CPU."""

from __future__ import annotations

from functools import partial
from importlib.metadata import version
from typing import Any

import numpy as np

from conformance.implementations.frameworks._from_keras import FromKerasAdapter, Layer, declares, traced
from conformance.implementations.protocol import Array

PACKAGE = "openvino tensorflow"


def _run(core: Any, layer: Layer, inputs: Array) -> Array:
    """By what was compiled for each rank. core: OpenVINO's, of which a process needs one.

    The f32 hint: where the processor has a half type, OpenVINO would compute float32 models in it.
    """
    import openvino

    if inputs.ndim not in layer.made:
        settings = {"INFERENCE_PRECISION_HINT": "f32", "INFERENCE_NUM_THREADS": 1}
        model = openvino.convert_model(traced(layer, inputs.ndim))
        layer.made[inputs.ndim] = core.compile_model(model, "CPU", settings)
    return np.array(layer.made[inputs.ndim](inputs)[0])


def adapter() -> FromKerasAdapter:
    """On the CPU, which computes a float64 model in float32: float64 is not declared.

    Raises ImportError where OpenVINO or TensorFlow is not installed.
    """
    import openvino
    import tensorflow  # noqa: F401 - is what it converts from

    run = partial(_run, openvino.Core())
    return FromKerasAdapter("openvino_from_keras", declares(version("openvino")), run)
