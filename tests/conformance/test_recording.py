"""The recorded oracle: the verdicts of the live one; and an error for a recording that is not what it should be."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from conformance.api import check, selection
from conformance.cases import Tier
from conformance.implementations.keras.written import written_by_hand
from conformance.implementations.mutants import MUTANTS
from conformance.implementations.protocol import Implementation
from conformance.implementations.right_layers import RIGHT_LAYERS
from conformance.recording import Shown, file_name, from_json, oracle_named, shipped, to_json
from conformance.results import Report
from conformance.run import Selection, run
from conformance.session import OracleError, PlugError, live_oracle

NEWEST = shipped()[-1]
#: Made of NumPy alone, by area.
WRONG = [mutant for mutant in MUTANTS.values() if "keras" not in mutant.make(live_oracle().dialect).capabilities]
AREAS = sorted({mutant.area for mutant in WRONG})


def without_keras(areas: Sequence[str]) -> list[Implementation]:
    """Every wrong layer of these areas and every right one, but for Keras layers."""
    dialect = live_oracle().dialect
    wrong = [mutant.make(dialect) for mutant in WRONG if mutant.area in areas]
    right = [layer.make(dialect) for layer in RIGHT_LAYERS.values()]
    return [*wrong, *(each for each in right if "keras" not in each.capabilities)]


def told(reports: Sequence[Report]) -> list[tuple[str, dict[str, Any]]]:
    return [
        (report.implementation, {result.case.id: (result.verdict, result.erratum) for result in report.results})
        for report in reports
    ]


def test_the_newest_recording_is_of_the_installed_oracle() -> None:
    """Its versions are those of the newest pair that the suite is held to."""
    assert file_name(from_json(NEWEST.read_text("utf-8")).oracle) == NEWEST.name


@pytest.mark.parametrize("area", AREAS)
def test_verdicts_are_those_of_the_live_oracle(area: str) -> None:
    asked = Selection(tier=Tier.SMOKE, areas=(area,))
    implementations = without_keras([area])
    live = run(implementations, asked, live_oracle())
    recorded = run(without_keras([area]), asked, oracle_named("recorded"))
    assert told(recorded) == told(live)
    assert [report.errata for report in recorded] == [report.errata for report in live]


def test_another_seed_needs_no_other_recording() -> None:
    """Numbers are not recorded: they are derived from the reference again."""
    asked = selection(tier="smoke", areas=["gradients"], seed=5)
    implementations = without_keras([])
    live, recorded = (run(implementations, asked, oracle) for oracle in (live_oracle(), oracle_named("recorded")))
    assert told(recorded) == told(live)


def test_a_keras_layer_needs_the_live_oracle() -> None:
    with pytest.raises(PlugError, match="--oracle tensorflow"):
        check(written_by_hand(), tier="smoke", oracle="recorded")


def recording_text(**changes: Any) -> str:
    return to_json(replace(from_json(NEWEST.read_text("utf-8")), **changes))


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        (NEWEST.read_text("utf-8")[:-40], "truncated"),
        ("", "truncated"),
        ("[]", "truncated"),
        (NEWEST.read_text("utf-8").replace("sparsemax", "softmax"), "it was changed"),
        (json.dumps({"checksum": "", "format": 99}), "has format 99"),
        (recording_text(oracle={"tensorflow": "1.0.0", "keras": "1.0.0"}), "not known here"),
        (recording_text(oracle={"tensorflow": "2.21.0"}), "not known here"),
        (recording_text(cases={"outputs.affine": (1, "")}), "another version of the contract"),
    ],
)
def test_a_recording_that_cannot_be_used_says_so(text: str, complaint: str, tmp_path: Path) -> None:
    path = tmp_path / "recording.json"
    path.write_text(text, "utf-8")
    with pytest.raises(OracleError, match=complaint):
        oracle_named(str(path))


def test_a_recording_that_is_not_there_says_so() -> None:
    with pytest.raises(OracleError, match="no oracle 'no/such/file'"):
        oracle_named("no/such/file")


def test_what_keras_answers_by_an_erratum_passes_as_long_as_keras_shows_it(tmp_path: Path) -> None:
    """The slope of celu at 0 is 2 in Keras and 1 in truth; once Keras has repaired it, 2 is a failure."""
    recorded = oracle_named("recorded")
    assert Shown("celu-slope-at-zero", "celu", "float32", 0) in from_json(NEWEST.read_text("utf-8")).shown
    path = tmp_path / "repaired.json"
    path.write_text(recording_text(shown=()), "utf-8")
    asked = selection(case="gradients.kinks[celu-rank2-float32]")
    for oracle, accused in ((recorded, 0), (live_oracle(), 0), (oracle_named(str(path)), 1)):
        (report,) = run([recorded.implementation], asked, oracle)
        assert len(report.accusations) == accused
