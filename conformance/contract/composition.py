"""Composition: in models, under wrappers, called twice, with masks."""

from __future__ import annotations

from conformance.contract.clause import Clause

CLAUSES: tuple[Clause, ...] = ()
