"""The command line and Python: exit codes, one line for every wrong use, and what a report says."""

from __future__ import annotations

import json
import shlex
import sys
from pathlib import Path
from typing import Any

import jsonschema
import numpy as np
import pytest

from conformance import check, cli, parametrize
from conformance.api import UsageError
from conformance.cases import Tier
from conformance.implementations.load import NamingError, load
from conformance.implementations.reference import ReferenceAdapter
from conformance.reports import jsonlines, terminal
from conformance.results import ExitCode, Report, Verdict
from conformance.run import Selection, run
from conformance.session import Oracle, PlugError, live_oracle

SCHEMA = json.loads((Path(jsonlines.__file__).parent / "schema.json").read_text("utf-8"))

LAYERS = """
import numpy as np


def right(inputs, kernel, bias, activation):
    if activation not in ("linear", "relu"):
        raise NotImplementedError(activation)
    outputs = inputs @ kernel
    outputs = outputs if bias is None else outputs + bias
    return np.maximum(outputs, 0) if activation == "relu" else outputs


def doubled(inputs, kernel, bias, activation):
    print("noise of its own")
    return 2 * right(inputs, kernel, bias, activation)


def raising(inputs, kernel, bias, activation):
    raise RuntimeError("no weights on Tuesdays")


def interrupted(inputs, kernel, bias, activation):
    raise KeyboardInterrupt


class NeedsArguments:
    def __init__(self, path):
        self.path = path

    build = load = call = differentiate = describe = None


class FailsInside:
    name, capabilities = "fails", frozenset({"call"})

    def __init__(self):
        raise RuntimeError("no licence")

    def build(self, config, input_shape): ...
    def load(self, layer, kernel, bias): ...
    def call(self, layer, inputs): ...
    def differentiate(self, layer, inputs, upstream): ...
    def describe(self, layer): ...


number = 3
"""


@pytest.fixture
def layers(tmp_path: Path) -> Path:
    path = tmp_path / "layers.py"
    path.write_text(LAYERS, "utf-8")
    return path


@pytest.fixture(scope="module")
def oracle() -> Oracle:
    return live_oracle()


# ---- exit codes ----------------------------------------------------------------------------------------------------


def test_0_what_is_right_conforms(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["run", "reference", "--tier", "smoke"]) == 0
    assert capsys.readouterr().out.strip().splitlines()[-2].startswith("reference: conforms to tensorflow")


def test_0_a_selection_says_that_it_claims_nothing(layers: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["run", f"{layers}:right", "--area", "state", "-q"]) == 0
    assert "a selection claims nothing about conformance" in capsys.readouterr().out


