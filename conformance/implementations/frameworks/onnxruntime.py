"""ONNX Runtime: the operators MatMul and Add, and the operator of that name for an activation, as an exported model."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from conformance.answers import Declaration
from conformance.implementations.protocol import Array
from reference.config import DenseConfig

PACKAGE = "onnxruntime onnx"

#: The newest opset of which ONNX Runtime has Swish on the CPU, and the first one that has it at all.
OPSET = 24


@dataclass(frozen=True)
class Operator:
    """One ONNX operator: type is its name, limits are further inputs (Clip's), attributes are given by name."""

    type: str
    limits: tuple[float, ...] = ()
    attributes: Mapping[str, float] = field(default_factory=dict)


#: What stands for each activation in a graph, None for nothing. What takes several operators is not declared.
OPERATORS: Mapping[str, Operator | None] = {
    "linear": None,
    "relu": Operator("Relu"),
    "relu6": Operator("Clip", limits=(0, 6)),
    "leaky_relu": Operator("LeakyRelu"),
    "elu": Operator("Elu"),
    "selu": Operator("Selu"),
    "celu": Operator("Celu"),
    "gelu": Operator("Gelu"),
    "silu": Operator("Swish"),
    "hard_silu": Operator("HardSwish"),
    "sigmoid": Operator("Sigmoid"),
    "hard_sigmoid": Operator("HardSigmoid"),
    "tanh": Operator("Tanh"),
    "hard_tanh": Operator("Clip", limits=(-1, 1)),
    "hard_shrink": Operator("Shrink"),
    "soft_shrink": Operator("Shrink", attributes={"bias": 0.5}),
    "softplus": Operator("Softplus"),
    "softsign": Operator("Softsign"),
    "mish": Operator("Mish"),
    "exponential": Operator("Exp"),
    "softmax": Operator("Softmax"),
    "log_softmax": Operator("LogSoftmax"),
}


@dataclass
class Layer:
    """The weights, which are constants of a graph, and a session for each rank of inputs that was seen with them."""

    activation: Operator | None
    kernel: Array
    bias: Array | None
    sessions: dict[int, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class OnnxRuntimeAdapter:
    """Inference alone. The rank is known to a graph, and leading axes are not: so do exporters write it."""

    declares: Declaration
    name: str = "onnxruntime"
    capabilities: frozenset[str] = frozenset({"call", "dtype_policies"})

    def build(self, config: DenseConfig, input_shape: tuple[int, ...]) -> Layer:
        kernel = np.zeros((input_shape[-1], config.units), config.format.dtype)
        return Layer(OPERATORS[config.activation], kernel, kernel.sum(axis=0) if config.use_bias else None)

    def load(self, layer: Layer, kernel: Array, bias: Array | None) -> None:
        """Weights that a layer already has, bit by bit, cost no new session."""
        if _bits(kernel, bias) != _bits(layer.kernel, layer.bias):
            layer.kernel, layer.bias = kernel.copy(), None if bias is None else bias.copy()
            layer.sessions.clear()

    def call(self, layer: Layer, inputs: Array) -> Array:
        if inputs.ndim not in layer.sessions:
            layer.sessions[inputs.ndim] = _session(_model(layer, inputs.ndim))
        (outputs,) = layer.sessions[inputs.ndim].run(["outputs"], {"inputs": inputs})
        return np.asarray(outputs)


def _bits(*weights: Array | None) -> list[bytes]:
    return [b"" if each is None else each.tobytes() for each in weights]


def _model(layer: Layer, rank: int) -> bytes:
    """inputs (..., input_dim) → outputs (..., units), serialized."""
    from onnx import helper, numpy_helper

    input_dim, units = layer.kernel.shape
    steps: list[tuple[str, dict[str, Array], Mapping[str, float]]] = [("MatMul", {"kernel": layer.kernel}, {})]
    if layer.bias is not None:
        steps.append(("Add", {"bias": layer.bias}, {}))
    if layer.activation is not None:
        limits = {f"limit{at}": layer.kernel.dtype.type(limit) for at, limit in enumerate(layer.activation.limits)}
        steps.append((layer.activation.type, limits, layer.activation.attributes))
    values = ["inputs", *(f"value{step}" for step in range(1, len(steps))), "outputs"]
    nodes = [
        helper.make_node(type, [before, *constants], [after], **attributes)
        for before, after, (type, constants, attributes) in zip(values[:-1], values[1:], steps, strict=True)
    ]
    leading = [f"axis{axis}" for axis in range(rank - 1)]
    element = helper.np_dtype_to_tensor_dtype(layer.kernel.dtype)
    graph = helper.make_graph(
        nodes,
        "dense",
        [helper.make_tensor_value_info("inputs", element, [*leading, input_dim])],
        [helper.make_tensor_value_info("outputs", element, [*leading, units])],
        [numpy_helper.from_array(np.asarray(value), name) for step in steps for name, value in step[1].items()],
    )
    opsets = [helper.make_opsetid("", OPSET)]
    model = helper.make_model(graph, opset_imports=opsets, ir_version=helper.find_min_ir_version_for(opsets))
    return bytes(model.SerializeToString())


def _session(model: bytes) -> Any:
    """Raises NotImplementedError for an operator that has no kernel for the dtype, or no definition (InvalidGraph)."""
    import onnxruntime
    from onnxruntime.capi import onnxruntime_pybind11_state as raised

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1  # a pool of threads for each of a thousand sessions costs more than it computes
    options.log_severity_level = 4  # what it lacks is told by what it raises
    try:
        return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    except (raised.InvalidGraph, raised.NotImplemented) as failure:
        raise NotImplementedError(str(failure)) from None


def adapter() -> OnnxRuntimeAdapter:
    """On the CPU, where it runs a float16 model in float32, between casts that it adds itself.

    Raises ImportError where ONNX Runtime or onnx is not installed.
    """
    import onnx  # noqa: F401 - graphs are written with it
    import onnxruntime

    dtypes = frozenset({"float32", "float64", "float16"})
    return OnnxRuntimeAdapter(Declaration(frozenset(OPERATORS), dtypes, version=onnxruntime.__version__))
