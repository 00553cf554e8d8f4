"""hls4ml, with the type float: weights are written as text with 16 decimals, which small ones lose digits by.

The weights of a feature that comes in large units are small.

Expected: 2^63 times a weight of 2^-63 is 1. Seen with hls4ml 1.3.0, Vitis, g++ 12.
"""

import tempfile
from importlib.metadata import version

import hls4ml
import numpy as np
import tensorflow as tf

EXPONENTS = np.array([10, 20, 40, 63])

print("hls4ml", version("hls4ml"))
dense = tf.keras.layers.Dense(4)
model = tf.keras.Sequential([tf.keras.Input((4,)), dense])
dense.set_weights([np.diag(2.0**-EXPONENTS).astype(np.float32), np.zeros(4, np.float32)])
config = hls4ml.utils.config_from_keras_model(model, granularity="name", default_precision="float", backend="Vitis")
with tempfile.TemporaryDirectory() as folder:
    made = hls4ml.converters.convert_from_keras_model(model, hls_config=config, output_dir=folder, backend="Vitis")
    made.compile()
    got = made.predict(np.array([2.0**EXPONENTS] * 2, np.float32))[0]
print(f"2^{EXPONENTS} times weights of 2^-{EXPONENTS}: got {got}, expected ones")
raise SystemExit(not np.array_equal(got, np.ones(4)))
