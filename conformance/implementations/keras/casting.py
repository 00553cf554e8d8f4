"""Procedures that hand a Keras layer tensors of other dtypes."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from conformance.answers import Answer

PROCEDURES: Mapping[str, Callable[..., Answer]] = {}
