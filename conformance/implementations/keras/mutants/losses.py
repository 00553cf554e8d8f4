"""Wrong Keras layers: losses."""

from __future__ import annotations

from conformance.implementations.mutant import Mutant

MUTANTS: tuple[Mutant, ...] = ()
