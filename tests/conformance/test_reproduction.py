"""Scripts: of every area one that exits with 1 for a wrong layer and with 0 for a right one, and none that is wrong."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from conformance import cli
from conformance.cases import Case, Question, Tier
from conformance.compare import Comparison
from conformance.contract import CONTRACT
from conformance.contract.clause import Requirement
from conformance.implementations.keras import oracle as keras_oracle
from conformance.implementations.keras.mutants import MUTANTS
from conformance.implementations.load import load
from conformance.implementations.mutant import Mutant
from conformance.recording import oracle_named
from conformance.reproduction import literals
from conformance.reproduction.keras.kind import KERAS
from conformance.reproduction.kinds import CannotReproduceError
from conformance.reproduction.script import file_name, script, written
from conformance.results import Result, Verdict
from conformance.run import Selection, beside_the_catalogue, contract_areas, run
from conformance.session import Oracle, Planned, live_oracle
from conformance.shrink import smallest_of
from reference.config import DenseConfig
from tests.written_scripts import imported, missed, started

#: The file that scripts name: each wrong layer under the name of its area, a right one under the same name.
LAYERS = """
import tensorflow as tf

from conformance.implementations.mutants import MUTANTS

NAMES = $names


class Specials(tf.keras.layers.Dense):
    def call(self, inputs, training=None):
        return super().call(tf.where(tf.math.is_nan(inputs), 0.0, inputs))


def __getattr__(name):
    return MUTANTS[NAMES[name]].make(None).adapter.layer_class if name in NAMES else Specials
"""
RIGHT_LAYERS = """
from conformance.implementations.keras.written import written_by_hand


def __getattr__(name):
    return written_by_hand()
"""
#: Runs each script in each folder, with one import of TensorFlow: the exit codes of each, by folder.
RUN_ALL = """
import json, os, runpy, sys

def code(path):
    try:
        runpy.run_path(path, run_name="__main__")
    except SystemExit as ended:
        return ended.code
    return "no exit code"

sys.stdout, told = sys.stderr, sys.stdout
codes = {}
for folder in ("wrong", "right"):
    os.chdir(os.path.join(sys.argv[1], folder))
    codes[folder] = {path: code(path) for path in sys.argv[2:]}
print(json.dumps(codes), file=told)
"""
FUNCTIONS = """
import numpy as np


def dense(inputs, kernel, bias, activation):
    if activation not in ("linear", "relu"):
        raise NotImplementedError(activation)
    outputs = inputs @ kernel
    outputs = np.maximum(outputs, 0) if activation == "relu" else outputs
    return outputs if bias is None else outputs + bias
