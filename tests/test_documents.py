"""What the documents say is true: examples and tables are computed, links lead somewhere, generated pages are fresh."""

from __future__ import annotations

import re
import shlex
import tomllib
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from scipy.special import erf, erfc, expit

from conformance import cli
from conformance.contract import CONTRACT
from conformance.implementations.mutants import MUTANTS
from conformance.implementations.right_layers import RIGHT_LAYERS
from conformance.reports import contract_page
from conformance.results import ExitCode
from reference.activations import ACTIVATIONS, SELU_ALPHA, SELU_SCALE, normal_density, softplus
from reference.config import DenseConfig
from reference.dense import parameter_count
from reference.elementwise import Elementwise
from reference.formats import FORMATS

ROOT = Path(__file__).parent.parent
README, NUMERICS = ROOT / "README.md", ROOT / "docs" / "numerics.md"
REPORT = ROOT / "docs" / "reading-a-report.md"
PAGES = (README, ROOT / "CONTRIBUTING.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").glob("*.md")))
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
#: What the formulas of docs/numerics.md are written in.
FUNCTIONS = {
    **{name: getattr(np, name) for name in ("exp", "expm1", "log", "log1p", "tanh", "hypot")},
    **{name: getattr(np, name) for name in ("abs", "where", "maximum", "minimum")},
    "erf": erf,
    "erfc": erfc,
    "sigmoid": expit,
    "softplus": softplus,
    "density": normal_density,
    "scale": SELU_SCALE,
    "alpha": SELU_ALPHA,
}
#: A right layer of either kind, under the names that the README's shell examples use.
EXAMPLES = {
    "path/to/layers.py": "import keras\n\n\nclass MyDense(keras.layers.Dense):\n    pass\n",
    "my/package.py": """
from reference.activations import ACTIVATIONS
from reference.dense import forward


def dense(inputs, kernel, bias, activation):
    wide = [each if each is None else each.astype("float64") for each in (inputs, kernel, bias)]
    return forward(*wide, ACTIVATIONS[activation]).astype(inputs.dtype)
""",
}


def blocks(page: Path, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", page.read_text("utf-8"), re.MULTILINE | re.DOTALL)


def prose(page: Path) -> str:
    """A page without its blocks."""
    return re.sub(r"^```.*?^```", "", page.read_text("utf-8"), flags=re.MULTILINE | re.DOTALL)


def table(page: Path, heading: str) -> list[list[str]]:
    """The cells of the table whose first row reads so."""
    _, _, rest = page.read_text("utf-8").partition(f"| {heading} |\n")
    lines = rest.partition("\n\n")[0].splitlines()[1:]
    assert lines
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]


def commands() -> Iterator[list[str]]:
    """The words of every `dense-conformance ...` that a page shows, on a line of its own or within a sentence."""
    for page in PAGES:
        lines = [line for block in blocks(page, "sh.*?") for line in block.splitlines()]
        for text in (*lines, *re.findall(r"`([^`\n]+)`", prose(page))):
            _, found, words = text.partition("dense-conformance ")
            if found and "=" not in words.partition(" ")[0]:
                yield shlex.split(words.partition(" > ")[0])


