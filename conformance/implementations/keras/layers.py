"""The five methods of an adapter for a Keras layer class with the constructor of tf.keras.layers.Dense."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any

import numpy as np

from conformance.answers import CAPABILITIES, Declaration
from conformance.cases import Json, Question
from conformance.implementations.adapter import AdapterImplementation
from conformance.implementations.attempt import as_array, attempt
from conformance.implementations.protocol import Array
from reference.config import TABLES, DenseConfig


@dataclass(frozen=True)
class KerasAdapter:
    """Layers of one class. Constructor arguments at Dense's defaults are left out."""

    layer_class: Any
    name: str
    capabilities: frozenset[str] = frozenset(CAPABILITIES)
    declares: Declaration = field(default_factory=Declaration)

    def construct(self, config: DenseConfig, **arguments: Any) -> Any:
        """A layer that is not built yet. arguments: in place of those that the config names."""
        return self.layer_class(config.units, **{**constructor_arguments(config), **arguments})

    def build(self, config: DenseConfig, input_shape: tuple[int, ...]) -> Any:
        return built(self.construct(config), config, input_shape)

    def load(self, layer: Any, kernel: Array, bias: Array | None) -> None:
        """By name where the weights are called kernel and bias, else in the layer's order."""
        values = {"kernel": kernel} if bias is None else {"kernel": kernel, "bias": bias}
        variables = list(layer.weights)
        names = [plain_name(variable) for variable in variables]
        if not set(values) <= set(names):
            names = list(values)
        if len(variables) < len(values):
            raise ValueError(f"the layer has {len(variables)} weights to load {' and '.join(values)} into")
        for name, variable in zip(names, variables, strict=False):
            if name in values:
                assign(variable, values[name])

    def call(self, layer: Any, inputs: Array) -> Array:

        return np.asarray(layer(tensor(inputs)))

    def differentiate(self, layer: Any, inputs: Array, upstream: Array) -> Mapping[str, Array | None]:
        import tensorflow as tf

        given = tensor(inputs)
        with tf.GradientTape() as tape:
            tape.watch(given)
            outputs = layer(given)
        gradients = tape.gradient(outputs, wanted(layer, given), output_gradients=tensor(upstream))
        return {"outputs": np.asarray(outputs), **{name: dense(each) for name, each in gradients.items()}}

    def describe(self, layer: Any) -> Mapping[str, Json]:
        trainable = {id(variable) for variable in layer.trainable_weights}
        weights = [
            {
                "name": plain_name(variable),
                "shape": [int(axis) for axis in variable.shape],
                "trainable": id(variable) in trainable,
                "dtype": dtype_name(variable),
            }
            for variable in layer.weights
        ]
        sizes = [int(np.prod(variable.shape, dtype=int)) for variable in layer.trainable_weights]
        return {"weights": weights, "count": int(layer.count_params()), "trainable": sum(sizes)}


def constructor_arguments(config: DenseConfig) -> dict[str, Any]:
    """What a config says beside its units, as Dense's constructor takes it; what it says by default is left out."""
    plain = DenseConfig(config.units)
    said = {each.name: getattr(config, each.name) for each in fields(config) if each.name != "units"}
    named = {name: value for name, value in said.items() if value != getattr(plain, name)}
    return {name: made(name, value) if name in TABLES else value for name, value in named.items()}


def made(argument: str, name: str) -> Any:
    """The initializer, regularizer or constraint of this name in the table of the argument, as Keras's own object."""
    import tensorflow as tf

    row = TABLES[argument][name]
    return getattr(getattr(tf.keras, argument.rpartition("_")[2] + "s"), row.keras)(**row.arguments)


def keras_adapter(of: AdapterImplementation) -> KerasAdapter:
    """The adapter of an implementation that Keras procedures are asked of."""
    assert isinstance(of.adapter, KerasAdapter)
    return of.adapter


def built(layer: Any, config: DenseConfig, input_shape: tuple[int, ...]) -> Any:
    """The layer, its weights made. By a call where build makes none: a layer may leave them to its first call."""
    import tensorflow as tf

    layer.build(input_shape)
    if not layer.weights:
        layer(tf.zeros(input_shape, config.variable_format.dtype))
    return layer


