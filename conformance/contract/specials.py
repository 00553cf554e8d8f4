"""Specials: NaN, infinity, overflow and subnormal numbers, where all lanes agree."""

from __future__ import annotations

from conformance.contract.clause import Clause

CLAUSES: tuple[Clause, ...] = ()
