"""tf.nn.softmax of six axes and more raises where oneDNN computes it.

The softmax of a tensor is that of its last axis, whatever its rank. With the kernel of oneDNN, the default on x86-64
processors with AVX-512, six axes end in "Input dims must be <= 5 and >=1"; on five axes, and with
TF_ENABLE_ONEDNN_OPTS=0, the answer is right. Seen with TensorFlow 2.21.0 and tf_keras 2.21.0.
"""

import sys

import numpy as np
import tensorflow as tf

z = np.zeros((1, 1, 1, 1, 1, 4), np.float32)
try:
    got = tf.nn.softmax(z).numpy()
except tf.errors.OpError as failure:
    got = f"{type(failure).__name__}: {failure.message}"
print("got     ", got)
print("expected", np.full_like(z, 0.25))
sys.exit(int(isinstance(got, str) or not np.array_equal(got, np.full_like(z, 0.25))))
