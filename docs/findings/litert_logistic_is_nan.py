"""LiteRT: LOGISTIC under the XNNPACK delegate, the default, gives NaN for finite inputs of more than 8e26.

sigmoid(x) is 0 and 1 there. Without the delegate the same model gives 0 and 1. SiLU, x sigmoid(x), and glu inherit it.
Seen with tensorflow 2.21.0 and ai-edge-litert 2.3.0 (x86-64).
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


x = np.array([-3e37, -1e28, -1e20, -90, 90, 1e20, 1e28, 3e37], np.float32)
got, expected = run(tf.sigmoid, x), (x > 0).astype(np.float32)
print("got     ", got)
print("expected", expected)
sys.exit(not np.allclose(got, expected, rtol=0, atol=1e-6))
