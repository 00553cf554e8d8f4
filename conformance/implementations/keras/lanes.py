"""Procedures that run a Keras layer in every lane of TensorFlow."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from conformance.answers import Answer
from conformance.cases import Question
from conformance.families import Tensors
from conformance.implementations.adapter import AdapterImplementation, other_weights
from conformance.implementations.attempt import as_array, attempt
from conformance.implementations.keras.casting import weights_after
from conformance.implementations.keras.constructing import constructed_as
from conformance.implementations.keras.layers import (
    answered_with,
    keras_adapter,
    of_any_length,
    sequential,
    sources,
    tensor,
    wanted,
)
from conformance.truth import LEARNING_RATE

Of = AdapterImplementation

#: Arguments of tf.function for each lane.
LANES: Mapping[str, Mapping[str, bool]] = {"graph": {}, "xla": {"jit_compile": True}}


def fit(of: Of, question: Question, tensors: Tensors) -> Answer:
    """One batch of all rows makes a step; the loss is that of the first."""
    layer = constructed_as(of, question)

    def fitted() -> float:
        model = _compiled(of, layer, question, tensors)
        steps = int(question.option("steps", "1"))
        settings = {"batch_size": len(tensors.inputs), "epochs": steps, "shuffle": False, "verbose": 0}
        history = model.fit(tensors.inputs, tensors.upstream, **settings)
        return float(history.history["loss"][0])

    loss = attempt("fit", fitted)
    return Answer({**weights_after(layer), "reported_loss": np.asarray(loss)})


def evaluate(of: Of, question: Question, tensors: Tensors) -> Answer:
    """All rows in one batch."""
    layer = constructed_as(of, question)

    def evaluated() -> float:
        model = _compiled(of, layer, question, tensors)
        return float(model.evaluate(tensors.inputs, tensors.upstream, batch_size=len(tensors.inputs), verbose=0))

    loss = attempt("evaluate", evaluated)
    return Answer({**weights_after(layer), "reported_loss": np.asarray(loss)})


def _compiled(of: Of, layer: Any, question: Question, tensors: Tensors) -> Any:
    """A model of the layer alone, with these weights, and the loss sum(targets * outputs)."""
    import tensorflow as tf

    lane = question.option("lane", "graph")
    model = sequential(layer, question.config, question.input_shape)
    of.load(layer, tensors)
    model.compile(
        tf.keras.optimizers.SGD(LEARNING_RATE),
        loss=lambda targets, outputs: tf.reduce_sum(tf.cast(targets, outputs.dtype) * outputs),
        run_eagerly=lane == "eager",
        jit_compile=lane == "xla",
    )
    return model


def predict(of: Of, question: Question, tensors: Tensors) -> Answer:
    """option batch: how many rows at a time. Other weights are predicted with first, as before a model is trained."""
    layer = of.loaded(question, other_weights(tensors))

    def predicted() -> Any:
        model = sequential(layer, question.config, question.input_shape)
        model.predict_on_batch(tensors.inputs)
        of.load(layer, tensors)
        return model.predict(tensors.inputs, batch_size=int(question.option("batch")), verbose=0)

    return Answer({"outputs": as_array("outputs", attempt("predict", predicted))})


def differentiate_in_lane(of: Of, question: Question, tensors: Tensors) -> Answer:
    """Outputs and gradients inside tf.function, after an eager call; option signature=unknown: traced for leading axes
    of unknown length.
    """
    import tensorflow as tf

    layer = of.build(question)
    of.load(layer, tensors)
    of.call(layer, tensors.inputs.copy())

    def both(inputs: Any, upstream: Any) -> Any:
        with tf.GradientTape() as tape:
            tape.watch(inputs)
            outputs = layer(inputs)
        return outputs, tape.gradient(outputs, wanted(layer, inputs), output_gradients=upstream)

    def ran() -> Any:
        compiled = tf.function(both, input_signature=_signature(question), **LANES[question.option("lane")])
        return compiled(tensor(tensors.inputs), tensor(tensors.upstream))

    outputs, gradients = attempt("differentiate", ran)
    return Answer(answered_with({"outputs": outputs, **gradients}))


def _signature(question: Question) -> Any:
    import tensorflow as tf

    if question.option("signature") != "unknown":
        return None
    upstream = tf.TensorSpec([None] * len(question.input_shape), question.config.format.name)
    return [of_any_length(question), upstream]


def build_in_lane(of: Of, question: Question, tensors: Tensors) -> Answer:
    """The weights outlive the graph in which they were made: they are described, loaded, and used by it again."""
    import tensorflow as tf

    layer = attempt("construct", lambda: keras_adapter(of).construct(question.config))
    compiled = tf.function(lambda inputs: layer(inputs), **LANES[question.option("lane")])  # noqa: PLW0108
    attempt("build", lambda: compiled(tensor(tensors.inputs)))
    described = of.describe(layer)
    of.load(layer, tensors)
    outputs = as_array("outputs", attempt("call", lambda: np.asarray(compiled(tensor(tensors.inputs)))))
    return Answer({"outputs": outputs}, described)


def several_tapes(of: Of, question: Question, tensors: Tensors) -> Answer:
    """One persistent tape, asked twice: of the upstream gradient's double first, then of itself."""
    import tensorflow as tf

    layer = of.loaded(question, tensors)

    def differentiated() -> Any:
        inputs, upstream = tensor(tensors.inputs), tensor(tensors.upstream)
        with tf.GradientTape(persistent=True) as tape:
            tape.watch(inputs)
            outputs = layer(inputs)
        tape.gradient(outputs, wanted(layer, inputs), output_gradients=2 * upstream)
        return outputs, tape.gradient(outputs, wanted(layer, inputs), output_gradients=upstream)

    outputs, gradients = attempt("differentiate", differentiated)
    return Answer(answered_with({"outputs": outputs, **gradients}))


def jacobian(of: Of, question: Question, tensors: Tensors) -> Answer:
    """tape.jacobian of the outputs, contracted with the upstream gradient: the gradients once more, by vectorised
    maps.
    """
    import tensorflow as tf

    layer = of.loaded(question, tensors)
    inputs, upstream = tensor(tensors.inputs), tensor(tensors.upstream)

    def by_jacobian() -> Any:
        with tf.GradientTape() as tape:
            tape.watch(inputs)
            outputs = layer(inputs)
        found = tape.jacobian(outputs, wanted(layer, inputs))
        axes = list(range(len(upstream.shape)))
        return {name: tf.tensordot(upstream, each, [axes, axes]) for name, each in found.items()}

    return Answer(answered_with(attempt("differentiate", by_jacobian)))


def forward_mode(of: Of, question: Question, tensors: Tensors) -> Answer:
    """The outputs' derivative along kernel and bias themselves, contracted with nothing: z again, where linear."""
    import tensorflow as tf

    layer = of.loaded(question, tensors)

    def along() -> Any:
        variables = list(sources(layer).values())
        with tf.autodiff.ForwardAccumulator(variables, [tf.convert_to_tensor(each) for each in variables]) as forward:
            outputs = layer(tensor(tensors.inputs))
        return forward.jvp(outputs)

    return Answer({"outputs": as_array("outputs", attempt("differentiate forward", along))})


PROCEDURES: Mapping[str, Callable[..., Answer]] = {
    "fit": fit,
    "evaluate": evaluate,
    "predict": predict,
    "differentiate_in_lane": differentiate_in_lane,
    "build_in_lane": build_in_lane,
    "several_tapes": several_tapes,
    "jacobian": jacobian,
    "forward_mode": forward_mode,
}
