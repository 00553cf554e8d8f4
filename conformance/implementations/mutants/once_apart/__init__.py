"""Mutants by authors who did not know the rules of the diagnosis, kept apart until another set took their place."""

from __future__ import annotations

from conformance.implementations.mutant import Mutant
from conformance.implementations.mutants.once_apart import activations, forward, gradients

MUTANTS: tuple[Mutant, ...] = (*forward.MUTANTS, *activations.MUTANTS, *gradients.MUTANTS)
