"""Keras 3 on PyTorch: the gradient of sparse_plus is NaN for inputs beyond half of the largest number.

sparse_plus(x) = x from 1 on, and its slope there is 1. torch.where also differentiates the branch that was not taken,
(x + 1)^2 / 4: its slope overflows, and 0 * inf is NaN. In float16 this begins at 32768.
Found with keras 3.15.1 and torch 2.13.0 (CPU).
"""

import os
import sys

os.environ["KERAS_BACKEND"] = "torch"

import keras
import torch

x = torch.tensor([2.0, 2e38], requires_grad=True)
keras.ops.sparse_plus(x).sum().backward()
print(f"got {x.grad.tolist()}, expected [1.0, 1.0]")
sys.exit(x.grad.tolist() != [1.0, 1.0])
