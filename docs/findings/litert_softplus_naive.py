"""LiteRT: tf.nn.softplus is converted to log(1 + exp(x)), which overflows on the right and is 0 on the left.

softplus(100) is 100, and the model gives inf (88.72 without the XNNPACK delegate, whose logarithm of inf is finite);
softplus(-20) is 2.1e-9, and the model gives 0, as it does everywhere below -17. TensorFlow's own kernel does neither:
max(x, 0) + log1p(exp(-|x|)) has all digits on both sides. Keras's log_sigmoid(x) = -softplus(-x) and
mish(x) = x tanh(softplus(x)) are converted with it. Seen with tensorflow 2.21.0 and ai-edge-litert 2.3.0 (x86-64).
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


x = np.array([-80, -30, -20, -10, 5, 80, 100, 1e10], np.float32)
exact = x.astype(np.float64)
softplus = np.maximum(exact, 0) + np.log1p(np.exp(-np.abs(exact)))
mish = exact * np.tanh(np.log1p(np.exp(np.minimum(exact, 40))))
defect = False
for function, expected in ((tf.nn.softplus, softplus), (tf.keras.activations.mish, mish)):
    got = run(function, x)
    for row in zip(x, got, expected, strict=True):
        print(f"{function.__name__}({row[0]:g}): got {row[1]:.8g}, expected {row[2]:.8g}")
    defect |= not np.allclose(got, expected, rtol=1e-5, atol=0)
sys.exit(defect)
