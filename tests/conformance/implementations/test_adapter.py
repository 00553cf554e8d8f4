"""The five methods are enough: a layer of a dozen lines answers every procedure that needs no Keras."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest

from conformance.answers import Answer
from conformance.cases import Question
from conformance.families import draw
from conformance.implementations.adapter import PROCEDURES as CARRIED_OUT
from conformance.implementations.adapter import AdapterImplementation, in_columns, in_steps
from conformance.implementations.protocol import Array
from conformance.procedures import PROCEDURES
from conformance.truth import needs_tensors
from reference.config import DenseConfig

LINEAR = DenseConfig(3)
LACKING = sorted(set(PROCEDURES) - set(CARRIED_OUT))


@dataclass
class Tiny:
    """A linear layer, and a note of every method that was called."""

    name: str = "tiny"
    capabilities: frozenset[str] = frozenset({"call", "differentiate", "describe"})
    calls: list[str] = field(default_factory=list)

    def build(self, config: DenseConfig, input_shape: tuple[int, ...]) -> dict[str, Any]:
        self.calls.append("build")
        return {"kernel": np.zeros((input_shape[-1], config.units), np.float32), "bias": None}

    def load(self, layer: dict[str, Any], kernel: Array, bias: Array | None) -> None:
        self.calls.append("load")
        layer.update(kernel=kernel, bias=bias)

    def call(self, layer: dict[str, Any], inputs: Array) -> Any:
        self.calls.append("call")
        product = inputs @ layer["kernel"]
        return product if layer["bias"] is None else product + layer["bias"]

    def differentiate(self, layer: dict[str, Any], inputs: Array, upstream: Array) -> Any:
        rows, upstreams = inputs.reshape(-1, inputs.shape[-1]), upstream.reshape(-1, upstream.shape[-1])
        return {
            "outputs": self.call(layer, inputs),
            "kernel_gradient": rows.T @ upstreams,
            "bias_gradient": upstreams.sum(axis=0),
            "inputs_gradient": upstream @ layer["kernel"].T,
        }

    def describe(self, layer: dict[str, Any]) -> Any:
        size = int(layer["kernel"].size)
        return {"weights": [], "count": size, "trainable": size}


def asked(adapter: Any, procedure: str, shape: tuple[int, ...] = (5, 7)) -> Answer:
    question = Question(procedure, LINEAR, shape)
    tensors = draw("integers", LINEAR, shape, 0) if needs_tensors(question) else None
    return AdapterImplementation(adapter).answer(question, tensors)


@pytest.mark.parametrize("procedure", CARRIED_OUT)
def test_five_methods_answer_in_full(procedure: str) -> None:
    given = asked(Tiny(), procedure)
    assert given.raised is None
    assert set(given.tensors) == set(PROCEDURES[procedure].tensors)
    assert set(given.facts) == set(PROCEDURES[procedure].facts)


@pytest.mark.parametrize("procedure", LACKING)
def test_what_only_keras_can_be_asked_is_lacking(procedure: str) -> None:
    assert asked(Tiny(), procedure) == Answer(lacks=procedure)


@pytest.mark.parametrize(("shape", "rows"), [((5, 7), 5), ((2, 3, 7), 2), ((0, 7), 0)], ids=str)
def test_rows_are_called_one_by_one_and_put_together_again(shape: tuple[int, ...], rows: int) -> None:
    tiny = Tiny()
    given = asked(tiny, "call_rows", shape)
    assert tiny.calls == ["build", "load", *["call"] * (1 + rows)]
    assert given.tensors["row_by_row"].tolist() == given.tensors["outputs"].tolist()


@dataclass
class Remembering(Tiny):
    """Right in its first call, then gives that answer again and again."""

    def call(self, layer: dict[str, Any], inputs: Array) -> Any:
        return layer.setdefault("first", super().call(layer, inputs))


def test_a_layer_that_remembers_its_first_answer_shows_after_a_reload() -> None:
    """Asked with the other weights first: kernel + 1 and bias - 5 change every output."""
    given = asked(Remembering(), "reload").tensors
    right = asked(Tiny(), "reload").tensors
    assert given["baseline"].tolist() == right["baseline"].tolist() == right["outputs"].tolist()
    assert given["outputs"].tolist() != right["outputs"].tolist()


@dataclass
class Shared(Tiny):
    """All layers have the same weights: those that were loaded last."""

    weights: dict[str, Any] = field(default_factory=dict)

    def build(self, config: DenseConfig, input_shape: tuple[int, ...]) -> dict[str, Any]:
        return self.weights


def test_layers_that_share_their_weights_show_beside_each_other() -> None:
    given = asked(Shared(), "two_layers").tensors
    assert given["baseline"].tolist() == asked(Tiny(), "two_layers").tensors["outputs"].tolist()
    assert given["outputs"].tolist() != given["baseline"].tolist()


@dataclass
class Overwriting(Tiny):
    """Computes in its caller's memory, and gives back a view of memory that the next call overwrites."""

    def call(self, layer: dict[str, Any], inputs: Array) -> Any:
        outputs = super().call(layer, inputs)
        inputs[...] = 0
        kept = layer.setdefault("kept", np.empty_like(outputs))
        kept[...] = outputs
        return kept


