"""Scripts for authors' own adapters and for programs: the same questions, put by the same five methods."""

from __future__ import annotations

import ast
import shlex
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from conformance import cli
from conformance.answers import Declaration
from conformance.cases import Case, Tier
from conformance.contract import CONTRACT
from conformance.implementations.adapter import PROCEDURES, AdapterImplementation
from conformance.implementations.load import load
from conformance.implementations.process import Process, ProcessAdapter
from conformance.implementations.protocol import Adapter
from conformance.implementations.reference import ReferenceAdapter
from conformance.recording import oracle_named
from conformance.reproduction.adapters import SNIPPETS, right
from conformance.reproduction.kinds import CannotReproduceError
from conformance.reproduction.script import script, written
from conformance.results import Result, Verdict
from conformance.run import beside_the_catalogue
from conformance.session import Oracle, Planned
from tests.written_scripts import imported, missed, started

#: An adapter without a defect, which knows nothing of this package; started, it is a program that speaks the protocol.
RIGHT = """
import base64, json, sys, types

import ml_dtypes
import numpy as np


class Adapter:
    name = "my framework"
    capabilities = frozenset({"call", "differentiate", "describe", "dtype_policies"})

    def build(self, config, input_shape):
        compute = np.dtype(config.dtype.removeprefix("mixed_"))
        dtype = np.dtype("float32") if config.dtype.startswith("mixed_") else compute
        layer = {"relu": {"linear": False, "relu": True}[config.activation], "compute": compute}
        layer["kernel"] = np.zeros((input_shape[-1], config.units), dtype)
        layer["bias"] = np.zeros(config.units, dtype) if config.use_bias else None
        return layer

    def load(self, layer, kernel, bias):
        layer.update(kernel=kernel, bias=bias)

    def call(self, layer, inputs):
        layer["called"] = 1
        outputs = self.wide(layer, inputs) @ self.wide(layer, layer["kernel"])
        outputs = outputs if layer["bias"] is None else outputs + self.wide(layer, layer["bias"])
        return (np.maximum(outputs, 0) if layer["relu"] else outputs).astype(layer["compute"])

    def wide(self, layer, values):
        return values.astype(layer["compute"]).astype(np.float64)

    def differentiate(self, layer, inputs, upstream):
        outputs, kernel = self.call(layer, inputs), layer["kernel"]
        delta = upstream.astype(np.float64) * (outputs > 0 if layer["relu"] else 1)
        rows, deltas = inputs.reshape(-1, inputs.shape[-1]), delta.reshape(-1, delta.shape[-1])
        return {
            "outputs": outputs,
            "kernel_gradient": (self.wide(layer, rows).T @ deltas).astype(kernel.dtype),
            "bias_gradient": None if layer["bias"] is None else deltas.sum(axis=0).astype(kernel.dtype),
            "inputs_gradient": (delta @ self.wide(layer, kernel).T).astype(inputs.dtype),
        }

    def describe(self, layer):
        weights = {name: layer[name] for name in ("kernel", "bias") if layer[name] is not None}
        count = sum(each.size for each in weights.values())
        told = [
            {"name": name, "shape": list(each.shape), "trainable": True, "dtype": each.dtype.name}
            for name, each in weights.items()
        ]
        return {"weights": told, "count": count, "trainable": count}


adapter, layers = Adapter(), []


def read(tensor):
    if tensor is not None:
        values = np.frombuffer(base64.b64decode(tensor["data"]), np.dtype(tensor["dtype"]))
        return values.reshape(tensor["shape"])


def said(values):
    if values is not None:
        data = base64.b64encode(np.ascontiguousarray(values).tobytes()).decode()
        return {"dtype": values.dtype.name, "shape": list(values.shape), "data": data}


def hello(asked):
    return {"protocol": 1, "capabilities": sorted(adapter.capabilities)}


def build(asked):
    layers.append(adapter.build(types.SimpleNamespace(**asked["config"]), asked["input_shape"]))
    return {"layer": len(layers) - 1}


def load(asked):
    adapter.load(layers[asked["layer"]], read(asked["kernel"]), read(asked["bias"]))
    return {}


def call(asked):
    return {"outputs": [said(adapter.call(layers[asked["layer"]], read(each))) for each in asked["inputs"]]}


def differentiate(asked):
    given = read(asked["inputs"][0]), read(asked["upstream"][0])
    found = adapter.differentiate(layers[asked["layer"]], *given)
    return {"answers": [{name: said(each) for name, each in found.items()}]}


def describe(asked):
    return adapter.describe(layers[asked["layer"]])


if __name__ == "__main__":
    for line in sys.stdin:
        asked = json.loads(line)
        answer = globals()[asked["do"]](asked)
        print(json.dumps({"id": asked["id"], **answer}), flush=True)
"""
#: A case of each procedure, and of bfloat16, with what is put in the place of what to make it fail.
DEFECTS = {
    "outputs.bias-before-activation[relu-rank2-float32]": ("np.maximum(outputs, 0)", "np.maximum(outputs, -1)"),
    "gradients.bias[linear-rank2-float32]": ("deltas.sum(axis=0)", "deltas.mean(axis=0)"),
    "outputs.rows-independent[linear-rank2-float32-call_rows]": ("wide(layer, inputs) @", "wide(layer, inputs[:1]) @"),
    "state.same-answer-twice[linear-rank2-float32-call_again]": (
        'layer["called"] = 1',
        'layer["called"] = layer.get("called", 0) + 1; inputs = inputs * layer["called"]',
    ),
    "state.batch-length[linear-rank2-float32-call_other_batch]": (
        'layer["called"] = 1',
        'inputs = inputs * (np.arange(len(inputs)) < layer.setdefault("rows", len(inputs)))[:, None]',
    ),
    "state.views[linear-rank2-float32-call_views]": (
        "self.wide(layer, inputs) @",
        'self.wide(layer, inputs.ravel(order="K").reshape(inputs.shape)) @',
    ),
    "gradients.again[linear-rank2-float32-differentiate_again]": (
        "delta = upstream.astype(np.float64)",
        'layer["passes"] = layer.get("passes", 0) + 1; delta = layer["passes"] * upstream.astype(np.float64)',
    ),
    "state.reloaded-weights[linear-rank2-float32-reload]": (
        "layer.update(kernel=kernel, bias=bias)",
        'layer.update({} if "loaded" in layer else dict(kernel=kernel, bias=bias, loaded=True))',
    ),
    "state.layers-independent[linear-rank2-float32-two_layers]": (
        "        return layer\n",
        "        return vars(self).setdefault(config.units, layer)\n",
    ),
    "parameters.count[linear-rank2-float32-build]": ('"count": count,', '"count": count + 1,'),
    "parameters.built-by-call[linear-rank2-float32-call_unbuilt]": (
        '"count": count,',
        '"count": count + layer.get("called", 0),',
    ),
    "dtypes.outputs[linear-rank2-bfloat16]": (
        'else outputs).astype(layer["compute"])',
        "else outputs).astype(np.float32)",
    ),
    "dtypes.gradients[linear-rank2-mixed_bfloat16]": ("astype(inputs.dtype)", 'astype(layer["compute"])'),
}
#: How the same file is named, as an adapter and as a program.
NAMINGS = {
    "an adapter's class": "layers.py:Adapter",
    "an adapter": "layers.py:adapter",
    "a program": f"exec:{shlex.quote(sys.executable)} layers.py",
}
CASE = "outputs.bias-before-activation[relu-rank2-float32]"
#: A program is sent values, however they lie in memory.
TOLD = [(case, naming) for naming in ("an adapter's class", "a program") for case in DEFECTS]
TOLD = [each for each in TOLD if "call_views" not in each[0] or each[1] != "a program"]
#: One of more weights than a pipe holds.
WIDE = "gradients.bias[linear-2x257-float32-units64]"


