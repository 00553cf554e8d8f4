"""MLX: the gradients of elu and selu are NaN from 89 on in float32, and from 12 on in float16.

elu(x) is where(x > 0, x, alpha * (exp(x) - 1)): the branch that is not taken is differentiated as well, and where exp
overflows its slope, inf, is multiplied by the 0 of the mask. exp(minimum(x, 0)) would not overflow; celu does it so.

Expected: the slope of elu is 1 and that of selu 1.0507 for every positive x. Found with mlx 0.32.4 (x86-64, CPU).
"""

import sys

import mlx.core as mx
import numpy as np
from mlx import nn

defect = False
for name, function, slope in (("elu", nn.elu, 1), ("selu", nn.selu, 1.0507)):
    for dtype, values in ((mx.float32, [10, 80, 89, 1e4, 1e30]), (mx.float16, [1, 10, 12, 100, 1000])):
        x = mx.array(values, dtype=dtype)
        _, (found,) = mx.vjp(function, [x], [mx.ones_like(x)])
        got = np.array(found).astype(np.float64)
        print(f"slope of {name} at {values} in {dtype}: got {got}, expected {slope}")
        defect |= not np.allclose(got, slope, rtol=1e-2)
sys.exit(defect)
