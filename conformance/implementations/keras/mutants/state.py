"""Keras layers that answer differently from one call to the next."""

from __future__ import annotations

from typing import Any

from conformance.implementations.keras.mutants.made import Layer, Methods, keras_mutant
from conformance.implementations.keras.written import written_by_hand
from conformance.implementations.mutant import Mutant


def _noise_in_training() -> Methods:
    import tensorflow as tf

    def call(self: Layer, inputs: Any, training: bool = False) -> Any:
        outputs = written_by_hand().call(self, inputs)
        return tf.nn.dropout(outputs, 0.5, seed=1) if training else outputs

    return {"call": call}


def _frozen_in_graph() -> Methods:
    import tensorflow as tf

    def product(self: Layer, inputs: Any) -> Any:
        with tf.init_scope():
            eager = tf.convert_to_tensor(self.kernel)
            kernel = eager.numpy() if hasattr(eager, "numpy") else None
        symbolic = tf.executing_eagerly() or kernel is None
        return tf.tensordot(inputs, tf.convert_to_tensor(self.kernel) if symbolic else kernel, 1)

    return {"product": product}


def _doubled_in_graph() -> Methods:
    import tensorflow as tf

    def call(self: Layer, inputs: Any) -> Any:
        outputs = written_by_hand().call(self, inputs)
        return outputs if tf.executing_eagerly() else outputs * 2

    return {"call": call}


def _inputs_remembered() -> Methods:
    """The same tensor gets the same outputs, whatever the weights are now."""
    import tensorflow as tf

    def call(self: Layer, inputs: Any) -> Any:
        if not tf.executing_eagerly():
            return written_by_hand().call(self, inputs)
        if getattr(self, "last", (None,))[0] is not inputs:
            self.last = (inputs, written_by_hand().call(self, inputs))
        return self.last[1]

    return {"call": call}


def _half_in_training() -> Methods:
    import tensorflow as tf

    def call(self: Layer, inputs: Any, training: bool = False) -> Any:
        if training:
            inputs = tf.cast(tf.cast(inputs, tf.bfloat16), inputs.dtype)
        return written_by_hand().call(self, inputs)

    return {"call": call}


MUTANTS: tuple[Mutant, ...] = (
    keras_mutant(
        "inputs-remembered", "a tensor seen before gets its old outputs", "state.reloaded-weights", _inputs_remembered
    ),
    keras_mutant("half-in-training", "training rounds the inputs", "state.training-mode", _half_in_training),
    keras_mutant(
        "noise-in-training", "outputs are dropped in training mode", "state.training-mode", _noise_in_training
    ),
    keras_mutant("frozen-in-graph", "a graph keeps the kernel it was traced with", "state.graph", _frozen_in_graph),
    keras_mutant("doubled-in-graph", "outputs are doubled outside eager mode", "state.graph", _doubled_in_graph),
)
