"""Procedures that hand a Keras layer tensors of other dtypes, or its dtype in other ways."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import ml_dtypes  # noqa: F401 - gives NumPy its bfloat16
import numpy as np

from conformance.answers import Answer
from conformance.cases import Question
from conformance.families import Tensors
from conformance.implementations.adapter import AdapterImplementation
from conformance.implementations.attempt import as_array, attempt
from conformance.implementations.keras.layers import (
    answered_with,
    built,
    held,
    keras_adapter,
    native,
    tensor,
    weights_wanted,
)
from conformance.implementations.protocol import Array
from reference.config import DenseConfig

Of = AdapterImplementation

#: A nudge by less than half an ulp of float32, which float64 can hold.
NUDGES: Mapping[str, float] = {"": 1.0, "up": 1 + 2.0**-30, "down": 1 - 2.0**-30}


def call_cast(of: Of, question: Question, tensors: Tensors) -> Answer:

    layer = attempt("construct", lambda: keras_adapter(of).construct(question.config))
    given = _of_dtype(question, tensors)
    handed = given if question.option("handed") == "array" else tensor(given)
    attempt("call", lambda: layer(handed))
    of.load(layer, tensors)
    outputs = as_array("outputs", attempt("call", lambda: layer(handed)))
    return Answer({"outputs": outputs}, of.describe(layer))


def differentiate_cast(of: Of, question: Question, tensors: Tensors) -> Answer:
    """The weights' gradients: integers have none."""
    import tensorflow as tf

    layer = of.loaded(question, tensors)

    def differentiated() -> Mapping[str, Any]:
        with tf.GradientTape() as tape:
            outputs = layer(tensor(_of_dtype(question, tensors)))
        found = tape.gradient(outputs, weights_wanted(layer), output_gradients=tensor(tensors.upstream))
        return {"outputs": outputs, **found}

    return Answer(answered_with(attempt("differentiate", differentiated)))


def _of_dtype(question: Question, tensors: Tensors) -> Array:
    """The inputs in the dtype of the option given."""
    wide = tensors.inputs.astype(np.float64) * NUDGES[question.option("nudge")]
    return native(wide.astype(np.dtype(question.option("given"))))


def call_under_policy(of: Of, question: Question, tensors: Tensors) -> Answer:
    import tensorflow as tf

    def construct() -> Any:
        name, by = question.config.dtype, question.option("policy_by")
        if by == "global":
            with global_policy(name):
                return _plain(of, question.config, {})
        forms = {"object": tf.keras.mixed_precision.Policy, "dtype": tf.as_dtype, "argument": str}
        return _plain(of, question.config, {"dtype": forms[by](name)})

    layer = attempt("construct it so", construct)
    attempt("build", lambda: built(layer, question.config, question.known_shape))
    of.load(layer, tensors)
    return Answer({"outputs": of.call(layer, tensors.inputs)}, of.describe(layer))


def declare_dtype(of: Of, question: Question, _: Tensors | None) -> Answer:
    import tensorflow as tf

    layer = attempt("construct", lambda: keras_adapter(of).construct(question.config))
    given = tf.keras.Input(question.input_shape[1:], dtype=question.config.variable_format.name)
    declared = attempt("call", lambda: layer(given)).dtype
    return Answer(facts={"output_dtype": str(getattr(declared, "name", declared))})


def keep_weights(of: Of, question: Question, tensors: Tensors) -> Answer:
    layer = of.loaded(question, tensors)
    return Answer(weights_after(layer))


def weights_after(layer: Any) -> dict[str, Any]:
    """kernel_after and bias_after: what the variables hold now."""
    return {f"{name}_after": values for name, values in held(layer).items()}


@contextmanager
def global_policy(name: str) -> Iterator[None]:
    """Keras's global dtype policy, put back afterwards."""
    import tensorflow as tf

    before = tf.keras.mixed_precision.global_policy()
    tf.keras.mixed_precision.set_global_policy(name)
    try:
        yield
    finally:
        tf.keras.mixed_precision.set_global_policy(before)


def _plain(of: Of, config: DenseConfig, arguments: Mapping[str, Any]) -> Any:
    """A layer of this config but for its dtype, which the arguments give, if any."""
    said = DenseConfig(config.units, config.activation, config.use_bias)
    return keras_adapter(of).construct(said, **arguments)


PROCEDURES: Mapping[str, Callable[..., Answer]] = {
    "call_cast": call_cast,
    "differentiate_cast": differentiate_cast,
    "call_under_policy": call_under_policy,
    "declare_dtype": declare_dtype,
    "keep_weights": keep_weights,
}
