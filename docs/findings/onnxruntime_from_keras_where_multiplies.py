"""Keras: a tf.where is exported to ONNX as a sum of products with 0 and 1: NaN where the other branch is infinite.

tf.where(z > 0, 1 / z, 0) of z = 0 is 0: the branch that is not taken does not count. The exported model computes
1 / z * 0 + 0 * 1 = inf * 0 + 0 = NaN. Keras's sparse_plus, a tf.where of a square, is NaN for finite z above 1.8e19.
Expected is the operator Where, which ONNX has since opset 9; the export is to opset 15.
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


x = np.array([[-1e20, -2, 0, 0.5, 2, 1e20]], np.float32)
got, expected = run(keras.layers.Activation("sparse_plus"), x), np.array([[0, 0, 0.25, 0.5625, 2, 1e20]], np.float32)
print("got     ", got)
print("expected", expected)
sys.exit(not np.allclose(got, expected, rtol=1e-6, atol=0))
