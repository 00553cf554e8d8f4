"""Functions that scripts for Keras layers have, as far as they use them."""

from __future__ import annotations

from collections.abc import Mapping

from conformance.reproduction.kinds import VIEWS

HELPERS: Mapping[str, str] = {
    **VIEWS,
    "built": '''
def built(layer):
    """The layer with its weights made; some layers leave them to their first call."""
    layer.build($shape)
    if not layer.weights:
        layer(tf.zeros($shape, "$variable"))
    return layer
''',
    "weights": '''
def weights(layer):
    """kernel and bias, by name where the names tell, else in the layer's order."""
    names = [each.name.rpartition("/")[2].partition(":")[0] for each in layer.weights]
    if not set(names) >= set(["kernel", "bias"][: len(names)]):
        names = ["kernel", "bias"]
    return {name: each for name, each in zip(names, layer.weights) if name in ("kernel", "bias")}
''',
    "variables": '''
def variables(layer):
    """The same as TensorFlow's own variables."""
    return {name: each if isinstance(each, tf.Variable) else each.value for name, each in weights(layer).items()}
''',
    "load": """
def load(layer, kernel, bias):
    values = {"kernel": kernel} if bias is None else {"kernel": kernel, "bias": bias}
    for name, each in values.items():
        weights(layer)[name].assign(each)
""",
    "in_order": '''
def in_order(layer):
    """kernel and bias as set_weights takes them."""
    return [{"kernel": kernel, "bias": bias}[name] for name in weights(layer)]
''',
    "call": """
def call(layer, inputs):
    return np.asarray(layer(tf.constant(inputs)))
""",
    "baseline": '''
def baseline(Dense):
    """What a fresh layer with these weights answers."""
    layer = built(Dense($arguments))
    load(layer, kernel, bias)
    return call(layer, inputs)
''',
    "wanted": '''
def wanted(layer, given):
    """What to differentiate with respect to."""
    return {"inputs_gradient": given, **{f"{name}_gradient": each for name, each in variables(layer).items()}}
''',
    "differentiated": """
def differentiated(layer):
    given = tf.constant(inputs)
    with tf.GradientTape() as tape:
        tape.watch(given)
        outputs = layer(given)
    return {
        "outputs": outputs,
        **tape.gradient(outputs, wanted(layer, given), output_gradients=tf.constant(upstream)),
    }
""",
    "described": '''
def described(layer):
    """The weights in their order, and how many numbers they hold."""
    trainable = {id(each) for each in layer.trainable_weights}
    return {
        "weights": [
            {
                "name": each.name.rpartition("/")[2].partition(":")[0],
                "shape": list(each.shape),
                "trainable": id(each) in trainable,
                "dtype": str(getattr(each.dtype, "name", each.dtype)),
            }
            for each in layer.weights
        ],
        "count": int(layer.count_params()),
        "trainable": sum(int(np.prod(each.shape, dtype=int)) for each in layer.trainable_weights),
    }
''',
    "held": '''
def held(layer):
    """Copies of what kernel and bias hold now."""
    return {name: np.asarray(each).copy() for name, each in variables(layer).items()}
''',
    "after": """
def after(layer):
    return {f"{name}_after": values for name, values in held(layer).items()}
""",
    "sorted_losses": '''
def sorted_losses(layer):
    """Least first: their order in the list does not matter."""
    return np.sort(np.array([float(np.asarray(each)) for each in layer.losses]))
''',
    "constrained": '''
def constrained(layer):
    """What the constraint that each weight carries makes of it."""
    rules = {name: (each, getattr(each, "constraint", None)) for name, each in weights(layer).items()}
    return {f"{name}_constrained": np.asarray(rule(each) if rule else each) for name, (each, rule) in rules.items()}
''',
    "sequential": '''
def sequential(layer):
    """A model of this layer alone."""
    return tf.keras.Sequential([tf.keras.Input($axes, dtype="$variable"), layer])
''',
    "compiled": '''
def compiled(layer):
    """The same, with these weights and the loss sum(upstream * outputs), which is linear in the outputs."""
    model = sequential(layer)
    load(layer, kernel, bias)
    model.compile(
        tf.keras.optimizers.SGD($rate),
        loss=lambda targets, outputs: tf.reduce_sum(tf.cast(targets, outputs.dtype) * outputs),
        run_eagerly=$run_eagerly,
        jit_compile=$jit_compile,
    )
    return model
''',
    "listed": '''
def listed(model):
    """The shapes of a model's weights."""
    return [list(each.shape) for each in model.weights]
''',
    "refuses": """
def refuses(call):
    try:
        call()
    except Exception:
        return True
    return False
""",
    "behaviour": '''
def behaviour(layer):
    """How the weights of a new layer begin, what they and the outputs cost, what constrains them, and the outputs."""
    begin = held(layer)
    load(layer, kernel, bias)
    return {
        **begin,
        **constrained(layer),
        "outputs": call(layer, inputs),
        "losses": sorted_losses(layer),
    }
''',
    "subclassed": '''
def subclassed(layer):
    """A model that has the layer as its attribute."""

    class Model(tf.keras.Model):
        def __init__(self):
            super().__init__()
            self.dense = layer

        def call(self, inputs):
            return self.dense(inputs)

    return Model()
''',
    "stored": '''
def stored(layer):
    """Copies of what the layer's own store holds."""
    store = {}
    layer.save_own_variables(store)
    return {name: np.asarray(values).copy() for name, values in store.items()}
''',
}
