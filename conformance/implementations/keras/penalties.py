"""Procedures that read the losses of a Keras layer."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from conformance.answers import Answer
from conformance.cases import Question
from conformance.families import Tensors
from conformance.implementations.adapter import AdapterImplementation, other_weights
from conformance.implementations.attempt import attempt
from conformance.implementations.keras.constructing import constructed_as, loaded_as
from conformance.implementations.keras.layers import answered_with, built, of_any_length, tensor, wanted
from conformance.implementations.protocol import Array

Of = AdapterImplementation


def read_losses(of: Of, question: Question, tensors: Tensors) -> Answer:
    """Read with other weights first: what they cost then is of no account later."""
    import tensorflow as tf

    layer = loaded_as(of, question, other_weights(tensors))
    layer.trainable = not question.option("frozen")
    before = attempt("list its losses", lambda: len(layer.losses))
    of.call(layer, tensors.inputs.copy())
    sorted_losses(layer)
    of.load(layer, tensors)

    def differentiated() -> Mapping[str, Any]:
        given = tensor(tensors.inputs)
        with tf.GradientTape() as tape:
            tape.watch(given)
            layer(given)
            losses = list(layer.losses)
            total = tf.add_n(losses) if losses else tf.constant(0.0)
        return tape.gradient(total, wanted(layer, given), unconnected_gradients="zero")

    gradients = attempt("differentiate its losses", differentiated)
    return Answer({"losses": sorted_losses(layer), **answered_with(gradients)}, {"built": before})


def read_losses_in_graph(of: Of, question: Question, tensors: Tensors) -> Answer:
    """Traced for leading axes of unknown length, and built on one row."""
    import tensorflow as tf

    layer = constructed_as(of, question)
    attempt("build", lambda: built(layer, question.config, (1, *question.known_shape[1:])))
    of.load(layer, tensors)

    def losses(inputs: Any) -> Any:
        layer(inputs)
        return [tf.convert_to_tensor(each) for each in layer.losses]

    found = attempt(
        "list its losses",
        lambda: tf.function(losses, input_signature=[of_any_length(question)])(tensor(tensors.inputs)),
    )
    return Answer({"losses": np.sort(np.array([float(each) for each in found], np.float64))})


def sorted_losses(layer: Any) -> Array:
    """The values in `losses`, least first. Raises AttemptError for whatever the layer raises."""
    values = attempt("give back its losses", lambda: [float(np.asarray(each)) for each in layer.losses])
    return np.sort(np.array(values, np.float64))


PROCEDURES: Mapping[str, Callable[..., Answer]] = {
    "read_losses": read_losses,
    "read_losses_in_graph": read_losses_in_graph,
}
