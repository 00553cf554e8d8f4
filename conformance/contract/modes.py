"""Modes: eager, graph, XLA, predict and fit, and every way of differentiating."""

from __future__ import annotations

from conformance.contract.clause import Clause

CLAUSES: tuple[Clause, ...] = ()
