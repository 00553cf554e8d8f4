"""Keras: Dense on inputs of rank 3 is exported to ONNX with reshapes that fail where an axis is empty.

TensorFlow flattens the leading axes and restores them. In the exported Reshape a length of 0 means "as in the input"
unless the attribute allowzero is 1, which it is not. So (2, 0, 7), a batch of empty sequences, and (2, 3, 0) raise in
the runtime; rank 2 works. Expected: outputs of the shapes (2, 0, 4) and (2, 3, 4).
Seen with keras 3.15.1, tensorflow 2.21.0, tf2onnx 1.17.0, onnxruntime 1.32.0.
"""

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


defect = False
for shape in ((2, 0, 7), (2, 3, 0)):
    expected = (*shape[:-1], 4)
    try:
        got = run(keras.layers.Dense(4), np.zeros(shape, np.float32)).shape
    except Exception as failure:
        got = " ".join(str(failure).split())
    print(f"{shape}: got {got}, expected {expected}")
    defect |= got != expected
sys.exit(defect)
