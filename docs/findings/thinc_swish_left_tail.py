"""Thinc: Swish goes to -infinity on the left, and not to 0: swish(-1e10) is -20.6, and its gradient is wrong as well.

swish(x) is x * sigmoid(x), and Thinc's sigmoid clips its argument at -20 and 20: below -20 what is computed is
2.06e-9 * x. Its gradient adds y + sigmoid(x) * (1 - y), in which y is no longer small: at -1e10 it is 4e-8 - 20.6.

Expected: x / (1 + exp(-x)) and its slope, both 0 to float32 from -104 on. Found with thinc 9.1.1 (x86-64, CPU).
"""

import sys

import numpy as np
from thinc.api import NumpyOps

ops = NumpyOps()
x = np.array([[-10, -25, -100, -1e5, -1e10, -1e20]], np.float32)
wide = x.astype(np.float64)
sigmoid = np.exp(wide) / (1 + np.exp(wide))
got = ops.swish(x)
slope = ops.backprop_swish(np.ones_like(x), x, got)
defect = False
for name, answer, expected in (("swish", got, wide * sigmoid), ("slope", slope, sigmoid * (1 + wide * (1 - sigmoid)))):
    for row in zip(x[0], answer[0], expected[0], strict=True):
        print(f"{name}({row[0]:g}): got {row[1]:.6g}, expected {row[2]:.6g}")
    defect |= not np.allclose(answer, expected, rtol=1e-4, atol=1e-12)
sys.exit(defect)
