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
