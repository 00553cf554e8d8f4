"""MLX: one call of mlx.nn.softmax with an empty batch makes it the identity for the rest of the process.

nn.softmax is compiled with shapeless=True, and mx.softmax of an array without elements is that array itself. So the
first empty batch leaves a trace in which nothing is computed, and every later call of the same rank and dtype is
answered with it: nn.softmax(x) is x, without a warning. mx.softmax, which is not compiled, stays right.

Expected: a softmax, whatever was asked before. Found with mlx 0.32.4 (x86-64, CPU).
"""

import sys

import mlx.core as mx
import numpy as np
from mlx import nn

x = mx.array(np.array([[0, 1, 2], [3, 3, 3]], np.float32))
before = np.array(nn.softmax(x))
nn.softmax(mx.zeros((0, 3)))
got, expected = np.array(nn.softmax(x)), np.array(mx.softmax(x, axis=-1))
exact = np.exp(np.array([[0, 1, 2], [3, 3, 3]], np.float64))
exact /= exact.sum(axis=-1, keepdims=True)
print("before an empty batch", before.tolist())
print("got after it         ", got.tolist())
print("expected             ", exact.tolist())
print("mx.softmax           ", expected.tolist())
sys.exit(not np.allclose(got, exact, rtol=1e-5, atol=0))
