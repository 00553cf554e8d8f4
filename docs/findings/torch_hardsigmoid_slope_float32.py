"""The gradient of torch.nn.functional.hardsigmoid in float64 has only the accuracy of float32.

Between -3 and 3 hardsigmoid is x / 6 + 1 / 2, so its slope is 1/6: in float64 0.16666666666666666. The backward pass
multiplies by 0.1666666716337204 instead, which is 1/6 rounded to float32: every gradient is off by 3.0e-8 of its value,
where float64 promises 1.1e-16. The outputs are right, and so is hardswish, whose slope contains the same 1/6.

Expected: the upstream gradient times the float64 nearest to 1/6 (within an ulp or two). Seen with torch 2.13.0, CPU.
"""

from fractions import Fraction

import numpy as np
import torch

inputs = torch.tensor([-2.0, 0.0, 0.5, 2.0], dtype=torch.float64, requires_grad=True)
(got,) = torch.autograd.grad(torch.nn.functional.hardsigmoid(inputs).sum(), inputs)
expected = Fraction(1, 6)
relative_errors = [float(abs(Fraction(slope) - expected) / expected) for slope in got.tolist()]

print("torch", torch.__version__)
print("got      ", got.tolist())
print("expected ", [float(expected)] * len(got))
print("relative errors", relative_errors, "allowed", 4 * np.finfo(np.float64).eps)
raise SystemExit(max(relative_errors) > 4 * np.finfo(np.float64).eps)
