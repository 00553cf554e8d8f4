"""Keras layers that name, make or type their weights in their own way still answer for their arithmetic."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from conformance.answers import Answer
from conformance.cases import Question, Tier
from conformance.families import draw
from conformance.implementations.keras.layers import KerasAdapter
from conformance.implementations.keras.oracle import keras_implementation, stock
from conformance.implementations.keras.written import variant, written_by_hand
from conformance.implementations.protocol import Implementation
from conformance.implementations.right_layers import RIGHT_LAYERS
from conformance.results import Verdict
from conformance.run import Selection, run
from conformance.session import live_oracle
from conformance.truth import needs_tensors
from reference.config import DenseConfig

#: Those whose products convert their inputs, as the stock layer does. The others hand integers to an op of TensorFlow
QUESTION = Question("call", DenseConfig(3), (5, 7))
KERAS_LAYERS = [name for name in RIGHT_LAYERS if name.startswith("keras")]


def asked(implementation: Implementation, question: Question) -> Answer:
    tensors = None
    if needs_tensors(question):
        tensors = draw(question.family, question.config, question.known_shape, question.seed)
    return implementation.answer(question, tensors)


def tensors_of(answer: Answer) -> dict[str, Any]:
    assert answer.raised is None
    return {name: values.tolist() for name, values in answer.tensors.items()}


def with_names(kernel: str, bias: str) -> Any:
    def make_weights(self: Any, width: int) -> None:
        self.kernel = self.add_weight(name=kernel, shape=(width, self.units))
        self.bias = self.add_weight(name=bias, shape=(self.units,)) if self.use_bias else None

    return variant("Named", make_weights=make_weights)


@pytest.mark.parametrize("procedure", ["call", "differentiate", "differentiate_twice", "reload", "call_graph"])
@pytest.mark.parametrize("use_bias", [True, False])
@pytest.mark.parametrize("names", [("kernel", "b"), ("w", "bias"), ("w", "b"), ("k", "kernel")], ids="-".join)
def test_other_names_change_no_number(names: tuple[str, str], use_bias: bool, procedure: str) -> None:
    """Names are a clause of their own; a kernel that is called w is no wrong gradient."""
    question = Question(procedure, DenseConfig(3, "tanh", use_bias), (5, 7), family="normal")
    named = keras_implementation(with_names(*names), "named")
    assert tensors_of(asked(named, question)) == tensors_of(asked(stock(), question))


def test_a_counter_among_the_weights_is_neither_kernel_nor_bias() -> None:
    """It cannot be trained, so no gradient is asked of it."""

    def make_weights(self: Any, width: int) -> None:
        self.calls = self.add_weight(name="calls", shape=(width, self.units), trainable=False)
        self.kernel = self.add_weight(name="kernel", shape=(width, self.units))
        self.bias = None

    counting = keras_implementation(variant("Counting", make_weights=make_weights), "counting")
    question = Question("differentiate", DenseConfig(3, use_bias=False), (5, 7))
    assert tensors_of(asked(counting, question)) == tensors_of(asked(stock(), question))


@pytest.mark.filterwarnings("ignore:.build... was called on layer:UserWarning")
@pytest.mark.parametrize("procedure", ["call", "differentiate", "reload", "two_layers", "call_graph", "call_unbuilt"])
def test_weights_that_a_first_call_makes_are_found(procedure: str) -> None:
    """A layer around the stock one has no weights after its own build, which makes none."""
    import tensorflow as tf

    def start(self: Any, units: int, activation: Any = None, use_bias: bool = True, **arguments: Any) -> None:
        tf.keras.layers.Layer.__init__(self, **arguments)
        self.inner = tf.keras.layers.Dense(units, activation, use_bias)

    methods = {"__init__": start, "call": lambda self, inputs: self.inner(inputs)}
    around = keras_implementation(type("Around", (tf.keras.layers.Layer,), methods), "around")
    question = Question(procedure, DenseConfig(3, "relu"), (5, 7))
    here, there = asked(around, question), asked(stock(), question)
    assert tensors_of(here) == tensors_of(there)
    assert here.facts == there.facts


@pytest.mark.parametrize(
    ("shapes", "line"),
    [
        (((7, 3),), "the layer has 1 weights to load kernel and bias into"),
        (((7, 3), (1, 3)), "bias has shape (1, 3), expected (3,)"),
        (((3, 7), (3,)), "kernel has shape (3, 7), expected (7, 3)"),
        (((7, 3), ()), "bias has shape (), expected (3,)"),
    ],
    ids=["one", "row", "turned", "scalar"],
)
def test_weights_of_other_shapes_are_refused_and_never_broadcast(
    shapes: tuple[tuple[int, ...], ...], line: str
) -> None:
    def make_weights(self: Any, width: int) -> None:
        made = [
            self.add_weight(name=name, shape=shape) for name, shape in zip(("kernel", "bias"), shapes, strict=False)
        ]
        self.kernel, self.bias = made[0], made[-1]

    raised = asked(keras_implementation(variant("Odd", make_weights=make_weights), "odd"), QUESTION).raised
    assert raised is not None
    assert str(raised) == f"ValueError while it was asked to load: {line}"


@pytest.mark.parametrize(
    ("config", "arguments"),
    [
        (DenseConfig(3), {}),
        (
            DenseConfig(3, "relu", use_bias=False, dtype="float64"),
            {"activation": "relu", "use_bias": False, "dtype": "float64"},
        ),
    ],
    ids=["defaults", "all"],
)
def test_only_what_differs_from_the_defaults_is_given(config: DenseConfig, arguments: dict[str, Any]) -> None:
    """A class that takes units alone can be put under test."""

    def construct(units: int, **given: Any) -> dict[str, Any]:
        return {"units": units, **given}

    assert KerasAdapter(construct, "noted").construct(config) == {"units": 3, **arguments}


def test_an_argument_that_is_not_taken_is_an_error_of_construction() -> None:
    def start(self: Any, units: int) -> None:
        raise AssertionError("is not reached")

    raised = asked(
        keras_implementation(variant("Narrow", __init__=start), "narrow"),
        replace(QUESTION, config=DenseConfig(3, "relu")),
    ).raised
    assert raised is not None
    assert (raised.phase, raised.type) == ("construct", "TypeError")
    assert "activation" in raised.message


def test_a_layer_that_refuses_one_form_of_an_argument_is_asked_everything_else() -> None:
    """It is constructed all the same where that form is not given: nothing else is blocked by it."""

    def __init__(self: Any, units: int, activation: Any = None, **arguments: Any) -> None:  # noqa: N807
        if not isinstance(activation, str | None):
            raise TypeError(f"activation must be a name, got {activation!r}")
        written_by_hand().__init__(self, units, activation=activation, **arguments)

    oracle = live_oracle()
    layer = keras_implementation(variant("Named", __init__=__init__), "Named")
    (report,) = run([layer], Selection(tier=Tier.SMOKE, areas=("saving",)), oracle)
    refused = {result.clause.id for result in report.results if result.verdict is Verdict.ERROR}
    assert refused == {"saving.config-of-activation-layer"}
    assert report.counts[Verdict.BLOCKED] == 0
