"""The pytest plugin: inert unless it is asked, right under xdist, and its ids have one order."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

LAYERS = """
import numpy as np


def right(inputs, kernel, bias, activation):
    if activation != "linear":
        raise NotImplementedError(activation)
    return inputs @ kernel if bias is None else inputs @ kernel + bias


def wrong(inputs, kernel, bias, activation):
    return 2 * right(inputs, kernel, bias, activation)
"""
ROOT = Path(__file__).parent.parent.parent


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "layers.py").write_text(LAYERS, "utf-8")
    return tmp_path


def run_pytest(folder: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """pytest as its own process, as a user starts it; the plugin is found by its entry point or named."""
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", *_plugin(), *arguments]
    known = {**os.environ, "PYTHONPATH": str(ROOT), "TF_CPP_MIN_LOG_LEVEL": "3", **environment}
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False, env=known)


def _plugin() -> list[str]:
    from importlib.metadata import entry_points

    installed = any(each.value == "conformance.plugin" for each in entry_points(group="pytest11"))
    return [] if installed else ["-p", "conformance.plugin"]


def test_a_wrong_layer_fails_with_one_block_for_each_case(folder: Path) -> None:
    ran = run_pytest(
        folder, "--pyargs", "conformance", "--dense-implementation", "layers.py:wrong", "--dense-tier", "smoke",
        "--dense-area", "shapes", "-q",
    )  # fmt: skip
    assert ran.returncode == 1
    assert "FAIL shapes.zero-width[linear-5x0-float32]" in ran.stdout
    assert "conformance/run.py" not in ran.stdout
    assert "a selection claims nothing about conformance" in ran.stdout


@pytest.mark.parametrize("workers", [[], ["-n", "2"]], ids=["alone", "xdist"])
def test_the_whole_contract_is_held_to_its_floor(folder: Path, workers: list[str]) -> None:
    """What it lacks is skipped, counted, and reaches no level; what it has is right."""
    ran = run_pytest(
        folder, "--pyargs", "conformance", "--dense-implementation", "layers.py:right", "--dense-tier", "smoke", "-q",
        "--dense-json", "report.jsonl", *workers,
    )  # fmt: skip
    assert ran.returncode == 0, ran.stdout[-2000:]
    assert re.search(r"layers.py:right: \d+ / \d+ / \d+ cases executed", ran.stdout)
    assert "no level is reached" in ran.stdout
    assert (folder / "report.jsonl").read_text("utf-8").count('"kind": "footer"') == 1


def test_wrong_options_are_usage_errors(folder: Path) -> None:
    for given, says in (
        (["--dense-implementation", "layers.py:nobody"], "has no 'nobody'; it has right, wrong"),
        (["--dense-implementation", "layers.py:right", "--dense-level", "expert"], "level must be one of"),
        ([], "--dense-implementation says what is put under test"),
    ):
        ran = run_pytest(folder, "--pyargs", "conformance", *given)
        assert ran.returncode == 4
        assert says in ran.stdout + ran.stderr


def test_a_users_own_test_file_gets_one_item_for_each_case(folder: Path) -> None:
    (folder / "test_mine.py").write_text(
        "from conformance import parametrize\nfrom layers import right\n\n\n"
        "@parametrize(right, tier='smoke', areas=['state'])\ndef test_dense(case):\n    case.run()\n",
        "utf-8",
    )
    ran = run_pytest(folder, "-q", PYTHONPATH=f"{ROOT}{os.pathsep}{folder}")
    assert ran.returncode == 0, ran.stdout
    assert "a selection claims nothing" in ran.stdout


def test_ids_have_one_order_whatever_the_hash_seed(folder: Path) -> None:
    asked = ["--pyargs", "conformance", "--dense-implementation", "layers.py:right", "--dense-area", "shapes"]
    collected = [run_pytest(folder, *asked, "--collect-only", "-q", PYTHONHASHSEED=seed).stdout for seed in ("1", "2")]
    ids = [re.findall(r"test_dense\[(.*)\]", text) for text in collected]
    assert ids[0] == ids[1]
    assert "shapes.not-flattened[linear-rank3-float32]" in ids[0]


def test_without_the_option_nothing_is_loaded_or_said(folder: Path) -> None:
    (folder / "test_other.py").write_text(
        "import sys\n\n\ndef test_other():\n    assert 'numpy' not in sys.modules\n", "utf-8"
    )
    ran = run_pytest(folder, "-q")
    assert ran.returncode == 0, ran.stdout
    assert "dense-conformance" not in ran.stdout


def waiver(case: str, **changed: str) -> str:
    """An entry for a case that `wrong` fails: everything is doubled."""
    said = {"reason": '"it is doubled"', "issue": '"https://example.org/1"', "expires": "2999-12-31", **changed}
    symptom = 'symptom = {verdict = "fail", differs = "outputs", direction = ["too high", "too low"], share = 1}'
    keys = "".join(f"{key} = {value}\n" for key, value in said.items())
    return f'[[waiver]]\ncases = "{case}"\n{keys}{symptom}\n\n'


def run_waived(folder: Path, text: str, *arguments: str, name: str = "wrong") -> subprocess.CompletedProcess[str]:
    (folder / "waivers.toml").write_text(text, "utf-8")
    return run_pytest(
        folder, "--pyargs", "conformance", "--dense-implementation", f"layers.py:{name}", "--dense-tier", "smoke",
        "--dense-oracle", "recorded", "--dense-area", "shapes", "--dense-waivers", "waivers.toml", "-q", "-rxX",
        *arguments,
    )  # fmt: skip


#: All that `wrong` fails in the area: of the unit axes one case, whose only output is zero, passes.
UNIT_AXES = ("shapes.unit-axes[*x7-*]", "shapes.unit-axes[linear-5x1-*]", "shapes.unit-axes[linear-1x1-float32]")
FAILED = ("shapes.not-flattened", "shapes.equal-axes", *UNIT_AXES, "shapes.zero-width")


@pytest.mark.parametrize("workers", [[], ["-n", "2"]], ids=["alone", "xdist"])
def test_waived_cases_are_expected_failures_with_their_reason(folder: Path, workers: list[str]) -> None:
    ran = run_waived(folder, "".join(map(waiver, FAILED)), *workers)
    assert ran.returncode == 0, ran.stdout
    assert re.search(r"\b16 xfailed", ran.stdout)
    assert re.search(r"XFAIL .*unit-axes.* - until 2999-12-31: it is doubled \(https://example.org/1\)", ran.stdout)
    assert "WAIVED shapes.unit-axes, 9 cases: until 2999-12-31: it is doubled" in " ".join(ran.stdout.split())
    assert "0 failed, 16 failures are waived; a selection claims nothing" in ran.stdout


def test_waived_cases_that_pass_fail(folder: Path) -> None:
    ran = run_waived(folder, waiver("shapes.zero-width"), name="right")
    assert ran.returncode == 1
    assert "UNEXPECTED-PASS shapes.zero-width[linear-5x0-float32]" in ran.stdout
    assert "2 failed" in ran.stdout
    assert "it passes, and the waiver in line 1 says that it fails" in " ".join(ran.stdout.split())


def test_waived_cases_that_fail_differently_fail_and_say_how(folder: Path) -> None:
    text = "".join(map(waiver, FAILED)).replace("share = 1", "share = 0")
    ran = run_waived(folder, text)
    assert ran.returncode == 1
    assert re.search(r"differently from the waiver in line 1: \S+ of the elements miss", " ".join(ran.stdout.split()))


def test_complaints_about_waivers_fail_a_session_that_passes(folder: Path) -> None:
    ran = run_waived(folder, waiver("shapes.zero-width", expires="2001-01-01"), name="right")
    assert ran.returncode == 1
    assert "WAIVERS waiver in line 1: it has expired on 2001-01-01" in ran.stdout
    assert re.search(r"\d+ passed", ran.stdout)
    assert "1 complaint about the waivers" in ran.stdout


def test_a_file_of_waivers_that_cannot_be_used_is_a_usage_error(folder: Path) -> None:
    ran = run_waived(folder, waiver("shapes.zero-width", expires="'soon'"))
    assert ran.returncode == 4
    assert "waivers.toml, line 5, expires: expected a date" in ran.stdout + ran.stderr
