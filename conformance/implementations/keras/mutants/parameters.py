"""Keras layers with wrong weights."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from conformance.implementations.keras.mutants.made import Layer, Methods, keras_mutant
from conformance.implementations.keras.written import written_by_hand
from conformance.implementations.mutant import Mutant


def _kernel_stored_transposed() -> Methods:
    import tensorflow as tf

    def make_weights(self: Layer, width: int) -> None:
        self.kernel = self.add_kernel((self.units, width))
        self.bias = self.add_bias((self.units,)) if self.use_bias else None

    def product(self: Layer, inputs: Any) -> Any:
        return tf.tensordot(inputs, tf.transpose(tf.convert_to_tensor(self.kernel)), 1)

    return {"make_weights": make_weights, "product": product}


def _bias_with_two_axes() -> Methods:
    def make_weights(self: Layer, width: int) -> None:
        self.kernel = self.add_kernel((width, self.units))
        self.bias = self.add_bias((1, self.units)) if self.use_bias else None

    return {"make_weights": make_weights}


def _bias_first() -> Methods:
    def make_weights(self: Layer, width: int) -> None:
        self.bias = self.add_bias((self.units,)) if self.use_bias else None
        self.kernel = self.add_kernel((width, self.units))

    return {"make_weights": make_weights}


def _other_names() -> Methods:
    def make_weights(self: Layer, width: int) -> None:
        self.kernel = self.add_kernel((width, self.units), name="w")
        self.bias = self.add_bias((self.units,), name="b") if self.use_bias else None

    return {"make_weights": make_weights}


def _with_scale(trainable: bool) -> Callable[[], Methods]:
    def methods() -> Methods:
        def make_weights(self: Layer, width: int) -> None:
            written_by_hand().make_weights(self, width)
            self.scale = self.add_weight(name="scale", shape=(1,), trainable=trainable)

        return {"make_weights": make_weights}

    return methods


def _count_without_bias() -> Methods:
    return {"count_params": lambda self: int(self.kernel.shape[0]) * int(self.kernel.shape[1])}


def _bias_not_trainable() -> Methods:
    def make_weights(self: Layer, width: int) -> None:
        self.kernel = self.add_kernel((width, self.units))
        self.bias = self.add_bias((self.units,), trainable=False) if self.use_bias else None

    return {"make_weights": make_weights}


def _weights_in_float32() -> Methods:
    import tensorflow as tf

    def make_weights(self: Layer, width: int) -> None:
        self.kernel = self.add_kernel((width, self.units), dtype="float32", autocast=False)
        self.bias = self.add_bias((self.units,), dtype="float32", autocast=False) if self.use_bias else None

    def product(self: Layer, inputs: Any) -> Any:
        return tf.tensordot(inputs, tf.cast(tf.convert_to_tensor(self.kernel), inputs.dtype), 1)

    def biased(self: Layer, product: Any) -> Any:
        return product if self.bias is None else product + tf.cast(tf.convert_to_tensor(self.bias), product.dtype)

    return {"make_weights": make_weights, "product": product, "biased": biased}


def _bias_always_made() -> Methods:
    def make_weights(self: Layer, width: int) -> None:
        self.kernel = self.add_kernel((width, self.units))
        made = self.add_bias((self.units,))
        self.bias = made if self.use_bias else None
        self.made = made

    return {"make_weights": make_weights}


def _more_when_called() -> Methods:
    def __call__(self: Layer, *given: Any, **named: Any) -> Any:  # noqa: N807 - Keras's own entrance is what is wrong
        if not self.built:
            self.called_first = True
        return written_by_hand().__call__(self, *given, **named)

    def make_weights(self: Layer, width: int) -> None:
        written_by_hand().make_weights(self, width)
        if getattr(self, "called_first", False):
            self.spare = self.add_weight(name="kernel_1", shape=(width, self.units))

    return {"__call__": __call__, "make_weights": make_weights}


def _more_when_told_a_shape() -> Methods:
    def __init__(self: Layer, units: int, **arguments: Any) -> None:  # noqa: N807
        self_told = "input_shape" in arguments
        written_by_hand().__init__(self, units, **arguments)
        self.told = self_told

    def make_weights(self: Layer, width: int) -> None:
        written_by_hand().make_weights(self, width)
        if self.told:
            self.spare = self.add_weight(name="spare", shape=(width,))

    return {"__init__": __init__, "make_weights": make_weights}


MUTANTS: tuple[Mutant, ...] = (
    keras_mutant(
        "kernel-stored-transposed",
        "the kernel is (units, input_dim)",
        "parameters.kernel-shape",
        _kernel_stored_transposed,
    ),
    keras_mutant("bias-with-two-axes", "the bias is (1, units)", "parameters.bias-shape", _bias_with_two_axes),
    keras_mutant("bias-first", "the bias comes before the kernel", "parameters.order", _bias_first),
    keras_mutant("weights-called-w-and-b", "the weights have other names", "parameters.names", _other_names),
    keras_mutant("trainable-scale", "there is a third weight", "parameters.count", _with_scale(True)),
    keras_mutant("frozen-scale", "there is a third weight, not trainable", "parameters.count", _with_scale(False)),
    keras_mutant("count-without-bias", "the count leaves out the bias", "parameters.count", _count_without_bias),
    keras_mutant("bias-not-trainable", "no optimizer sees the bias", "parameters.trainable", _bias_not_trainable),
    keras_mutant("weights-in-float32", "a float64 layer has float32 weights", "parameters.dtype", _weights_in_float32),
    keras_mutant("bias-always-made", "a bias is made and not used", "parameters.without-bias", _bias_always_made),
    keras_mutant(
        "more-when-called", "a first call makes a second kernel", "parameters.built-by-call", _more_when_called
    ),
    keras_mutant(
        "more-when-told-a-shape", "input_shape makes one weight more", "parameters.stack", _more_when_told_a_shape
    ),
)
