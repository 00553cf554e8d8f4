"""PaddlePaddle: relu of NaN is 0.

A network that has diverged looks alive after its next relu. relu6, elu, silu and gelu of NaN are NaN in PaddlePaddle,
as relu is in PyTorch, TensorFlow, JAX and NumPy (np.maximum), and as IEEE 754 has it for maximum.

Expected: NaN. Found with paddlepaddle 3.3.1 (x86-64, CPU).
"""

import sys

import numpy as np
import paddle

x = np.array([-1, np.nan, 1], np.float32)
got, expected = paddle.nn.functional.relu(paddle.to_tensor(x)).numpy(), np.maximum(x, 0)
print("got     ", got)
print("expected", expected)
print("relu6   ", paddle.nn.functional.relu6(paddle.to_tensor(x)).numpy())
sys.exit(not np.array_equal(got, expected, equal_nan=True))
