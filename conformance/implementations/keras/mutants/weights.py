"""Keras layers whose weights cannot be handled as those of Dense."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from conformance.implementations.keras.mutants.made import Layer, Methods, keras_mutant
from conformance.implementations.keras.written import written_by_hand
from conformance.implementations.mutant import Mutant, of_generation


def _weights_of_a_guessed_width() -> Methods:
    def __init__(self: Layer, units: int, **arguments: Any) -> None:  # noqa: N807
        written_by_hand().__init__(self, units, **arguments)
        self.make_weights(7)

    def build(self: Layer, input_shape: Any) -> None:
        if input_shape[-1] != 7:
            self.make_weights(input_shape[-1])
        self.built = True

    return {"__init__": __init__, "build": build}


def _name_ignored() -> Methods:
    def __init__(self: Layer, units: int, name: Any = None, **arguments: Any) -> None:  # noqa: N807
        written_by_hand().__init__(self, units, **arguments)

    return {"__init__": __init__}


def _always_called_dense() -> Methods:
    def __init__(self: Layer, units: int, name: str = "my_layer", **arguments: Any) -> None:  # noqa: N807
        written_by_hand().__init__(self, units, name=name, **arguments)

    return {"__init__": __init__}


def _no_bias_attribute() -> Methods:
    def make_weights(self: Layer, width: int) -> None:
        self.kernel = self.add_kernel((width, self.units))
        if self.use_bias:
            self.bias = self.add_bias((self.units,))

    def biased(self: Layer, product: Any) -> Any:
        return written_by_hand().biased(self, product) if self.use_bias else product

    return {"make_weights": make_weights, "biased": biased}


def _zero_bias_without_one() -> Methods:
    import tensorflow as tf

    def make_weights(self: Layer, width: int) -> None:
        written_by_hand().make_weights(self, width)
        if not self.use_bias:
            self.bias = tf.zeros([self.units], self.compute_dtype)

    return {"make_weights": make_weights}


def _trainable_swallowed() -> Methods:
    def __init__(self: Layer, units: int, trainable: bool = True, **arguments: Any) -> None:  # noqa: N807
        written_by_hand().__init__(self, units, **arguments)

    return {"__init__": __init__}


def _frozen_for_good() -> Methods:
    def trainable_weights(self: Layer) -> Any:
        if not self.trainable:
            self.was_frozen = True
        if getattr(self, "was_frozen", False) or not self.trainable:
            return []
        return list(self.weights)

    def non_trainable_weights(self: Layer) -> Any:
        return [] if trainable_weights(self) else list(self.weights)

    def trainable(self: Layer) -> bool:
        return not getattr(self, "is_frozen", False)

    def freeze(self: Layer, value: bool) -> None:
        if not value:
            self.is_frozen = True

    return {
        "trainable": property(trainable, freeze),
        "trainable_weights": property(trainable_weights),
        "non_trainable_weights": property(non_trainable_weights),
    }


def _trains_itself() -> Methods:
    def call(self: Layer, inputs: Any, training: Any = None) -> Any:
        outputs = written_by_hand().call(self, inputs)
        if training:
            self.kernel.assign_sub(0.5 * self.kernel)
        return outputs

    return {"call": call}


def _kept_in_half() -> Methods:
    import numpy as np

    def get_weights(self: Layer) -> Any:
        return [np.array(each, np.float16) for each in written_by_hand().get_weights(self)]

    return {"get_weights": get_weights}


def _bias_lost_where_built() -> Methods:
    """A graph that builds the layer adds no bias, then or later."""
    import tensorflow as tf

    def __call__(self: Layer, *given: Any, **named: Any) -> Any:  # noqa: N807
        if not self.built:
            self.built_in_a_graph = not tf.executing_eagerly()
        return written_by_hand().__call__(self, *given, **named)

    def biased(self: Layer, product: Any) -> Any:
        lost = getattr(self, "built_in_a_graph", False) and not tf.executing_eagerly()
        return product if lost else written_by_hand().biased(self, product)

    return {"__call__": __call__, "biased": biased}


def _built_by_calls() -> Methods:
    import tensorflow as tf

    def build(self: Layer, input_shape: Any) -> None:
        self.built = True

    def __call__(self: Layer, inputs: Any, **named: Any) -> Any:  # noqa: N807
        if not hasattr(self, "kernel") and len(getattr(inputs, "shape", ())) >= 2:
            if hasattr(self, "_tracker"):
                self._tracker.unlock()  # Keras 3 takes no weights from a layer that is built
            with tf.init_scope():
                written_by_hand().build(self, inputs.shape)
        return written_by_hand().__call__(self, inputs, **named)

    return {"build": build, "__call__": __call__}


def _shapes_in_tuples_alone() -> Methods:
    def build(self: Layer, input_shape: Any) -> None:
        if not isinstance(input_shape, tuple):
            raise TypeError(f"a shape must be a tuple, got {type(input_shape).__name__}")
        written_by_hand().build(self, input_shape)

    return {"build": build}


def _frozen_in_between() -> Methods:
    import tensorflow as tf

    def call(self: Layer, inputs: Any) -> Any:
        outputs = written_by_hand().call(self, inputs)
        return outputs if self.trainable else tf.stop_gradient(outputs)

    return {"call": call}


def _frozen_weights_held() -> Methods:
    import tensorflow as tf

    def held(layer: Layer, weight: Any) -> Any:
        return tf.convert_to_tensor(weight) if layer.trainable else tf.stop_gradient(tf.convert_to_tensor(weight))

    def product(self: Layer, inputs: Any) -> Any:
        return tf.tensordot(inputs, held(self, self.kernel), [[len(inputs.shape) - 1], [0]])

    def biased(self: Layer, product: Any) -> Any:
        return product if self.bias is None else product + held(self, self.bias)

    return {"product": product, "biased": biased}


def _kernel_copied() -> Methods:
    import tensorflow as tf

    def make_weights(self: Layer, width: int) -> None:
        self.held_kernel = self.add_kernel((width, self.units))
        self.bias = self.add_bias((self.units,)) if self.use_bias else None

    def kernel(self: Layer) -> Any:
        return tf.Variable(tf.convert_to_tensor(self.held_kernel)) if tf.executing_eagerly() else self.held_kernel

    def product(self: Layer, inputs: Any) -> Any:
        return tf.tensordot(inputs, tf.convert_to_tensor(self.held_kernel), [[len(inputs.shape) - 1], [0]])

    return {"make_weights": make_weights, "kernel": property(kernel), "product": product}


def _counts(weights: str, *, unbuilt: bool) -> Callable[[], Methods]:
    """count_params of the weights in this attribute; unbuilt: also before there are any."""

    def methods() -> Methods:
        def count_params(self: Layer) -> int:
            if not (self.built or unbuilt):
                return int(written_by_hand().count_params(self))
            sizes = [
                weight.shape[0] * (weight.shape[1] if len(weight.shape) > 1 else 1) for weight in getattr(self, weights)
            ]
            return int(sum(sizes))

        return {"count_params": count_params}

    return methods


def _trainable_reversed() -> Methods:
    def trainable_weights(self: Layer) -> Any:
        return list(written_by_hand().trainable_weights.fget(self))[::-1]

    return {"trainable_weights": property(trainable_weights)}


def _zeros_after_a_refusal() -> Methods:
    def set_weights(self: Layer, weights: Any) -> None:
        kept = self.get_weights()
        written_by_hand().set_weights(self, [0 * values for values in kept])
        written_by_hand().set_weights(self, weights)

    return {"set_weights": set_weights}


def _kernel_lost_to_a_wrong_bias() -> Methods:
    def set_weights(self: Layer, weights: Any) -> None:
        kept = self.get_weights()
        if len(weights) == len(kept) == 2 and weights[1].shape != kept[1].shape:
            written_by_hand().set_weights(self, [0 * kept[0], kept[1]])
        written_by_hand().set_weights(self, weights)

    return {"set_weights": set_weights}


def _set_to_no_avail() -> Methods:
    def set_weights(self: Layer, weights: Any) -> None:
        if self.built:
            written_by_hand().set_weights(self, weights)

    return {"set_weights": set_weights}


def _given_as_row() -> Methods:
    def set_weights(self: Layer, weights: Any) -> None:
        kept = self.get_weights()
        for at, values in enumerate(list(weights)[: len(kept)]):
            kept[at] = values
        written_by_hand().set_weights(self, kept)

    return {"set_weights": set_weights}


def made_to_fit() -> Methods:
    import numpy as np

    def set_weights(self: Layer, weights: Any) -> None:
        shapes = [each.shape for each in self.get_weights()]
        if len(weights) != len(shapes):
            raise ValueError(f"expected {len(shapes)} weights, got {len(weights)}")
        fitted = [
            np.asarray(values).reshape(shape) if np.size(values) == np.prod(shape) else np.broadcast_to(values, shape)
            for values, shape in zip(weights, shapes, strict=True)
        ]
        written_by_hand().set_weights(self, fitted)

    return {"set_weights": set_weights}


MUTANTS: tuple[Mutant, ...] = (
    keras_mutant(
        "width-guessed-when-made", "weights are made with the layer", "weights.built-when", _weights_of_a_guessed_width
    ),
    keras_mutant(
        "bias-lost-where-built",
        "a graph that builds it has no bias",
        "weights.built-in-a-graph",
        _bias_lost_where_built,
    ),
    keras_mutant("built-by-calls", "build makes no weights", "weights.built-when", _built_by_calls, only_raises=True),
    keras_mutant(
        "shapes-in-tuples-alone",
        "build takes nothing but tuples",
        "weights.built-when",
        _shapes_in_tuples_alone,
        only_raises=True,
        wrong_in=of_generation(3),
    ),
    keras_mutant(
        "frozen-in-between", "a frozen layer stops gradients", "weights.frozen-in-between", _frozen_in_between
    ),
    keras_mutant(
        "frozen-weights-held",
        "a tape has no gradients of a frozen layer's weights",
        "weights.frozen-in-between",
        _frozen_weights_held,
    ),
    keras_mutant("kernel-copied", "the attribute kernel is a copy", "weights.assigned", _kernel_copied),
    keras_mutant(
        "frozen-counts-nothing",
        "of a frozen layer no parameters are counted",
        "weights.frozen",
        _counts("trainable_weights", unbuilt=False),
    ),
    keras_mutant(
        "counted-before-built",
        "a layer without weights counts 0",
        "weights.attributes",
        _counts("weights", unbuilt=True),
    ),
    keras_mutant("trainable-reversed", "the bias trains first", "weights.frozen", _trainable_reversed),
    keras_mutant(
        "zeros-after-a-refusal", "refused weights leave zeros", "weights.wrong-ones-refused", _zeros_after_a_refusal
    ),
    keras_mutant(
        "kernel-lost-to-a-wrong-bias",
        "a wrong bias zeroes the kernel",
        "weights.wrong-ones-refused",
        _kernel_lost_to_a_wrong_bias,
        wrong_in=of_generation(2),
    ),
    keras_mutant("set-to-no-avail", "weights that come too early are dropped", "weights.attributes", _set_to_no_avail),
    keras_mutant("name-ignored", "the name is ignored", "weights.attributes", _name_ignored),
    keras_mutant("always-of-one-name", "every layer has one name", "weights.attributes", _always_called_dense),
    keras_mutant(
        "no-bias-attribute",
        "without bias there is no attribute",
        "weights.attributes",
        _no_bias_attribute,
        only_raises=True,
    ),
    keras_mutant(
        "zero-bias-without-one", "without bias it is a tensor of zeros", "weights.attributes", _zero_bias_without_one
    ),
    keras_mutant("trainable-swallowed", "trainable=False is ignored", "weights.frozen", _trainable_swallowed),
    keras_mutant(
        "frozen-for-good",
        "a frozen layer cannot be thawed",
        "weights.frozen",
        _frozen_for_good,
        wrong_in=of_generation(3),
    ),
    keras_mutant("trains-itself", "a training call moves the kernel", "weights.frozen-in-training", _trains_itself),
    keras_mutant("given-in-half", "get_weights rounds to float16", "weights.taken-and-given", _kept_in_half),
    keras_mutant("any-number-of-weights", "set_weights takes any number", "weights.wrong-ones-refused", _given_as_row),
    keras_mutant(
        "weights-made-to-fit", "set_weights reshapes and broadcasts", "weights.wrong-ones-refused", made_to_fit
    ),
)
