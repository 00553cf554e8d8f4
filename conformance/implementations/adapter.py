"""An implementation made of an adapter's five methods: how each procedure is carried out with them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from conformance.answers import Answer, Declaration
from conformance.cases import Json, Question
from conformance.families import Tensors
from conformance.implementations.attempt import answered, as_array, as_mapping, attempt
from conformance.implementations.protocol import Adapter, Array, declared
from conformance.procedures import GRADIENTS
from reference.config import DenseConfig

Shape = tuple[int, ...]
Carry = Callable[["AdapterImplementation", Question, Tensors], Answer]


@dataclass
class AdapterImplementation:
    """Layers are kept by config and input_dim, and their weights loaded for each question.

    may_lack: NotImplementedError says "I do not have this"; of a Keras layer it is an error like any other.
    """

    adapter: Adapter
    procedures: Mapping[str, Callable[..., Answer]] = field(default_factory=lambda: PROCEDURES)
    may_lack: bool = True
    _layers: dict[tuple[DenseConfig, int], Any] = field(default_factory=dict)

    @property
    def name(self) -> str:
        return self.adapter.name

    @property
    def capabilities(self) -> frozenset[str]:
        return self.adapter.capabilities

    @property
    def declares(self) -> Declaration:
        return declared(self.adapter)

    def answer(self, question: Question, tensors: Tensors | None) -> Answer:
        """The answer to one question; what the adapter's methods raise is part of it."""
        procedure = self.procedures.get(question.procedure)
        if procedure is None:
            return Answer(lacks=question.procedure)
        return answered(lambda: procedure(self, question, tensors), may_lack=self.may_lack)

    def build(self, question: Question, input_shape: Shape | None = None) -> Any:
        """A fresh layer. Raises AttemptError in the phase `construct` for whatever the adapter raises."""
        shape = question.known_shape if input_shape is None else input_shape
        return attempt("construct", lambda: self.adapter.build(question.config, shape))

    def loaded(self, question: Question, tensors: Tensors) -> Any:
        """A layer of this config and width with these weights: the one that was built before, if any."""
        key = (question.config, question.known_shape[-1])
        if key not in self._layers:
            self._layers[key] = self.build(question)
        self.load(self._layers[key], tensors)
        return self._layers[key]

    def fresh(self, question: Question, tensors: Tensors) -> Any:
        """A layer of its own, with these weights."""
        layer = self.build(question)
        self.load(layer, tensors)
        return layer

    def baseline(self, question: Question, tensors: Tensors) -> Array:
        """What a fresh layer with these weights answers."""
        return self.call(self.fresh(question, tensors.copies()), tensors.inputs.copy()).copy()

    def load(self, layer: Any, tensors: Tensors) -> None:
        attempt("load", lambda: self.adapter.load(layer, tensors.kernel, tensors.bias))

    def call(self, layer: Any, inputs: Array) -> Array:
        return as_array("outputs", attempt("call", lambda: self.adapter.call(layer, inputs)))

    def call_all(self, layer: Any, inputs: list[Array]) -> list[Array]:
        """Several calls: in one message where the adapter has a way to say so."""
        together = getattr(self.adapter, "call_all", None)
        if together is None:
            return [self.call(layer, each) for each in inputs]
        return [as_array("outputs", each) for each in attempt("call", lambda: together(layer, inputs))]

    def gradients(self, layer: Any, tensors: Tensors) -> dict[str, Array]:
        """Outputs and gradients, those that come."""
        given = attempt("differentiate", lambda: self.adapter.differentiate(layer, tensors.inputs, tensors.upstream))
        by_name = as_mapping("gradients", given)
        named = {name: by_name.get(name) for name in ("outputs", *GRADIENTS)}
        return {name: as_array(name, values) for name, values in named.items() if values is not None}

    def describe(self, layer: Any) -> Mapping[str, Json]:
        return as_mapping("a description", attempt("describe", lambda: self.adapter.describe(layer)))


def talk(of: AdapterImplementation, question: Question, _: Tensors | None) -> Answer:
    layer = of.build(question)
    return Answer({"outputs": of.call(layer, np.ones(question.known_shape, question.config.format.dtype))})


def call(of: AdapterImplementation, question: Question, tensors: Tensors) -> Answer:
    return Answer({"outputs": of.call(of.loaded(question, tensors), tensors.inputs)})


def differentiate(of: AdapterImplementation, question: Question, tensors: Tensors) -> Answer:
    return Answer(of.gradients(of.loaded(question, tensors), tensors))


def differentiate_again(of: AdapterImplementation, question: Question, tensors: Tensors) -> Answer:
    layer = of.fresh(question, tensors)
    of.gradients(layer, tensors)
    found = of.gradients(layer, tensors)
    return Answer({**found, "inputs_after": tensors.inputs, "upstream_after": tensors.upstream})


