"""Scripts for classes of torch.nn.Module."""

from __future__ import annotations

from collections.abc import Mapping

from conformance.cases import Question
from conformance.implementations.named import WEIGHTS, arguments, meanings
from conformance.implementations.torch_module import TorchModuleAdapter
from conformance.reproduction.kinds import VIEWS, Kind, Snippet, bias_fields
from conformance.reproduction.under_test import imported

SNIPPETS: Mapping[str, Snippet] = {
    "call": Snippet("""
layer = made(Dense)
load(layer, kernel, bias)
return {"outputs": call(layer, inputs)}
"""),
    "differentiate": Snippet("""
layer, given = made(Dense), torch.tensor(inputs, requires_grad=True)
load(layer, kernel, bias)
outputs = layer(given)
wanted = {"inputs_gradient": given, $weight_gradients}
found = torch.autograd.grad(outputs, list(wanted.values()), torch.tensor(upstream), allow_unused=True)
gradients = {name: None if each is None else each.numpy() for name, each in zip(wanted, found)}
$turned_gradient
return {"outputs": outputs.detach().numpy(), **gradients}
"""),
    "call_rows": Snippet("""
layer = made(Dense)
load(layer, kernel, bias)
outputs = call(layer, inputs)
rows = [call(layer, inputs[row : row + 1]) for row in range(len(inputs))]
return {"outputs": outputs, "row_by_row": np.concatenate(rows)}
"""),
    "call_again": Snippet("""
layer, given = made(Dense), inputs.copy()
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
    layer = made(Dense)
    load(layer, kernel, bias)
    call(layer, before)
    answer[name] = call(layer, inputs).copy()
return answer
"""),
    "call_views": Snippet("""
answer = {"baseline": baseline(Dense)}
for name, view in (("of_steps", in_steps(inputs)), ("of_columns", in_columns(inputs))):
    layer = made(Dense)
    load(layer, kernel, bias)
    answer[name] = layer(torch.from_numpy(view)).detach().numpy()
return answer
"""),
    "differentiate_again": Snippet("""
layer, given, above = made(Dense), torch.tensor(inputs, requires_grad=True), torch.tensor(upstream)
load(layer, kernel, bias)
wanted = {"inputs_gradient": given, $weight_gradients}
for _ in range(2):
    outputs = layer(given)
    found = torch.autograd.grad(outputs, list(wanted.values()), above, allow_unused=True)
gradients = {name: None if each is None else each.numpy() for name, each in zip(wanted, found)}
$turned_gradient
after = {"inputs_after": given.detach().numpy(), "upstream_after": above.numpy()}
return {"outputs": outputs.detach().numpy(), **gradients, **after}
"""),
    "reload": Snippet("""
expected, layer = baseline(Dense), made(Dense)
load(layer, kernel + 1, $other_bias)  # other weights first
call(layer, inputs)
load(layer, kernel, bias)
return {"outputs": call(layer, inputs), "baseline": expected}
"""),
    "two_layers": Snippet("""
expected, layer, other = baseline(Dense), made(Dense), made(Dense)
load(layer, kernel, bias)
load(other, kernel + 1, $other_bias)
call(other, inputs)
return {"outputs": call(layer, inputs), "baseline": expected}
"""),
}

HELPERS: Mapping[str, str] = {
    **VIEWS,
    "made": """
def made(Dense):
    layer = Dense($arguments).to($torch_dtype)
    layer(torch.zeros($shape, dtype=$torch_dtype))  # a lazy module makes its weights now
    return layer
""",
    "load": """
def load(layer, kernel, bias):
    with torch.no_grad():
        layer.$kernel.copy_(torch.tensor(kernel$turned))
        if bias is not None:
            layer.$bias.copy_(torch.tensor(bias))
""",
    "call": """
def call(layer, inputs):
    return layer(torch.from_numpy(np.ascontiguousarray(inputs))).detach().numpy()
""",
    "baseline": '''
def baseline(Dense):
    """What a fresh layer with these weights answers."""
    layer = made(Dense)
    load(layer, kernel, bias)
    return call(layer, inputs).copy()
''',
}


def fields(question: Question, adapter: TorchModuleAdapter) -> Mapping[str, str]:
    """What each $name stands for; how its arguments and weights are called, a layer of the class itself says."""
    config, shape = question.config, question.known_shape
    named = {**meanings(adapter.module_class)}
    named.pop("dtype", None)
    layer = adapter.build(config, shape)
    called = {meaning: _called(layer, names) for meaning, names in WEIGHTS.items()}
    weights = ("kernel", "bias") if config.use_bias else ("kernel",)
    turned = 'gradients["kernel_gradient"] = gradients["kernel_gradient"].T' if adapter.is_turned else ""
    said = arguments(named, config, shape[-1], None)
    return {
        "arguments": ", ".join(f"{name}={value!r}" for name, value in said.items()),
        "torch_dtype": f"torch.{config.format.name}",
        "shape": repr(shape),
        "kernel": called["kernel"],
        "bias": called["bias"],
        "turned": ".T" if adapter.is_turned else "",
        "turned_gradient": turned,
        "weight_gradients": ", ".join(f'"{name}_gradient": layer.{called[name]}' for name in weights),
        **bias_fields(config),
    }


def _called(layer: object, names: tuple[str, ...]) -> str:
    return next((name for name in names if getattr(layer, name, None) is not None), names[0])


TORCH = Kind(
    subject="Dense",
    thing=lambda adapter, _: adapter.module_class,
    under_test=imported,
    imports=lambda _: ("import torch",),
    snippets=SNIPPETS,
    helpers=HELPERS,
    fields=fields,
    dtype=lambda name: f"np.{name}",
)
