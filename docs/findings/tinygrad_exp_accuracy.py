"""tinygrad: exp loses digits in proportion to its argument, up to 64 ulp in float32; sigmoid and silu do too.

exp(x) is exp2(x * (1 / ln 2)), and the product is rounded to float32 before exp2 takes its fractional part: the
relative error grows as abs(x) * 2**-24, 1 ulp near 0, 15 at 20, 64 at 88. float64 loses as many bits, 700 times
2**-53 and more. Subtracting the integer part times ln(2) from x in two pieces keeps it near 1 ulp. OpenCL's full
profile allows exp 3 ulp.

Expected: exp(x) rounded, to a few ulp. Found with tinygrad 0.14.0 (x86-64, DEV=CPU).
"""

import sys

import numpy as np
from tinygrad import Tensor

x = np.array([1, 5, 10.3, 19.7, 40.1, 60.3, 87.335, -10.3, -19.7, -40.1, -60.3, -80.7], np.float32)
exponential = np.exp(x.astype(np.float64))
off = np.zeros(len(x))
for name, expected in (("exp", exponential), ("sigmoid", exponential / (1 + exponential))):
    got = getattr(Tensor(x, device="CPU"), name)().numpy()
    ulp = np.abs(got - expected) / np.spacing(expected.astype(np.float32))
    for row in zip(x, got, expected, ulp, strict=True):
        print(f"{name}({row[0]:g}): got {row[1]:.9g}, expected {row[2]:.9g}, off by {row[3]:.1f} ulp")
    off = np.maximum(off, ulp)
sys.exit(bool((off > 8).any()))
