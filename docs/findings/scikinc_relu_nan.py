"""scikinC's relu of NaN is 0: a network whose inputs are broken answers as if they were not.

It is written as `x > 0. ? x : 0.`, which is 0 for all that is not greater, NaN included. `x < 0. ? 0. : x` keeps NaN,
as Keras, TensorFlow and NumPy's maximum do.

Expected: NaN. Seen with scikinC 0.2.9, TensorFlow 2.21.0, gcc -O2.
"""

import ctypes
import subprocess
from importlib.metadata import version
from tempfile import TemporaryDirectory

import numpy as np
import scikinC
import tensorflow as tf

dense = tf.keras.layers.Dense(1, activation="relu")
model = tf.keras.Sequential([tf.keras.Input((1,)), dense])
dense.set_weights([np.ones((1, 1), np.float32), np.zeros(1, np.float32)])
print("scikinC", version("scikinC"))
with TemporaryDirectory() as folder:
    library = f"{folder}/dense.so"
    command = ["gcc", "-shared", "-fPIC", "-O2", "-x", "c++", "-", "-o", library]
    subprocess.run(command, input=scikinC.convert({"dense": model}), text=True, check=True)
    given, got = np.array([np.nan], np.float32), np.empty(1, np.float32)
    ctypes.CDLL(library).dense(ctypes.c_void_p(got.ctypes.data), ctypes.c_void_p(given.ctypes.data))
print(f"relu of {given[0]}: got {got[0]}, expected nan")
raise SystemExit(not np.isnan(got[0]))
