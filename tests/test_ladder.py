"""Imports go down the ladder of docs/architecture.md, and nothing is imported before it is needed."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
#: From the ground up. Names that share a rung do not see each other; a folder counts with all that is in it.
LADDER = (
    ("reference.formats", "reference.formulas"),
    ("reference.intervals", "reference.grades"),
    ("reference.initializers", "reference.regularizers", "reference.constraints"),
    ("reference.config",),
    ("reference.elementwise",),
    ("reference.rowwise",),
    ("reference.activations",),
    ("reference.rivals", "reference.dense"),
    ("reference.dialects", "reference.bounds", "reference.training"),
    ("conformance.generator",),
    ("conformance.families",),
    ("conformance.procedures",),
    ("conformance.cases",),
    ("conformance.answers",),
    ("conformance.truth",),
    ("conformance.compare",),
    ("conformance.contract", "conformance.implementations"),
    ("conformance.results",),
    ("conformance.floors", "conformance.judge"),
    ("conformance.reports", "conformance.scoreboard", "conformance.waivers"),
    ("conformance.session",),
    ("conformance.run",),
    ("conformance.kill_matrix", "conformance.recording"),
    ("conformance.shrink", "conformance.diagnosis", "conformance.curves", "conformance.reproduction"),
    ("conformance.study",),
    ("conformance.api", "conformance.workers", "conformance.screen"),
    ("conformance.commands",),
    ("conformance.cli", "conformance.plugin", "conformance.test_conformance"),
    ("conformance.__main__",),
)
#: Files of a few lines that only hand over to an entrance; the page leaves them out.
ENTRANCES = {"__main__", "test_conformance"}
HEIGHT = {name: step for step, rung in enumerate(LADDER) for name in rung}
#: Within the folders that have rungs of their own.
INSIDE = {
    "conformance.contract": (
        *(
            "clause",
            "errata",
            "bugs",
            "tables",
            "checks",
            "outputs",
            "gradients",
            "parameters",
            "shapes",
            "state",
            "half_precision",
            "dtypes",
            "initializers",
        ),
        *("modes", "losses", "constraints", "weights", "composition", "saving", "errors", "specials", "__init__"),
    ),
    "conformance.diagnosis": (
        "wording",
        "scope",
        "further",
        "consequences",
        "exhibits",
        "rivals",
        "fit",
        "rules",
        "conclude",
        "expected",
        "measuring",
        "__init__",
    ),
    "conformance.implementations": (
        *("protocol", "attempt", "wire", "process", "adapter", "reference", "mutant", "function", "keras"),
        *("frameworks", "named", "torch_module", "mutants", "right_layers", "load", "worker", "__init__"),
    ),
}
MODULES = sorted(path for package in ("reference", "conformance") for path in (ROOT / package).rglob("*.py"))
HEAVY = ("tensorflow", "keras", "tf_keras", "torch", "jax", "flax", "onnxruntime", "openvino")
#: Where they are at home.
HOSTS = tuple(f"conformance.implementations.{name}" for name in ("keras", "frameworks", "torch_module"))
#: What the reference may import besides itself and the standard library.
GROUND = {"numpy", "scipy", "ml_dtypes"}


def name_of(path: Path) -> str:
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


def rung_of(module: str) -> str:
    """The part of a module's name that stands on the ladder."""
    parts = module.split(".")
    return next((".".join(parts[:length]) for length in (3, 2) if ".".join(parts[:length]) in HEIGHT), module)


def imports_of(path: Path) -> Iterator[tuple[str, ast.stmt, bool]]:
    """Every imported name, where, and whether inside a function. What only the type checker reads does not count."""
    tree = ast.parse(path.read_text("utf-8"))
    ignored = {
        inner
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test)
        for inner in ast.walk(node)
    }
    nested = {
        inner
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef)
        for inner in ast.walk(node)
        if inner is not node
    }
    for node in ast.walk(tree):
        if node in ignored:
            continue
        if isinstance(node, ast.Import):
            yield from ((alias.name, node, node in nested) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}, line {node.lineno}: a relative import hides where it leads"
            module = node.module or ""
            for alias in node.names:
                full = f"{module}.{alias.name}"
                place = ROOT.joinpath(*full.split("."))
                is_module = place.with_suffix(".py").exists() or place.is_dir()
                yield (full if is_module else module), node, node in nested


def is_ours(name: str) -> bool:
    return name.partition(".")[0] in ("reference", "conformance")


def test_every_module_stands_on_the_ladder() -> None:
    """A new module must say where it belongs before anything can import it."""
    unplaced = [name_of(path) for path in MODULES if rung_of(name_of(path)) not in HEIGHT]
    assert [name for name in unplaced if name not in ("reference", "conformance")] == []


def test_every_import_goes_down_the_ladder() -> None:
    """Neighbours on one rung stand level, so they are refused too."""
    climbs = [
        f"{name_of(path)} imports {imported}, which does not stand below it"
        for path in MODULES
        for imported, _, _ in imports_of(path)
        if is_ours(imported) and rung_of(imported) in HEIGHT and rung_of(name_of(path)) in HEIGHT
        if rung_of(imported) != rung_of(name_of(path)) and HEIGHT[rung_of(imported)] >= HEIGHT[rung_of(name_of(path))]
    ]
    assert not climbs, "\n".join(climbs)