def test_what_is_overwritten_shows_in_a_second_call() -> None:
    given, right = asked(Overwriting(), "call_again").tensors, asked(Tiny(), "call_again").tensors
    assert given["first"].tolist() == right["first"].tolist()
    assert given["first_after"].tolist() != right["first"].tolist()
    assert right["first_after"].tolist() == right["first"].tolist()
    assert given["second"].tolist() != right["second"].tolist()
    assert not given["inputs_after"].any()


@dataclass
class FirstBatch(Tiny):
    """Gives back as many rows as its first batch had."""

    def call(self, layer: dict[str, Any], inputs: Array) -> Any:
        return super().call(layer, inputs)[: layer.setdefault("rows", len(inputs))]


def test_other_batches_come_before_this_one() -> None:
    given, right = (asked(each, "call_other_batch").tensors for each in (FirstBatch(), Tiny()))
    assert right["after_fewer"].tolist() == right["after_more"].tolist() == right["baseline"].tolist()
    assert given["after_fewer"].tolist() == right["baseline"][:1].tolist()
    assert given["after_more"].tolist() == given["baseline"].tolist() == right["baseline"].tolist()


@dataclass
class Contiguous(Tiny):
    """Takes the memory of its inputs as it comes."""

    def call(self, layer: dict[str, Any], inputs: Array) -> Any:
        return super().call(layer, inputs.ravel(order="K").reshape(inputs.shape))


def test_views_hold_the_same_values_in_other_places() -> None:
    given, right = (asked(each, "call_views").tensors for each in (Contiguous(), Tiny()))
    assert right["of_steps"].tolist() == right["of_columns"].tolist() == right["baseline"].tolist()
    assert given["of_columns"].tolist() != right["baseline"].tolist()
    inputs = draw("integers", LINEAR, (3, 5, 7), 0).inputs
    for view in (in_steps(inputs), in_columns(inputs)):
        assert view.tolist() == inputs.tolist()
        assert not view.flags.c_contiguous


def test_the_weights_of_every_question_are_loaded_into_the_layer_that_is_kept() -> None:
    tiny = Tiny()
    implementation = AdapterImplementation(tiny)
    for seed in (0, 1):
        tensors = draw("integers", LINEAR, (5, 7), seed)
        outputs = implementation.answer(Question("call", LINEAR, (5, 7), seed=seed), tensors).tensors["outputs"]
        assert outputs.tolist() == (tensors.inputs @ tensors.kernel + tensors.bias).tolist()
    assert tiny.calls == ["build", "load", "call", "load", "call"]


#: A method that gives back something odd, the procedure that shows it, and the line that it becomes.
ODD: Mapping[str, tuple[str, str, Any, str]] = {
    "gradients-tuple": ("differentiate", "differentiate", (1, 2), "give back gradients: got tuple, expected a mapping"),
    "gradients-none": ("differentiate", "differentiate", None, "give back gradients: got NoneType, expected a mapping"),
    "gradient-text": ("differentiate", "differentiate", {"kernel_gradient": "big"}, "kernel_gradient: got str"),
    "description-list": ("build", "describe", [1], "give back a description: got list, expected a mapping"),
    "description-later": ("call_unbuilt", "describe", None, "give back a description: got NoneType"),
    "rows-scalar": ("call_rows", "call", np.float32(1), "zero-dimensional arrays cannot be concatenated"),
    "outputs-none": ("call", "call", None, "give back outputs: got NoneType, expected an array of numbers"),
    "outputs-ragged": ("talk", "call", [[1], [2, 3]], "ValueError while it was asked to give back outputs"),
}


@pytest.mark.parametrize(("procedure", "method", "given_back", "line"), ODD.values(), ids=ODD)
def test_what_a_method_gives_back_never_makes_the_suite_fail(
    procedure: str, method: str, given_back: Any, line: str
) -> None:
    """It would count as a failure of the suite's own, which outranks every verdict."""
    odd = type("Odd", (Tiny,), {method: lambda self, *given: given_back})()
    raised = asked(odd, procedure).raised
    assert raised is not None
    assert line in str(raised)
