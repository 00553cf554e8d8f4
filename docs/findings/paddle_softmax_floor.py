"""PaddlePaddle: softmax and log_softmax clip the distance from the maximum at -64.

log_softmax of the logits 0 and -1000 is 0 and -64, where it should be 0 and -1000: the cross-entropy of a wrong class
stops at 64, and so does all that is learnt from it. softmax gives exp(-64), 1.6e-28, to whatever is farther away, in
float64 too, where exp(-100) and exp(-700) are normal numbers. Subtracting the maximum is enough: exp does not
overflow then, and 0 is right where it underflows.

Expected: x - log(sum(exp(x))), and its exponential. Found with paddlepaddle 3.3.1 (x86-64, CPU).
"""

import sys

import numpy as np
import paddle

logits = np.array([[0, -30, -70, -100, -700, -1000]])
expected = logits - np.log(np.exp(logits).sum())
defect = False
for dtype in ("float32", "float64"):
    x = paddle.to_tensor(logits.astype(dtype))
    for name, wanted in (("log_softmax", expected), ("softmax", np.exp(expected))):
        got = getattr(paddle.nn.functional, name)(x).numpy()
        print(f"{name} of {logits[0]} in {dtype}\n  got      {got[0]}\n  expected {wanted[0]}")
        defect |= not np.allclose(got, wanted, rtol=1e-4, atol=1e-38)
sys.exit(defect)
