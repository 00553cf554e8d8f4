"""PaddlePaddle: exp of -inf is not 0 but 2.9e-39, or 5.6e-309 in float64, where it is computed in vectors.

The last elements of an array, which fill no vector, answer 0; so one array holds two values for one input. -1e20 does
as -inf does. A masked logit keeps a weight that is not 0, and log(exp(-inf)) is -88.7.

Expected: 0. Found with paddlepaddle 3.3.1 (x86-64, CPU).
"""

import sys

import numpy as np
import paddle

defect = False
for dtype in ("float32", "float64"):
    got = paddle.to_tensor(np.full(19, -np.inf, dtype)).exp().numpy()
    print(f"exp(-inf) 19 times in {dtype}: got {sorted(set(got.tolist()))}, expected [0.0]")
    defect |= bool((got != 0).any())
sys.exit(defect)
