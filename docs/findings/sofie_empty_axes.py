"""SOFIE: a header for inputs with an axis of length 0 does not compile: SingleDim{0} is ambiguous.

SingleDim is made of a std::size_t or of a const char*, and the literal 0 is as good a null pointer as it is an int.
SingleDim{std::size_t{0}} would be clear.

Expected: a header that compiles, as those of other lengths do. Seen with sofie 0.1.0, g++ 12 -std=c++20.
"""

import subprocess
from importlib.metadata import version
from tempfile import TemporaryDirectory

import sofie
import tensorflow as tf

print("sofie", version("sofie"))
wrong = False
for shape in ((3, 7), (0, 7)):
    model = tf.keras.Sequential([tf.keras.Input(shape), tf.keras.layers.Dense(2)])
    with TemporaryDirectory() as folder:
        model.save(f"{folder}/dense.keras")
        made = sofie.keras.parse(f"{folder}/dense.keras", batch_size=1)
        made.generate()
        made.output_generated(f"{folder}/dense.hxx")
        command = ["g++", "-std=c++20", "-fsyntax-only", "-x", "c++", f"{folder}/dense.hxx"]
        ran = subprocess.run(command, capture_output=True, text=True, check=False)
    complaint = next((line.partition("error: ")[2] for line in ran.stderr.splitlines() if "error: " in line), "nothing")
    print(f"inputs of shape (1, {shape[0]}, {shape[1]}): g++ says {complaint}, expected nothing")
    wrong |= ran.returncode != 0
raise SystemExit(wrong)
