"""Snippets about weights: how they begin, what they cost, how they are set, moved and read."""

from __future__ import annotations

from collections.abc import Mapping

from conformance.reproduction.kinds import Snippet

SNIPPETS: Mapping[str, Snippet] = {
    "keep_weights": Snippet("""
layer = built(Dense($arguments))
load(layer, kernel, bias)
return after(layer)
"""),
    # ---- how they begin ----------------------------------------------------------------------------------------------
    "begin": Snippet("""
first, second = held(built(Dense($arguments))), held(built(Dense($arguments)))
return {**first, **{f"second_{name}": values for name, values in second.items()}}
"""),
    "begin_seeded": Snippet("""
def run(seed):
    tf.keras.utils.set_random_seed(seed)
    return held(built(Dense($arguments)))

one, again, other = run(7), run(7), run(8)
return {
    "same again": all(np.array_equal(values, again[name]) for name, values in one.items()),
    "other seed differs": not np.array_equal(one["kernel"], other["kernel"]),
}
"""),
    "begin_called": Snippet("""
calls = []

def counting(shape, dtype=None, **_):
    \"\"\"0, 1, 2, ...: shape and order show.\"\"\"
    axes = [int(axis) for axis in shape]
    calls.append([axes, tf.as_dtype(dtype).name])
    return tf.reshape(tf.range(int(np.prod(axes)), dtype=tf.as_dtype(dtype)), axes)

layer = built(Dense($uninitialized, kernel_initializer=counting, bias_initializer=counting))
return {**held(layer), "calls": sorted(calls, reverse=True)}
"""),
    "begin_with_arrays": Snippet("""
return after(built(Dense($uninitialized, $initialized)))
"""),
    "begin_with_weights": Snippet("""
layer = Dense($arguments, weights=$both)
call(layer, inputs)
return after(layer)
"""),
    # ---- what they cost ----------------------------------------------------------------------------------------------
    "read_losses": Snippet(
        """
layer = built(Dense($arguments))
load(layer, kernel + 1, $other_bias)  # other weights first
layer.trainable = $frozen
before = len(layer.losses)
call(layer, inputs)
sorted_losses(layer)
load(layer, kernel, bias)
given = tf.constant(inputs)
with tf.GradientTape() as tape:
    tape.watch(given)
    layer(given)
    losses = list(layer.losses)
    total = tf.add_n(losses) if losses else tf.constant(0.0)
gradients = tape.gradient(total, wanted(layer, given), unconnected_gradients="zero")
return {"built": before, "losses": sorted_losses(layer), **gradients}
""",
        {"frozen": {"": "True", "yes": "False"}},
    ),
    "read_losses_in_graph": Snippet("""
layer = Dense($arguments)
layer.build($one_row)
load(layer, kernel, bias)

def losses(given):
    layer(given)
    return [tf.convert_to_tensor(each) for each in layer.losses]

graph = tf.function(losses, input_signature=[tf.TensorSpec($any_length, "$variable")])
return {"losses": np.sort(np.array([float(each) for each in graph(tf.constant(inputs))]))}
"""),
    # ---- what an optimizer makes of them -----------------------------------------------------------------------------
    "step": Snippet("""
layer = built(Dense($arguments))
load(layer, kernel, bias)
optimizer = tf.keras.optimizers.SGD($rate)
for _ in range($steps):
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(tf.constant(upstream) * layer(tf.constant(inputs)))
    trained = layer.trainable_variables
    optimizer.apply_gradients(zip(tape.gradient(loss, trained), trained))
return after(layer)
"""),
    "use_constrained": Snippet("""
layer, given = built(Dense($arguments)), tf.constant(inputs)
layer.set_weights(in_order(layer))
layer(given, training=True)
layer(given)
model = sequential(layer)
model.compile(loss="mse")
model.evaluate(inputs, np.zeros($output_shape), verbose=0)
return after(layer)
"""),
    "constrain": Snippet("""
layer = built(Dense($arguments))
load(layer, kernel, bias)
return constrained(layer)
"""),
    "fit": Snippet("""
layer = Dense($arguments)
model = compiled(layer)
history = model.fit(inputs, upstream, batch_size=len(inputs), epochs=$steps, shuffle=False, verbose=0)
return {**after(layer), "reported_loss": np.array(history.history["loss"][0])}
"""),
    "evaluate": Snippet("""
layer = Dense($arguments)
loss = compiled(layer).evaluate(inputs, upstream, batch_size=len(inputs), verbose=0)
return {**after(layer), "reported_loss": np.array(loss)}
"""),
    "fit_frozen": Snippet("""
layer = built(Dense($arguments))
load(layer, kernel, bias)
layer.trainable = False
model = sequential(layer)
model.add(tf.keras.layers.Dense(1))  # so that there is something to train
model.compile(tf.keras.optimizers.SGD($rate), loss="mse")
model.train_on_batch(inputs, np.ones((*inputs.shape[:-1], 1), np.float32))
return after(layer)
"""),
    # ---- how a user handles them -------------------------------------------------------------------------------------
    "read_attributes": Snippet(
        """
layer, other = Dense($arguments, name="my_layer"$frozen_from_the_start), Dense($arguments)
$state
$frozen
$thawed
told = {
    "built": bool(layer.built),
    "shapes of get_weights": [list(values.shape) for values in layer.get_weights()],
    "trainable and other weights": [len(layer.trainable_weights), len(layer.non_trainable_weights)],
    "shapes of the trainable weights, in order": [list(each.shape) for each in layer.trainable_weights],
    "units": int(layer.units),
    "use_bias": bool(layer.use_bias),
    "name": layer.name,
    "default names differ": layer.name != other.name,
    "compute_dtype": str(layer.compute_dtype),
    "variable_dtype": str(layer.variable_dtype),
    "trainable": bool(layer.trainable),
    "activation is callable": callable(layer.activation),
}
$told_of_state
return told
""",
        {
            "state": {"": "", "unbuilt": "", "built": "layer.build($shape_as)"},
            "frozen": {"": "", "constructor": "", "later": "layer.trainable = False"},
            "thawed": {"": "", "yes": "layer.trainable = True"},
        },
    ),
    "assign_weights": Snippet("""
layer = built(Dense($arguments))
layer.kernel.assign(kernel)
$assign_bias
return {"outputs": call(layer, inputs)}
"""),
    "differentiate_frozen": Snippet("""
layer = built(Dense($arguments))
load(layer, kernel, bias)
layer.trainable = False
return differentiated(layer)
"""),
    "take_weights": Snippet("""
layer, other = built(Dense($arguments)), built(Dense($arguments))
load(layer, kernel, bias)
taken = [np.array(values, np.float64) for values in layer.get_weights()]
for values in layer.get_weights():
    if values.flags.writeable:
        values[...] = 99
for one, values in zip(taken, layer.get_weights()):
    assert (one == values).all(), "what get_weights gave was the layer's own memory"
other.set_weights(taken)
for values in taken:
    values[...] = 77
return after(other)
"""),
    "set_wrong_weights": Snippet(
        """
layer = built(Dense($arguments))
before = held(layer)
refused = refuses(lambda: layer.set_weights($wrong))
unchanged = all((values == before[name]).all() for name, values in held(layer).items())
layer.set_weights(in_order(layer))
return {"outputs": call(layer, inputs), "refused": refused, "unchanged": unchanged}
""",
        {
            "wrong": {
                "too-few": "[kernel]",
                "too-many": "[kernel, bias, bias]",
                "transposed": "[kernel.T, bias]",
                "other-order": "[bias, kernel]",
                "bias-row": "[kernel, bias[None]]",
                "bias-column": "[kernel, bias[:, None]]",
                "bias-number": "[kernel, bias[:1]]",
                "flat-kernel": "[kernel.ravel(), bias]",
            }
        },
    ),
}
