"""MLX: the gradient of softsign loses its digits above 1e3, and is NaN, or far too large, near the largest numbers.

softsign(x) = x / (1 + abs(x)) is differentiated as a quotient, 1 / (1 + abs(x)) - abs(x) / (1 + abs(x))**2, and the
two terms cancel: the true slope is 1 / (1 + abs(x))**2. At 1e5 two digits are left, at 1e7 none; at 1e20 it is 1e20
times too large, and where (1 + abs(x))**2 overflows with an upstream gradient the difference is no number at all.

Expected: 1 / (1 + abs(x))**2. Found with mlx 0.32.4 (x86-64, CPU), in float32; float64 loses its digits likewise.
"""

import sys

import mlx.core as mx
import numpy as np
from mlx import nn

x = np.array([1, 1e3, 1e5, 1e7, 1e9, 1e20, 3e38], np.float32)
upstream = np.full(len(x), -3, np.float32)
_, (found,) = mx.vjp(nn.softsign, [mx.array(x)], [mx.array(upstream)])
got = np.array(found).astype(np.float64)
expected = upstream / (1 + x.astype(np.float64)) ** 2
for row in zip(x, got, expected, strict=True):
    print(f"-3 times the slope at {row[0]:g}: got {row[1]:.6g}, expected {row[2]:.6g}")
normal = np.abs(expected) > np.finfo(np.float32).tiny
right = np.where(normal, np.abs(got / expected - 1) < 1e-4, np.abs(got) < np.finfo(np.float32).tiny)
sys.exit(not right.all())
