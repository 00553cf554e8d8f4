"""Errors: what every Keras refuses, no later than at the first call."""

from __future__ import annotations

from conformance.contract.clause import Clause

CLAUSES: tuple[Clause, ...] = ()
