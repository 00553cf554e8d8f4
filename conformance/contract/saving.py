"""Saving: configs, copies and files bring back a layer that answers the same."""

from __future__ import annotations

from conformance.contract.clause import Clause

CLAUSES: tuple[Clause, ...] = ()
