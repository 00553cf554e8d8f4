"""Imports go down the ladder of docs/architecture.md, and nothing is imported before it is needed."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
#: From the ground up. Names that share a rung do not see each other; a folder counts with all that is in it.
LADDER = (
    ("reference.formats",),
    ("reference.config", "reference.intervals", "reference.grades"),
    ("reference.elementwise",),
    ("reference.rowwise",),
    ("reference.activations",),
    ("reference.rivals", "reference.dense"),
    ("reference.dialects", "reference.bounds"),
    ("conformance.generator",),
    ("conformance.families",),
    ("conformance.cases",),
    ("conformance.answers",),
    ("conformance.truth",),
    ("conformance.compare",),
    ("conformance.contract", "conformance.implementations"),
    ("conformance.results",),
    ("conformance.floors", "conformance.judge"),
    ("conformance.reports",),
    ("conformance.session",),
    ("conformance.run",),
    ("conformance.kill_matrix", "conformance.api"),
    ("conformance.commands",),
    ("conformance.cli", "conformance.plugin", "conformance.test_conformance"),
    ("conformance.__main__",),
)
HEIGHT = {name: step for step, rung in enumerate(LADDER) for name in rung}
#: Within the folders that have rungs of their own.
INSIDE = {
    "conformance.contract": ("clause", "errata", "outputs", "gradients", "parameters", "shapes", "state", "__init__"),
    "conformance.implementations": (
        *("protocol", "attempt", "adapter", "reference", "mutant", "function", "keras", "mutants", "right_layers"),
        *("load", "__init__"),
    ),
}
MODULES = sorted(path for package in ("reference", "conformance") for path in (ROOT / package).rglob("*.py"))
HEAVY = ("tensorflow", "keras", "tf_keras")


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
            module = node.module or ""
            for alias in node.names:
                full = f"{module}.{alias.name}"
                is_module = (ROOT / Path(*full.split("."))).with_suffix(".py").exists()
                yield (full if is_module else module), node, node in nested


def is_ours(name: str) -> bool:
    return name.partition(".")[0] in ("reference", "conformance")


def test_every_module_stands_on_the_ladder() -> None:
    unplaced = [name_of(path) for path in MODULES if rung_of(name_of(path)) not in HEIGHT]
    assert [name for name in unplaced if name not in ("reference", "conformance")] == []


def test_every_import_goes_down_the_ladder() -> None:
    climbs = [
        f"{name_of(path)} imports {imported}, which does not stand below it"
        for path in MODULES
        for imported, _, _ in imports_of(path)
        if is_ours(imported) and rung_of(imported) in HEIGHT and rung_of(name_of(path)) in HEIGHT
        if rung_of(imported) != rung_of(name_of(path)) and HEIGHT[rung_of(imported)] >= HEIGHT[rung_of(name_of(path))]
    ]
    assert not climbs, "\n".join(climbs)


@pytest.mark.parametrize("folder", INSIDE)
def test_imports_inside_a_folder_go_down_too(folder: str) -> None:
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


def test_tensorflow_is_imported_in_one_place_only_and_late() -> None:
    strays = [
        f"{name_of(path)}, line {node.lineno}: {imported}"
        for path in MODULES
        for imported, node, nested in imports_of(path)
        if imported.partition(".")[0] in HEAVY
        and not (nested and name_of(path).startswith("conformance.implementations.keras"))
    ]
    assert not strays, "\n".join(strays)


def test_the_reference_knows_nothing_of_the_suite() -> None:
    strays = [
        f"{name_of(path)} imports {imported}"
        for path in MODULES
        if name_of(path).startswith("reference")
        for imported, _, _ in imports_of(path)
        if imported.startswith("conformance")
    ]
    assert not strays, "\n".join(strays)


def test_every_module_says_what_it_is_for() -> None:
    silent = [name_of(path) for path in MODULES if not ast.get_docstring(ast.parse(path.read_text("utf-8")))]
    assert not silent, "\n".join(silent)


def test_no_tolerance_is_picked_by_hand() -> None:
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
    heavy = "('numpy', 'scipy', 'tensorflow', 'keras')"
    loaded = f"import sys, {module}; print([name for name in {heavy} if name in sys.modules])"
    ran = subprocess.run([sys.executable, "-c", loaded], capture_output=True, text=True, check=True, cwd=ROOT)
    assert ran.stdout.strip() == "[]"
