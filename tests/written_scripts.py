"""What tests do with a script that was written."""

from __future__ import annotations

import ast
import subprocess
import sys
import warnings
from pathlib import Path
from typing import Any


def started(path: Path) -> subprocess.CompletedProcess[str]:
    """In its own folder, by an interpreter that sees no environment of ours."""
    command = [sys.executable, "-I", str(path)]
    return subprocess.run(command, capture_output=True, text=True, check=False, cwd=path.parent, timeout=60)


def imported(text: str) -> set[str]:
    """What it imports, but for the standard library and the layer's own file."""
    nodes = ast.walk(ast.parse(text))
    names = {alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names}
    return {name.partition(".")[0] for name in names} - set(sys.stdlib_module_names)


def missed(text: str, thing: Any) -> list[str]:
    """What it finds in the place of the thing under test, in this process."""
    space: dict[str, Any] = {"__name__": "reproduction"}
    exec(compile(text, "<reproduction>", "exec"), space)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return list(space["misses"](space["ask"](thing)))
        except Exception as failure:
            return [repr(failure)]
