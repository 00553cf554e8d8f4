"""hls4ml, with the type float: weights that are infinite or NaN are 0 in the compiled model.

Weights are written to a text file as `inf` and `nan` and read with `std::istringstream >> float`, which takes neither
for a number: it fails, leaves 0, and nobody asks whether it failed.

Expected: a unit with a bias of -inf answers -inf, one of NaN answers NaN. Seen with hls4ml 1.3.0, Vitis, g++ 12.
"""

import tempfile
from importlib.metadata import version

import hls4ml
import numpy as np
import tensorflow as tf

BIAS = np.array([1, -np.inf, np.nan, 2], np.float32)

print("hls4ml", version("hls4ml"))
dense = tf.keras.layers.Dense(4)
model = tf.keras.Sequential([tf.keras.Input((1,)), dense])
dense.set_weights([np.ones((1, 4), np.float32), BIAS])
config = hls4ml.utils.config_from_keras_model(model, granularity="name", default_precision="float", backend="Vitis")
with tempfile.TemporaryDirectory() as folder:
    made = hls4ml.converters.convert_from_keras_model(model, hls_config=config, output_dir=folder, backend="Vitis")
    made.compile()
    got = made.predict(np.array([[10.0], [10.0]], np.float32))[0]
expected = 10 + BIAS
print(f"10 plus a bias of {BIAS}: got {got}, expected {expected}")
raise SystemExit(not np.array_equal(got, expected, equal_nan=True))
