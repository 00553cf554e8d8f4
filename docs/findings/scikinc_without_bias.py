"""scikinC cannot convert a Keras layer Dense without bias: ValueError, not enough values to unpack.

scikinC/layers/Dense.py unpacks layer.get_weights() into kernel and bias; with use_bias=False there is the kernel alone.

Expected: C for inputs @ kernel. Seen with scikinC 0.2.9, TensorFlow 2.21.0.
"""

from importlib.metadata import version

import scikinC
import tensorflow as tf

print("scikinC", version("scikinC"))
wrong = False
for use_bias in (True, False):
    model = tf.keras.Sequential([tf.keras.Input((3,)), tf.keras.layers.Dense(2, use_bias=use_bias)])
    try:
        got = f"{len(scikinC.convert({'dense': model}))} characters"
    except ValueError as failure:
        got = f"ValueError: {failure}"
        wrong = True
    print(f"use_bias={use_bias}: got {got}, expected a function in C")
raise SystemExit(wrong)
