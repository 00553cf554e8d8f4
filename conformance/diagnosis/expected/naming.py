"""The one function that the tables of this folder are written with."""

from __future__ import annotations

from collections.abc import Mapping


def named(names: str, *defects: str) -> Mapping[str, tuple[str, ...]]:
    """The same defects for each of these names."""
    return dict.fromkeys(names.split(), defects)
