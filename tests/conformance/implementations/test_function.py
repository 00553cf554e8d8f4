"""A plain function as an implementation: what it is given, what it may give back, and what it need not have."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from conformance.answers import Answer
from conformance.cases import Question
from conformance.families import Tensors
from conformance.implementations.adapter import AdapterImplementation
from conformance.implementations.function import FunctionAdapter
from reference.config import DenseConfig

#: Two rows of three features, two units: inputs @ kernel is [[6, 1], [15, 1]], and with the bias [[6, 4], [15, 4]].
TENSORS = Tensors(
    inputs=np.array([[1, 2, 3], [4, 5, 6]], np.float32),
    kernel=np.array([[1, -1], [1, 1], [1, 0]], np.float32),
    bias=np.array([0, 3], np.float32),
    upstream=np.array([[1, 2], [3, 4]], np.float32),
)
BIASED = [[6.0, 4.0], [15.0, 4.0]]


def linear(inputs: Any, kernel: Any, bias: Any, activation: str) -> Any:
    return inputs @ kernel if bias is None else inputs @ kernel + bias


def differentiable(*arguments: Any) -> Any:
    return linear(*arguments)


def gradients(inputs: Any, kernel: Any, bias: Any, activation: str, upstream: Any) -> Any:
    return upstream @ kernel.T, inputs.T @ upstream, None if bias is None else upstream.sum(axis=0)


differentiable.gradients = gradients  # type: ignore[attr-defined]


def asked(function: Callable[..., Any], procedure: str = "call", **config: Any) -> Answer:
    question = Question(procedure, DenseConfig(2, **config), (2, 3))
    tensors = TENSORS.copies() if question.config.use_bias else replace(TENSORS.copies(), bias=None)
    return AdapterImplementation(FunctionAdapter(function, "mine")).answer(question, tensors)


@pytest.mark.parametrize(
    ("config", "bias", "activation"),
    [
        ({}, [0, 3], "linear"),
        ({"activation": "relu"}, [0, 3], "relu"),
        ({"use_bias": False}, None, "linear"),
    ],
    ids=["plain", "relu", "nobias"],
)
def test_it_is_given_inputs_kernel_bias_and_the_name_of_the_activation(
    config: dict[str, Any], bias: list[int] | None, activation: str
) -> None:
    given: list[Any] = []

    def dense(*arguments: Any) -> Any:
        given.extend(arguments)
        return linear(*arguments)

    assert asked(dense, **config).raised is None
    plain = [each.tolist() if isinstance(each, np.ndarray) else each for each in given]
    assert plain == [TENSORS.inputs.tolist(), TENSORS.kernel.tolist(), bias, activation]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("form", [list, tuple])
def test_lists_have_the_layers_dtype(form: type, dtype: str) -> None:
    """They have none of their own that could be wrong."""
    outputs = asked(lambda *given: form(linear(*given).tolist()), dtype=dtype).tensors["outputs"]
    assert outputs.dtype.name == dtype
    assert outputs.tolist() == BIASED


def test_an_array_keeps_the_dtype_that_it_has() -> None:
    """Or a function that widens everything would pass for one that does not."""
    assert asked(lambda *given: linear(*given).astype(np.float64)).tensors["outputs"].dtype.name == "float64"


def test_gradients_come_from_the_attribute_in_the_order_inputs_kernel_bias() -> None:
    given = asked(differentiable, "differentiate").tensors
    assert {name: values.tolist() for name, values in given.items()} == {
        "outputs": BIASED,
        "inputs_gradient": [[-1, 3, 1], [-1, 7, 3]],
        "kernel_gradient": [[13, 18], [17, 24], [21, 30]],
        "bias_gradient": [4, 6],
    }


def test_without_bias_there_is_no_gradient_of_it() -> None:
    given = asked(differentiable, "differentiate", use_bias=False)
    assert set(given.tensors) == {"outputs", "inputs_gradient", "kernel_gradient"}


def test_it_declares_gradients_where_it_has_them_and_never_weights() -> None:
    assert FunctionAdapter(linear, "mine").capabilities == {"call"}
    assert FunctionAdapter(differentiable, "mine").capabilities == {"call", "differentiate"}
    assert asked(linear, "build").lacks == "a function has no weights of its own"


@pytest.mark.parametrize("count", [2, 4])
def test_another_number_of_gradients_is_an_error(count: int) -> None:
    def dense(*arguments: Any) -> Any:
        return linear(*arguments)

    dense.gradients = lambda *given: (given[0],) * count  # type: ignore[attr-defined]
    raised = asked(dense, "differentiate").raised
    assert raised is not None
    assert (raised.phase, raised.type) == ("differentiate", "ValueError")


def test_not_implemented_is_lacking_and_anything_else_an_error() -> None:
    def lacking(*given: Any) -> Any:
        raise NotImplementedError("no softmax here")

    def failing(*given: Any) -> Any:
        raise KeyError("softmax")

    assert asked(lacking).lacks == "no softmax here"
    assert str(asked(failing).raised) == "KeyError while it was asked to call: 'softmax'"
