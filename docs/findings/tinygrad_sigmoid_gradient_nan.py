"""tinygrad: the gradient of sigmoid is NaN below -88 if the outputs are realized together with it.

sigmoid(x) is r = 1 / (1 + e) with e = exp2(-x / ln 2), and its gradient is g r r e. Below -88 e is inf and r is 0. A
rewrite makes that something stable where the gradient is computed alone, but not where r is an output as well, as in
Tensor.realize(outputs, gradient), or in a step that returns its predictions: that gives 0 * inf. In float16 it begins
at -12. A gradient should not depend on what else is realized with it.

Expected: r (1 - r), 0 in the far tail. Found with tinygrad 0.14.0 (x86-64, DEV=CPU).
"""

import sys

import numpy as np
from tinygrad import Tensor

x = np.array([-200, -100, -50, -10], np.float32)
expected = 1 / (1 + np.exp(-x.astype(np.float64))) / (1 + np.exp(x.astype(np.float64)))
defect = False
for together in (False, True):
    given = Tensor(x, device="CPU").realize()
    outputs = given.sigmoid()
    (found,) = outputs.gradient(given, gradient=Tensor(np.ones(len(x), np.float32), device="CPU"))
    if together:
        Tensor.realize(outputs, found)
    got = found.numpy()
    print("realized together" if together else "realized alone   ", got)
    defect |= not np.allclose(got, expected, rtol=0.1, atol=1e-38)
print("expected         ", expected)
sys.exit(defect)
