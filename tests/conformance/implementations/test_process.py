"""Programs over pipes: right ones answer as in process, and whatever a bad one does is the verdict of that case."""

from __future__ import annotations

import json
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from conformance.answers import Answer
from conformance.api import selection
from conformance.cases import Question
from conformance.families import draw
from conformance.implementations.adapter import AdapterImplementation
from conformance.implementations.attempt import EndedError
from conformance.implementations.function import FunctionAdapter
from conformance.implementations.load import NamingError, Place, load
from conformance.implementations.process import PATIENCE, Process, ProcessAdapter
from conformance.implementations.protocol import Implementation
from conformance.implementations.reference import ReferenceAdapter
from conformance.implementations.wire import DTYPES, WireError, decoded, encoded
from conformance.implementations.worker import Server
from conformance.results import Verdict
from conformance.run import run
from conformance.session import live_oracle
from reference.config import DenseConfig

#: A whole program, right for linear and relu in float32, that needs nothing of ours. `misbehave` is put in its loop.
PROGRAM = """
import base64, json, os, sys, time
import numpy as np

def read(tensor):
    return np.frombuffer(base64.b64decode(tensor["data"]), tensor["dtype"]).reshape(tensor["shape"])

def write(values):
    data = base64.b64encode(np.ascontiguousarray(values).tobytes()).decode()
    return {"dtype": str(values.dtype), "shape": list(values.shape), "data": data}

def answer(message):
    do = message["do"]
    if do == "hello":
        return {"protocol": 1, "name": "program", "capabilities": ["call"], "activations": ["linear", "relu", "tanh"],
                "dtypes": ["float32"]}
    if do == "build":
        config, width = message["config"], message["input_shape"][-1]
        zeros = np.zeros((width, config["units"]), np.float32)
        layers.append({"config": config, "kernel": zeros, "bias": None})
        return {"layer": len(layers) - 1}
    layer = layers[message["layer"]]
    if do == "load":
        layer.update(kernel=read(message["kernel"]), bias=message["bias"] and read(message["bias"]))
        return {}
    activation = layer["config"]["activation"]
    outputs = []
    for tensor in message["inputs"]:
        z = read(tensor) @ layer["kernel"] + (0 if layer["bias"] is None else layer["bias"])
        outputs.append(write(np.maximum(z, 0) if activation == "relu" else z))
    return {"outputs": outputs}

layers = []
print("a greeting for people", file=sys.stderr)
for line in sys.stdin:
    message = json.loads(line)
    trouble = message["do"] == "call" and layers[message["layer"]]["config"]["activation"] == "tanh"
    answered = {"id": message["id"], **answer(message)}
    if trouble:
        %s
    print(json.dumps(answered), flush=True)
"""
SELECTION = selection(tier="smoke", areas=["outputs", "shapes"])
RIGHT = Question("call", DenseConfig(11, "relu"), (5, 7))
TROUBLED = Question("call", DenseConfig(11, "tanh"), (5, 7))


def program(folder: Path, misbehave: str = "pass", limit: float = 20.0) -> Implementation:
    script = folder / "program.py"
    script.write_text(PROGRAM % textwrap.indent(misbehave, " " * 8).lstrip(), "utf-8")
    return load(f"exec:{sys.executable} {script}", place=Place(answer_limit=limit))


def answer(implementation: Implementation, question: Question) -> Answer:
    return implementation.answer(question, draw(question.family, question.config, question.known_shape, 0))


def stop(implementation: Implementation) -> None:
    assert isinstance(implementation, AdapterImplementation)
    assert isinstance(implementation.adapter, ProcessAdapter)
    implementation.adapter.process.stop()


@pytest.fixture
def right(tmp_path: Path) -> Iterator[Implementation]:
    implementation = program(tmp_path)
    yield implementation
    stop(implementation)


def test_a_program_in_another_language_is_judged_like_any_other(right: Implementation) -> None:
    """It is linear where it should be tanh, which it declares; what it does not declare is not asked."""
    (report,) = run([right], SELECTION, live_oracle())
    failed = {result.case.question.config.activation for result in report.accusations}
    assert failed == {"tanh"}
    assert report.counts[Verdict.PASS] > 80
    assert report.counts[Verdict.NOT_APPLICABLE] > 50


@pytest.mark.parametrize(
    ("misbehave", "how", "words"),
    [
        ("os._exit(7)", "crash", "exit code 7"),
        ("os.abort()", "crash", "signal 6"),
        ("time.sleep(60)", "timeout", "no answer within 1 s"),
        ("print('rubbish', flush=True)", "", "is no message"),
        ("print('[1]', flush=True)", "", "expected a JSON object"),
        ("answered['id'] = 99", "", "was answered by one of id 99"),
        ("answered['outputs'] = []", "", "of length 1"),
        ("answered['outputs'][0]['shape'] = [3, 3]", "", "came with 220 bytes"),
        ("answered['outputs'][0]['dtype'] = 'float31'", "", "is no tensor"),
        ("answered = {'id': message['id'], 'error': {'type': 'RuntimeError', 'message': 'no'}}", "", "RuntimeError"),
        ("print('last words', file=sys.stderr); sys.stderr.flush(); os._exit(1)", "crash", "last words"),
    ],
)
def test_trouble_is_the_verdict_of_its_case_alone(tmp_path: Path, misbehave: str, how: str, words: str) -> None:
    implementation = program(tmp_path, misbehave, limit=1.0 if how == "timeout" else 20.0)
    before, troubled, after = (answer(implementation, each) for each in (RIGHT, TROUBLED, RIGHT))
    stop(implementation)
    assert troubled.raised is not None
    assert troubled.raised.ended == how
    assert words in str(troubled.raised)
    np.testing.assert_array_equal(before.tensors["outputs"], after.tensors["outputs"])


