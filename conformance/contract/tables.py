"""Activations, families and dtypes that clauses have in common."""

from __future__ import annotations

from reference.activations import ACTIVATIONS
from reference.elementwise import Elementwise

EVERY = tuple(ACTIVATIONS)
ELEMENTWISE = tuple(name for name, row in ACTIVATIONS.items() if isinstance(row, Elementwise))
ROWWISE = tuple(name for name in EVERY if name not in ELEMENTWISE)
#: Computed without rounding, so that exact data give one right answer.
EXACT = ("linear", "relu", "relu6", "hard_tanh", "hard_shrink", "soft_shrink")
#: Linear or constant on whole pieces, where the result is exact as well.
PIECEWISE = ("leaky_relu", "elu", "celu", "sparse_plus", "sparse_sigmoid", "hard_sigmoid", "hard_silu")
#: Exact at 0 alone.
SMOOTH = ("sigmoid", "tanh", "exponential", "silu", "gelu", "mish", "squareplus")
#: What libraries replace by polynomials or thresholds that are good for float32.
APPROXIMATED = ("gelu", "silu", "selu", "softplus")
#: NaN and infinities go through alike in every lane of TensorFlow: facts measured for eager, tf.function and XLA.
SPECIAL = ("linear", "relu", "leaky_relu", "sigmoid", "tanh", "softplus", "exponential")
FLOATS = ("float32", "float64")
EXACT_FAMILIES = ("integers", "wide", "gather", "cancel", "scaled")
RANDOM_FAMILIES = ("normal", "positive", "wide_range", "cancelling")
BOTH = (True, False)
