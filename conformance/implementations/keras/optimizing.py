"""Procedures that let an optimizer step."""

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
from conformance.implementations.keras.constructing import built_as, loaded_as
from conformance.implementations.keras.layers import in_order, sequential, tensor, variables
from conformance.implementations.protocol import Array
from conformance.truth import LEARNING_RATE

Of = AdapterImplementation


def step(of: Of, question: Question, tensors: Tensors) -> Answer:
    """By hand: a tape, and the optimizer's apply_gradients."""
    import tensorflow as tf

    layer = loaded_as(of, question, tensors)

    def stepped() -> None:
        optimizer = tf.keras.optimizers.SGD(LEARNING_RATE)
        for _ in range(int(question.option("steps", "1"))):
            with tf.GradientTape() as tape:
                outputs = layer(tensor(tensors.inputs))
                loss = tf.reduce_sum(tensor(tensors.upstream) * outputs)
            variables = layer.trainable_variables
            optimizer.apply_gradients(zip(tape.gradient(loss, variables), variables, strict=True))

    attempt("step", stepped)
    return Answer(weights_after(layer))


def use_constrained(of: Of, question: Question, tensors: Tensors) -> Answer:
    """Set, called in both modes, and evaluated in a model: none of them is an optimizer's step."""

    layer, inputs = built_as(of, question), tensor(tensors.inputs)

    def used() -> None:
        layer.set_weights(in_order(layer, tensors.kernel, tensors.bias))
        layer(inputs, training=True)
        layer(inputs)
        model = sequential(layer, question.config, question.input_shape)
        model.compile(loss="mse")
        model.evaluate(tensors.inputs, np.zeros(tensors.upstream.shape), verbose=0)

    attempt("use", used)
    return Answer(weights_after(layer))


def constrain(of: Of, question: Question, tensors: Tensors) -> Answer:
    return Answer(constrained_weights(loaded_as(of, question, tensors)))


def constrained_weights(layer: Any) -> dict[str, Array]:
    """kernel_constrained, bias_constrained: what the constraint that each variable carries makes of its values."""

    def found() -> dict[str, Any]:
        held = {name: (each, getattr(each, "constraint", None)) for name, each in variables(layer).items()}
        return {name: np.asarray(each if rule is None else rule(each)) for name, (each, rule) in held.items()}

    constrained = attempt("constrain its weights", found)
    return {f"{name}_constrained": as_array(name, values) for name, values in constrained.items()}


def fitted_once(layer: Any, question: Question, tensors: Tensors) -> None:
    """One step of a model in which a second, stock layer trains."""
    import tensorflow as tf

    model = sequential(layer, question.config, question.input_shape)
    model.add(tf.keras.layers.Dense(1))
    model.compile(tf.keras.optimizers.SGD(LEARNING_RATE), loss="mse")
    model.train_on_batch(tensors.inputs, np.ones((*tensors.inputs.shape[:-1], 1), np.float32))


PROCEDURES: Mapping[str, Callable[..., Answer]] = {
    "step": step,
    "use_constrained": use_constrained,
    "constrain": constrain,
}
