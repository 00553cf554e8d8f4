"""Procedures that make models of Keras layers."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from conformance.answers import Answer

PROCEDURES: Mapping[str, Callable[..., Answer]] = {}
