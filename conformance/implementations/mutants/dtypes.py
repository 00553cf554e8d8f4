"""Wrong half types, in NumPy: right in float32 and float64."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import ml_dtypes
import numpy as np

from conformance.implementations.adapter import AdapterImplementation
from conformance.implementations.mutant import Mutant, PiecesAdapter, affine, numpy_mutant, of_generation
from conformance.implementations.mutants.activations import gelu_by_tanh
from conformance.implementations.protocol import Array
from conformance.implementations.reference import ReferenceLayer
from reference.activations import ACTIVATIONS
from reference.dense import flatten_leading, forward
from reference.rivals import RIVALS

Whole = Callable[[ReferenceLayer, Array], Array]


def _in_half(wrong: Whole) -> Whole:
    """The wrong outputs in half types, the right ones elsewhere."""

    def whole(layer: ReferenceLayer, inputs: Array) -> Array:
        if layer.config.format.is_half:
            return wrong(layer, inputs)
        return forward(layer.rounded(inputs), *layer.weights, layer.activation)

    return whole


def _unbiased(layer: ReferenceLayer, inputs: Array) -> Array:
    return forward(layer.rounded(inputs), layer.weights[0], None, layer.activation)


def _summed_in_half(layer: ReferenceLayer, inputs: Array) -> Array:
    kernel, bias = layer.weights
    rows, dtype = flatten_leading(layer.rounded(inputs)), layer.config.format.dtype
    total = np.zeros((len(rows), kernel.shape[1]), dtype)
    for feature in range(len(kernel)):
        total = (total + (rows[:, feature, None] * kernel[feature]).astype(dtype)).astype(dtype)
    z = total.astype(np.float64) if bias is None else total.astype(np.float64) + bias
    return layer.activation.value(z.reshape(*inputs.shape[:-1], kernel.shape[1]))


def _stored_by_blocks(layer: ReferenceLayer, inputs: Array) -> Array:
    """As where the sum over the features is split in blocks, each of which is added to what is stored."""
    kernel, bias = layer.weights
    x, dtype = layer.rounded(inputs), layer.config.format.dtype
    z = np.zeros((*x.shape[:-1], kernel.shape[1]))
    for start in range(0, len(kernel), 32):
        part = affine(x[..., start : start + 32], kernel[start : start + 32], None).astype(dtype)
        z = (z + part.astype(np.float64)).astype(dtype).astype(np.float64)
    return layer.activation.value(z if bias is None else z + bias)


def _activated_in(narrow: Callable[[Array], Array]) -> Whole:
    return lambda layer, inputs: narrow(forward(layer.rounded(inputs), *layer.weights, layer.activation))


def _by_formula(**formulas: Callable[[Array], Array]) -> Whole:
    def whole(layer: ReferenceLayer, inputs: Array) -> Array:
        value = formulas.get(layer.config.activation, layer.activation.value)
        return value(affine(layer.rounded(inputs), *layer.weights))

    return whole


def _three_digit_selu(z: Array) -> Array:
    return 1.05 * np.where(z > 0, z, 1.67 * np.expm1(np.minimum(z, 0)))


def _to_six_bits(values: Array) -> Array:
    mantissa, exponent = np.frexp(values)
    return np.ldexp(np.round(mantissa * 2.0**6) / 2.0**6, exponent)


@dataclass(frozen=True)
class _GradientsInComputeDtype(PiecesAdapter):
    name: str = "gradients-in-compute-dtype"

    def differentiate(self, layer: ReferenceLayer, inputs: Array, upstream: Array) -> Mapping[str, Array | None]:
        given = super().differentiate(layer, inputs, upstream)
        dtype = layer.config.format.dtype
        return {name: None if each is None else each.astype(dtype) for name, each in given.items()}


MUTANTS: tuple[Mutant, ...] = (
    Mutant(
        "gradients-in-compute-dtype",
        "under a mixed policy the gradients are of half types",
        "dtypes.gradients",
        lambda dialect: AdapterImplementation(_GradientsInComputeDtype(dialect=dialect)),
    ),
    numpy_mutant("half-unbiased", "half types lose the bias", "dtypes.half-exact", whole=_in_half(_unbiased)),
    numpy_mutant(
        "half-summed-in-half",
        "half types are summed in themselves",
        "dtypes.half-accumulator",
        whole=_in_half(_summed_in_half),
    ),
    numpy_mutant(
        "half-stored-by-blocks",
        "sums of half types are stored in themselves after every 32 features",
        "dtypes.half-accumulator",
        whole=_in_half(_stored_by_blocks),
    ),
    numpy_mutant(
        "half-in-float8",
        "half types are computed with four bits",
        "dtypes.half-arithmetic",
        whole=_in_half(_activated_in(lambda outputs: outputs.astype(ml_dtypes.float8_e4m3fn).astype(np.float64))),
    ),
    numpy_mutant(
        "half-in-six-bits",
        "half types are stored with six bits",
        "dtypes.half-arithmetic",
        whole=_in_half(_activated_in(_to_six_bits)),
    ),
    numpy_mutant(
        "half-hard-sigmoid-of-keras-2",
        "half types have another hard_sigmoid",
        "dtypes.half-activations",
        whole=_in_half(_by_formula(hard_sigmoid=RIVALS["hard_sigmoid"].value)),
        wrong_in=of_generation(3),
    ),
    numpy_mutant(
        "half-leaky-slope",
        "half types have a leaky slope of 0.3",
        "dtypes.half-activations",
        whole=_in_half(_by_formula(leaky_relu=lambda z: np.where(z > 0, z, 0.3 * z))),
    ),
    numpy_mutant(
        "half-elu-by-celu",
        "half types take selu for elu",
        "dtypes.half-activations",
        whole=_in_half(_by_formula(elu=ACTIVATIONS["selu"].value)),
    ),
    numpy_mutant(
        "half-gelu-by-tanh",
        "half types have gelu by tanh",
        "dtypes.half-formula",
        whole=_in_half(_by_formula(gelu=gelu_by_tanh)),
    ),
    numpy_mutant(
        "half-selu-of-three-digits",
        "half types have selu's constants rounded",
        "dtypes.half-formula",
        whole=_in_half(_by_formula(selu=_three_digit_selu)),
    ),
)
