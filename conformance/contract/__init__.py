"""The contract: what must hold of a layer that claims to be tf.keras.layers.Dense, one file for each area."""

from conformance.contract import gradients, outputs, parameters, shapes, state
from conformance.contract.clause import Clause

#: Every clause, in reading order.
CONTRACT: tuple[Clause, ...] = (
    *outputs.CLAUSES,
    *gradients.CLAUSES,
    *parameters.CLAUSES,
    *shapes.CLAUSES,
    *state.CLAUSES,
)
