"""TensorFlow.js in Node, on its CPU backend, which is written in JavaScript: tf.layers.dense."""

from __future__ import annotations

import shutil
from pathlib import Path

from conformance.implementations.attempt import EndedError, first_words
from conformance.implementations.process import ANSWER_LIMIT, Process, ProcessAdapter, introduced

PACKAGE = "npm install " + " ".join(
    f"@tensorflow/tfjs-{part}@4.22.0" for part in ("core", "layers", "backend-cpu", "backend-wasm")
)
#: What talks to the framework: see its first lines for where the packages are looked for.
WORKER = Path(__file__).with_name("tfjs_worker.mjs")


def adapter_on(backend: str, name: str, answer_limit: float) -> ProcessAdapter:
    """backend: as TensorFlow.js names it. answer_limit: seconds for one answer.

    Raises ImportError where node or a package is missing.
    """
    node = shutil.which("node")
    if node is None:
        raise ImportError(f"there is no node; install Node.js 20 or later, and then: {PACKAGE}")
    process = Process([node, str(WORKER), backend], answer_limit=answer_limit)
    try:
        return introduced(process, name)
    except EndedError as failure:
        raise ImportError(
            f"{first_words(failure)}; {PACKAGE}, and name that node_modules in DENSE_CONFORMANCE_NODE_MODULES"
        ) from failure


def adapter(answer_limit: float = ANSWER_LIMIT) -> ProcessAdapter:
    """Raises ImportError where node or a package is missing."""
    return adapter_on("cpu", "tfjs", answer_limit)
