"""Keras 3 on NumPy: Dense(dtype="float64") computes in float32.

The layer says compute_dtype "float64", and its kernel is float64; inputs and outputs are float32 and half of the digits
are lost without a word: 2^24 + 1 becomes 2^24. keras.backend.result_type("float64", "float64") is "float32" on every
backend but TensorFlow ("aligned with JAX's default behavior"), though NumPy has float64, and ops.matmul and ops.add
cast to it. See keras-team/keras issues 23223 and 23704.
Found with keras 3.15.1 and numpy 2.4.6.
"""

import os
import sys

os.environ["KERAS_BACKEND"] = "numpy"

import keras
import numpy as np

layer = keras.layers.Dense(1, dtype="float64")
layer.build((1, 1))
layer.set_weights([np.array([[2.0**24 + 1]]), np.array([0.0])])
got = layer(keras.ops.convert_to_tensor(np.ones((1, 1)), "float64"))
print(f"the layer says {layer.compute_dtype}; got {got.dtype} {got.item()!r}, expected {2.0**24 + 1!r}")
sys.exit(bool(got.item() != 2.0**24 + 1))