def test_what_it_lacks_is_not_applicable(tmp_path: Path) -> None:
    implementation = program(tmp_path, "answered = {'id': message['id'], 'lacks': 'tanh'}")
    assert answer(implementation, TROUBLED).lacks == "tanh"
    stop(implementation)


def test_a_crash_and_a_timeout_are_told_in_the_report(tmp_path: Path) -> None:
    implementation = program(tmp_path, "os._exit(3)")
    chosen = selection(case="outputs.activation-formula[*-509x1-float32-units1-grid]")
    (report,) = run([implementation], chosen, live_oracle())
    stop(implementation)
    (crashed,) = report.accusations
    assert crashed.verdict is Verdict.CRASH
    assert "exit code 3" in crashed.reason
    assert report.counts[Verdict.PASS] == 2


def test_a_program_that_reads_nothing_is_given_up(tmp_path: Path) -> None:
    """Although what it should read is more than a pipe holds."""
    script = tmp_path / "deaf.py"
    greeting = '{"id": 1, "protocol": 1, "capabilities": ["call"]}'
    script.write_text(f"import time\ninput()\nprint({greeting!r}, flush=True)\ntime.sleep(60)", "utf-8")
    process = Process([sys.executable, str(script)], answer_limit=0.5)
    with pytest.raises(EndedError, match=r"no answer within 0\.5 s"):
        process.ask({"do": "load", "kernel": "0" * 2**20})


def test_a_program_that_never_starts_is_not_started_for_ever(tmp_path: Path) -> None:
    counted = tmp_path / "starts"
    process = Process([sys.executable, "-c", f"open({str(counted)!r}, 'a').write('x')"])
    for _ in range(PATIENCE + 3):
        with pytest.raises(EndedError):
            process.ask({"do": "describe"})
    assert counted.read_text() == "x" * PATIENCE


@pytest.mark.parametrize(
    ("says", "complaint"),
    [
        ("{'protocol': 2}", "speaks protocol 2"),
        ("{'protocol': 1, 'capabilities': ['fly']}", "it declares"),
        ("{'protocol': 1, 'capabilities': ['call'], 'activations': 'relu'}", "must be a list of names"),
        ("{'protocol': 1, 'capabilities': ['call'], 'ranks': 2}", "the least and the greatest"),
    ],
)
def test_a_greeting_that_makes_no_sense_is_refused(tmp_path: Path, says: str, complaint: str) -> None:
    script = tmp_path / "odd.py"
    script.write_text(
        f"import json, sys\nfor line in sys.stdin: print(json.dumps({{'id': 1, **{says}}}), flush=True)", "utf-8"
    )
    with pytest.raises(NamingError, match=complaint):
        load(f"exec:{sys.executable} {script}")


@pytest.mark.parametrize("command", ["/no/such/program", f"{sys.executable} /no/such/file.py"])
def test_a_program_that_cannot_be_started_is_a_usage_error(command: str) -> None:
    with pytest.raises(NamingError, match="cannot be talked to"):
        load(f"exec:{command}")


def test_a_python_of_its_own_answers_as_this_one_does() -> None:
    """The reference, in its own process: bit for bit, gradients and half types included."""
    there = load("reference", place=Place(python=sys.executable))
    here = AdapterImplementation(ReferenceAdapter())
    for procedure in ("call", "differentiate", "call_rows", "reload", "two_layers"):
        for dtype in ("float32", "float64", "float16", "bfloat16"):
            question = Question(procedure, DenseConfig(11, "gelu", dtype=dtype), (3, 5, 7), "normal")
            one, other = answer(there, question), answer(here, question)
            assert set(one.tensors) == set(other.tensors)
            for name, values in one.tensors.items():
                assert values.dtype == other.tensors[name].dtype
                np.testing.assert_array_equal(values, other.tensors[name])
    stop(there)


@pytest.mark.parametrize("name", DTYPES)
def test_a_tensor_comes_back_bit_for_bit(name: str) -> None:
    values = np.frombuffer(bytes(range(240)), DTYPES[name]).reshape(-1, 5) if name != "bool" else np.eye(3, dtype=bool)
    again = decoded(encoded(values))
    assert (again.dtype.name, again.shape) == (name, values.shape)
    assert again.tobytes() == values.tobytes()


@pytest.mark.parametrize("shape", [(), (0, 7), (1,)])
def test_a_tensor_of_few_elements_keeps_its_shape(shape: tuple[int, ...]) -> None:
    assert decoded(encoded(np.zeros(shape, np.float32))).shape == shape


@pytest.mark.parametrize("tensor", [None, 3, {}, {"dtype": "float32", "shape": [-1], "data": ""}])
def test_what_is_no_tensor_is_refused(tensor: object) -> None:
    with pytest.raises(WireError):
        decoded(tensor)


def test_the_session_on_the_page_of_the_protocol_is_true() -> None:
    """Every message of it, answered by the worker for a function: what follows the greeting is answered so."""

    def dense(inputs, kernel, bias, activation):  # type: ignore[no-untyped-def]  # as a user writes it
        return np.maximum(inputs @ kernel + bias, 0) if activation == "relu" else inputs @ kernel + bias

    page = (Path(__file__).parents[3] / "docs" / "protocol.md").read_text("utf-8")
    said = [json.loads(line[2:]) for line in page.splitlines() if line.startswith(("→ ", "← "))]
    server = Server(FunctionAdapter(dense, "mine"))
    assert len(said) == 8
    for message, answer in zip(said[::2], said[1::2], strict=True):
        given = {"id": message["id"], **server.answer(message)}
        if message["do"] == "hello":
            assert set(answer) <= set(given)
        else:
            assert given == answer
