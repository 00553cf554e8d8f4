"""OpenVINO: a Keras Dense on inputs of rank 3 with no features is converted to a Reshape that raises.

TensorFlow flattens the leading axes of (2, 3, 0) to (6, 0), and restores them after the product: the outputs are the
bias, in the shape (2, 3, 4). The converted model raises, "Check 'product.get_static_in() == 0'
failed". Rank 2 is converted to a plain MatMul, and runs. Seen with openvino 2026.4.1, tensorflow 2.21.0, keras 3.15.1.
"""

import sys

import numpy as np
import openvino
import tensorflow as tf

layer = tf.keras.layers.Dense(4, bias_initializer="ones")
layer.build((None, 0))
graph = tf.function(layer.__call__).get_concrete_function(tf.TensorSpec([None, None, 0]))
inputs, expected = np.zeros((2, 3, 0), np.float32), np.ones((2, 3, 4), np.float32)
try:
    got = openvino.Core().compile_model(openvino.convert_model(graph), "CPU")(inputs)[0]
except RuntimeError as failure:
    got = np.array(" ".join(str(failure).split()))
print("got     ", got)
print("expected", expected.tolist())
sys.exit(not np.array_equal(got, expected))
