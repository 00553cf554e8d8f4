"""The weights as a user handles them: built when, read, set, frozen, counted."""

from __future__ import annotations

from conformance.contract.clause import Clause

CLAUSES: tuple[Clause, ...] = ()
