"""Keras layers whose penalties are wrong."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from conformance.implementations.keras.mutants.made import Layer, Methods, keras_mutant
from conformance.implementations.keras.mutants.modes import costs_nothing_when_evaluated
from conformance.implementations.keras.written import written_by_hand
from conformance.implementations.mutant import Mutant, of_generation


def _kernel_penalty(changed: Callable[[Layer, Any], Any]) -> Callable[[], Methods]:
    """changed: what is made of the kernel's own regularizer."""

    def methods() -> Methods:
        def make_weights(self: Layer, width: int) -> None:
            own = self.kernel_regularizer
            wrong = None if own is None else changed(self, own)
            self.kernel = self.add_kernel((width, self.units), regularizer=wrong)
            self.bias = self.add_bias((self.units,)) if self.use_bias else None

        return {"make_weights": make_weights}

    return methods


def _regularizer(penalty: Callable[[Any], Any]) -> Any:
    import tensorflow as tf

    class Wrong(tf.keras.regularizers.Regularizer):  # type: ignore[misc]
        def __call__(self, weights: Any) -> Any:
            return penalty(tf.convert_to_tensor(weights))

    return Wrong()


def _averaged(_: Layer, own: Any) -> Any:
    return _regularizer(lambda w: own(w) / float(w.shape[0] * w.shape[1]))


def _halved(_: Layer, own: Any) -> Any:
    return _regularizer(lambda w: own(w) / 2)


def _stopped(_: Layer, own: Any) -> Any:
    import tensorflow as tf

    return _regularizer(lambda w: own(tf.stop_gradient(w)))


def _orthogonal_stopped(_: Layer, own: Any) -> Any:
    return _stopped(_, own) if type(own).__name__ == "OrthogonalRegularizer" else own


def _l1_l2_ignored() -> Methods:
    def __init__(self: Layer, units: int, **arguments: Any) -> None:  # noqa: N807
        written_by_hand().__init__(
            self, units, **{name: None if given == "l1_l2" else given for name, given in arguments.items()}
        )

    return {"__init__": __init__}


def _of_the_rounded(layer: Layer, own: Any) -> Any:
    import tensorflow as tf

    return _regularizer(lambda w: tf.cast(own(tf.cast(w, layer.compute_dtype)), w.dtype))


def _of_the_first(_: Layer, own: Any) -> Any:
    """The value of its first evaluation, with the gradients of the others."""
    import tensorflow as tf

    first: list[Any] = []

    def penalty(weights: Any) -> Any:
        cost = own(weights)
        if not first and tf.executing_eagerly():
            first.append(float(cost))
        return cost - tf.stop_gradient(cost) + first[0] if first else cost

    return _regularizer(penalty)


def _bias_forgotten() -> Methods:
    def make_weights(self: Layer, width: int) -> None:
        self.kernel = self.add_kernel((width, self.units))
        self.bias = self.add_bias((self.units,), regularizer=None) if self.use_bias else None

    return {"make_weights": make_weights}


def _bias_with_kernels_regularizer() -> Methods:
    def make_weights(self: Layer, width: int) -> None:
        self.kernel = self.add_kernel((width, self.units))
        own = self.bias_regularizer and self.kernel_regularizer
        self.bias = self.add_bias((self.units,), regularizer=own) if self.use_bias else None

    return {"make_weights": make_weights}


def _penalty_added_again() -> Methods:
    def call(self: Layer, inputs: Any) -> Any:
        if self.kernel_regularizer is not None:
            self.add_loss(self.kernel_regularizer(self.kernel))
        return written_by_hand().call(self, inputs)

    return {"call": call}


def _penalty_from_calls_alone() -> Methods:
    def make_weights(self: Layer, width: int) -> None:
        self.kernel = self.add_kernel((width, self.units), regularizer=None)
        self.bias = self.add_bias((self.units,), regularizer=None) if self.use_bias else None

    def call(self: Layer, inputs: Any) -> Any:
        for regularizer, weight in ((self.kernel_regularizer, self.kernel), (self.bias_regularizer, self.bias)):
            if regularizer is not None and weight is not None:
                self.add_loss(regularizer(weight))
        return written_by_hand().call(self, inputs)

    return {"make_weights": make_weights, "call": call}


