"""ONNX Runtime: Sigmoid and Swish of float64 cancel on the left, as 1 - 1 / (1 + exp(x)).

For negative x the CPU kernel takes the sigmoid of -x from 1. That is a multiple of 2^-53 whatever the true size: of
sigmoid(-30) = 9.36e-14 two digits are left, and from -37 on it is 0, where the true value is 8.5e-17 and stays a normal
number down to -708. exp(x) / (1 + exp(x)), which does not overflow there either, has all digits. Swish inherits it.
Expected are 1 / (1 + exp(-x)) and x / (1 + exp(-x)), rounded. Found with onnxruntime 1.32.0 (CPUExecutionProvider).
"""

import sys

import numpy as np
import onnxruntime
from onnx import TensorProto, helper


def run(operator, x):
    values = [helper.make_tensor_value_info(name, TensorProto.DOUBLE, ["n"]) for name in ("x", "y")]
    graph = helper.make_graph([helper.make_node(operator, ["x"], ["y"])], "g", values[:1], values[1:])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 24)], ir_version=10)
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    return session.run(None, {"x": x})[0]


x = np.array([-4, -8, -16, -24, -30, -36, -40, -100, -700], np.float64)
sigmoid = np.exp(x) / (1 + np.exp(x))
defect = False
for operator, expected in (("Sigmoid", sigmoid), ("Swish", x * sigmoid)):
    got = run(operator, x)
    off = np.abs(got / expected - 1) / np.finfo(np.float64).eps
    for row in zip(x, got, expected, off, strict=True):
        print(f"{operator}({row[0]:g}): got {row[1]:.17g}, expected {row[2]:.17g}, off by {row[3]:.3g} ulp")
    defect |= bool((off > 16).any())
sys.exit(defect)