def told_by(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    """What the command line prints before it ends with 0."""
    try:
        code = cli.main(arguments)
    except SystemExit as ended:
        code = int(str(ended.code))
    assert code == 0
    return capsys.readouterr().out


@pytest.mark.parametrize("page", [page for page in PAGES if blocks(page, "python")], ids=lambda page: page.name)
def test_python_examples_run(page: Path) -> None:
    """Every block of a page, one after another in one namespace, as a reader would type them."""
    namespace: dict[str, object] = {}
    for block in blocks(page, "python"):
        exec(compile(block, str(page), "exec"), namespace)


def test_shell_examples_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As the README writes them, but for the fewest cases: right layers under the names that it uses are accepted."""
    for place, source in EXAMPLES.items():
        (tmp_path / place).parent.mkdir(parents=True)
        (tmp_path / place).write_text(source, "utf-8")
    monkeypatch.chdir(tmp_path)
    lines = [line for block in blocks(README, "sh") for line in block.splitlines()]
    runs = [shlex.split(line)[1:] for line in lines if line.startswith("dense-conformance run ")]
    assert len(runs) == 2
    assert [cli.main([*words, "--tier", "smoke", "--area", "outputs", "--quiet"]) for words in runs] == [0, 0]


def test_commands_and_options_exist(capsys: pytest.CaptureFixture[str]) -> None:
    """Whatever command a page shows, the help lists it, and its own help lists the option."""
    listed = told_by(capsys, "--help")
    shown = list(commands())
    assert {"run", "explain", "list", "floors", "mutants"} <= {words[0] for words in shown}
    for name, *words in shown:
        assert re.search(rf"\n    {name}\b", listed)
        helped = told_by(capsys, name, "--help")
        assert [word for word in words if word.startswith("--") and word not in helped] == []


def test_the_command_for_newcomers_answers_the_question(capsys: pytest.CaptureFixture[str]) -> None:
    """The numbers that the README gives for the example are those of the real layer."""
    (command,) = [line for block in blocks(README, "sh") for line in block.splitlines() if "explain" in line]
    told, page = told_by(capsys, *shlex.split(command)[1:]), prose(README).replace("*", "")
    assert [
        fact for fact in ("2,560,000", "(100, 25600)", "not flattened") if fact not in told or fact not in page
    ] == []


def test_the_parameters_of_two_layers_are_those_that_the_readme_adds() -> None:
    """The second layer's inputs are the first one's 32 units."""
    counts = [parameter_count(DenseConfig(units=32), input_dim) for input_dim in (16, 32)]
    assert "{} + {}".format(*counts) in prose(README)


def test_the_setup_commands_name_what_there_is() -> None:
    """One line sets up and runs the main job, one sets up and passes the tests: extras and environments exist."""
    job, tests = (block.strip() for block in blocks(README, "sh setup"))
    assert job.endswith("dense-conformance run tensorflow")
    assert tests.endswith("tox")
    assert "tox" in (ROOT / ".ci" / "run").read_text("utf-8")
    named = {
        extra
        for page in PAGES
        for extras in re.findall(r"'\.\[([\w,]+)\]'", page.read_text("utf-8"))
        for extra in extras.split(",")
    }
    assert {"tensorflow", "pytest", "page"} == named == set(PROJECT["project"]["optional-dependencies"])


def test_pytest_options_exist() -> None:
    """Every --dense- option that a page shows is one that the plugin adds."""
    plugin = (ROOT / "conformance" / "plugin.py").read_text("utf-8")
    shown = {option for page in PAGES for option in re.findall(r"--dense-[a-z]+", page.read_text("utf-8"))}
    assert "--dense-implementation" in shown
    assert [option for option in shown if f'"{option}"' not in plugin] == []


def test_the_failure_that_the_readme_shows_is_real(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The README's wrong function, judged by the command line, gives the block that the pages print."""
    source = blocks(README, "python")[0].partition("report =")[0]
    (tmp_path / "layers.py").write_text(source, "utf-8")
    monkeypatch.chdir(tmp_path)
    assert cli.main(["run", "layers.py:dense", "--tier", "smoke"]) == 1
    told = capsys.readouterr().out
    for page in (README, REPORT):
        (shown,) = blocks(page, "text")
        assert shown in told, page.name


def test_exit_codes_are_those_of_the_code() -> None:
    """Each number of the README's table is an exit code, and none is left out."""
    told = [int(number) for number, _ in table(README, "exit code | meaning")]
    assert told == [int(code) for code in ExitCode]


def test_the_readme_counts_mutants_and_right_layers_rightly() -> None:
    """A number in prose goes stale unless something looks."""
    told = re.search(r"we know, (\d+) of them, and accuses none of (\d+) right ones", " ".join(prose(README).split()))
    assert told is not None
    assert (int(told[1]), int(told[2])) == (len(MUTANTS), len(RIGHT_LAYERS))


def test_links_lead_somewhere() -> None:
    """Every link to a file of ours, from every page."""
    dead = [
        f"{page.name}: {target}"
        for page in PAGES
        for target in re.findall(r"\]\(([^)#]+)", page.read_text("utf-8"))
        if not target.startswith("http") and not (page.parent / target).exists()
    ]
    assert dead == []


def test_files_that_pages_name_exist() -> None:
    """A path of ours in code spans: renamed files leave their names behind in documents."""
    named = {
        (page.name, path)
        for page in PAGES
        for path in re.findall(r"`((?:reference|conformance|tests|docs)/[\w/.]*)`", page.read_text("utf-8"))
    }
    assert named
    assert [f"{page}: {path}" for page, path in sorted(named) if not (ROOT / path).exists()] == []


def test_the_contract_page_is_fresh() -> None:
    """After a change: dense-conformance list --markdown > docs/contract.md"""
    assert (ROOT / "docs" / "contract.md").read_text("utf-8") == contract_page.render(CONTRACT)


def test_the_changelog_has_the_version() -> None:
    """What pyproject.toml would publish has its entry."""
    assert f"## [{PROJECT['project']['version']}]" in (ROOT / "CHANGELOG.md").read_text("utf-8")


# ---- the tables of docs/numerics.md --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "cells", table(NUMERICS, "activation | K | Q(z) | Kd | Qd(z)"), ids=lambda cells: cells[0].replace(", ", "-")
)
def test_the_constants_of_an_activation_are_those_of_its_row(cells: list[str]) -> None:
    """K and Kd as numbers; Q and Qd computed as written: the same float64 operations, so the same bits."""
    z = np.arange(-40, 41) / 8
    names, roundings, magnitude, slope_roundings, slope_magnitude = cells
    for name in names.split(", "):
        row = ACTIVATIONS[name]
        assert isinstance(row, Elementwise)
        assert (float(roundings), float(slope_roundings)) == (row.roundings, row.slope_roundings)
        written = [(magnitude, row.magnitude(z)), (slope_magnitude, row.slope_magnitude(z))]
        for formula, expected in written:
            assert (np.broadcast_to(computed(formula, z), z.shape) == expected).all(), formula


