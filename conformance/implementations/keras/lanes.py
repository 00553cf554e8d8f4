"""Procedures that run a Keras layer in every lane of TensorFlow."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from conformance.answers import Answer
from conformance.cases import Question
from conformance.families import Tensors
from conformance.implementations.adapter import AdapterImplementation
from conformance.implementations.attempt import as_array, attempt
from conformance.implementations.keras.casting import weights_after
from conformance.implementations.keras.layers import dense, sources
from conformance.implementations.keras.penalties import constructed_as
from conformance.truth import LEARNING_RATE

Of = AdapterImplementation

#: Arguments of tf.function, and of Model.compile, for each lane that is compiled.
LANES: Mapping[str, Mapping[str, bool]] = {"eager": {}, "graph": {}, "xla": {"jit_compile": True}}


def fit(of: Of, question: Question, tensors: Tensors) -> Answer:
    """One batch of all rows makes a step; the loss is that of the first."""
    import tensorflow as tf

    layer = constructed_as(of, question)
    lane = question.option("lane", "graph")

    def fitted() -> float:
        model = tf.keras.Sequential([tf.keras.Input(question.input_shape[1:], dtype=tensors.inputs.dtype.name), layer])
        of.load(layer, tensors)
        model.compile(
            tf.keras.optimizers.SGD(LEARNING_RATE),
            loss=lambda targets, outputs: tf.reduce_sum(tf.cast(targets, outputs.dtype) * outputs),
            run_eagerly=lane == "eager",
            jit_compile=lane == "xla",
        )
        steps = int(question.option("steps", "1"))
        settings = {"batch_size": len(tensors.inputs), "epochs": steps, "shuffle": False, "verbose": 0}
        history = model.fit(tensors.inputs, tensors.upstream, **settings)
        return float(history.history["loss"][0])

    loss = attempt("fit", fitted)
    return Answer({**weights_after(layer), "reported_loss": np.asarray(loss)})


def predict(of: Of, question: Question, tensors: Tensors) -> Answer:
    """option batch: how many rows at a time."""
    import tensorflow as tf

    layer = of.loaded(question, tensors)

    def predicted() -> Any:
        given = tf.keras.Input(question.input_shape[1:], dtype=tensors.inputs.dtype.name)
        model = tf.keras.Sequential([given, layer])
        return model.predict(tensors.inputs, batch_size=int(question.option("batch")), verbose=0)

    return Answer({"outputs": as_array("outputs", attempt("predict", predicted))})


def differentiate_in_lane(of: Of, question: Question, tensors: Tensors) -> Answer:
    """Outputs and gradients inside tf.function; option signature=unknown: traced for leading axes of unknown length."""
    import tensorflow as tf

    layer = of.loaded(question, tensors)
    variables = sources(layer)

    def both(inputs: Any, upstream: Any) -> Any:
        with tf.GradientTape() as tape:
            tape.watch(inputs)
            outputs = layer(inputs)
        wanted = {"inputs_gradient": inputs, **{f"{name}_gradient": each for name, each in variables.items()}}
        return outputs, tape.gradient(outputs, wanted, output_gradients=upstream)

    def ran() -> Any:
        compiled = tf.function(both, input_signature=_signature(question), **LANES[question.option("lane")])
        return compiled(tf.constant(tensors.inputs), tf.constant(tensors.upstream))

    outputs, gradients = attempt("differentiate", ran)
    found = {"outputs": outputs, **{name: dense(each) for name, each in gradients.items()}}
    return Answer({name: as_array(name, each) for name, each in found.items() if each is not None})


def _signature(question: Question) -> Any:
    import tensorflow as tf

    if question.option("signature") != "unknown":
        return None
    leading = [None] * (len(question.input_shape) - 1)
    config = question.config
    inputs = tf.TensorSpec([*leading, question.input_shape[-1]], config.variable_format.name)
    return [inputs, tf.TensorSpec([*leading, None], config.format.name)]


def several_tapes(of: Of, question: Question, tensors: Tensors) -> Answer:
    """One persistent tape, asked twice: of the upstream gradient's double first, then of itself."""
    import tensorflow as tf

    layer = of.loaded(question, tensors)

    def differentiated() -> Any:
        inputs, upstream = tf.constant(tensors.inputs), tf.constant(tensors.upstream)
        with tf.GradientTape(persistent=True) as tape:
            tape.watch(inputs)
            outputs = layer(inputs)
        wanted = {"inputs_gradient": inputs, **{f"{name}_gradient": each for name, each in sources(layer).items()}}
        tape.gradient(outputs, wanted, output_gradients=2 * upstream)
        return outputs, tape.gradient(outputs, wanted, output_gradients=upstream)

    outputs, gradients = attempt("differentiate", differentiated)
    found = {"outputs": outputs, **{name: dense(each) for name, each in gradients.items()}}
    return Answer({name: as_array(name, each) for name, each in found.items() if each is not None})


def jacobian(of: Of, question: Question, tensors: Tensors) -> Answer:
    """tape.jacobian of the outputs, contracted with the upstream gradient: the gradients once more, by vectorised maps.

    option forward=yes: the outputs' derivative along the inputs themselves, in forward mode.
    """
    import tensorflow as tf

    layer = of.loaded(question, tensors)
    inputs, upstream = tf.constant(tensors.inputs), tf.constant(tensors.upstream)

    def by_jacobian() -> Any:
        with tf.GradientTape() as tape:
            tape.watch(inputs)
            outputs = layer(inputs)
        wanted = {"inputs_gradient": inputs, **{f"{name}_gradient": each for name, each in sources(layer).items()}}
        found = tape.jacobian(outputs, wanted)
        axes = list(range(len(upstream.shape)))
        return {name: tf.tensordot(upstream, each, [axes, axes]) for name, each in found.items()}

    gradients = attempt("differentiate", by_jacobian)
    return Answer({name: as_array(name, each) for name, each in gradients.items()})


def forward_mode(of: Of, question: Question, tensors: Tensors) -> Answer:
    """The outputs' derivative along kernel and bias themselves, contracted with nothing: z again, where linear."""
    import tensorflow as tf

    layer = of.loaded(question, tensors)

    def along() -> Any:
        variables = list(sources(layer).values())
        with tf.autodiff.ForwardAccumulator(variables, [tf.convert_to_tensor(each) for each in variables]) as forward:
            outputs = layer(tf.constant(tensors.inputs))
        return forward.jvp(outputs)

    return Answer({"outputs": as_array("outputs", attempt("differentiate forward", along))})


PROCEDURES: Mapping[str, Callable[..., Answer]] = {
    "fit": fit,
    "predict": predict,
    "differentiate_in_lane": differentiate_in_lane,
    "several_tapes": several_tapes,
    "jacobian": jacobian,
    "forward_mode": forward_mode,
}
