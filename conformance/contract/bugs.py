"""Public bug reports, by the clause that would have caught them."""

from __future__ import annotations

from collections.abc import Mapping

#: By the clause's id: repository and number, and what was wrong there.
BUGS: Mapping[str, Mapping[str, str]] = {
    "outputs.activation-formula": {
        "apple/coremltools#2863": "gelu by its tanh approximation, hidden by a tolerance of 1e-3",
        "Dobiasd/frugally-deep#446": "leaky_relu with a slope of 0.3",
        "tensorflow/tfjs#8224": "gelu without its factor z, seen in review",
        "PaddlePaddle/Paddle#44820": "hard_sigmoid with a slope of 0.2 in one module and 1/6 in another",
    },
    "outputs.activation-tails": {
        "tracel-ai/burn#5373": "softplus infinite from 89 on",
        "deeplearning4j/deeplearning4j#6039": "softmax NaN for large inputs, as the maximum is not subtracted",
    },
    "outputs.without-bias": {"onnx/keras-onnx#36": "a converter that could not do without the bias"},
    "outputs.every-rank": {
        "keras-team/keras#10562": "Keras itself added the bias along another axis from rank 3 on",
        "keras-team/keras#10736": "the same, as users met it",
        "intel/ipex-llm#2123": "inputs of rank 3 taken for rank 2",
        "tf-encrypted/tf-encrypted#481": "a Dense of rank 2 alone",
    },
    "outputs.last-axis": {
        "intel/ipex-llm#1934": "softmax over the first axis of rank-3 inputs",
        "apple/coremltools#1714": "softmax of rank 3 over another axis than asked for",
    },
    "outputs.arithmetic": {"tensorflow/tensorflow#42350": "float32 products as TF32"},
    "gradients.kernel": {"apache/tvm#5695": "an elementwise product in place of the matrix product"},
    "gradients.bias": {
        "ooples/AiDotNet.Tensors#234": "summed over the first axis alone",
        "tensorflow/tensorflow#25780": "doubt about which axes a Dense keeps, and so which are summed over",
    },
    "gradients.leading-axes-summed": {
        "ooples/AiDotNet.Tensors#234": "the bias gradient summed over the first axis alone",
        "deepspeedai/DeepSpeed#4390": "the bias gradient of inputs of more than two axes",
    },
    "gradients.saturated": {"tracel-ai/burn#5373": "softplus's gradient NaN where exp overflows"},
    "gradients.empty-batch": {"huggingface/candle#3756": "no gradients for a product without rows"},
    "shapes.not-flattened": {
        "tensorflow/tensorflow#25780": "the documentation's sentence about flattening, taken at its word",
        "tensorflow/tensorflow#30882": "the same",
        "keras-team/keras#9813": "the same",
        "intel/ipex-llm#2123": "a layer that did flatten",
        "apple/coremltools#55": "a converter that did",
    },
    "shapes.zero-size": {"FluxML/Flux.jl#2718": "an output width of 0 for a batch axis of length 0"},
    "losses.kernel": {"tensorpack/tensorpack#1381": "two l2 penalties, of which one is half of the other"},
    "losses.activity": {"keras-team/keras#22018": "Keras itself did not divide by the batch, as it documents"},
    "initializers.distribution": {"FluxML/Flux.jl#442": "Glorot's limit with another constant"},
    "specials.pass-through": {
        "pytorch/pytorch#7999": "relu(NaN) = 0",
        "apache/mxnet#11115": "the same",
        "PaddlePaddle/Paddle#79351": "the same",
    },
}
