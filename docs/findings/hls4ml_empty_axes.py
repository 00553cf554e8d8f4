"""hls4ml: a Keras model with an axis of length 0 cannot be converted.

Without features the converter takes the minimum of no weights (ValueError); with an empty axis between it divides by
its length (ZeroDivisionError).

Expected: a model that answers the bias, and one that answers nothing. Seen with hls4ml 1.3.0, backend Vitis.
"""

import tempfile
from importlib.metadata import version

import hls4ml
import tensorflow as tf

print("hls4ml", version("hls4ml"))
wrong = False
for shape in ((3, 7), (0,), (0, 7)):
    model = tf.keras.Sequential([tf.keras.Input(shape), tf.keras.layers.Dense(4)])
    config = hls4ml.utils.config_from_keras_model(model, granularity="name", default_precision="float", backend="Vitis")
    with tempfile.TemporaryDirectory() as folder:
        try:
            hls4ml.converters.convert_from_keras_model(model, hls_config=config, output_dir=folder, backend="Vitis")
            got = "a model"
        except (ValueError, ZeroDivisionError) as failure:
            got = f"{type(failure).__name__}: {failure}"
            wrong = True
    print(f"inputs of shape (batch, {', '.join(map(str, shape))}): got {got}, expected a model")
raise SystemExit(wrong)
