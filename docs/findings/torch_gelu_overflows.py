"""torch.nn.functional.gelu answers inf for finite float32 inputs above 1.7e38, in a tensor of two elements or more.

For large x, gelu(x) = x * Phi(x) = x: Phi(x) differs from 1 by less than exp(-x * x / 2). From about half of the
largest finite number on, the output is inf instead of x. It looks like x * (1 + erf(x / sqrt(2))) / 2 with the halving
done last, so that the product is 2 x on the way. A tensor of one element, float64, approximate="tanh", and the same
call without oneDNN (torch.backends.mkldnn.flags(enabled=False)) all answer x; bfloat16 overflows as float32 does.

Expected: x, which is representable. Seen with torch 2.13.0, CPU (x86-64).
"""

import numpy as np
import torch

inputs = np.array([1.0e38, 1.6e38, 1.8e38, 2.5e38, np.finfo(np.float32).max], np.float32)
got = torch.nn.functional.gelu(torch.from_numpy(inputs)).numpy()
expected = inputs  # the rest, x * (1 - Phi(x)), is below the smallest subnormal number

print("torch", torch.__version__)
print("got      ", got)
print("expected ", expected)
raise SystemExit(not np.allclose(got, expected, rtol=1e-6, atol=0))
