"""Keras layers whose arguments are given in any form that Keras takes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from conformance.cases import Question
from conformance.families import Tensors
from conformance.implementations.adapter import AdapterImplementation
from conformance.implementations.attempt import attempt
from conformance.implementations.keras.layers import built, keras_adapter, made
from reference.config import TABLES, DenseConfig

Of = AdapterImplementation


def constructed_as(of: Of, question: Question) -> Any:
    """A layer whose initializers, regularizers and constraints are given in the form that the option given_as names."""
    config, plain = question.config, DenseConfig(question.config.units)
    given_as = question.option("given_as", "object")

    def construct() -> Any:
        said = {argument: getattr(config, argument) for argument in TABLES}
        given = {
            argument: FORMS[given_as](argument, name)
            for argument, name in said.items()
            if name is not None and (given_as == "none" or name != getattr(plain, argument))
        }
        return keras_adapter(of).construct(config, **given)

    return attempt("construct" if given_as == "object" else "construct it so", construct)


def built_as(of: Of, question: Question) -> Any:
    """The same, built."""
    layer = constructed_as(of, question)
    attempt("build", lambda: built(layer, question.config, question.known_shape))
    return layer


def loaded_as(of: Of, question: Question, tensors: Tensors) -> Any:
    """The same, with these weights."""
    layer = built_as(of, question)
    of.load(layer, tensors)
    return layer


def _as_config(argument: str, name: str) -> Any:
    import tensorflow as tf

    return getattr(tf.keras, argument.rpartition("_")[2] + "s").serialize(made(argument, name))


def _as_callable(argument: str, name: str) -> Any:
    """A plain function around Keras's own object."""
    kept = made(argument, name)

    def plain(*given: Any, **named: Any) -> Any:
        return kept(*given, **named)

    return plain


#: By the option given_as: an argument and the name of a row, in that form. A name has the arguments of its default;
#: None in place of an initializer is glorot_uniform.
FORMS: Mapping[str, Callable[[str, str], Any]] = {
    "object": made,
    "config": _as_config,
    "callable": _as_callable,
    "name": lambda argument, name: NAMES.get(name, name),
    "none": lambda argument, name: None,
}
#: What Keras calls a row where that is another name.
NAMES: Mapping[str, str] = {"l1_by_default": "l1", "l2_by_default": "l2", "l1_l2_by_default": "l1_l2"}
