"""Wrong layers, each right but for one named defect: the proof that the contract notices."""

from __future__ import annotations

from collections.abc import Mapping

from conformance.implementations.keras import mutants as keras
from conformance.implementations.mutant import Mutant
from conformance.implementations.mutants import (
    activations,
    drawn,
    dtypes,
    gradients,
    kept_apart,
    once_apart,
    outputs,
    ported,
    shapes,
    specials,
    state,
)

#: Area by area, then those of Keras, and the ones that are kept apart.
ALL: tuple[Mutant, ...] = (
    *outputs.MUTANTS,
    *activations.MUTANTS,
    *gradients.MUTANTS,
    *shapes.MUTANTS,
    *state.MUTANTS,
    *dtypes.MUTANTS,
    *specials.MUTANTS,
    *keras.MUTANTS,
    *ported.MUTANTS,
    *drawn.MUTANTS,
    *once_apart.MUTANTS,
    *kept_apart.MUTANTS,
)
#: The same by name.
MUTANTS: Mapping[str, Mutant] = {mutant.name: mutant for mutant in ALL}
