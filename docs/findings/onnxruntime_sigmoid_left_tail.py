"""ONNX Runtime: Sigmoid and Swish of float32 lose all their digits on the left, and are not monotonic there.

The CPU kernel is a rational function plus 0.5 that is clamped at 18: absolutely accurate to 6e-8, and relatively not at
all. From -18 on it gives 0, where the sigmoid is 1.5e-8 and stays a normal float32 number down to -87; before that its
values go up and down: sigmoid(-17) is more than sigmoid(-16). log(sigmoid(x)), a likelihood, is -inf from -18 on.
Expected are 1 / (1 + exp(-x)) and x / (1 + exp(-x)), rounded: nothing cancels there, so that float32 arithmetic gives
them to a few ulp. Found with onnxruntime 1.32.0 (x86-64, CPUExecutionProvider).
"""

import sys

import numpy as np
import onnxruntime
from onnx import TensorProto, helper


def run(operator, x):
    values = [helper.make_tensor_value_info(name, TensorProto.FLOAT, ["n"]) for name in ("x", "y")]
    graph = helper.make_graph([helper.make_node(operator, ["x"], ["y"])], "g", values[:1], values[1:])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 24)], ir_version=10)
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    return session.run(None, {"x": x})[0]


x = np.array([-4, -8, -12, -15, -16, -17, -18, -20, -40, -80], np.float32)
sigmoid = 1 / (1 + np.exp(-x.astype(np.float64)))
defect = False
for operator, expected in (("Sigmoid", sigmoid), ("Swish", x * sigmoid)):
    got = run(operator, x)
    off = np.abs(got / expected - 1) / np.finfo(np.float32).eps
    for row in zip(x, got, expected, off, strict=True):
        print(f"{operator}({row[0]:g}): got {row[1]:.8g}, expected {row[2]:.8g}, off by {row[3]:.3g} ulp")
    defect |= bool((off > 16).any())
sys.exit(defect)
