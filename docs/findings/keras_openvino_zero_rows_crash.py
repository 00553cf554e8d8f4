"""OpenVINO: adding two constants of shapes (0, 11) and (11,) corrupts the heap, and the process ends.

The sum is empty, of shape (0, 11). It is computed when the model is compiled: with a parameter in place of the first
constant nothing is folded, and the answer is right. In Keras on OpenVINO every eager call is such a model of constants,
so that a Dense with bias that is called on no rows at all ends the process, by signal 6 or 11. A product of the two in
place of their sum, and a sum of (0, 11) and (0, 11), are right.
Found with openvino 2026.4.1 (x86-64) and keras 3.15.1.
"""

import subprocess
import sys

SUM = """
import numpy as np, openvino
from openvino import opset16 as opset
for _ in range(20):
    total = opset.add(opset.constant(np.zeros((0, 11), np.float32)), opset.constant(np.ones(11, np.float32)))
    openvino.compile_model(openvino.Model([total], [], "m"), "CPU")({})
"""
DENSE = """
import os
os.environ["KERAS_BACKEND"] = "openvino"
import keras, numpy as np
for _ in range(20):
    layer = keras.layers.Dense(11)
    keras.ops.convert_to_numpy(layer(keras.ops.convert_to_tensor(np.zeros((0, 7), np.float32))))
"""

codes = {}
for name, code in {"OpenVINO": SUM, "Keras": DENSE}.items():
    try:  # a corrupt heap may also leave it waiting for a lock
        ended = subprocess.run([sys.executable, "-c", code], capture_output=True, timeout=120, check=False)
        codes[name] = ended.returncode
    except subprocess.TimeoutExpired:
        codes[name] = "a timeout"
    print(f"{name}: got exit code {codes[name]}, expected 0")
sys.exit(any(codes.values()))
