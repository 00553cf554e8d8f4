"""Frameworks that are installed in this environment: what is known of them is true, and nothing else fails.

DENSE_FRAMEWORKS lists their names; tox sets it for the environments that have them. One that is listed and not
installed fails.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from conformance.api import check
from conformance.results import Report
from conformance.scoreboard.differences import Difference, explain, known

NAMES = os.environ.get("DENSE_FRAMEWORKS", "").split()
FINDINGS = Path(__file__).parent.parent.parent / "docs" / "findings"
FOUND = [(name, each) for name in NAMES for each in known(name) if each.reproduction]


def test_there_are_frameworks_to_test() -> None:
    assert NAMES, "DENSE_FRAMEWORKS must list what is installed: torch jax ..."


@pytest.mark.parametrize("name", NAMES)
def test_every_failure_has_a_reason_that_is_known(name: str) -> None:
    report: Report = check(name, tier="smoke", oracle="recorded")
    assert explain(report.results, known(name)).unexplained == ()
    assert report.executed > 80
    assert not report.suite_errors


@pytest.mark.parametrize(("name", "finding"), FOUND, ids=[each.reproduction for _, each in FOUND])
def test_a_finding_is_shown_by_its_script(name: str, finding: Difference) -> None:
    """Exit code 1 while the defect is there. Once it is 0, the entry goes from the framework's file."""
    if finding.seen_on:
        pytest.skip(f"needs {finding.seen_on}")
    script = FINDINGS / finding.reproduction
    interpreter = sys.executable if script.suffix == ".py" else shutil.which("node")
    assert interpreter is not None, "node is needed"
    ran = subprocess.run(
        [interpreter, str(script)], capture_output=True, text=True, cwd=_folder(script), timeout=300, check=False
    )
    assert ran.returncode == 1, f"exit code {ran.returncode}:\n{ran.stdout}\n{ran.stderr}"


def _folder(script: Path) -> Path | None:
    """Node looks for packages from the current folder upwards."""
    return Path(os.environ["DENSE_CONFORMANCE_NODE_MODULES"]).parent if script.suffix == ".mjs" else None
