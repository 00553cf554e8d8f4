"""Keras 3 on OpenVINO: softplus, log_sigmoid and mish lose their digits where exp(x) is small, and become 0.

softplus(x) = log(1 + exp(x)) is exp(x) for large negative x. It is computed as it stands, so that 1 + exp(x) rounds: to
4 digits at -10, to 1 from -17 on. log_sigmoid(x) is -softplus(-x), and mish(x) is x tanh(softplus(x)). log1p in place
of log has all the digits. This is OpenVINO's evaluation of a model of constants, as every eager call in Keras is; its
CPU plugin, which predict uses, errs in another way.
Found with keras 3.15.1 and openvino 2026.4.1 (x86-64).
"""

import os
import sys

os.environ["KERAS_BACKEND"] = "openvino"

import keras
import numpy as np

x = np.array([-5, -10, -15, -20], np.float32)
softplus = np.log1p(np.exp(x.astype(np.float64)))

defect = False
for name, inputs, expected in (
    ("softplus", x, softplus),
    ("log_sigmoid", -x, -softplus),
    ("mish", x, x * np.tanh(softplus)),
):
    got = keras.ops.convert_to_numpy(getattr(keras.activations, name)(keras.ops.convert_to_tensor(inputs)))
    print(f"{name}: got {got.tolist()}, expected {expected.tolist()}")
    defect |= not np.allclose(got, expected, rtol=1e-5, atol=0)
sys.exit(defect)
