"""Wrong Keras layers, as third parties write them. By authors who did not know the rules of the diagnosis."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from conformance.implementations.keras.mutants.made import Layer, Methods, keras_mutant
from conformance.implementations.keras.written import written_by_hand
from conformance.implementations.mutant import Mutant

Arguments = dict[str, Any]
Understood = Callable[[Arguments], Arguments]

#: Dense's arguments after units, by position; some layers have the bias switch elsewhere.
ORDER = (
    "activation",
    "use_bias",
    "kernel_initializer",
    "bias_initializer",
    "kernel_regularizer",
    "bias_regularizer",
    "activity_regularizer",
    "kernel_constraint",
    "bias_constraint",
)
SWITCH_LATER = ("activation", "kernel_initializer", "bias_initializer", "use_bias", *ORDER[4:])


def _replaced(**methods: Any) -> Callable[[], Methods]:
    return lambda: methods


def _arguments(changed: Understood = dict, order: Sequence[str] = ORDER) -> Callable[[], Methods]:
    """changed: the arguments as they are understood. order: their names by position."""

    def __init__(self: Layer, units: int, *given: Any, **named: Any) -> None:  # noqa: N807
        written_by_hand().__init__(self, units, **changed({**dict(zip(order, given, strict=False)), **named}))

    return _replaced(__init__=__init__)


def _without(*names: str) -> Understood:
    return lambda arguments: {name: given for name, given in arguments.items() if name not in names}


def _seeded_by_default(arguments: Arguments) -> Arguments:
    import tensorflow as tf

    return {"kernel_initializer": tf.keras.initializers.GlorotUniform(seed=42), **arguments}


def _bias_made(settings: Callable[[Layer], Arguments]) -> Callable[[], Methods]:
    return _replaced(add_bias=lambda self, shape: written_by_hand().add_bias(self, shape, **settings(self)))


def _constrained_by_calls(self: Layer, inputs: Any) -> Any:
    if self.kernel_constraint is not None:
        self.kernel.assign(self.kernel_constraint(self.kernel))
    return written_by_hand().call(self, inputs)


def _logits_in_training(self: Layer, inputs: Any, training: Any = None) -> Any:
    import tensorflow as tf

    z = self.biased(self.product(tf.cast(inputs, self.compute_dtype)))
    return z if training else self.activation(z)


def _outputs_in_the_variable_dtype(self: Layer, inputs: Any) -> Any:
    import tensorflow as tf

    return tf.cast(written_by_hand().call(self, inputs), self.variable_dtype)


def _only_rank_2(self: Layer, input_shape: Any) -> None:
    import tensorflow as tf

    written_by_hand().build(self, input_shape)
    self.input_spec = tf.keras.layers.InputSpec(ndim=2, axes={-1: input_shape[-1]})


def _reshaped_by_the_static_shape(self: Layer, inputs: Any) -> Any:
    import tensorflow as tf

    rows = tf.reshape(inputs, [np.prod(inputs.shape[:-1], dtype=int), inputs.shape[-1]])
    return tf.reshape(rows @ tf.convert_to_tensor(self.kernel), [*inputs.shape[:-1], self.units])


MUTANTS: tuple[Mutant, ...] = (
    keras_mutant(
        "bias-switch-after-initializers",
        "by position the initializers come before use_bias",
        "errors.positions",
        _arguments(order=SWITCH_LATER),
        only_raises=True,
    ),
    keras_mutant(
        "begins-random-normal",
        "the kernel is random_normal by default",
        "initializers.default",
        _arguments(lambda arguments: {"kernel_initializer": "random_normal", **arguments}),
    ),
    keras_mutant(
        "seeded-by-default",
        "the default initializer has a fixed seed: all kernels begin alike",
        "initializers.independent",
        _arguments(_seeded_by_default),
    ),
    keras_mutant(
        "activity-regularizer-dropped",
        "activity_regularizer is ignored",
        "losses.activity",
        _arguments(_without("activity_regularizer")),
    ),
    keras_mutant(
        "kernel-regularizer-for-the-bias-too",
        "kernel_regularizer penalizes a bias without a regularizer of its own, too",
        "losses.kernel",
        _bias_made(lambda self: {"regularizer": self.bias_regularizer or self.kernel_regularizer}),
    ),
    keras_mutant(
        "constrained-by-calls",
        "every call applies the kernel's constraint",
        "constraints.only-after-steps",
        _replaced(call=_constrained_by_calls),
    ),
    keras_mutant(
        "logits-in-training", "no activation in training", "state.training-mode", _replaced(call=_logits_in_training)
    ),
    keras_mutant(
        "outputs-in-the-variable-dtype",
        "under a mixed policy the outputs are cast to float32",
        "dtypes.outputs",
        _replaced(call=_outputs_in_the_variable_dtype),
    ),
    keras_mutant(
        "only-rank-2",
        "inputs of rank above 2 are refused",
        "outputs.every-rank",
        _replaced(build=_only_rank_2),
        only_raises=True,
    ),
    keras_mutant(
        "reshaped-by-the-static-shape",
        "leading axes of unknown length raise",
        "shapes.unknown-dimensions",
        _replaced(product=_reshaped_by_the_static_shape),
        only_raises=True,
    ),
)
