"""Wrong forward passes: product, bias, axes, batches, units, arithmetic, half types, quantization, state.

By authors who did not know the rules of the diagnosis.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from math import prod
from typing import Any

import numpy as np

from conformance.implementations.adapter import AdapterImplementation
from conformance.implementations.mutant import Make, Mutant, affine, numpy_mutant
from conformance.implementations.mutants.state import Call, StatefulAdapter
from conformance.implementations.protocol import Array
from conformance.implementations.reference import ReferenceAdapter, ReferenceLayer
from reference.dense import flatten_leading

Bias = Array | None
Map = Callable[[Array], Array]
#: (a map of an operand, the operand's shape, the gradient of what the map makes) → the operand's own gradient.
Adjoint = Callable[[Map, tuple[int, ...], Array], Array]
Gradients = dict[str, Any]
Pieces = dict[str, Any]
#: name, the clause that it breaks, what it says, and the pieces of the layer that are wrong.
Row = tuple[str, str, str, Pieces]


# ---- what mutants are made with ------------------------------------------------------------------------------------


def _same(values: Array) -> Array:
    return values


def _scattered(moved: Map, shape: tuple[int, ...], gradient: Array) -> Array:
    """Of a map that picks elements: each gets back what came of it."""
    total = np.zeros(prod(shape))
    np.add.at(total, moved(np.arange(prod(shape)).reshape(shape)).ravel(), gradient.ravel())
    return total.reshape(shape)


def _straight_through(rounded: Map, shape: tuple[int, ...], gradient: Array) -> Array:
    """Of a map that rounds."""
    return gradient


def _takes(inputs: Map = _same, kernel: Map = _same, bias: Map = _same, adjoint: Adjoint = _scattered) -> Pieces:
    """The pieces of a layer that is right but for what it takes its operands for, forward and backward."""

    def pre(given: Array, weights: Array, offset: Bias) -> Array:
        return affine(inputs(given), kernel(weights), None if offset is None else bias(offset))

    def gradients(layer: ReferenceLayer, given: Array, delta: Array, right: Gradients) -> Gradients:
        weights, offset = layer.weights
        seen, deltas = inputs(given), flatten_leading(delta)
        of_inputs = (deltas @ kernel(weights).T).reshape(seen.shape)
        return {
            "kernel_gradient": adjoint(kernel, weights.shape, flatten_leading(seen).T @ deltas),
            "bias_gradient": None if offset is None else adjoint(bias, offset.shape, deltas.sum(axis=0)),
            "inputs_gradient": adjoint(inputs, given.shape, of_inputs),
        }

    return {"pre": pre, "gradients": gradients}


def _gives(wrong: Map) -> Pieces:
    """The right outputs, and then something wrong."""

    def whole(layer: ReferenceLayer, inputs: Array) -> Array:
        return wrong(layer.activation.value(affine(layer.rounded(inputs), *layer.weights)))

    return {"whole": whole}


def _cast(values: Array, dtype: Any) -> Array:
    return values.astype(dtype).astype(np.float64)


# ---- the product and the bias --------------------------------------------------------------------------------------


def _first(count: Callable[[int], int]) -> Pieces:
    """As many of the features as there are to it."""

    def first(axis: int) -> Map:
        return lambda values: values.take(range(count(values.shape[axis])), axis)

    return _takes(first(-1), first(0))


def _bias_of_each_block(inputs: Array, kernel: Array, bias: Bias) -> Array:
    return affine(inputs, kernel, None if bias is None else bias * max(1, -(-len(kernel) // 256)))


def _gradient_of_each_block(layer: ReferenceLayer, inputs: Array, delta: Array, right: Gradients) -> Gradients:
    bias, blocks = right["bias_gradient"], max(1, -(-len(layer.kernel) // 256))
    return {**right, "bias_gradient": None if bias is None else bias * blocks}


def _relu_unbiased(layer: ReferenceLayer, inputs: Array) -> Array:
    kernel, bias = layer.weights
    used = None if layer.config.activation == "relu" else bias
    return layer.activation.value(affine(layer.rounded(inputs), kernel, used))


# ---- axes, ranks, layouts ------------------------------------------------------------------------------------------


def _biased_up_to_rank_2(inputs: Array, kernel: Array, bias: Bias) -> Array:
    return affine(inputs, kernel, bias if inputs.ndim == 2 else None)


def _no_gradient_beyond_rank_2(layer: ReferenceLayer, inputs: Array, delta: Array, right: Gradients) -> Gradients:
    lost = inputs.ndim > 2 and right["bias_gradient"] is not None
    return {**right, "bias_gradient": np.zeros_like(right["bias_gradient"])} if lost else right


def _channels_first(inputs: Array) -> Array:
    """Moved for an image, its shape then set back."""
    return np.moveaxis(inputs, -1, 1).reshape(inputs.shape) if inputs.ndim == 4 else inputs


def _steps_first(outputs: Array) -> Array:
    return outputs.swapaxes(0, 1).reshape(outputs.shape) if outputs.ndim == 3 else outputs


def _along_axis_1(shape: tuple[int, ...], bias: Array) -> bool:
    return len(shape) > 2 and shape[1] == len(bias)


def _bias_along_axis_1(inputs: Array, kernel: Array, bias: Bias) -> Array:
    if bias is None or not _along_axis_1(inputs.shape, bias):
        return affine(inputs, kernel, bias)
    return affine(inputs, kernel, None) + bias.reshape(-1, *[1] * (inputs.ndim - 2))


def _bias_gradient_along_axis_1(layer: ReferenceLayer, inputs: Array, delta: Array, right: Gradients) -> Gradients:
    bias = right["bias_gradient"]
    if bias is None or not _along_axis_1(inputs.shape, bias):
        return right
    return {**right, "bias_gradient": flatten_leading(np.moveaxis(delta, 1, -1)).sum(axis=0)}


# ---- batches and units ---------------------------------------------------------------------------------------------


def _padded_to_8(outputs: Array) -> Array:
    return np.concatenate([outputs, np.zeros((-len(outputs) % 8, *outputs.shape[1:]))])


def _rest_starts_again(values: Array) -> Array:
    """Along the units: what is left beyond a multiple of 4 is taken from the front."""
    units = np.arange(values.shape[-1])
    return values[..., np.where(units < len(units) // 4 * 4, units, units % 4)]


# ---- arithmetic, quantization --------------------------------------------------------------------------------------


def _in_8_bits(values: Array) -> Array:
    """Symmetric, one scale for all."""
    largest = np.abs(values[np.isfinite(values)]).max(initial=0.0)
    scale = largest / 127 if largest else 1.0
    return np.clip(np.round(values / scale), -127, 127) * scale


def _fixed_point(values: Array) -> Array:
    """16 bits, 6 of them before the point: what does not fit is cut off on either side."""
    low = np.floor(values * 2.0**10) % 2.0**16
    return ((low + 2.0**15) % 2.0**16 - 2.0**15) * 2.0**-10


def _through_fixed_point(layer: ReferenceLayer, inputs: Array) -> Array:
    kernel, bias = layer.weights
    used = (_fixed_point(layer.rounded(inputs)), _fixed_point(kernel), None if bias is None else _fixed_point(bias))
    return _fixed_point(layer.activation.value(_fixed_point(affine(*used))))


# ---- half types ----------------------------------------------------------------------------------------------------


def _uncast(layer: ReferenceLayer, inputs: Array) -> Array:
    bias = None if layer.bias is None else layer.bias.astype(np.float64)
    return layer.activation.value(affine(inputs.astype(np.float64), layer.kernel.astype(np.float64), bias))


# ---- state ---------------------------------------------------------------------------------------------------------

Right = Callable[[Array], Array]
Memory = dict[str, Any]


def _gives_its_workspace(layer: ReferenceLayer, inputs: Array, right: Right, memory: Memory) -> Array:
    outputs = right(inputs)
    kept = memory.get(str(outputs.shape[1:]), outputs)
    memory[str(outputs.shape[1:])] = np.concatenate([outputs, kept[len(outputs) :]])
    return memory[str(outputs.shape[1:])].copy()


def _reads_in_memory_order(layer: ReferenceLayer, inputs: Array, right: Right, memory: Memory) -> Array:
    return right(inputs.ravel(order="K").reshape(inputs.shape))


def _keeps_bias(layer: ReferenceLayer, inputs: Array, right: Right, memory: Memory) -> Array:
    return ReferenceAdapter().call(replace(layer, bias=memory.setdefault("bias", layer.bias)), inputs)


def _reshapes_in_place(layer: ReferenceLayer, inputs: Array, right: Right, memory: Memory) -> Array:
    outputs = right(inputs)
    if inputs.flags.owndata and inputs.flags.c_contiguous:
        inputs.resize(prod(inputs.shape[:-1]), inputs.shape[-1], refcheck=False)
    return outputs


@dataclass(frozen=True)
class BiasOfTheClass(ReferenceAdapter):
    """The bias is an attribute of the class: the one that was loaded last is everyone's."""

    capabilities: frozenset[str] = frozenset({"call"})

    def load(self, layer: ReferenceLayer, kernel: Array, bias: Bias) -> None:
        super().load(layer, kernel, bias)
        BIASES[layer.config] = bias

    def call(self, layer: ReferenceLayer, inputs: Array) -> Array:
        return super().call(replace(layer, bias=BIASES.get(layer.config, layer.bias)), inputs)


