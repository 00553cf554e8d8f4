"""Keras 3 on JAX: tanh of float64 is computed in float32 and gives back float32, with JAX's float64 enabled.

Of all activations of Dense(dtype="float64") it is tanh alone: keras.ops.tanh casts its argument to
keras.backend.result_type(x.dtype, float), which says "float32" for float64 on every backend but TensorFlow.
Found with keras 3.15.1 and jax 0.10.2 (CPU).
"""

import os
import sys

os.environ["KERAS_BACKEND"] = "jax"
os.environ["JAX_ENABLE_X64"] = "1"

import keras
import numpy as np

got, expected = keras.ops.tanh(np.array(0.5)), np.tanh(0.5)
print(f"got {got.dtype} {got.item()!r}, expected float64 {expected.item()!r}")
sys.exit(abs(got.item() - expected) > 1e-15)