def test_1_what_is_wrong_does_not(layers: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Its own prints go to standard error; its block ends in the command that repeats it."""
    assert cli.main(["run", f"{layers}:doubled", "--tier", "smoke"]) == 1
    told = capsys.readouterr()
    assert "noise" not in told.out
    assert "noise" in told.err
    assert "FAIL outputs.affine[linear-1x1-float32-units1-nobias" in told.out
    assert f"repeat   dense-conformance run {layers}:doubled --case 'outputs.affine[" in told.out


def test_1_what_calls_itself_otherwise_is_repeated_by_where_it_is(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A report calls an adapter by its own name, by which no command finds it."""
    file = tmp_path / "adapters.py"
    file.write_text(
        "from conformance.implementations.reference import ReferenceAdapter\n\n\n"
        "class Doubling(ReferenceAdapter):\n"
        "    def __init__(self):\n        super().__init__('my own')\n\n"
        "    def call(self, layer, inputs):\n        return 2 * super().call(layer, inputs)\n"
    )
    asked = ["run", f"{file}:Doubling", "--case", "outputs.affine[linear-rank2-float32-wide]", "--oracle", "recorded"]
    for place in ([], ["--python", sys.executable, "--timeout", "7"]):
        assert cli.main([*asked, *place]) == 1
        told = capsys.readouterr().out
        (command,) = [line.partition("dense-conformance ")[2] for line in told.splitlines() if "  repeat  " in line]
        assert shlex.join(place) in command
        assert ("my own: 1 failed" in told) == (not place)
        assert cli.main(shlex.split(command)) == 1
        capsys.readouterr()


def test_1_the_repeated_case_is_that_case(layers: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["run", f"{layers}:doubled", "--case", "outputs.affine[linear-rank2-float32-wide]"]) == 1
    assert ": 1 / " in " ".join(capsys.readouterr().out.split())


def test_1_a_level_that_is_claimed_and_lacks_something_fails(layers: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["run", f"{layers}:right", "--tier", "smoke", "--level", "training"]) == 1
    assert "it does not declare 'differentiate'" in capsys.readouterr().out


def test_2_interrupted(layers: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["run", f"{layers}:interrupted"]) == 2
    assert capsys.readouterr().err.strip().splitlines()[-1] == "dense-conformance: interrupted"


def test_3_an_oracle_that_is_not_there_is_the_suites_own_failure(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["run", "reference", "--oracle", "no/such/file"]) == 3
    assert "no oracle 'no/such/file'" in capsys.readouterr().err


def test_an_adapter_that_is_begun_runs_as_it_is(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    target = tmp_path / "mine.py"
    assert cli.main(["init", "adapter", str(target)]) == 0
    assert cli.main(["run", f"{target}:Adapter", "--oracle", "recorded", "--tier", "smoke", "--quiet"]) == 0
    assert "my framework: right in all it has" in " ".join(capsys.readouterr().out.split())


def test_3_an_oracle_that_is_wrong_is_blamed_itself(layers: Path, oracle: Oracle) -> None:
    """The reference under test, and a doubled Dense in the oracle's place."""
    wrong = Oracle(load(f"{layers}:doubled"), oracle.versions, oracle.dialect)
    (told,) = run([load("reference")], Selection(tier=Tier.SMOKE, case="outputs.affine"), wrong)
    assert told.exit_code is ExitCode.SUITE_ERROR
    assert {result.verdict for result in told.results} == {Verdict.SUITE_ERROR}
    assert "no verdict" in terminal.conclusion(told)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["run", "flex"], "no implementation 'flex': not a built-in (reference, tensorflow, "),
        (["run", "{folder}/none.py:Dense"], "there is no file"),
        (["run", "{layers}:Dense"], "has no 'Dense'; it has right, doubled"),
        (["run", "no.such.package:Dense"], "no.such.package cannot be imported: ModuleNotFoundError"),
        (["run", "{layers}:number"], "an object of int: expected a class of a Keras layer or a PyTorch module, a"),
        (["run", "{layers}:raising"], "cannot talk to"),
        (["run", "{layers}:FailsInside"], "could not be constructed without arguments: no licence"),
        (["run", "{layers}:NeedsArguments"], "the class NeedsArguments: expected a class of a Keras layer"),
        (["run", "reference", "--level", "expert"], "invalid choice: 'expert'"),
        (["run", "reference", "--tier", "huge"], "invalid choice: 'huge'"),
        (["run", "reference", "--area", "colours"], "invalid choice: 'colours'"),
        (["run", "reference", "--seed", "x"], "invalid int value: 'x'"),
        (["run", "reference", "--seed", "-1"], "seed must be an integer from 0"),
        (["run", "reference", "--extension", "lora"], "the extension 'lora' is not part of this version"),
        (["run", "reference", "--json", "{folder}/none/report.jsonl"], "there is no folder"),
        (
            ["run", "reference", "--case", "outputs.affine[linear-rank2-float32]", "--json", "{folder}"],
            "is a folder; give a file",
        ),
        (["explain", "outputs.colour"], "is neither a clause nor Dense(...)"),
        (["explain", "outputs.affine[blue]"], "there is no case"),
        (["mutants", "--only", "nobody"], "no mutant is called 'nobody'"),
        (["run", "reference", "--timeout", "0"], "--timeout must be a positive number"),
        (["run", "reference", "--python", "/no/such/python"], "cannot be talked to"),
        (["init", "adapter", "{layers}"], "already there"),
        (["scoreboard", "flex"], "no framework flex; there are"),
        (["frobnicate"], "invalid choice: 'frobnicate'"),
    ],
)
def test_4_wrong_use_is_one_line(
    arguments: list[str], says: str, layers: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    given = [each.format(layers=layers, folder=layers.parent) for each in arguments]
    try:
        code = cli.main(given)
    except SystemExit as ended:
        code = int(str(ended.code))
    told = capsys.readouterr().err
    assert code == 4
    assert says in told
    assert told.startswith("dense-conformance")
    assert len(told.strip().splitlines()) == 1


def test_5_a_pattern_that_matches_nothing_runs_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["run", "reference", "--case", "outputs.no-such-clause"]) == 5


