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


def _inputs(changed: Callable[[Any], Any]) -> Callable[[], Methods]:
    """changed: what is made of the inputs before they are cast."""

    def methods() -> Methods:
        def call(self: Layer, inputs: Any) -> Any:
            return written_by_hand().call(self, changed(inputs))

        return {"call": call}

    return methods


def _cast_first(given: Callable[[Any], bool], dtype: str) -> Callable[[], Methods]:
    """Inputs of some dtypes are cast to another one on the way."""

    def cast(inputs: Any) -> Any:
        import tensorflow as tf

        return tf.cast(inputs, dtype) if given(inputs.dtype) else inputs

    return _inputs(cast)


def _arrays_refused() -> Methods:
    import numpy as np

    def __call__(self: Layer, inputs: Any, **named: Any) -> Any:  # noqa: N807
        if isinstance(inputs, np.ndarray):
            raise TypeError("tensors only")
        return written_by_hand().__call__(self, inputs, **named)

    return {"__call__": __call__}


def _kernel_cast_to_integers() -> Methods:
    import tensorflow as tf

    def call(self: Layer, inputs: Any) -> Any:
        if not inputs.dtype.is_integer:
            return written_by_hand().call(self, inputs)
        kernel = tf.cast(tf.cast(self.kernel, inputs.dtype), self.compute_dtype)
        product = tf.tensordot(tf.cast(inputs, self.compute_dtype), kernel, [[len(inputs.shape) - 1], [0]])
        return self.activation(self.biased(product))

    return {"call": call}


def _integers_without_gradients() -> Methods:
    import tensorflow as tf

    def call(self: Layer, inputs: Any) -> Any:
        outputs = written_by_hand().call(self, inputs)
        return outputs if inputs.dtype.is_floating else tf.stop_gradient(outputs)

    return {"call": call}


def _product_in(narrow: str, where: Callable[[Any], bool]) -> Callable[[], Methods]:
    """Both operands of some products are rounded to a narrower dtype, and the product is made in it."""

    def methods() -> Methods:
        import tensorflow as tf

        def product(self: Layer, inputs: Any) -> Any:
            if not where(inputs):
                return written_by_hand().product(self, inputs)
            kernel = tf.cast(tf.convert_to_tensor(self.kernel), narrow)
            made = tf.tensordot(tf.cast(inputs, narrow), kernel, [[len(inputs.shape) - 1], [0]])
            return tf.cast(made, inputs.dtype)

        return {"product": product}

    return methods


def _saturated() -> Methods:
    import tensorflow as tf

    def product(self: Layer, inputs: Any) -> Any:
        outputs = written_by_hand().product(self, inputs)
        largest = outputs.dtype.max
        return tf.clip_by_value(outputs, -largest, largest) if outputs.dtype == tf.float16 else outputs

    return {"product": product}


def _only_text_is_a_dtype() -> Methods:
    import tensorflow as tf

    def __init__(self: Layer, units: int, *given: Any, **arguments: Any) -> None:  # noqa: N807
        if isinstance(arguments.get("dtype"), tf.DType):
            del arguments["dtype"]
        written_by_hand().__init__(self, units, *given, **arguments)

    return {"__init__": __init__}


def _mutant(name: str, says: str, breaks: str, methods: Callable[[], Methods], **named: Any) -> Mutant:
    return keras_mutant(name, says, f"dtypes.{breaks}", methods, **named)


MUTANTS: tuple[Mutant, ...] = (
    _mutant("weights-in-compute-dtype", "a mixed policy's weights are halves", "variables", _weights_in_compute_dtype),
    _mutant("keras-kernel-in-bfloat16", "the kernel is stored in bfloat16", "weights-kept", _kernel_in_bfloat16),
    _mutant("keras-outputs-in-float32", "half outputs are widened", "outputs", _outputs_in_float32),
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
    _mutant(
        "wide-integers-in-32-bits",
        "int64 passes int32",
        "inputs-cast",
        _cast_first(lambda dtype: dtype.is_integer, "int32"),
    ),
    _mutant(
        "bytes-with-a-sign",
        "uint8 passes int8",
        "inputs-cast",
        _cast_first(lambda dtype: dtype.name == "uint8", "int8"),
    ),
    _mutant(
        "integers-through-float16",
        "integers pass float16",
        "inputs-cast",
        _cast_first(lambda dtype: dtype.is_integer, "float16"),
    ),
    _mutant(
        "kernel-cut-for-integers",
        "for integer inputs the kernel is cast to their dtype",
        "inputs-cast",
        _kernel_cast_to_integers,
    ),
    _mutant("arrays-refused", "NumPy arrays are refused", "inputs-cast", _arrays_refused, only_raises=True),
    _mutant(
        "no-gradients-for-integers",
        "integer inputs stop the gradients",
        "inputs-differentiated",
        _integers_without_gradients,
    ),
    _mutant(
        "float64-product-in-float32",
        "float64 products are made in float32",
        "full-precision",
        _product_in("float32", lambda inputs: inputs.dtype.name == "float64"),
    ),
    _mutant(
        "rank-3-in-bfloat16",
        "float32 products of rank 3 are made in bfloat16",
        "full-precision",
        _product_in("bfloat16", lambda inputs: inputs.dtype.name == "float32" and len(inputs.shape) == 3),
    ),
    _mutant("half-saturated", "float16 products stay finite", "half-overflow", _saturated),
    _mutant("only-text-is-a-dtype", "a tf.DType is ignored", "policy-argument", _only_text_is_a_dtype),
    _mutant("inputs-truncated", "float64 inputs are truncated", "inputs-rounded", _inputs_truncated),
    _mutant("kernel-not-cast", "a mixed policy's kernel stays float32", "mixed-rounds-operands", _kernel_not_cast),
)
