"""The same of the mutants that are kept apart: the diagnosis is measured on them."""

from __future__ import annotations

from collections.abc import Mapping

EXPECTED_APART: Mapping[str, tuple[str, ...]] = {}
ALSO_APART: Mapping[str, tuple[str, ...]] = {}
