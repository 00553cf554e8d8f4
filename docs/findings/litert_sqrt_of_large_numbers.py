"""LiteRT: SQRT under the XNNPACK delegate, the default, is wrong by half from about 8.5e37 on.

sqrt(1.44e38) is 1.2e19, and the model gives 1.8e19. It looks like a product with a reciprocal square root whose
correction underflows. Without the delegate the same model is right, as is the processor's own square root.
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


x = np.array([4, 1e30, 1.44e38, 2.25e38, 3.4e38], np.float32)
got, expected = run(tf.sqrt, np.tile(x, 8))[: len(x)], np.sqrt(x.astype(np.float64))
print("got     ", got)
print("expected", expected)
sys.exit(not np.allclose(got, expected, rtol=1e-6, atol=0))
