"""Wrong Keras layers, as third parties write them. By authors who did not know the rules of the diagnosis."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from conformance.implementations.keras.mutants.made import Layer, Methods, keras_mutant
from conformance.implementations.keras.written import written_by_hand
from conformance.implementations.mutant import Mutant, of_generation

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
OF_THE_BASE = ("name", "dtype", "trainable", "input_shape", "weights")


def _replaced(**methods: Any) -> Callable[[], Methods]:
    return lambda: methods


def _arguments(changed: Understood = dict, order: Sequence[str] = ORDER) -> Callable[[], Methods]:
    """changed: the arguments as they are understood. order: their names by position."""

    def __init__(self: Layer, units: int, *given: Any, **named: Any) -> None:  # noqa: N807
        written_by_hand().__init__(self, units, **changed({**dict(zip(order, given, strict=False)), **named}))

    return _replaced(__init__=__init__)


def _known_ones(arguments: Arguments) -> Arguments:
    return {name: given for name, given in arguments.items() if name in (*ORDER, *OF_THE_BASE)}


def _without(*names: str) -> Understood:
    return lambda arguments: {name: given for name, given in arguments.items() if name not in names}


def _only_names_activate(arguments: Arguments) -> Arguments:
    given = arguments.get("activation")
    return {**arguments, "activation": given if isinstance(given, str | dict) else None}


def _seeded_by_default(arguments: Arguments) -> Arguments:
    import tensorflow as tf

    return {"kernel_initializer": tf.keras.initializers.GlorotUniform(seed=42), **arguments}


def _drawn_as_units_by_features(self: Layer, shape: tuple[int, ...]) -> Any:
    import tensorflow as tf

    own = self.kernel_initializer

    def turned(shape: Sequence[int], dtype: Any = None, **_: Any) -> Any:
        return tf.transpose(own(tuple(reversed(shape)), dtype=dtype))

    return written_by_hand().add_kernel(self, shape, initializer=turned if callable(own) else own)


def _bias_made(settings: Callable[[Layer], Arguments]) -> Callable[[], Methods]:
    return _replaced(add_bias=lambda self, shape: written_by_hand().add_bias(self, shape, **settings(self)))


def _constrained_by_calls(self: Layer, inputs: Any) -> Any:
    if self.kernel_constraint is not None:
        self.kernel.assign(self.kernel_constraint(self.kernel))
    return written_by_hand().call(self, inputs)


def _named_w_and_b(self: Layer, width: int) -> None:
    self.kernel = self.add_kernel((width, self.units), name="w")
    self.bias = self.add_bias((self.units,), name="b") if self.use_bias else None


def _bias_in_a_plain_variable() -> Methods:
    import tensorflow as tf

    def add_bias(self: Layer, shape: tuple[int, ...]) -> Any:
        initializer = self.bias_initializer or tf.keras.initializers.GlorotUniform()
        with tf.init_scope():
            return tf.Variable(initializer(shape, dtype=self.variable_dtype), name="bias")

    def biased(self: Layer, product: Any) -> Any:
        return product if self.bias is None else product + tf.cast(self.bias, product.dtype)

    return {"add_bias": add_bias, "biased": biased}


def _reshaped_to_fit(self: Layer, weights: Sequence[Any]) -> None:
    if len(weights) != len(self.weights):
        raise ValueError(f"expected {len(self.weights)} weights, got {len(weights)}")
    for variable, values in zip(self.weights, weights, strict=True):
        variable.assign(np.reshape(values, tuple(variable.shape)))


def _config(changed: Callable[[Layer, Arguments], Arguments]) -> Callable[[], Methods]:
    return _replaced(get_config=lambda self: changed(self, written_by_hand().get_config(self)))


def _config_without(*names: str) -> Callable[[], Methods]:
    return _config(lambda _, config: _without(*names)(config))


def _stored_as_units_by_features() -> Methods:
    def save_own_variables(self: Layer, store: Any) -> None:
        for place, values in enumerate(self.get_weights()):
            store[str(place)] = np.transpose(values)

    def load_own_variables(self: Layer, store: Any) -> None:
        self.set_weights([np.transpose(store[str(place)]) for place in range(len(store.keys()))])

    return {"save_own_variables": save_own_variables, "load_own_variables": load_own_variables}


def _misfits_skipped(self: Layer, store: Any) -> None:
    for place, variable in enumerate(self.weights):
        name = str(place)
        if name in store.keys() and tuple(store[name].shape) == tuple(variable.shape):  # noqa: SIM118
            variable.assign(store[name])


def _masking_not_supported(self: Layer, *given: Any, **named: Any) -> None:
    written_by_hand().__init__(self, *given, **named)
    self.supports_masking = False


def _zero_where_masked(self: Layer, inputs: Any, mask: Any = None) -> Any:
    import tensorflow as tf

    outputs = written_by_hand().call(self, inputs)
    return outputs if mask is None else tf.where(mask[..., None], outputs, tf.zeros_like(outputs))


def _logits_in_training(self: Layer, inputs: Any, training: Any = None) -> Any:
    import tensorflow as tf

    z = self.biased(self.product(tf.cast(inputs, self.compute_dtype)))
    return z if training else self.activation(z)


def _weights_in_the_compute_dtype() -> Methods:
    dense = written_by_hand()
    return {
        "add_kernel": lambda self, shape: dense.add_kernel(self, shape, dtype=self.compute_dtype),
        "add_bias": lambda self, shape: dense.add_bias(self, shape, dtype=self.compute_dtype),
    }


def _outputs_in_the_variable_dtype(self: Layer, inputs: Any) -> Any:
    import tensorflow as tf

    return tf.cast(written_by_hand().call(self, inputs), self.variable_dtype)


def _inputs_not_cast(self: Layer, inputs: Any) -> Any:
    return self.activation(self.biased(self.product(inputs)))


def _only_rank_2(self: Layer, input_shape: Any) -> None:
    import tensorflow as tf

    written_by_hand().build(self, input_shape)
    self.input_spec = tf.keras.layers.InputSpec(ndim=2, axes={-1: input_shape[-1]})


def _reshaped_by_the_static_shape(self: Layer, inputs: Any) -> Any:
    import tensorflow as tf

    rows = tf.reshape(inputs, [np.prod(inputs.shape[:-1], dtype=int), inputs.shape[-1]])
    return tf.reshape(rows @ tf.convert_to_tensor(self.kernel), [*inputs.shape[:-1], self.units])


def _bias_gradient_averaged() -> Methods:
    import tensorflow as tf

    @tf.custom_gradient  # type: ignore[untyped-decorator]
    def plus(product: Any, bias: Any) -> Any:
        def backward(upstream: Any) -> Any:
            return upstream, tf.reduce_mean(upstream, axis=list(range(len(product.shape) - 1)))

        return product + bias, backward

    def biased(self: Layer, product: Any) -> Any:
        return product if self.bias is None else plus(product, tf.convert_to_tensor(self.bias))

    return {"biased": biased}


def _nothing_trains_below(self: Layer, inputs: Any) -> Any:
    import tensorflow as tf

    return written_by_hand().call(self, tf.stop_gradient(inputs))


def _operands_constant_in_gradients() -> Methods:
    import tensorflow as tf

    @tf.custom_gradient  # type: ignore[untyped-decorator]
    def times(inputs: Any, kernel: Any) -> Any:
        leading = list(range(len(inputs.shape) - 1))

        def backward(upstream: Any) -> Any:
            given, weights = tf.stop_gradient(inputs), tf.stop_gradient(kernel)
            return tf.tensordot(upstream, weights, [[len(leading)], [1]]), tf.tensordot(given, upstream, [leading] * 2)

        return tf.tensordot(inputs, kernel, [[len(leading)], [0]]), backward

    return {"product": lambda self, inputs: times(inputs, tf.convert_to_tensor(self.kernel))}


MUTANTS: tuple[Mutant, ...] = (
    keras_mutant(
        "bias-switch-after-initializers",
        "by position the initializers come before use_bias",
        "errors.positions",
        _arguments(order=SWITCH_LATER),
        only_raises=True,
    ),
    keras_mutant(
        "unknown-keywords-swallowed", "unknown arguments are ignored", "errors.keyword", _arguments(_known_ones)
    ),
    keras_mutant(
        "trainable-swallowed", "the argument trainable is ignored", "weights.frozen", _arguments(_without("trainable"))
    ),
    keras_mutant(
        "only-names-activate",
        "a callable as activation is ignored",
        "outputs.activation-argument",
        _arguments(_only_names_activate),
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
        "drawn-as-units-by-features",
        "the kernel is drawn transposed: its fans are swapped",
        "initializers.distribution",
        _replaced(add_kernel=_drawn_as_units_by_features),
    ),
    keras_mutant(
        "bias-begins-at-zero",
        "bias_initializer is ignored",
        "initializers.certain",
        _bias_made(lambda _: {"initializer": "zeros"}),
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
        "bias-constraint-lost",
        "bias_constraint is ignored",
        "constraints.bias",
        _bias_made(lambda _: {"constraint": None}),
    ),
    keras_mutant(
        "constrained-by-calls",
        "every call applies the kernel's constraint",
        "constraints.only-after-steps",
        _replaced(call=_constrained_by_calls),
    ),
    keras_mutant(
        "named-w-and-b", "the weights are called w and b", "parameters.names", _replaced(make_weights=_named_w_and_b)
    ),
    keras_mutant(
        "bias-in-a-plain-variable",
        "the bias is a tf.Variable, which Keras does not track",
        "parameters.count",
        _bias_in_a_plain_variable,
        wrong_in=of_generation(3),
    ),
    keras_mutant(
        "weights-reshaped-to-fit",
        "set_weights reshapes what does not fit",
        "weights.wrong-ones-refused",
        _replaced(set_weights=_reshaped_to_fit),
    ),
    keras_mutant(
        "config-without-the-base",
        "the config lacks name, trainable and dtype",
        "saving.config-keeps",
        _config_without("name", "trainable", "dtype"),
    ),
    keras_mutant("config-without-use_bias", "the config lacks use_bias", "saving.config", _config_without("use_bias")),
    keras_mutant(
        "activation-itself-in-config",
        "the config holds the activation's function, not its name",
        "saving.config-is-plain",
        _config(lambda self, config: {**config, "activation": self.activation}),
    ),
    keras_mutant(
        "stored-as-units-by-features",
        "the kernel is stored transposed",
        "saving.exchange",
        _stored_as_units_by_features,
        only_raises=True,
        wrong_in=of_generation(3),
    ),
    keras_mutant(
        "misfits-skipped",
        "stored weights that do not fit are skipped without a word",
        "saving.misfits-refused",
        _replaced(load_own_variables=_misfits_skipped),
        wrong_in=of_generation(3),
    ),
    keras_mutant(
        "mask-not-passed-on", "the mask is lost", "composition.masks", _replaced(__init__=_masking_not_supported)
    ),
    keras_mutant("zero-where-masked", "masked steps are zero", "composition.masks", _replaced(call=_zero_where_masked)),
    keras_mutant(
        "logits-in-training", "no activation in training", "state.training-mode", _replaced(call=_logits_in_training)
    ),
    keras_mutant(
        "weights-in-the-compute-dtype",
        "under a mixed policy the weights have the compute dtype",
        "dtypes.variables",
        _weights_in_the_compute_dtype,
    ),
    keras_mutant(
        "outputs-in-the-variable-dtype",
        "under a mixed policy the outputs are cast to float32",
        "dtypes.outputs",
        _replaced(call=_outputs_in_the_variable_dtype),
    ),
    keras_mutant(
        "integers-not-cast",
        "integer inputs are not cast, and raise",
        "dtypes.inputs-cast",
        _replaced(call=_inputs_not_cast),
        only_raises=True,
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
    keras_mutant(
        "infers-the-inputs-shape",
        "compute_output_shape gives the inputs' shape",
        "shapes.inferred",
        _replaced(compute_output_shape=lambda self, input_shape: tuple(input_shape)),
    ),
    keras_mutant(
        "bias-gradient-averaged", "the bias's gradient is a mean over rows", "gradients.bias", _bias_gradient_averaged
    ),
    keras_mutant(
        "nothing-trains-below", "the inputs have no gradient", "gradients.inputs", _replaced(call=_nothing_trains_below)
    ),
    keras_mutant(
        "operands-constant-in-gradients",
        "the product's gradient treats inputs and kernel as constants",
        "gradients.second-order",
        _operands_constant_in_gradients,
    ),
)
