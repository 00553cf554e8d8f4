"""Procedures that handle the weights of a Keras layer as its users do."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from conformance.answers import Answer
from conformance.cases import Json, Question
from conformance.families import Tensors
from conformance.implementations.adapter import AdapterImplementation
from conformance.implementations.attempt import attempt, refuses
from conformance.implementations.keras.casting import weights_after
from conformance.implementations.keras.layers import answered_with, held, in_order, keras_adapter, native
from conformance.implementations.keras.optimizing import fitted_once

Of = AdapterImplementation


def _shape_of_tensors(shape: tuple[int, ...]) -> Any:
    import tensorflow as tf

    return tf.TensorShape([None, *shape[1:]])


#: By the option shape_as: what build is given.
SHAPE_FORMS: Mapping[str, Callable[[tuple[int, ...]], Any]] = {
    "tuple": tuple,
    "list": list,
    "tensor-shape": _shape_of_tensors,
    "unknown-batch": lambda shape: (None, *shape[1:]),
}


def read_attributes(of: Of, question: Question, _: Tensors | None) -> Answer:
    frozen = {"trainable": False} if question.option("frozen") == "constructor" else {}
    layer = attempt("construct it so", lambda: keras_adapter(of).construct(question.config, name="my_layer", **frozen))
    other = attempt("construct", lambda: keras_adapter(of).construct(question.config))
    if question.option("state") == "built":
        shape = SHAPE_FORMS[question.option("shape_as", "tuple")](question.known_shape)
        attempt("build", lambda: layer.build(shape))
    if question.option("frozen") == "later":
        layer.trainable = False
    if question.option("thawed"):
        layer.trainable = True
    return Answer(facts=attempt("read its attributes", lambda: _attributes(layer, other, question)))


def _attributes(layer: Any, other: Any, question: Question) -> Mapping[str, Json]:
    is_built = question.option("state") == "built"
    read: dict[str, Json] = {
        "units": int(layer.units),
        "use_bias": bool(layer.use_bias),
        "name": layer.name,
        "default names differ": layer.name != other.name,
        "compute_dtype": str(layer.compute_dtype),
        "variable_dtype": str(layer.variable_dtype),
        "trainable": bool(layer.trainable),
        "activation is callable": callable(layer.activation),
    }
    if not is_built:
        read["count"] = "refused" if refuses(layer.count_params) else "counted"
        read["set_weights"] = "refused" if refuses(lambda: layer.set_weights([np.ones((7, layer.units))])) else "taken"
    if is_built:
        read["kernel"] = [int(axis) for axis in layer.kernel.shape]
        read["bias"] = None if layer.bias is None else [int(axis) for axis in layer.bias.shape]
        read["count"] = int(layer.count_params())
    return {
        "built": bool(layer.built),
        "numbers": [list(values.shape) for values in layer.get_weights()],
        "trainable_numbers": [len(layer.trainable_weights), len(layer.non_trainable_weights)],
        "trainable_shapes": [[int(axis) for axis in weight.shape] for weight in layer.trainable_weights],
        "attributes": read,
    }


def assign_weights(of: Of, question: Question, tensors: Tensors) -> Answer:
    """By the attributes, which are the variables themselves."""
    layer = of.build(question)

    def assigned() -> None:
        layer.kernel.assign(native(tensors.kernel))
        if tensors.bias is not None:
            layer.bias.assign(native(tensors.bias))

    attempt("assign its weights", assigned)
    return Answer({"outputs": of.call(layer, tensors.inputs)})


def differentiate_frozen(of: Of, question: Question, tensors: Tensors) -> Answer:
    """What comes before a frozen layer may train; a tape tells of its own weights all the same."""
    layer = of.build(question)
    of.load(layer, tensors)
    layer.trainable = False
    found = attempt("differentiate", lambda: of.adapter.differentiate(layer, tensors.inputs, tensors.upstream))
    return Answer(answered_with(found))


def take_weights(of: Of, question: Question, tensors: Tensors) -> Answer:
    """What get_weights gives is the caller's own; set_weights takes it, in float64 as well."""
    layer, other = of.build(question), of.build(question)
    of.load(layer, tensors)

    def moved() -> None:
        taken = [np.array(values, np.float64) for values in layer.get_weights()]
        for values in layer.get_weights():
            if values.flags.writeable:
                values[...] = 99
        again = layer.get_weights()
        if any((one != values).any() for one, values in zip(taken, again, strict=True)):
            raise AssertionError("what get_weights gave was the layer's own memory")
        other.set_weights(taken)
        for values in taken:
            values[...] = 77

    attempt("take its weights", moved)
    return Answer(weights_after(other))


#: What set_weights must refuse, by the name that the option gives it.
WRONG_WEIGHTS: Mapping[str, Callable[[Any, Any], list[Any]]] = {
    "too-few": lambda kernel, bias: [kernel],
    "too-many": lambda kernel, bias: [kernel, bias, bias],
    "transposed": lambda kernel, bias: [kernel.T, bias],
    "other-order": lambda kernel, bias: [bias, kernel],
    "bias-row": lambda kernel, bias: [kernel, bias[None]],
    "bias-column": lambda kernel, bias: [kernel, bias[:, None]],
    "bias-number": lambda kernel, bias: [kernel, bias[:1]],
    "flat-kernel": lambda kernel, bias: [kernel.ravel(), bias],
}


def set_wrong_weights(of: Of, question: Question, tensors: Tensors) -> Answer:
    layer = of.build(question)
    wrong = WRONG_WEIGHTS[question.option("wrong")](tensors.kernel, tensors.bias)
    before = held(layer)
    refused = refuses(lambda: layer.set_weights(wrong))
    unchanged = all((values == before[name]).all() for name, values in held(layer).items())
    attempt("set its weights", lambda: layer.set_weights(in_order(layer, tensors.kernel, tensors.bias)))
    return Answer({"outputs": of.call(layer, tensors.inputs)}, {"refused": refused, "unchanged": unchanged})


def fit_frozen(of: Of, question: Question, tensors: Tensors) -> Answer:
    """Beside a second layer that does move, so that there is something to train."""
    layer = of.build(question)
    of.load(layer, tensors)
    layer.trainable = False
    attempt("fit", lambda: fitted_once(layer, question, tensors))
    return Answer(weights_after(layer))


PROCEDURES: Mapping[str, Callable[..., Answer]] = {
    "read_attributes": read_attributes,
    "assign_weights": assign_weights,
    "differentiate_frozen": differentiate_frozen,
    "take_weights": take_weights,
    "set_wrong_weights": set_wrong_weights,
    "fit_frozen": fit_frozen,
}
