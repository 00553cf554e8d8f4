"""MLX: exp, erf, sigmoid and softmax of float64 are computed in float32, with float32's range.

The results carry the dtype float64 and seven digits; exp(100) is inf and exp(-100) is 0, both of them normal numbers
of float64. gelu, elu, softplus, softmax and all else that is made of exp and erf inherits it. tanh, log and sqrt are
right. https://github.com/ml-explore/mlx/issues/3047 and /4158 have this for exp, sin, cos and erf.

Expected: about 16 digits. Found with mlx 0.32.4 (x86-64, CPU, the only device with float64).
"""

import math
import sys

import mlx.core as mx
import numpy as np

mx.set_default_device(mx.cpu)
x = np.array([-100, -2.5, 0.7, 3.3, 100])
defect = False
for name, function, reference in (
    ("exp", mx.exp, math.exp),
    ("erf", mx.erf, math.erf),
    ("sigmoid", mx.sigmoid, lambda x: 1 / (1 + math.exp(-x))),
    ("tanh", mx.tanh, math.tanh),
):
    got = np.array(function(mx.array(x, dtype=mx.float64)))
    expected = np.array([reference(each) for each in x])
    print(f"{name}: {got.dtype}\n  got      {got}\n  expected {expected}")
    defect |= not np.allclose(got, expected, rtol=1e-14, atol=0)
sys.exit(defect)
