"""PaddlePaddle: gelu and hardswish answer inf for finite float32 inputs above 1.7e38 and 5.7e37.

For large x, gelu(x) = x * Phi(x) = x. From about half of the largest finite number on, the output is inf instead of
x: it looks like x * (1 + erf(x / sqrt(2))) / 2 with the halving done last, so that the product is 2 x on the way.
hardswish(x) is x from 3 on, and becomes inf where 6 x does.

Expected: x, which is representable. Found with paddlepaddle 3.3.1 (x86-64, CPU).
"""

import sys

import numpy as np
import paddle

x = np.array([1.0e38, 1.6e38, 1.8e38, 2.5e38, np.finfo(np.float32).max] * 8, np.float32)
defect = False
for function in (paddle.nn.functional.gelu, paddle.nn.functional.hardswish):
    got = function(paddle.to_tensor(x)).numpy()
    print(f"{function.__name__}: got {got[:5]}, expected {x[:5]}")
    defect |= not np.allclose(got, x, rtol=1e-6, atol=0)
sys.exit(defect)
