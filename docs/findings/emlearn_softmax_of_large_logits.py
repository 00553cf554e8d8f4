"""emlearn: the probabilities of large logits do not add up to 1; two equal logits of 1e8 get 1 and 1.

eml_net_softmax answers exp(x - (max + log(sum))), and max + log(sum) is rounded to max's last place: the error of the
result is that of an argument of exp, abs(max) * 2**-24. At 1e4 three digits are left, and from 2**24 on log(sum) is
lost altogether. exp(x - max) / sum, or exp((x - max) - log(sum)), is accurate whatever max is.

Expected: 1/2 and 1/2. Found with emlearn 0.23.2 (x86-64, gcc).
"""

import ctypes
import subprocess
import sys
import tempfile
from importlib.util import find_spec
from pathlib import Path

import numpy as np

headers = Path(find_spec("emlearn").origin).parent
softmax = 3  # EmlNetActivationSoftmax
defect = False
with tempfile.TemporaryDirectory() as folder:
    compiled = f"{folder}/emlearn.so"
    command = [
        "gcc",
        "-shared",
        "-fPIC",
        "-O2",
        f"-I{headers}",
        "-x",
        "c",
        headers / "eml_net.h",
        "-o",
        compiled,
        "-lm",
    ]
    subprocess.run(command, check=True)
    forward = ctypes.CDLL(compiled).eml_net_forward
    for logit in (1, 1e2, 1e4, 1e6, 1e8):
        arrays = (np.array([1], np.float32), np.full((1, 2), logit, np.float32), np.zeros(2, np.float32))
        inputs, weights, biases = (ctypes.c_void_p(each.ctypes.data) for each in arrays)
        got = np.empty(2, np.float32)
        forward(inputs, 1, weights, biases, softmax, ctypes.c_void_p(got.ctypes.data), 2)
        print(f"softmax of two logits of {logit:g}: got {got}, expected [0.5 0.5]")
        defect |= not np.allclose(got, 0.5, rtol=1e-5)
sys.exit(defect)
