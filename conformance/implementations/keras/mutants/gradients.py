"""Wrong gradients of Keras layers, in their usual form."""

from __future__ import annotations

from typing import Any

from conformance.implementations.keras.mutants.made import Layer, Methods, keras_mutant
from conformance.implementations.mutant import Mutant


def _relu_by_maximum() -> Methods:
    """tf.maximum passes the whole gradient on where its arguments are equal."""
    import tensorflow as tf

    def call(self: Layer, inputs: Any) -> Any:
        z = self.biased(self.product(inputs))
        return tf.maximum(z, 0) if self.activation is tf.keras.activations.relu else self.activation(z)

    return {"call": call}


def _bias_stopped() -> Methods:
    import tensorflow as tf

    def biased(self: Layer, product: Any) -> Any:
        return product if self.bias is None else product + tf.stop_gradient(tf.convert_to_tensor(self.bias))

    return {"biased": biased}


def _kernel_gradient_averaged() -> Methods:
    import tensorflow as tf

    def product(self: Layer, inputs: Any) -> Any:
        rows = tf.cast(tf.size(inputs) // inputs.shape[-1] if inputs.shape[-1] else 1, inputs.dtype)

        @tf.custom_gradient  # type: ignore[untyped-decorator]
        def averaged(kernel: Any) -> Any:
            return tf.identity(kernel), lambda upstream: upstream / tf.maximum(rows, 1)

        return tf.tensordot(inputs, averaged(tf.convert_to_tensor(self.kernel)), [[len(inputs.shape) - 1], [0]])

    return {"product": product}


def _slope_constant() -> Methods:
    """A custom gradient whose slope is a constant to whoever differentiates again."""
    import tensorflow as tf

    def call(self: Layer, inputs: Any) -> Any:
        @tf.custom_gradient  # type: ignore[untyped-decorator]
        def activated(z: Any) -> Any:
            with tf.GradientTape() as tape:
                tape.watch(z)
                outputs = self.activation(z)
            slope = tf.stop_gradient(tape.gradient(outputs, z)) if outputs.shape == z.shape else None
            return outputs, lambda upstream: upstream * slope

        z = self.biased(self.product(inputs))
        name = getattr(self.activation, "__name__", "")
        rowwise = name in ("softmax", "log_softmax", "glu", "sparsemax")
        return self.activation(z) if rowwise else activated(z)

    return {"call": call}


def _kernel_constant_on_the_way_back() -> Methods:
    import tensorflow as tf

    def product(self: Layer, inputs: Any) -> Any:
        kernel = tf.convert_to_tensor(self.kernel)
        axes = [[len(inputs.shape) - 1], [0]]
        through_inputs = tf.tensordot(inputs, tf.stop_gradient(kernel), axes)
        through_kernel = tf.tensordot(tf.stop_gradient(inputs), kernel, axes)
        return through_inputs + through_kernel - tf.stop_gradient(through_kernel)

    return {"product": product}


MUTANTS: tuple[Mutant, ...] = (
    keras_mutant("keras-bias-stopped", "the bias does not train", "gradients.bias", _bias_stopped),
    keras_mutant(
        "keras-kernel-gradient-mean", "the kernel's gradient is a mean", "gradients.kernel", _kernel_gradient_averaged
    ),
    keras_mutant("keras-relu-by-maximum", "relu is tf.maximum(z, 0)", "gradients.kinks", _relu_by_maximum),
    keras_mutant("slope-constant", "the slope cannot be differentiated", "gradients.second-order", _slope_constant),
    keras_mutant(
        "kernel-constant-on-the-way-back",
        "the kernel is a constant to the inputs' gradient",
        "gradients.second-order",
        _kernel_constant_on_the_way_back,
    ),
)
