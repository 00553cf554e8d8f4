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

#: By name: area by area, then those of Keras, and the ones that are kept apart.
MUTANTS: Mapping[str, Mutant] = {
    mutant.name: mutant
    for mutant in (
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
}