BIASES: dict[Any, Bias] = {}


def _rounded(rounded: Map, *operands: str) -> Pieces:
    return _takes(**dict.fromkeys(operands, rounded), adjoint=_straight_through)


AFFINE, RANK, MANY, UNITS = "outputs.affine", "outputs.every-rank", "outputs.many-features", "outputs.units"
ARITHMETIC, WIDE, ROWS = "outputs.arithmetic", "outputs.float64-precision", "outputs.rows-independent"
EQUAL, CAST = "shapes.equal-axes", "dtypes.mixed-rounds-operands"
BLOCKS: Pieces = {"pre": _bias_of_each_block, "gradients": _gradient_of_each_block}
FLAT: Pieces = {"pre": _biased_up_to_rank_2, "gradients": _no_gradient_beyond_rank_2}
ALONG: Pieces = {"pre": _bias_along_axis_1, "gradients": _bias_gradient_along_axis_1}
UNITS_FIRST = _takes(kernel=lambda kernel: kernel.reshape(kernel.shape[::-1]).T)
FIRST_BIAS = _takes(bias=lambda bias: bias[np.zeros(len(bias), int)])
AGAIN = _takes(kernel=_rest_starts_again, bias=_rest_starts_again)
DECIMALS = _rounded(lambda values: values.round(6), "kernel", "bias")
NARROW = _rounded(lambda kernel: _cast(kernel, np.float32), "kernel")
STEPS_FIRST, MATRIX, PADDED = _gives(_steps_first), _gives(flatten_leading), _gives(_padded_to_8)
INPUTS_8 = _rounded(_in_8_bits, "inputs")

