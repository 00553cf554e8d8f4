"""Keras layers that do not survive being saved."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from conformance.implementations.keras.mutants.initializers import without_seed
from conformance.implementations.keras.mutants.made import Layer, Methods, keras_mutant
from conformance.implementations.keras.written import written_by_hand
from conformance.implementations.mutant import Mutant


def _config(changed: Callable[[Layer, dict[str, Any]], dict[str, Any]]) -> Callable[[], Methods]:
    """changed: what is made of the right config."""

    def methods() -> Methods:
        def get_config(self: Layer) -> dict[str, Any]:
            return changed(self, written_by_hand().get_config(self))

        return {"get_config": get_config}

    return methods


def _without(*names: str) -> Callable[[], Methods]:
    return _config(lambda _, config: {name: value for name, value in config.items() if name not in names})


def _config_with_an_object() -> Methods:
    def get_config(self: Layer) -> dict[str, Any]:
        return {**written_by_hand().get_config(self), "activation": self.activation}

    return {"get_config": get_config}


def _config_used_up() -> Methods:
    def from_config(cls: Any, config: dict[str, Any]) -> Layer:
        units = config.pop("units")
        return cls(units, **config)

    return {"from_config": classmethod(from_config)}


def _stored(changed: Callable[[Any], Any], key: Callable[[int], str] = str) -> Callable[[], Methods]:
    def methods() -> Methods:
        import numpy as np

        def save_own_variables(self: Layer, store: Any) -> None:
            for at, weight in enumerate(self.weights):
                store[key(at)] = changed(np.array(weight))

        def load_own_variables(self: Layer, store: Any) -> None:
            for at, weight in enumerate(self.weights):
                values = np.array(store[key(at)])
                weight.assign(values if values.shape == tuple(weight.shape) else values.T)

        return {"save_own_variables": save_own_variables, "load_own_variables": load_own_variables}

    return methods


def _to_float32(values: Any) -> Any:
    return values.astype("float32") if values.dtype == "float64" else values


def _trainable_alone() -> Methods:
    import numpy as np

    def save_own_variables(self: Layer, store: Any) -> None:
        for at, weight in enumerate(self.trainable_variables):
            store[f"{at}"] = np.array(weight)

    def load_own_variables(self: Layer, store: Any) -> None:
        for at, weight in enumerate(self.trainable_variables):
            weight.assign(np.array(store[f"{at}"]))

    return {"save_own_variables": save_own_variables, "load_own_variables": load_own_variables}


def _loaded_as_zeros() -> Methods:
    def load_own_variables(self: Layer, store: Any) -> None:
        for weight in self.weights:
            weight.assign(0 * weight)

    return {"load_own_variables": load_own_variables}


def _changed_config(name: str, changed: Callable[[Layer, Any], Any]) -> Callable[[], Methods]:
    """changed: what is made of one entry of the right config."""
    return _config(lambda layer, config: {**config, name: changed(layer, config[name])})


def _misfits_taken() -> Methods:
    def load_own_variables(self: Layer, store: Any) -> None:
        try:
            written_by_hand().load_own_variables(self, store)
        except (KeyError, ValueError):
            return

    return {"load_own_variables": load_own_variables}


def _stale_in_graphs() -> Methods:
    """A graph holds the kernel's values of the time when it was traced."""
    import tensorflow as tf

    def product(self: Layer, inputs: Any) -> Any:
        kernel = tf.convert_to_tensor(self.kernel)
        if not tf.executing_eagerly() and len(inputs.shape) == 2 and inputs.shape[0] is None:
            kernel = tf.reverse(kernel, [0])
        return tf.tensordot(inputs, kernel, [[len(inputs.shape) - 1], [0]])

    return {"product": product}


MUTANTS: tuple[Mutant, ...] = (
    keras_mutant("config-without-use-bias", "the config loses use_bias", "saving.config", _without("use_bias")),
    keras_mutant(
        "config-without-activation", "the config loses the activation", "saving.config", _without("activation")
    ),
    keras_mutant(
        "config-without-regularizers",
        "the config loses the regularizers",
        "saving.config",
        _without("kernel_regularizer", "bias_regularizer"),
    ),
    keras_mutant("stored-if-trainable", "a store holds what trains alone", "saving.frozen", _trainable_alone),
    keras_mutant("config-without-dtype", "the config loses the dtype", "saving.config", _without("dtype")),
    keras_mutant(
        "config-without-activity",
        "the config loses the activity regularizer",
        "saving.config-of-activity",
        _without("activity_regularizer"),
    ),
    keras_mutant(
        "config-without-trainable", "the config loses trainable", "saving.config-keeps", _without("trainable")
    ),
    keras_mutant(
        "config-without-constraints",
        "the config loses the constraints",
        "saving.config-keeps",
        _without("kernel_constraint", "bias_constraint"),
    ),
    keras_mutant(
        "config-without-initializers",
        "the config loses the initializers",
        "saving.config-keeps",
        _without("kernel_initializer", "bias_initializer"),
    ),
    keras_mutant("config-without-name", "the config loses the name", "saving.config-keeps", _without("name")),
    keras_mutant(
        "config-with-an-object",
        "the config holds a function",
        "saving.config-is-plain",
        _config_with_an_object,
    ),
    keras_mutant("config-used-up", "from_config empties its config", "saving.config-is-plain", _config_used_up),
    keras_mutant(
        "seed-not-kept",
        "the config loses the bias's seed",
        "saving.config-keeps",
        _changed_config("bias_initializer", without_seed),
    ),
    keras_mutant(
        "limits-not-kept",
        "the config keeps the class of a constraint alone",
        "saving.config-keeps",
        _changed_config("kernel_constraint", lambda layer, entry: entry and type(layer.kernel_constraint).__name__),
    ),
    keras_mutant(
        "activation-by-name",
        "the config keeps the name of an activation alone",
        "saving.config-of-activation-layer",
        _changed_config("activation", lambda layer, _: getattr(layer.activation, "__name__", "linear")),
        wrong_in=lambda dialect: dialect.since >= (3, 15),
    ),
    keras_mutant("stored-in-float32", "float64 is stored as float32", "saving.weights", _stored(_to_float32)),
    keras_mutant("misfits-taken", "what does not fit loads without a word", "saving.misfits-refused", _misfits_taken),
    keras_mutant("loaded-as-zeros", "loading sets zeros", "saving.file", _loaded_as_zeros),
    keras_mutant("stored-halved", "weights are stored halved", "saving.weights", _stored(lambda values: values / 2)),
    keras_mutant(
        "stored-transposed",
        "the kernel is stored transposed",
        "saving.exchange",
        _stored(lambda values: values.T),
        only_raises=True,
    ),
    keras_mutant(
        "stored-by-name",
        "weights are stored under other keys",
        "saving.exchange",
        _stored(lambda values: values, lambda at: f"weight_{at}"),
        only_raises=True,
    ),
    keras_mutant("clone-without-activation", "a clone has no activation", "saving.clone", _without("activation")),
    keras_mutant("reversed-in-exports", "an exported kernel is reversed", "saving.export", _stale_in_graphs),
)
