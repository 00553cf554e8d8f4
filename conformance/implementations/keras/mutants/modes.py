"""Keras layers that are right eagerly, one call at a time, and wrong in another lane."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from conformance.implementations.keras.mutants.made import Layer, Methods, keras_mutant
from conformance.implementations.keras.written import written_by_hand
from conformance.implementations.mutant import Mutant


def _gradient_wrong_in_graphs() -> Methods:
    import tensorflow as tf

    def product(self: Layer, inputs: Any) -> Any:
        outputs = written_by_hand().product(self, inputs)
        if tf.executing_eagerly():
            return outputs

        @tf.custom_gradient  # type: ignore[untyped-decorator]
        def doubled(z: Any) -> Any:
            return tf.identity(z), lambda upstream: 2 * upstream

        return doubled(outputs)

    return {"product": product}


def _relu_differs_in_graphs() -> Methods:
    import tensorflow as tf

    def call(self: Layer, inputs: Any) -> Any:
        z = self.biased(self.product(tf.cast(inputs, self.compute_dtype)))
        if self.activation is tf.keras.activations.relu and not tf.executing_eagerly():
            return tf.maximum(z, 0)
        return self.activation(z)

    return {"call": call}


def _batch_read_while_tracing() -> Methods:
    import tensorflow as tf

    def call(self: Layer, inputs: Any) -> Any:
        outputs = written_by_hand().call(self, inputs)
        known = all(axis is not None for axis in inputs.shape)
        return outputs if known else tf.stop_gradient(outputs)

    return {"call": call}


def _not_under_xla() -> Methods:
    import tensorflow as tf

    def call(self: Layer, inputs: Any) -> Any:
        outputs = written_by_hand().call(self, inputs)
        return outputs if tf.executing_eagerly() else tf.ensure_shape(_through_strings(outputs), outputs.shape)

    def _through_strings(values: Any) -> Any:
        flat = tf.strings.to_number(tf.strings.as_string(tf.reshape(values, [-1]), precision=9), values.dtype)
        return values + tf.stop_gradient(tf.reshape(flat, tf.shape(values)) - values)

    return {"call": call}


def _normalized_over_the_batch() -> Methods:
    import tensorflow as tf

    def call(self: Layer, inputs: Any) -> Any:
        outputs = written_by_hand().call(self, inputs)
        if tf.executing_eagerly():
            return outputs
        return outputs * tf.cast(tf.shape(inputs)[0], outputs.dtype) / 5

    return {"call": call}


def _short_batch_cut() -> Methods:
    import tensorflow as tf

    def call(self: Layer, inputs: Any) -> Any:
        outputs = written_by_hand().call(self, inputs)
        if tf.executing_eagerly() or inputs.shape[0] is not None:
            return outputs
        return outputs * tf.cast(tf.shape(inputs)[0] > 1, outputs.dtype)

    return {"call": call}


def _gradient_scaled(factor: Callable[[Any], Any]) -> Callable[[], Methods]:
    """In training mode alone."""

    def methods() -> Methods:
        import tensorflow as tf

        def call(self: Layer, inputs: Any, training: Any = None) -> Any:
            outputs = written_by_hand().call(self, inputs)
            if not training:
                return outputs
            scale = factor(inputs)
            return outputs * scale + tf.stop_gradient(outputs * (1 - scale))

        return {"call": call}

    return methods


def _averaged(inputs: Any) -> Any:
    import tensorflow as tf

    return 1 / tf.cast(tf.shape(inputs)[0], tf.float32)


def _kernel_cached_in_training() -> Methods:
    """The kernel that the first training step has seen stays in use."""
    import tensorflow as tf

    def call(self: Layer, inputs: Any, training: Any = None) -> Any:
        if training and tf.executing_eagerly():
            if not hasattr(self, "seen"):
                self.seen = tf.identity(tf.convert_to_tensor(self.kernel))
            z = tf.tensordot(inputs, self.seen, 1)
            return self.activation(self.biased(z))
        return written_by_hand().call(self, inputs)

    return {"call": call}


def _upstream_remembered() -> Methods:
    """The backward pass adds up what came before."""
    import tensorflow as tf

    def call(self: Layer, inputs: Any) -> Any:
        passed: list[Any] = []

        @tf.custom_gradient  # type: ignore[untyped-decorator]
        def gate(z: Any) -> Any:
            def backward(upstream: Any) -> Any:
                passed.append(upstream)
                return tf.add_n(passed) if tf.executing_eagerly() else upstream

            return tf.identity(z), backward

        return self.activation(gate(self.biased(self.product(tf.cast(inputs, self.compute_dtype)))))

    return {"call": call}


def _rows_mixed_under_jacobians() -> Methods:
    """Right for one upstream gradient; the vectorised map of a graph sees another one."""
    import tensorflow as tf

    def call(self: Layer, inputs: Any) -> Any:
        @tf.custom_gradient  # type: ignore[untyped-decorator]
        def gate(z: Any) -> Any:
            return tf.identity(z), lambda upstream: upstream if tf.executing_eagerly() else 3 * upstream

        return self.activation(gate(self.biased(self.product(tf.cast(inputs, self.compute_dtype)))))

    return {"call": call}


def costs_nothing_when_evaluated() -> Methods:
    def __init__(self: Layer, units: int, activity_regularizer: Any = None, **arguments: Any) -> None:  # noqa: N807
        import tensorflow as tf

        written_by_hand().__init__(self, units, **arguments)
        self.own_activity_regularizer = tf.keras.regularizers.get(activity_regularizer)

    def call(self: Layer, inputs: Any, training: Any = None) -> Any:
        outputs = written_by_hand().call(self, inputs)
        if training and self.own_activity_regularizer is not None:
            self.add_loss(self.own_activity_regularizer(outputs) / float(outputs.shape[0] or 1))
        return outputs

    return {"__init__": __init__, "call": call}


def _kernel_kept_for_inference() -> Methods:
    """A graph that infers keeps the kernel that it first saw."""
    import tensorflow as tf

    def call(self: Layer, inputs: Any, training: Any = None) -> Any:
        if training is False and not tf.executing_eagerly() and not hasattr(self, "folded"):
            with tf.init_scope():
                self.folded = tf.identity(tf.convert_to_tensor(self.kernel)).numpy()
        if not training and not tf.executing_eagerly() and hasattr(self, "folded"):
            folded = tf.constant(self.folded, self.compute_dtype)
            product = tf.tensordot(tf.cast(inputs, self.compute_dtype), folded, [[len(inputs.shape) - 1], [0]])
            return self.activation(self.biased(product))
        return written_by_hand().call(self, inputs)

    return {"call": call}


def _constants_when_nested() -> Methods:
    import tensorflow as tf

    def product(self: Layer, inputs: Any) -> Any:
        kernel, leading = tf.convert_to_tensor(self.kernel), list(range(len(inputs.shape) - 1))

        @tf.custom_gradient  # type: ignore[untyped-decorator]
        def product_of(rows: Any, kernel: Any) -> Any:
            kept, fixed = tf.stop_gradient(rows), tf.stop_gradient(kernel)

            def backward(upstream: Any) -> Any:
                to_rows = tf.tensordot(upstream, fixed, [[len(leading)], [1]])
                return to_rows, tf.tensordot(kept, upstream, [leading, leading])

            return tf.tensordot(rows, kernel, [[len(leading)], [0]]), backward

        return product_of(inputs, kernel)

    return {"product": product}


def _no_forward_rule() -> Methods:
    """softsign's gradient cannot be differentiated, and forward mode transposes gradients."""
    import tensorflow as tf

    def product(self: Layer, inputs: Any) -> Any:
        z = written_by_hand().product(self, inputs)
        return tf.where(tf.math.is_finite(z), z + 0 * tf.nn.softsign(z), z)

    return {"product": product}


