"""Procedures that look at the weights of a new Keras layer."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from conformance.answers import Answer

PROCEDURES: Mapping[str, Callable[..., Answer]] = {}