ROWS_OF_PIECES: tuple[Row, ...] = (
    ("kernel-read-units-first", AFFINE, "the kernel's buffer is read as (units, input_dim)", UNITS_FIRST),
    ("first-bias-for-all", AFFINE, "every unit has the bias of the first", FIRST_BIAS),
    ("width-in-8-bits", MANY, "input_dim is kept in 8 bits: of 257 features one is summed", _first(lambda n: n % 256)),
    ("bias-for-each-block", MANY, "the bias is added once for each block of 256 features", BLOCKS),
    ("relu-unbiased", "outputs.every-setting", "the outputs of relu leave the bias out", {"whole": _relu_unbiased}),
    ("bias-up-to-rank-2", RANK, "from rank 3 on the bias is not added", FLAT),
    ("images-channels-first", RANK, "inputs of rank 4 are read channels first", _takes(inputs=_channels_first)),
    ("outputs-steps-first", RANK, "outputs of rank 3 lie in memory with the steps before the batch", STEPS_FIRST),
    ("outputs-left-as-rows", "shapes.output-shape", "above rank 2 outputs come back as (rows, units)", MATRIX),
    ("bias-along-axis-1", EQUAL, "from rank 3 on the bias is added along axis 1 where its length fits", ALONG),
    ("batch-left-padded", "outputs.batch-size", "rows that pad to a multiple of 8 stay in the outputs", PADDED),
    ("units-start-again", UNITS, "units beyond a multiple of 4 repeat the first ones", AGAIN),
    ("weights-of-six-decimals", ARITHMETIC, "the weights are written with six decimals", DECIMALS),
    ("inputs-in-8-bits", ROWS, "inputs have 8 bits with one scale for the batch", INPUTS_8),
    ("fixed-point", ARITHMETIC, "outputs are computed in fixed point of 16 bits", {"whole": _through_fixed_point}),
    ("float64-kernel-in-float32", WIDE, "a float64 layer keeps its kernel in float32", NARROW),
    ("mixed-uncast", CAST, "mixed policies compute their outputs in float32", {"whole": _uncast}),
)

STATEFUL: tuple[tuple[str, str, str, Call], ...] = (
    (
        "gives-its-workspace",
        "state.batch-length",
        "after a longer batch its last rows come along",
        _gives_its_workspace,
    ),
    ("memory-order", "state.views", "inputs are read in the order of memory", _reads_in_memory_order),
    ("bias-kept", "state.reloaded-weights", "a bias that is loaded later has no effect", _keeps_bias),
    ("reshapes-in-place", "state.inputs-untouched", "the caller's array is reshaped to two axes", _reshapes_in_place),
)


def _stateful(name: str, wrapped: Call) -> Make:
    return lambda dialect: AdapterImplementation(StatefulAdapter(name, dialect=dialect, wrapped=wrapped))


MUTANTS: tuple[Mutant, ...] = (
    *(numpy_mutant(name, says, breaks, **pieces) for name, breaks, says, pieces in ROWS_OF_PIECES),
    *(Mutant(name, says, breaks, _stateful(name, wrapped)) for name, breaks, says, wrapped in STATEFUL),
    Mutant(
        "bias-of-the-class",
        "all layers of a kind share the bias that was loaded last",
        "state.layers-independent",
        lambda dialect: AdapterImplementation(BiasOfTheClass("bias-of-the-class", dialect=dialect)),
    ),
)
