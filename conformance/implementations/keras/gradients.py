"""Procedures that differentiate a Keras layer more than once."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from conformance.answers import Answer
from conformance.cases import Question
from conformance.families import Tensors
from conformance.implementations.adapter import AdapterImplementation
from conformance.implementations.attempt import attempt
from conformance.implementations.keras.layers import dense, sources, tensor


def differentiate_twice(of: AdapterImplementation, question: Question, tensors: Tensors) -> Answer:
    """The gradients of sum(inputs * inputs_gradient), the first factor held constant.

    Where the inputs' gradient does not depend on the inputs TensorFlow says None: that is a gradient of zeros.
    """
    layer = of.loaded(question, tensors)
    kernel, inputs = attempt("differentiate", lambda: _twice(layer, tensors))
    given = {
        "second_kernel_gradient": dense(kernel),
        "second_inputs_gradient": np.zeros_like(tensors.inputs) if inputs is None else dense(inputs),
    }
    return Answer({name: values for name, values in given.items() if values is not None})


def _twice(layer: object, tensors: Tensors) -> tuple[object, object]:
    import tensorflow as tf

    inputs, upstream = tensor(tensors.inputs), tensor(tensors.upstream)
    kernel = sources(layer)["kernel"]
    with tf.GradientTape() as outer:
        outer.watch(inputs)
        with tf.GradientTape() as inner:
            inner.watch(inputs)
            outputs = layer(inputs)  # type: ignore[operator]
        gradient = inner.gradient(outputs, inputs, output_gradients=upstream)
        along = tf.reduce_sum(tensor(tensors.inputs) * gradient)
    kernel_gradient, inputs_gradient = outer.gradient(along, [kernel, inputs])
    return kernel_gradient, inputs_gradient


PROCEDURES: Mapping[str, Callable[..., Answer]] = {"differentiate_twice": differentiate_twice}
