"""Thinc: Mish is 0 below -37, where its digits are gone from -30 on, and its gradient is NaN below -8.5e37.

The CPU kernel is x * tanh(log(1.0 + exp(x))) in double: 1.0 + exp(x) rounds to 1 below -37, and log1p would not. In
float32 the true value is a normal number down to -92. The kernel of the gradient has 4 * (x + 1) as a factor in
float32, which is -inf below -8.5e37, times exp(x), which is 0.

Expected: x * tanh(log1p(exp(x))), and a gradient that goes to 0. Found with thinc 9.1.1 (x86-64, CPU).
"""

import sys

import numpy as np
from thinc.api import NumpyOps

ops = NumpyOps()
x = np.array([[-10, -20, -30, -35, -38, -50, -80]], np.float32)
wide = x.astype(np.float64)
got, expected = ops.mish(x), wide * np.tanh(np.log1p(np.exp(wide)))
for row in zip(x[0], got[0], expected[0], strict=True):
    print(f"mish({row[0]:g}): got {row[1]:.6g}, expected {row[2]:.6g}")
far = np.array([[-1e30, -3e38]], np.float32)
slope = ops.backprop_mish(np.ones_like(far), far)
print(f"slope at {far[0]}: got {slope[0]}, expected [0, 0]")
sys.exit(not np.allclose(got, expected, rtol=1e-5, atol=0) or bool((slope != 0).any()))