def test_every_elementwise_activation_has_its_constants_told() -> None:
    """A row that is added to the code is added to the page."""
    told = {name for cells in table(NUMERICS, "activation | K | Q(z) | Kd | Qd(z)") for name in cells[0].split(", ")}
    assert told == {name for name, row in ACTIVATIONS.items() if isinstance(row, Elementwise)}


@pytest.mark.parametrize(
    "cells", table(NUMERICS, "activation | formula | verdict | why"), ids=lambda cells: " ".join(cells[:2])
)
def test_formulas_of_ones_own_are_inside_or_outside_as_told(cells: list[str]) -> None:
    """Computed throughout in float32, on exact arguments."""
    name, formula, verdict, _ = cells
    tails = [-1e30, -1e4, -100.0, 100.0, 1e4, 1e30]
    z = np.concatenate([np.linspace(-20, 20, 4001), tails]).astype(np.float32)
    with np.errstate(all="ignore"):
        got = computed(formula, z)
    assert got.dtype == np.float32
    enclosed = ACTIVATIONS[name].enclose(z.astype(np.float64), np.zeros(z.shape), FORMATS["float32"])
    inside = bool(enclosed.contains(got.astype(np.float64)).all())
    assert inside == {"inside": True, "outside": False}[verdict]


def computed(formula: str, z: np.ndarray) -> np.ndarray:
    """A formula in a code span of ours, at z: float32 stays float32."""
    return np.asarray(eval(formula.strip("`"), {"__builtins__": {}, "z": z, **FUNCTIONS}))
