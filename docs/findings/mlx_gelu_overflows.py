"""MLX: gelu and hardswish answer inf for finite inputs near the largest number.

gelu(x) goes to x, and hardswish(x) is x from 3 on. nn.gelu is x * (1 + erf(x / sqrt(2))) / 2, whose product is 2 x
before it is halved, and nn.hardswish is x * min(max(x + 3, 0), 6) / 6, 6 x before it is divided: inf from 1.7e38 and
5.7e37 on in float32, from 32768 and 10928 on in float16. Halving and dividing first costs nothing.

Expected: x. Found with mlx 0.32.4 (x86-64, CPU).
"""

import sys

import mlx.core as mx
import numpy as np
from mlx import nn

defect = False
for dtype, values in ((mx.float32, [1e30, 1e38, 2e38, 3e38]), (mx.float16, [1000, 12000, 33000, 65000])):
    x = mx.array(values, dtype=dtype)
    for function in (nn.gelu, nn.hardswish):
        got, expected = (np.array(each).astype(np.float64) for each in (function(x), x))
        print(f"{function.__name__} in {dtype}: got {got}, expected {expected}")
        defect |= not np.allclose(got, expected, rtol=1e-2)
sys.exit(defect)
