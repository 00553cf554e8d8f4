"""Scripts for Keras layers, and what stands for the $names in their snippets."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from conformance.cases import Question
from conformance.implementations.keras.calls import CLASS_NAMES
from conformance.implementations.keras.layers import keras_adapter
from conformance.implementations.keras.oracle import stock
from conformance.implementations.keras.refusing import ODD_ARGUMENTS
from conformance.implementations.keras.storing import MISFITS
from conformance.reproduction import literals
from conformance.reproduction.keras import calls, handling, models
from conformance.reproduction.keras.helpers import HELPERS
from conformance.reproduction.kinds import Kind, bias_fields
from conformance.reproduction.under_test import imported
from conformance.truth import LEARNING_RATE, stack_configs
from reference.config import TABLES
from reference.dense import output_shape

#: By the option shape_as: what build is given.
_SHAPES: Mapping[str, str] = {
    "tuple": "{shape}",
    "list": "list({shape})",
    "tensor-shape": "tf.TensorShape([None, *{shape}[1:]])",
    "unknown-batch": "(None, *{shape}[1:])",
}
#: By the option state: what else there is to be read.
_STATES: Mapping[str, str] = {
    "": "",
    "unbuilt": """told["count"] = "refused" if refuses(layer.count_params) else "counted"
told["set_weights"] = "refused" if refuses(lambda: layer.set_weights([np.ones((7, layer.units))])) else "taken"
""",
    "built": """told["kernel"] = list(layer.kernel.shape)
told["bias"] = None if layer.bias is None else list(layer.bias.shape)
told["count"] = int(layer.count_params())
""",
}
_NUDGES: Mapping[str, str] = {"": "", "up": " * (1 + 2.0**-30)", "down": " * (1 - 2.0**-30)"}


def fields(question: Question, _: Any) -> Mapping[str, str]:
    """What each $name stands for."""
    return {**_of_the_layer(question), **_of_the_inputs(question), **_of_the_options(question)}


def _of_the_layer(question: Question) -> Mapping[str, str]:
    config = question.config
    weights = ("kernel", "bias") if config.use_bias else ("kernel",)
    activation = f'tf.keras.layers.Activation("{config.activation}")'
    by_layer = {"activation": activation} if question.option("activation_as") == "layer" else {}
    positions = [getattr(config, name) for name in TABLES]
    given = [
        "None" if value is None else literals.made(name, value) for name, value in zip(TABLES, positions, strict=True)
    ]
    return {
        "arguments": literals.arguments(question),
        "restored_arguments": literals.arguments(question, **by_layer),
        "without_activation": literals.arguments(question, activation=None),
        "uninitialized": literals.arguments(question, kernel_initializer=None, bias_initializer=None),
        "initialized": ", ".join(f"{name}_initializer={name}" for name in weights),
        "plain": literals.arguments(question, dtype=None),
        "positions": ",\n    ".join([str(config.units), f'"{config.activation}"', str(config.use_bias), *given]),
        "stacked": ",\n    ".join(_stacked(question)),
        "misfit": _misfit(question),
        "both": f"[{', '.join(weights)}]",
        **bias_fields(config),
        "assign_bias": "layer.bias.assign(bias)" if config.use_bias else "",
        "activation": config.activation,
        "class_name": CLASS_NAMES.get(config.activation, ""),
        "dtype": config.dtype,
        "variable": config.variable_format.name,
        "compute": config.format.name,
    }


def _of_the_inputs(question: Question) -> Mapping[str, str]:
    shape, known = question.input_shape, question.known_shape
    last = shape[-1] if shape else None
    outputs = output_shape(question.config, known) if len(known) >= 2 else ()
    return {
        "shape": repr(known),
        "input_shape": repr(shape),
        "axes": repr(shape[1:]),
        "unknown_axes": repr((*(None for _ in shape[2:]), last)),
        "any_length": repr([*(None for _ in shape[1:]), last]),
        "one_row": repr((1, *known[1:])),
        "output_shape": repr(tuple(outputs)),
        "rank": str(len(shape)),
    }


def _of_the_options(question: Question) -> Mapping[str, str]:
    built_on = question.option("built_on").replace("x", ", ")
    lane, frozen = question.option("lane"), question.option("frozen")
    nudge, given = _NUDGES[question.option("nudge")], dtype(question.option("given"))
    inputs = f"(inputs.astype(np.float64){nudge})" if nudge else "inputs"
    return {
        "built_on": f"({built_on})",
        "first": f"\n    layer.build(({built_on}))\n    layer(tf.ones(({built_on})))" if built_on else "",
        "cast": f"{inputs}.astype({given})",
        "steps": question.option("steps", "1"),
        "batch": question.option("batch"),
        "rate": repr(LEARNING_RATE),
        "run_eagerly": repr(lane == "eager"),
        "jit_compile": repr(lane == "xla"),
        "frozen_from_the_start": ", trainable=False" if frozen == "constructor" else "",
        "told_of_state": _STATES[question.option("state")],
        "shape_as": _SHAPES[question.option("shape_as", "tuple")].format(shape=question.known_shape),
        "odd_arguments": repr(dict(ODD_ARGUMENTS.get(question.option("odd"), {}))),
    }


def _stacked(question: Question) -> list[str]:
    """The layers of a model, of which the first alone is told a shape."""
    if question.procedure != "stack":
        return []
    first, *others = (replace(question, config=config) for config in stack_configs(question))
    told = literals.arguments(first, input_shape=repr(question.input_shape[1:]))
    return [f"Dense({told})", *(f"Dense({literals.arguments(each)})" for each in others)]


def _misfit(question: Question) -> str:
    """A layer whose weights do not fit this one."""
    if question.procedure != "load_misfits":
        return ""
    config = MISFITS[question.option("of")](question.config)
    return literals.arguments(replace(question, config=config))


def dtype(name: str) -> str:
    """An expression for a dtype of arrays."""
    return "tf.bfloat16.as_numpy_dtype" if name == "bfloat16" else "bool" if name == "bool" else f"np.{name}"


KERAS = Kind(
    subject="Dense",
    thing=lambda adapter, _: adapter.layer_class,
    under_test=imported,
    imports=lambda _: ("import tensorflow as tf",),
    snippets={**calls.SNIPPETS, **handling.SNIPPETS, **models.SNIPPETS},
    helpers=HELPERS,
    fields=fields,
    dtype=dtype,
    right=lambda _: keras_adapter(stock()).layer_class,
)
