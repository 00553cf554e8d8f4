"""Procedures that read the losses of a Keras layer."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from conformance.answers import Answer
from conformance.cases import Question
from conformance.families import Tensors
from conformance.implementations.adapter import AdapterImplementation
from conformance.implementations.attempt import attempt
from conformance.implementations.keras.constructing import loaded_as
from conformance.implementations.keras.layers import answered_with, tensor, weights_wanted
from conformance.implementations.protocol import Array

Of = AdapterImplementation


def read_losses(of: Of, question: Question, tensors: Tensors) -> Answer:
    import tensorflow as tf

    layer = loaded_as(of, question, tensors)
    layer.trainable = not question.option("frozen")
    before = attempt("list its losses", lambda: len(layer.losses))
    of.call(layer, tensors.inputs.copy())

    def differentiated() -> Mapping[str, Any]:
        with tf.GradientTape() as tape:
            layer(tensor(tensors.inputs))
            losses = list(layer.losses)
            total = tf.add_n(losses) if losses else tf.constant(0.0)
        return tape.gradient(total, weights_wanted(layer), unconnected_gradients="zero")

    gradients = attempt("differentiate its losses", differentiated)
    return Answer({"losses": sorted_losses(layer), **answered_with(gradients)}, {"built": before})


def sorted_losses(layer: Any) -> Array:
    """The values in `losses`, least first. Raises AttemptError for whatever the layer raises."""
    values = attempt("give back its losses", lambda: [float(np.asarray(each)) for each in layer.losses])
    return np.sort(np.array(values, np.float64))


PROCEDURES: Mapping[str, Callable[..., Answer]] = {"read_losses": read_losses}
