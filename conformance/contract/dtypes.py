"""Dtypes: what is computed, stored and given back in which dtype, and how accurately in each."""

from __future__ import annotations

from conformance.contract.clause import Clause

CLAUSES: tuple[Clause, ...] = ()
