"""Wrong Keras layers: what only a Keras layer can get wrong, and a few defects of outputs and gradients in their usual
form.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from conformance.implementations.keras.oracle import keras_implementation
from conformance.implementations.keras.written import variant, written_by_hand
from conformance.implementations.mutant import Mutant

Layer = Any
Methods = dict[str, Any]

# Each function makes the methods that are wrong; `right` is the hand-written class, whose other methods stay.


# ---- parameters ----------------------------------------------------------------------------------------------------


def _kernel_stored_transposed() -> Methods:
    import tensorflow as tf

    def make_weights(self: Layer, width: int) -> None:
        self.kernel = self.add_weight(name="kernel", shape=(self.units, width))
        self.bias = self.add_weight(name="bias", shape=(self.units,)) if self.use_bias else None

    def product(self: Layer, inputs: Any) -> Any:
        return tf.tensordot(inputs, tf.transpose(tf.convert_to_tensor(self.kernel)), 1)

    return {"make_weights": make_weights, "product": product}


def _bias_with_two_axes() -> Methods:
    def make_weights(self: Layer, width: int) -> None:
        self.kernel = self.add_weight(name="kernel", shape=(width, self.units))
        self.bias = self.add_weight(name="bias", shape=(1, self.units)) if self.use_bias else None

    return {"make_weights": make_weights}


def _bias_first() -> Methods:
    def make_weights(self: Layer, width: int) -> None:
        self.bias = self.add_weight(name="bias", shape=(self.units,)) if self.use_bias else None
        self.kernel = self.add_weight(name="kernel", shape=(width, self.units))

    return {"make_weights": make_weights}


def _other_names() -> Methods:
    def make_weights(self: Layer, width: int) -> None:
        self.kernel = self.add_weight(name="w", shape=(width, self.units))
        self.bias = self.add_weight(name="b", shape=(self.units,)) if self.use_bias else None

    return {"make_weights": make_weights}


def _with_scale(trainable: bool) -> Callable[[], Methods]:
    def methods() -> Methods:
        def make_weights(self: Layer, width: int) -> None:
            written_by_hand().make_weights(self, width)
            self.scale = self.add_weight(name="scale", shape=(1,), trainable=trainable)

        return {"make_weights": make_weights}

    return methods


def _count_without_bias() -> Methods:
    return {"count_params": lambda self: int(self.kernel.shape[0]) * int(self.kernel.shape[1])}


def _bias_not_trainable() -> Methods:
    def make_weights(self: Layer, width: int) -> None:
        self.kernel = self.add_weight(name="kernel", shape=(width, self.units))
        self.bias = self.add_weight(name="bias", shape=(self.units,), trainable=False) if self.use_bias else None

    return {"make_weights": make_weights}


def _weights_in_float32() -> Methods:
    import tensorflow as tf

    def make_weights(self: Layer, width: int) -> None:
        self.kernel = self.add_weight(name="kernel", shape=(width, self.units), dtype="float32", autocast=False)
        bias = {"name": "bias", "shape": (self.units,), "dtype": "float32", "autocast": False}
        self.bias = self.add_weight(**bias) if self.use_bias else None

    def product(self: Layer, inputs: Any) -> Any:
        return tf.tensordot(inputs, tf.cast(tf.convert_to_tensor(self.kernel), inputs.dtype), 1)

    def biased(self: Layer, product: Any) -> Any:
        return product if self.bias is None else product + tf.cast(tf.convert_to_tensor(self.bias), product.dtype)

    return {"make_weights": make_weights, "product": product, "biased": biased}


def _bias_always_made() -> Methods:
    def make_weights(self: Layer, width: int) -> None:
        self.kernel = self.add_weight(name="kernel", shape=(width, self.units))
        made = self.add_weight(name="bias", shape=(self.units,), initializer="zeros")
        self.bias = made if self.use_bias else None
        self.made = made

    return {"make_weights": make_weights}


def _more_when_called() -> Methods:
    def __call__(self: Layer, *given: Any, **named: Any) -> Any:  # noqa: N807 - Keras's own entrance is what is wrong
        if not self.built:
            self.called_first = True
        return written_by_hand().__call__(self, *given, **named)

    def make_weights(self: Layer, width: int) -> None:
        written_by_hand().make_weights(self, width)
        if getattr(self, "called_first", False):
            self.spare = self.add_weight(name="kernel_1", shape=(width, self.units))

    return {"__call__": __call__, "make_weights": make_weights}


def _more_when_told_a_shape() -> Methods:
    def __init__(self: Layer, units: int, **arguments: Any) -> None:  # noqa: N807
        self_told = "input_shape" in arguments
        written_by_hand().__init__(self, units, **arguments)
        self.told = self_told

    def make_weights(self: Layer, width: int) -> None:
        written_by_hand().make_weights(self, width)
        if self.told:
            self.spare = self.add_weight(name="spare", shape=(width,))

    return {"__init__": __init__, "make_weights": make_weights}


# ---- shapes --------------------------------------------------------------------------------------------------------


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


# ---- state ---------------------------------------------------------------------------------------------------------


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


# ---- outputs and gradients -----------------------------------------------------------------------------------------


def _callables_ignored() -> Methods:
    def __init__(self: Layer, units: int, activation: Any = None, **arguments: Any) -> None:  # noqa: N807
        named = activation if isinstance(activation, str) else None
        written_by_hand().__init__(self, units, activation=named, **arguments)

    return {"__init__": __init__}


def _none_means_relu() -> Methods:
    given = object()

    def __init__(self: Layer, units: int, activation: Any = given, **arguments: Any) -> None:  # noqa: N807
        named = {None: "relu", given: None}.get(activation, activation) if not callable(activation) else activation
        written_by_hand().__init__(self, units, activation=named, **arguments)

    return {"__init__": __init__}


def _bias_last() -> Methods:
    def call(self: Layer, inputs: Any) -> Any:
        outputs = self.activation(self.product(inputs))
        return outputs if outputs.shape[-1] != self.units else self.biased(outputs)

    return {"call": call}


def _softmax_on_axis_1() -> Methods:
    import tensorflow as tf

    def call(self: Layer, inputs: Any) -> Any:
        z = self.biased(self.product(inputs))
        if self.activation is tf.keras.activations.softmax:
            return tf.keras.activations.softmax(z, axis=1)
        return self.activation(z)

    return {"call": call}


def _relu_by_maximum() -> Methods:
    """tf.maximum passes the whole gradient on where its arguments are equal."""
    import tensorflow as tf

    def call(self: Layer, inputs: Any) -> Any:
        z = self.biased(self.product(inputs))
        return tf.maximum(z, 0) if self.activation is tf.keras.activations.relu else self.activation(z)

    return {"call": call}


def _bias_stopped() -> Methods:
    import tensorflow as tf

    def biased(self: Layer, product: Any) -> Any:
        return product if self.bias is None else product + tf.stop_gradient(tf.convert_to_tensor(self.bias))

    return {"biased": biased}


def _kernel_gradient_averaged() -> Methods:
    import tensorflow as tf

    def product(self: Layer, inputs: Any) -> Any:
        rows = tf.cast(tf.size(inputs) // inputs.shape[-1] if inputs.shape[-1] else 1, inputs.dtype)

        @tf.custom_gradient  # type: ignore[untyped-decorator]
        def averaged(kernel: Any) -> Any:
            return tf.identity(kernel), lambda upstream: upstream / tf.maximum(rows, 1)

        return tf.tensordot(inputs, averaged(tf.convert_to_tensor(self.kernel)), [[len(inputs.shape) - 1], [0]])

    return {"product": product}


def _slope_constant() -> Methods:
    """A custom gradient whose slope is a constant to whoever differentiates again."""
    import tensorflow as tf

    def call(self: Layer, inputs: Any) -> Any:
        @tf.custom_gradient  # type: ignore[untyped-decorator]
        def activated(z: Any) -> Any:
            with tf.GradientTape() as tape:
                tape.watch(z)
                outputs = self.activation(z)
            slope = tf.stop_gradient(tape.gradient(outputs, z)) if outputs.shape == z.shape else None
            return outputs, lambda upstream: upstream * slope

        z = self.biased(self.product(inputs))
        name = getattr(self.activation, "__name__", "")
        rowwise = name in ("softmax", "log_softmax", "glu", "sparsemax")
        return self.activation(z) if rowwise else activated(z)

    return {"call": call}


def _kernel_constant_on_the_way_back() -> Methods:
    import tensorflow as tf

    def product(self: Layer, inputs: Any) -> Any:
        kernel = tf.convert_to_tensor(self.kernel)
        axes = [[len(inputs.shape) - 1], [0]]
        through_inputs = tf.tensordot(inputs, tf.stop_gradient(kernel), axes)
        through_kernel = tf.tensordot(tf.stop_gradient(inputs), kernel, axes)
        return through_inputs + through_kernel - tf.stop_gradient(through_kernel)

    return {"product": product}


def _keras(name: str, says: str, breaks: str, methods: Callable[[], Methods], *, only_raises: bool = False) -> Mutant:
    return Mutant(name, says, breaks, lambda: keras_implementation(variant("Mutant", **methods()), name), only_raises)


MUTANTS: tuple[Mutant, ...] = (
    _keras("keras-bias-after-activation", "the bias is added last", "outputs.bias-before-activation", _bias_last),
    _keras("keras-softmax-axis-1", "softmax runs over axis 1", "outputs.last-axis", _softmax_on_axis_1),
    _keras(
        "callables-ignored",
        "an activation that is no name is ignored",
        "outputs.activation-argument",
        _callables_ignored,
    ),
    _keras("none-means-relu", "activation=None means relu", "outputs.activation-argument", _none_means_relu),
    _keras("keras-bias-stopped", "the bias does not train", "gradients.bias", _bias_stopped),
    _keras(
        "keras-kernel-gradient-mean", "the kernel's gradient is a mean", "gradients.kernel", _kernel_gradient_averaged
    ),
    _keras("keras-relu-by-maximum", "relu is tf.maximum(z, 0)", "gradients.kinks", _relu_by_maximum),
    _keras("slope-constant", "the slope cannot be differentiated", "gradients.second-order", _slope_constant),
    _keras(
        "kernel-constant-on-the-way-back",
        "the kernel is a constant to the inputs' gradient",
        "gradients.second-order",
        _kernel_constant_on_the_way_back,
    ),
    _keras(
        "kernel-stored-transposed",
        "the kernel is (units, input_dim)",
        "parameters.kernel-shape",
        _kernel_stored_transposed,
    ),
    _keras("bias-with-two-axes", "the bias is (1, units)", "parameters.bias-shape", _bias_with_two_axes),
    _keras("bias-first", "the bias comes before the kernel", "parameters.order", _bias_first),
    _keras("weights-called-w-and-b", "the weights have other names", "parameters.names", _other_names),
    _keras("trainable-scale", "there is a third weight", "parameters.count", _with_scale(True)),
    _keras("frozen-scale", "there is a third weight, not trainable", "parameters.count", _with_scale(False)),
    _keras("count-without-bias", "the count leaves out the bias", "parameters.count", _count_without_bias),
    _keras("bias-not-trainable", "no optimizer sees the bias", "parameters.trainable", _bias_not_trainable),
    _keras("weights-in-float32", "a float64 layer has float32 weights", "parameters.dtype", _weights_in_float32),
    _keras("bias-always-made", "a bias is made and not used", "parameters.without-bias", _bias_always_made),
    _keras("more-when-called", "a first call makes a second kernel", "parameters.built-by-call", _more_when_called),
    _keras("more-when-told-a-shape", "input_shape makes one weight more", "parameters.stack", _more_when_told_a_shape),
    _keras("fixed-batch", "a symbolic call declares a batch of 1", "shapes.symbolic", _fixed_batch),
    _keras(
        "length-read-while-tracing",
        "an unknown batch is cut to 1",
        "shapes.unknown-dimensions",
        _length_read_while_tracing,
    ),
    _keras("inferred-as-rank-2", "compute_output_shape knows rank 2 alone", "shapes.inferred", _inferred_as_rank_2),
    _keras("vectors-accepted", "a vector is taken for a batch of one", "shapes.low-rank-refused", _vectors_accepted),
    _keras("other-width-cut", "features too many are cut off", "shapes.other-width-refused", _other_width_cut),
    _keras("width-guessed", "an unknown width is taken for 1", "shapes.undefined-width-refused", _width_guessed),
    _keras(
        "rank-remembered", "another rank is refused", "shapes.other-rank-accepted", _rank_remembered, only_raises=True
    ),
    _keras("noise-in-training", "outputs are dropped in training mode", "state.training-mode", _noise_in_training),
    _keras("frozen-in-graph", "a graph keeps the kernel it was traced with", "state.graph", _frozen_in_graph),
    _keras("doubled-in-graph", "outputs are doubled outside eager mode", "state.graph", _doubled_in_graph),
)
