"""Procedures that ask a Keras layer for what Keras refuses, and for nothing but what it accepts by position."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from conformance.answers import Answer
from conformance.cases import Question
from conformance.families import Tensors
from conformance.implementations.adapter import AdapterImplementation
from conformance.implementations.attempt import as_array, attempt, refuses
from conformance.implementations.keras.layers import built, keras_adapter, made
from conformance.implementations.keras.storing import behaviour
from reference.config import TABLES

Of = AdapterImplementation

#: Arguments that no Keras accepts, by the name that the option `odd` gives them.
ODD_ARGUMENTS: Mapping[str, Mapping[str, Any]] = {
    "units-none": {"units": None},
    "units-minus-one": {"units": -1},
    "units-text": {"units": "a"},
    "units-list": {"units": [3]},
    "units-fraction": {"units": 2.5},
    "units-missing": {},
    "activation-unknown": {"units": 3, "activation": "no_such_activation"},
    "activation-class-name": {"units": 3, "activation": "LeakyReLU"},
    "activation-number": {"units": 3, "activation": 7},
    "initializer-unknown": {"units": 3, "kernel_initializer": "no_such_initializer"},
    "initializer-number": {"units": 3, "kernel_initializer": 0.5},
    "bias-initializer-unknown": {"units": 3, "bias_initializer": "no_such_initializer"},
    "bias-orthogonal": {"units": 3, "bias_initializer": "orthogonal"},
    "regularizer-unknown": {"units": 3, "kernel_regularizer": "no_such_regularizer"},
    "regularizer-number": {"units": 3, "kernel_regularizer": 0.1},
    "bias-regularizer-unknown": {"units": 3, "bias_regularizer": "no_such_regularizer"},
    "activity-regularizer-unknown": {"units": 3, "activity_regularizer": "no_such_regularizer"},
    "constraint-unknown": {"units": 3, "kernel_constraint": "no_such_constraint"},
    "bias-constraint-unknown": {"units": 3, "bias_constraint": "no_such_constraint"},
    "dtype-unknown": {"units": 3, "dtype": "no_such_dtype"},
    "keyword-unknown": {"units": 3, "no_such_argument": 1},
    "keyword-misspelt": {"units": 3, "use_biases": False},
    "l1_l2-by-name": {"units": 3, "kernel_regularizer": "l1_l2"},
    "maxnorm-by-name": {"units": 3, "kernel_constraint": "maxnorm"},
    "weights-given": {"units": 3, "weights": ()},
}


def refuse(of: Of, question: Question, _: Tensors | None) -> Answer:
    import tensorflow as tf

    arguments = ODD_ARGUMENTS[question.option("odd")]
    layer_class = keras_adapter(of).layer_class
    made_by = layer_class.from_config if question.option("by") == "config" else lambda given: layer_class(**given)
    layer = attempt("construct it", lambda: made_by(dict(arguments)))
    outputs = attempt("call", lambda: layer(tf.ones(question.known_shape)))
    attempt("list its losses", lambda: list(layer.losses))
    return Answer({"outputs": as_array("outputs", outputs)})


def _odd_inputs(name: str) -> Any:
    import tensorflow as tf

    makers: Mapping[str, Callable[[], Any]] = {
        "vector": lambda: tf.ones([7]),
        "number": lambda: tf.constant(1.0),
        "nothing": lambda: None,
        "two": lambda: [tf.ones([2, 7]), tf.ones([2, 7])],
    }
    return makers[name]()


def refuse_inputs(of: Of, question: Question, tensors: Tensors) -> Answer:
    """Of a layer that is not built yet: afterwards it is built, loaded and called as if nothing had been; with the
    option built_by=call by nothing but a call.
    """
    layer = attempt("construct", lambda: keras_adapter(of).construct(question.config))
    if not refuses(lambda: layer(_odd_inputs(question.option("given")))):
        return Answer(facts={"refused": False})
    if question.option("built_by") == "call":
        of.call(layer, tensors.inputs.copy())
    else:
        attempt("build", lambda: built(layer, question.config, question.known_shape))
    of.load(layer, tensors)
    return Answer({"outputs": of.call(layer, tensors.inputs)}, {"refused": True})


def construct_by_position(of: Of, question: Question, tensors: Tensors) -> Answer:
    config = question.config
    given = [None if getattr(config, name) is None else made(name, getattr(config, name)) for name in TABLES]

    def construct() -> Any:
        return keras_adapter(of).layer_class(config.units, config.activation, config.use_bias, *given)

    layer = attempt("construct it so", construct)
    attempt("build", lambda: built(layer, config, question.known_shape))
    return Answer(behaviour(of, layer, tensors))


PROCEDURES: Mapping[str, Callable[..., Answer]] = {
    "refuse": refuse,
    "refuse_inputs": refuse_inputs,
    "construct_by_position": construct_by_position,
}
