"""Wrong state, in NumPy: what a layer remembers, shares or changes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import ml_dtypes
import numpy as np

from conformance.implementations.adapter import AdapterImplementation
from conformance.implementations.mutant import Make, Mutant
from conformance.implementations.protocol import Array
from conformance.implementations.reference import ReferenceAdapter, ReferenceLayer
from reference.config import DenseConfig

AGAIN, UNTOUCHED = "state.same-answer-twice", "state.inputs-untouched"
RELOADED, INDEPENDENT = "state.reloaded-weights", "state.layers-independent"

Call = Callable[[ReferenceLayer, Array, Callable[[Array], Array], dict[str, Any]], Array]


@dataclass(frozen=True)
class StatefulAdapter(ReferenceAdapter):
    """The reference, its call wrapped: wrapped(layer, inputs, right call, what the layer remembers)."""

    wrapped: Call = lambda layer, inputs, right, memory: right(inputs)
    capabilities: frozenset[str] = frozenset({"call"})

    def build(self, config: DenseConfig, input_shape: tuple[int, ...]) -> ReferenceLayer:
        layer = super().build(config, input_shape)
        layer.__dict__["memory"] = {}
        return layer

    def call(self, layer: ReferenceLayer, inputs: Array) -> Array:
        return self.wrapped(
            layer, inputs, lambda given: ReferenceAdapter.call(self, layer, given), layer.__dict__["memory"]
        )


def _counts_calls(
    layer: ReferenceLayer, inputs: Array, right: Callable[[Array], Array], memory: dict[str, Any]
) -> Array:
    memory["calls"] = memory.get("calls", 0) + 1
    return right(inputs) + layer.config.format.dtype.type(memory["calls"] > 1)


def _remembers_outputs(
    layer: ReferenceLayer, inputs: Array, right: Callable[[Array], Array], memory: dict[str, Any]
) -> Array:
    """A cache by shape: the second batch gets the first one's answer, and the first weights' answer stays."""
    outputs = right(inputs)
    last, memory["last"] = memory.get("last"), outputs
    return last if last is not None and last.shape == outputs.shape else outputs


def _decays_weights(
    layer: ReferenceLayer, inputs: Array, right: Callable[[Array], Array], memory: dict[str, Any]
) -> Array:
    outputs = right(inputs)
    layer.kernel = layer.kernel * layer.config.format.dtype.type(0.5)
    return outputs


def _works_in_place(
    layer: ReferenceLayer, inputs: Array, right: Callable[[Array], Array], memory: dict[str, Any]
) -> Array:
    outputs = right(inputs)
    np.maximum(inputs, 0, out=inputs)
    return outputs


def _answers_in_place(
    layer: ReferenceLayer, inputs: Array, right: Callable[[Array], Array], memory: dict[str, Any]
) -> Array:
    """One buffer for both, where the outputs have the inputs' shape."""
    outputs = right(inputs)
    if outputs.shape == inputs.shape and outputs.dtype == inputs.dtype:
        inputs[...] = outputs
    return outputs


def _rounds_in_place(
    layer: ReferenceLayer, inputs: Array, right: Callable[[Array], Array], memory: dict[str, Any]
) -> Array:
    outputs = right(inputs)
    inputs[...] = inputs.astype(ml_dtypes.bfloat16).astype(inputs.dtype)
    return outputs


def _answers_from_one_buffer(
    layer: ReferenceLayer, inputs: Array, right: Callable[[Array], Array], memory: dict[str, Any]
) -> Array:
    outputs = right(inputs)
    buffer: Array = memory.setdefault(str(outputs.shape), outputs)
    buffer[...] = outputs
    return buffer


def _as_long_as_the_first_batch(
    layer: ReferenceLayer, inputs: Array, right: Callable[[Array], Array], memory: dict[str, Any]
) -> Array:
    outputs = right(inputs).copy()
    outputs[memory.setdefault("rows", len(inputs)) :] = 0
    return outputs


def _reads_memory_on(
    layer: ReferenceLayer, inputs: Array, right: Callable[[Array], Array], memory: dict[str, Any]
) -> Array:
    """From the first element on as if there were no strides; what counts backwards has no such memory."""
    if min(inputs.strides, default=0) < 0:
        return right(inputs)
    strides = np.empty(inputs.shape, inputs.dtype).strides
    return right(np.lib.stride_tricks.as_strided(inputs, inputs.shape, strides))


def _packs_kernel(
    layer: ReferenceLayer, inputs: Array, right: Callable[[Array], Array], memory: dict[str, Any]
) -> Array:
    """The first kernel and bias that it was called with, for ever."""
    packed = memory.setdefault("packed", (layer.kernel, layer.bias))
    return ReferenceAdapter().call(replace(layer, kernel=packed[0], bias=packed[1]), inputs)


@dataclass(frozen=True)
class SharingAdapter(ReferenceAdapter):
    """All layers of one kernel shape have the weights that were loaded last."""

    capabilities: frozenset[str] = frozenset({"call"})

    def build(self, config: DenseConfig, input_shape: tuple[int, ...]) -> ReferenceLayer:
        return SHARED.setdefault((self.name, config, input_shape[-1]), super().build(config, input_shape))


#: Weights in a module, as the mutant keeps them.
SHARED: dict[tuple[str, DenseConfig, int], ReferenceLayer] = {}


def _stateful(name: str, wrapped: Call) -> Make:
    return lambda dialect: AdapterImplementation(StatefulAdapter(name, dialect=dialect, wrapped=wrapped))


MUTANTS: tuple[Mutant, ...] = (
    Mutant("counts-calls", "every call but the first is off by one", AGAIN, _stateful("counts-calls", _counts_calls)),
    Mutant(
        "answers-late",
        "a call gives the answer of the one before",
        AGAIN,
        _stateful("answers-late", _remembers_outputs),
    ),
    Mutant("weights-decay", "each call halves the kernel", AGAIN, _stateful("weights-decay", _decays_weights)),
    Mutant(
        "inputs-in-place", "the caller's array is overwritten", UNTOUCHED, _stateful("inputs-in-place", _works_in_place)
    ),
    Mutant(
        "answers-in-place",
        "outputs of the inputs' shape are written into them",
        UNTOUCHED,
        _stateful("answers-in-place", _answers_in_place),
    ),
    Mutant(
        "inputs-rounded-in-place",
        "the caller's array is rounded to bfloat16",
        UNTOUCHED,
        _stateful("inputs-rounded-in-place", _rounds_in_place),
    ),
    Mutant(
        "outputs-in-one-buffer",
        "each call overwrites the outputs of those before",
        "state.outputs-kept",
        _stateful("outputs-in-one-buffer", _answers_from_one_buffer),
    ),
    Mutant(
        "rows-of-the-first-batch",
        "rows beyond the length of the first batch are 0",
        "state.batch-length",
        _stateful("rows-of-the-first-batch", _as_long_as_the_first_batch),
    ),
    Mutant(
        "strides-ignored",
        "the strides of its inputs are ignored",
        "state.views",
        _stateful("strides-ignored", _reads_memory_on),
    ),
    Mutant("kernel-packed", "the first weights stay in use", RELOADED, _stateful("kernel-packed", _packs_kernel)),
    Mutant(
        "weights-shared",
        "two layers have the same weights",
        INDEPENDENT,
        lambda dialect: AdapterImplementation(SharingAdapter("weights-shared", dialect=dialect)),
    ),
)
