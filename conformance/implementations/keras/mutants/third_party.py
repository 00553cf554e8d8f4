"""Keras layers that are wrong as those of third parties are."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from weakref import WeakValueDictionary

from conformance.implementations.keras.mutants.made import Layer, Methods, keras_mutant
from conformance.implementations.keras.written import written_by_hand
from conformance.implementations.mutant import Mutant, of_generation

Made = Callable[[], Methods]
Row = tuple[str, str, str, Made]


def _kernel(changed: Callable[[Any], Any], *, in_training_alone: bool = False) -> Made:
    """changed: what of the kernel the product is made with."""

    def call(self: Layer, inputs: Any, training: Any = None) -> Any:
        import tensorflow as tf

        kernel = tf.convert_to_tensor(self.kernel)
        used = changed(kernel) if training or not in_training_alone else kernel
        rows = tf.cast(inputs, self.compute_dtype)
        return self.activation(self.biased(tf.tensordot(rows, used, [[len(rows.shape) - 1], [0]])))

    return lambda: {"call": call}


def _on_the_way_back(values: Any, changed: Callable[[Any], Any]) -> Any:
    """The same values. changed: the gradient that is passed on, of the one that comes."""
    import tensorflow as tf

    @tf.custom_gradient  # type: ignore[untyped-decorator]
    def gate(given: Any) -> Any:
        return tf.identity(given), changed

    return gate(values)


def _to_eight_bits(kernel: Any) -> Any:
    """One scale for all of it; what is rounded away is a constant to the gradient."""
    import tensorflow as tf

    scale = tf.reduce_max(tf.abs(kernel)) / 127
    steps = tf.round(tf.math.divide_no_nan(kernel, scale * tf.ones_like(kernel)))
    return tf.stop_gradient(steps * scale) + (kernel - tf.stop_gradient(kernel))


def _of_spectral_norm_1(kernel: Any) -> Any:
    import tensorflow as tf

    largest = tf.linalg.svd(tf.cast(kernel, tf.float32), compute_uv=False)[0]
    return kernel / tf.cast(largest, kernel.dtype)


def _within_one(kernel: Any) -> Any:
    import tensorflow as tf

    return _on_the_way_back(kernel, lambda upstream: tf.where(tf.abs(kernel) <= 1, upstream, tf.zeros_like(upstream)))


def _decayed(kernel: Any) -> Any:
    return _on_the_way_back(kernel, lambda upstream: upstream + 0.01 * kernel)


def _loss_scale_kept() -> Methods:
    def product(self: Layer, inputs: Any) -> Any:
        scale = 128 if self.compute_dtype == "float16" else 1
        return _on_the_way_back(written_by_hand().product(self, inputs), lambda upstream: scale * upstream)

    return {"product": product}


def _inputs_gradient_reversed() -> Methods:
    def product(self: Layer, inputs: Any) -> Any:
        return written_by_hand().product(self, _on_the_way_back(inputs, lambda upstream: -upstream))

    return {"product": product}


def _freed_by_the_backward_pass() -> Methods:
    def product(self: Layer, inputs: Any) -> Any:
        saved = [written_by_hand().product(self, inputs)]

        def backward(upstream: Any) -> Any:
            saved.pop()
            return upstream

        return _on_the_way_back(saved[0], backward)

    return {"product": product}


def _numerics_checked() -> Methods:
    import tensorflow as tf

    def call(self: Layer, inputs: Any) -> Any:
        return tf.debugging.check_numerics(written_by_hand().call(self, inputs), "dense")

    return {"call": call}


def _with_low_rank_pair() -> Methods:
    import tensorflow as tf

    def make_weights(self: Layer, width: int) -> None:
        written_by_hand().make_weights(self, width)
        self.lora_a = self.add_weight(name="lora_a", shape=(width, 4), initializer="he_uniform")
        self.lora_b = self.add_weight(name="lora_b", shape=(4, self.units), initializer="zeros")

    def product(self: Layer, inputs: Any) -> Any:
        update = tf.matmul(tf.convert_to_tensor(self.lora_a), tf.convert_to_tensor(self.lora_b))
        return tf.tensordot(inputs, tf.convert_to_tensor(self.kernel) + update, [[len(inputs.shape) - 1], [0]])

    return {"make_weights": make_weights, "product": product}


def _bias_untracked() -> Methods:
    """Keras 3 tracks its own variables alone."""
    import tensorflow as tf

    def make_weights(self: Layer, width: int) -> None:
        self.kernel = self.add_kernel((width, self.units))
        with tf.init_scope():
            begin = self.bias_initializer((self.units,), dtype=self.variable_dtype)
            self.bias = tf.Variable(begin, name="bias") if self.use_bias else None

    def biased(self: Layer, product: Any) -> Any:
        return product if self.bias is None else product + tf.cast(self.bias, product.dtype)

    return {"make_weights": make_weights, "biased": biased}


def _reused_by_name() -> Methods:
    made: WeakValueDictionary[Any, Any] = WeakValueDictionary()

    def make_weights(self: Layer, width: int) -> None:
        def reused(name: str, make: Callable[[tuple[int, ...]], Any], shape: tuple[int, ...]) -> Any:
            key = (self.name, name, shape, self.variable_dtype)
            if key not in made:
                variable = make(shape)
                made[key] = variable
            return made[key]

        self.kernel = reused("kernel", self.add_kernel, (width, self.units))
        self.bias = reused("bias", self.add_bias, (self.units,)) if self.use_bias else None

    return {"make_weights": make_weights}


def _given(name: str, changed: Callable[[Any], Any]) -> Made:
    """changed: what is made of the argument of this name, where it is given."""

    def __init__(self: Layer, units: Any, *given: Any, **named: Any) -> None:  # noqa: N807
        said = {name: changed(named[name])} if name in named else {}
        written_by_hand().__init__(self, units, *given, **{**named, **said})

    return lambda: {"__init__": __init__}


def _l2_of(given: Any) -> Any:
    import tensorflow as tf

    return tf.keras.regularizers.L2(given) if isinstance(given, int | float) else given


def _float16_alone(given: Any) -> Any:
    return "mixed_float16" if getattr(given, "name", given) == "mixed_bfloat16" else given


def _by_default(place: int, name: str, default: Callable[[], Any]) -> Made:
    """place: of the argument, after the units."""

    def __init__(self: Layer, units: int, *given: Any, **named: Any) -> None:  # noqa: N807
        own = {name: default()} if len(given) <= place else {}
        written_by_hand().__init__(self, units, *given, **{**own, **named})

    return lambda: {"__init__": __init__}


def _pytorchs() -> Any:
    import tensorflow as tf

    return tf.keras.initializers.VarianceScaling(1 / 3, "fan_in", "uniform")


def _named_alone() -> Methods:
    def __init__(self: Layer, units: int, **named: Any) -> None:  # noqa: N807
        written_by_hand().__init__(self, units, **named)

    return {"__init__": __init__}


def _classes_alone() -> Methods:
    import tensorflow as tf

    def make_weights(self: Layer, width: int) -> None:
        def anew(given: Any) -> Any:
            return type(given)() if isinstance(given, tf.keras.initializers.Initializer) else given

        self.kernel = self.add_kernel((width, self.units), initializer=anew(self.kernel_initializer))
        self.bias = self.add_bias((self.units,), initializer=anew(self.bias_initializer)) if self.use_bias else None

    return {"make_weights": make_weights}


def _divided_by_the_batch_when_built() -> Methods:
    """Keras has divided by the batch that came."""
    import tensorflow as tf

    def build(self: Layer, input_shape: Any) -> None:
        self.batch_when_built = input_shape[0]
        written_by_hand().build(self, input_shape)

    def call(self: Layer, inputs: Any) -> Any:
        self.batch = tf.shape(inputs)[0]
        return written_by_hand().call(self, inputs)

    def add_loss(self: Layer, loss: Any) -> None:
        built_for = self.batch_when_built
        factor = 1 if built_for is None else tf.cast(self.batch, loss.dtype) / float(built_for)
        written_by_hand().add_loss(self, loss * factor)

    return {"build": build, "call": call, "add_loss": add_loss}


def _activity_piles_up() -> Methods:
    import tensorflow as tf

    def add_loss(self: Layer, loss: Any) -> None:
        earlier = getattr(self, "earlier", 0.0)
        written_by_hand().add_loss(self, loss + earlier)
        if tf.executing_eagerly():
            self.earlier = earlier + float(loss)

    return {"add_loss": add_loss}


def _losses_in_one_sum() -> Methods:
    def losses(self: Layer) -> list[Any]:
        found = written_by_hand().losses.fget(self)
        return [sum(found)] if found else []

    return {"losses": property(losses)}


def _norm_of_all() -> Methods:
    import tensorflow as tf

    class OfAll(tf.keras.constraints.Constraint):  # type: ignore[misc]
        def __init__(self, own: Any) -> None:
            self.own = own

        def __call__(self, weights: Any) -> Any:
            values = tf.convert_to_tensor(weights)
            return tf.reshape(self.own(tf.reshape(values, [-1, 1])), tf.shape(values))

    def make_weights(self: Layer, width: int) -> None:
        own = self.kernel_constraint
        self.kernel = self.add_kernel((width, self.units), constraint=own and OfAll(own))
        self.bias = self.add_bias((self.units,)) if self.use_bias else None

    return {"make_weights": make_weights}


def _transposed_kernel_taken() -> Methods:
    def set_weights(self: Layer, weights: list[Any]) -> None:
        turned = [each.T if each.shape == tuple(self.kernel.shape)[::-1] else each for each in weights]
        written_by_hand().set_weights(self, turned)

    return {"set_weights": set_weights}


def _config_by_compute_dtype() -> Methods:
    def get_config(self: Layer) -> dict[str, Any]:
        return {**written_by_hand().get_config(self), "dtype": self.compute_dtype}

    return {"get_config": get_config}


def _bias_not_stored() -> Methods:
    import numpy as np

    def save_own_variables(self: Layer, store: Any) -> None:
        store["0"] = np.array(self.kernel)

    def load_own_variables(self: Layer, store: Any) -> None:
        self.kernel.assign(np.array(store["0"]))

    return {"save_own_variables": save_own_variables, "load_own_variables": load_own_variables}


def _shape_of_inputs_inferred() -> Methods:
    return {"compute_output_shape": lambda self, input_shape: tuple(input_shape)}


def _mask_of_units() -> Methods:
    def compute_mask(self: Layer, inputs: Any, mask: Any = None) -> Any:
        return None if mask is None else mask[..., None]

    return {"compute_mask": compute_mask}


def _batch_remembered() -> Methods:
    import tensorflow as tf

    def build(self: Layer, input_shape: Any) -> None:
        written_by_hand().build(self, input_shape)
        self.input_spec = tf.keras.layers.InputSpec(min_ndim=2, axes={0: input_shape[0], -1: input_shape[-1]})

    return {"build": build}


#: Name, defect, clause, and methods.
WRONG: tuple[Row, ...] = (
    ("kernel-fake-quantized", "the kernel is rounded to 8 bits", "outputs.arithmetic", _kernel(_to_eight_bits)),
    ("straight-through-within-one", "weights beyond 1 have no gradient", "gradients.kernel", _kernel(_within_one)),
    ("inputs-gradient-reversed", "the inputs' gradient is negated", "gradients.inputs", _inputs_gradient_reversed),
    ("loss-scale-kept", "float16's gradients keep a loss scale of 128", "dtypes.half-exact", _loss_scale_kept),
    ("low-rank-pair", "there are two weights more, of a low-rank update", "parameters.count", _with_low_rank_pair),
    ("reused-by-name", "layers of one name share their weights", "saving.clone", _reused_by_name),
    ("no-bias-by-default", "there is no bias by default", "parameters.bias-shape", _by_default(1, "use_bias", bool)),
    ("initializers-by-their-class", "initializers lose arguments", "initializers.certain", _classes_alone),
    ("activity-piles-up", "the activity's penalties add up over calls", "losses.activity", _activity_piles_up),
    ("losses-in-one-sum", "all losses are added up to one", "losses.all", _losses_in_one_sum),
    ("norm-of-all", "a constraint takes the norm of the whole kernel", "constraints.kernel", _norm_of_all),
    ("config-by-compute-dtype", "the config's dtype is the compute dtype", "saving.config", _config_by_compute_dtype),
    ("bias-not-stored", "the bias is neither stored nor loaded", "saving.weights", _bias_not_stored),
    ("name-prefixed", "the name has a prefix", "weights.attributes", _given("name", "quant_{}".format)),
    (
        "transposed-kernel-taken",
        "set_weights transposes a kernel",
        "weights.wrong-ones-refused",
        _transposed_kernel_taken,
    ),
    (
        "spectral-norm-in-training",
        "training divides the kernel by its spectral norm",
        "state.training-mode",
        _kernel(_of_spectral_norm_1, in_training_alone=True),
    ),
    (
        "weight-decay-in-training",
        "training adds weight decay to the kernel's gradient",
        "modes.fit",
        _kernel(_decayed, in_training_alone=True),
    ),
    (
        "pytorchs-kernel-by-default",
        "the default initializer is PyTorch's",
        "initializers.default",
        _by_default(2, "kernel_initializer", _pytorchs),
    ),
    ("mask-of-units", "the mask comes out with one axis more", "composition.masks", _mask_of_units),
    ("float16-for-bfloat16", "mixed_bfloat16 is mixed_float16", "dtypes.outputs", _given("dtype", _float16_alone)),
    (
        "shape-of-inputs-inferred",
        "the declared shape is that of the inputs",
        "shapes.inferred",
        _shape_of_inputs_inferred,
    ),
    (
        "number-regularizes",
        "a number is the coefficient of l2",
        "errors.regularizer",
        _given("kernel_regularizer", _l2_of),
    ),
)
#: Those that raise.
REFUSING: tuple[Row, ...] = (
    ("backward-once", "a tape can be asked once for gradients", "modes.persistent-tape", _freed_by_the_backward_pass),
    ("numerics-checked", "NaN and infinity raise", "specials.pass-through", _numerics_checked),
    ("named-alone", "arguments after units are taken by name alone", "errors.positions", _named_alone),
    ("batch-remembered", "batches of another length are refused", "state.batch-length", _batch_remembered),
)

MUTANTS: tuple[Mutant, ...] = (
    *(keras_mutant(*row) for row in WRONG),
    *(keras_mutant(*row, only_raises=True) for row in REFUSING),
    keras_mutant(
        "bias-untracked",
        "the bias is a variable that Keras does not track",
        "parameters.count",
        _bias_untracked,
        wrong_in=of_generation(3),
    ),
    keras_mutant(
        "divided-by-the-batch-when-built",
        "the activity's penalty is divided by the batch at build",
        "losses.unknown-batch",
        _divided_by_the_batch_when_built,
        wrong_in=lambda dialect: dialect.divides_activity_loss,
    ),
)
