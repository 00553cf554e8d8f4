"""PaddlePaddle: the gradients of silu, celu and hardswish are NaN where something on the way overflows.

silu: the slope is NaN below -88 in float32, where exp(-x) overflows; it is -3.7e-42 at -100, and 0 farther out. celu
with alpha=1 has slope 1 for every positive x, and answers NaN from 89 on, where exp(x) overflows. elu, the same
function for alpha=1, answers 1. hardswish: above 1.7e38 and below -1.7e38, where 2 * x + 3 overflows, the slope is
NaN, and should be 1 and 0. float64 has the same, farther out.

Expected: sigmoid(x) * (1 + x * (1 - sigmoid(x))), exp(min(x, 0)), 1 and 0. Found with paddlepaddle 3.3.1 (x86-64,
CPU).
"""

import sys

import numpy as np
import paddle

functions = paddle.nn.functional
defect = False
for name, values, expected in (
    ("silu", [-1e20, -1000, -100, -89, -20, 0, 100], [0, 0, 0, 0, -3.9161918e-8, 0.5, 1]),
    ("celu", [-1, 0, 1, 80, 89, 100, 1000, 1e20], [0.36787944, 1, 1, 1, 1, 1, 1, 1]),
    ("hardswish", [-3e38, -10, 10, 3e38], [0, 0, 1, 1]),
):
    x = paddle.to_tensor(np.array(values, np.float32), stop_gradient=False)
    got = paddle.grad(getattr(functions, name)(x).sum(), [x])[0].numpy()
    print(f"slope of {name} at {values}\n  got      {got}\n  expected {expected}")
    defect |= not np.allclose(got, expected, rtol=1e-4, atol=1e-30)
sys.exit(defect)
