"""Wrong Keras layers, one file for each area of the contract."""

from __future__ import annotations

from conformance.implementations.keras.mutants import (
    composition,
    constraints,
    drawn,
    dtypes,
    errors,
    gradients,
    initializers,
    kept_apart,
    losses,
    modes,
    once_apart,
    outputs,
    parameters,
    saving,
    shapes,
    specials,
    state,
    third_party,
    weights,
)
from conformance.implementations.mutant import Mutant

#: In the order of the contract, and those that are kept apart.
MUTANTS: tuple[Mutant, ...] = (
    *outputs.MUTANTS,
    *gradients.MUTANTS,
    *parameters.MUTANTS,
    *shapes.MUTANTS,
    *state.MUTANTS,
    *dtypes.MUTANTS,
    *initializers.MUTANTS,
    *losses.MUTANTS,
    *constraints.MUTANTS,
    *weights.MUTANTS,
    *composition.MUTANTS,
    *modes.MUTANTS,
    *saving.MUTANTS,
    *errors.MUTANTS,
    *specials.MUTANTS,
    *third_party.MUTANTS,
    *drawn.MUTANTS,
    *once_apart.MUTANTS,
    *kept_apart.MUTANTS,
)
