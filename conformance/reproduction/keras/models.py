"""Snippets in which a layer is part of a model, is saved, copied or restored, or is asked for what Keras refuses."""

from __future__ import annotations

from collections.abc import Mapping

from conformance.reproduction.kinds import Snippet

#: What comes back is `restored`, by the option way. The same files and names as a user would choose.
WAYS: Mapping[str, str] = {
    "file": """    model.save(f"{folder}/model.keras")
    restored = tf.keras.models.load_model(
        f"{folder}/model.keras", custom_objects={Dense.__name__: Dense}, compile=False
    )""",
    "weights": """    restored = sequential(Dense($arguments))
    model.save_weights(f"{folder}/model.weights.h5")
    restored.load_weights(f"{folder}/model.weights.h5")""",
    "checkpoint": """    restored = sequential(Dense($arguments))
    path = tf.train.Checkpoint(model=model).save(f"{folder}/checkpoint")
    tf.train.Checkpoint(model=restored).restore(path).assert_existing_objects_matched()""",
    "clone": """    with tf.keras.utils.custom_object_scope({Dense.__name__: Dense}):
        restored = tf.keras.models.clone_model(model)
    restored.set_weights(model.get_weights())
    model.set_weights([np.zeros_like(values) for values in model.get_weights()])  # they should not be shared""",
    "export": """    model.export(f"{folder}/exported")
    exported = tf.saved_model.load(f"{folder}/exported")
    restored = exported.serve""",
}

