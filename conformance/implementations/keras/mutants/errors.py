"""Keras layers that accept what Keras refuses."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from conformance.implementations.keras.mutants.made import Layer, Methods, keras_mutant
from conformance.implementations.keras.mutants.weights import made_to_fit
from conformance.implementations.keras.written import written_by_hand
from conformance.implementations.mutant import Mutant, of_generation


def _accepting(argument: str, accepted: Callable[[Any], Any]) -> Callable[[], Methods]:
    """accepted: what an argument is taken for, right ones as they are."""

    def methods() -> Methods:
        def __init__(self: Layer, units: Any = 3, **arguments: Any) -> None:  # noqa: N807
            named = {"units": units, **arguments}
            if argument in named:
                named[argument] = accepted(named[argument])
            written_by_hand().__init__(self, **named)

        return {"__init__": __init__}

    return methods


def _some_units(units: Any) -> int:
    return units if isinstance(units, int) and units > 0 else 3


def _cut(units: Any) -> Any:
    return int(units) if isinstance(units, float) else units


def _known(kind: str) -> Callable[[Any], Any]:
    """None in place of what Keras does not know."""

    def accepted(given: Any) -> Any:
        import tensorflow as tf

        try:
            found = getattr(tf.keras, kind).get(given)
        except (ValueError, TypeError):
            return None
        return given if callable(found) else None

    return accepted


def _glorot_else(given: Any) -> Any:
    return _known("initializers")(given) or "glorot_uniform"


def _float32_else(given: Any) -> Any:
    return "float32" if given == "no_such_dtype" else given


def _keywords_swallowed() -> Methods:
    known = {
        *("activation", "use_bias", "kernel_initializer", "bias_initializer", "kernel_regularizer"),
        *("bias_regularizer", "activity_regularizer", "kernel_constraint", "bias_constraint"),
        *("name", "dtype", "trainable", "input_shape", "autocast"),
    }

    def __init__(self: Layer, units: int, *given: Any, **arguments: Any) -> None:  # noqa: N807
        kept = {name: value for name, value in arguments.items() if name in known}
        written_by_hand().__init__(self, units, *given, **kept)

    return {"__init__": __init__}


def _broken_by_a_refusal() -> Methods:
    def __call__(self: Layer, *given: Any, **named: Any) -> Any:  # noqa: N807
        try:
            outputs = written_by_hand().__call__(self, *given, **named)
        except Exception:
            self.refused = True
            raise
        return outputs * 0 if getattr(self, "refused", False) else outputs

    return {"__call__": __call__}


def _built_by_a_refusal() -> Methods:
    """For the length of a vector's first axis, whatever its last."""

    def __call__(self: Layer, inputs: Any, **named: Any) -> Any:  # noqa: N807
        if not self.built and len(getattr(inputs, "shape", ())) == 1:
            self.build((None, 1))
        return written_by_hand().__call__(self, inputs, **named)

    return {"__call__": __call__}


def _known_to_keras_2() -> Methods:
    named = {"l1_l2": lambda w: 0.01 * abs(w), "maxnorm": "max_norm"}

    def __init__(self: Layer, units: int, *given: Any, weights: Any = None, **arguments: Any) -> None:  # noqa: N807
        known = {key: named.get(value, value) if isinstance(value, str) else value for key, value in arguments.items()}
        written_by_hand().__init__(self, units, *given, **known)

    return {"__init__": __init__}


def _first_of_several() -> Methods:
    def __call__(self: Layer, inputs: Any, **named: Any) -> Any:  # noqa: N807
        return written_by_hand().__call__(self, inputs[0] if isinstance(inputs, list) else inputs, **named)

    return {"__call__": __call__}


def _regularizers_swapped() -> Methods:
    def __init__(  # noqa: N807
        self: Layer,
        units: int,
        activation: Any = None,
        use_bias: bool = True,
        kernel_initializer: Any = "glorot_uniform",
        bias_initializer: Any = "zeros",
        bias_regularizer: Any = None,
        kernel_regularizer: Any = None,
        **arguments: Any,
    ) -> None:
        written_by_hand().__init__(
            self,
            units,
            activation,
            use_bias,
            kernel_initializer,
            bias_initializer,
            kernel_regularizer,
            bias_regularizer,
            **arguments,
        )

    return {"__init__": __init__}


def _initializers_swapped() -> Methods:
    def __init__(  # noqa: N807
        self: Layer, units: int, activation: Any = None, use_bias: bool = True, *given: Any, **named: Any
    ) -> None:
        swapped = (given[1], given[0], *given[2:]) if len(given) > 1 else given
        written_by_hand().__init__(self, units, activation, use_bias, *swapped, **named)

    return {"__init__": __init__}


