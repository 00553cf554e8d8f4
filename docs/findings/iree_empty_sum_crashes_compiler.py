"""iree-compile dies of SIGFPE (exit code -8) where a product of matrices sums over an axis of length 0.

A product of (5, 0) and (0, 11) is (5, 11) of zeros: every element is a sum of nothing. StableHLO allows the shapes, the
module is verified, and the compiler for llvm-cpu divides by the length. The gradient of a dense layer is such a product
whenever its batch is empty.

Expected: a module that answers zeros (and adding a bias to it gives the bias). Seen with iree-base-compiler 3.13.0,
x86-64.
"""

from importlib.metadata import version

import iree.compiler
import iree.runtime
import numpy as np

MODULE = """
func.func @main(%inputs: tensor<5x{length}xf32>, %kernel: tensor<{length}x11xf32>) -> tensor<5x11xf32> {{
  %sums = stablehlo.dot_general %inputs, %kernel, contracting_dims = [1] x [0]
    : (tensor<5x{length}xf32>, tensor<{length}x11xf32>) -> tensor<5x11xf32>
  return %sums : tensor<5x11xf32>
}}
"""

print("iree-base-compiler", version("iree-base-compiler"))
wrong = False
for length in (1, 0):
    inputs, kernel = np.ones((5, length), np.float32), np.ones((length, 11), np.float32)
    try:
        compiled = iree.compiler.compile_str(
            MODULE.format(length=length), target_backends=["llvm-cpu"], input_type="stablehlo"
        )
    except iree.compiler.CompilerToolError as failure:
        got = next(line for line in str(failure).splitlines() if "Error code" in line)
        wrong = True
    else:
        sums = iree.runtime.load_vm_flatbuffer(compiled, driver="local-task").main(inputs, kernel).to_host()
        got = f"{np.unique(sums)}"
        wrong |= bool((sums != length).any())
    print(f"sums over an axis of length {length}: got {got}, expected [{length}.]")
raise SystemExit(wrong)
