"""Several processes: the same reports as from one, and an end that is clear."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest

from conformance import cli
from conformance.cases import Tier
from conformance.results import Report, Verdict
from conformance.run import Selection, by_question, plan
from conformance.workers import Errand, run_errand
from reference.dialects import DIALECTS

LAYERS = """
import os
from conformance.implementations.reference import ReferenceAdapter


class Fussy(ReferenceAdapter):
    def build(self, config, input_shape):
        print("noise of its own")
        if config.activation == "relu":
            raise RuntimeError("no relu")
        return super().build(config, input_shape)


class Fatal(ReferenceAdapter):
    def build(self, config, input_shape):
        if config.activation == "relu":
            os._exit(139)
        return super().build(config, input_shape)


def without_bias(inputs, kernel, bias, activation):
    return inputs @ kernel
"""


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("layers") / "layers.py"
    path.write_text(LAYERS, "utf-8")
    return path


def timeless(reports: Sequence[Report]) -> list[Report]:
    return [replace(each, seconds=0.0, seconds_answering=0.0) for each in reports]


def test_two_workers_report_what_one_does(file: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """Right ones, wrong ones, one that blocks its own questions, and errata: every field but the seconds."""
    namings = ("tensorflow", "reference", f"{file}:Fussy", f"{file}:without_bias")
    errand = Errand(namings, Selection(tier=Tier.SMOKE, areas=("outputs",)))
    one, noise_of_one = timeless(run_errand(errand)), capfd.readouterr()
    two, noise_of_two = timeless(run_errand(errand, 2)), capfd.readouterr()
    assert two == one
    assert [each.exit_code for each in two] == [0, 0, 1, 1]
    assert one[0].errata
    assert {Verdict.PASS, Verdict.ERROR, Verdict.BLOCKED} <= set(one[2].counts)
    assert "noise" in noise_of_one.out
    assert "noise" not in noise_of_two.out
    assert "noise" in noise_of_two.err


def test_the_first_failure_is_that_of_one_process(file: Path) -> None:
    """Each implementation ends at its own: one runs on when another has ended."""
    namings = ("reference", f"{file}:Fussy", f"{file}:without_bias")
    errand = Errand(namings, Selection(tier=Tier.SMOKE, areas=("outputs",)), exitfirst=True)
    one, two = timeless(run_errand(errand)), timeless(run_errand(errand, 2))
    assert two == one
    assert [each.stopped_early for each in one] == [False, True, True]
    assert [len(each.accusations) for each in one] == [0, 1, 1]


def test_3_a_worker_that_dies_ends_the_run(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """In one line, and there is no report."""
    assert cli.main(["run", f"{file}:Fatal", "--case", "outputs.activation*relu-", "--workers", "2"]) == 3
    told = capsys.readouterr()
    assert told.out == ""
    assert "a worker's process ended in the middle of its work" in told.err
    assert len(told.err.strip().splitlines()) == 1


def test_4_what_no_worker_can_import_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["run", f"{tmp_path}/none.py:Dense", "--workers", "2"]) == 4
    told = capsys.readouterr().err
    assert "there is no file" in told
    assert len(told.strip().splitlines()) == 1


def test_4_no_worker_at_all(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["run", "--workers", "0"]) == 4
    assert "--workers must be a positive number, got 0" in capsys.readouterr().err


def test_the_questions_of_one_layer_stay_together() -> None:
    """Once a run has gone on to another layer, it does not come back; and it begins where most is asked."""
    layers = [question.layer for question, _ in by_question(plan(Selection(tier=Tier.FULL), DIALECTS[-1]))]
    left = [one for one, other in pairwise(layers) if one != other]
    assert len(left) == len(set(left))
    assert layers[0] == Counter(layers).most_common(1)[0][0]