@cache
def recorded() -> Oracle:
    return oracle_named("recorded")


def planned(case: str) -> Planned:
    found = beside_the_catalogue(case, recorded().dialect)
    assert found is not None
    return found


def wrong(case: str) -> str:
    """The text of the file with the defect that the case shows."""
    (before, after) = next(each for name, each in DEFECTS.items() if name.partition("[")[0] == case.partition("[")[0])
    assert RIGHT.count(before) == 1
    return RIGHT.replace(before, after)


def curious(text: str) -> str:
    """An adapter that reads more of a config than docs/adapters.md says that there is."""
    return text.replace("        compute = ", "        config.kernel_initializer\n        compute = ")


@pytest.fixture
def layers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the file under test is to be written: in the current folder."""
    monkeypatch.chdir(tmp_path)
    return tmp_path / "layers.py"


def repro(case: str, naming: str) -> int:
    return cli.main(["repro", case, naming, "--oracle", "recorded", "--output", "shows.py"])


# ---- a defect, and the same layer mended -----------------------------------------------------------------------------


def test_every_question_of_an_adapter_has_its_lines() -> None:
    assert set(PROCEDURES) - {"talk"} == set(SNIPPETS) == {planned(case).case.question.procedure for case in DEFECTS}


@pytest.mark.parametrize(("case", "naming"), TOLD)
def test_a_script_tells_wrong_from_right(case: str, naming: str, layers: Path) -> None:
    """What is imported is NumPy, and for bfloat16 what NumPy has it from."""
    layers.write_text(wrong(case), "utf-8")
    assert repro(case, NAMINGS[naming]) == 0
    target = layers.with_name("shows.py")
    told = started(target)
    assert (told.returncode, case in told.stdout) == (1, True), told.stdout + told.stderr
    layers.write_text(RIGHT, "utf-8")
    mended = started(target)
    assert (mended.returncode, mended.stdout.splitlines()[-1]) == (0, "nothing differs: the defect is gone")
    needed = {"numpy", "ml_dtypes"} if "bfloat16" in case else {"numpy"}
    assert imported(target.read_text("utf-8")) == needed


def test_an_adapter_may_be_an_object_of_a_module(layers: Path) -> None:
    layers.with_name("layers_with_an_adapter.py").write_text(wrong(CASE), "utf-8")
    assert repro(CASE, "layers_with_an_adapter:adapter") == 0
    assert started(layers.with_name("shows.py")).returncode == 1


@pytest.mark.parametrize("naming", NAMINGS.values(), ids=list(NAMINGS))
def test_2_where_there_is_nothing_to_ask(naming: str, layers: Path) -> None:
    """A file that is gone, and a program that ends before its first word."""
    layers.write_text(wrong(CASE), "utf-8")
    assert repro(CASE, naming) == 0
    layers.unlink()
    gone = started(layers.with_name("shows.py"))
    assert gone.returncode == 2
    assert gone.stderr.splitlines()[-1].startswith(
        f"{naming} cannot be {'started' if 'exec:' in naming else 'imported'}: "
    )


def test_2_where_there_is_no_such_command(layers: Path) -> None:
    command = layers.with_name("dense")
    command.write_text(f"#!{sys.executable}\n{wrong(CASE)}", "utf-8")
    command.chmod(0o755)
    assert repro(CASE, "exec:./dense") == 0
    command.unlink()
    gone = started(layers.with_name("shows.py"))
    assert (gone.returncode, gone.stderr.partition("[")[0]) == (
        2,
        "exec:./dense cannot be started: FileNotFoundError: ",
    )


# ---- no script accuses a right layer ---------------------------------------------------------------------------------


def talked_to() -> list[tuple[str, Adapter]]:
    """Of each kind a naming and an adapter, which nothing asks."""
    program = ProcessAdapter(Process([]), "mine", frozenset(), Declaration())
    return [("layers.py:Adapter", ReferenceAdapter()), ("exec:./dense", program)]


@pytest.mark.parametrize(("naming", "adapter"), talked_to(), ids=["adapter", "program"])
def test_no_script_blames_the_reference(naming: str, adapter: Adapter) -> None:
    """The first case of each clause in each dtype, as if it had failed: nothing is missed."""
    blamed = []
    for each in first_of_each_dtype():
        text = written(Result(each.case, each.clause, Verdict.FAIL), naming, AdapterImplementation(adapter), recorded())
        blamed += [f"{each.case.id}: {miss}" for miss in missed(text, right(recorded().dialect))]
    assert blamed == []


def first_of_each_dtype() -> Iterator[Planned]:
    """Where no erratum says that the real layer is wrong."""
    for clause in CONTRACT:
        first: dict[tuple[str, str], Case] = {}
        for case in clause.cases(recorded().dialect):
            errata = any(each.applies(case.question) for each in clause.errata)
            if case.tier is Tier.SMOKE and not errata and case.question.procedure in SNIPPETS:
                first.setdefault((case.question.procedure, case.question.config.dtype), case)
        yield from (Planned(clause, case) for case in first.values())


# ---- what ends, hangs, or says something else ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("instead", "says"),
    [
        ('print("layer loaded", flush=True)', "it raised JSONDecodeError"),
        ('print(json.dumps({"id": 0}), flush=True)', "it raised ValueError: message 4 was answered by"),
        (
            'print(json.dumps({"id": asked["id"], "error": "no"}), flush=True)',
            "it raised RuntimeError: {'error': 'no'}",
        ),
        ("sys.exit(3)", "it raised EOFError: the program ended with exit code 3"),
    ],
)
def test_a_program_that_gives_no_answer_fails(instead: str, says: str, layers: Path) -> None:
    before = "        answer = globals()"
    layers.write_text(
        RIGHT.replace(before, f'        if asked["do"] == "call" and asked["id"] > 3: {instead}\n{before}')
    )
    assert repro(CASE, NAMINGS["a program"]) == 0
    told = started(layers.with_name("shows.py"))
    assert told.returncode == 1
    assert told.stdout.splitlines()[-1].startswith(says)
    layers.write_text(RIGHT, "utf-8")
    assert started(layers.with_name("shows.py")).returncode == 0


def test_rows_are_asked_for_together_where_the_suite_did(layers: Path) -> None:
    """A program that takes the first of several inputs for all is right in every message of one."""
    layers.write_text(
        RIGHT.replace('read(each))) for each in asked["inputs"]', 'read(asked["inputs"][0]))) for _ in asked["inputs"]')
    )
    assert repro("outputs.rows-independent[linear-rank2-float32-call_rows]", NAMINGS["a program"]) == 0
    assert started(layers.with_name("shows.py")).returncode == 1


@pytest.mark.parametrize("wrapped", ["{}", "sh -c '{}; true'"], ids=["the program", "what a shell started"])
@pytest.mark.parametrize("last", ["load", "build"], ids=["without an answer", "without reading"])
def test_a_script_does_not_wait_for_ever(last: str, wrapped: str, layers: Path) -> None:
    """It is as patient as the suite was. After build comes more than a pipe holds; and a shell's own child lives on."""
    layers.write_text(wrong(WIDE), "utf-8")
    naming = "exec:" + wrapped.format(f"{sys.executable} layers.py")
    text = script(planned(WIDE), naming, load(naming, recorded().dialect), recorded())
    assert "seconds=60)" in text
    target, told = layers.with_name("shows.py"), layers.with_name("told.txt")
    target.write_text(text.replace("seconds=60)", "seconds=0.5)"), "utf-8")
    sleeping = f'    __import__("time").sleep(20 if asked["do"] == "{last}" else 0)\n'
    if last == "build":
        layers.write_text(RIGHT + sleeping.replace("    ", "        ", 1), "utf-8")  # after it was answered
    else:
        layers.write_text(RIGHT.replace("        answer = ", f"    {sleeping}        answer = "), "utf-8")
    with told.open("w") as file:
        command = [sys.executable, "-I", str(target)]
        ended = subprocess.run(command, stdout=file, stderr=file, cwd=layers.parent, timeout=15, check=False)
    assert ended.returncode == 1
    assert "it raised TimeoutError: no answer within 0.5 s" in told.read_text("utf-8")


