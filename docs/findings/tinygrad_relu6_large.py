"""tinygrad: relu6, hardsigmoid and hardswish of large inputs are 0; hardsigmoid(4) is not 1 in float64.

relu6(x) is relu(x) - relu(x - 6), two numbers that grow together: from 2**25 on the difference is rounded to a
multiple of 4, and at 2**27 and beyond it is 0 where it should be 6. hardsigmoid has the same form, and its difference
of 7/6 and 1/6 is already short of 1; hardswish is made of relu6, and is 0, or NaN in its gradient, where it should be
its input. The gradient of a saturated unit is g - g, which rounds where it is summed with others. minimum(maximum(x,
0), 6) is exact everywhere.

Expected: 6, 1 and x, exact. Found with tinygrad 0.14.0 (x86-64, DEV=CPU).
"""

import sys

import numpy as np
from tinygrad import Tensor

x = np.array([4, 7, 1e4, 5e7, 1e9, 1e20], np.float64)
defect = False
for dtype in (np.float32, np.float64):
    inputs = x.astype(dtype)
    for name, expected in (("relu6", np.minimum(inputs, 6)), ("hardsigmoid", np.ones(6, dtype)), ("hardswish", inputs)):
        got = getattr(Tensor(inputs, device="CPU"), name)().numpy()
        print(f"{name} in {inputs.dtype}\n  of       {inputs}\n  got      {got}\n  expected {expected}")
        print(f"  off by   {got - expected}")
        defect |= not np.allclose(got, expected, rtol=1e-5) or (name == "hardsigmoid" and (got != 1).any())
sys.exit(bool(defect))
