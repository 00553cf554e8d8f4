"""LiteRT: EXP under the XNNPACK delegate, the default, is off by up to 64 ulp, and exp(NaN) is 0.

The error grows with |x|, a power of two at a time, as if the argument were reduced by a product that is itself rounded.
Without the delegate (OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES) the same model is off by less than one ulp, and
exp(NaN) is NaN. Seen with tensorflow 2.21.0 and ai-edge-litert 2.3.0 (x86-64).
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


x = np.linspace(-87, 88, 20001).astype(np.float32)
expected = np.exp(x.astype(np.float64))
off = np.abs(run(tf.exp, x) - expected) / np.spacing(expected.astype(np.float32))
nan = run(tf.exp, np.full(8, np.nan, np.float32))
print(f"off by up to {off.max():.1f} ulp, at x = {x[off.argmax()]:g}; expected 4 at most")
print("exp(NaN): got", nan[0], "expected nan")
sys.exit(bool(off.max() > 4 or not np.isnan(nan).all()))
