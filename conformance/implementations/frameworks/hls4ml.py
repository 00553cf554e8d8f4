"""hls4ml: tf.keras.layers.Dense as C++ for FPGAs, emulated on the CPU as its own `compile` builds it, with floats.

Its default is fixed point of 16 bits, which no float32 could agree with: its type `float` is the one that can.
"""

from __future__ import annotations

import shutil
import weakref
from collections.abc import Mapping
from importlib.metadata import version
from tempfile import mkdtemp
from typing import Any

import numpy as np

from conformance.answers import Declaration
from conformance.implementations.frameworks._from_keras import FromKerasAdapter, Layer
from conformance.implementations.protocol import Array

PACKAGE = "hls4ml tensorflow"
#: A process of its own: the emulation changes the current folder while it computes.
ENVIRONMENT: Mapping[str, str] = {"KERAS_BACKEND": "tensorflow"}

#: Those whose C++ is there and compiles for the type float; softmax, for one, wants fixed point.
ACTIVATIONS = frozenset({"linear", "relu", "relu6", "elu", "sigmoid", "tanh", "softplus", "softsign"})


def _run(layer: Layer, inputs: Array) -> Array:
    """By a model for each shape of a row; whatever stands between rows and features comes back as one axis."""
    shape = inputs.shape[1:]
    if shape not in layer.made:
        layer.made[shape] = _model(layer, shape)
    outputs: Array = layer.made[shape].predict(np.ascontiguousarray(inputs))
    return outputs.reshape(*inputs.shape[:-1], layer.dense.units)


def _model(layer: Layer, shape: tuple[int, ...]) -> Any:
    """Compiled in a folder that lives as long as the model."""
    import hls4ml
    import tensorflow as tf

    given = tf.keras.Sequential([tf.keras.Input(shape), layer.dense])
    config = hls4ml.utils.config_from_keras_model(given, granularity="name", default_precision="float", backend="Vitis")
    folder = mkdtemp()
    model = hls4ml.converters.convert_from_keras_model(given, hls_config=config, output_dir=folder, backend="Vitis")
    weakref.finalize(model, shutil.rmtree, folder, ignore_errors=True)
    model.compile()
    return model


def adapter() -> FromKerasAdapter:
    """On the CPU, with g++. Raises ImportError where hls4ml or TensorFlow is not installed."""
    import hls4ml  # noqa: F401 - converts
    import tensorflow  # noqa: F401 - what is converted

    declares = Declaration(ACTIVATIONS, frozenset({"float32"}), ranks=(2, 4), version=version("hls4ml"))
    return FromKerasAdapter("hls4ml", declares, _run)
