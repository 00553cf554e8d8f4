"""Whole runs with waivers, from the first `update` to the day when the layer changes."""

from __future__ import annotations

import datetime
import json
from dataclasses import replace
from pathlib import Path

import jsonschema
import pytest

from conformance import check, cli
from conformance.answers import Level
from conformance.cases import Tier
from conformance.contract import CONTRACT
from conformance.reports import jsonlines
from conformance.results import Verdict
from conformance.run import Ran, Selection
from conformance.run import report as report_of
from conformance.waivers.application import Waiving
from conformance.waivers.file import read
from conformance.workers import Errand, run_errand
from tests.waived_reports import DIALECT, ORACLE

SCHEMA = json.loads((Path(jsonlines.__file__).parent / "schema.json").read_text("utf-8"))
CLAUSES = {clause.id: clause for clause in CONTRACT}

LAYERS = """
import numpy as np
from scipy.special import ndtr


def right(inputs, kernel, bias, activation):
    if activation not in ("linear", "relu", "gelu"):
        raise NotImplementedError(activation)
    z = inputs.astype("float64") @ kernel.astype("float64") + (0 if bias is None else bias.astype("float64"))
    outputs = {"linear": lambda: z, "relu": lambda: np.maximum(z, 0), "gelu": lambda: z * ndtr(z)}[activation]()
    return outputs.astype(inputs.dtype)


def by_tanh(inputs, kernel, bias, activation):
    if activation != "gelu":
        return right(inputs, kernel, bias, activation)
    z = right(inputs, kernel, bias, "linear")
    return (z * (1 + np.tanh(np.sqrt(2 / np.pi) * (z + 0.044715 * z**3))) / 2).astype(inputs.dtype)


def by_sigmoid(inputs, kernel, bias, activation):
    if activation != "gelu":
        return right(inputs, kernel, bias, activation)
    z = right(inputs, kernel, bias, "linear")
    return (z / (1 + np.exp(-1.702 * z))).astype(inputs.dtype)


def raising(inputs, kernel, bias, activation):
    if activation == "relu":
        raise KeyError("relu")
    return right(inputs, kernel, bias, activation)
"""


