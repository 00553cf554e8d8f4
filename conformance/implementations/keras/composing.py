"""Procedures that make models of Keras layers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from conformance.answers import Answer
from conformance.cases import Question
from conformance.families import Tensors
from conformance.implementations.adapter import AdapterImplementation
from conformance.implementations.attempt import as_array, attempt
from conformance.implementations.keras.constructing import loaded_as
from conformance.implementations.keras.layers import answered_with, keras_adapter, plain_name, tensor, weights_wanted
from conformance.implementations.keras.penalties import sorted_losses

Of = AdapterImplementation


def _sequential(layer: Any, question: Question) -> Any:
    import tensorflow as tf

    return tf.keras.Sequential([_input(question), layer])


def _deferred(layer: Any, question: Question) -> Any:
    import tensorflow as tf

    return tf.keras.Sequential([layer])


def _functional(layer: Any, question: Question) -> Any:
    import tensorflow as tf

    given = _input(question)
    return tf.keras.Model(given, layer(given))


def subclassed(layer: Any) -> Any:
    """A model that has the layer as its attribute."""
    import tensorflow as tf

    class Subclassed(tf.keras.Model):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.dense = layer

        def call(self, inputs: Any) -> Any:
            return self.dense(inputs)

    return Subclassed()


def _distributed(layer: Any, question: Question) -> Any:
    import tensorflow as tf

    given = _input(question)
    return tf.keras.Model(given, tf.keras.layers.TimeDistributed(layer)(given))


def _nested(layer: Any, question: Question) -> Any:
    import tensorflow as tf

    return tf.keras.Sequential([_input(question), tf.keras.Sequential([_input(question), layer])])


def _input(question: Question) -> Any:
    """Leading axes of unknown length."""
    import tensorflow as tf

    axes = question.input_shape[1:]
    known = axes if question.option("model") == "distributed" else (*(None for _ in axes[:-1]), axes[-1])
    return tf.keras.Input(known, dtype=question.config.variable_format.name)


MODELS: Mapping[str, Callable[[Any, Question], Any]] = {
    "sequential": _sequential,
    "deferred": _deferred,
    "functional": _functional,
    "subclassed": lambda layer, _: subclassed(layer),
    "distributed": _distributed,
    "nested": _nested,
}


def call_in_model(of: Of, question: Question, tensors: Tensors) -> Answer:
    """The model's weights are the layer's, once each; the model is called on one row first, then on the whole batch."""

    layer = attempt("construct", lambda: keras_adapter(of).construct(question.config))
    model = attempt("make a model", lambda: MODELS[question.option("model")](layer, question))
    attempt("call a model", lambda: model(tensor(tensors.inputs[:1])))
    of.load(layer, tensors)
    outputs = as_array("outputs", attempt("call a model", lambda: model(tensor(tensors.inputs))))
    return Answer({"outputs": outputs}, {"weights": attempt("list weights", lambda: listed(model))})


def call_shared(of: Of, question: Question, tensors: Tensors) -> Answer:
    import tensorflow as tf

    layer = attempt("construct", lambda: keras_adapter(of).construct(question.config))

    def make() -> Any:
        one, other = _input(question), _input(question)
        return tf.keras.Model([one, other], [layer(one), layer(other)])

    model = attempt("make a model", make)
    of.load(layer, tensors)

    def differentiate() -> Any:
        with tf.GradientTape() as tape:
            once, again = model([tensor(tensors.inputs), tensor(-tensors.inputs)])
            total = tf.reduce_sum(tensor(tensors.upstream) * (once + 2 * again))
        return tape.gradient(total, weights_wanted(layer))

    gradients = answered_with(attempt("differentiate", differentiate))
    return Answer(gradients, {"weights": attempt("list weights", lambda: listed(model))})


def call_masked(of: Of, question: Question, tensors: Tensors) -> Answer:
    """Behind a layer that masks every second step, or, of higher rank, every second place on the last leading axis; a
    layer after it tells what mask has come through.
    """
    import tensorflow as tf

    seen: list[Any] = []
    keras = tf.keras

    class Masks(keras.layers.Layer):  # type: ignore[name-defined, misc]
        def __init__(self) -> None:
            super().__init__()
            self.supports_masking = True

        def call(self, inputs: Any) -> Any:
            return tf.identity(inputs)

        def compute_mask(self, inputs: Any, mask: Any = None) -> Any:
            leading = tf.shape(inputs)[:-1]
            return tf.broadcast_to(tf.range(leading[-1]) % 2 == 0, leading)

    class Sees(keras.layers.Layer):  # type: ignore[name-defined, misc]
        def __init__(self) -> None:
            super().__init__()
            self.supports_masking = True

        def call(self, inputs: Any, mask: Any = None) -> Any:
            seen.append(mask)
            return inputs

    layer, masks, sees = loaded_as(of, question, tensors), Masks(), Sees()

    def called() -> Any:
        return sees(layer(masks(tensor(tensors.inputs))))

    outputs = as_array("outputs", attempt("call", called))
    mask = None if not seen or seen[-1] is None else np.asarray(seen[-1]).astype(int).tolist()
    return Answer({"outputs": outputs, "losses": sorted_losses(layer)}, {"mask": mask})


def listed(model: Any) -> list[Any]:
    """Names and shapes of a model's weights."""
    return [[plain_name(variable), [int(axis) for axis in variable.shape]] for variable in model.weights]


PROCEDURES: Mapping[str, Callable[..., Answer]] = {
    "call_in_model": call_in_model,
    "call_shared": call_shared,
    "call_masked": call_masked,
}
