"""What the documents say is true: their examples run, their links lead somewhere, the generated page is fresh."""

from __future__ import annotations

import re
import shlex
import tomllib
from pathlib import Path

import pytest

from conformance import cli
from conformance.contract import CONTRACT
from conformance.implementations.mutants import MUTANTS
from conformance.implementations.right_layers import RIGHT_LAYERS
from conformance.reports import contract_page

ROOT = Path(__file__).parent.parent
PAGES = (ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").glob("*.md")))
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
SUBCOMMANDS = {"run", "list", "explain", "mutants", "floors", "benchmark"}


def blocks(page: Path, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", page.read_text("utf-8"), re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize("page", [page for page in PAGES if blocks(page, "python")], ids=lambda page: page.name)
def test_python_examples_run(page: Path) -> None:
    """Every block of a page, one after another in one namespace, as a reader would type them."""
    namespace: dict[str, object] = {}
    for block in blocks(page, "python"):
        exec(compile(block, str(page), "exec"), namespace)


def test_the_command_for_newcomers_answers_the_question(capsys: pytest.CaptureFixture[str]) -> None:
    """The numbers that the README gives for the example are those of the real layer."""
    (command,) = [
        line for block in blocks(ROOT / "README.md", "sh") for line in block.splitlines() if "explain" in line
    ]
    assert cli.main(shlex.split(command)[1:]) == 0
    told = capsys.readouterr().out
    assert "2,560,000" in told
    assert "(100, 25600)" in told
    assert "not flattened" in told


def test_shell_examples_name_commands_that_exist() -> None:
    lines = [line for page in PAGES for block in blocks(page, "sh.*?") for line in block.splitlines()]
    named = {words[1] for line in lines if (words := shlex.split(line)) and words[0].endswith("dense-conformance")}
    assert named <= SUBCOMMANDS
    assert lines


def test_the_setup_commands_name_what_there_is() -> None:
    """One line sets up and runs the main job, one sets up and passes the tests."""
    job, tests = (block.strip() for block in blocks(ROOT / "README.md", "sh setup"))
    assert re.findall(r"\[(\w+)\]", job) == ["tensorflow"]
    assert "tensorflow" in PROJECT["project"]["optional-dependencies"]
    assert job.endswith("dense-conformance run tensorflow")
    assert tests.endswith("tox")
    assert "tox" in (ROOT / ".ci" / "run").read_text("utf-8")


def test_the_failure_that_the_readme_shows_is_real(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source = blocks(ROOT / "README.md", "python")[0].partition("report =")[0]
    (tmp_path / "layers.py").write_text(source, "utf-8")
    assert cli.main(["run", f"{tmp_path / 'layers.py'}:dense", "--tier", "smoke"]) == 1
    (shown,) = blocks(ROOT / "README.md", "text")
    assert shown in capsys.readouterr().out


def test_links_lead_somewhere() -> None:
    dead = [
        f"{page.name}: {target}"
        for page in PAGES
        for target in re.findall(r"\]\(([^)#]+)", page.read_text("utf-8"))
        if not target.startswith("http") and not (page.parent / target).exists()
    ]
    assert dead == []


def test_files_named_in_the_architecture_exist() -> None:
    text = (ROOT / "docs" / "architecture.md").read_text("utf-8")
    named = re.findall(r"`((?:reference|conformance|tests)/[\w/.]*)`", text)
    assert named
    assert [path for path in named if not (ROOT / path).exists()] == []


def test_the_contract_page_is_fresh() -> None:
    """After a change: dense-conformance list --markdown > docs/contract.md"""
    assert (ROOT / "docs" / "contract.md").read_text("utf-8") == contract_page.render(CONTRACT)


def test_the_readme_counts_mutants_and_right_layers_rightly() -> None:
    text = (ROOT / "README.md").read_text("utf-8")
    told = re.search(r"we know, (\d+) of them, and accuses none of (\d+) right ones", " ".join(text.split()))
    assert told is not None
    assert (int(told[1]), int(told[2])) == (len(MUTANTS), len(RIGHT_LAYERS))


def test_the_changelog_has_the_version() -> None:
    assert f"## [{PROJECT['project']['version']}]" in (ROOT / "CHANGELOG.md").read_text("utf-8")
