"""scikinC writes a weight that is infinite or NaN as `inf` or `nan`, which no C or C++ compiler takes for a number.

array2c formats every number with "%.20f". <math.h>, which the file includes, has INFINITY and NAN. A mask added as a
bias of -inf is an ordinary use of one.

Expected: a file that compiles. Seen with scikinC 0.2.9, TensorFlow 2.21.0, gcc.
"""

import subprocess
from importlib.metadata import version

import numpy as np
import scikinC
import tensorflow as tf

dense = tf.keras.layers.Dense(2)
model = tf.keras.Sequential([tf.keras.Input((1,)), dense])
print("scikinC", version("scikinC"))
wrong = False
for bias in ([0, 0], [0, -np.inf], [np.nan, 0]):
    dense.set_weights([np.ones((1, 2), np.float32), np.array(bias, np.float32)])
    command = ["gcc", "-fsyntax-only", "-x", "c++", "-"]
    ran = subprocess.run(command, input=scikinC.convert({"dense": model}), text=True, capture_output=True, check=False)
    complaint = next((line for line in ran.stderr.splitlines() if "error" in line), "")
    print(f"bias {bias}: gcc says {complaint or 'nothing'}, expected nothing")
    wrong |= ran.returncode != 0
raise SystemExit(wrong)
