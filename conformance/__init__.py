"""Decides whether a Dense layer is really tf.keras.layers.Dense: `check`, `parametrize` and `Report`.

They are found when they are first used, so that importing the package costs nothing in other people's test runs.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from conformance.api import check, parametrize
    from conformance.results import Report

__all__ = ["Report", "check", "parametrize"]
__version__ = "0.1.0"

_HOME = {"check": "conformance.api", "parametrize": "conformance.api", "Report": "conformance.results"}


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOME[name]), name)
