"""SOFIE's parser of Keras models cannot read a layer Dense without bias: IndexError, list index out of range.

sofie/keras/layers/dense.py takes layer["layer_weight"][1] for the bias; with use_bias=False there is the kernel alone.

Expected: C++ for inputs @ kernel. Seen with sofie 0.1.0, TensorFlow 2.21.0, Keras 3.15.1.
"""

from importlib.metadata import version
from tempfile import TemporaryDirectory

import sofie
import tensorflow as tf

print("sofie", version("sofie"))
wrong = False
for use_bias in (True, False):
    model = tf.keras.Sequential([tf.keras.Input((3,)), tf.keras.layers.Dense(2, use_bias=use_bias)])
    with TemporaryDirectory() as folder:
        model.save(f"{folder}/dense.keras")
        try:
            sofie.keras.parse(f"{folder}/dense.keras", batch_size=1).generate()
            got = "a header"
        except IndexError as failure:
            got = f"IndexError: {failure}"
            wrong = True
    print(f"use_bias={use_bias}: got {got}, expected a header")
raise SystemExit(wrong)
