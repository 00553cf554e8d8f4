"""MLX: a Linear without inputs cannot be made: nn.Linear(0, 3) raises ZeroDivisionError.

The bound of its initial weights is 1 / sqrt(0). There are no weights to draw, and what the layer computes is well
defined: an empty sum plus the bias. PyTorch, whose layer this follows, makes it and answers the bias.

Expected: a layer whose outputs are its bias. Found with mlx 0.32.4 (x86-64, CPU).
"""

import sys

from mlx import nn

try:
    print("got     ", nn.Linear(0, 3).weight.shape)
    sys.exit(0)
except ZeroDivisionError as failure:
    print("got     ", repr(failure))
    print("expected", (3, 0))
    sys.exit(1)
