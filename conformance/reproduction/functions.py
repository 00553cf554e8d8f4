"""Scripts for plain functions `dense(inputs, kernel, bias, activation)`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from conformance.cases import Question
from conformance.implementations.protocol import Array
from conformance.reproduction.kinds import VIEWS, Kind, Snippet, bias_fields
from conformance.reproduction.under_test import imported
from reference.dense import backward, forward
from reference.dialects import Dialect, activation

SNIPPETS: Mapping[str, Snippet] = {
    "call": Snippet("""
return {"outputs": typed(dense(inputs, kernel, bias, "$activation"))}
"""),
    "differentiate": Snippet("""
outputs = typed(dense(inputs, kernel, bias, "$activation"))
to_inputs, to_kernel, to_bias = dense.gradients(inputs, kernel, bias, "$activation", upstream)
return {"outputs": outputs, "inputs_gradient": to_inputs, "kernel_gradient": to_kernel, "bias_gradient": to_bias}
"""),
    "call_rows": Snippet("""
outputs = typed(dense(inputs, kernel, bias, "$activation"))
rows = [typed(dense(inputs[row : row + 1], kernel, bias, "$activation")) for row in range(len(inputs))]
return {"outputs": outputs, "row_by_row": np.concatenate(rows)}
"""),
    "call_again": Snippet("""
given = inputs.copy()
kept = typed(dense(given, kernel, bias, "$activation"))
first = kept.copy()
dense(1 - given[::-1], kernel, bias, "$activation")
first_after = kept.copy()
second = typed(dense(given, kernel, bias, "$activation"))
return {"first": first, "first_after": first_after, "second": second, "inputs_after": given}
"""),
    "call_other_batch": Snippet("""
answer = {"baseline": typed(dense(inputs.copy(), kernel.copy(), $copied_bias, "$activation")).copy()}
for name, before in (("after_fewer", inputs[:1]), ("after_more", np.concatenate([inputs, inputs]))):
    dense(before.copy(), kernel, bias, "$activation")
    answer[name] = typed(dense(inputs.copy(), kernel, bias, "$activation")).copy()
return answer
"""),
    "call_views": Snippet("""
views = {"of_steps": in_steps(inputs), "of_columns": in_columns(inputs)}
answer = {name: typed(dense(view, kernel, bias, "$activation")).copy() for name, view in views.items()}
return {**answer, "baseline": typed(dense(inputs.copy(), kernel.copy(), $copied_bias, "$activation"))}
"""),
    "differentiate_again": Snippet("""
dense.gradients(inputs, kernel, bias, "$activation", upstream)
outputs = typed(dense(inputs, kernel, bias, "$activation"))
to_inputs, to_kernel, to_bias = dense.gradients(inputs, kernel, bias, "$activation", upstream)
found = {"outputs": outputs, "inputs_gradient": to_inputs, "kernel_gradient": to_kernel, "bias_gradient": to_bias}
return {**found, "inputs_after": inputs, "upstream_after": upstream}
"""),
    "reload": Snippet("""
expected = typed(dense(inputs.copy(), kernel.copy(), $copied_bias, "$activation")).copy()
dense(inputs.copy(), kernel + 1, $other_bias, "$activation")
return {"outputs": typed(dense(inputs, kernel, bias, "$activation")), "baseline": expected}
"""),
    "two_layers": Snippet("""
expected = typed(dense(inputs.copy(), kernel.copy(), $copied_bias, "$activation")).copy()
dense(inputs.copy(), kernel + 1, $other_bias, "$activation")
return {"outputs": typed(dense(inputs, kernel, bias, "$activation")), "baseline": expected}
"""),
}

HELPERS: Mapping[str, str] = {
    **VIEWS,
    "typed": '''
def typed(outputs):
    """Lists have no dtype of their own."""
    return np.asarray(outputs, $numpy_dtype) if isinstance(outputs, (list, tuple)) else np.asarray(outputs)
''',
}


def fields(question: Question, _: Any) -> Mapping[str, str]:
    """What each $name stands for."""
    config = question.config
    return {
        "activation": config.activation,
        "numpy_dtype": dtype(config.format.name),
        **bias_fields(config),
    }


def dtype(name: str) -> str:
    return f"np.{name}"


def right(dialect: Dialect) -> Any:
    """The reference as such a function."""

    @np.errstate(all="ignore")
    def dense(inputs: Array, kernel: Array, bias: Array | None, name: str) -> Array:
        outputs = forward(
            _wide(inputs), _wide(kernel), None if bias is None else _wide(bias), activation(name, dialect)
        )
        return outputs.astype(inputs.dtype)

    @np.errstate(all="ignore")
    def gradients(
        inputs: Array, kernel: Array, bias: Array | None, name: str, upstream: Array
    ) -> tuple[Array, Array, Array | None]:
        wide = _wide(inputs), _wide(kernel), None if bias is None else _wide(bias)
        found = backward(*wide, activation(name, dialect), _wide(upstream))
        told = (each.astype(inputs.dtype) for each in (found.inputs, found.kernel, found.bias))
        to_inputs, to_kernel, to_bias = told
        return to_inputs, to_kernel, None if bias is None else to_bias

    dense.gradients = gradients  # type: ignore[attr-defined]
    return dense


def _wide(values: Array) -> Array:
    return values.astype(np.float64)


FUNCTION = Kind(
    subject="dense",
    thing=lambda adapter, _: adapter.function,
    under_test=imported,
    snippets=SNIPPETS,
    helpers=HELPERS,
    fields=fields,
    dtype=dtype,
    right=right,
)
