"""Keras: models with gelu or celu are exported to ONNX files that no runtime can load.

TensorFlow computes gelu by its operation Erfc and celu by Expm1. tf2onnx has neither: it logs "Unsupported ops" and
writes a node of that name, which ONNX does not define, and `export` returns as if all were well. Expected: gelu by Erf
or the operator Gelu, celu by Exp or the operator Celu; or else an exception from `export`.
Seen with keras 3.15.1, tensorflow 2.21.0, tf2onnx 1.17.0, onnxruntime 1.32.0.
"""

import math
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import keras
import numpy as np
import onnxruntime
import tensorflow as tf


def run(layer, x):
    """A model of the layer alone, exported for leading axes of any length, of x."""
    inputs = keras.Input([None] * (x.ndim - 2) + [x.shape[-1]])
    model = keras.Model(inputs, layer(inputs))
    signature = [tf.TensorSpec([None] * (x.ndim - 1) + [x.shape[-1]])]
    with TemporaryDirectory() as folder:
        path = str(Path(folder) / "model.onnx")
        model.export(path, format="onnx", verbose=False, input_signature=signature)
        session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    return session.run(None, {session.get_inputs()[0].name: x})[0]


x = np.array([[-2, -1, 0, 1, 2]], np.float32)
gelu = [[z * (1 + math.erf(z / math.sqrt(2))) / 2 for z in x[0].tolist()]]
celu = np.where(x > 0, x, np.expm1(np.minimum(x, 0)))
defect = False
for name, expected in (("gelu", gelu), ("celu", celu)):
    try:
        got = run(keras.layers.Activation(name), x)
    except Exception as failure:
        print(f"{name}: got {' '.join(str(failure).split())}, expected {expected}")
        defect = True
    else:
        print(f"{name}: got {got}, expected {expected}")
        defect |= not np.allclose(got, expected, rtol=1e-4)
sys.exit(defect)