def _mutant(name: str, says: str, breaks: str, methods: Callable[[], Methods], **named: Any) -> Mutant:
    return keras_mutant(name, says, f"errors.{breaks}", methods, **named)


def _any_width() -> Methods:
    """Features too many are cut off, and those too few are zeros."""
    import tensorflow as tf

    def build(self: Layer, input_shape: Any) -> None:
        written_by_hand().build(self, input_shape)
        self.input_spec = tf.keras.layers.InputSpec(min_ndim=2)

    def product(self: Layer, inputs: Any) -> Any:
        width = self.kernel.shape[0]
        lacking = max(0, width - inputs.shape[-1])
        padded = tf.pad(inputs, [*([0, 0] for _ in inputs.shape[:-1]), [0, lacking]])
        return written_by_hand().product(self, padded[..., :width])

    return {"build": build, "product": product}


def _refused_late() -> Methods:
    """Nothing is looked at before the layer is built."""

    def __init__(self: Layer, *given: Any, **arguments: Any) -> None:  # noqa: N807
        try:
            written_by_hand().__init__(self, *given, **arguments)
        except (TypeError, ValueError) as failure:
            written_by_hand().__init__(self, 3)
            self.failure = failure

    def build(self: Layer, input_shape: Any) -> None:
        if hasattr(self, "failure"):
            raise self.failure
        written_by_hand().build(self, input_shape)

    return {"__init__": __init__, "build": build}


def _refused_by_another_type() -> Methods:
    def __init__(self: Layer, *given: Any, **arguments: Any) -> None:  # noqa: N807
        try:
            written_by_hand().__init__(self, *given, **arguments)
        except (TypeError, ValueError) as failure:
            raise RuntimeError(str(failure)) from None

    return {"__init__": __init__}


MUTANTS: tuple[Mutant, ...] = (
    _mutant("refused-late", "arguments are looked at when the layer is built", "moment-and-type", _refused_late),
    _mutant(
        "refused-by-another-type", "what is refused is a RuntimeError", "moment-and-type", _refused_by_another_type
    ),
    _mutant("units-guessed", "odd units become 3", "units", _accepting("units", _some_units)),
    _mutant(
        "units-cut",
        "a fraction of a unit is cut off",
        "fractional-units",
        _accepting("units", _cut),
        wrong_in=of_generation(3),
    ),
    _mutant(
        "activation-else-linear",
        "an unknown activation is linear",
        "activation",
        _accepting("activation", _known("activations")),
    ),
    _mutant(
        "class-names-accepted",
        "LeakyReLU is an activation, as in Keras 2",
        "activation-class-names",
        _accepting("activation", lambda given: "leaky_relu" if given == "LeakyReLU" else given),
        wrong_in=of_generation(3),
    ),
    _mutant(
        "initializer-else-glorot",
        "an unknown initializer is the default",
        "initializer",
        _accepting("kernel_initializer", _glorot_else),
    ),
    _mutant(
        "regularizer-else-none",
        "an unknown regularizer is none",
        "regularizer",
        _accepting("kernel_regularizer", _known("regularizers")),
    ),
    _mutant(
        "constraint-else-none",
        "an unknown constraint is none",
        "constraint",
        _accepting("kernel_constraint", _known("constraints")),
    ),
    _mutant("dtype-else-float32", "an unknown dtype is float32", "dtype", _accepting("dtype", _float32_else)),
    _mutant("keywords-swallowed", "unknown keywords are swallowed", "keyword", _keywords_swallowed),
    _mutant("broken-by-a-refusal", "after a refusal outputs are zeros", "recovery", _broken_by_a_refusal),
    _mutant(
        "built-by-a-refusal",
        "a refused vector makes the weights",
        "recovery",
        _built_by_a_refusal,
        only_raises=True,
    ),
    _mutant(
        "known-to-keras-2",
        "names and arguments of Keras 2 are taken",
        "keras-2",
        _known_to_keras_2,
        wrong_in=of_generation(3),
    ),
    _mutant("first-of-several", "of a list of tensors the first is taken", "recovery", _first_of_several),
    _mutant("any-width", "inputs are cut or padded to the kernel", "inputs", _any_width),
    _mutant("any-weights", "set_weights reshapes and broadcasts", "weights", made_to_fit),
    _mutant(
        "bias-constraint-else-none",
        "an unknown constraint of the bias is none",
        "constraint",
        _accepting("bias_constraint", _known("constraints")),
    ),
    _mutant("initializers-swapped", "the bias's initializer comes first", "positions", _initializers_swapped),
    _mutant(
        "regularizers-swapped",
        "positions after the initializers are others",
        "positions",
        _regularizers_swapped,
        only_raises=True,
    ),
)
