"""Where a framework computes: what --device names, here and in another process, and what is not there."""

from __future__ import annotations

import sys

import pytest

from conformance import cli
from conformance.api import check
from conformance.implementations.load import NamingError, Place, load
from conformance.implementations.process import Process

jax = pytest.importorskip("jax")


def test_jax_computes_on_the_device_that_is_named() -> None:
    named = load("jax", place=Place(device="cpu:0"))
    assert (named.declares.device, named.declares.profile) == ("cpu:0", "IEEE")
    report = check(named.adapter, tier="smoke", areas=["shapes", "state"], oracle="recorded")
    assert report.executed > 30
    assert not report.accusations


def test_without_a_name_it_is_that_of_its_own_choice() -> None:
    assert load("jax").declares.device == jax.devices()[0].platform


@pytest.mark.parametrize(
    ("device", "says"),
    [
        ("abacus", "jax cannot compute on abacus: Unknown backend"),
        ("cpu:99", "jax cannot compute on cpu:99: there are 1 devices of the kind 'cpu', counted from 0"),
        ("cpu:-1", "there are 1 devices"),
        ("cpu:first", "jax cannot compute on cpu:first: invalid literal"),
    ],
)
def test_a_device_that_is_not_there_is_refused(device: str, says: str) -> None:
    with pytest.raises(NamingError) as refused:
        load("jax", place=Place(device=device))
    assert says in str(refused.value)


def test_the_name_reaches_another_python() -> None:
    there = load("jax", place=Place(python=sys.executable, device="cpu:0"))
    assert there.declares.device == "cpu:0"
    process: Process = there.adapter.process
    process.stop()


def test_a_device_that_another_python_has_not_is_wrong_use(capsys: pytest.CaptureFixture[str]) -> None:
    arguments = [
        "run",
        "jax",
        "--python",
        sys.executable,
        "--device",
        "cpu:99",
        "--oracle",
        "recorded",
        "--area",
        "state",
    ]
    assert cli.main(arguments) == 4
    assert "jax cannot compute on cpu:99: there are 1 devices" in capsys.readouterr().err
