"""ONNX Runtime: Shrink of float64 (and of int32 and int64) is computed in float32.

Shrink gives back x where |x| > lambd, with bias 0, so every result is an element of the input, or 0: nothing can round.
The CPU kernel passes it through float32. pi loses half its digits, 0.5 + 1e-10 counts as 0.5 and becomes 0, 1e300
becomes inf; as int64, 2^24 + 1 becomes 2^24, and 2^31 - 1 becomes 2^31.
Found with onnxruntime 1.32.0 (CPUExecutionProvider).
"""

import sys

import numpy as np
import onnxruntime
from onnx import helper


def shrink(x):
    element = helper.np_dtype_to_tensor_dtype(x.dtype)
    values = [helper.make_tensor_value_info(name, element, ["n"]) for name in ("x", "y")]
    graph = helper.make_graph([helper.make_node("Shrink", ["x"], ["y"])], "g", values[:1], values[1:])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=9)
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    return session.run(None, {"x": x})[0]


defect = False
for x in (np.array([np.pi, -1.1, 0.5 + 1e-10, 0.25, 1e300]), np.array([3, 2**24 + 1, 2**31 - 1])):
    got, expected = shrink(x), np.where(np.abs(x) > 0.5, x, 0)
    print(f"{x.dtype}: got {got.tolist()}, expected {expected.tolist()}")
    defect |= bool((got != expected).any())
sys.exit(defect)
