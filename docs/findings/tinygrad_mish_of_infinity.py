"""tinygrad: mish of infinity is NaN.

mish(x) = x tanh(softplus(x)) tends to x, and softplus(inf) is inf. Expected: inf. Found with tinygrad 0.14.0 (x86-64,
DEV=CPU). Exits 1 while the defect is there.
"""

import sys

import numpy as np
from tinygrad import Tensor

x = Tensor(np.array([1e30, np.inf], np.float32), device="CPU")
for name in ("softplus", "tanh", "mish"):
    print(f"{name:<9}{getattr(x, name)().numpy()}")
got = x.mish().numpy()
print(f"expected {x.numpy()}")
sys.exit(int(not np.array_equal(got, x.numpy())))
