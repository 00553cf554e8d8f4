"""A Dense written by hand on keras.layers.Layer: right, and the base of the wrong ones in `mutants`.

Classes are made inside functions, so that importing this module imports no TensorFlow.
"""

from __future__ import annotations

from functools import cache
from typing import Any


@cache
def written_by_hand() -> Any:
    """The class. Its steps are methods of their own: weights, product, and what is made of them."""
    import tensorflow as tf

    keras = tf.keras

    class WrittenByHand(keras.layers.Layer):  # type: ignore[name-defined, misc]
        def __init__(self, units: int, activation: Any = None, use_bias: bool = True, **arguments: Any) -> None:
            super().__init__(**arguments)
            self.units = units
            self.activation = keras.activations.get(activation)
            self.use_bias = use_bias
            self.input_spec = keras.layers.InputSpec(min_ndim=2)

        def build(self, input_shape: Any) -> None:
            self.make_weights(input_shape[-1])
            self.input_spec = keras.layers.InputSpec(min_ndim=2, axes={-1: input_shape[-1]})
            self.built = True

        def make_weights(self, width: int) -> None:
            self.kernel = self.add_weight(name="kernel", shape=(width, self.units))
            self.bias = self.add_weight(name="bias", shape=(self.units,)) if self.use_bias else None

        def product(self, inputs: Any) -> Any:
            return tf.tensordot(inputs, tf.convert_to_tensor(self.kernel), [[len(inputs.shape) - 1], [0]])

        def biased(self, product: Any) -> Any:
            return product if self.bias is None else product + tf.convert_to_tensor(self.bias)

        def call(self, inputs: Any) -> Any:
            return self.activation(self.biased(self.product(inputs)))

        def compute_output_shape(self, input_shape: Any) -> Any:
            return (*input_shape[:-1], self.units)

    return WrittenByHand


def variant(name: str, **methods: Any) -> Any:
    """The hand-written class with these methods in place of its own."""
    return type(name, (written_by_hand(),), methods)