def plain_name(variable: Any) -> str:
    """`dense/kernel:0` and `kernel` are both the kernel."""
    return str(variable.name).rpartition("/")[2].partition(":")[0]


def dtype_name(variable: Any) -> str:
    """`float32`, whether the version gives a text or a tf.DType."""
    return str(getattr(variable.dtype, "name", variable.dtype))


def assign(variable: Any, values: Array) -> None:
    """Sets a variable. Raises ValueError for values of another shape, which some versions would broadcast."""
    if tuple(variable.shape) != values.shape:
        raise ValueError(f"{plain_name(variable)} has shape {tuple(variable.shape)}, expected {values.shape}")
    variable.assign(native(values))


def variables(layer: Any) -> dict[str, Any]:
    """kernel and bias as Keras's variables, by name where the names tell, else in the layer's order."""
    names, expected = [plain_name(variable) for variable in layer.weights], ["kernel", "bias"]
    if not set(expected[: len(names)]) <= set(names):
        names = expected
    return {name: each for name, each in zip(names, layer.weights, strict=False) if name in expected}


def sources(layer: Any) -> dict[str, Any]:
    """The same as TensorFlow's own variables."""
    import tensorflow as tf

    return {name: each if isinstance(each, tf.Variable) else each.value for name, each in variables(layer).items()}


def wanted(layer: Any, inputs: Any) -> dict[str, Any]:
    """What to differentiate with respect to, by the names of the gradients in an answer."""
    return {"inputs_gradient": inputs, **weights_wanted(layer)}


def weights_wanted(layer: Any) -> dict[str, Any]:
    """The same without the inputs."""
    return {f"{name}_gradient": each for name, each in sources(layer).items()}


def held(layer: Any) -> dict[str, Array]:
    """Copies of what kernel and bias hold now. Raises AttemptError for whatever the layer raises."""
    kept = attempt(
        "give back weights", lambda: {name: np.asarray(each).copy() for name, each in sources(layer).items()}
    )
    return {name: as_array(name, values) for name, values in kept.items()}


def in_order(layer: Any, kernel: Array, bias: Array | None) -> list[Array]:
    """kernel and bias as set_weights takes them: in the layer's order, where its names tell."""
    by_name = {"kernel": kernel, "bias": bias}
    names = [plain_name(variable) for variable in layer.weights]
    values = [by_name[name] for name in (names if set(names) <= set(by_name) else by_name)]
    return [native(each) for each in values if each is not None]


def sequential(layer: Any, config: DenseConfig, input_shape: tuple[int | None, ...]) -> Any:
    """A Sequential model of this layer alone, told the shape of its inputs."""
    import tensorflow as tf

    return tf.keras.Sequential([tf.keras.Input(input_shape[1:], dtype=config.variable_format.name), layer])


def of_any_length(question: Question) -> Any:
    """The tf.TensorSpec of a question's inputs, the lengths of the leading axes unknown."""
    import tensorflow as tf

    shape = [*(None for _ in question.input_shape[1:]), question.input_shape[-1]]
    return tf.TensorSpec(shape, question.config.variable_format.name)


def native(values: Array) -> Array:
    """The same array in TensorFlow's own NumPy types: before 2.14 it has a bfloat16 of its own."""
    import tensorflow as tf

    own = tf.as_dtype(values.dtype.name).as_numpy_dtype
    return values if values.dtype == own else values.view(np.uint16).view(own)


def tensor(values: Array) -> Any:
    """The array as a constant."""
    import tensorflow as tf

    return tf.constant(native(values))


def dense(gradient: Any) -> Array | None:
    """A gradient as an array; None where there is none."""
    import tensorflow as tf

    return None if gradient is None else np.asarray(tf.convert_to_tensor(gradient))


def answered_with(named: Mapping[str, Any]) -> dict[str, Array]:
    """Outputs and gradients as an answer holds them: those that are None are left out."""
    found = {name: dense(each) for name, each in named.items()}
    return {name: as_array(name, each) for name, each in found.items() if each is not None}
