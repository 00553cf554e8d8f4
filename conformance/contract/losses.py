"""Losses: what regularizers add, once, by value and gradient."""

from __future__ import annotations

from conformance.contract.clause import Clause

CLAUSES: tuple[Clause, ...] = ()