SNIPPETS: Mapping[str, Snippet] = {
    "call_in_model": Snippet(
        """
layer = Dense($arguments)
$model
model(tf.constant(inputs[:1]))
load(layer, kernel, bias)
return {"outputs": model(tf.constant(inputs)), "weights of the model": listed(model)}
""",
        {
            "model": {
                "sequential": 'model = tf.keras.Sequential([tf.keras.Input($unknown_axes, dtype="$variable"), layer])',
                "deferred": "model = tf.keras.Sequential([layer])",
                "functional": """given = tf.keras.Input($unknown_axes, dtype="$variable")
model = tf.keras.Model(given, layer(given))""",
                "subclassed": "model = subclassed(layer)",
                "distributed": """given = tf.keras.Input($axes, dtype="$variable")
model = tf.keras.Model(given, tf.keras.layers.TimeDistributed(layer)(given))""",
                "nested": """inner = tf.keras.Sequential([tf.keras.Input($unknown_axes, dtype="$variable"), layer])
model = tf.keras.Sequential([tf.keras.Input($unknown_axes, dtype="$variable"), inner])""",
            }
        },
    ),
    "call_shared": Snippet("""
layer = Dense($arguments)
one = tf.keras.Input($unknown_axes, dtype="$variable")
other = tf.keras.Input($unknown_axes, dtype="$variable")
model = tf.keras.Model([one, other], [layer(one), layer(other)])
load(layer, kernel, bias)
with tf.GradientTape() as tape:
    once, again = model([tf.constant(inputs), tf.constant(-inputs)])
    total = tf.reduce_sum(tf.constant(upstream) * (once + 2 * again))
gradients = tape.gradient(total, {f"{name}_gradient": each for name, each in variables(layer).items()})
return {**gradients, "weights of the model": listed(model)}
"""),
    "call_masked": Snippet("""
seen = []

class Masks(tf.keras.layers.Layer):
    \"\"\"Masks every second place on the last leading axis.\"\"\"

    def __init__(self):
        super().__init__()
        self.supports_masking = True

    def call(self, inputs):
        return tf.identity(inputs)

    def compute_mask(self, inputs, mask=None):
        leading = tf.shape(inputs)[:-1]
        return tf.broadcast_to(tf.range(leading[-1]) % 2 == 0, leading)

class Sees(tf.keras.layers.Layer):
    \"\"\"Notes the mask that has come through.\"\"\"

    def __init__(self):
        super().__init__()
        self.supports_masking = True

    def call(self, inputs, mask=None):
        seen.append(mask)
        return inputs

layer = built(Dense($arguments))
load(layer, kernel, bias)
outputs = Sees()(layer(Masks()(tf.constant(inputs))))
mask = None if not seen or seen[-1] is None else np.asarray(seen[-1]).astype(int).tolist()
return {"outputs": outputs, "losses": sorted_losses(layer), "mask": mask}
"""),
    "predict": Snippet("""
layer = built(Dense($arguments))
load(layer, kernel + 1, $other_bias)  # as before a model is trained
model = sequential(layer)
model.predict_on_batch(inputs)
load(layer, kernel, bias)
return {"outputs": model.predict(inputs, batch_size=$batch, verbose=0)}
"""),
    # ---- saved and restored ------------------------------------------------------------------------------------------
    "restore_config": Snippet(
        """
layer = Dense($restored_arguments, name="my_layer")
layer.trainable = $trainable
config = layer.get_config()
before = copy.deepcopy(config)
try:
    text = json.dumps(config)
except TypeError:
    text = None  # what JSON cannot say
with tf.keras.utils.custom_object_scope({Dense.__name__: Dense}):
    other = built(type(layer).from_config(config))
    untouched = config == before
    if text is not None:
        type(layer).from_config(json.loads(text))
kept = {"name": other.name, "trainable": bool(other.trainable), "compute_dtype": str(other.compute_dtype)}
told = {"weights": described(other)["weights"], "json": text is not None, "untouched": untouched}
return {**behaviour(other), **kept, **told}
""",
        {"trainable": {"": "True", "no": "False"}},
    ),
    "restore_model": Snippet(
        """
layer = Dense($arguments)
model = sequential(layer)
load(layer, kernel, bias)
$frozen
with tempfile.TemporaryDirectory() as folder:
$way
    outputs = np.asarray(restored(tf.constant(inputs)))
return {"outputs": outputs, "weights of the model": listed(restored if hasattr(restored, "weights") else model)}
""",
        {"way": WAYS, "frozen": {"": "", "yes": "layer.trainable = False"}},
    ),
    "exchange_weights": Snippet(
        """
namesake = type(Dense.__name__, (tf.keras.layers.Dense,), {})  # of the name Keras makes the paths in a file
own, real = built(Dense($arguments)), built(namesake($arguments))
$writer
load(writer, kernel, bias)
$through
return {"outputs": call(reader, inputs)}
""",
        {
            "writer": {"layer": "writer, reader = own, real", "stock": "writer, reader = real, own"},
            "through": {
                "": "reader.load_own_variables(stored(writer))",
                "file": """one, other = subclassed(writer), subclassed(reader)
one(tf.constant(inputs))
other(tf.constant(inputs))
with tempfile.TemporaryDirectory() as folder:
    one.save_weights(f"{folder}/model.weights.h5")
    other.load_weights(f"{folder}/model.weights.h5")""",
            },
        },
    ),
    "load_misfits": Snippet("""
stored_by_another = stored(built(Dense($misfit)))
layer = built(Dense($arguments))
return {"refused": refuses(lambda: layer.load_own_variables(stored_by_another))}
"""),
    # ---- refused -----------------------------------------------------------------------------------------------------
    "refuse": Snippet(
        """
moment, raised = "construct it", None
try:
    layer = $by
    moment = "call"
    layer(tf.ones($shape))
    moment = "list its losses"
    list(layer.losses)
except Exception as failure:
    raised = failure
return {
    "refused": raised is not None,
    "moment": raised and moment,
    "type": raised and type(raised).__name__,
}
""",
        {"by": {"": "Dense(**$odd_arguments)", "config": "Dense.from_config($odd_arguments)"}},
    ),
    "refuse_inputs": Snippet(
        """
layer = Dense($arguments)
if not refuses(lambda: layer($given)):
    return {"refused": False, "outputs": None}
$built_by
load(layer, kernel, bias)
return {"outputs": call(layer, inputs), "refused": True}
""",
        {
            "given": {
                "vector": "tf.ones([7])",
                "number": "tf.constant(1.0)",
                "nothing": "None",
                "two": "[tf.ones([2, 7]), tf.ones([2, 7])]",
            },
            "built_by": {"": "built(layer)", "call": "call(layer, inputs)"},
        },
    ),
    "construct_by_position": Snippet("""
layer = built(Dense(
    $positions,
))
return behaviour(layer)
"""),
}
