"""PaddlePaddle: softplus, log_sigmoid and mish lose all their digits on one side.

They are made of log(1 + exp(x)), and the sum rounds to a neighbour of 1: two digits are left at -10 in float32, and
below -17 the result is 0 where 2e-9 and much smaller numbers are representable. log1p(exp(x)) keeps them.
log_sigmoid(x) is -softplus(-x): the log-likelihood of what is nearly certain becomes 0. The gradient of mish is 0
from there on as well. float64 loses its digits likewise.

Expected: log1p(exp(x)) and x * tanh(log1p(exp(x))), to a few ulp. Found with paddlepaddle 3.3.1 (x86-64, CPU).
"""

import sys

import numpy as np
import paddle

x = np.array([-2, -6, -10, -14, -17, -20, -50], np.float32)
softplus = np.log1p(np.exp(x.astype(np.float64)))
defect = False
for name, inputs, expected in (
    ("softplus", x, softplus),
    ("log_sigmoid", -x, -softplus),
    ("mish", x, x * np.tanh(softplus)),
):
    got = getattr(paddle.nn.functional, name)(paddle.to_tensor(inputs)).numpy()
    for row in zip(inputs, got, expected, strict=True):
        print(f"{name}({row[0]:g}): got {row[1]:.6g}, expected {row[2]:.6g}")
    defect |= not np.allclose(got, expected, rtol=1e-5, atol=0)
sys.exit(defect)
