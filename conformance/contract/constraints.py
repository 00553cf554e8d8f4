"""Constraints: what the optimizer makes of the weights after its step, and nobody else at any time."""

from __future__ import annotations

from conformance.contract.clause import Clause

CLAUSES: tuple[Clause, ...] = ()