def call_rows(of: AdapterImplementation, question: Question, tensors: Tensors) -> Answer:
    layer = of.loaded(question, tensors)
    outputs = of.call(layer, tensors.inputs.copy())
    rows = of.call_all(layer, [tensors.inputs[row : row + 1].copy() for row in range(len(tensors.inputs))])
    together = attempt("give back rows that fit together", lambda: np.concatenate(rows)) if rows else outputs
    return Answer({"outputs": outputs, "row_by_row": together})


def call_again(of: AdapterImplementation, question: Question, tensors: Tensors) -> Answer:
    layer, inputs = of.fresh(question, tensors), tensors.inputs
    kept = of.call(layer, inputs)
    first = kept.copy()
    of.call(layer, 1 - inputs[::-1])
    first_after = kept.copy()
    second = of.call(layer, inputs)
    return Answer({"first": first, "first_after": first_after, "second": second, "inputs_after": inputs})


def call_other_batch(of: AdapterImplementation, question: Question, tensors: Tensors) -> Answer:
    inputs, found = tensors.inputs, {"baseline": of.baseline(question, tensors)}
    for name, before in (("after_fewer", inputs[:1]), ("after_more", np.concatenate([inputs, inputs]))):
        layer = of.fresh(question, tensors.copies())
        of.call(layer, before.copy())
        found[name] = of.call(layer, inputs.copy())
    return Answer(found)


def call_views(of: AdapterImplementation, question: Question, tensors: Tensors) -> Answer:
    found = {"baseline": of.baseline(question, tensors)}
    for name, view in (("of_steps", in_steps(tensors.inputs)), ("of_columns", in_columns(tensors.inputs))):
        found[name] = of.call(of.fresh(question, tensors.copies()), view)
    return Answer(found)


def in_steps(values: Array) -> Array:
    """The same values, each beside another one in memory."""
    return np.repeat(values, 2, axis=-1)[..., ::2]


def in_columns(values: Array) -> Array:
    """The same values; in memory one feature of all rows comes after the other."""
    return np.moveaxis(np.ascontiguousarray(np.moveaxis(values, -1, 0)), 0, -1)


def reload(of: AdapterImplementation, question: Question, tensors: Tensors) -> Answer:
    baseline, layer = of.baseline(question, tensors), of.build(question)
    of.load(layer, other_weights(tensors))
    of.call(layer, tensors.inputs.copy())
    of.load(layer, tensors)
    return Answer({"outputs": of.call(layer, tensors.inputs), "baseline": baseline})


def two_layers(of: AdapterImplementation, question: Question, tensors: Tensors) -> Answer:
    baseline, layer, other = of.baseline(question, tensors), of.build(question), of.build(question)
    of.load(layer, tensors)
    of.load(other, other_weights(tensors))
    of.call(other, tensors.inputs.copy())
    return Answer({"outputs": of.call(layer, tensors.inputs), "baseline": baseline})


def build(of: AdapterImplementation, question: Question, _: Tensors | None) -> Answer:
    layer = of.build(question)
    return Answer(facts=of.describe(layer))


def call_unbuilt(of: AdapterImplementation, question: Question, _: Tensors | None) -> Answer:
    layer = of.build(question)
    of.call(layer, np.ones(question.known_shape, question.config.format.dtype))
    return Answer(facts=of.describe(layer))


def described(kernel: Array, bias: Array | None, *, trainable: bool = True) -> Mapping[str, Json]:
    """What an adapter's `describe` says of these weights."""
    named = {"kernel": kernel} if bias is None else {"kernel": kernel, "bias": bias}
    weights = [
        {"name": name, "shape": list(each.shape), "trainable": trainable, "dtype": each.dtype.name}
        for name, each in named.items()
    ]
    count = sum(each.size for each in named.values())
    return {"weights": weights, "count": count, "trainable": count if trainable else 0}


def other_weights(tensors: Tensors) -> Tensors:
    """Weights that differ from these in every element."""
    return replace(tensors, kernel=tensors.kernel + 1, bias=None if tensors.bias is None else tensors.bias - 5)


#: How every procedure that needs no Keras is carried out.
PROCEDURES: Mapping[str, Callable[..., Answer]] = {
    "talk": talk,
    "call": call,
    "differentiate": differentiate,
    "call_rows": call_rows,
    "differentiate_again": differentiate_again,
    "call_again": call_again,
    "call_other_batch": call_other_batch,
    "call_views": call_views,
    "reload": reload,
    "two_layers": two_layers,
    "build": build,
    "call_unbuilt": call_unbuilt,
}
