"""tinygrad: the gradient of gelu is NaN for inputs above 1.9e19 and below -1.9e19 in float32.

With the tanh approximation, tinygrad's default, gelu(x) contains x**3: its slope, 3 x**2, overflows to inf, the slope
of tanh there is 0, and 0 * inf is NaN. gelu itself answers x and 0. Expected are its limits, 1 and 0, reached within
1e-7 from 6 on.

Found with tinygrad 0.14.0 (x86-64, DEV=CPU).
"""

import sys

import numpy as np
from tinygrad import Tensor

x = np.array([10, 1e6, 1e13, 1e20, -10, -1e6, -1e13, -1e20], np.float32)
given = Tensor(x, device="CPU")
got = given.gelu().sum().gradient(given)[0].numpy()
expected = (x > 0).astype(np.float32)
print("at      ", x)
print("got     ", got)
print("expected", expected)
sys.exit(not np.allclose(got, expected, atol=1e-6))
