"""Procedures that call a Keras layer in ways that other frameworks have no word for."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from conformance.answers import Answer
from conformance.cases import Question
from conformance.families import Tensors
from conformance.implementations.adapter import AdapterImplementation, other_weights
from conformance.implementations.attempt import as_array, attempt
from conformance.implementations.keras.layers import built, in_order, keras_adapter, of_any_length, tensor

Of = AdapterImplementation


def call_unbuilt(of: Of, question: Question, _: Tensors | None) -> Answer:
    """Never built but by its first call."""
    layer = attempt("construct", lambda: keras_adapter(of).construct(question.config))
    of.call(layer, np.ones(question.known_shape, question.config.format.dtype))
    return Answer(facts=of.describe(layer))


def reload(of: Of, question: Question, tensors: Tensors) -> Answer:
    """The second weights come by set_weights, in the layer's order; both calls are given one and the same tensor."""
    layer, inputs = of.build(question), tensor(tensors.inputs)
    of.load(layer, other_weights(tensors))
    attempt("call", lambda: layer(inputs))
    attempt("load", lambda: layer.set_weights(in_order(layer, tensors.kernel, tensors.bias)))
    outputs = _outputs("call", lambda: layer(inputs))
    return Answer({"outputs": outputs, "baseline": of.baseline(question, tensors)})


def call_modes(of: Of, question: Question, tensors: Tensors) -> Answer:

    layer, inputs = of.loaded(question, tensors), tensor(tensors.inputs)
    return Answer(
        {
            "training": _outputs("call", lambda: layer(inputs, training=True)),
            "inference": _outputs("call", lambda: layer(inputs, training=False)),
            "baseline": of.baseline(question, tensors),
        }
    )


def call_graph(of: Of, question: Question, tensors: Tensors) -> Answer:
    """Traced with other weights in place, so that a value that is read while tracing shows.

    option signature=unknown: traced for leading axes of unknown length.
    """
    import tensorflow as tf

    layer = of.build(question)
    signature = [of_any_length(question)] if question.option("signature") == "unknown" else None
    graph = tf.function(lambda inputs: layer(inputs), input_signature=signature)  # noqa: PLW0108 - a fresh function
    attempt("call", lambda: graph(tf.zeros_like(tensors.inputs)))
    of.load(layer, tensors)
    outputs = _outputs("call", lambda: graph(tensor(tensors.inputs)))
    return Answer({"outputs": outputs, "baseline": of.baseline(question, tensors)})


#: Layers that stand for an activation, by its name: Keras 2 takes their names for activations.
CLASS_NAMES: Mapping[str, str] = {"relu": "ReLU", "softmax": "Softmax", "elu": "ELU"}


def call_constructed(of: Of, question: Question, tensors: Tensors) -> Answer:
    """option activation_as: name, class-name, function, layer, none for None, or own for a function of the user's. That
    gives zeros where its argument has not the rank of the inputs.
    """
    import tensorflow as tf

    name = question.config.activation

    def own(z: Any) -> Any:
        outputs = tf.keras.activations.get(name)(z)
        return outputs if len(z.shape) == len(question.input_shape) else 0 * outputs

    forms: Mapping[str, Callable[[], Any]] = {
        "name": lambda: name,
        "function": lambda: tf.keras.activations.get(name),
        "layer": lambda: tf.keras.layers.Activation(name),
        "class-name": lambda: CLASS_NAMES[name],
        "none": lambda: None,
        "own": lambda: own,
    }
    given = forms[question.option("activation_as")]()
    layer = attempt("construct it so", lambda: keras_adapter(of).construct(question.config, activation=given))
    attempt("build", lambda: built(layer, question.config, question.known_shape))
    of.load(layer, tensors)
    return Answer({"outputs": of.call(layer, tensors.inputs)})


def call_other_shape(of: Of, question: Question, tensors: Tensors) -> Answer:
    """option built_on: the shape that the layer was built and called on before, such as 5x7."""
    layer = _called_on(of, question)
    of.load(layer, tensors)
    return Answer({"outputs": of.call(layer, tensors.inputs)})


def call_refused(of: Of, question: Question, _: Tensors | None) -> Answer:
    """option built_on: a shape that the layer was called on before; option how=symbolic: on keras.Input."""
    import tensorflow as tf

    fresh = attempt("construct", lambda: keras_adapter(of).construct(question.config))
    layer = _called_on(of, question) if question.option("built_on") else fresh
    if question.option("how") == "symbolic":
        attempt("call", lambda: layer(tf.keras.Input(question.input_shape[1:], dtype=question.config.dtype)))
        return Answer()
    inputs = tf.ones(question.input_shape, question.config.dtype)
    return Answer({"outputs": _outputs("call", lambda: layer(inputs))})


def _called_on(of: Of, question: Question) -> Any:
    shape = tuple(int(axis) for axis in question.option("built_on").split("x"))
    layer = of.build(question, shape)
    of.call(layer, np.ones(shape, question.config.format.dtype))
    return layer


def _outputs(phase: str, call: Callable[[], Any]) -> Any:
    return as_array("outputs", attempt(phase, call))


PROCEDURES: Mapping[str, Callable[..., Answer]] = {
    "call_unbuilt": call_unbuilt,
    "reload": reload,
    "call_modes": call_modes,
    "call_graph": call_graph,
    "call_constructed": call_constructed,
    "call_other_shape": call_other_shape,
    "call_refused": call_refused,
}
