"""Whoever answers: what it raises is its answer, what it is called is found, and the real layer answers everything."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from conformance.answers import Answer
from conformance.cases import Question
from conformance.contract import CONTRACT
from conformance.families import Tensors, draw
from conformance.implementations.adapter import AdapterImplementation
from conformance.implementations.attempt import AttemptError, as_array, attempt
from conformance.implementations.keras.oracle import keras_implementation, stock, versions
from conformance.implementations.keras.written import variant, written_by_hand
from conformance.implementations.load import load
from conformance.implementations.reference import ReferenceAdapter, ReferenceLayer
from conformance.implementations.right_layers import RIGHT_LAYERS
from conformance.procedures import PROCEDURES
from conformance.truth import needs_tensors
from reference.config import DenseConfig
from reference.dialects import DIALECTS, activation, dialect_of

#: One question for each procedure.
ASKED = {
    "talk": Question("talk", DenseConfig(3), (2, 5)),
    "stack": Question("stack", DenseConfig(32), (None, 16), options=(("layers", "32,32"),)),
    "call_symbolic": Question("call_symbolic", DenseConfig(3), (None, None, 7)),
    "infer_shape": Question("infer_shape", DenseConfig(3), (None, 7)),
    "call_constructed": Question(
        "call_constructed", DenseConfig(3, "relu"), (5, 7), options=(("activation_as", "layer"),)
    ),
    "call_other_shape": Question("call_other_shape", DenseConfig(3), (2, 5, 7), options=(("built_on", "5x7"),)),
    "call_refused": Question("call_refused", DenseConfig(3), (5, 6), options=(("built_on", "5x7"),)),
}


#: For a procedure whose options must be said, what the contract asks first.
ASKED |= {
    case.question.procedure: case.question
    for clause in reversed(CONTRACT)
    for case in [*clause.cases(DIALECTS[-1])][:1]
    if case.question.options and case.question.procedure not in ASKED
}


def asked(procedure: str, **changes: Any) -> Question:
    return ASKED.get(procedure, Question(procedure, DenseConfig(3, "relu", **changes), (5, 7)))


def answer(implementation: Any, question: Question) -> Answer:
    tensors = None
    if needs_tensors(question):
        tensors = draw(question.family, question.config, question.known_shape, question.seed)
    return implementation.answer(question, tensors)


# ---- attempts ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "failure", [ValueError("no\n  \x1b[31mway\x1b[0m"), SystemExit("no way"), RecursionError("no way")]
)
def test_what_is_raised_is_kept_in_one_plain_line(failure: BaseException) -> None:
    def fail() -> None:
        raise failure

    with pytest.raises(AttemptError) as caught:
        attempt("build", fail)
    assert caught.value.raised.phase == "build"
    assert caught.value.raised.type == type(failure).__name__
    assert caught.value.raised.message == "no way"


def test_a_long_message_is_cut_and_an_interruption_is_not_caught() -> None:
    with pytest.raises(AttemptError, match=r"x{50}\.\.\."):
        attempt("call", lambda: (_ for _ in ()).throw(ValueError("x" * 5000)))
    with pytest.raises(KeyboardInterrupt):
        attempt("call", lambda: (_ for _ in ()).throw(KeyboardInterrupt()))


@pytest.mark.parametrize(
    "values", [None, object(), "text", ["a"], [[1], [2, 3]]], ids=["none", "object", "text", "texts", "ragged"]
)
def test_what_is_no_array_is_an_error_of_the_implementation(values: Any) -> None:
    with pytest.raises(AttemptError):
        as_array("outputs", values)


# ---- adapters ------------------------------------------------------------------------------------------------------


class Counting(ReferenceAdapter):
    """The reference, which counts how often it builds."""

    built = 0

    def build(self, config: DenseConfig, input_shape: tuple[int, ...]) -> ReferenceLayer:
        type(self).built += 1
        return super().build(config, input_shape)


def test_one_layer_serves_every_question_of_its_config_and_width() -> None:
    implementation = AdapterImplementation(Counting())
    for shape in ((5, 7), (2, 5, 7), (0, 7)):
        assert not answer(implementation, Question("call", DenseConfig(3), shape)).raised
    assert Counting.built == 1
    answer(implementation, Question("call", DenseConfig(3), (5, 6)))
    assert Counting.built == 2


@pytest.mark.parametrize("method", ["build", "load", "call", "differentiate", "describe"])
@pytest.mark.parametrize("failure", [RuntimeError, NotImplementedError])
def test_each_method_may_raise_or_lack(method: str, failure: type[Exception]) -> None:
    def fail(self: Any, *given: Any) -> Any:
        raise failure("not today")

    adapter = type("Partial", (ReferenceAdapter,), {method: fail})()
    procedure = {"differentiate": "differentiate", "describe": "build"}.get(method, "call")
    given = answer(AdapterImplementation(adapter), asked(procedure))
    if failure is NotImplementedError:
        assert given.lacks == "not today"
    else:
        assert given.raised is not None
        assert given.raised.phase == {"build": "construct"}.get(method, method)


def test_a_missing_gradient_is_left_out_of_the_answer() -> None:
    class Frozen(ReferenceAdapter):
        def differentiate(self, layer: ReferenceLayer, inputs: Any, upstream: Any) -> Mapping[str, Any]:
            return {**super().differentiate(layer, inputs, upstream), "bias_gradient": None}

    given = answer(AdapterImplementation(Frozen()), asked("differentiate"))
    assert set(given.tensors) == {"outputs", "kernel_gradient", "inputs_gradient"}


# ---- naming --------------------------------------------------------------------------------------------------------


def test_a_dotted_name_is_found_in_the_current_folder_last(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A user's own folder called conformance must not get in the way."""
    (tmp_path / "conformance").mkdir()
    (tmp_path / "conformance" / "__init__.py").write_text("raise RuntimeError('in the way')", "utf-8")
    (tmp_path / "my_layers.py").write_text("def dense(inputs, kernel, bias, activation):\n    return inputs", "utf-8")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    assert load("my_layers:dense").name == "my_layers:dense"
    del sys.modules["my_layers"]
    assert sys.path[-1] == str(tmp_path)


