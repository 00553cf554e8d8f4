"""Scripts for whatever has the five methods of an adapter: an author's own, here; a program, in `programs`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from conformance.cases import Question
from conformance.implementations.reference import ReferenceAdapter, ReferenceLayer
from conformance.implementations.wire import config_message
from conformance.reproduction.kinds import VIEWS, Kind, Snippet, bias_fields
from conformance.reproduction.under_test import imported
from reference.config import DenseConfig
from reference.dialects import Dialect

SNIPPETS: Mapping[str, Snippet] = {
    "call": Snippet("""
layer = $it.build($config, $shape)
$it.load(layer, kernel.copy(), $copied_bias)
return {"outputs": $it.call(layer, inputs.copy())}
"""),
    "differentiate": Snippet("""
layer = $it.build($config, $shape)
$it.load(layer, kernel.copy(), $copied_bias)
found = $it.differentiate(layer, inputs.copy(), upstream.copy())
return {name: found.get(name) for name in ("outputs", "kernel_gradient", "bias_gradient", "inputs_gradient")}
"""),
    "call_rows": Snippet("""
layer = $it.build($config, $shape)
$it.load(layer, kernel.copy(), $copied_bias)
outputs = $it.call(layer, inputs.copy())
rows = call_each($it, layer, [inputs[row : row + 1].copy() for row in range(len(inputs))])
return {"outputs": outputs, "row_by_row": np.concatenate(rows) if rows else outputs}
"""),
    "call_again": Snippet("""
layer, given = $it.build($config, $shape), inputs.copy()
$it.load(layer, kernel.copy(), $copied_bias)
kept = np.asarray($it.call(layer, given))
first = kept.copy()
$it.call(layer, 1 - given[::-1])
first_after = kept.copy()
return {"first": first, "first_after": first_after, "second": $it.call(layer, given), "inputs_after": given}
"""),
    "call_other_batch": Snippet("""
answer = {"baseline": baseline($it)}
for name, before in (("after_fewer", inputs[:1]), ("after_more", np.concatenate([inputs, inputs]))):
    layer = $it.build($config, $shape)
    $it.load(layer, kernel.copy(), $copied_bias)
    $it.call(layer, before.copy())
    answer[name] = np.array($it.call(layer, inputs.copy()))
return answer
"""),
    "call_views": Snippet("""
answer = {"baseline": baseline($it)}
for name, view in (("of_steps", in_steps(inputs)), ("of_columns", in_columns(inputs))):
    layer = $it.build($config, $shape)
    $it.load(layer, kernel.copy(), $copied_bias)
    answer[name] = np.array($it.call(layer, view))
return answer
"""),
    "differentiate_again": Snippet("""
layer, given, above = $it.build($config, $shape), inputs.copy(), upstream.copy()
$it.load(layer, kernel.copy(), $copied_bias)
$it.differentiate(layer, given, above)
found = $it.differentiate(layer, given, above)
gradients = {name: found.get(name) for name in ("outputs", "kernel_gradient", "bias_gradient", "inputs_gradient")}
return {**gradients, "inputs_after": given, "upstream_after": above}
"""),
    "reload": Snippet("""
expected = baseline($it)
layer = $it.build($config, $shape)
$it.load(layer, kernel + 1, $other_bias)  # other weights first
$it.call(layer, inputs.copy())
$it.load(layer, kernel.copy(), $copied_bias)
return {"outputs": $it.call(layer, inputs.copy()), "baseline": expected}
"""),
    "two_layers": Snippet("""
expected = baseline($it)
layer = $it.build($config, $shape)
second = $it.build($config, $shape)
$it.load(layer, kernel.copy(), $copied_bias)
$it.load(second, kernel + 1, $other_bias)
$it.call(second, inputs.copy())
return {"outputs": $it.call(layer, inputs.copy()), "baseline": expected}
"""),
    "build": Snippet("""
told = $it.describe($it.build($config, $shape))
return {name: told.get(name) for name in ("weights", "count", "trainable")}
"""),
    "call_unbuilt": Snippet("""
layer = $it.build($config, $shape)
$it.call(layer, np.ones($shape, $compute))
told = $it.describe(layer)
return {name: told.get(name) for name in ("weights", "count", "trainable")}
"""),
}

HELPERS: Mapping[str, str] = {
    **VIEWS,
    "baseline": '''
def baseline($it):
    """What a fresh layer with these weights answers."""
    layer = $it.build($config, $shape)
    $it.load(layer, kernel.copy(), $copied_bias)
    return np.array($it.call(layer, inputs.copy()))
''',
    "call_each": '''
def call_each($it, layer, several):
    """Together, where there is a way to say so."""
    together = getattr($it, "call_all", None)
    return together(layer, several) if together else [$it.call(layer, each) for each in several]
''',
}

_OF_ADAPTERS: Mapping[str, str] = {
    "constructed": '''
def constructed(thing):
    """An adapter's class is constructed without arguments."""
    return thing() if isinstance(thing, type) else thing
''',
    "Config": '''
class Config(typing.NamedTuple):
    """What a layer is to be."""

    units: int
    activation: str
    use_bias: bool
    dtype: str

    @property
    def format(self):
        """What it computes in: $compute_name."""
        return Format("$compute_name", np.dtype($compute))

    @property
    def variable_format(self):
        """What its weights are: $variable_name."""
        return Format("$variable_name", np.dtype($variable))
''',
    "Format": """
class Format(typing.NamedTuple):
    name: str
    dtype: np.dtype
""",
}


@dataclass(frozen=True)
class StandIn(ReferenceAdapter):
    """The reference, for what a script takes for a config."""

    def build(self, config: Any, input_shape: tuple[int, ...]) -> ReferenceLayer:
        said = config if isinstance(config, Mapping) else config._asdict()
        return super().build(DenseConfig(**said), input_shape)


def right(dialect: Dialect) -> StandIn:
    """The reference, for either kind."""
    return StandIn(dialect=dialect)


def fields(question: Question, it: str, config: Callable[[Mapping[str, str]], str]) -> Mapping[str, str]:
    """What each $name stands for. it: what a script calls the thing under test; config: of expressions by name one for
    what that is given for a config.
    """
    asked = question.config
    said = {name: f'"{each}"' if isinstance(each, str) else repr(each) for name, each in config_message(asked).items()}
    return {
        "it": it,
        "config": config(said),
        "shape": repr(question.known_shape),
        "compute": dtype(asked.format.name),
        "compute_name": asked.format.name,
        "variable": dtype(asked.variable_format.name),
        "variable_name": asked.variable_format.name,
        **bias_fields(asked),
    }


def _by_keyword(said: Mapping[str, str]) -> str:
    return f"Config({', '.join(f'{name}={each}' for name, each in said.items())})"


def dtype(name: str) -> str:
    """An expression for a dtype of arrays."""
    return "ml_dtypes.bfloat16" if name == "bfloat16" else f"np.{name}"


def imports(question: Question) -> tuple[str, ...]:
    """NumPy alone has no bfloat16."""
    return ("import ml_dtypes",) if "bfloat16" in question.config.dtype else ()


ADAPTER = Kind(
    subject="adapter",
    thing=lambda adapter, _: adapter,
    under_test=lambda naming: imported(naming, "constructed({})"),
    imports=imports,
    snippets=SNIPPETS,
    helpers={**_OF_ADAPTERS, **HELPERS},
    fields=lambda question, _: fields(question, "adapter", _by_keyword),
    dtype=dtype,
    right=right,
)
