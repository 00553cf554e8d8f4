"""MLX: the slope of celu at 0 is 0, where celu is smooth and its slope is 1.

celu(x) = max(x, 0) + min(exp(x) - 1, 0) has slope 1 on the right of 0 and exp(x), which goes to 1, on the left: it is
differentiable there. mlx.nn.celu adds maximum(x, 0) and exp(minimum(x, 0)) - 1, and at 0 the gradients of maximum and
of minimum both go to the constant. Every unit that is exactly 0 (all of them, with zeros for weights) gets no
gradient. elu, the same function, answers 1.

Expected: 1. Found with mlx 0.32.4 (x86-64, CPU).
"""

import sys

import mlx.core as mx
import numpy as np
from mlx import nn

x = mx.array(np.array([-1e-3, 0, 1e-3], np.float32))
got = np.array(mx.grad(lambda x: nn.celu(x).sum())(x))
expected = np.exp(np.minimum(np.array(x), 0))
print("got         ", got)
print("expected    ", expected)
print("slope of elu", np.array(mx.grad(lambda x: nn.elu(x).sum())(x)))
sys.exit(not np.allclose(got, expected, rtol=1e-5))
