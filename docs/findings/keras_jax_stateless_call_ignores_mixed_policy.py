"""Keras 3: stateless_call of a layer of a mixed policy computes in float32, where the layer computes in float16.

layer(x) casts the weights to the policy's compute dtype; layer.stateless_call(weights, [], x), which is said to be the
same call without side effects, calls layer.call directly, without the cast: the outputs have another dtype and other
values. exp(12) is infinite in float16; stateless_call gives 162754.8. A model's stateless_call is right, since its
layers are called in the usual way.
Found with keras 3.15.1 and jax 0.10.2; the code is the same for every backend.
"""

import os
import sys

os.environ["KERAS_BACKEND"] = "jax"

import keras
import numpy as np

layer = keras.layers.Dense(1, activation="exponential", dtype="mixed_float16")
layer.build((1, 1))
layer.set_weights([np.array([[12.0]]), np.array([0.0])])
x = keras.ops.ones((1, 1), "float16")
expected = layer(x)
got, _ = layer.stateless_call([variable.value for variable in layer.trainable_variables], [], x)
print(f"got {got.dtype} {got.item()!r}, expected as layer(x) {expected.dtype} {expected.item()!r}")
sys.exit(got.dtype != expected.dtype)