def _activity(penalized: Callable[[Layer, Any], Any]) -> Callable[[], Methods]:
    """penalized: what the activity's penalty is taken of, and divided by, for some inputs."""

    def methods() -> Methods:
        def __init__(self: Layer, units: int, activity_regularizer: Any = None, **arguments: Any) -> None:  # noqa: N807
            import tensorflow as tf

            written_by_hand().__init__(self, units, **arguments)
            self.own_activity_regularizer = tf.keras.regularizers.get(activity_regularizer)

        def call(self: Layer, inputs: Any) -> Any:
            if self.own_activity_regularizer is not None:
                values, divisor = penalized(self, inputs)
                self.add_loss(self.own_activity_regularizer(values) / divisor)
            return written_by_hand().call(self, inputs)

        return {"__init__": __init__, "call": call}

    return methods


def _of_pre_activations(self: Layer, inputs: Any) -> tuple[Any, float]:
    return self.biased(self.product(inputs)), float(inputs.shape[0])


def _by_all_rows(self: Layer, inputs: Any) -> tuple[Any, float]:
    outputs = written_by_hand().call(self, inputs)
    rows = 1.0
    for axis in outputs.shape[:-1]:
        rows *= axis
    return outputs, rows


def _by_nothing_or_twice(self: Layer, inputs: Any) -> tuple[Any, float]:
    return written_by_hand().call(self, inputs), 2.0 * float(inputs.shape[0])


def _not_into_the_inputs(self: Layer, inputs: Any) -> tuple[Any, float]:
    import tensorflow as tf

    return written_by_hand().call(self, tf.stop_gradient(inputs)), float(inputs.shape[0])


def _by_known_batches(self: Layer, inputs: Any) -> tuple[Any, float]:
    return written_by_hand().call(self, inputs), float(inputs.shape[0] or 1)


def _where_not_masked() -> Methods:
    import tensorflow as tf

    def __init__(self: Layer, units: int, activity_regularizer: Any = None, **arguments: Any) -> None:  # noqa: N807
        written_by_hand().__init__(self, units, **arguments)
        self.own_activity_regularizer = tf.keras.regularizers.get(activity_regularizer)

    def call(self: Layer, inputs: Any, mask: Any = None) -> Any:
        outputs = written_by_hand().call(self, inputs)
        if self.own_activity_regularizer is not None:
            seen = outputs if mask is None else outputs * tf.cast(mask, outputs.dtype)[..., None]
            self.add_loss(self.own_activity_regularizer(seen) / tf.cast(tf.shape(outputs)[0], outputs.dtype))
        return outputs

    return {"__init__": __init__, "call": call}


def _callables_for_the_kernel_alone() -> Methods:
    def __init__(self: Layer, units: int, **arguments: Any) -> None:  # noqa: N807
        for name in ("bias_regularizer", "activity_regularizer"):
            given = arguments.get(name)
            if callable(given) and not hasattr(given, "get_config"):
                del arguments[name]
        written_by_hand().__init__(self, units, **arguments)

    return {"__init__": __init__}


def _only_objects() -> Methods:
    def __init__(self: Layer, units: int, kernel_regularizer: Any = None, **arguments: Any) -> None:  # noqa: N807
        known = None if isinstance(kernel_regularizer, str | dict) else kernel_regularizer
        written_by_hand().__init__(self, units, kernel_regularizer=known, **arguments)

    return {"__init__": __init__}


def _only_regularizers() -> Methods:
    def __init__(self: Layer, units: int, kernel_regularizer: Any = None, **arguments: Any) -> None:  # noqa: N807
        plain = callable(kernel_regularizer) and not hasattr(kernel_regularizer, "get_config")
        written_by_hand().__init__(self, units, kernel_regularizer=None if plain else kernel_regularizer, **arguments)

    return {"__init__": __init__}


def _frozen(losses: Callable[[Layer, list[Any]], list[Any]]) -> Callable[[], Methods]:
    """losses: what a layer that does not train makes of its own losses."""

    def methods() -> Methods:
        def found(self: Layer) -> list[Any]:
            own = written_by_hand().losses.fget(self)
            return own if self.trainable else losses(self, own)

        return {"losses": property(found)}

    return methods


def _with_those_of_weights(self: Layer, losses: list[Any]) -> list[Any]:
    """The rule of Keras 2."""
    regularized = ((self.kernel_regularizer, self.kernel), (self.bias_regularizer, self.bias))
    return [*losses, *(regularizer(weight) for regularizer, weight in regularized if regularizer is not None)]


def _without_those_of_weights(self: Layer, losses: list[Any]) -> list[Any]:
    """The rule of Keras 3: of Keras 2's list the activity's come first."""
    regularizers = (self.kernel_regularizer, self.bias_regularizer)
    return losses[: len(losses) - sum(each is not None for each in regularizers)]


