"""The pytest plugin: inert unless it is asked, right under xdist, and its ids have one order."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from conformance.reports import jsonlines

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


# ---- likely causes -------------------------------------------------------------------------------------------------

#: Of `wrong` in the area shapes, where all outputs are doubled.
CAUSE = "likely cause: the outputs are doubled (16 failed cases)"
ANONYMOUS = "lambda *given: layers.wrong(*given)"


def of_shapes(folder: Path, name: str, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return run_pytest(
        folder, "--pyargs", "conformance", "--dense-implementation", f"layers.py:{name}", "--dense-tier", "smoke",
        "--dense-oracle", "recorded", "--dense-area", "shapes", "-q", *arguments, **environment,
    )  # fmt: skip


def with_a_test_of(what: str, folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """A test file of the user's; `what` is an expression in which the module is known."""
    (folder / "test_mine.py").write_text(
        f"import layers\nfrom conformance import parametrize\n\n\n"
        f"@parametrize({what}, tier='smoke', areas=['shapes'], oracle='recorded')\n"
        f"def test_dense(case):\n    case.run()\n",
        "utf-8",
    )
    return run_pytest(folder, "-q", *arguments, PYTHONPATH=f"{ROOT}{os.pathsep}{folder}")


def summary(ran: subprocess.CompletedProcess[str]) -> list[str]:
    """The lines of our section."""
    return ran.stdout.partition("= dense-conformance =")[2].partition("\n=")[0].splitlines()[1:]


@pytest.mark.parametrize("workers", [[], ["-n", "2"]], ids=["alone", "xdist"])
def test_likely_causes_stand_above_the_conclusion(folder: Path, workers: list[str]) -> None:
    """The sentence, how many cases, and its evidence: in the section alone, and in the file for machines."""
    ran = of_shapes(folder, "wrong", "--dense-json", "report.jsonl", *workers)
    lines = summary(ran)
    at = lines.index(CAUSE)
    assert lines[0].startswith("layers.py:wrong: ")
    assert re.match(r"  \d+ of \d+ failing tensors that were asked for again match it", lines[at + 1])
    assert lines[-1].startswith("layers.py:wrong: 16 failed; ")
    assert ran.stdout.count("likely cause") == 1
    ((*_, footer),) = jsonlines.read((folder / "report.jsonl").read_text("utf-8"))
    assert [len(each["cases"]) for each in footer["diagnoses"]] == [16]


@pytest.mark.parametrize(("what", "workers"), [(ANONYMOUS, []), ("layers.wrong", ["-n", "2"])], ids=["alone", "xdist"])
def test_in_a_users_own_test_file_too(what: str, workers: list[str], folder: Path) -> None:
    """An object: under xdist it is found by its name, and alone it needs none."""
    assert CAUSE in summary(with_a_test_of(what, folder, *workers))


def test_what_only_a_worker_has_is_not_asked_again(folder: Path) -> None:
    """It is said why, and nothing else is different."""
    ran = with_a_test_of(ANONYMOUS, folder, "-n", "2")
    assert ran.returncode == 1
    assert "16 failed" in ran.stdout
    told = " ".join(" ".join(summary(ran)).split())
    assert "unexplained: the suite could not look into the failures (16 failed cases) what answered in a" in told
    assert "leave out -n" in told


def test_after_a_crash_nothing_is_asked_in_the_process_that_is_left(folder: Path) -> None:
    """It would end as the worker did, and the summary with it."""
    with (folder / "layers.py").open("a", encoding="utf-8") as file:
        file.write("\n\nimport os\n\n\ndef crashing(inputs, kernel, bias, activation):\n")
        file.write("    return wrong(inputs, kernel, bias, activation) if len(inputs) else os._exit(9)\n")
    ran = of_shapes(folder, "crashing", "-n", "2", "--dense-area", "outputs")
    assert ran.returncode == 1
    assert "crashed while running" in ran.stdout
    assert "a worker of xdist ended" in " ".join(summary(ran))
    assert "a selection claims nothing" in ran.stdout


@pytest.mark.parametrize("columns", [50, 100])
def test_causes_are_as_wide_as_the_terminal(columns: int, folder: Path) -> None:
    lines = summary(of_shapes(folder, "wrong", COLUMNS=str(columns)))
    at = next(place for place, line in enumerate(lines) if line.startswith("likely cause"))
    widths = [len(line) for line in lines[at : lines.index("", at)]]
    assert max(widths) <= columns
    assert (max(widths) > 80) == (columns > 80)


def test_colours_are_pytests_own(folder: Path) -> None:
    assert f"\x1b[31m{CAUSE}\x1b[0m" in summary(of_shapes(folder, "wrong", "--color", "yes"))


NEARLY = """

def nearly(inputs, kernel, bias, activation):
    functions = {"tanh": np.tanh, "exponential": np.exp}
    if activation not in functions:
        return right(inputs, kernel, bias, activation)
    return (1.001 * functions[activation](right(inputs, kernel, bias, "linear"))).astype(inputs.dtype)
"""


def test_causes_are_the_same_in_whatever_order_cases_end(folder: Path) -> None:
    """Workers end in any order; what is asked again, and so the evidence, follows the contract's."""
    with (folder / "layers.py").open("a", encoding="utf-8") as file:
        file.write(NEARLY)
    asked = ["--dense-area", "outputs", "--tb", "no"]
    forwards = summary(of_shapes(folder, "nearly", *asked))
    (folder / "conftest.py").write_text("def pytest_collection_modifyitems(items):\n    items.reverse()\n", "utf-8")
    assert any(line.startswith("likely cause: tanh is 1.001 times tanh") for line in forwards)
    assert summary(of_shapes(folder, "nearly", *asked)) == forwards


def test_what_an_implementation_prints_is_no_part_of_the_summary(folder: Path) -> None:
    with (folder / "layers.py").open("a", encoding="utf-8") as file:
        file.write("\n\ndef noisy(*given):\n    print('noise')\n    return wrong(*given)\n")
    ran = of_shapes(folder, "noisy", "--tb", "no")
    assert CAUSE in summary(ran)
    assert "noise" not in ran.stdout
    assert "noise" in ran.stderr


@pytest.mark.parametrize("name", ["right", "wrong"])
def test_nothing_is_looked_into_where_nothing_fails(name: str, folder: Path) -> None:
    """A layer that passes, or whose failures are waived, does not pay for it."""
    (folder / "conftest.py").write_text(
        "import sys\n\n\ndef pytest_unconfigure(config):\n"
        "    print('loaded:', [each for each in sys.modules if each.startswith('conformance.diagnosis')])\n",
        "utf-8",
    )
    (folder / "waivers.toml").write_text("".join(map(waiver, FAILED)), "utf-8")
    ran = of_shapes(folder, name, *(["--dense-waivers", "waivers.toml"] if name == "wrong" else []))
    assert ran.returncode == 0, ran.stdout
    assert "loaded: []" in ran.stdout
    assert "likely cause" not in ran.stdout


def test_who_interrupts_does_not_wait_for_causes(folder: Path) -> None:
    (folder / "test_mine.py").write_text(
        "from conformance import parametrize\n\n\n"
        "@parametrize('layers.py:wrong', tier='smoke', areas=['shapes'], oracle='recorded')\n"
        "def test_dense(case):\n    case.run()\n\n\ndef test_later():\n    raise KeyboardInterrupt\n",
        "utf-8",
    )
    ran = run_pytest(folder, "-q")
    assert ran.returncode == 2
    assert "16 failed" in " ".join(summary(ran))
    assert "likely cause" not in ran.stdout


# ---- waivers -------------------------------------------------------------------------------------------------------


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
