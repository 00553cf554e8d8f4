"""Wrong layers as authors drew them who knew neither the rules of the diagnosis nor the other mutants."""

from __future__ import annotations

from conformance.implementations.mutant import Mutant
from conformance.implementations.mutants.drawn import activations, forward, gradients

MUTANTS: tuple[Mutant, ...] = (*forward.MUTANTS, *activations.MUTANTS, *gradients.MUTANTS)