def test_no_module_imports_itself_in_a_circle() -> None:
    """Modules that share a rung's folder may see each other, in one direction."""
    imports = {
        name_of(path): {imported for imported, _, _ in imports_of(path) if is_ours(imported)} for path in MODULES
    }
    circles = []
    while imports:
        ready = [name for name, needed in imports.items() if not (needed - {name}) & set(imports)]
        if not ready:
            circles = sorted(imports)
            break
        imports = {name: needed for name, needed in imports.items() if name not in ready}
    assert not circles, f"in a circle, or above one: {', '.join(circles)}"


def test_the_architecture_page_shows_this_ladder() -> None:
    """docs/architecture.md, from the top: the rungs of the suite as they are held here, and the reference below."""
    page = (ROOT / "docs" / "architecture.md").read_text("utf-8")
    block = page.partition("## The ladder")[2].partition("\n\n    ")[2].partition("\n\n")[0]
    shown = [set(re.split(r" {2,}", line.strip())[0].split(" · ")) for line in block.splitlines()]
    inner = [{name.removeprefix("conformance.") for name in rung if name.startswith("conformance.")} for rung in LADDER]
    assert shown == [*(rung - ENTRANCES for rung in reversed(inner) if rung - ENTRANCES), {"reference"}]


@pytest.mark.parametrize("folder", INSIDE)
def test_imports_inside_a_folder_go_down_too(folder: str) -> None:
    """Folders whose files build on one another have a ladder of their own."""
    height = {name: step for step, name in enumerate(INSIDE[folder])}

    def step_of(module: str) -> int:
        inner = module.removeprefix(folder).lstrip(".").partition(".")[0] or "__init__"
        return height[inner]

    climbs = [
        f"{name_of(path)} imports {imported}"
        for path in MODULES
        if name_of(path).startswith(folder)
        for imported, _, _ in imports_of(path)
        if imported.startswith(folder + ".") and step_of(imported) > step_of(name_of(path))
    ]
    assert not climbs, "\n".join(climbs)


def test_nothing_of_ours_is_imported_inside_a_function() -> None:
    """The plugin is the exception: it is loaded in other people's runs, and must load nothing before it is used."""
    hidden = [
        f"{name_of(path)}, line {node.lineno}: {imported}"
        for path in MODULES
        for imported, node, nested in imports_of(path)
        if nested and is_ours(imported) and name_of(path) != "conformance.plugin"
    ]
    assert not hidden, "\n".join(hidden)


def test_frameworks_are_imported_in_two_places_only_and_late() -> None:
    """Naming an implementation must not load somebody else's framework."""
    strays = [
        f"{name_of(path)}, line {node.lineno}: {imported}"
        for path in MODULES
        for imported, node, nested in imports_of(path)
        if imported.partition(".")[0] in HEAVY and not (nested and name_of(path).startswith(HOSTS))
    ]
    assert not strays, "\n".join(strays)


def test_the_reference_stands_on_numbers_alone() -> None:
    """It imports itself, NumPy, SciPy, ml_dtypes and the standard library: nothing of the suite, no framework."""
    strays = [
        f"{name_of(path)} imports {imported}"
        for path in MODULES
        if name_of(path).startswith("reference")
        for imported, _, _ in imports_of(path)
        if imported.partition(".")[0] not in {"reference", *GROUND, *sys.stdlib_module_names}
    ]
    assert not strays, "\n".join(strays)


def test_every_module_says_what_it_is_for() -> None:
    """A file is one noun, and its docstring is the sentence about it."""
    silent = [name_of(path) for path in MODULES if not ast.get_docstring(ast.parse(path.read_text("utf-8")))]
    assert not silent, "\n".join(silent)


def test_no_tolerance_is_picked_by_hand() -> None:
    """Neither in the suite nor in its tests: exact data, or a certified interval."""
    forbidden = {"rtol", "atol", "allclose", "isclose", "assert_allclose", "approx"}
    found = [
        f"{path.relative_to(ROOT)}: {word}"
        for path in (*MODULES, *(ROOT / "tests").rglob("*.py"))
        if path != Path(__file__)
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        for word in (getattr(node, "attr", None), getattr(node, "id", None), getattr(node, "arg", None))
        if word in forbidden
    ]
    assert not found, "\n".join(found)


@pytest.mark.parametrize("module", ["conformance", "conformance.plugin"])
def test_importing_it_loads_nothing_heavy(module: str) -> None:
    """Both are loaded in other people's test runs."""
    heavy = "('numpy', 'scipy', 'tensorflow', 'keras')"
    loaded = f"import sys, {module}; print([name for name in {heavy} if name in sys.modules])"
    ran = subprocess.run([sys.executable, "-c", loaded], capture_output=True, text=True, check=True, cwd=ROOT)
    assert ran.stdout.strip() == "[]"


def test_nothing_of_the_suite_loads_a_framework_before_it_is_needed() -> None:
    """A layer of one framework is judged where no other is installed."""
    every = ", ".join(name_of(path) for path in MODULES if path.name != "__main__.py")
    loaded = f"import sys, {every}; print([name for name in {HEAVY} if name in sys.modules])"
    ran = subprocess.run([sys.executable, "-c", loaded], capture_output=True, text=True, check=True, cwd=ROOT)
    assert ran.stdout.strip() == "[]"