@pytest.fixture(scope="module")
def layers(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("layers") / "layers.py"
    path.write_text(LAYERS, "utf-8")
    return path


@pytest.fixture(scope="module")
def failures(layers: Path) -> int:
    """Of `by_tanh`, without any waiver."""
    return check(f"{layers}:by_tanh", tier="smoke", oracle="recorded").counts[Verdict.FAIL]


@pytest.fixture
def known(layers: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Path:
    """The waivers of `by_tanh`, as `update` writes them from a stored run."""
    stored, file = tmp_path / "run.jsonl", tmp_path / "waivers.toml"
    assert smoke(layers, "by_tanh", "--json", str(stored)) == 1
    assert cli.main(["waivers", "update", str(file), "--from", str(stored)]) == 0
    assert "4 changed" in capsys.readouterr().out
    return file


def smoke(layers: Path, name: str, *arguments: str) -> int:
    given = ["run", f"{layers}:{name}", "--oracle", "recorded", "--tier", "smoke", "-q"]
    return cli.main([*given, *arguments])


@pytest.mark.parametrize(
    "more", [[], ["--workers", "2"], ["--exitfirst"], ["--area", "shapes"], ["--case", "outputs.affine["]]
)
def test_0_what_update_wrote_makes_the_next_run_pass(layers: Path, known: Path, more: list[str]) -> None:
    """Waived failures are no first failure, and a selection does not complain of waivers that it does not reach."""
    assert smoke(layers, "by_tanh", "--waivers", str(known), *more) == 0


def test_1_a_repaired_layer_fails_until_the_file_is_brought_up_to_date(
    layers: Path, known: Path, failures: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    stored = tmp_path / "repaired.jsonl"
    assert smoke(layers, "right", "--waivers", str(known), "--json", str(stored)) == 1
    assert f"its waivers are out of date: {failures} unexpected passes" in capsys.readouterr().out
    assert cli.main(["waivers", "update", str(known), "--from", str(stored)]) == 0
    assert read(known) == ()
    assert smoke(layers, "right", "--waivers", str(known)) == 0


@pytest.mark.parametrize("more", [[], ["--workers", "2"], ["--exitfirst"]])
def test_1_a_worsened_layer_fails(
    layers: Path, known: Path, more: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    """The same clauses fail, by more than the waivers allow."""
    given = ["run", f"{layers}:by_sigmoid", "--oracle", "recorded", "--tier", "smoke", "--waivers", str(known), *more]
    assert cli.main(given) == 1
    told = " ".join(capsys.readouterr().out.split())
    assert "it fails differently from the waiver in line " in told, told
    assert ("stopped at its first failure" in told) == (more == ["--exitfirst"])


def test_what_passes_unexpectedly_has_no_likely_cause(
    layers: Path, known: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Nothing failed, so there is nothing to explain, to shrink or to reproduce."""
    target, folder = tmp_path / "run.jsonl", tmp_path / "scripts"
    written = ["--json", str(target), "--repro-dir", str(folder), "--waivers", str(known)]
    assert cli.main(["run", f"{layers}:right", "--oracle", "recorded", "--tier", "smoke", *written]) == 1
    told = capsys.readouterr()
    assert "UNEXPECTED PASS" in told.out
    assert "unexplained" not in told.out
    assert "no script is written" not in told.err
    ((*_, footer),) = jsonlines.read(target.read_text("utf-8"))
    assert (footer["diagnoses"], footer["smallest"]) == ([], [])


def test_update_takes_a_run_that_had_waivers(layers: Path, known: Path, tmp_path: Path) -> None:
    """Of CI, say: what was waived in it is not lost, and is not added twice."""
    stored, before = tmp_path / "again.jsonl", known.read_text("utf-8")
    assert smoke(layers, "by_tanh", "--waivers", str(known), "--json", str(stored)) == 0
    lines = [line for line in stored.read_text("utf-8").splitlines() if '"pass"' not in line or "footer" in line]
    form = jsonschema.Draft202012Validator(SCHEMA)
    assert [line for line in lines if not form.is_valid(json.loads(line))] == []
    assert cli.main(["waivers", "update", str(known), "--from", str(stored)]) == 0
    assert known.read_text("utf-8") == before


def test_results_that_waivers_settled_survive_the_file(layers: Path, known: Path, failures: int) -> None:
    told = check(f"{layers}:by_tanh", tier="smoke", oracle="recorded", waivers=known)
    assert told.counts[Verdict.WAIVED] == failures
    (records,) = jsonlines.read(jsonlines.render(told))
    assert tuple(jsonlines.result_of(record, CLAUSES) for record in records[1:-1]) == told.results


def test_a_level_that_is_claimed_has_waivers_for_what_is_lacking(layers: Path, tmp_path: Path) -> None:
    """The same file serves a run that claims nothing, where the lacking cases are not applicable."""
    file, claimed = tmp_path / "waivers.toml", ["--level", "training"]
    stored = tmp_path / "claimed.jsonl"
    assert smoke(layers, "right", *claimed, "--json", str(stored)) == 1
    assert cli.main(["waivers", "update", str(file), "--from", str(stored)]) == 0
    assert {made.symptom.kind for made in read(file)} == {"lacks"}
    assert smoke(layers, "right", *claimed, "--waivers", str(file)) == 0
    assert smoke(layers, "right", "--waivers", str(file)) == 0


def test_update_runs_an_implementation_itself(layers: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "waivers.toml"
    given = ["waivers", "update", str(file), f"{layers}:raising", "--oracle", "recorded", "--tier", "smoke"]
    assert cli.main([*given, "--days", "1"]) == 0
    tomorrow = datetime.date.today() + datetime.timedelta(days=1)
    assert {made.expires for made in read(file)} == {tomorrow}
    assert "KeyError" in {made.symptom.raises for made in read(file)}
    assert smoke(layers, "raising", "--waivers", str(file)) == 0
    assert cli.main(["waivers", "check", str(file)]) == 0
    assert f"0 complaints; the first expires after {tomorrow}" in capsys.readouterr().out


def test_two_workers_waive_what_one_does(layers: Path, known: Path, failures: int) -> None:
    waiving = Waiving(read(known), datetime.date.today())
    errand = Errand((f"{layers}:by_tanh",), Selection(tier=Tier.SMOKE), oracle="recorded", waiving=waiving)
    (one,), (two,) = run_errand(errand), run_errand(errand, 2)
    assert replace(one, seconds=0, seconds_answering=0) == replace(two, seconds=0, seconds_answering=0)
    assert one.counts[Verdict.WAIVED] == failures


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["run", "reference", "reference", "--waivers", "{known}"], "--waivers is a file of one implementation's"),
        (["waivers", "update", "{known}"], "needs an IMPLEMENTATION to run, or --from"),
        (["waivers", "update", "{known}", "reference", "--from", "x"], "needs an IMPLEMENTATION to run, or --from"),
        (["waivers", "update", "{known}", "reference", "--days", "0"], "--days must be a positive number"),
        (["waivers", "update", "{known}", "--from", "{folder}/none"], "none: No such file or directory"),
        (["waivers", "update", "{known}", "--from", "{known}"], "is not JSON"),
    ],
)
def test_4_wrong_use_of_waivers_is_one_line(
    arguments: list[str], says: str, known: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = known.read_text("utf-8")
    assert cli.main([each.format(known=known, folder=known.parent) for each in arguments]) == 4
    told = capsys.readouterr().err
    assert says in told
    assert len(told.strip().splitlines()) == 1
    assert known.read_text("utf-8") == before


def test_update_refuses_runs_of_several_and_of_another_contract(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    told = report_of(Ran("x", Level.INFERENCE, False, Tier.SMOKE, 0, ORACLE, DIALECT, False), [], errata={})
    several, other = tmp_path / "several.jsonl", tmp_path / "other.jsonl"
    several.write_text(jsonlines.render_all([told, told]), "utf-8")
    other.write_text(jsonlines.render(told).replace("inference", "perfection"), "utf-8")
    for stored, says in ((several, "holds runs of x, x"), (other, "not of its form, or of another contract")):
        assert cli.main(["waivers", "update", str(tmp_path / "w.toml"), "--from", str(stored)]) == 4
        assert says in capsys.readouterr().err
    assert not (tmp_path / "w.toml").exists()
