"""Procedures that let an optimizer step."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from conformance.answers import Answer

PROCEDURES: Mapping[str, Callable[..., Answer]] = {}
