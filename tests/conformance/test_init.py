"""What `init` writes runs as it is written, and nothing is written over."""

from __future__ import annotations

import configparser
import os
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from conformance import cli
from conformance.commands import init
from conformance.waivers.file import read

ROOT = Path(__file__).parent.parent.parent
LAYERS = """
def right(inputs, kernel, bias, activation):
    if activation != "linear":
        raise NotImplementedError(activation)
    outputs = inputs @ kernel
    return outputs if bias is None else outputs + bias


def without_bias(inputs, kernel, bias, activation):
    return inputs @ kernel
"""
TEST, WAIVERS, TOX, WORKFLOW = init.CI


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A repository of somebody's with a package in it."""
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "__init__.py").touch()
    (tmp_path / "mine" / "layers.py").write_text(LAYERS, "utf-8")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def tox_ini(folder: Path) -> configparser.SectionProxy:
    settings = configparser.ConfigParser(interpolation=None)
    settings.read_string((folder / TOX).read_text("utf-8"))
    assert settings["tox"]["env_list"] == "dense-conformance"
    return settings["testenv:dense-conformance"]


def ran_as_written(folder: Path, *selection: str) -> subprocess.CompletedProcess[str]:
    """The command of tox.ini, without its processes, for some of the cases."""
    command = tox_ini(folder)["commands"].replace("\\\n", " ")
    words = shlex.split(command.replace("{env_dir}", str(folder)).replace("{posargs}", ""))
    assert words[:6] == ["pytest", TEST, "-n", "auto", "--dense-waivers", WAIVERS]
    call = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", *words[1:2], *words[4:], *selection]
    return subprocess.run(
        call, capture_output=True, text=True, check=False, env={**os.environ, "PYTHONPATH": str(ROOT)}
    )


@pytest.mark.parametrize("words", [[], ["ci", "mine.layers:right"]], ids=str)
def test_the_set_up_passes_a_right_layer(words: list[str], project: Path) -> None:
    """From the root of the repository, as tox runs it; what it writes is told."""
    assert cli.main(["init", *words]) == 0
    done = ran_as_written(project, "-k", "rank3 and float32")
    assert done.returncode == 0, done.stdout
    assert "; a selection claims nothing" in " ".join(done.stdout.split())
    assert (project / "dense-conformance.jsonl").is_file()


def test_the_set_up_fails_a_wrong_layer(project: Path) -> None:
    assert cli.main(["init", "ci", "mine/layers.py:without_bias"]) == 0
    done = ran_as_written(project, "-k", "outputs.affine", "-x")
    assert done.returncode == 1
    assert "FAIL outputs.affine[" in done.stdout


