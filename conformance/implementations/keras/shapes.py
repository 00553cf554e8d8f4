"""Procedures that ask a Keras layer for shapes, without values."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from conformance.answers import Answer
from conformance.cases import Json, Question
from conformance.families import Tensors
from conformance.implementations.adapter import AdapterImplementation
from conformance.implementations.attempt import attempt
from conformance.implementations.keras.layers import KerasAdapter
from conformance.truth import stack_configs

Of = AdapterImplementation


def call_symbolic(of: Of, question: Question, _: Tensors | None) -> Answer:
    import tensorflow as tf

    layer = _constructed(of, question)
    given = tf.keras.Input(question.input_shape[1:], dtype=question.config.dtype)
    return Answer(facts={"output_shape": plain_shape(attempt("call", lambda: layer(given)).shape)})


def infer_shape(of: Of, question: Question, _: Tensors | None) -> Answer:
    """Keras 3 leaves compute_output_shape to each layer: its base class raises NotImplementedError. That of Keras 2
    calls the layer, and cannot do so before it is built.
    """
    import tensorflow as tf

    layer = _constructed(of, question)
    if type(layer).compute_output_shape is tf.keras.layers.Layer.compute_output_shape:
        attempt("build", lambda: layer.build(question.known_shape))

    def inferred() -> Json:
        try:
            return plain_shape(layer.compute_output_shape(question.input_shape))
        except NotImplementedError:
            return "not answered"

    return Answer(facts={"output_shape": attempt("infer a shape", inferred)})


def stack(of: Of, question: Question, _: Tensors | None) -> Answer:
    """A Sequential model of the option's `layers`; the first of them alone is told its input_shape."""
    import tensorflow as tf

    adapter = of.adapter
    assert isinstance(adapter, KerasAdapter)

    def layers() -> list[Any]:
        first, *others = stack_configs(question)
        told = adapter.construct(first, input_shape=question.input_shape[1:])
        return [told, *(adapter.construct(config) for config in others)]

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Keras 3 would rather see an Input
        stacked = attempt("construct", layers)
        model = attempt("build", lambda: tf.keras.Sequential(stacked))
    return Answer(facts=attempt("describe", lambda: _describe(model, stacked)))


def _describe(model: Any, stacked: Iterable[Any]) -> Mapping[str, Json]:
    return {
        "counts": [int(layer.count_params()) for layer in stacked],
        "weights": [[plain_shape(variable.shape) for variable in layer.weights] for layer in stacked],
        "output_shape": plain_shape(model.output_shape),
    }


def plain_shape(shape: Any) -> list[Json]:
    """A tuple or tf.TensorShape as a list; None for an unknown axis."""
    return [None if axis is None else int(axis) for axis in tuple(shape)]


def _constructed(of: Of, question: Question) -> Any:
    adapter = of.adapter
    assert isinstance(adapter, KerasAdapter)
    return attempt("construct", lambda: adapter.construct(question.config))


PROCEDURES: Mapping[str, Callable[..., Answer]] = {
    "call_symbolic": call_symbolic,
    "infer_shape": infer_shape,
    "stack": stack,
}
