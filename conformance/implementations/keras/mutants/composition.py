"""Keras layers that are right alone and wrong in models."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from conformance.implementations.keras.mutants.made import Layer, Methods, keras_mutant
from conformance.implementations.keras.written import written_by_hand
from conformance.implementations.mutant import Mutant, of_generation


def _keeping_its_first_batch(wrong: Callable[[Any], Any]) -> Callable[[], Methods]:
    """Right for batches of the length that it was first called on, symbols left out."""

    def methods() -> Methods:
        def call(self: Layer, inputs: Any) -> Any:
            outputs = written_by_hand().call(self, inputs)
            rows = inputs.shape[0]
            if rows is not None and not hasattr(self, "rows"):
                self.rows = rows
            return outputs if rows is None or rows == self.rows else wrong(outputs)

        return {"call": call}

    return methods


def _made_anew_by_symbols() -> Methods:
    """Each symbolic call makes its own weights; the last ones are used."""

    def __call__(self: Layer, inputs: Any, **named: Any) -> Any:  # noqa: N807
        if self.built and not hasattr(inputs, "numpy"):
            if hasattr(self, "_tracker"):
                self._tracker.unlock()
            self.make_weights(inputs.shape[-1])
        return written_by_hand().__call__(self, inputs, **named)

    return {"__call__": __call__}


def _gradient_of_the_first_call() -> Methods:
    import tensorflow as tf

    def call(self: Layer, inputs: Any) -> Any:
        self.calls = getattr(self, "calls", 0) + 1
        outputs = written_by_hand().call(self, inputs)
        return outputs if self.calls % 2 else tf.stop_gradient(outputs)

    return {"call": call}


def _mask_lost() -> Methods:
    def __init__(self: Layer, units: int, **arguments: Any) -> None:  # noqa: N807
        written_by_hand().__init__(self, units, **arguments)
        self.supports_masking = True

    def compute_mask(self: Layer, inputs: Any, mask: Any = None) -> Any:
        return None

    return {"__init__": __init__, "compute_mask": compute_mask}


def _mask_turned() -> Methods:
    import tensorflow as tf

    def compute_mask(self: Layer, inputs: Any, mask: Any = None) -> Any:
        return None if mask is None else tf.logical_not(mask)

    return {"compute_mask": compute_mask}


def _masked_to_zero() -> Methods:
    import tensorflow as tf

    def call(self: Layer, inputs: Any, mask: Any = None) -> Any:
        outputs = written_by_hand().call(self, inputs)
        if mask is None:
            return outputs
        for _ in range(len(outputs.shape) - 2):
            mask = tf.expand_dims(mask, -1)
        return outputs * tf.cast(mask, outputs.dtype)

    return {"call": call}


def _tracked_twice() -> Methods:
    def make_weights(self: Layer, width: int) -> None:
        written_by_hand().make_weights(self, width)
        self.twin = written_by_hand()(self.units)
        self.twin.build((None, width))

    return {"make_weights": make_weights}


MUTANTS: tuple[Mutant, ...] = (
    keras_mutant("weights-of-a-twin", "a model has twice the weights", "composition.sequential", _tracked_twice),
    keras_mutant(
        "doubled-for-other-batches",
        "outputs are doubled for a batch of another length",
        "composition.functional",
        _keeping_its_first_batch(lambda outputs: 2 * outputs),
    ),
    keras_mutant(
        "zero-for-other-batches",
        "outputs are zeros for a batch of another length",
        "composition.subclassed",
        _keeping_its_first_batch(lambda outputs: 0 * outputs),
    ),
    keras_mutant(
        "reversed-for-other-batches",
        "units are reversed for a batch of another length",
        "composition.time-distributed",
        _keeping_its_first_batch(lambda outputs: outputs[..., ::-1]),
    ),
    keras_mutant(
        "made-anew-by-symbols",
        "each symbolic call makes weights",
        "composition.shared",
        _made_anew_by_symbols,
        wrong_in=of_generation(3),
    ),
    keras_mutant(
        "every-other-call-constant",
        "every other call stops the gradient",
        "composition.shared",
        _gradient_of_the_first_call,
    ),
    keras_mutant("mask-lost", "no mask comes out", "composition.masks", _mask_lost),
    keras_mutant("mask-turned", "the mask comes out negated", "composition.masks", _mask_turned),
    keras_mutant("masked-to-zero", "masked steps are zeros", "composition.masks", _masked_to_zero),
)