def test_failures_that_are_known_are_lived_with(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The command that the file of waivers shows, with the run that the set-up has written."""
    assert cli.main(["init", "ci", "mine/layers.py:without_bias"]) == 0
    assert cli.main(["waivers", "check", WAIVERS]) == 0
    assert f"{WAIVERS}: 0 waivers, 0 untriaged, 0 complaints" in capsys.readouterr().out
    few = ["-k", "outputs.affine and rank2 and float32"]
    assert ran_as_written(project, *few).returncode == 1
    (shown,) = [line for line in (project / WAIVERS).read_text("utf-8").splitlines() if "waivers update" in line]
    words = shlex.split(shown.removeprefix("#").replace(".tox/dense-conformance/", ""))
    assert cli.main(words[1:]) == 0
    done = ran_as_written(project, *few)
    assert done.returncode == 0, done.stdout
    assert " xfailed" in done.stdout


def test_the_example_of_a_waiver_is_a_good_one(project: Path) -> None:
    """It is a comment, and whoever takes the mark of one away has an entry."""
    assert cli.main(["init"]) == 0
    file = project / WAIVERS
    before, example = file.read_text("utf-8").split("# [[waiver]]\n")
    assert read(file) == ()
    file.write_text(before + "[[waiver]]\n" + example.replace("# ", ""), "utf-8")
    assert len(read(file)) == 1
    assert cli.main(["waivers", "check", WAIVERS]) == 0


def test_waivers_that_are_there_are_used_as_they_are(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (project / WAIVERS).parent.mkdir()
    (project / WAIVERS).write_text("# ours\n", "utf-8")
    assert cli.main(["init", "ci", "mine.layers:right"]) == 0
    assert f"{WAIVERS} is there already and is used as it is" in capsys.readouterr().out
    assert (project / WAIVERS).read_text("utf-8") == "# ours\n"
    assert f"--dense-waivers {WAIVERS} " in tox_ini(project)["commands"]


def test_4_waivers_that_cannot_be_used_get_no_set_up(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """It would fail as it is written."""
    (project / WAIVERS).parent.mkdir()
    (project / WAIVERS).write_text("ours\n", "utf-8")
    assert cli.main(["init", "ci", "mine.layers:right"]) == 4
    assert f"{WAIVERS} is not TOML" in capsys.readouterr().err
    assert not (project / TEST).exists()
    assert (project / WAIVERS).read_text("utf-8") == "ours\n"


def test_the_workflow_runs_what_tox_has(project: Path) -> None:
    """It is YAML that GitHub reads, and its one command of ours is the environment that was written."""
    assert cli.main(["init", "ci", "mine.layers:right"]) == 0
    workflow = yaml.safe_load((project / WORKFLOW).read_text("utf-8"))
    assert set(workflow) == {"name", True, "permissions", "jobs"}  # `on` is a truth to YAML 1.1
    assert set(workflow[True]) == {"push", "pull_request"}
    (job,) = workflow["jobs"].values()
    commands = [step["run"] for step in job["steps"] if "run" in step]
    assert commands == ["python -m pip install tox", "tox -e dense-conformance"]
    (upload,) = [step["with"]["path"] for step in job["steps"] if "upload" in step.get("uses", "")]
    written = tox_ini(project)["commands"].partition("--dense-json ")[2].split()[0]
    assert upload == written.replace("{env_dir}", ".tox/dense-conformance")


def test_the_workflow_is_of_versions_that_are_installed_there(project: Path) -> None:
    """The interpreter is one that the package takes."""
    assert cli.main(["init"]) == 0
    (job,) = yaml.safe_load((project / WORKFLOW).read_text("utf-8"))["jobs"].values()
    (python,) = [step["with"]["python-version"] for step in job["steps"] if "setup-python" in step.get("uses", "")]
    assert tuple(map(int, python.split("."))) >= (3, 11)


def test_a_keras_layer_is_judged_by_tensorflow(project: Path) -> None:
    """A recording cannot judge it; so the environment brings TensorFlow."""
    assert cli.main(["init", "ci", "keras.layers:Dense"]) == 0
    assert 'oracle="tensorflow"' in (project / TEST).read_text("utf-8")
    assert "dense-conformance[tensorflow,pytest]" in tox_ini(project)["deps"]


def test_a_framework_is_installed_too(project: Path) -> None:
    """It need not be installed here: the oracle is said, so that nothing has to be found out."""
    assert cli.main(["init", "ci", "onnxruntime", "--oracle", "recorded"]) == 0
    assert tox_ini(project)["deps"].split()[-2:] == ["onnxruntime", "onnx"]


def test_a_repository_that_is_a_package_is_installed(project: Path) -> None:
    (project / "pyproject.toml").write_text('[project]\nname = "mine"\nversion = "1"\n', "utf-8")
    assert cli.main(["init", "ci", "mine.layers:right"]) == 0
    assert tox_ini(project)["package"] == "wheel"


def test_one_that_is_none_is_not(project: Path) -> None:
    (project / "pyproject.toml").write_text("[tool.ruff]\nline-length = 99\n", "utf-8")
    assert cli.main(["init", "ci", "mine.layers:right", "--package", "dense-conformance[pytest]==9"]) == 0
    assert tox_ini(project)["package"] == "skip"
    assert tox_ini(project)["deps"].split() == ["dense-conformance[pytest]==9"]


@pytest.mark.parametrize(
    ("place", "content"),
    [("tox.ini", "[tox]\nenv_list = mine\n"), ("pyproject.toml", '[tool.tox]\nenv_list = ["a"]\n')],
)
def test_settings_of_tox_are_left_as_they_are(
    place: str, content: str, project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """What is to be added is told."""
    (project / place).write_text(content, "utf-8")
    assert cli.main(["init", "ci", "mine.layers:right"]) == 0
    assert (project / place).read_text("utf-8") == content
    told = capsys.readouterr().out
    assert f"{place} is there already and was left as it is" in told
    assert f"{init.ENVIRONMENT}\n" in told
    assert (project / WORKFLOW).is_file()


@pytest.mark.parametrize(
    ("words", "place"),
    [
        (["ci", "mine.layers:right"], TEST),
        (["ci", "mine.layers:right"], WORKFLOW),
        ([], "my_adapter.py"),
        (["adapter"], "my_adapter.py"),
        (["adapter", "other.py"], "other.py"),
    ],
)
def test_4_nothing_is_written_over(
    words: list[str], place: str, project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Which file is said, and nothing else was written either."""
    (project / place).parent.mkdir(parents=True, exist_ok=True)
    (project / place).write_text("mine", "utf-8")
    before = sorted(path for path in project.rglob("*") if "__pycache__" not in str(path))
    assert cli.main(["init", *words]) == 4
    assert f"already there, so that nothing was written: {place}" in capsys.readouterr().err
    assert (project / place).read_text("utf-8") == "mine"
    assert sorted(path for path in project.rglob("*") if "__pycache__" not in str(path)) == before


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["ci"], "init ci needs what is to be judged"),
        (["ci", "mine.layers:none"], "mine.layers has no 'none'"),
        (["ci", "mine"], "no implementation 'mine'"),
    ],
)
def test_4_what_cannot_be_judged_gets_no_set_up(
    words: list[str], told: str, project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """It would fail as it is written."""
    assert cli.main(["init", *words]) == 4
    assert told in capsys.readouterr().err
    assert not (project / TEST).exists()


def test_any_naming_is_a_literal(project: Path) -> None:
    """Quotes, backslashes and letters of any script come out as they went in."""
    naming = "exec:./dense --say 'ä\\n\"' $HOME"
    assert cli.main(["init", "ci", naming, "--oracle", "recorded"]) == 0
    source = (project / TEST).read_text("utf-8").partition("IMPLEMENTATION = ")[2].partition("\n")[0]
    assert eval(source) == naming
