"""Keras layers whose constraints are wrong."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from conformance.implementations.keras.mutants.made import Layer, Methods, keras_mutant
from conformance.implementations.keras.written import written_by_hand
from conformance.implementations.mutant import Mutant


def _with(**changed: Callable[[Layer], Any]) -> Callable[[], Methods]:
    """kernel, bias: the constraint that is put in place of the right one."""

    def methods() -> Methods:
        def make_weights(self: Layer, width: int) -> None:
            kernel = changed.get("kernel", lambda layer: layer.kernel_constraint)(self)
            bias = changed.get("bias", lambda layer: layer.bias_constraint)(self)
            self.kernel = self.add_kernel((width, self.units), constraint=kernel)
            self.bias = self.add_bias((self.units,), constraint=bias) if self.use_bias else None

        return {"make_weights": make_weights}

    return methods


def _constraint(apply: Callable[[Any], Any]) -> Any:
    import tensorflow as tf

    class Wrong(tf.keras.constraints.Constraint):  # type: ignore[misc]
        def __call__(self, weights: Any) -> Any:
            return apply(tf.convert_to_tensor(weights))

    return Wrong()


def _along_the_other_axis(layer: Layer) -> Any:
    import tensorflow as tf

    own = layer.kernel_constraint
    return own and _constraint(lambda w: tf.transpose(own(tf.transpose(w))))


def _applied_twice(layer: Layer) -> Any:
    own = layer.bias_constraint
    return own and _constraint(lambda w: own(own(2 * w)))


def _kernels(changed: Callable[[Any, Any], Any]) -> Callable[[], Methods]:
    """changed: what a wrong constraint makes of a kernel, given the right constraint."""

    def wrong(layer: Layer) -> Any:
        own = layer.kernel_constraint
        return own and _constraint(lambda w: changed(own, w))

    return _with(kernel=wrong)


def _zero_by_zero(own: Any, weights: Any) -> Any:
    import tensorflow as tf

    is_unit = type(own).__name__ == "UnitNorm"
    return weights / tf.norm(weights, axis=own.axis, keepdims=True) if is_unit else own(weights)


def _epsilon_in_the_root(own: Any, weights: Any) -> Any:
    import tensorflow as tf

    if type(own).__name__ != "UnitNorm":
        return own(weights)
    return weights * tf.math.rsqrt(tf.reduce_sum(weights * weights, axis=own.axis, keepdims=True) + 1e-7)


def _never_lowered(own: Any, weights: Any) -> Any:
    if type(own).__name__ != "MinMaxNorm":
        return own(weights)
    return type(own)(own.min_value, 1e30, own.rate, own.axis)(weights)


def _in_float32(own: Any, weights: Any) -> Any:
    import tensorflow as tf

    return tf.cast(own(tf.cast(weights, tf.float32)), weights.dtype)


def _the_kernels_where_both_are_given(layer: Layer) -> Any:
    both = layer.kernel_constraint is not None and layer.bias_constraint is not None
    return layer.kernel_constraint if both else layer.bias_constraint


def _when_built() -> Methods:
    def make_weights(self: Layer, width: int) -> None:
        written_by_hand().make_weights(self, width)
        for weight in (self.kernel, self.bias):
            if weight is not None and weight.constraint is not None:
                weight.assign(weight.constraint(weight))

    return {"make_weights": make_weights}


def _when_set() -> Methods:
    def set_weights(self: Layer, weights: Any) -> None:
        written_by_hand().set_weights(self, weights)
        for weight in self.weights:
            if weight.constraint is not None:
                weight.assign(weight.constraint(weight))

    return {"set_weights": set_weights}


def _configs_by_their_class() -> Methods:
    def __init__(self: Layer, units: int, **arguments: Any) -> None:  # noqa: N807
        kept = {
            name: value["class_name"] if name.endswith("constraint") and isinstance(value, dict) else value
            for name, value in arguments.items()
        }
        written_by_hand().__init__(self, units, **kept)

    return {"__init__": __init__}


def _at_calls() -> Methods:
    def call(self: Layer, inputs: Any) -> Any:
        for constraint, weight in ((self.kernel_constraint, self.kernel), (self.bias_constraint, self.bias)):
            if constraint is not None and weight is not None:
                weight.assign(constraint(weight))
        return written_by_hand().call(self, inputs)

    return {"call": call}


def _only_objects() -> Methods:
    def __init__(self: Layer, units: int, kernel_constraint: Any = None, **arguments: Any) -> None:  # noqa: N807
        known = None if isinstance(kernel_constraint, str | dict) else kernel_constraint
        written_by_hand().__init__(self, units, kernel_constraint=known, **arguments)

    return {"__init__": __init__}


def _only_constraints() -> Methods:
    def __init__(self: Layer, units: int, kernel_constraint: Any = None, **arguments: Any) -> None:  # noqa: N807
        plain = callable(kernel_constraint) and not hasattr(kernel_constraint, "get_config")
        written_by_hand().__init__(self, units, kernel_constraint=None if plain else kernel_constraint, **arguments)

    return {"__init__": __init__}


def _eager_alone(layer: Layer) -> Any:
    import tensorflow as tf

    own = layer.kernel_constraint
    return own and _constraint(lambda w: own(w) if tf.executing_eagerly() else tf.identity(w))


MUTANTS: tuple[Mutant, ...] = (
    keras_mutant("zero-by-zero", "a column of zeros becomes NaN", "constraints.carried", _kernels(_zero_by_zero)),
    keras_mutant(
        "epsilon-in-the-root",
        "unit_norm adds its epsilon to squares",
        "constraints.carried",
        _kernels(_epsilon_in_the_root),
    ),
    keras_mutant("never-lowered", "min_max_norm has no maximum", "constraints.carried", _kernels(_never_lowered)),
    keras_mutant(
        "constrained-in-float32",
        "float64 kernels are constrained in float32",
        "constraints.carried",
        _kernels(_in_float32),
    ),
    keras_mutant("constrained-when-built", "weights begin constrained", "constraints.not-when-built", _when_built),
    keras_mutant("constrained-when-set", "set_weights constrains", "constraints.only-after-steps", _when_set),
    keras_mutant(
        "bias-by-the-kernels",
        "where both are given the bias has the kernel's",
        "constraints.bias",
        _with(bias=_the_kernels_where_both_are_given),
    ),
    keras_mutant(
        "configs-by-their-class", "of a config the class alone is kept", "constraints.forms", _configs_by_their_class
    ),
    keras_mutant("kernel-unconstrained", "the kernel is free", "constraints.kernel", _with(kernel=lambda _: None)),
    keras_mutant(
        "kernel-with-biases-constraint",
        "the kernel has the bias's constraint",
        "constraints.kernel",
        _with(kernel=lambda layer: layer.bias_constraint),
    ),
    keras_mutant(
        "constrained-along-the-other-axis",
        "norms are taken along the units",
        "constraints.kernel",
        _with(kernel=_along_the_other_axis),
    ),
    keras_mutant("bias-unconstrained", "the bias is free", "constraints.bias", _with(bias=lambda _: None)),
    keras_mutant(
        "bias-constrained-doubled", "the bias is doubled first", "constraints.bias", _with(bias=_applied_twice)
    ),
    keras_mutant("only-objects-constrain", "names and configs are ignored", "constraints.forms", _only_objects),
    keras_mutant("only-constraints-constrain", "a callable is ignored", "constraints.callable", _only_constraints),
    keras_mutant("constrained-at-calls", "a call constrains", "constraints.only-after-steps", _at_calls),
    keras_mutant(
        "constrained-eagerly-alone", "a graph does not constrain", "constraints.training", _with(kernel=_eager_alone)
    ),
)
