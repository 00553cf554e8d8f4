"""PaddlePaddle: selu of float64 has constants that were rounded to float32.

It documents scale=1.0507009873554805 and alpha=1.6732632423543772. selu(1) is 1.0507010221481323, the float32 number
next to the scale, so that every result of float64 is off by 3e-8 of its value; the slope at -100 is -2.9e-8, and not
0.

Expected: scale * x, and scale * alpha * (exp(x) - 1) below 0. Found with paddlepaddle 3.3.1 (x86-64, CPU).
"""

import sys

import numpy as np
import paddle

SCALE, ALPHA = 1.0507009873554805, 1.6732632423543772

x = np.array([-100, -3, -1, 1, 5])
got = paddle.nn.functional.selu(paddle.to_tensor(x.astype(np.float64))).numpy()
expected = SCALE * np.where(x > 0, x, ALPHA * np.expm1(x))
for row in zip(x, got, expected, strict=True):
    print(f"selu({row[0]}): got {row[1]:.16g}, expected {row[2]:.16g}")
sys.exit(not np.allclose(got, expected, rtol=1e-13, atol=0))
