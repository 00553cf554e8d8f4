"""Keras 3 on NumPy: sparsemax gives back float64 for inputs of float32, float16 and bfloat16.

The ranks that it divides by are int64, and NumPy promotes. Every other backend gives back the dtype of the input, and
so does every other activation: Dense(11, activation="sparsemax") has outputs of another dtype than its compute_dtype.
Reported as keras-team/keras pull request 23548. Found with keras 3.15.1 and numpy 2.4.6.
"""

import os
import sys

os.environ["KERAS_BACKEND"] = "numpy"

import keras
import numpy as np

defect = False
for dtype in ("float32", "float16"):
    got = keras.ops.sparsemax(np.zeros((1, 2), dtype)).dtype
    print(f"got {got}, expected {dtype}")
    defect |= got != dtype
sys.exit(defect)