def test_of_several_implementations_the_worst_decides(layers: Path, capsys: pytest.CaptureFixture[str]) -> None:
    given = ["run", "reference", f"{layers}:doubled", "--case", "outputs.affine*rank2", "-q"]
    assert cli.main(given) == 1
    assert len(capsys.readouterr().out.strip().splitlines()) == 2


# ---- explain and list ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "expression",
    [
        "Dense(__import__('os').getpid())",
        "Dense(units)",
        "Dense(9**9**9)",
        "Dense(2**40)",
        "Dense(1 // 0)",
        "Dense(3.5)",
        "Dense(lambda: 3)",
        "Dense(f'{3}')",
        "Conv2D(3)",
        "Dense(3, kernel_size=2)",
        "Dense(3, activation='gelo')",
        "Dense(3, input_shape=())",
        "Dense(3",
        "Dense()",
    ],
)
def test_what_is_no_plain_dense_is_not_evaluated(expression: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["explain", expression]) == 4
    assert len(capsys.readouterr().err.strip().splitlines()) == 1


def test_explain_tells_a_layer_a_clause_and_a_case(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["explain", "layers.Dense(32, activation='softmax', input_shape=(16,))"]) == 0
    told = capsys.readouterr().out
    assert "544 = 16 * 32 + 32" in told
    assert "softmax is not: it acts on the last axis" in " ".join(told.split())
    assert cli.main(["explain", "shapes.not-flattened"]) == 0
    assert "ipex-llm#2123" in capsys.readouterr().out
    assert cli.main(["explain", "outputs.every-rank[linear-rank3-float32]"]) == 0
    assert "(3, 5, 11)" in capsys.readouterr().out


def test_list_names_every_clause_and_every_case(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["list"]) == 0
    assert "outputs.affine  MUST, level inference" in capsys.readouterr().out
    assert cli.main(["list", "--cases", "--area", "shapes"]) == 0
    assert "shapes.symbolic[linear-anyx7-float32-call_symbolic]" in capsys.readouterr().out