"""
CASE = "outputs.bias-before-activation[relu-rank2-float32]"


@pytest.fixture(scope="module")
def live() -> Oracle:
    return live_oracle()


@cache
def recorded() -> Oracle:
    return oracle_named("recorded")


# ---- one of every area -----------------------------------------------------------------------------------------------


def first_mutants(oracle: Oracle) -> dict[str, Mutant]:
    """By area, the first that is wrong here; a right layer may do as it likes where a clause is no MUST."""
    must = {clause.id for clause in CONTRACT if clause.requirement is Requirement.MUST}
    wrong = [mutant for mutant in MUTANTS if mutant.wrong_in(oracle.dialect) and mutant.breaks in must]
    return {mutant.area: mutant for mutant in reversed(wrong)}


def test_a_script_of_every_area_tells_wrong_from_right(tmp_path: Path, live: Oracle) -> None:
    """Both layers are made in a process of its own, from a file; the right one is not the one that scripts are tried
    on when they are written.
    """
    mutants = first_mutants(live)
    wrong = LAYERS.replace("$names", repr({area: mutant.name for area, mutant in mutants.items()}))
    for folder, text in (("wrong", wrong), ("right", RIGHT_LAYERS)):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "layers.py").write_text(text, "utf-8")
    paths = []
    for area in contract_areas():
        naming = f"layers.py:{area}"
        layer = load(f"{tmp_path / 'wrong' / 'layers.py'}:{area}", live.dialect)
        (report,) = run([layer], Selection(tier=Tier.SMOKE, areas=(area,)), live)
        clause_id = mutants[area].breaks if area in mutants else "specials.pass-through"
        found = smallest_of(replace(report, results=of_clause(report.results, clause_id)), layer, live)
        result = found[clause_id]
        target = tmp_path / file_name(clause_id)
        target.write_text(script(Planned(result.clause, result.case), naming, layer, live), "utf-8")
        paths.append(str(target))
    codes = run_all(tmp_path, paths)
    assert len(paths) == 15
    assert codes == {"wrong": dict.fromkeys(paths, 1), "right": dict.fromkeys(paths, 0)}
    assert {name for path in paths for name in imported(Path(path).read_text("utf-8"))} == {"numpy", "tensorflow"}


def of_clause(results: tuple[Result, ...], clause_id: str) -> tuple[Result, ...]:
    return tuple(result for result in results if result.clause.id == clause_id)


def run_all(folder: Path, paths: list[str]) -> dict[str, dict[str, int]]:
    command = [sys.executable, "-c", RUN_ALL, str(folder), *paths]
    told = subprocess.run(command, capture_output=True, text=True, check=True, cwd=folder).stdout
    codes: dict[str, dict[str, int]] = json.loads(told)
    return codes


def test_every_question_of_a_keras_layer_has_its_lines() -> None:
    asked = set(keras_oracle.PROCEDURES)
    assert asked - {"talk"} == set(KERAS.snippets)


@pytest.mark.parametrize("area", list(contract_areas()))
def test_no_script_blames_the_real_layer(area: str, live: Oracle) -> None:
    """The first case of each clause in each way of asking, as if it had failed: nothing is missed."""
    blamed = []
    for planned in first_of_each_way(area, live):
        result = Result(planned.case, planned.clause, Verdict.FAIL)
        text = written(result, "layers.py:Dense", live.implementation, live)
        blamed += [f"{planned.case.id}: {miss}" for miss in missed(text, KERAS.right(live.dialect))]
    assert blamed == []


def first_of_each_way(area: str, oracle: Oracle) -> Iterator[Planned]:
    """But for XLA, which takes long, and for where an erratum says that the real layer is wrong."""
    for clause in CONTRACT:
        ways: dict[tuple[str, tuple[tuple[str, str], ...]], Case] = {}
        for case in clause.cases(oracle.dialect):
            errata = any(each.applies(case.question) for each in clause.errata)
            if case.tier is Tier.SMOKE and not errata and case.question.option("lane") != "xla":
                ways.setdefault((case.question.procedure, case.question.options), case)
        if clause.area == area:
            yield from (Planned(clause, case) for case in ways.values())


# ---- functions, by the command line ----------------------------------------------------------------------------------


def test_a_script_is_of_use_without_the_package(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Written by one command; 1 while the defect is there, 0 once it is gone, 2 where there is no layer."""
    layers, target = tmp_path / "layers.py", tmp_path / "shows.py"
    layers.write_text(FUNCTIONS, "utf-8")
    monkeypatch.chdir(tmp_path)
    assert cli.main(["repro", CASE, "layers.py:dense", "--oracle", "recorded", "--output", "shows.py"]) == 0
    assert "shows.py is written" in capsys.readouterr().out
    wrong = started(target)
    assert wrong.returncode == 1
    for told in (CASE, "outputs at [", "  got         2.0  0x1.0000000000000p+1", "  allowed     0.0  0x0.0p+0"):
        assert told in wrong.stdout
    layers.write_text(FUNCTIONS.replace("inputs @ kernel", "inputs @ kernel + (0 if bias is None else bias)"), "utf-8")
    mended = layers.read_text("utf-8").replace("outputs if bias is None else outputs + bias", "outputs")
    layers.write_text(mended, "utf-8")
    assert (started(target).returncode, started(target).stdout.splitlines()[-1]) == (
        0,
        "nothing differs: the defect is gone",
    )
    layers.unlink()
    gone = started(target)
    assert gone.returncode == 2
    assert gone.stderr.startswith("layers.py:dense cannot be imported: FileNotFoundError")


