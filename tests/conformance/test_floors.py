"""The floors: what is committed is what there is, and a lost clause shows."""

from __future__ import annotations

import pytest

from conformance import floors
from conformance.answers import Level
from conformance.cases import Tier
from reference.dialects import DIALECTS, Dialect


@pytest.mark.parametrize("dialect", DIALECTS, ids=lambda dialect: dialect.name)
def test_the_committed_floors_are_what_the_contract_has(dialect: Dialect) -> None:
    """After a change: dense-conformance floors --write, and read the diff."""
    assert floors.count(dialect) == {key: floor for key, floor in floors.FLOORS.items() if key[0] == dialect.name}


def test_a_higher_tier_or_level_never_has_less() -> None:
    for dialect in DIALECTS:
        for level in Level:
            cases = [floors.FLOORS[dialect.name, level, tier].cases for tier in Tier]
            assert cases == sorted(cases)
        for tier in Tier:
            cases = [floors.FLOORS[dialect.name, level, tier].cases for level in Level]
            assert cases == sorted(cases)
            assert cases[0] > 0


def test_floors_survive_a_round_trip() -> None:
    assert floors.from_json(floors.to_json(floors.FLOORS)) == floors.FLOORS


def test_the_newest_dialect_has_the_promised_comparisons() -> None:
    """At the default tier a Keras layer is held to at least 5,000 of them."""
    assert floors.FLOORS[DIALECTS[-1].name, Level.KERAS, Tier.DEFAULT].comparisons >= 5000
