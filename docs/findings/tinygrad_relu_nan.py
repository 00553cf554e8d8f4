"""tinygrad: relu of NaN is 0.

relu(x) is where(x > 0, x, 0), and NaN is not greater than 0: a network that has diverged looks alive after its next
relu. maximum(x, 0), leaky_relu and tanh of NaN are NaN in tinygrad, as relu is in PyTorch, JAX and NumPy (np.maximum)
and as IEEE 754 has it for maximum. relu6 and elu are made of relu and answer 0 too.

Expected: NaN. Found with tinygrad 0.14.0 (x86-64, DEV=CPU).
"""

import sys

import numpy as np
from tinygrad import Tensor

x = np.array([-1, np.nan, 1], np.float32)
got, expected = Tensor(x, device="CPU").relu().numpy(), np.maximum(x, 0)
print("got     ", got)
print("expected", expected)
print("maximum ", Tensor(x, device="CPU").maximum(0).numpy())
sys.exit(not np.array_equal(got, expected, equal_nan=True))