def test_a_folder_of_scripts_has_one_for_each_failed_clause(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "layers.py").write_text(FUNCTIONS, "utf-8")
    monkeypatch.chdir(tmp_path)
    options = ["--oracle", "recorded", "--tier", "smoke", "--area", "outputs", "-q", "--repro-dir", "shown"]
    assert cli.main(["run", "layers.py:dense", *options]) == 1
    names = sorted(path.name for path in (tmp_path / "shown").iterdir())
    assert "outputs_bias_before_activation.py" in names
    assert "python shown/outputs_bias_before_activation.py shows what fails" in capsys.readouterr().err
    texts = [(tmp_path / "shown" / name).read_text("utf-8") for name in names]
    assert {name for text in texts for name in imported(text)} == {"numpy"}


def test_a_script_that_is_missing_is_told_of_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """In another interpreter: one reason for all clauses, and what would do."""
    (tmp_path / "layers.py").write_text(FUNCTIONS, "utf-8")
    monkeypatch.chdir(tmp_path)
    options = ["--oracle", "recorded", "--case", "outputs.*[relu-rank2-float32]", "--repro-dir", "shown"]
    assert cli.main(["run", "layers.py:dense", "--python", sys.executable, *options]) == 1
    (told,) = [line for line in capsys.readouterr().err.splitlines() if "script" in line]
    assert told.startswith("dense-conformance: outputs.bias-before-activation and 2 other clauses: no script")
    assert "run dense-conformance repro in that interpreter" in told
    assert not (tmp_path / "shown").exists()


def test_the_case_may_be_shrunk_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "layers.py").write_text(FUNCTIONS, "utf-8")
    monkeypatch.chdir(tmp_path)
    assert cli.main(["repro", CASE, "layers.py:dense", "--oracle", "recorded", "--smallest"]) == 0
    told = capsys.readouterr().out
    assert "CASE = 'outputs.bias-before-activation[relu-1x1-float32-units1]'" in told
    assert "inputs = np.array([[-1]], np.float32)" in told


