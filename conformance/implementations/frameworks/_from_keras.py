"""What is made of a real tf.keras.layers.Dense, its weights inside, by conversion or export: what they all share."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from conformance.answers import Declaration
from conformance.implementations.protocol import Array
from reference.config import DenseConfig


@dataclass
class Layer:
    """dense: the Keras layer. kept: what is made of it once, by rank or shape; made: what holds its present weights."""

    dense: Any
    kept: dict[Any, Any] = field(default_factory=dict)
    made: dict[Any, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class FromKerasAdapter:
    """Inference alone. run: what the converted layer answers to inputs."""

    name: str
    declares: Declaration
    run: Callable[[Layer, Array], Array]
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
        if [each.tobytes() for each in weights] != [each.tobytes() for each in layer.dense.get_weights()]:
            layer.dense.set_weights(weights)
            layer.made.clear()

    def call(self, layer: Layer, inputs: Array) -> Array:
        return self.run(layer, inputs)


def declares(version: str) -> Declaration:
    """float32 alone, and no inputs of rank 1, which Dense has not."""
    return Declaration(dtypes=frozenset({"float32"}), ranks=(2, 99), version=version)


def any_shape(layer: Layer, rank: int) -> list[int | None]:
    """Leading axes of any length, and the layer's features."""
    return [None] * (rank - 1) + [int(layer.dense.kernel.shape[0])]


def traced(layer: Layer, rank: int) -> Any:
    """The layer as a concrete function of inputs of any such shape."""
    import tensorflow as tf

    if rank not in layer.kept:
        given = tf.TensorSpec(any_shape(layer, rank), layer.dense.dtype)
        layer.kept[rank] = tf.function(layer.dense.__call__).get_concrete_function(given)
    return layer.kept[rank]
