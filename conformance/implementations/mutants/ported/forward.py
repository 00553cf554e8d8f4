"""Wrong forward passes: of the product, the bias, ranks, batches, units, arithmetic, specials and state."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from math import prod, sqrt
from typing import Any

import ml_dtypes
import numpy as np

from conformance.implementations.adapter import AdapterImplementation
from conformance.implementations.mutant import Mutant, Pieces, PiecesAdapter, affine, numpy_mutant
from conformance.implementations.mutants.state import Call, StatefulAdapter
from conformance.implementations.protocol import Array
from conformance.implementations.reference import ReferenceAdapter, ReferenceLayer
from reference.config import DenseConfig
from reference.dense import flatten_leading, forward
from reference.elementwise import Elementwise

Bias = Array | None
Map = Callable[[Array], Array]
Gradients = dict[str, Any]


# ---- wrong functions with gradients of their own -------------------------------------------------------------------


@dataclass(frozen=True)
class Change:
    """What a tensor becomes before it is used. back: the result's gradient and the tensor → the tensor's gradient."""

    to: Map = lambda given: given
    back: Callable[[Array, Array], Array] = lambda gradient, given: gradient


SAME = Change()


def _moved(move: Map) -> Change:
    """Elements that are picked, moved or zeroed: where each one went shows on their numbers."""

    def back(gradient: Array, given: Array) -> Array:
        places = move(np.arange(1.0, 1.0 + given.size).reshape(given.shape)).astype(int)
        return np.bincount(places.ravel(), gradient.ravel(), minlength=1 + given.size)[1:].reshape(given.shape)

    return Change(move, back)


def _changed(
    name: str,
    says: str,
    breaks: str,
    inputs: Change = SAME,
    kernel: Change = SAME,
    bias: Change = SAME,
    outputs: Change = SAME,
) -> Mutant:
    """outputs.to(inputs.to(x) @ kernel.to(k) + bias.to(b)), b being the bias of every row, (N, units).

    What rounds is differentiated as if it did not.
    """

    def product(x: Array, k: Array, b: Bias) -> Array:
        z = affine(inputs.to(x), kernel.to(k), None)
        if b is None:
            return z
        rows = np.broadcast_to(b, (prod(z.shape[:-1]), len(b))).copy()
        return z + bias.to(rows).reshape(z.shape)

    def gradients(layer: ReferenceLayer, x: Array, delta: Array, right: Gradients) -> Gradients:
        k, b = layer.weights
        used, deltas = inputs.to(x), flatten_leading(outputs.back(delta, np.empty((*x.shape[:-1], k.shape[1]))))
        return {
            "kernel_gradient": kernel.back(flatten_leading(used).T @ deltas, k),
            "bias_gradient": None if b is None else bias.back(deltas, deltas).sum(axis=0),
            "inputs_gradient": inputs.back((deltas @ kernel.to(k).T).reshape(used.shape), x),
        }

    return numpy_mutant(name, says, breaks, pre=lambda x, k, b: outputs.to(product(x, k, b)), gradients=gradients)


def _inference(name: str, says: str, breaks: str, **pieces: Any) -> Mutant:
    """Of a library that only infers."""
    adapter = PiecesAdapter(name, pieces=Pieces(**pieces), capabilities=frozenset({"call"}))
    return Mutant(name, says, breaks, lambda dialect: AdapterImplementation(replace(adapter, dialect=dialect)))


def _zeroed(at: Callable[[int], slice], axis: int) -> Change:
    """A part of an axis, given its length, is 0."""

    def move(given: Array) -> Array:
        moved = np.moveaxis(given, axis, 0).copy()
        moved[at(len(moved))] = 0
        return np.moveaxis(moved, 0, axis)

    return _moved(move)


def _by_rows(move: Map) -> Change:
    """A move of all rows, leading axes merged."""
    return _moved(lambda given: move(flatten_leading(given)).reshape(given.shape))


def _beyond_fours(length: int) -> slice:
    return slice(length // 4 * 4, None)


# ---- the product and the bias --------------------------------------------------------------------------------------


def _of_row_number(biases: Array) -> Array:
    """As where a matrix by columns is given a vector by rows."""
    rows = np.arange(len(biases))
    return np.broadcast_to(biases[rows, rows % biases.shape[1]][:, None], biases.shape)


def _bias_per_feature(inputs: Array, kernel: Array, bias: Bias) -> Array:
    return affine(inputs, kernel, None if bias is None else bias * len(kernel))


def _gradient_per_feature(layer: ReferenceLayer, inputs: Array, delta: Array, right: Gradients) -> Gradients:
    of_bias = right["bias_gradient"]
    return {**right, "bias_gradient": None if of_bias is None else of_bias * len(layer.kernel)}


def _in_panels(kernel: Array) -> Array:
    """Four units side by side, as packed for a microkernel, read as if they were not."""
    panels = [kernel[:, at : at + 4].ravel() for at in range(0, kernel.shape[1], 4)]
    return np.concatenate(panels).reshape(kernel.shape)


def _over_root(kernel: Array) -> Array:
    return kernel / sqrt(max(1, len(kernel)))


NEGATIVE_LOST = Change(
    lambda inputs: np.where(inputs < 0, 0.0, inputs), lambda gradient, inputs: np.where(inputs < 0, 0.0, gradient)
)
OVER_ROOT = Change(_over_root, lambda gradient, kernel: _over_root(gradient))


# ---- ranks, shapes, rows and units ---------------------------------------------------------------------------------


def _from_rank(rank: int, move: Map) -> Change:
    return _moved(lambda given: move(given) if given.ndim >= rank else given)


def _by_columns(inputs: Array) -> Array:
    """The leading axes merged with the first one fastest, and taken apart with the last one fastest."""
    leading = range(inputs.ndim - 1)
    return inputs.transpose(*reversed(leading), inputs.ndim - 1).reshape(inputs.shape)


def _channels_first(inputs: Array) -> Array:
    batch, *between, features = inputs.shape
    return np.moveaxis(inputs.reshape(batch, features, *between), 1, -1)


def _five_axes_at_most(inputs: Array, kernel: Array, bias: Bias) -> Array:
    if inputs.ndim > 5:
        raise ValueError(f"tensors have 5 axes at most, got {inputs.ndim}")
    return affine(inputs, kernel, bias)


def _shaped(shaped: Map) -> Callable[[ReferenceLayer, Array], Array]:
    """The right outputs in another shape."""
    return lambda layer, inputs: shaped(forward(layer.rounded(inputs), *layer.weights, layer.activation))


def _single_row(outputs: Array) -> Array:
    return outputs[0] if len(outputs) == 1 else outputs


def _last_step(outputs: Array) -> Array:
    return outputs[..., -1, :] if outputs.ndim > 2 and outputs.shape[-2] else outputs


def _padded_to_eights(outputs: Array) -> Array:
    return np.pad(outputs, [(0, 0)] * (outputs.ndim - 1) + [(0, -outputs.shape[-1] % 8)])


def _numbered_by_a_byte(rows: Array) -> Array:
    written = np.zeros_like(rows)
    for at in range(0, len(rows), 256):
        block = rows[at : at + 256]
        written[: len(block)] = block
    return written


def _main_loop(layer: ReferenceLayer, inputs: Array) -> Array:
    """What the vector loop leaves over is stored as it is."""
    z = affine(layer.rounded(inputs), *layer.weights)
    outputs, rest = layer.activation.value(z).copy(), _beyond_fours(z.shape[-1])
    if isinstance(layer.activation, Elementwise):
        outputs[..., rest] = z[..., rest]
    return outputs


# ---- arithmetic ----------------------------------------------------------------------------------------------------


def _through(values: Array, dtype: Any) -> Array:
    return values.astype(dtype).astype(np.float64)


def _eight_bits(axis: int | None) -> Change:
    """One scale for all, or for each row; what is not finite stays."""

    def to(values: Array) -> Array:
        finite = np.where(np.isfinite(values), np.abs(values), 0.0)
        largest = finite.max(axis=axis, keepdims=True, initial=0.0)
        scale = np.where(largest > 0, largest, 1.0) / 127
        return np.where(np.isfinite(values), np.round(values / scale) * scale, values)

    return Change(to)


def _two_bfloat16s(values: Array) -> Array:
    high = _through(values, ml_dtypes.bfloat16)
    return np.where(np.isfinite(high), high + _through(values - high, ml_dtypes.bfloat16), values)


def _six_digits(values: Array) -> Array:
    return np.array([float(f"{value:.6g}") for value in values.flat]).reshape(values.shape)


def _saturated_sums(inputs: Array, kernel: Array, bias: Bias) -> Array:
    rows = flatten_leading(inputs)
    total = np.zeros((len(rows), kernel.shape[1])) + (0.0 if bias is None else bias)
    for feature in range(len(kernel)):
        total = np.clip(total + rows[:, feature, None] * kernel[feature], -32768, 32767)
    return total.reshape(*inputs.shape[:-1], kernel.shape[1])


@dataclass
class _CastingLayer(ReferenceLayer):
    """Inputs and weights reach the compute dtype in another way: cast(config, values)."""

    cast: Callable[[DenseConfig, Array], Array] = lambda config, values: config.format.round(values)

    @property
    def weights(self) -> tuple[Array, Bias]:
        return self.cast(self.config, self.kernel), None if self.bias is None else self.cast(self.config, self.bias)

    def rounded(self, inputs: Array) -> Array:
        return self.cast(self.config, inputs)


@dataclass(frozen=True)
class _CastingAdapter(PiecesAdapter):
    cast: Callable[[DenseConfig, Array], Array] = field(kw_only=True)

    def build(self, config: DenseConfig, input_shape: tuple[int, ...]) -> ReferenceLayer:
        return _CastingLayer(**vars(super().build(config, input_shape)), cast=self.cast)


def _casting(name: str, says: str, breaks: str, cast: Callable[[DenseConfig, Array], Array]) -> Mutant:
    return Mutant(
        name, says, breaks, lambda dialect: AdapterImplementation(_CastingAdapter(name, dialect=dialect, cast=cast))
    )


def _float16_by_bfloat16(config: DenseConfig, values: Array) -> Array:
    right = config.format.round(values)
    return _through(right, ml_dtypes.bfloat16) if config.format.name == "float16" else right


def _cut_to_bfloat16(config: DenseConfig, values: Array) -> Array:
    """The upper half of a float32."""
    if config.format.name != "bfloat16":
        return config.format.round(values)
    return (values.astype(np.float32).view(np.uint32) & 0xFFFF0000).view(np.float32).astype(np.float64)


def _through_float16(outputs: Array, dtype: Any) -> Array:
    return outputs.astype(np.float16).astype(dtype)


def _unsigned_infinity(outputs: Array, dtype: Any) -> Array:
    """As where a conversion by hand leaves out the sign on its way past the largest exponent."""
    stored = outputs.astype(dtype)
    return np.where(np.isinf(stored), np.abs(stored), stored) if stored.dtype.itemsize == 2 else stored


# ---- NaN and infinities, state -------------------------------------------------------------------------------------


def _next_row_behind(inputs: Array, kernel: Array, bias: Bias) -> Array:
    """Sixteen features at a time: the weights behind the last one are 0, the inputs there are those of the next row."""
    features, padding = inputs.shape[-1], -inputs.shape[-1] % 16
    memory = np.concatenate([inputs.ravel(), np.zeros(padding)])
    ends = np.arange(1, 1 + prod(inputs.shape[:-1])) * features
    beyond = (0 * memory[ends[:, None] + np.arange(padding)]).sum(axis=1)
    return affine(inputs, kernel, bias) + beyond.reshape(*inputs.shape[:-1], 1)


def _not_cleared(layer: ReferenceLayer, inputs: Array, right: Map, memory: dict[str, Any]) -> Array:
    """One buffer for the outputs of each shape."""
    outputs = right(inputs)
    memory[str(outputs.shape)] = outputs + memory.get(str(outputs.shape), outputs.dtype.type(0))
    return np.asarray(memory[str(outputs.shape)])


def _one_call_late(layer: ReferenceLayer, inputs: Array, right: Map, memory: dict[str, Any]) -> Array:
    """Weights are on their way to the device while it computes with those before."""
    given = (layer.kernel, layer.bias)
    kernel, bias = memory.get("uploaded", given)
    memory["uploaded"] = given
    return ReferenceAdapter().call(replace(layer, kernel=kernel, bias=bias), inputs)


def _given_away(layer: ReferenceLayer, inputs: Array, right: Map, memory: dict[str, Any]) -> Array:
    outputs = right(inputs)
    inputs[...] = 0
    return outputs


def _stateful(name: str, says: str, breaks: str, wrapped: Call) -> Mutant:
    return Mutant(
        name,
        says,
        breaks,
        lambda dialect: AdapterImplementation(StatefulAdapter(name, dialect=dialect, wrapped=wrapped)),
    )


AFFINE, SETTING, RANK = "outputs.affine", "outputs.every-setting", "outputs.every-rank"
BATCH, UNITS, MANY = "outputs.batch-size", "outputs.units", "outputs.many-features"
ARITHMETIC, WIDE, SHAPE = "outputs.arithmetic", "outputs.float64-precision", "shapes.output-shape"
EXACT, ROUNDED, OVERFLOW = "dtypes.half-exact", "dtypes.mixed-rounds-operands", "dtypes.half-overflow"
WEIGHTS, THROUGH, UNIT_AXES = "specials.weights", "specials.pass-through", "shapes.unit-axes"
AGAIN, RELOADED, UNTOUCHED = "state.same-answer-twice", "state.reloaded-weights", "state.inputs-untouched"

ROW_NUMBER, PANELS, COLUMNS = _moved(_of_row_number), _moved(_in_panels), _moved(_by_columns)
FIRST = _from_rank(3, lambda inputs: np.broadcast_to(inputs[:1], inputs.shape))
CHANNELS = _from_rank(4, _channels_first)
FOURS, FOUR_ROWS = _zeroed(_beyond_fours, -1), _by_rows(_zeroed(_beyond_fours, 0).to)
ONE_ROW = _moved(lambda rows: np.zeros_like(rows) if len(rows) == 1 else rows)
EVEN_FIRST = _moved(lambda z: np.concatenate([z[..., ::2], z[..., 1::2]], axis=-1))
BYTE = _by_rows(_numbered_by_a_byte)
LAST_BLOCK = _zeroed(lambda features: slice(0, max(0, features - 1) // 128 * 128), -1)
WHOLE, EACH_ROW, TWO, DIGITS = _eight_bits(None), _eight_bits(-1), Change(_two_bfloat16s), Change(_six_digits)
NARROW = Change(lambda weights: _through(weights, np.float32))
FINITE = Change(lambda weights: np.where(np.isfinite(weights), weights, 0.0))

MUTANTS: tuple[Mutant, ...] = (
    _changed("bias-of-the-row-number", "the bias is indexed by row, not by unit", AFFINE, bias=ROW_NUMBER),
    numpy_mutant(
        "bias-for-each-feature",
        "the bias is added once for each feature",
        AFFINE,
        pre=_bias_per_feature,
        gradients=_gradient_per_feature,
    ),
    _changed("features-in-fours", "features beyond a multiple of 4 are ignored", AFFINE, inputs=FOURS),
    _changed("kernel-in-panels", "the kernel is left in panels of four units", AFFINE, kernel=PANELS),
    _changed("kernel-over-root-of-width", "the kernel is divided by sqrt(features)", AFFINE, kernel=OVER_ROOT),
    _changed("negative-inputs-lost", "negative inputs are taken for 0", AFFINE, inputs=NEGATIVE_LOST),
    _changed("batch-stride-zero", "from rank 3 on the batch's first entry serves for all", RANK, inputs=FIRST),
    _changed("leading-axes-by-columns", "leading axes are merged in column-major order", RANK, inputs=COLUMNS),
    _changed("channels-first-from-rank-4", "from rank 4 on memory is read as channels first", RANK, inputs=CHANNELS),
    numpy_mutant("six-axes-refused", "more than five axes are refused", RANK, only_raises=True, pre=_five_axes_at_most),
    _inference("last-step-alone", "from rank 3 on only the last step comes out", SHAPE, whole=_shaped(_last_step)),
    _inference("single-row-squeezed", "a batch of one loses its axis", UNIT_AXES, whole=_shaped(_single_row)),
    _changed("rows-left-over-by-four", "rows beyond a multiple of 4 are not computed", BATCH, outputs=FOUR_ROWS),
    _changed("rows-numbered-by-a-byte", "row numbers wrap at 256, over the first rows", BATCH, outputs=BYTE),
    _changed("single-row-unbiased", "a single row has no bias", BATCH, bias=ONE_ROW),
    _changed("remainder-unbiased", "units beyond a multiple of 4 have no bias", UNITS, bias=FOURS),
    _inference("remainder-not-activated", "units beyond a multiple of 4 are not activated", SETTING, whole=_main_loop),
    _changed("even-units-first", "units 0, 2, 4 and so on come out before 1, 3, 5", UNITS, outputs=EVEN_FIRST),
    _inference("units-padded-to-eights", "units are padded to eights", UNITS, whole=_shaped(_padded_to_eights)),
    _changed("last-block-alone", "each block of 128 features overwrites the sums so far", MANY, inputs=LAST_BLOCK),
    _inference("sums-saturated", "partial sums saturate as 16-bit integers do", MANY, pre=_saturated_sums),
    _changed("kernel-in-eight-bits", "the kernel is rounded to 8 bits, with one scale", ARITHMETIC, kernel=WHOLE),
    _changed("inputs-in-eight-bits", "each row of inputs is rounded to 8 bits", ARITHMETIC, inputs=EACH_ROW),
    _changed("operands-of-two-bfloat16s", "operands are sums of two bfloat16 each", ARITHMETIC, inputs=TWO, kernel=TWO),
    numpy_mutant("outputs-through-float16", "outputs pass float16", ARITHMETIC, finish=_through_float16),
    _changed("weights-of-six-digits", "weights are written with six digits", ARITHMETIC, kernel=DIGITS, bias=DIGITS),
    _changed("float64-weights-in-float32", "float64 weights pass float32", WIDE, kernel=NARROW, bias=NARROW),
    _casting("float16-by-bfloat16", "float16 operands are rounded to bfloat16", EXACT, _float16_by_bfloat16),
    _casting("bfloat16-by-cutting", "operands are cut to bfloat16, not rounded", ROUNDED, _cut_to_bfloat16),
    numpy_mutant("half-infinity-unsigned", "half types overflow without sign", OVERFLOW, finish=_unsigned_infinity),
    _changed("special-weights-zeroed", "NaN and infinite weights become 0", WEIGHTS, kernel=FINITE, bias=FINITE),
    _inference("padded-with-the-next-row", "NaN of the next row gets in, times 0", THROUGH, pre=_next_row_behind),
    _stateful("sums-not-cleared", "outputs are added to those of the call before", AGAIN, _not_cleared),
    _stateful("weights-one-call-late", "new weights take effect one call late", RELOADED, _one_call_late),
    _stateful("inputs-given-away", "the inputs are left as zeros", UNTOUCHED, _given_away),
)
