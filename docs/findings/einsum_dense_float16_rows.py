"""TensorFlow, CPU with AVX512-FP16: a float16 batch product that broadcasts a matrix is wrong from the second row on.

tf.einsum("...i,ij->...j", x, k), and with it keras.layers.EinsumDense of that equation, is the matrix product x @ k:
for x the identity it is k itself. In float16 the first row is right; all others come out as zeros here, as other wrong
numbers elsewhere. tf.raw_ops.BatchMatMulV2 gives the same for x of shape (2, 1, 2) and k of shape (2, 2). Right are
tf.matmul, the same product with k repeated for each x, the equation "ai,ij->aj", float32 and bfloat16,
jit_compile=True, and all of it with TF_ENABLE_ONEDNN_OPTS=0: the fault lies with oneDNN's float16 matmul or with what
it is given.
Found with tensorflow-cpu 2.21.0 and keras 3.15.1 on an Intel Xeon with avx512_fp16; processors without it were not
tried.
"""

import sys

import keras
import numpy as np
import tensorflow as tf

k = np.array([[1, 2], [3, 4]], np.float16)
x = np.eye(2, dtype=np.float16)
layer = keras.layers.EinsumDense("...i,ij->...j", output_shape=2, dtype="float16")
layer.build(x.shape)
layer.set_weights([k])

defect = False
for name, product in {
    "EinsumDense": lambda: layer(x),
    "tf.einsum": lambda: tf.einsum("...i,ij->...j", x, k),
    "BatchMatMulV2": lambda: tf.raw_ops.BatchMatMulV2(x=x[:, None], y=k)[:, 0],
}.items():
    got = product().numpy()
    print(f"{name}: got {got.tolist()}, expected {k.tolist()}")
    defect |= bool((got != k).any())
sys.exit(defect)
