"""Wrong layers as ports, kernels, converters and hand-written backward passes have them."""

from __future__ import annotations

from conformance.implementations.mutant import Mutant
from conformance.implementations.mutants.ported import activations, forward, gradients

MUTANTS: tuple[Mutant, ...] = (*forward.MUTANTS, *activations.MUTANTS, *gradients.MUTANTS)
