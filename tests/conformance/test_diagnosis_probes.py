"""What rows of the identity and a kernel of zeros show of the weights that are in use."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from conformance.cases import Tier
from conformance.diagnosis.conclude import diagnose
from conformance.diagnosis.rules.probes import Use, _use
from conformance.implementations.load import load
from conformance.recording import oracle_named
from conformance.results import Diagnosis
from conformance.run import Selection, run
from reference.activations import ACTIVATIONS

ORACLE = oracle_named("recorded")


def activated(z: Any, activation: str) -> Any:
    return ACTIVATIONS[activation].value(z.astype(np.float64)).astype(z.dtype)


def bias_modulo_4(inputs: Any, kernel: Any, bias: Any, activation: str) -> Any:
    z = inputs @ kernel
    return activated(z if bias is None else z + bias[np.arange(len(bias)) % 4], activation)


def last_tile_overlaps(inputs: Any, kernel: Any, bias: Any, activation: str) -> Any:
    """Tiles of 8 features, the last of which begins 8 before the end: what it has in common counts twice."""
    count = len(kernel)
    first, *others = [slice(at, at + 8) for at in range(0, count // 8 * 8, 8)] or [slice(count)]
    z = inputs[..., first] @ kernel[first]
    for tile in [*others, *([slice(count - 8, count)] if count > 8 and count % 8 else [])]:
        z = z + inputs[..., tile] @ kernel[tile]
    return activated(z if bias is None else z + bias, activation)


def index_of_a_byte(inputs: Any, kernel: Any, bias: Any, activation: str) -> Any:
    z = inputs @ kernel[np.arange(len(kernel)) % 256]
    return activated(z if bias is None else z + bias, activation)


def sorted_columns(inputs: Any, kernel: Any, bias: Any, activation: str) -> Any:
    """No weight times a number, and no other place's: of that nothing is read off."""
    z = inputs @ np.sort(kernel, axis=0)
    return activated(z if bias is None else z + bias, activation)


def told_of(function: Callable[..., Any]) -> list[Diagnosis]:
    implementation = load(function, ORACLE.dialect)
    (report,) = run([implementation], Selection(tier=Tier.SMOKE, areas=("outputs",)), ORACLE)
    assert report.accusations
    return [each for each in diagnose(report, implementation, ORACLE) if each.defect]


@pytest.mark.parametrize(
    ("function", "defect", "says"),
    [
        (bias_modulo_4, "bias-permuted", "of 257 units each, counted from 0, gets the bias of its own number modulo 4"),
        (last_tile_overlaps, "features-repeated", "of 509 features the 502nd to 504th are counted twice"),
        (
            index_of_a_byte,
            "features-reordered",
            "of 509 features each, counted from 0, meets the weights of its own number modulo 256",
        ),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_the_weights_in_use_are_told(function: Callable[..., Any], defect: str, says: str) -> None:
    assert [(each.defect, each.says) for each in told_of(function)] == [(defect, says)]


def test_nothing_is_told_of_weights_that_are_none_of_the_layers() -> None:
    assert not any(each.defect.startswith(("features-", "units-", "bias-")) for each in told_of(sorted_columns))


def test_a_place_takes_its_own_weights_times_a_number_or_those_of_another() -> None:
    weights = np.array([[1.0, -2.0], [3.0, -4.0], [5.0, -6.0]])
    found = _use(np.array([[5.0, -6.0], [6.0, -8.0], [0.0, 0.0]]), weights)
    assert found is not None
    assert (found.origin == [2, 1, 2]).all()
    assert (found.times == [1.0, 2.0, 0.0]).all()
    assert (found.of(weights) == [[5.0, -6.0], [6.0, -8.0], [0.0, 0.0]]).all()
    assert _use(np.array([[4.0, -6.0], [3.0, -4.0], [5.0, -6.0]]), weights) is None


def test_weights_that_are_their_own_are_right() -> None:
    assert Use(np.arange(3), np.ones(3)).is_right
    assert not Use(np.array([0, 2, 1]), np.ones(3)).is_right
