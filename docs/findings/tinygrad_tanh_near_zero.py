"""tinygrad: tanh loses its digits near 0, and is 0 for inputs below 6e-8.

tanh(x) is 2 * sigmoid(2 * x) - 1: near 0 the sigmoid is 1/2 rounded to 24 bits, and the difference has an absolute
error of 6e-8. tanh(1e-4) has three digits, tanh(1e-8) none. float64 loses its digits likewise, relative to 1e-16.

Expected: tanh(x), which is x up to x**3 / 3, to a few ulp. Found with tinygrad 0.14.0 (x86-64, DEV=CPU).
"""

import sys

import numpy as np
from tinygrad import Tensor

x = np.array([0.1, 1e-2, 1e-3, 1e-4, 1e-6, 1e-8, -1e-20], np.float32)
got, expected = Tensor(x, device="CPU").tanh().numpy(), np.tanh(x.astype(np.float64))
for row in zip(x, got, expected, strict=True):
    print(f"tanh({row[0]:g}): got {row[1]:.9g}, expected {row[2]:.9g}")
sys.exit(not np.allclose(got, expected, rtol=1e-6, atol=0))
