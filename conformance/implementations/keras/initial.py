"""Procedures that look at the weights of a new Keras layer."""

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
from conformance.implementations.keras.constructing import built_as
from conformance.implementations.keras.layers import built, held, keras_adapter, native

Of = AdapterImplementation


def begin(of: Of, question: Question, _: Tensors | None) -> Answer:
    first, second = held(built_as(of, question)), held(built_as(of, question))
    return Answer({**first, **{f"second_{name}": values for name, values in second.items()}})


def begin_seeded(of: Of, question: Question, _: Tensors | None) -> Answer:
    import tensorflow as tf

    def run(seed: int) -> dict[str, Any]:
        tf.keras.utils.set_random_seed(seed)
        return held(built_as(of, question))

    one, again, other = run(7), run(7), run(8)
    same = all(np.array_equal(values, again[name]) for name, values in one.items())
    return Answer(facts={"same again": same, "other seed differs": not np.array_equal(one["kernel"], other["kernel"])})


def begin_called(of: Of, question: Question, _: Tensors | None) -> Answer:
    """A plain function in place of both initializers: it counts upwards, so that shape and order show."""
    import tensorflow as tf

    calls: list[Any] = []

    def counting(shape: Any, dtype: Any = None, **_: Any) -> Any:
        axes = [int(axis) for axis in shape]
        calls.append([axes, tf.as_dtype(dtype).name])
        return tf.reshape(tf.range(int(np.prod(axes)), dtype=tf.as_dtype(dtype)), axes)

    given = {"kernel_initializer": counting, "bias_initializer": counting}
    layer = attempt("construct it so", lambda: keras_adapter(of).construct(question.config, **given))
    attempt("build", lambda: built(layer, question.config, question.known_shape))
    return Answer(held(layer), {"calls": sorted(calls, reverse=True)})


def begin_with_arrays(of: Of, question: Question, tensors: Tensors) -> Answer:
    names = {"kernel_initializer": tensors.kernel, "bias_initializer": tensors.bias}
    given = {name: native(values) for name, values in names.items() if values is not None}
    layer = attempt("construct it so", lambda: keras_adapter(of).construct(question.config, **given))
    attempt("build", lambda: built(layer, question.config, question.known_shape))
    return Answer(weights_after(layer))


def begin_with_weights(of: Of, question: Question, tensors: Tensors) -> Answer:
    """Keras 2 sets them at the first call."""
    given = [native(values) for values in (tensors.kernel, tensors.bias) if values is not None]
    layer = attempt("construct it so", lambda: keras_adapter(of).construct(question.config, weights=given))
    of.call(layer, tensors.inputs)
    return Answer(weights_after(layer))


PROCEDURES: Mapping[str, Callable[..., Answer]] = {
    "begin": begin,
    "begin_seeded": begin_seeded,
    "begin_called": begin_called,
    "begin_with_arrays": begin_with_arrays,
    "begin_with_weights": begin_with_weights,
}
