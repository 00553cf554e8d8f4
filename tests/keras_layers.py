"""The real layer, called without the suite: what the matrices hold the reference against."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from conformance.families import Tensors
from reference.config import DenseConfig

Array = NDArray[Any]


@cache
def layer(config: DenseConfig, input_dim: int) -> Any:
    """One built layer for each config and width."""
    import tensorflow as tf

    made = tf.keras.layers.Dense(config.units, config.activation, use_bias=config.use_bias, dtype=config.dtype)
    made.build((None, input_dim))
    return made


def answer(config: DenseConfig, tensors: Tensors) -> dict[str, Array]:
    """Outputs and gradients of the real layer with these weights, by their names in an answer."""
    import tensorflow as tf

    real = layer(config, tensors.kernel.shape[0])
    real.set_weights([tensors.kernel] if tensors.bias is None else [tensors.kernel, tensors.bias])
    inputs = tf.constant(tensors.inputs)
    with tf.GradientTape() as tape:
        tape.watch(inputs)
        outputs = real(inputs)
    sources = {"inputs_gradient": inputs, "kernel_gradient": real.kernel.value}
    if config.use_bias:
        sources["bias_gradient"] = real.bias.value
    gradients = tape.gradient(outputs, sources, output_gradients=tf.constant(tensors.upstream))
    return {"outputs": np.asarray(outputs), **{name: np.asarray(each) for name, each in gradients.items()}}
