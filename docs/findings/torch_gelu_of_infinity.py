"""torch.nn.functional.gelu of infinity is NaN in float32 on the CPU, for two elements and more.

gelu(x) = x Phi(x) tends to x, so gelu(inf) = inf: so say one element alone, float64, and the tanh approximation of
other frameworks. The vectorized path answers NaN. Seen with PyTorch 2.13.0 on x86-64; see also
https://github.com/pytorch/pytorch/issues/185770. Exits 1 while the defect is there.
"""

import sys

import torch

alone = torch.nn.functional.gelu(torch.tensor([float("inf")]))
several = torch.nn.functional.gelu(torch.full((8,), float("inf")))
wide = torch.nn.functional.gelu(torch.full((8,), float("inf"), dtype=torch.float64))
print(f"one element        {alone.tolist()}")
print(f"eight elements     {several.tolist()}   expected: inf")
print(f"eight, in float64  {wide.tolist()}")
sys.exit(int(bool(torch.isnan(several).any())))
