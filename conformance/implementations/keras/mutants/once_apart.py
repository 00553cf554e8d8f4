"""Wrong Keras layers by authors who did not know the rules of the diagnosis, kept apart until others came."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from conformance.implementations.keras.mutants.made import Layer, Methods, keras_mutant
from conformance.implementations.keras.written import written_by_hand
from conformance.implementations.mutant import Mutant

#: What the config of every layer holds.
OF_THE_BASE = frozenset({"name", "trainable", "dtype"})


# ---- what is said of a layer ---------------------------------------------------------------------------------------


def _config_without_the_base() -> Methods:
    def get_config(self: Layer) -> dict[str, Any]:
        whole = written_by_hand().get_config(self)
        return {name: value for name, value in whole.items() if name not in OF_THE_BASE}

    return {"get_config": get_config}


def _masking_unsupported() -> Methods:
    def __init__(self: Layer, *given: Any, **named: Any) -> None:  # noqa: N807
        written_by_hand().__init__(self, *given, **named)
        self.supports_masking = False

    return {"__init__": __init__}


def _output_shape_of_rank_2() -> Methods:
    return {"compute_output_shape": lambda self, input_shape: (input_shape[0], self.units)}


# ---- penalties -----------------------------------------------------------------------------------------------------


def _bias_regularized_as_kernel() -> Methods:
    def add_bias(self: Layer, shape: tuple[int, ...]) -> Any:
        return written_by_hand().add_bias(self, shape, regularizer=self.kernel_regularizer)

    return {"add_bias": add_bias}


def _kernel_penalty_by_call() -> Methods:
    import tensorflow as tf

    def add_kernel(self: Layer, shape: tuple[int, ...]) -> Any:
        return written_by_hand().add_kernel(self, shape, regularizer=None)

    def call(self: Layer, inputs: Any) -> Any:
        if self.kernel_regularizer is not None:
            self.add_loss(self.kernel_regularizer(tf.convert_to_tensor(self.kernel)))
        return written_by_hand().call(self, inputs)

    return {"add_kernel": add_kernel, "call": call}


# ---- outputs and gradients -----------------------------------------------------------------------------------------


def _activated(name: str, function: Callable[[Any], Any]) -> Callable[[], Methods]:
    """function: what the activation of this name is taken for."""

    def call(self: Layer, inputs: Any) -> Any:
        import tensorflow as tf

        z = self.biased(self.product(tf.cast(inputs, self.compute_dtype)))
        return function(z) if getattr(self.activation, "__name__", "") == name else self.activation(z)

    return lambda: {"call": call}


def _gelu_by_tanh(z: Any) -> Any:
    import tensorflow as tf

    return tf.nn.gelu(z, approximate=True)


def _leaky_relu_of_pytorch(z: Any) -> Any:
    import tensorflow as tf

    return tf.nn.leaky_relu(z, alpha=0.01)


def _unshifted_softmax(z: Any) -> Any:
    import tensorflow as tf

    powers = tf.exp(z)
    return powers / tf.reduce_sum(powers, axis=-1, keepdims=True)


def _bias_gradient_averaged() -> Methods:
    import tensorflow as tf

    @tf.custom_gradient  # type: ignore[untyped-decorator]
    def added(product: Any, bias: Any) -> tuple[Any, Callable[[Any], tuple[Any, Any]]]:
        leading = list(range(len(product.shape) - 1))
        return product + bias, lambda upstream: (upstream, tf.reduce_mean(upstream, axis=leading))

    def biased(self: Layer, product: Any) -> Any:
        return product if self.bias is None else added(product, tf.convert_to_tensor(self.bias))

    return {"biased": biased}


def _reshaped_by_static_lengths() -> Methods:
    """The batch alone may be unknown."""
    import tensorflow as tf

    def product(self: Layer, inputs: Any) -> Any:
        rows = tf.matmul(tf.reshape(inputs, [-1, inputs.shape[-1]]), tf.convert_to_tensor(self.kernel))
        return tf.reshape(rows, [-1, *inputs.shape[1:-1], self.units])

    return {"product": product}


MUTANTS: tuple[Mutant, ...] = (
    keras_mutant(
        "config-without-base",
        "the config loses name, trainable and dtype",
        "saving.config-keeps",
        _config_without_the_base,
    ),
    keras_mutant(
        "masking-unsupported", "supports_masking is False: no mask comes out", "composition.masks", _masking_unsupported
    ),
    keras_mutant(
        "output-shape-of-rank-2",
        "compute_output_shape is (batch, units) for every rank",
        "shapes.inferred",
        _output_shape_of_rank_2,
    ),
    keras_mutant(
        "bias-regularized-as-kernel",
        "the bias has kernel_regularizer, and bias_regularizer is ignored",
        "losses.bias",
        _bias_regularized_as_kernel,
    ),
    keras_mutant(
        "kernel-penalty-by-call",
        "calls add the kernel's penalty: what is only built has none",
        "losses.when-built",
        _kernel_penalty_by_call,
    ),
    keras_mutant(
        "keras-gelu-by-tanh",
        "gelu is its approximation by tanh",
        "outputs.activation-formula",
        _activated("gelu", _gelu_by_tanh),
    ),
    keras_mutant(
        "leaky-relu-of-0.01",
        "leaky_relu's slope below 0 is 0.01",
        "outputs.activation-formula",
        _activated("leaky_relu", _leaky_relu_of_pytorch),
    ),
    keras_mutant(
        "softmax-without-maximum",
        "softmax subtracts no maximum",
        "outputs.activation-tails",
        _activated("softmax", _unshifted_softmax),
    ),
    keras_mutant(
        "keras-bias-gradient-averaged",
        "the bias's gradient is a mean over all leading axes",
        "gradients.bias",
        _bias_gradient_averaged,
    ),
    keras_mutant(
        "static-reshape",
        "an axis behind the batch raises where it is unknown, and loses the batch where it is empty",
        "shapes.unknown-dimensions",
        _reshaped_by_static_lengths,
        only_raises=True,
    ),
)
