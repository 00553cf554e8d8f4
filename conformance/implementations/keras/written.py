"""A Dense written by hand on keras.layers.Layer: right, and the base of the wrong ones in `mutants`.

Classes are made inside functions, so that importing this module imports no TensorFlow.
"""

from __future__ import annotations

from functools import cache
from typing import Any


@cache
def written_by_hand() -> Any:
    """The class. Its steps are methods of their own: weights, product, and what is made of them.

    It runs on Keras 2 and 3, in every dtype policy.
    """
    import tensorflow as tf

    keras = tf.keras

    class WrittenByHand(keras.layers.Layer):  # type: ignore[name-defined, misc]
        def __init__(
            self,
            units: int,
            activation: Any = None,
            use_bias: bool = True,
            kernel_initializer: Any = "glorot_uniform",
            bias_initializer: Any = "zeros",
            kernel_regularizer: Any = None,
            bias_regularizer: Any = None,
            activity_regularizer: Any = None,
            kernel_constraint: Any = None,
            bias_constraint: Any = None,
            **arguments: Any,
        ) -> None:
            super().__init__(activity_regularizer=keras.regularizers.get(activity_regularizer), **arguments)
            self.units = checked(units)
            self.activation = keras.activations.get(activation)
            self.use_bias = use_bias
            self.kernel_initializer = keras.initializers.get(kernel_initializer)
            self.bias_initializer = keras.initializers.get(bias_initializer)
            self.kernel_regularizer = keras.regularizers.get(kernel_regularizer)
            self.bias_regularizer = keras.regularizers.get(bias_regularizer)
            self.kernel_constraint = keras.constraints.get(kernel_constraint)
            self.bias_constraint = keras.constraints.get(bias_constraint)
            self.input_spec = keras.layers.InputSpec(min_ndim=2)
            self.supports_masking = True

        def build(self, input_shape: Any) -> None:
            self.make_weights(input_shape[-1])
            self.input_spec = keras.layers.InputSpec(min_ndim=2, axes={-1: input_shape[-1]})
            self.built = True

        def make_weights(self, width: int) -> None:
            self.kernel = self.add_kernel((width, self.units))
            self.bias = self.add_bias((self.units,)) if self.use_bias else None

        def add_kernel(self, shape: tuple[int, ...], **other: Any) -> Any:
            named = {
                "name": "kernel",
                "initializer": self.kernel_initializer,
                "regularizer": self.kernel_regularizer,
                "constraint": self.kernel_constraint,
            }
            return self.add_weight(**{**named, "shape": shape, **other})

        def add_bias(self, shape: tuple[int, ...], **other: Any) -> Any:
            named = {
                "name": "bias",
                "initializer": self.bias_initializer,
                "regularizer": self.bias_regularizer,
                "constraint": self.bias_constraint,
            }
            return self.add_weight(**{**named, "shape": shape, **other})

        def product(self, inputs: Any) -> Any:
            return tf.tensordot(inputs, tf.convert_to_tensor(self.kernel), [[len(inputs.shape) - 1], [0]])

        def biased(self, product: Any) -> Any:
            return product if self.bias is None else product + tf.convert_to_tensor(self.bias)

        def call(self, inputs: Any) -> Any:
            return self.activation(self.biased(self.product(tf.cast(inputs, self.compute_dtype))))

        def compute_output_shape(self, input_shape: Any) -> Any:
            return (*input_shape[:-1], self.units)

        def get_config(self) -> dict[str, Any]:
            return {
                **super().get_config(),
                "units": self.units,
                "activation": keras.activations.serialize(self.activation),
                "use_bias": self.use_bias,
                "kernel_initializer": keras.initializers.serialize(self.kernel_initializer),
                "bias_initializer": keras.initializers.serialize(self.bias_initializer),
                "kernel_regularizer": keras.regularizers.serialize(self.kernel_regularizer),
                "bias_regularizer": keras.regularizers.serialize(self.bias_regularizer),
                "activity_regularizer": keras.regularizers.serialize(self.activity_regularizer),
                "kernel_constraint": keras.constraints.serialize(self.kernel_constraint),
                "bias_constraint": keras.constraints.serialize(self.bias_constraint),
            }

    return WrittenByHand


def checked(units: Any) -> int:
    """Raises ValueError for what is no number of units."""
    if not isinstance(units, int) or units < 1:
        raise ValueError(f"units must be a positive integer, got {units!r}")
    return units


def variant(name: str, **methods: Any) -> Any:
    """The hand-written class with these methods in place of its own."""
    return type(name, (written_by_hand(),), methods)
