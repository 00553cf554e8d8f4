"""Keras layers that compute, store or declare in a wrong dtype."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from conformance.implementations.keras.mutants.made import Layer, Methods, keras_mutant
from conformance.implementations.keras.written import written_by_hand
from conformance.implementations.mutant import Mutant, of_generation


def _weights_in_compute_dtype() -> Methods:
    def make_weights(self: Layer, width: int) -> None:
        self.kernel = self.add_kernel((width, self.units), dtype=self.compute_dtype)
        self.bias = self.add_bias((self.units,), dtype=self.compute_dtype) if self.use_bias else None

    return {"make_weights": make_weights}


def _kernel_in_bfloat16() -> Methods:
    import tensorflow as tf

    def make_weights(self: Layer, width: int) -> None:
        self.kernel = self.add_kernel((width, self.units), dtype="bfloat16", autocast=False)
        self.bias = self.add_bias((self.units,)) if self.use_bias else None

    def product(self: Layer, inputs: Any) -> Any:
        return tf.tensordot(inputs, tf.cast(tf.convert_to_tensor(self.kernel), inputs.dtype), 1)

    return {"make_weights": make_weights, "product": product}


def _outputs_in_float32() -> Methods:
    import tensorflow as tf

    def call(self: Layer, inputs: Any) -> Any:
        outputs = written_by_hand().call(self, inputs)
        return tf.cast(outputs, tf.float32) if outputs.dtype.size < 4 else outputs

    return {"call": call}


def _declared_as_float32() -> Methods:
    import tensorflow as tf

    def compute_output_spec(self: Layer, inputs: Any, **_: Any) -> Any:
        return tf.keras.KerasTensor((*inputs.shape[:-1], self.units), dtype="float32")

    return {"compute_output_spec": compute_output_spec}


def _only_names_are_policies() -> Methods:
    def __init__(self: Layer, units: int, dtype: Any = None, **arguments: Any) -> None:  # noqa: N807
        written_by_hand().__init__(self, units, dtype=dtype if isinstance(dtype, str) else None, **arguments)

    return {"__init__": __init__}


def _float32_unless_told() -> Methods:
    def __init__(self: Layer, units: int, dtype: Any = "float32", **arguments: Any) -> None:  # noqa: N807
        written_by_hand().__init__(self, units, dtype=dtype, **arguments)

    return {"__init__": __init__}


def _computes_as_its_inputs() -> Methods:
    import tensorflow as tf

    def __init__(self: Layer, units: int, **arguments: Any) -> None:  # noqa: N807
        written_by_hand().__init__(self, units, autocast=False, **arguments)

    def call(self: Layer, inputs: Any) -> Any:
        dtype = inputs.dtype if inputs.dtype.is_floating else tf.as_dtype(self.compute_dtype)
        z = tf.tensordot(tf.cast(inputs, dtype), tf.cast(tf.convert_to_tensor(self.kernel), dtype), 1)
        return self.activation(z if self.bias is None else z + tf.cast(tf.convert_to_tensor(self.bias), dtype))

    return {"__init__": __init__, "call": call}


def _integers_refused() -> Methods:
    def call(self: Layer, inputs: Any) -> Any:
        return self.activation(self.biased(self.product(inputs)))

    return {"call": call}


def _inputs_truncated() -> Methods:
    import tensorflow as tf

    def __init__(self: Layer, units: int, **arguments: Any) -> None:  # noqa: N807
        written_by_hand().__init__(self, units, autocast=False, **arguments)

    def call(self: Layer, inputs: Any) -> Any:
        if inputs.dtype == tf.float64 and self.compute_dtype == "float32":
            bits = tf.bitcast(inputs, tf.int64)
            inputs = tf.bitcast(tf.bitwise.left_shift(tf.bitwise.right_shift(bits, 29), 29), tf.float64)
        return written_by_hand().call(self, inputs)

    return {"__init__": __init__, "call": call}


def _kernel_not_cast() -> Methods:
    import tensorflow as tf

    def make_weights(self: Layer, width: int) -> None:
        self.kernel = self.add_kernel((width, self.units), autocast=False)
        self.bias = self.add_bias((self.units,)) if self.use_bias else None

    def product(self: Layer, inputs: Any) -> Any:
        kernel = tf.convert_to_tensor(self.kernel)
        return tf.cast(tf.tensordot(tf.cast(inputs, kernel.dtype), kernel, 1), inputs.dtype)

    return {"make_weights": make_weights, "product": product}


def _mutant(name: str, says: str, breaks: str, methods: Callable[[], Methods], **named: Any) -> Mutant:
    return keras_mutant(name, says, f"dtypes.{breaks}", methods, **named)


MUTANTS: tuple[Mutant, ...] = (
    _mutant("weights-in-compute-dtype", "a mixed policy's weights are halves", "variables", _weights_in_compute_dtype),
    _mutant("kernel-in-bfloat16", "the kernel is stored in bfloat16", "weights-kept", _kernel_in_bfloat16),
    _mutant("outputs-in-float32", "half outputs are widened", "outputs", _outputs_in_float32),
    _mutant(
        "declared-as-float32",
        "a symbolic call always declares float32",
        "declared",
        _declared_as_float32,
        wrong_in=of_generation(3),
    ),
    _mutant("only-names-are-policies", "a policy object is ignored", "policy-argument", _only_names_are_policies),
    _mutant("float32-unless-told", "the global policy is not asked", "policy-argument", _float32_unless_told),
    _mutant("computes-as-its-inputs", "float inputs decide the dtype", "inputs-cast", _computes_as_its_inputs),
    _mutant("integers-refused", "integers are not cast", "inputs-cast", _integers_refused, only_raises=True),
    _mutant("inputs-truncated", "float64 inputs are truncated", "inputs-rounded", _inputs_truncated),
    _mutant("kernel-not-cast", "a mixed policy's kernel stays float32", "mixed-rounds-operands", _kernel_not_cast),
)
