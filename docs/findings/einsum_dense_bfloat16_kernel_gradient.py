"""TensorFlow: the kernel gradient of tf.einsum("...i,ij->...j") rounds every product to bfloat16 before it adds them.

The gradient with respect to k is the sum over the rows of x times upstream. A product of two bfloat16 numbers has 16
bits and is rounded to 8 before the sum, though a dot product of bfloat16 is accumulated in float32 elsewhere: tf.matmul
and keras.layers.Dense, and the equation "ai,ij->aj", give the right number. Here the products are 1 + 2^-6 + 2^-14 and
-(1 + 2^-6): their sum is 2^-14, a bfloat16 number; what comes back is 0. The same holds for
keras.layers.EinsumDense("...i,ij->...j").
Found with tensorflow-cpu 2.21.0 and keras 3.15.1 on a CPU.
"""

import sys

import keras
import numpy as np
import tensorflow as tf

x = tf.constant([[1 + 2**-7], [1 + 2**-6]], tf.bfloat16)  # (2 rows, 1 input)
upstream = tf.constant([[1 + 2**-7], [-1]], tf.bfloat16)
k = tf.zeros((1, 1), tf.bfloat16)
layer = keras.layers.EinsumDense("...i,ij->...j", output_shape=1, dtype="bfloat16")
layer.build(x.shape)

defect = False
for name, product, kernel in (
    ("EinsumDense", layer, layer.kernel.value),
    ("tf.einsum", lambda x: tf.einsum("...i,ij->...j", x, k), k),
    ("tf.matmul", lambda x: tf.matmul(x, k), k),
):
    with tf.GradientTape() as tape:
        tape.watch(kernel)
        outputs = product(x)
    got = float(np.asarray(tape.gradient(outputs, kernel, output_gradients=upstream)).item())
    print(f"{name}: got {got!r}, expected {2**-14!r}")
    defect |= got != 2**-14
sys.exit(defect)
