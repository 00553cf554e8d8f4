"""MLX: exp of float32 loses digits in proportion to its argument, up to 64 ulp, and so do sigmoid and softplus.

The CPU kernel rounds x * log2(e) to float32 before it takes the fractional part, so that the relative error grows as
abs(x) * 2**-24: 1 ulp near 0, 15 at 20, 64 at 88. Subtracting the integer part times ln(2) from x in two pieces (as
Cephes does, which the polynomial is from) keeps it near 1 ulp everywhere. OpenCL's full profile, say, allows 3.

Expected: exp(x) rounded, to a few ulp. Found with mlx 0.32.4 (x86-64, CPU).
"""

import sys

import mlx.core as mx
import numpy as np

x = np.array([1, 5, 10.3, 19.7, 40.1, 60.3, 87.335, -10.3, -19.7, -40.1, -60.3, -80.7], np.float32)
mx.set_default_device(mx.cpu)
exponential = np.exp(x.astype(np.float64))
off = np.zeros(len(x))
for name, function, expected in (
    ("exp", mx.exp, exponential),
    ("sigmoid", mx.sigmoid, exponential / (1 + exponential)),
):
    got = np.array(function(mx.array(x)))
    ulp = np.abs(got - expected) / np.spacing(expected.astype(np.float32))
    for row in zip(x, got, expected, ulp, strict=True):
        print(f"{name}({row[0]:g}): got {row[1]:.9g}, expected {row[2]:.9g}, off by {row[3]:.1f} ulp")
    off = np.maximum(off, ulp)
sys.exit(bool((off > 8).any()))
