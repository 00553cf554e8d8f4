"""OpenVINO: Gelu of finite float32 inputs above 1.7e38 is inf on the CPU.

gelu(x) = x (1 + erf(x / sqrt(2))) / 2 is x for large x: representable. From half of the largest finite number on it is
inf, as if x were multiplied by 1 + erf = 2 before it is halved; of inf it is NaN. Found with openvino
2026.4.1 (x86-64).
"""

import sys

import numpy as np
import openvino
from openvino import opset15


def run(operation, x):
    parameter = opset15.parameter(list(x.shape), openvino.Type.f32)
    model = openvino.Model([operation(parameter)], [parameter], "m")
    return openvino.Core().compile_model(model, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})(x)[0]


x = np.array([1e38, 1.8e38, 3e38, np.inf], np.float32)
got, expected = run(lambda z: opset15.gelu(z, "erf"), x), x
print("got     ", got)
print("expected", expected)
sys.exit(not np.allclose(got, expected, rtol=1e-6, atol=0))
