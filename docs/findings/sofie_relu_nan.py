"""SOFIE's relu of NaN is 0: a network whose inputs are broken answers as if they were not.

It is written as `x > 0 ? x : 0`, which is 0 for all that is not greater, NaN included. `x < 0 ? 0 : x` keeps NaN, as
Keras, TensorFlow, PyTorch and ONNX Runtime do.

Expected: NaN. Seen with sofie 0.1.0, g++ 12 -O2.
"""

import subprocess
from importlib.metadata import version
from tempfile import TemporaryDirectory

import sofie

PROGRAM = """
#include "relu.hxx"
#include <cstdio>
int main() {
  float const inputs[2] = {NAN, -1};
  SOFIE_relu::Session session;
  auto const answer = session.infer(inputs);
  std::printf("%g %g", answer[0], answer[1]);
}
"""

print("sofie", version("sofie"))
model = sofie.RModel("relu", "")
model.add_input_tensor_info("inputs", sofie.ETensorType.FLOAT, [1, 2])
model.add_input_tensor_name("inputs")
model.add_operator(sofie.ROperator_Relu["float"]("inputs", "outputs"))
model.add_output_tensor_name_list(["outputs"])
with TemporaryDirectory() as folder:
    model.generate()
    model.output_generated(f"{folder}/relu.hxx")
    command = ["g++", "-std=c++20", "-O2", "-x", "c++", "-", "-o", f"{folder}/relu", f"-I{folder}"]
    subprocess.run(command, input=PROGRAM, text=True, check=True)
    got = subprocess.run([f"{folder}/relu"], capture_output=True, text=True, check=True, cwd=folder).stdout
print(f"relu of nan and -1: got {got}, expected nan 0")
raise SystemExit(got != "nan 0")