@pytest.mark.parametrize(
    ("case", "naming", "says"),
    [
        (
            CASE,
            "reference",
            "no script is written for reference: a script without this package can find",
        ),
        ("outputs.affine[linear-rank2-float32]", "layers.py:right", "passes outputs.affine[linear-rank2-float32]"),
        ("outputs.affine", "layers.py:right", "cases are called 'outputs.affine'; name one"),
        ("outputs.colour", "layers.py:right", "no cases are called 'outputs.colour'"),
        ("gradients.bias[linear-rank2-float32]", "layers.py:right", "is not-applicable for layers.py:right"),
    ],
)
def test_4_what_cannot_be_written_is_said_in_one_line(
    case: str,
    naming: str,
    says: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    (tmp_path / "layers.py").write_text(
        FUNCTIONS
        + "\n\ndef right(inputs, kernel, bias, activation):\n    return dense(inputs, kernel, bias, 'linear')\n"
    )
    monkeypatch.chdir(tmp_path)
    assert cli.main(["repro", case, naming, "--oracle", "recorded"]) == 4
    assert says in capsys.readouterr().err


def test_a_case_of_an_erratum_has_no_script(live: Oracle) -> None:
    """The real layer answers otherwise than the mathematics: a right one may do either."""
    planned = beside_the_catalogue("gradients.kinks[celu-rank2-float32]", live.dialect)
    assert planned is not None
    wrong = next(mutant for mutant in MUTANTS if mutant.name == "keras-bias-stopped").make(live.dialect)
    with pytest.raises(CannotReproduceError, match="erratum celu-slope-at-zero"):
        script(planned, "layers.py:Wrong", wrong, live)


def test_what_does_not_fail_in_plain_code_has_no_script() -> None:
    """It is wrong as long as it is asked by the suite, which it knows by what it was asked before."""
    times = iter(range(1000))

    def dense(inputs: Any, kernel: Any, bias: Any, activation: str) -> Any:
        outputs = np.maximum(inputs @ kernel + bias, 0)
        return outputs + 1 if next(times) < 1 else outputs

    planned = beside_the_catalogue(CASE, recorded().dialect)
    assert planned is not None
    with pytest.raises(CannotReproduceError, match="depends on more than this case"):
        script(planned, "layers.py:dense", load(dense), recorded())


def test_a_script_about_state_does_not_ask_for_another_formula() -> None:
    """Two defects: doubled outputs, and a kernel that is in use one call late. The script is about the second."""

    def doubled(inputs: Any, kernel: Any, bias: Any, activation: str) -> Any:
        return 2 * (inputs @ kernel + bias)

    def late() -> Any:
        before: dict[Any, Any] = {}

        def dense(inputs: Any, kernel: Any, bias: Any, activation: str) -> Any:
            used, before[kernel.shape] = before.get(kernel.shape, kernel), kernel.copy()
            return doubled(inputs, used, bias, activation)

        return dense

    planned = beside_the_catalogue("state.reloaded-weights[linear-rank2-float32-reload]", recorded().dialect)
    assert planned is not None
    text = written(Result(planned.case, planned.clause, Verdict.FAIL), "layers.py:dense", load(late()), recorded())
    assert missed(text, doubled) == []
    assert missed(text, late()) != []


def test_names_and_messages_do_nothing_in_a_script(tmp_path: Path) -> None:
    """A quoted folder, a message that ends a docstring: text stays text."""
    folder = tmp_path / 'a"""b\\n'
    folder.mkdir()
    layers = folder / "la'yers.py"
    layers.write_text(
        'def dense(*_):\n    raise RuntimeError(\'"""\\nimport os; os.abort()\\n# \\\\\')\n', encoding="utf-8"
    )
    planned = beside_the_catalogue("outputs.affine[linear-1x1-float32-units1]", recorded().dialect)
    assert planned is not None
    naming = f"{layers}:dense"
    text = script(planned, naming, load(naming), recorded())
    target = tmp_path / "shows.py"
    target.write_text(text, "utf-8")
    told = started(target)
    assert told.returncode == 1
    assert 'it raised RuntimeError: """' in told.stdout
    assert [type(node).__name__ for node in ast.parse(text).body[:2]] == ["Expr", "Import"]


# ---- numbers ---------------------------------------------------------------------------------------------------------


def from_hexadecimal(values: Any) -> Any:
    return np.vectorize(float.fromhex, otypes=[float])(values)


@pytest.mark.parametrize(
    "values",
    [
        np.array([0.0, -0.0, 1.0, -3.0]),
        np.array([[0.1, 0.5], [1e300, -5e-324]]),
        np.array([np.inf, -np.inf, np.nan]),
        np.zeros((0, 7)),
        np.full((3, 4), -0.0),
        np.full((3, 4), 0.1),
        np.array(7.25),
        np.array([2.0**60, -(2.0**53) - 2]),
        np.linspace(-1, 1, 200).reshape(4, 5, 10),
        np.array([0.1, 65504.0], np.float16),
    ],
)
def test_arrays_come_back_to_the_last_bit(values: np.ndarray) -> None:
    text = literals.array(values, "float")
    back = eval(text, {"np": np, "fromhex": from_hexadecimal, "float": float})
    assert (back.shape, back.dtype) == (values.shape, np.float64)
    assert back.tobytes() == values.astype(np.float64).tobytes()


def test_arguments_are_those_that_are_not_standard() -> None:
    config = DenseConfig(3, "relu", False, "float64", kernel_regularizer="l1_l2", bias_constraint="max_norm")
    assert literals.arguments(Question("call", config, (5, 7))) == (
        '3, activation="relu", use_bias=False, dtype="float64", '
        "kernel_regularizer=tf.keras.regularizers.L1L2(l1=0.5, l2=0.125), "
        "bias_constraint=tf.keras.constraints.MaxNorm(max_value=2.0)"
    )


def test_what_was_compared_is_not_kept_with_a_result() -> None:
    """Every tensor of a run would be."""
    (report,) = run([load("reference")], Selection(case=CASE), recorded())
    assert [comparison.claim for comparison in report.results[0].comparisons] == [None]
    assert Comparison("x", True, "1", "1").claim is None