MUTANTS: tuple[Mutant, ...] = (
    keras_mutant("gradient-doubled-in-graphs", "a graph doubles gradients", "modes.graph", _gradient_wrong_in_graphs),
    keras_mutant(
        "relu-differs-in-graphs", "relu's slope at 0 differs in graphs", "modes.graph", _relu_differs_in_graphs
    ),
    keras_mutant(
        "constant-for-unknown-shapes",
        "unknown lengths stop the gradient",
        "modes.graph-of-unknown-shapes",
        _batch_read_while_tracing,
    ),
    keras_mutant("not-under-xla", "XLA cannot compile it", "modes.xla", _not_under_xla, only_raises=True),
    keras_mutant(
        "scaled-by-the-batch", "a graph's outputs depend on the batch", "modes.predict", _normalized_over_the_batch
    ),
    keras_mutant("single-rows-lost", "a last batch of one row is zeros", "modes.predict", _short_batch_cut),
    keras_mutant(
        "kernel-kept-for-inference",
        "graphs infer with the kernel they first saw",
        "modes.predict",
        _kernel_kept_for_inference,
    ),
    keras_mutant(
        "constants-when-nested", "gradients are constants to another tape", "modes.nested-tapes", _constants_when_nested
    ),
    keras_mutant("averaged-in-training", "training averages gradients", "modes.fit", _gradient_scaled(_averaged)),
    keras_mutant("doubled-in-training", "training doubles gradients", "modes.fit", _gradient_scaled(lambda _: 2.0)),
    keras_mutant(
        "kernel-cached-in-training",
        "eager training keeps its first kernel",
        "modes.fit-lanes",
        _kernel_cached_in_training,
    ),
    keras_mutant(
        "nothing-when-evaluated",
        "outputs cost in training alone",
        "modes.evaluate",
        costs_nothing_when_evaluated,
    ),
    keras_mutant("upstream-remembered", "backward passes add up", "modes.persistent-tape", _upstream_remembered),
    keras_mutant(
        "tripled-under-jacobians", "a vectorised map triples gradients", "modes.jacobian", _rows_mixed_under_jacobians
    ),
    keras_mutant(
        "no-forward-rule", "forward mode is not supported", "modes.forward", _no_forward_rule, only_raises=True
    ),
)
