"""Keras layers by authors who did not know the rules of the diagnosis: how often it is right is measured on them."""

from __future__ import annotations

from conformance.implementations.mutant import Mutant

MUTANTS: tuple[Mutant, ...] = ()
