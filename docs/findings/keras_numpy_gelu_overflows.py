"""Keras 3 on NumPy: gelu is infinite from half of the largest number on.

gelu(x) = x (1 + erf(x / sqrt(2))) / 2 is x itself for large x, hence finite. x is multiplied by 1 + erf, which is 2,
before it is divided by 2, so that the product overflows: in float16 from 32768 on.
Found with keras 3.15.1 and numpy 2.4.6.
"""

import os
import sys

os.environ["KERAS_BACKEND"] = "numpy"

import keras
import numpy as np

defect = False
for x in (np.float32(2e38), np.float16(40000)):
    got = keras.ops.gelu(np.array([x]), approximate=False)
    print(f"{x.dtype}: got {got.item()!r}, expected {x.item()!r}")
    defect |= bool(got.item() != x.item())
sys.exit(defect)