def test_every_kind_of_thing_is_known_for_what_it_is() -> None:
    assert load("reference").capabilities == {"call", "differentiate", "describe", "dtype_policies"}
    assert load("tensorflow") is stock()
    assert load("keras.layers:Dense").capabilities == stock().capabilities
    assert load(written_by_hand()).capabilities == stock().capabilities
    assert load(ReferenceAdapter()).capabilities == load(ReferenceAdapter).capabilities
    assert load(stock()) is stock()


# ---- Keras ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("procedure", PROCEDURES)
def test_the_real_layer_answers_every_procedure_in_full(procedure: str) -> None:
    """But for what Keras 3 refuses."""
    given = answer(stock(), asked(procedure))
    if procedure in ("call_refused", "refuse", "begin_with_weights"):
        assert given.raised is not None
        return
    assert given.raised is None
    assert set(given.tensors) >= set(PROCEDURES[procedure].tensors)
    assert set(given.facts) >= set(PROCEDURES[procedure].facts)


def test_the_real_layer_says_what_everybody_may_quote() -> None:
    facts = answer(stock(), ASKED["stack"]).facts
    assert facts["counts"] == [544, 1056]
    assert answer(stock(), ASKED["call_symbolic"]).facts["output_shape"] == [None, None, 3]
    seed = Question("stack", DenseConfig(10 * 10 * 256, use_bias=False), (None, 100))
    assert answer(stock(), seed).facts == {
        "counts": [2_560_000],
        "weights": [[[100, 25600]]],
        "output_shape": [None, 25600],
    }


def test_weights_are_found_by_name_even_where_their_order_is_wrong() -> None:
    def make_weights(self: Any, width: int) -> None:
        self.bias = self.add_weight(name="bias", shape=(self.units,))
        self.kernel = self.add_weight(name="kernel", shape=(width, self.units))

    turned = keras_implementation(variant("Turned", make_weights=make_weights), "turned")
    question = Question("differentiate", DenseConfig(7), (5, 7))
    here, there = answer(turned, question), answer(stock(), question)
    assert {name: each.tolist() for name, each in here.tensors.items()} == {
        name: each.tolist() for name, each in there.tensors.items()
    }


