"""LiteRT: FULLY_CONNECTED of inputs (5, 0) answers 0, and leaves the bias out.

A sum of no terms is 0, so matmul((5, 0), (0, 4)) + bias is the bias, as TensorFlow has it. Inputs of rank 3, which are
converted to other operations, do give the bias. Seen with tensorflow 2.21.0 and ai-edge-litert 2.3.0.
"""

import sys

import numpy as np
import tensorflow as tf
from ai_edge_litert.interpreter import Interpreter


def run(function, x):
    """The function, converted for inputs of this shape, of x."""
    graph = tf.function(function).get_concrete_function(tf.TensorSpec(x.shape))
    model = Interpreter(model_content=tf.lite.TFLiteConverter.from_concrete_functions([graph], None).convert())
    model.allocate_tensors()
    model.set_tensor(model.get_input_details()[0]["index"], x)
    model.invoke()
    return model.get_tensor(model.get_output_details()[0]["index"])


kernel, bias = tf.zeros((0, 4)), tf.constant([1.0, 2, 3, 4])
got = run(lambda z: tf.linalg.matmul(z, kernel) + bias, np.zeros((5, 0), np.float32))
expected = np.tile(bias.numpy(), (5, 1))
print("got     ", got.tolist())
print("expected", expected.tolist())
sys.exit(bool((got != expected).any()))
