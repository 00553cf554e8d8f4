"""Procedures that run a Keras layer in every lane of TensorFlow."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from conformance.answers import Answer

PROCEDURES: Mapping[str, Callable[..., Answer]] = {}
