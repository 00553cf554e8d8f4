"""Sonnet: a Linear cannot be called on inputs without features: it raises ZeroDivisionError.

The standard deviation of its initial weights is 1 / sqrt(0). There are no weights to draw, and what the layer
computes is well defined: an empty sum plus the bias. With w_init=snt.initializers.Zeros() it answers so.

Expected: zeros of shape (2, 3), the bias. Found with dm-sonnet 2.0.2 and tensorflow-cpu 2.21.0 (x86-64).
"""

import sys

import sonnet as snt
import tensorflow as tf

inputs = tf.zeros((2, 0))
print("expected", snt.Linear(3, w_init=snt.initializers.Zeros())(inputs).numpy().tolist())
try:
    print("got     ", snt.Linear(3)(inputs).numpy().tolist())
    sys.exit(0)
except ZeroDivisionError as failure:
    print("got     ", repr(failure))
    sys.exit(1)
