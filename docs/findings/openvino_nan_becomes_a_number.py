"""OpenVINO: a NaN comes out of ReLU and Clamp as 0, of Exp as inf, and of Softmax as 0, on the CPU.

IEEE 754 propagates a NaN through arithmetic, so that a model that went wrong says so: exp(NaN) is NaN, and so are these
operations in NumPy and ONNX Runtime. A row in which one logit is NaN has no sum, so all of its softmax is NaN; the CPU
plugin gives 0 for the others. Its Sigmoid, Tanh and Elu do give NaN. Found with openvino 2026.4.1 (x86-64).
"""

import sys

import numpy as np
import openvino
from openvino import opset15


def run(operation, x):
    parameter = opset15.parameter(list(x.shape), openvino.Type.f32)
    model = openvino.Model([operation(parameter)], [parameter], "m")
    return openvino.Core().compile_model(model, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})(x)[0]


OPERATIONS = {
    "relu": opset15.relu,
    "clamp to [0, 6]": lambda z: opset15.clamp(z, 0, 6),
    "exp": opset15.exp,
    "softmax": lambda z: opset15.softmax(z, -1),
}
x = np.array([[np.nan, 1, -1]], np.float32)
defect = False
for name, operation in OPERATIONS.items():
    got, expected = run(operation, x)[0], [True, name == "softmax", name == "softmax"]
    print(f"{name}: got {got}, expected NaN at {expected}")
    defect |= np.isnan(got).tolist() != expected
sys.exit(defect)
