"""Keras layers that infer, declare or refuse wrong shapes."""

from __future__ import annotations

from typing import Any

from conformance.implementations.keras.mutants.made import Layer, Methods, keras_mutant
from conformance.implementations.keras.written import written_by_hand
from conformance.implementations.mutant import Mutant, of_generation


def _fixed_batch() -> Methods:
    import tensorflow as tf

    def compute_output_spec(self: Layer, inputs: Any, **_: Any) -> Any:
        return tf.keras.KerasTensor((1, *inputs.shape[1:-1], self.units), dtype=self.compute_dtype)

    return {"compute_output_spec": compute_output_spec}


def _inferred_as_rank_2() -> Methods:
    def compute_output_shape(self: Layer, input_shape: Any) -> Any:
        return (input_shape[0], self.units)

    def compute_output_spec(self: Layer, inputs: Any, **_: Any) -> Any:
        import tensorflow as tf

        return tf.keras.KerasTensor((*inputs.shape[:-1], self.units), dtype=self.compute_dtype)

    return {"compute_output_shape": compute_output_shape, "compute_output_spec": compute_output_spec}


def _vectors_accepted() -> Methods:
    import tensorflow as tf

    def __init__(self: Layer, units: int, **arguments: Any) -> None:  # noqa: N807
        written_by_hand().__init__(self, units, **arguments)
        self.input_spec = None

    def build(self: Layer, input_shape: Any) -> None:
        self.make_weights(input_shape[-1])
        self.built = True

    def call(self: Layer, inputs: Any) -> Any:
        if len(inputs.shape) == 1:
            return written_by_hand().call(self, tf.expand_dims(inputs, 0))[0]
        return written_by_hand().call(self, inputs)

    return {"__init__": __init__, "build": build, "call": call}


def _other_width_cut() -> Methods:
    def build(self: Layer, input_shape: Any) -> None:
        written_by_hand().build(self, input_shape)
        self.width = input_shape[-1]
        self.input_spec = None

    def call(self: Layer, inputs: Any) -> Any:
        if len(inputs.shape) < 2:
            raise ValueError("rank 0 and 1 are refused")
        return written_by_hand().call(self, inputs[..., : self.width])

    return {"build": build, "call": call}


def _width_guessed() -> Methods:
    def build(self: Layer, input_shape: Any) -> None:
        if input_shape[-1] is not None:
            written_by_hand().build(self, input_shape)
            return
        self.make_weights(1)
        self.built = True

    return {"build": build}


def _rank_remembered() -> Methods:
    import tensorflow as tf

    def build(self: Layer, input_shape: Any) -> None:
        written_by_hand().build(self, input_shape)
        self.input_spec = tf.keras.layers.InputSpec(ndim=len(input_shape), axes={-1: input_shape[-1]})

    return {"build": build}


def _length_read_while_tracing() -> Methods:
    def call(self: Layer, inputs: Any) -> Any:
        return written_by_hand().call(self, inputs)[: 1 if inputs.shape[0] is None else inputs.shape[0]]

    return {"call": call}


MUTANTS: tuple[Mutant, ...] = (
    keras_mutant(
        "fixed-batch",
        "a symbolic call declares a batch of 1",
        "shapes.symbolic",
        _fixed_batch,
        wrong_in=of_generation(3),
    ),
    keras_mutant(
        "length-read-while-tracing",
        "an unknown batch is cut to 1",
        "shapes.unknown-dimensions",
        _length_read_while_tracing,
    ),
    keras_mutant(
        "inferred-as-rank-2", "compute_output_shape knows rank 2 alone", "shapes.inferred", _inferred_as_rank_2
    ),
    keras_mutant(
        "vectors-accepted", "a vector is taken for a batch of one", "shapes.low-rank-refused", _vectors_accepted
    ),
    keras_mutant("other-width-cut", "features too many are cut off", "shapes.other-width-refused", _other_width_cut),
    keras_mutant("width-guessed", "an unknown width is taken for 1", "shapes.undefined-width-refused", _width_guessed),
    keras_mutant(
        "rank-remembered", "another rank is refused", "shapes.other-rank-accepted", _rank_remembered, only_raises=True
    ),
)
