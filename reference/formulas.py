"""What each activation computes, as a person writes it: an expression of z with NumPy's names.

The definitions are in `reference.activations`, in forms that neither cancel nor overflow; a test holds these to them.
"""

from __future__ import annotations

from collections.abc import Mapping

FORMULAS: Mapping[str, str] = {
    "linear": "z",
    "relu": "maximum(z, 0)",
    "relu6": "clip(z, 0, 6)",
    "leaky_relu": "where(z > 0, z, 0.2 * z)",
    "elu": "where(z > 0, z, exp(z) - 1)",
    "celu": "where(z > 0, z, exp(z) - 1)",
    "selu": "1.0507009873554805 * where(z > 0, z, 1.6732632423543772 * (exp(z) - 1))",
    "gelu": "z * (1 + erf(z / sqrt(2))) / 2",
    "silu": "z / (1 + exp(-z))",
    "swish": "z / (1 + exp(-z))",
    "hard_silu": "z * clip(z + 3, 0, 6) / 6",
    "hard_swish": "z * clip(z + 3, 0, 6) / 6",
    "mish": "z * tanh(log(1 + exp(z)))",
    "sigmoid": "1 / (1 + exp(-z))",
    "hard_sigmoid": "clip(z + 3, 0, 6) / 6",
    "log_sigmoid": "-log(1 + exp(-z))",
    "tanh": "tanh(z)",
    "hard_tanh": "clip(z, -1, 1)",
    "tanh_shrink": "z - tanh(z)",
    "hard_shrink": "where(abs(z) > 0.5, z, 0)",
    "soft_shrink": "sign(z) * maximum(abs(z) - 0.5, 0)",
    "softplus": "log(1 + exp(z))",
    "softsign": "z / (1 + abs(z))",
    "squareplus": "(z + sqrt(z**2 + 4)) / 2",
    "sparse_plus": "where(z < -1, 0, where(z < 1, (z + 1)**2 / 4, z))",
    "sparse_sigmoid": "clip((z + 1) / 2, 0, 1)",
    "exponential": "exp(z)",
    "softmax": "exp(z) / sum(exp(z), axis=-1)",
    "log_softmax": "z - log(sum(exp(z), axis=-1))",
    "sparsemax": "maximum(z - t, 0), with the t for which sum(..., axis=-1) is 1",
    "glu": "a / (1 + exp(-b)), a and b the halves of z along the last axis",
}
#: Where Keras 2 means something else.
FORMULAS_OF_KERAS_2: Mapping[str, str] = {"hard_sigmoid": "clip(0.2 * z + 0.5, 0, 1)"}
