"""OpenVINO: SoftPlus of float32 has no right digit below -14, and negative values, on the CPU.

softplus(x) = log(1 + exp(x)) is positive everywhere, and about exp(x) for negative x: 2.1e-9 at -20, a normal float32
number down to -87. The CPU plugin gives 0 at -15, 9.5e-7 at -16, -1.9e-6 at -20: an error of some 1e-6 whatever the
size, so that it is neither positive nor monotonic. max(x, 0) + log1p(exp(-|x|)) has all digits on both sides.
The specification's note allows the linear function beyond a threshold on the right; it says nothing of the left.
Found with openvino 2026.4.1 (x86-64).
"""

import sys

import numpy as np
import openvino
from openvino import opset15


def run(operation, x):
    parameter = opset15.parameter(list(x.shape), openvino.Type.f32)
    model = openvino.Model([operation(parameter)], [parameter], "m")
    return openvino.Core().compile_model(model, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})(x)[0]


x = np.array([-5, -8, -12, -15, -16, -20, -30, -80], np.float32)
got, expected = run(opset15.softplus, x), np.log1p(np.exp(x.astype(np.float64)))
off = np.abs(got / expected - 1) / np.finfo(np.float32).eps
for row in zip(x, got, expected, off, strict=True):
    print(f"softplus({row[0]:g}): got {row[1]:.8g}, expected {row[2]:.8g}, off by {row[3]:.3g} ulp")
sys.exit(bool((off > 16).any()))
