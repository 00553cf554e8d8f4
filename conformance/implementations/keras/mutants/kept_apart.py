"""Wrong Keras layers by authors who did not know the rules of the diagnosis: it is measured on them.

Whoever writes those rules does not look at what is said of these.
"""

from __future__ import annotations

from collections.abc import Callable
from math import prod
from typing import Any

from conformance.implementations.keras.mutants.made import Layer, Methods, keras_mutant
from conformance.implementations.keras.written import written_by_hand
from conformance.implementations.mutant import Mutant

# ---- penalties and the kernel --------------------------------------------------------------------------------------


def _activity_penalty_undivided() -> Methods:
    """Keras is told of no activity regularizer, so that it divides nothing."""
    import tensorflow as tf

    def __init__(self: Layer, *given: Any, **named: Any) -> None:  # noqa: N807
        written_by_hand().__init__(self, *given, **named)
        self.penalty, self.activity_regularizer = self.activity_regularizer, None

    def call(self: Layer, inputs: Any) -> Any:
        outputs = written_by_hand().call(self, inputs)
        if self.penalty is not None:
            self.add_loss(self.penalty(outputs))
        return outputs

    def get_config(self: Layer) -> dict[str, Any]:
        penalty = tf.keras.regularizers.serialize(self.penalty)
        return {**written_by_hand().get_config(self), "activity_regularizer": penalty}

    return {"__init__": __init__, "call": call, "get_config": get_config}


def _multiplied_by(kernel: Callable[[Layer], Any]) -> Methods:
    """kernel: what the inputs are multiplied by."""
    import tensorflow as tf

    def product(self: Layer, inputs: Any) -> Any:
        return tf.tensordot(inputs, kernel(self), [[len(inputs.shape) - 1], [0]])

    return {"product": product}


def _kernel_constrained_when_used() -> Methods:
    import tensorflow as tf

    def add_kernel(self: Layer, shape: tuple[int, ...]) -> Any:
        return written_by_hand().add_kernel(self, shape, constraint=None)

    def constrained(layer: Layer) -> Any:
        kernel = tf.convert_to_tensor(layer.kernel)
        return kernel if layer.kernel_constraint is None else layer.kernel_constraint(kernel)

    return {"add_kernel": add_kernel, **_multiplied_by(constrained)}


def _kernel_of_the_first_eager_call() -> Methods:
    import tensorflow as tf

    def packed(layer: Layer) -> Any:
        if not tf.executing_eagerly():
            return tf.convert_to_tensor(layer.kernel)
        if not hasattr(layer, "packed"):
            layer.packed = tf.convert_to_tensor(layer.kernel)
        return layer.packed

    return _multiplied_by(packed)


# ---- shapes --------------------------------------------------------------------------------------------------------


def _shaped(changed: Callable[[Layer, Any], Any]) -> Callable[[], Methods]:
    """changed: what is made of a layer's right outputs."""

    def call(self: Layer, inputs: Any) -> Any:
        return changed(self, written_by_hand().call(self, inputs))

    return lambda: {"call": call}


def _as_rows(layer: Layer, outputs: Any) -> Any:
    import tensorflow as tf

    return tf.reshape(outputs, [-1, outputs.shape[-1]])


def _without_single_unit(layer: Layer, outputs: Any) -> Any:
    import tensorflow as tf

    return tf.squeeze(outputs, axis=-1) if layer.units == 1 else outputs


def _rows_counted_statically() -> Methods:
    import tensorflow as tf

    def product(self: Layer, inputs: Any) -> Any:
        kernel = tf.convert_to_tensor(self.kernel)
        *leading, width = inputs.shape
        if len(leading) == 1:
            return inputs @ kernel
        rows = tf.reshape(inputs, [prod(leading), width])
        return tf.reshape(rows @ kernel, [*leading, self.units])

    return {"product": product}


# ---- special values and gradients ----------------------------------------------------------------------------------


def _nan_inputs_zeroed() -> Methods:
    import tensorflow as tf

    def product(self: Layer, inputs: Any) -> Any:
        known = tf.where(tf.math.is_nan(inputs), tf.zeros_like(inputs), inputs)
        return written_by_hand().product(self, known)

    return {"product": product}


def _softmax_gradient_of_the_diagonal() -> Methods:
    import tensorflow as tf

    @tf.custom_gradient  # type: ignore[untyped-decorator]
    def softmax(z: Any) -> tuple[Any, Callable[[Any], Any]]:
        shares = tf.nn.softmax(z, axis=-1)
        return shares, lambda upstream: upstream * shares * (1 - shares)

    def call(self: Layer, inputs: Any) -> Any:
        z = self.biased(self.product(tf.cast(inputs, self.compute_dtype)))
        return softmax(z) if getattr(self.activation, "__name__", "") == "softmax" else self.activation(z)

    return {"call": call}


MUTANTS: tuple[Mutant, ...] = (
    keras_mutant(
        "activity-penalty-undivided",
        "the activity's penalty is not divided by the length of the batch",
        "losses.activity",
        _activity_penalty_undivided,
    ),
    keras_mutant(
        "kernel-constrained-in-call",
        "the kernel's constraint is applied in each call, and never to the variable after a step",
        "constraints.kernel",
        _kernel_constrained_when_used,
    ),
    keras_mutant(
        "keras-kernel-packed-once",
        "eager calls keep the kernel's value of the first one: new weights and its gradient are lost",
        "state.reloaded-weights",
        _kernel_of_the_first_eager_call,
    ),
    keras_mutant(
        "rows-left-flat",
        "from rank 3 up all leading axes are merged into one",
        "shapes.output-shape",
        _shaped(_as_rows),
    ),
    keras_mutant(
        "keras-one-unit-squeezed",
        "with units=1 the outputs lack the last axis",
        "shapes.unit-axes",
        _shaped(_without_single_unit),
    ),
    keras_mutant(
        "static-rows",
        "from rank 3 up a graph traced for leading axes of unknown length raises",
        "shapes.unknown-dimensions",
        _rows_counted_statically,
        only_raises=True,
    ),
    keras_mutant(
        "keras-nan-inputs-zeroed", "NaN among the inputs is taken for 0", "specials.pass-through", _nan_inputs_zeroed
    ),
    keras_mutant(
        "softmax-diagonal",
        "softmax's gradient is upstream * s * (1 - s): the Jacobian's diagonal alone",
        "gradients.rowwise",
        _softmax_gradient_of_the_diagonal,
    ),
)
