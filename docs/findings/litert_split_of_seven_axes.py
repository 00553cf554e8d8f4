"""LiteRT: a SPLIT of seven axes cannot be prepared under the XNNPACK delegate, the default.

The delegate takes the node, and then fails on it: "failed to delegate SPLIT node". A delegate should leave to the
built-in kernels what it cannot do: without it the same model runs.
Seen with tensorflow 2.21.0 and ai-edge-litert 2.3.0.
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


x = np.arange(16, dtype=np.float32).reshape(2, 2, 1, 1, 1, 1, 4)
expected = x[..., :2] - x[..., 2:]
try:
    got = run(lambda z: tf.subtract(*tf.split(z, 2, axis=-1)), x)
except RuntimeError as failure:
    got = np.array(str(failure))
print("got     ", got.ravel())
print("expected", expected.ravel())
sys.exit(not np.array_equal(got, expected))
