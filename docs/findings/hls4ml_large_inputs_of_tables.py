"""hls4ml, with the type float: tanh, sigmoid, softplus and softsign of large positive inputs are those of -8.

The index into the table is `int data_round = data[ii] * table_size / 16`, clipped afterwards. Where the product is
beyond 2**31 (inputs from 3.4e7 on, 1.7e7 for tanh) the conversion to int is undefined; on x86-64 it gives the
least int, which is clipped to the first entry of the table. Clipping the product before it is converted would do.

Expected: 1, 1, the input itself (or the table's last entry, 8) and 1. Seen with hls4ml 1.3.0, backend Vitis, g++ 12.
"""

import tempfile
from importlib.metadata import version

import hls4ml
import numpy as np
import tensorflow as tf

INPUTS = np.array([[8.0], [1e6], [1e9], [1e30]], np.float32)

print("hls4ml", version("hls4ml"))
wrong = False
for name, least in (("tanh", 0.9), ("sigmoid", 0.9), ("softplus", 7.9), ("softsign", 0.8)):
    dense = tf.keras.layers.Dense(1, activation=name)
    model = tf.keras.Sequential([tf.keras.Input((1,)), dense])
    dense.set_weights([np.ones((1, 1), np.float32), np.zeros(1, np.float32)])
    config = hls4ml.utils.config_from_keras_model(model, granularity="name", default_precision="float", backend="Vitis")
    with tempfile.TemporaryDirectory() as folder:
        made = hls4ml.converters.convert_from_keras_model(model, hls_config=config, output_dir=folder, backend="Vitis")
        made.compile()
        got = made.predict(INPUTS).ravel()
    print(f"{name} of {INPUTS.ravel()}: got {got}, expected {least} and more")
    wrong |= bool((got < least).any())
raise SystemExit(wrong)
