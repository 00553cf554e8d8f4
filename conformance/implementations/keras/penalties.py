"""Procedures that read the losses of a Keras layer, and make its arguments in every form that Keras takes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from conformance.answers import Answer
from conformance.cases import Question
from conformance.families import Tensors
from conformance.implementations.adapter import AdapterImplementation
from conformance.implementations.attempt import as_array, attempt
from conformance.implementations.keras.layers import built, dense, keras_adapter, made, sources
from reference.config import TABLES

Of = AdapterImplementation


def constructed_as(of: Of, question: Question) -> Any:
    """A layer whose initializers, regularizers and constraints are given in the form that the option given_as names."""
    said = {argument: getattr(question.config, argument) for argument in TABLES}
    form = FORMS[question.option("given_as", "object")]

    def construct() -> Any:
        given = {argument: form(argument, name) for argument, name in said.items() if name not in (None, *STANDARD)}
        return keras_adapter(of).construct(question.config, **given)

    return attempt("construct", construct)


def _as_config(argument: str, name: str) -> Any:
    import tensorflow as tf

    return getattr(tf.keras, argument.rpartition("_")[2] + "s").serialize(made(argument, name))


def _as_callable(argument: str, name: str) -> Any:
    """A plain function around Keras's own object."""
    kept = made(argument, name)

    def plain(*given: Any, **named: Any) -> Any:
        return kept(*given, **named)

    return plain


#: What the names of initializers that need no saying are.
STANDARD = ("glorot_uniform", "zeros")
#: By the option given_as: an argument and the name of a row, in that form. A name has the arguments of its default.
FORMS: Mapping[str, Callable[[str, str], Any]] = {
    "object": made,
    "config": _as_config,
    "callable": _as_callable,
    "name": lambda argument, name: NAMES.get(name, name),
}
#: What Keras calls a row where that is another name.
NAMES: Mapping[str, str] = {"l1_by_default": "l1", "l2_by_default": "l2"}


def read_losses(of: Of, question: Question, tensors: Tensors) -> Answer:
    import tensorflow as tf

    layer = constructed_as(of, question)
    attempt("build", lambda: built(layer, question.config, question.known_shape))
    of.load(layer, tensors)
    before = attempt("list its losses", lambda: len(layer.losses))
    of.call(layer, tensors.inputs.copy())

    def differentiated() -> tuple[list[Any], Mapping[str, Any]]:
        variables = {f"{name}_gradient": each for name, each in sources(layer).items()}
        with tf.GradientTape() as tape:
            layer(tf.constant(tensors.inputs))
            losses = list(layer.losses)
            total = tf.add_n(losses) if losses else tf.constant(0.0)
        return losses, tape.gradient(total, variables, unconnected_gradients="zero")

    losses, gradients = attempt("differentiate its losses", differentiated)
    values = as_array("losses", attempt("give back its losses", lambda: [float(np.asarray(each)) for each in losses]))
    found = {"losses": np.sort(values.astype(np.float64)), **{name: dense(each) for name, each in gradients.items()}}
    given = {name: each for name, each in found.items() if each is not None}
    return Answer(given, {"built": before})


PROCEDURES: Mapping[str, Callable[..., Answer]] = {"read_losses": read_losses}
