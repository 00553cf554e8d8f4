"""scikinC writes weights with 20 decimals: below 1e-11 fewer than the nine digits of a float32 are left.

Below 5e-21 a weight is 0.
array2c formats every number with "%.20f". The weights of a feature that comes in large units are small.

Expected: 2^63 times a weight of 2^-63 is 1. Seen with scikinC 0.2.9, TensorFlow 2.21.0, gcc.
"""

import ctypes
import subprocess
import tempfile
from importlib.metadata import version
from pathlib import Path

import numpy as np
import scikinC
import tensorflow as tf

dense = tf.keras.layers.Dense(1)
model = tf.keras.Sequential([tf.keras.Input((1,)), dense])
print("scikinC", version("scikinC"))
wrong = False
for exponent in (20, 63, 100):
    dense.set_weights([np.array([[2.0**-exponent]], np.float32), np.zeros(1, np.float32)])
    with tempfile.TemporaryDirectory() as folder:
        source, library = Path(folder, "dense.cpp"), Path(folder, "dense.so")
        source.write_text(scikinC.convert({"dense": model}))
        subprocess.run(["gcc", "-x", "c++", "-O2", "-shared", "-fPIC", "-o", library, source], check=True)
        inputs, outputs = (ctypes.c_float * 1)(2.0**exponent), (ctypes.c_float * 1)()
        ctypes.CDLL(str(library)).dense(outputs, inputs)
    print(f"2^{exponent} times a weight of 2^-{exponent}: got {outputs[0]!r}, expected 1.0")
    wrong |= outputs[0] != 1
raise SystemExit(wrong)