def test_one_mutant_can_be_asked_alone(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    matrix = tmp_path / "matrix.json"
    assert cli.main(["mutants", "--only", "bias-doubled", "--json", str(matrix)]) == 0
    assert json.loads(matrix.read_text("utf-8"))[0]["killed"] is True


# ---- Python --------------------------------------------------------------------------------------------------------


def dense(inputs: np.ndarray, kernel: np.ndarray, bias: np.ndarray | None, activation: str) -> np.ndarray:
    if activation != "linear":
        raise NotImplementedError(activation)
    return inputs @ kernel if bias is None else inputs @ kernel + bias


def greedy(inputs: np.ndarray, kernel: np.ndarray, bias: np.ndarray | None, activation: str) -> np.ndarray:
    """Right, but it overwrites the inputs that it is given."""
    outputs = dense(inputs, kernel, bias, activation)
    inputs[...] = 99
    return outputs


def test_check_takes_the_object_itself() -> None:
    report = check(dense, tier="smoke")
    assert report.accusations == ()
    assert report.level_reached is None
    assert report.counts[Verdict.NOT_APPLICABLE] > 0
    assert report.exit_code is ExitCode.CONFORMS
    assert 0 < report.executed < report.applicable < report.catalogue


def test_an_implementation_that_overwrites_its_inputs_harms_itself_alone() -> None:
    report = check(greedy, tier="smoke")
    assert {result.clause.id for result in report.accusations} == {"state.inputs-untouched", "state.same-answer-twice"}


def test_exitfirst_stops_at_the_first_failure() -> None:
    report = check(lambda *given: 2 * dense(*given), tier="smoke", exitfirst=True)
    assert len(report.accusations) == 1
    assert not report.conforms


def test_another_seed_asks_other_numbers_and_as_many() -> None:
    here, there = (check("reference", tier="smoke", areas=["state"], seed=seed) for seed in (0, 5))
    assert here.accusations == there.accusations == ()
    assert here.comparisons == there.comparisons
    assert "seed5" in there.results[0].case.id


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"level": "expert"}, "level must be one of inference, training, keras, got 'expert'"),
        ({"tier": "huge"}, "tier must be one of smoke"),
        ({"areas": ["colours"]}, "area must be one of outputs"),
        ({"seed": 0.5}, "seed must be an integer"),
    ],
)
def test_arguments_that_cannot_be_are_named(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        check(dense, **arguments)


def test_what_cannot_be_put_under_test_is_a_named_error() -> None:
    with pytest.raises(NamingError, match="an object of int"):
        check(3)
    with pytest.raises(PlugError, match="cannot talk to"):
        check(lambda inputs, kernel, bias, activation: 1 / 0)
    with pytest.raises(UsageError, match="no case matches"):
        parametrize(dense, case="nothing")


def test_a_list_has_the_layers_dtype() -> None:
    report = check(lambda *given: dense(*given).tolist(), tier="smoke", areas=["outputs"])
    assert {result.clause.id for result in report.accusations} <= {"outputs.batch-size"}


def test_a_layer_that_cannot_be_constructed_blocks_what_needs_it() -> None:
    class Fussy(ReferenceAdapter):
        def build(self, config: Any, input_shape: Any) -> Any:
            if config.activation == "relu":
                raise RuntimeError("no relu")
            return super().build(config, input_shape)

    report = check(Fussy(), tier="smoke", areas=["outputs"])
    relu = [result for result in report.results if result.case.question.config.activation == "relu"]
    assert {result.verdict for result in relu} == {Verdict.ERROR, Verdict.BLOCKED}
    assert {result.verdict for result in report.results if result not in relu} == {Verdict.PASS}


def test_a_width_that_cannot_be_built_blocks_no_other_width() -> None:
    class NeedsFeatures(ReferenceAdapter):
        def build(self, config: Any, input_shape: Any) -> Any:
            if not input_shape[-1]:
                raise ValueError("no features")
            return super().build(config, input_shape)

    report = check(NeedsFeatures(), tier="smoke", areas=["shapes", "outputs"])
    assert {result.clause.id for result in report.accusations} == {"shapes.zero-width"}


# ---- JSON Lines ----------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def mixed() -> Report:
    """Passes, failures and what is not applicable, with infinite ratios among them."""
    return check(lambda *given: 2 * dense(*given), tier="smoke")


def test_every_line_is_of_the_published_form(mixed: Report) -> None:
    for line in jsonlines.render(mixed).splitlines():
        jsonschema.validate(json.loads(line), SCHEMA)


def test_results_survive_the_file(mixed: Report) -> None:
    clauses = {result.clause.id: result.clause for result in mixed.results}
    (records,) = jsonlines.read(jsonlines.render(mixed))
    assert tuple(jsonlines.result_of(record, clauses) for record in records[1:-1]) == mixed.results


def test_a_truncated_file_is_refused_wherever_it_is_cut(mixed: Report) -> None:
    lines = jsonlines.render(mixed).splitlines(keepends=True)
    for kept in (0, 1, 2, len(lines) - 1):
        with pytest.raises(jsonlines.ReportError):
            jsonlines.read("".join(lines[:kept]))
    with pytest.raises(jsonlines.ReportError, match="is not JSON"):
        jsonlines.read("".join(lines)[:-20])
    with pytest.raises(jsonlines.ReportError, match="tells of"):
        jsonlines.read("".join([lines[0], *lines[2:]]))
    with pytest.raises(jsonlines.ReportError, match="has no footer"):
        jsonlines.read("".join(lines[:5] + lines))


def test_another_schema_is_refused(mixed: Report) -> None:
    text = jsonlines.render(mixed).replace('"schema": 1', '"schema": 2')
    with pytest.raises(jsonlines.ReportError, match="schema 2 is not 1"):
        jsonlines.read(text)


def test_several_reports_share_a_file(mixed: Report) -> None:
    assert len(jsonlines.read(jsonlines.render_all([mixed, mixed]))) == 2


def test_colour_is_only_where_it_is_asked_for(mixed: Report) -> None:
    assert "\x1b" not in terminal.render(mixed)
    assert "\x1b" in terminal.render(mixed, colour=True)
