"""Wrong Keras layers: saving."""

from __future__ import annotations

from conformance.implementations.mutant import Mutant

MUTANTS: tuple[Mutant, ...] = ()
