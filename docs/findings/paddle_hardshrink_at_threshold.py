"""PaddlePaddle: hardshrink keeps inputs that are equal to the threshold, where its documentation says 0.

It documents x for x > threshold and for x < -threshold, and 0 for all others. hardshrink(0.5) and hardshrink(-0.5)
are 0.5 and -0.5, and their slope is 1. PyTorch's function of that name, with the same documentation, answers 0;
Paddle's softshrink does too.

Expected: 0. Found with paddlepaddle 3.3.1 (x86-64, CPU).
"""

import sys

import numpy as np
import paddle

x = np.array([-1, -0.5, -0.25, 0.25, 0.5, 1], np.float32)
got = paddle.nn.functional.hardshrink(paddle.to_tensor(x)).numpy()
expected = np.where((x > 0.5) | (x < -0.5), x, 0)
print("of      ", x)
print("got     ", got)
print("expected", expected)
sys.exit(not np.array_equal(got, expected))
