"""TensorFlow.js in Node, on its WebAssembly backend, which computes with XNNPACK where that has what is needed."""

from __future__ import annotations

from conformance.implementations.frameworks import tfjs
from conformance.implementations.process import ANSWER_LIMIT, ProcessAdapter

PACKAGE = tfjs.PACKAGE


def adapter(answer_limit: float = ANSWER_LIMIT) -> ProcessAdapter:
    """Raises ImportError where node or a package is missing."""
    return tfjs.adapter_on("wasm", "tfjs_wasm", answer_limit)
