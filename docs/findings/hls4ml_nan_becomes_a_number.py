"""hls4ml, with the type float: relu of NaN is 0, sigmoid of NaN is 0, tanh of NaN is -1.

relu is written as `if (x > 0) x else 0`, and the index into a table is NaN converted to int, which is undefined. An
emulation in float32 is there to be compared with the model: it hides that the model's answer is NaN.

Expected: NaN, as linear gives it. Seen with hls4ml 1.3.0, backend Vitis, g++ 12 on x86-64.
"""

import tempfile
from importlib.metadata import version

import hls4ml
import numpy as np
import tensorflow as tf

print("hls4ml", version("hls4ml"))
wrong = False
for name in ("linear", "relu", "sigmoid", "tanh"):
    dense = tf.keras.layers.Dense(1, activation=name)
    model = tf.keras.Sequential([tf.keras.Input((1,)), dense])
    dense.set_weights([np.ones((1, 1), np.float32), np.zeros(1, np.float32)])
    config = hls4ml.utils.config_from_keras_model(model, granularity="name", default_precision="float", backend="Vitis")
    with tempfile.TemporaryDirectory() as folder:
        made = hls4ml.converters.convert_from_keras_model(model, hls_config=config, output_dir=folder, backend="Vitis")
        made.compile()
        got = made.predict(np.array([[np.nan], [1]], np.float32)).ravel()
    print(f"{name} of nan: got {got[0]}, expected nan")
    wrong |= not np.isnan(got[0])
raise SystemExit(bool(wrong))
