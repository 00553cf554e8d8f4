"""Right Keras layers that are written differently from the stock one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from conformance.implementations.keras.oracle import keras_implementation
from conformance.implementations.keras.written import variant
from conformance.implementations.mutant import Make

Layer = Any
Methods = dict[str, Any]


def _by_matmul() -> Methods:
    import tensorflow as tf

    return {"product": lambda self, inputs: tf.matmul(inputs, tf.convert_to_tensor(self.kernel))}


def _by_einsum() -> Methods:
    import tensorflow as tf

    def product(self: Layer, inputs: Any) -> Any:
        """tf.einsum sums half types in themselves, so they are summed in float32."""
        wide = tf.float32 if inputs.dtype.size < 4 else inputs.dtype
        kernel = tf.cast(tf.convert_to_tensor(self.kernel), wide)
        return tf.cast(tf.einsum("...k,ku->...u", tf.cast(inputs, wide), kernel), inputs.dtype)

    return {"product": product}


def _by_keras_ops() -> Methods:
    import keras

    return {"product": lambda self, inputs: keras.ops.matmul(inputs, self.kernel)}


def _reshaped_rows() -> Methods:
    import tensorflow as tf

    def product(self: Layer, inputs: Any) -> Any:
        shape = tf.shape(inputs)
        rows = tf.reshape(inputs, [tf.reduce_prod(shape[:-1]), shape[-1]])
        outputs = tf.reshape(rows @ tf.convert_to_tensor(self.kernel), tf.concat([shape[:-1], [self.units]], 0))
        outputs.set_shape([*inputs.shape[:-1], self.units])
        return outputs

    return {"product": product}


def _features_reversed() -> Methods:
    import tensorflow as tf

    def product(self: Layer, inputs: Any) -> Any:
        backwards = list(reversed(range(inputs.shape[-1])))
        kernel = tf.gather(tf.convert_to_tensor(self.kernel), tf.constant(backwards, tf.int32))
        return tf.matmul(tf.gather(inputs, tf.constant(backwards, tf.int32), axis=-1), kernel)

    return {"product": product}


def _double_product() -> Methods:
    import tensorflow as tf

    def biased(self: Layer, product: Any) -> Any:
        z = product if self.bias is None else product + tf.cast(tf.convert_to_tensor(self.bias), tf.float64)
        return tf.cast(z, self.compute_dtype)

    def product(self: Layer, inputs: Any) -> Any:
        return tf.matmul(tf.cast(inputs, tf.float64), tf.cast(tf.convert_to_tensor(self.kernel), tf.float64))

    return {"product": product, "biased": biased}


def _jitted() -> Methods:
    import tensorflow as tf

    def product(self: Layer, inputs: Any) -> Any:
        return compiled(inputs, tf.convert_to_tensor(self.kernel))

    compiled = tf.function(tf.matmul, jit_compile=True, reduce_retracing=True)
    return {"product": product}


def _minimal() -> Methods:
    """No input_spec: tf.matmul itself refuses what Dense refuses."""
    import tensorflow as tf

    def build(self: Layer, input_shape: Any) -> None:
        self.make_weights(input_shape[-1])
        self.input_spec = None
        self.built = True

    def product(self: Layer, inputs: Any) -> Any:
        return tf.matmul(inputs, tf.convert_to_tensor(self.kernel))

    return {"build": build, "product": product}


def _compiled() -> Methods:
    """Product, bias and activation in one XLA cluster."""
    import tensorflow as tf

    def call(self: Layer, inputs: Any) -> Any:
        def dense(inputs: Any, kernel: Any, bias: Any) -> Any:
            product = tf.matmul(inputs, kernel)
            return self.activation(product if bias is None else product + bias)

        if not hasattr(self, "dense"):
            self.dense = tf.function(dense, jit_compile=True)
        bias = None if self.bias is None else tf.convert_to_tensor(self.bias)
        return self.dense(tf.cast(inputs, self.compute_dtype), tf.convert_to_tensor(self.kernel), bias)

    return {"call": call}


def _stock_subclass() -> Any:
    import tensorflow as tf

    return type("Subclass", (tf.keras.layers.Dense,), {})


def _written(name: str, says: str, methods: Callable[[], Methods]) -> tuple[str, str, Make]:
    return name, says, lambda _: keras_implementation(variant("RightLayer", **methods()), name)


#: name, how it differs, and what makes it.
RIGHT_LAYERS: tuple[tuple[str, str, Make], ...] = (
    _written("keras-tensordot", "written by hand, with tf.tensordot", dict),
    _written("keras-matmul", "written by hand, with tf.matmul", _by_matmul),
    _written("keras-einsum", "written by hand, with tf.einsum", _by_einsum),
    _written("keras-ops", "written by hand, with keras.ops", _by_keras_ops),
    _written("keras-reshaped-rows", "leading axes merged and restored", _reshaped_rows),
    _written("keras-features-reversed", "sums the features backwards", _features_reversed),
    _written("keras-double-product", "computes the product in float64", _double_product),
    _written("keras-jitted", "the product compiled by XLA", _jitted),
    _written("keras-compiled", "all of it compiled by XLA", _compiled),
    _written("keras-minimal", "no input_spec", _minimal),
    (
        "keras-subclass",
        "a subclass of the stock layer",
        lambda _: keras_implementation(_stock_subclass(), "keras-subclass"),
    ),
)
