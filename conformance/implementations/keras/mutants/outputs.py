"""Wrong outputs of Keras layers, in their usual form."""

from __future__ import annotations

from typing import Any

from conformance.implementations.keras.mutants.made import Layer, Methods, keras_mutant
from conformance.implementations.keras.written import written_by_hand
from conformance.implementations.mutant import Mutant, of_generation


def _callables_ignored() -> Methods:
    def __init__(self: Layer, units: int, activation: Any = None, **arguments: Any) -> None:  # noqa: N807
        named = activation if isinstance(activation, str) else None
        written_by_hand().__init__(self, units, activation=named, **arguments)

    return {"__init__": __init__}


def _none_means_relu() -> Methods:
    given = object()

    def __init__(self: Layer, units: int, activation: Any = given, **arguments: Any) -> None:  # noqa: N807
        named = None if activation is given else "relu" if activation is None else activation
        written_by_hand().__init__(self, units, activation=named, **arguments)

    return {"__init__": __init__}


def _bias_last() -> Methods:
    def call(self: Layer, inputs: Any) -> Any:
        outputs = self.activation(self.product(inputs))
        return outputs if outputs.shape[-1] != self.units else self.biased(outputs)

    return {"call": call}


def _softmax_on_axis_1() -> Methods:
    import tensorflow as tf

    def call(self: Layer, inputs: Any) -> Any:
        z = self.biased(self.product(inputs))
        if self.activation is tf.keras.activations.softmax:
            return tf.keras.activations.softmax(z, axis=1)
        return self.activation(z)

    return {"call": call}


def _no_class_names() -> Methods:
    def __init__(self: Layer, units: int, activation: Any = None, *given: Any, **named: Any) -> None:  # noqa: N807
        if activation in ("ReLU", "Softmax", "ELU", "LeakyReLU"):
            raise ValueError(f"unknown activation {activation}")
        written_by_hand().__init__(self, units, activation, *given, **named)

    return {"__init__": __init__}


MUTANTS: tuple[Mutant, ...] = (
    keras_mutant(
        "no-class-names",
        "names of layer classes are refused, as by Keras 3",
        "outputs.activation-class-names",
        _no_class_names,
        only_raises=True,
        wrong_in=of_generation(2),
    ),
    keras_mutant("keras-bias-after-activation", "the bias is added last", "outputs.bias-before-activation", _bias_last),
    keras_mutant("keras-softmax-axis-1", "softmax runs over axis 1", "outputs.last-axis", _softmax_on_axis_1),
    keras_mutant(
        "callables-ignored",
        "an activation that is no name is ignored",
        "outputs.activation-argument",
        _callables_ignored,
    ),
    keras_mutant("none-means-relu", "activation=None means relu", "outputs.activation-argument", _none_means_relu),
)
