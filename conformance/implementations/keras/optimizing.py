"""Procedures that let an optimizer step."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from conformance.answers import Answer
from conformance.cases import Question
from conformance.families import Tensors
from conformance.implementations.adapter import AdapterImplementation
from conformance.implementations.attempt import attempt
from conformance.implementations.keras.casting import weights_after
from conformance.implementations.keras.layers import built
from conformance.implementations.keras.penalties import constructed_as
from conformance.truth import LEARNING_RATE

Of = AdapterImplementation


def step(of: Of, question: Question, tensors: Tensors) -> Answer:
    """By hand: a tape, and the optimizer's apply_gradients."""
    import tensorflow as tf

    layer = _loaded(of, question, tensors)

    def stepped() -> None:
        optimizer = tf.keras.optimizers.SGD(LEARNING_RATE)
        for _ in range(int(question.option("steps", "1"))):
            with tf.GradientTape() as tape:
                outputs = layer(tf.constant(tensors.inputs))
                loss = tf.reduce_sum(tf.constant(tensors.upstream) * outputs)
            variables = layer.trainable_variables
            optimizer.apply_gradients(zip(tape.gradient(loss, variables), variables, strict=True))

    attempt("step", stepped)
    return Answer(weights_after(layer))


def use_constrained(of: Of, question: Question, tensors: Tensors) -> Answer:
    """Called in both modes, predicted from and evaluated: none of them is an optimizer's step."""
    import tensorflow as tf

    layer, inputs = _loaded(of, question, tensors), tf.constant(tensors.inputs)

    def used() -> None:
        layer(inputs, training=True)
        layer(inputs)
        model = tf.keras.Sequential([tf.keras.Input(question.input_shape[1:]), layer])
        model.compile(loss="mse")
        model.evaluate(tensors.inputs, np.zeros(tensors.upstream.shape), verbose=0)

    attempt("use", used)
    return Answer(weights_after(layer))


def fitted_once(layer: Any, question: Question, tensors: Tensors) -> None:
    """One step of a model in which a second, stock layer trains."""
    import tensorflow as tf

    given = tf.keras.Input(question.input_shape[1:], dtype=tensors.inputs.dtype.name)
    model = tf.keras.Sequential([given, layer, tf.keras.layers.Dense(1)])
    model.compile(tf.keras.optimizers.SGD(LEARNING_RATE), loss="mse")
    model.train_on_batch(tensors.inputs, np.ones((*tensors.inputs.shape[:-1], 1), np.float32))


def _loaded(of: Of, question: Question, tensors: Tensors) -> Any:
    layer = constructed_as(of, question)
    attempt("build", lambda: built(layer, question.config, question.known_shape))
    of.load(layer, tensors)
    return layer


PROCEDURES: Mapping[str, Callable[..., Answer]] = {"step": step, "use_constrained": use_constrained}
