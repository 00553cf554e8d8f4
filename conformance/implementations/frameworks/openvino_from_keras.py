"""OpenVINO's own conversion of Keras: the graph of one tf.keras.layers.Dense, converted, and compiled for the CPU."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from conformance.answers import Declaration
from conformance.implementations.protocol import Array
from reference.config import DenseConfig

PACKAGE = "openvino tensorflow"


@dataclass
class Layer:
    """A Keras layer, and for each rank of inputs its graph, and what was compiled of it with the present weights."""

    dense: Any
    traced: dict[int, Any] = field(default_factory=dict)
    compiled: dict[int, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class ConvertedAdapter:
    """Inference alone. core: OpenVINO's, of which a process needs one."""

    declares: Declaration
    core: Any
    name: str = "openvino_from_keras"
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
            layer.compiled.clear()

    def call(self, layer: Layer, inputs: Array) -> Array:
        """The f32 hint: where the processor has a half type, OpenVINO would compute float32 models in it."""
        rank = inputs.ndim
        if rank not in layer.compiled:
            settings = {"INFERENCE_PRECISION_HINT": "f32", "INFERENCE_NUM_THREADS": 1}
            layer.compiled[rank] = self.core.compile_model(_model(layer, rank), "CPU", settings)
        return np.array(layer.compiled[rank](inputs)[0])


def _model(layer: Layer, rank: int) -> Any:
    """The layer with its weights inside, for leading axes of any length."""
    import openvino
    import tensorflow as tf

    if rank not in layer.traced:
        shape = [None] * (rank - 1) + [layer.dense.kernel.shape[0]]
        function = tf.function(layer.dense.__call__)
        layer.traced[rank] = function.get_concrete_function(tf.TensorSpec(shape, layer.dense.dtype))
    return openvino.convert_model(layer.traced[rank])


def adapter() -> ConvertedAdapter:
    """On the CPU, which computes a float64 model in float32: float64 is not declared. Dense has no inputs of rank 1.

    Raises ImportError where OpenVINO or TensorFlow is not installed.
    """
    import openvino
    import tensorflow  # noqa: F401 - is what it converts from

    declares = Declaration(dtypes=frozenset({"float32"}), ranks=(2, 99), version=openvino.__version__)
    return ConvertedAdapter(declares, openvino.Core())
