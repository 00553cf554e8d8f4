"""tinygrad: the gradient of softsign is inf near the largest numbers, where it is 0.

softsign(x) = x / (1 + abs(x)) is differentiated as a quotient, whose two terms cancel: no digit is left from 1e10 on,
and near the largest numbers the sum is inf for an upstream gradient of -3. Expected is g / (1 + abs(x))**2, below the
smallest number there.

Found with tinygrad 0.14.0 (x86-64, DEV=CPU).
"""

import sys

import numpy as np
from tinygrad import Tensor

x, upstream = np.array([1, 1e10, 1e30, 3.4e38], np.float32), np.full(4, -3, np.float32)
given = Tensor(x, device="CPU")
got = given.softsign().gradient(given, gradient=Tensor(upstream, device="CPU"))[0].numpy()
expected = upstream / (1 + x.astype(np.float64)) ** 2
print("at      ", x)
print("got     ", got)
print("expected", expected)
sys.exit(not np.allclose(got, expected, rtol=1e-4, atol=1e-30))
