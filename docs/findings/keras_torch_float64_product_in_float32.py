"""Keras 3 on PyTorch: Dense(dtype="float64") multiplies in float32.

Kernel, inputs and outputs are float64, and half of the digits are lost without a word: 2^24 + 1 times 1 becomes 2^24.
keras.ops.matmul casts both operands to keras.backend.result_type, which says "float32" for two float64 on every backend
but TensorFlow ("aligned with JAX's default behavior"); the bias added afterwards makes float64 of it again. The
gradients are those of that product. Reported as keras-team/keras issue 23704.
Found with keras 3.15.1 and torch 2.13.0 (CPU).
"""

import os
import sys

os.environ["KERAS_BACKEND"] = "torch"

import keras
import numpy as np

layer = keras.layers.Dense(1, dtype="float64")
layer.build((1, 1))
layer.set_weights([np.array([[2.0**24 + 1]]), np.array([0.0])])
got = layer(keras.ops.convert_to_tensor(np.ones((1, 1)), "float64"))
print(f"the layer says {layer.compute_dtype}; got {got.dtype} {got.item()!r}, expected {2.0**24 + 1!r}")
sys.exit(got.item() != 2.0**24 + 1)
