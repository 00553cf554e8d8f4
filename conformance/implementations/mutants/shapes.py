"""Wrong shapes of outputs, in NumPy. What only a Keras layer gets wrong is in `implementations.keras.mutants`."""

from __future__ import annotations

import numpy as np

from conformance.implementations.mutant import Mutant, affine, numpy_mutant
from conformance.implementations.protocol import Array
from conformance.implementations.reference import ReferenceLayer

Bias = Array | None
SHAPE, FLAT, EQUAL = "shapes.output-shape", "shapes.not-flattened", "shapes.equal-axes"
UNIT, ZERO, WIDTH = "shapes.unit-axes", "shapes.zero-size", "shapes.zero-width"


def _activated(layer: ReferenceLayer, z: Array) -> Array:
    return layer.activation.value(z)


def _leading_merged(layer: ReferenceLayer, inputs: Array) -> Array:
    outputs = _activated(layer, affine(layer.rounded(inputs), *layer.weights))
    return outputs.reshape(-1, *outputs.shape[-1:]) if outputs.ndim > 6 and outputs.size else outputs


def _leading_moved(layer: ReferenceLayer, inputs: Array) -> Array:
    outputs = _activated(layer, affine(layer.rounded(inputs), *layer.weights))
    return np.swapaxes(outputs, 0, 1) if outputs.ndim > 2 else outputs


def _flattened(layer: ReferenceLayer, inputs: Array) -> Array:
    """(batch, -1), as far as the kernel reaches."""
    kernel, bias = layer.weights
    if inputs.ndim == 2 or not inputs.size:
        return _activated(layer, affine(layer.rounded(inputs), kernel, bias))
    flat = layer.rounded(inputs).reshape(len(inputs), -1)
    return _activated(layer, affine(flat[:, : len(kernel)], kernel, bias))


def _axis_by_length(layer: ReferenceLayer, inputs: Array) -> Array:
    """The first axis behind the batch that has the kernel's length."""
    kernel, bias = layer.weights
    axis = next(axis for axis in (*range(1, inputs.ndim), 0) if inputs.shape[axis] == len(kernel))
    z = np.moveaxis(np.moveaxis(layer.rounded(inputs), axis, -1) @ kernel, -1, axis)
    return _activated(layer, z if bias is None or z.shape[-1] != len(bias) else z + bias)


def _transposed_where_equal(inputs: Array, kernel: Array, bias: Bias) -> Array:
    return affine(inputs, kernel.T if kernel.shape[0] == kernel.shape[1] else kernel, bias)


def _squeezed(layer: ReferenceLayer, inputs: Array) -> Array:
    return np.squeeze(_activated(layer, affine(layer.rounded(inputs), *layer.weights)))


def _unit_squeezed(layer: ReferenceLayer, inputs: Array) -> Array:
    outputs = _activated(layer, affine(layer.rounded(inputs), *layer.weights))
    return outputs[..., 0] if outputs.shape[-1] == 1 else outputs


def _empty_batch_vanishes(layer: ReferenceLayer, inputs: Array) -> Array:
    outputs = _activated(layer, affine(layer.rounded(inputs), *layer.weights))
    return outputs if outputs.size else np.zeros((0, outputs.shape[-1]))


def _reshaped_by_minus_one(layer: ReferenceLayer, inputs: Array) -> Array:
    kernel, bias = layer.weights
    z = layer.rounded(inputs).reshape(-1, inputs.shape[-1]) @ kernel  # raises for an empty width
    return _activated(layer, (z if bias is None else z + bias).reshape(*inputs.shape[:-1], -1))


def _zeros_without_width(inputs: Array, kernel: Array, bias: Bias) -> Array:
    return affine(inputs, kernel, bias if kernel.shape[0] else None)


def _nan_without_width(inputs: Array, kernel: Array, bias: Bias) -> Array:
    return affine(inputs, kernel, bias) * (1.0 if kernel.shape[0] else np.nan)


MUTANTS: tuple[Mutant, ...] = (
    numpy_mutant("leading-axes-merged", "beyond rank 6 the leading axes are merged", SHAPE, whole=_leading_merged),
    numpy_mutant("leading-axes-swapped", "batch and steps change places", SHAPE, whole=_leading_moved),
    numpy_mutant("inputs-flattened", "inputs are flattened to (batch, -1)", FLAT, whole=_flattened),
    numpy_mutant(
        "axis-by-length", "the product runs over the first axis of the kernel's length", EQUAL, whole=_axis_by_length
    ),
    numpy_mutant("square-kernel-transposed", "a square kernel is transposed", EQUAL, pre=_transposed_where_equal),
    numpy_mutant("unit-axes-squeezed", "axes of length 1 vanish", UNIT, whole=_squeezed),
    numpy_mutant("single-unit-squeezed", "a single unit vanishes", UNIT, whole=_unit_squeezed),
    numpy_mutant("empty-axes-vanish", "an empty batch loses its other axes", ZERO, whole=_empty_batch_vanishes),
    numpy_mutant(
        "zero-width-refused", "inputs without features raise", WIDTH, only_raises=True, whole=_reshaped_by_minus_one
    ),
    numpy_mutant("zero-width-zeros", "inputs without features give zeros", WIDTH, pre=_zeros_without_width),
    numpy_mutant("zero-width-nan", "inputs without features give NaN", WIDTH, pre=_nan_without_width),
)