# ---- what cannot be written ------------------------------------------------------------------------------------------


def test_another_reason_to_fail_is_no_script(layers: Path) -> None:
    """What the script shows would not be the defect."""
    layers.write_text(curious(wrong(CASE)))
    implementation = load("layers.py:Adapter", recorded().dialect)
    with pytest.raises(CannotReproduceError, match="fails otherwise: it raised AttributeError"):
        script(planned(CASE), "layers.py:Adapter", implementation, recorded())


def test_a_folder_of_scripts_goes_by_the_naming(layers: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A report calls an adapter by the name that it gives itself, which leads nowhere."""
    layers.write_text(wrong(CASE), "utf-8")
    options = ["--oracle", "recorded", "--case", CASE, "-q", "--repro-dir", "shown"]
    assert cli.main(["run", "layers.py:Adapter", *options]) == 1
    assert "my framework" in capsys.readouterr().out
    target = layers.with_name("shows.py")
    target.write_text((layers.parent / "shown/outputs_bias_before_activation.py").read_text("utf-8"), "utf-8")
    assert started(target).returncode == 1


def test_why_there_is_no_script_is_told_for_each_clause(layers: Path, capsys: pytest.CaptureFixture[str]) -> None:
    layers.write_text(curious(wrong(CASE)).replace("deltas.sum(", "deltas.mean("), "utf-8")
    options = ["--oracle", "recorded", "--case", "[relu-rank2-float32]", "-q", "--repro-dir", "shown"]
    assert cli.main(["run", "layers.py:Adapter", *options]) == 1
    told = [line.split(": ")[1:3] for line in capsys.readouterr().err.splitlines() if "fails otherwise" in line]
    assert [clause for clause, _ in told][:1] == ["outputs.bias-before-activation"]
    assert "gradients.every-setting" in [clause for clause, _ in told]


@pytest.mark.parametrize(
    "form", ["{}:Adapter", "exec:" + shlex.quote(sys.executable) + " {}"], ids=["adapter", "program"]
)
def test_names_do_nothing_in_a_script(form: str, layers: Path) -> None:
    """A quoted folder, the end of a docstring, what a shell or a template would read: text stays text."""
    folder = layers.parent / 'a"""b\\n$it {x} $(touch gone)'
    folder.mkdir()
    place = folder / "la'yers.py"
    place.write_text(wrong(CASE), "utf-8")
    naming = form.format(shlex.quote(str(place)) if form.startswith("exec:") else place)
    target = layers.with_name("shows.py")
    target.write_text(script(planned(CASE), naming, load(naming), recorded()), "utf-8")
    assert started(target).returncode == 1
    assert not layers.with_name("gone").exists()
    assert [type(node).__name__ for node in ast.parse(target.read_text("utf-8")).body[:2]] == ["Expr", "Import"]
