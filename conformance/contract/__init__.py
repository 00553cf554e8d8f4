"""The contract: what must hold of a layer that claims to be tf.keras.layers.Dense, one file for each area."""

from conformance.contract import (
    composition,
    constraints,
    dtypes,
    errors,
    gradients,
    initializers,
    losses,
    modes,
    outputs,
    parameters,
    saving,
    shapes,
    specials,
    state,
    weights,
)
from conformance.contract.clause import Clause

#: Every clause, in reading order.
CONTRACT: tuple[Clause, ...] = (
    *outputs.CLAUSES,
    *gradients.CLAUSES,
    *parameters.CLAUSES,
    *shapes.CLAUSES,
    *state.CLAUSES,
    *dtypes.CLAUSES,
    *initializers.CLAUSES,
    *losses.CLAUSES,
    *constraints.CLAUSES,
    *weights.CLAUSES,
    *composition.CLAUSES,
    *modes.CLAUSES,
    *saving.CLAUSES,
    *errors.CLAUSES,
    *specials.CLAUSES,
)
