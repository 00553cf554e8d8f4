"""tinygrad: the slope of elu at 0 is 0, that of celu beside 0 is 1.5 or 0.5, and from 89 on both are NaN; it is 1.

elu and celu (alpha=1) are x for x > 0 and exp(x) - 1 below: smooth, with slope 1 at 0. elu(x) is relu(x) - relu(1 -
exp(x)), and both relus have slope 0 at 0. celu(x) is maximum(x, 0) + minimum(exp(x) - 1, 0): for a tiny x, exp(x) - 1
is 0, the minimum halves the gradient of its equal operands, and 0.5 is added to the 1 or the 0 of the maximum. From
89 on exp overflows, and its slope, inf, is multiplied by the 0 of the mask; in selu too, which is a where.

Expected: exp(min(x, 0)), and 1.0507 for selu of a positive x. Found with tinygrad 0.14.0 (x86-64, DEV=CPU).
"""

import sys

import numpy as np
from tinygrad import Tensor

x = np.array([-1e-9, 0, 1e-9, 1, 88, 89, 1e4], np.float32)
slope = np.exp(np.minimum(x.astype(np.float64), 0))
defect = False
for name, expected in (("elu", slope), ("celu", slope), ("selu", np.where(x > 0, 1.0507, np.nan))):
    given = Tensor(x, device="CPU")
    got = getattr(given, name)().sum().gradient(given)[0].numpy()
    known = ~np.isnan(expected)
    print(f"slope of {name} at {x[known]}\n  got      {got[known]}\n  expected {expected[known]}")
    defect |= not np.allclose(got[known], expected[known], rtol=1e-5)
sys.exit(defect)