def _not_in_training() -> Methods:
    """The list is right in eager mode alone."""
    import tensorflow as tf

    def make_weights(self: Layer, width: int) -> None:
        def quiet(own: Any) -> Any:
            return own and _regularizer(lambda w: own(w) if tf.executing_eagerly() else 0.0 * own(w))

        self.kernel = self.add_kernel((width, self.units), regularizer=quiet(self.kernel_regularizer))
        self.bias = self.add_bias((self.units,), regularizer=quiet(self.bias_regularizer)) if self.use_bias else None

    return {"make_weights": make_weights}


MUTANTS: tuple[Mutant, ...] = (
    keras_mutant("penalty-averaged", "the kernel's penalty is a mean", "losses.kernel", _kernel_penalty(_averaged)),
    keras_mutant("penalty-halved", "the kernel's penalty is halved", "losses.kernel", _kernel_penalty(_halved)),
    keras_mutant(
        "penalty-remembered", "the kernel's first penalty is kept", "losses.kernel", _kernel_penalty(_of_the_first)
    ),
    keras_mutant(
        "penalty-of-the-rounded",
        "the penalty is of the kernel as a mixed policy rounds it",
        "losses.precision",
        _kernel_penalty(_of_the_rounded),
    ),
    keras_mutant(
        "undivided-in-unknown-batches",
        "an unknown batch divides nothing",
        "losses.unknown-batch",
        _activity(_by_known_batches),
        wrong_in=lambda dialect: dialect.divides_activity_loss,
    ),
    keras_mutant("masked-for-nothing", "masked outputs cost nothing", "losses.masked", _where_not_masked),
    keras_mutant(
        "evaluated-for-nothing",
        "outputs cost in training alone",
        "losses.evaluation",
        costs_nothing_when_evaluated,
    ),
    keras_mutant(
        "inputs-for-nothing",
        "the activity's penalty ends at the layer",
        "losses.gradient",
        _activity(_not_into_the_inputs),
    ),
    keras_mutant(
        "callables-for-the-kernel-alone",
        "a callable for bias or activity is ignored",
        "losses.callable",
        _callables_for_the_kernel_alone,
    ),
    keras_mutant("penalty-added-again", "each call adds the kernel's penalty", "losses.kernel", _penalty_added_again),
    keras_mutant("penalty-constant", "the penalty has no gradient", "losses.gradient", _kernel_penalty(_stopped)),
    keras_mutant(
        "orthogonal-constant",
        "orthogonal's penalty has no gradient",
        "losses.gradient",
        _kernel_penalty(_orthogonal_stopped),
    ),
    keras_mutant(
        "l1_l2-ignored",
        "l1_l2 by name is no regularizer",
        "losses.names-of-keras-2",
        _l1_l2_ignored,
        wrong_in=of_generation(2),
    ),
    keras_mutant("bias-penalty-forgotten", "the bias costs nothing", "losses.bias", _bias_forgotten),
    keras_mutant(
        "bias-with-kernels-penalty",
        "the bias has the kernel's regularizer",
        "losses.bias",
        _bias_with_kernels_regularizer,
    ),
    keras_mutant(
        "penalty-of-pre-activations",
        "the activity's penalty is of z",
        "losses.activity",
        _activity(_of_pre_activations),
    ),
    keras_mutant(
        "activity-by-all-rows",
        "the activity's penalty is divided by all rows",
        "losses.activity",
        _activity(_by_all_rows),
    ),
    keras_mutant("activity-halved", "the activity's penalty is halved", "losses.all", _activity(_by_nothing_or_twice)),
    keras_mutant(
        "penalty-from-calls-alone",
        "weights cost nothing before a call",
        "losses.when-built",
        _penalty_from_calls_alone,
    ),
    keras_mutant("frozen-for-nothing", "a frozen layer has no losses", "losses.frozen", _frozen(lambda *_: [])),
    keras_mutant(
        "frozen-at-full-cost",
        "a frozen layer's weights cost what they did, as in Keras 2",
        "losses.frozen",
        _frozen(_with_those_of_weights),
        wrong_in=of_generation(3),
    ),
    keras_mutant(
        "frozen-weights-for-nothing",
        "a frozen layer's weights cost nothing, as in Keras 3",
        "losses.frozen",
        _frozen(_without_those_of_weights),
        wrong_in=of_generation(2),
    ),
    keras_mutant("only-objects-regularize", "names and configs are ignored", "losses.forms", _only_objects),
    keras_mutant("only-regularizers-regularize", "a callable is ignored", "losses.callable", _only_regularizers),
    keras_mutant("no-penalty-in-training", "a graph has no penalty", "losses.training", _not_in_training),
)
