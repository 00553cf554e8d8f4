"""OpenVINO: HSigmoid saturates at 0.99999994 on the CPU, and not at 1.

HSigmoid-5 is min(max(x + 3, 0), 6) / 6. For x >= 3 that is 6 / 6, which is 1 without any rounding (and so is 6 times
the float32 number nearest to 1 / 6). The CPU plugin gives the number below 1, so that the gate never opens fully, and
0.49999997 for x = 0 instead of 3 / 6. Found with openvino 2026.4.1 (x86-64).
"""

import sys

import numpy as np
import openvino
from openvino import opset15


def run(operation, x):
    parameter = opset15.parameter(list(x.shape), openvino.Type.f32)
    model = openvino.Model([operation(parameter)], [parameter], "m")
    return openvino.Core().compile_model(model, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})(x)[0]


x = np.array([-3, 0, 3, 4, 100], np.float32)
got, expected = run(opset15.hsigmoid, x), np.minimum(np.maximum(x + 3, 0), 6) / 6
print("got     ", [float(each).hex() for each in got])
print("expected", [float(each).hex() for each in expected])
sys.exit(bool((got != expected).any()))
