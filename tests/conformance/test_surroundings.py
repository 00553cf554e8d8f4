"""Verdicts do not depend on what surrounds the process."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
AREAS = ("outputs", "shapes", "initializers", "saving")
#: Hash seed, locale, time zone, kernels and threads: two ways for each.
SURROUNDINGS = (
    {"PYTHONHASHSEED": "1", "LC_ALL": "C", "TZ": "Pacific/Kiritimati", "TF_ENABLE_ONEDNN_OPTS": "1"},
    {
        "PYTHONHASHSEED": "2",
        "LC_ALL": "tr_TR.UTF-8",
        "TZ": "America/St_Johns",
        "TF_ENABLE_ONEDNN_OPTS": "0",
        "OMP_NUM_THREADS": "1",
        "TF_NUM_INTRAOP_THREADS": "1",
    },
)


def test_verdicts_are_the_same_in_other_surroundings(tmp_path: Path) -> None:
    """Of the same cases, in the same order: right and wrong layers."""
    layers = tmp_path / "layers.py"
    layers.write_text("def without_bias(inputs, kernel, bias, activation):\n    return inputs @ kernel\n", "utf-8")
    runs = []
    for number, surroundings in enumerate(SURROUNDINGS):
        said = tmp_path / f"{number}.jsonl"
        areas = [word for area in AREAS for word in ("--area", area)]
        named = ["tensorflow", f"{layers}:without_bias"]
        command = [sys.executable, "-m", "conformance", "run", *named, *areas, "--tier", "smoke", "--json", str(said)]
        ran = subprocess.run(
            command, cwd=ROOT, env={**os.environ, **surroundings}, capture_output=True, text=True, check=False
        )
        assert ran.returncode == 1, ran.stderr
        runs.append(_verdicts(said))
    one, other = runs
    assert one == other
    assert {"pass", "fail"} <= {verdict for _, verdict in one}


def _verdicts(said: Path) -> list[tuple[str, str]]:
    records = [json.loads(line) for line in said.read_text("utf-8").splitlines()]
    return [(record["id"], record["verdict"]) for record in records if record["kind"] == "result"]
