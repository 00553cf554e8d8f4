"""OpenVINO: MatMul of (5, 0) by a constant (0, 11) answers uninitialized memory on the CPU.

A sum of no terms is 0, so the product is a matrix of zeros, as NumPy and ONNX Runtime have it. With a constant on the
right the output is never written: it holds whatever lay there, other numbers in each run. With both operands as
parameters and a processor's default precision, compile_model raises "object is not initialized" instead.
Found with openvino 2026.4.1 (x86-64).
"""

import sys

import numpy as np
import openvino
from openvino import opset15

rows = opset15.parameter([5, 0], openvino.Type.f32)
kernel = opset15.constant(np.zeros((0, 11), np.float32))
model = openvino.Model([opset15.matmul(rows, kernel, False, False)], [rows], "m")
got = np.zeros((5, 11), np.float32)
for _ in range(20):  # memory that happens to hold zeros would hide it
    if (got == 0).all():
        got = openvino.Core().compile_model(model, "CPU")(np.zeros((5, 0), np.float32))[0].copy()
print("got", got.min(), "...", got.max(), "and expected 0 everywhere")
sys.exit(bool((got != 0).any()))
