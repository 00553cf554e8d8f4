"""TensorFlow.js: what is said on the command line reaches the process that its adapter starts."""

from __future__ import annotations

import os

import pytest

from conformance import cli

NEEDED = "DENSE_CONFORMANCE_NODE_MODULES"


@pytest.mark.skipif(NEEDED not in os.environ, reason=f"{NEEDED} names no folder of packages")
@pytest.mark.parametrize("name", ["tfjs", "tfjs_wasm"])
def test_an_answer_has_the_time_that_is_given(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    """No answer comes within a microsecond; the first call, before any case, is then given up."""
    assert cli.main(["run", name, "--timeout", "1e-6", "--oracle", "recorded", "--area", "state"]) == 4
    assert "no answer within 1e-06 s" in capsys.readouterr().err