@pytest.mark.parametrize(("method", "phase"), [("__init__", "construct"), ("build", "construct"), ("call", "call")])
def test_a_keras_layer_that_raises_says_in_which_phase(method: str, phase: str) -> None:
    def fail(self: Any, *given: Any, **named: Any) -> None:
        raise NotImplementedError("not today")

    given = answer(keras_implementation(variant("Failing", **{method: fail}), "failing"), asked("call"))
    assert given.raised is not None
    assert given.raised.phase == phase
    assert given.lacks is None


def test_the_oracle_speaks_a_dialect_that_we_know() -> None:
    assert set(versions()) == {"tensorflow", "keras"}
    assert dialect_of(versions()["keras"]) in DIALECTS


@pytest.mark.parametrize(
    ("version", "name"),
    [
        ("2.15.0", "keras-2.13"),
        ("3.6.0", "keras-3.0"),
        ("3.12.0", "keras-3.10"),
        ("3.15.1", "keras-3.15"),
        ("4.0", "keras-3.15"),
    ],
)
def test_each_version_speaks_the_dialect_of_its_range(version: str, name: str) -> None:
    assert dialect_of(version).name == name


@pytest.mark.parametrize("version", ["2.4.0", "nightly", ""])
def test_older_and_stranger_versions_are_refused(version: str) -> None:
    with pytest.raises(ValueError, match=r"Keras must be of version 2\.13 or later"):
        dialect_of(version)


def test_hard_sigmoid_has_meant_two_things() -> None:
    """0.2 + 0.5 in Keras 2, 1/6 + 1/2 since."""
    assert activation("hard_sigmoid", DIALECTS[0]).value(np.array([1.0])) == 0.7
    assert activation("hard_sigmoid", DIALECTS[-1]).value(np.array([1.0])) == 4 / 6
    with pytest.raises(ValueError, match=r"keras-2\.13 has no activation 'glu'"):
        activation("glu", DIALECTS[0])


# ---- right layers --------------------------------------------------------------------------------------------------

EDGES = [(0, 7), (0, 3, 7), (5, 0), (2, 3, 0), (2, 1, 3, 1, 2, 1, 2, 5, 7)]


@pytest.mark.parametrize("name", RIGHT_LAYERS)
def test_right_layers_agree_with_the_real_one_at_the_edges(name: str) -> None:
    """Zero sizes and rank 9, on integers: equal to the last bit. Before they may acquit the contract."""
    implementation = RIGHT_LAYERS[name].make(DIALECTS[-1])
    for shape in EDGES:
        question = Question("call", DenseConfig(4), shape)
        assert answer(implementation, question).tensors["outputs"].tolist() == (
            answer(stock(), question).tensors["outputs"].tolist()
        )


@pytest.mark.parametrize("name", [name for name in RIGHT_LAYERS if name.startswith("keras")])
def test_right_keras_layers_take_unknown_dimensions(name: str) -> None:
    implementation = RIGHT_LAYERS[name].make(DIALECTS[-1])
    for procedure, options in (("call_symbolic", ()), ("call_graph", (("signature", "unknown"),))):
        shape = (None, None, 7) if procedure == "call_symbolic" else (2, 3, 7)
        question = Question(procedure, DenseConfig(4), shape, options=options)
        here, there = answer(implementation, question), answer(stock(), question)
        assert here.facts == there.facts
        assert {key: each.tolist() for key, each in here.tensors.items()} == {
            key: each.tolist() for key, each in there.tensors.items()
        }


@pytest.mark.parametrize("name", [name for name in RIGHT_LAYERS if not name.startswith("keras")])
def test_right_numpy_layers_take_integers(name: str) -> None:
    """A product of integers is one of the same integers as floats."""
    question = Question("call", DenseConfig(4), (5, 7))
    tensors = draw("integers", question.config, (5, 7), 0)
    whole = Tensors(tensors.inputs.astype(np.int64), tensors.kernel, tensors.bias, tensors.upstream)
    given = RIGHT_LAYERS[name].make(DIALECTS[-1]).answer(question, whole)
    expected = answer(stock(), question).tensors["outputs"]
    assert given.tensors["outputs"].astype(np.float32).tolist() == expected.tolist()
