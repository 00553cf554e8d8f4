"""Mutants by authors who did not know the rules of the diagnosis: how often it is right is measured on them.

Whoever writes those rules does not look at what is said of these.
"""

from __future__ import annotations

from conformance.implementations.mutant import Mutant
from conformance.implementations.mutants.kept_apart import activations, forward, gradients

MUTANTS: tuple[Mutant, ...] = (*forward.MUTANTS, *activations.MUTANTS, *gradients.MUTANTS)
