"""The suite's own proof: it fails every wrong layer that we know, and accuses no right one."""

from __future__ import annotations

from collections import Counter
from functools import partial

import pytest

from conformance.cases import Tier
from conformance.contract import CONTRACT
from conformance.implementations.load import load
from conformance.implementations.mutant import Mutant
from conformance.implementations.mutants import ALL, MUTANTS
from conformance.implementations.right_layers import RIGHT_LAYERS
from conformance.kill_matrix import complaints, kills
from conformance.run import Selection, run
from conformance.session import Oracle, live_oracle

AREAS = tuple(dict.fromkeys(mutant.area for mutant in MUTANTS.values()))
#: XLA compiles the first anew for every shape, which takes minutes at the default tier; the others sum in orders that
#: NumPy layers have, too.
AT_SMOKE = ("keras-compiled", "keras-reshaped-rows", "keras-features-reversed")
QUICK = [name for name in RIGHT_LAYERS if name not in AT_SMOKE]
#: Right layers run four at a time: enough to share the oracle's answers, few enough to spread over workers.
TEAMS = [tuple(QUICK[at : at + 4]) for at in range(0, len(QUICK), 4)]


@pytest.fixture(scope="module")
def oracle() -> Oracle:
    return live_oracle()


@pytest.mark.parametrize("area", AREAS)
def test_every_mutant_is_failed_by_its_own_clause(area: str, oracle: Oracle) -> None:
    """Already at the smallest tier, and by a wrong answer unless raising is the defect.

    Only its own area is asked: what the others say of it, `dense-conformance mutants` tells.
    """
    mutants = [mutant for mutant in MUTANTS.values() if mutant.area == area]
    assert list(complaints(kills(mutants, Selection(tier=Tier.SMOKE, areas=(area,)), oracle), whole=False)) == []


def test_no_two_mutants_have_one_name() -> None:
    assert [name for name, count in Counter(mutant.name for mutant in ALL).items() if count > 1] == []


def test_every_clause_is_needed_by_a_mutant() -> None:
    """With a clause switched off, the mutants that break it survive or are blamed on something else."""
    assert {clause.id for clause in CONTRACT} - {mutant.breaks for mutant in MUTANTS.values()} == set()


def test_there_are_mutants_in_every_area() -> None:
    assert len(MUTANTS) >= 200
    assert set(AREAS) == {clause.area for clause in CONTRACT}


@pytest.mark.parametrize(
    ("names", "tier"), [*((team, Tier.DEFAULT) for team in TEAMS), (AT_SMOKE, Tier.SMOKE)], ids=str
)
def test_right_layers_conform(names: tuple[str, ...], tier: Tier, oracle: Oracle) -> None:
    reports = run([RIGHT_LAYERS[name].make(oracle.dialect) for name in names], Selection(tier=tier), oracle)
    accused = [f"{each.implementation}: {result.case.id}" for each in reports for result in each.accusations]
    assert accused == []
    assert [each.conforms for each in reports] == [True] * len(names)


def test_a_right_layer_among_the_mutants_is_reported_as_a_survivor(oracle: Oracle) -> None:
    """The matrix can fail: what is not wrong is not failed."""
    impostor = Mutant("impostor", "nothing is wrong", "outputs.affine", partial(load, "reference"))
    found = kills([impostor], Selection(tier=Tier.SMOKE, areas=("outputs",)), oracle)
    assert list(complaints(found, whole=False)) == [
        "impostor (nothing is wrong) survives outputs.affine; failed by none"
    ]
