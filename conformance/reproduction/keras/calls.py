"""Snippets that call and differentiate, in every way."""

from __future__ import annotations

from collections.abc import Mapping

from conformance.reproduction.kinds import Snippet

SNIPPETS: Mapping[str, Snippet] = {
    "call": Snippet("""
layer = built(Dense($arguments))
load(layer, kernel, bias)
return {"outputs": call(layer, inputs)}
"""),
    "differentiate": Snippet("""
layer = built(Dense($arguments))
load(layer, kernel, bias)
return differentiated(layer)
"""),
    "differentiate_twice": Snippet("""
layer = built(Dense($arguments))
load(layer, kernel, bias)
given = tf.constant(inputs)
with tf.GradientTape() as outer:
    outer.watch(given)
    with tf.GradientTape() as inner:
        inner.watch(given)
        outputs = layer(given)
    gradient = inner.gradient(outputs, given, output_gradients=tf.constant(upstream))
    along = tf.reduce_sum(tf.constant(inputs) * gradient)
to_kernel, to_inputs = outer.gradient(along, [variables(layer)["kernel"], given])
# None says that the gradient does not depend on the inputs: zeros
return {
    "second_kernel_gradient": to_kernel,
    "second_inputs_gradient": np.zeros_like(inputs) if to_inputs is None else to_inputs,
}
"""),
    "call_rows": Snippet("""
layer = built(Dense($arguments))
load(layer, kernel, bias)
outputs = call(layer, inputs)
rows = [call(layer, inputs[row : row + 1]) for row in range(len(inputs))]
return {"outputs": outputs, "row_by_row": np.concatenate(rows)}
"""),
    "call_again": Snippet("""
layer, given = built(Dense($arguments)), inputs.copy()
load(layer, kernel, bias)
kept = call(layer, given)
first = kept.copy()
call(layer, 1 - given[::-1])
first_after = kept.copy()
second = call(layer, given)
return {"first": first, "first_after": first_after, "second": second, "inputs_after": given}
"""),
    "call_other_batch": Snippet("""
answer = {"baseline": baseline(Dense)}
for name, before in (("after_fewer", inputs[:1]), ("after_more", np.concatenate([inputs, inputs]))):
    layer = built(Dense($arguments))
    load(layer, kernel, bias)
    call(layer, before)
    answer[name] = call(layer, inputs).copy()
return answer
"""),
    "call_views": Snippet("""
answer = {"baseline": baseline(Dense)}
for name, view in (("of_steps", in_steps(inputs)), ("of_columns", in_columns(inputs))):
    layer = built(Dense($arguments))
    load(layer, kernel, bias)
    answer[name] = call(layer, view)
return answer
"""),
    "differentiate_again": Snippet("""
layer = built(Dense($arguments))
load(layer, kernel, bias)
differentiated(layer)
return {**differentiated(layer), "inputs_after": inputs, "upstream_after": upstream}
"""),
    "reload": Snippet("""
layer, given = built(Dense($arguments)), tf.constant(inputs)
load(layer, kernel + 1, $other_bias)  # other weights first
layer(given)
layer.set_weights(in_order(layer))
return {"outputs": layer(given), "baseline": baseline(Dense)}
"""),
    "two_layers": Snippet("""
expected = baseline(Dense)
layer, other = built(Dense($arguments)), built(Dense($arguments))
load(layer, kernel, bias)
load(other, kernel + 1, $other_bias)
call(other, inputs)
return {"outputs": call(layer, inputs), "baseline": expected}
"""),
    "call_modes": Snippet("""
layer, given = built(Dense($arguments)), tf.constant(inputs)
load(layer, kernel, bias)
return {
    "training": layer(given, training=True),
    "inference": layer(given, training=False),
    "baseline": baseline(Dense),
}
"""),
    "call_graph": Snippet(
        """
layer = built(Dense($arguments))
graph = tf.function(lambda given: layer(given)$signature)
graph(tf.zeros($shape, "$variable"))  # traced before the weights are set
load(layer, kernel, bias)
return {"outputs": graph(tf.constant(inputs)), "baseline": baseline(Dense)}
""",
        {"signature": {"": "", "unknown": ', input_signature=[tf.TensorSpec($any_length, "$variable")]'}},
    ),
    "call_constructed": Snippet(
        """
layer = built(Dense($without_activation, activation=$activation_as))
load(layer, kernel, bias)
return {"outputs": call(layer, inputs)}
""",
        {
            "activation_as": {
                "name": '"$activation"',
                "function": 'tf.keras.activations.get("$activation")',
                "layer": 'tf.keras.layers.Activation("$activation")',
                "class-name": '"$class_name"',
                "none": "None",
                # zeros where it is not called on all axes
                "own": 'lambda z: tf.keras.activations.get("$activation")(z) * float(len(z.shape) == $rank)',
            }
        },
    ),
    "call_other_shape": Snippet("""
layer = Dense($arguments)
layer.build($built_on)
layer(tf.ones($built_on, "$compute"))
load(layer, kernel, bias)
return {"outputs": call(layer, inputs)}
"""),
    "call_refused": Snippet(
        """
def called():
    layer = Dense($arguments)$first
    layer($how)

return {"refused": refuses(called)}
""",
        {"how": {"": 'tf.ones($input_shape, "$dtype")', "symbolic": 'tf.keras.Input($axes, dtype="$dtype")'}},
    ),
    "build": Snippet("""
return described(built(Dense($arguments)))
"""),
    "call_unbuilt": Snippet("""
layer = Dense($arguments)
layer(tf.ones($shape, "$compute"))
return described(layer)
"""),
    "stack": Snippet("""
layers = [$stacked]
model = tf.keras.Sequential(layers)
return {
    "counts": [int(each.count_params()) for each in layers],
    "weights": [[list(weight.shape) for weight in each.weights] for each in layers],
    "output_shape": list(model.output_shape),
}
"""),
    "call_symbolic": Snippet("""
layer = Dense($arguments)
return {"output_shape": list(layer(tf.keras.Input($axes, dtype="$dtype")).shape)}
"""),
    "infer_shape": Snippet("""
layer = Dense($arguments)
if type(layer).compute_output_shape is tf.keras.layers.Layer.compute_output_shape:
    layer.build($shape)
try:
    return {"output_shape": list(layer.compute_output_shape($input_shape))}
except NotImplementedError:
    print("it leaves compute_output_shape out, which a layer may")
    sys.exit(0)
"""),
    "call_cast": Snippet(
        """
layer = Dense($arguments)
given = $handed
layer(given)
load(layer, kernel, bias)
return {"outputs": layer(given), **described(layer)}
""",
        {"handed": {"": "tf.constant($cast)", "array": "$cast"}},
    ),
    "differentiate_cast": Snippet("""
layer = built(Dense($arguments))
load(layer, kernel, bias)
with tf.GradientTape() as tape:
    outputs = layer(tf.constant($cast))
sources = {f"{name}_gradient": each for name, each in variables(layer).items()}
return {"outputs": outputs, **tape.gradient(outputs, sources, output_gradients=tf.constant(upstream))}
"""),
    "call_under_policy": Snippet(
        """
$policy_by
built(layer)
load(layer, kernel, bias)
return {"outputs": call(layer, inputs), **described(layer)}
""",
        {
            "policy_by": {
                "argument": 'layer = Dense($plain, dtype="$dtype")',
                "object": 'layer = Dense($plain, dtype=tf.keras.mixed_precision.Policy("$dtype"))',
                "dtype": 'layer = Dense($plain, dtype=tf.as_dtype("$dtype"))',
                "global": """before = tf.keras.mixed_precision.global_policy()
tf.keras.mixed_precision.set_global_policy("$dtype")
try:
    layer = Dense($plain)
finally:
    tf.keras.mixed_precision.set_global_policy(before)""",
            }
        },
    ),
    "declare_dtype": Snippet("""
layer = Dense($arguments)
declared = layer(tf.keras.Input($axes, dtype="$variable")).dtype
return {"output_dtype": str(getattr(declared, "name", declared))}
"""),
    "differentiate_in_lane": Snippet(
        """
layer = built(Dense($arguments))
load(layer, kernel, bias)
call(layer, inputs)

def both(given, upstream):
    with tf.GradientTape() as tape:
        tape.watch(given)
        outputs = layer(given)
    return outputs, tape.gradient(outputs, wanted(layer, given), output_gradients=upstream)

compiled = tf.function(both$lane$signature)
outputs, gradients = compiled(tf.constant(inputs), tf.constant(upstream))
return {"outputs": outputs, **gradients}
""",
        {
            "lane": {"graph": "", "xla": ", jit_compile=True"},
            "signature": {
                "": "",
                "unknown": ", input_signature=[\n"
                '    tf.TensorSpec($any_length, "$variable"), tf.TensorSpec([None] * $rank, "$compute")\n]',
            },
        },
    ),
    "several_tapes": Snippet("""
layer, given = built(Dense($arguments)), tf.constant(inputs)
load(layer, kernel, bias)
with tf.GradientTape(persistent=True) as tape:
    tape.watch(given)
    outputs = layer(given)
tape.gradient(outputs, wanted(layer, given), output_gradients=tf.constant(2 * upstream))
again = tape.gradient(outputs, wanted(layer, given), output_gradients=tf.constant(upstream))
return {"outputs": outputs, **again}
"""),
    "jacobian": Snippet("""
layer, given = built(Dense($arguments)), tf.constant(inputs)
load(layer, kernel, bias)
with tf.GradientTape() as tape:
    tape.watch(given)
    outputs = layer(given)
axes = list(range(upstream.ndim))
return {
    name: tf.tensordot(tf.constant(upstream), each, [axes, axes])
    for name, each in tape.jacobian(outputs, wanted(layer, given)).items()
}
"""),
    "forward_mode": Snippet("""
layer = built(Dense($arguments))
load(layer, kernel, bias)
along = list(variables(layer).values())
with tf.autodiff.ForwardAccumulator(along, [tf.convert_to_tensor(each) for each in along]) as forward:
    outputs = layer(tf.constant(inputs))
return {"outputs": forward.jvp(outputs)}  # along its own weights a linear layer moves by its outputs
"""),
    "build_in_lane": Snippet(
        """
layer = Dense($arguments)
compiled = tf.function(lambda given: layer(given)$lane)
compiled(tf.constant(inputs))
told = described(layer)
load(layer, kernel, bias)
return {"outputs": compiled(tf.constant(inputs)), **told}
""",
        {"lane": {"graph": "", "xla": ", jit_compile=True"}},
    ),
}
