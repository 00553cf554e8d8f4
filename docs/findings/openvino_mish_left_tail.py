"""OpenVINO: Mish of float32 loses all its digits below -16 on the CPU, and is 0 from -17 on.

mish(x) = x tanh(log(1 + exp(x))) is about x exp(x) for negative x: -7.0e-7 at -17, -4.1e-8 at -20, a normal float32
number down to -91. The CPU plugin gives -2.0e-6 at -16.6, where -1.0e-6 is right, and 0 from -17 on.
With n = exp(x) (exp(x) + 2), mish(x) = x n / (n + 2), in which nothing cancels. Found with openvino 2026.4.1 (x86-64).
"""

import sys

import numpy as np
import openvino
from openvino import opset15


def run(operation, x):
    parameter = opset15.parameter(list(x.shape), openvino.Type.f32)
    model = openvino.Model([operation(parameter)], [parameter], "m")
    return openvino.Core().compile_model(model, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})(x)[0]


x = np.array([-5, -8, -12, -15, -16, -16.6, -17, -20, -80], np.float32)
exact = x.astype(np.float64)
got, expected = run(opset15.mish, x), exact * np.tanh(np.log1p(np.exp(exact)))
off = np.abs(got / expected - 1) / np.finfo(np.float32).eps
for row in zip(x, got, expected, off, strict=True):
    print(f"mish({row[0]:g}): got {row[1]:.8g}, expected {row[2]:.8g}, off by {row[3]:.3g} ulp")
sys.exit(bool((off > 64).any()))
