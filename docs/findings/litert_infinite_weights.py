"""LiteRT: the converter replaces an infinite constant by the largest finite number.

inf times 0 is NaN, and inf times 1 is inf; the converted product gives 0 and 3.4e38. A model whose weights have
overflowed answers plausible numbers on a device, and NaN where it was trained. A NaN among the constants stays NaN.
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


kernel = tf.constant([[np.inf, -np.inf, np.nan, 1]], tf.float32)
x = np.array([[0], [1]], np.float32)
got = run(lambda z: tf.linalg.matmul(z, kernel), x)
with np.errstate(invalid="ignore"):
    expected = x * kernel.numpy()
print("got     ", got.tolist())
print("expected", expected.tolist())
sys.exit(not np.array_equal(got, expected, equal_nan=True))
