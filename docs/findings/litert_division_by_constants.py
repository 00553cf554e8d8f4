"""LiteRT: dividing by a constant vector of 8 elements divides by 1.00000006 where it should by 1.

The converter multiplies by the reciprocals of the constants, and takes these from tf.math.reciprocal, which from 8
elements on gives 0.99999994 for 1, and is an ulp low for the others. So x / 1 is not x, and 7 / 7 is not 1. In Keras's
sparsemax the comparison of such a quotient with 0 decides which elements have a share.
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


x = np.arange(1, 9, dtype=np.float32)
got = run(lambda z: z / tf.constant(x), x)
print("tf.math.reciprocal of 1:", tf.math.reciprocal(tf.ones(8)).numpy()[0])
print("got     ", got)
print("expected", np.ones(8, np.float32))
sys.exit(bool((got != 1).any()))
