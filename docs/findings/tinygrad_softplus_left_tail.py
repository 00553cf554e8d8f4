"""tinygrad: softplus, logsigmoid and mish lose all their digits on one side, and softplus(inf) is NaN.

softplus(x) is log(exp(x - m) + exp(0 - m)) + m with m = max(x, 0): for negative x that is log(1 + exp(x)), whose sum
is rounded to a neighbour of 1. Two digits are left at -10 in float32, and below -17 it is 0 where 2e-9 and much
smaller numbers are representable; log1p(exp(-abs(x))) + max(x, 0) keeps them. logsigmoid(x) is -softplus(-x): the
log-likelihood of what is nearly certain becomes 0. mish multiplies by tanh(softplus(x)), and tanh cancels as well. At
inf, inf - inf is no number. float64 loses its digits likewise.

Expected: log(1 + exp(x)) and x * tanh(log(1 + exp(x))), to a few ulp. Found with tinygrad 0.14.0 (x86-64, DEV=CPU).
"""

import sys

import numpy as np
from tinygrad import Tensor

x = np.array([-2, -6, -10, -14, -17, -20, -50], np.float32)
softplus = np.log1p(np.exp(x.astype(np.float64)))
defect = False
for name, inputs, expected in (
    ("softplus", x, softplus),
    ("logsigmoid", -x, -softplus),
    ("mish", x, x * np.tanh(softplus)),
):
    got = getattr(Tensor(inputs, device="CPU"), name)().numpy()
    for row in zip(inputs, got, expected, strict=True):
        print(f"{name}({row[0]:g}): got {row[1]:.6g}, expected {row[2]:.6g}")
    defect |= not np.allclose(got, expected, rtol=1e-5, atol=0)
at_infinity = Tensor([float("inf")], device="CPU").softplus().item()
print(f"softplus(inf): got {at_infinity}, expected inf")
sys.exit(defect or at_infinity != float("inf"))
