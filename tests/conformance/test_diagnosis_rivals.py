"""Rivals against layers that have their defect: each predicts what such a layer answers, and not what is right."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import ml_dtypes
import numpy as np
import pytest

from conformance.cases import Question
from conformance.diagnosis.exhibits import Exhibit, matches
from conformance.diagnosis.fit import _is_of_few_activations, agrees
from conformance.diagnosis.rivals.affine import all_affine
from conformance.diagnosis.rivals.consistent import bias_gradient
from conformance.diagnosis.rivals.fixed_point import of_cut_pre_activations
from conformance.diagnosis.rivals.gradient_places import of_places
from conformance.diagnosis.rivals.gradients import of_products
from conformance.diagnosis.rivals.limits import of_limits
from conformance.diagnosis.rivals.permutations import of_seen_orders
from conformance.diagnosis.rivals.quantized import of_operands
from conformance.diagnosis.rivals.regions import _CONTENTS, Region, _remainder, _within
from conformance.diagnosis.rivals.rival import Forward, Rival, forward
from conformance.diagnosis.rivals.rowwise_formulas import rowwise_rivals
from conformance.diagnosis.rivals.upstreams import of_upstream
from conformance.families import draw
from conformance.recording import oracle_named
from conformance.truth import Posed
from reference.activations import ACTIVATIONS
from reference.config import DenseConfig
from reference.rowwise import Rowwise

DIALECT = oracle_named("recorded").dialect
RIVALS = [*all_affine(), *of_operands(), *of_limits(), *of_cut_pre_activations(), *of_products(), *of_upstream()]
#: (rows, features) for 18 units, a square one, and leading axes of which one is as long as the units.
ROWS, SQUARE, STEPS = ((37, 21), 18), ((6, 5), 5), ((3, 5, 7), 5)


def posed(shape: tuple[int, ...], units: int, activation: str = "linear") -> Posed:
    config = DenseConfig(units, activation, True, "float32")
    question = Question("differentiate", config, shape, "normal")
    return Posed(question, draw("normal", config, shape, 0), DIALECT, ACTIVATIONS[activation])


def named(says: str) -> Rival:
    found = [rival for rival in RIVALS if rival.says == says]
    assert found, says
    return found[0]


def padded(z: Any) -> Any:
    rows = z.reshape(-1, z.shape[-1])
    wide = np.zeros((len(rows), -(-z.shape[-1] // 8) * 8), z.dtype)
    wide[:, : z.shape[-1]] = rows
    return wide.ravel()[: z.size].reshape(z.shape)


def in_steps(values: Any) -> Any:
    step = np.abs(values).max() / 127
    return (np.round(values / step) * step).astype(np.float32)


def with_zero_point(values: Any) -> Any:
    least, step = values.min(), (values.max() - values.min()) / 255
    zero = np.round(-least / step)
    return ((np.round(values / step) + zero - zero) * step).astype(np.float32)


def by_columns(z: Any) -> Any:
    return z.reshape(-1, z.shape[-1]).reshape(*z.shape[:-1][::-1], z.shape[-1]).swapaxes(0, 1)


OUTPUTS: tuple[tuple[str, Any, Callable[[Any, Any, Any], Any]], ...] = (
    (
        "the bias is added along axis 1 of the outputs, not along the last, where that is as long as units",
        STEPS,
        lambda x, k, b: x @ k + b[:, None],
    ),
    ("a square kernel is averaged with its transpose", SQUARE, lambda x, k, b: x @ ((k + k.T) / 2) + b),
    (
        "the kernel's numbers are taken in column order, as if it were stored (units, features)",
        ROWS,
        lambda x, k, b: x @ k.reshape(k.shape[::-1]).T + b,
    ),
    (
        "the features behind the last whole block of 8 are left out, where there is one",
        ROWS,
        lambda x, k, b: x[..., :16] @ k[:16] + b,
    ),
    (
        "the features behind the last whole block of 8 are counted twice, where there is one",
        ROWS,
        lambda x, k, b: x @ k + x[..., 16:] @ k[16:] + b,
    ),
    ("the rows come in column order of the leading axes", STEPS, lambda x, k, b: by_columns(x @ k + b)),
    (
        "the last two axes change places where there are as many steps as units",
        STEPS,
        lambda x, k, b: np.swapaxes(x @ k, -1, -2) + b,
    ),
    (
        "units are padded to a multiple of 8, and the padded rows are read as if they were not padded",
        ROWS,
        lambda x, k, b: padded(x @ k) + b,
    ),
    ("the kernel is held in multiples of 2^-8", ROWS, lambda x, k, b: x @ (np.round(k * 256) / 256) + b),
    ("the inputs are rounded to 2 decimals", ROWS, lambda x, k, b: np.round(x, 2) @ k + b),
    ("the kernel is held in 8-bit integers with one scale", ROWS, lambda x, k, b: x @ in_steps(k) + b),
    (
        "the inputs are rounded to 8-bit integers with one scale, the kernel to 8-bit integers with one scale",
        ROWS,
        lambda x, k, b: in_steps(x) @ in_steps(k) + b,
    ),
    (
        "the kernel is held in 8-bit integers with one scale and a zero point",
        ROWS,
        lambda x, k, b: x @ with_zero_point(k) + b,
    ),
    (
        "what is activated is taken for 0 where it is smaller than 1e-03",
        ((500, 3), 18),
        lambda x, k, b: np.where(np.abs(x @ k + b) < 1e-3, 0, x @ k + b),
    ),
    ("the bias is added once for every block of 8 features", ROWS, lambda x, k, b: x @ k + 3 * b),
    ("the rows beyond 32 repeat the first 32", ROWS, lambda x, k, b: (x @ k + b)[np.arange(len(x)) % 32]),
    (
        "what is activated is rounded down to multiples of 2^-8",
        ROWS,
        lambda x, k, b: np.floor((x @ k + b) * 256) / 256,
    ),
    ("what is activated is clipped to [-1, 1]", ROWS, lambda x, k, b: np.clip(x @ k + b, -1, 1)),
    ("the units are reversed in each block of 4", STEPS, lambda x, k, b: (x @ k + b)[..., [3, 2, 1, 0, 4]]),
    (
        "the kernel's columns come even ones first, then odd ones, counted from 0, while the bias is right",
        STEPS,
        lambda x, k, b: x @ k[:, [0, 2, 4, 1, 3]] + b,
    ),
    ("the features of the two halves change places", STEPS, lambda x, k, b: x @ k[[3, 4, 5, 6, 0, 1, 2]] + b),
)


@pytest.mark.parametrize(("says", "asked", "layer"), OUTPUTS, ids=[each[0] for each in OUTPUTS])
def test_a_rival_predicts_the_outputs_of_a_layer_with_its_defect(
    says: str, asked: Any, layer: Callable[[Any, Any, Any], Any]
) -> None:
    question = posed(*asked)
    tensors = question.tensors
    got = layer(tensors.inputs, tensors.kernel, tensors.bias).astype(np.float32)
    said = named(says).predict(question)
    assert said is not None
    within = said["outputs"]
    assert within is not None
    assert matches(got, within)
    assert not matches(got, question.outputs)
    assert not matches(tensors.inputs @ tensors.kernel + tensors.bias, within)


def delta_clipped(x: Any, k: Any, b: Any, g: Any) -> dict[str, Any]:
    return backward(x, k, b, np.clip(g, -0.5, 0.5))


def backward(x: Any, k: Any, b: Any, g: Any) -> dict[str, Any]:
    return {"kernel_gradient": x.T @ g, "bias_gradient": g.sum(axis=0), "inputs_gradient": g @ k.T}


def of_16_rows(x: Any, k: Any, b: Any, g: Any) -> dict[str, Any]:
    return {"kernel_gradient": x[:16].T @ g[:16]}


def shortened(x: Any, k: Any, b: Any, g: Any) -> dict[str, Any]:
    found = backward(x, k, b, g)
    norm = np.sqrt(sum((each.astype(np.float64) ** 2).sum() for each in found.values()))
    return {name: (each / norm).astype(np.float32) for name, each in found.items()}


def root_of_rows(x: Any, k: Any, b: Any, g: Any) -> dict[str, Any]:
    return {"kernel_gradient": (x.T @ g / np.sqrt(len(x))).astype(np.float32)}


def in_half(x: Any, k: Any, b: Any, g: Any) -> dict[str, Any]:
    total = np.zeros(k.shape, np.float16)
    for row, delta in zip(x, g, strict=True):
        total = (total + np.outer(row, delta).astype(np.float16)).astype(np.float16)
    return {"kernel_gradient": total.astype(np.float32)}


def mean_of_steps(x: Any, k: Any, b: Any, g: Any) -> dict[str, Any]:
    """In float32 as a layer would: the mean rounds once more than the sum does."""
    return {"bias_gradient": g.mean(axis=1).sum(axis=0)}


def of_last_steps(x: Any, k: Any, b: Any, g: Any) -> dict[str, Any]:
    return {"kernel_gradient": x[:, -1].T @ g[:, -1]}


def to_last_steps(x: Any, k: Any, b: Any, g: Any) -> dict[str, Any]:
    behind = np.zeros_like(x)
    behind[:, -1] = g[:, -1] @ k.T
    return {"inputs_gradient": behind}


def from_bfloat16(x: Any, k: Any, b: Any, g: Any) -> dict[str, Any]:
    given, weights = (each.astype(ml_dtypes.bfloat16).astype(np.float32) for each in (g, k))
    return {"inputs_gradient": given @ weights.T}


GRADIENTS: tuple[tuple[str, Any, Callable[[Any, Any, Any, Any], dict[str, Any]]], ...] = (
    ("the gradient of what is activated is clipped to [-0.5, 0.5]", ROWS, delta_clipped),
    ("the kernel's gradient is that of the first 16 rows alone", ROWS, of_16_rows),
    ("where the norm of all gradients together is greater than 1 they are scaled down to it", ROWS, shortened),
    ("the kernel's gradient is divided by the square root of the number of rows", ROWS, root_of_rows),
    ("sums of the kernel's gradient are kept in no more than the 11 bits of float16", ROWS, in_half),
    (
        "the bias's gradient is divided by the number of steps: a mean over the axes between batch and units",
        STEPS,
        mean_of_steps,
    ),
    (
        "the kernel's gradient is that of the last entry of the axis before the features alone",
        STEPS,
        of_last_steps,
    ),
    ("the inputs' gradient is 0 but for the last entry of axis 1", STEPS, to_last_steps),
    (
        "the inputs' gradient is made of kernel and upstream gradients rounded to bfloat16",
        ROWS,
        from_bfloat16,
    ),
)


@pytest.mark.parametrize(("says", "asked", "layer"), GRADIENTS, ids=[each[0] for each in GRADIENTS])
def test_a_rival_predicts_the_gradients_of_a_layer_with_its_defect(
    says: str, asked: Any, layer: Callable[[Any, Any, Any, Any], dict[str, Any]]
) -> None:
    question = posed(*asked)
    tensors = question.tensors
    said = named(says).predict(question)
    assert said is not None
    for name, got in layer(tensors.inputs, tensors.kernel, tensors.bias, tensors.upstream).items():
        within = said[name]
        assert within is not None
        assert matches(got, within), name
        assert not matches(got, question.gradients[name])


def test_one_gradient_may_have_the_slope_twice() -> None:
    question = posed(*ROWS, activation="tanh")
    x, k, b, g = (
        np.asarray(getattr(question.tensors, name), np.float64) for name in ("inputs", "kernel", "bias", "upstream")
    )
    slope = 1 - np.tanh(x @ k + b) ** 2
    rival = named("the kernel's gradient has the slope of an activation of single elements in it twice")
    said = rival.predict(question)
    assert said is not None
    assert list(said) == ["kernel_gradient"]
    within = said["kernel_gradient"]
    assert within is not None
    assert matches(x.T @ (g * slope**2), within)
    assert not matches(x.T @ (g * slope), within)


def test_softmax_over_the_axis_before_the_units_is_right_for_two_axes() -> None:
    says = "softmax runs over the axis before the units, where that is not the batch"
    row = ACTIVATIONS["softmax"]
    assert isinstance(row, Rowwise)
    rivals = [each for each in rowwise_rivals("softmax", row, None) if each.says.format(activation="softmax") == says]
    for shape in ((4, 3), (2, 4, 3), (2, 3, 4, 3)):
        question = posed(shape, 5, activation="softmax")
        z = np.asarray(question.tensors.inputs, np.float64) @ question.tensors.kernel + question.tensors.bias
        powers = np.exp(z)
        (rival,) = rivals
        said = rival.predict(question)
        assert said is not None
        within = said["outputs"]
        assert within is not None
        assert matches(powers / powers.sum(axis=-2 if len(shape) > 2 else -1, keepdims=True), within)
        assert matches(question.outputs.middle, within) == (len(shape) == 2)


def test_a_gradient_that_is_wrong_in_places_is_told_by_them() -> None:
    """Of one unit whose gradient is lost, as a loop that ends too early leaves it."""
    question = posed(*ROWS)
    right = question.gradients["kernel_gradient"]
    got = right.middle.astype(np.float32)
    got[:, -1] = 0
    failing = [Exhibit(question, "kernel_gradient", got, right, fails=True)]
    told = [rival.says for rival in of_places(failing) if agrees(rival, failing[0])]
    assert "the kernel's gradient is 0 for the last unit" in told
    assert not any("doubled" in says or "feature" in says for says in told)


def test_the_order_of_units_is_read_off_linear_outputs() -> None:
    question = posed(*ROWS)
    order = np.random.default_rng(5).permutation(18)
    got = question.outputs.middle.astype(np.float32)[:, order]
    failing = [Exhibit(question, "outputs", got, question.outputs, fails=True)]
    (rival,) = of_seen_orders(failing)
    assert agrees(rival, failing[0])
    assert rival.defect == "units-reordered"


@pytest.mark.parametrize(
    ("says", "moved"),
    [
        ("the bias is added twice", lambda g: 2 * g),
        ("the bias is not added", lambda g: 0 * g),
        ("the bias is moved by one unit", lambda g: np.roll(g, -1)),
        ("every unit has the first unit's bias", lambda g: g.sum() * (np.arange(len(g)) == 0)),
    ],
)
def test_a_wrong_bias_has_the_gradient_of_what_is_computed(says: str, moved: Callable[[Any], Any]) -> None:
    """Of a layer whose loss is differentiated by a framework it is no defect of its own."""
    question = posed(*ROWS)
    within = bias_gradient(named(says), question)
    assert within is not None
    assert matches(moved(question.tensors.upstream.astype(np.float64).sum(axis=0)), within)
    assert not matches(question.gradients["bias_gradient"].middle, within)


def test_sums_in_few_bits_are_numbers_of_few_bits() -> None:
    """Else any small error would be taken for one of such sums: the interval alone is as wide as that."""
    question, rival = (
        posed(*ROWS),
        named("sums of the kernel's gradient are kept in no more than the 11 bits of float16"),
    )
    tensors = question.tensors
    narrow = in_half(tensors.inputs, tensors.kernel, tensors.bias, tensors.upstream)["kernel_gradient"]
    assert rival.also(question, narrow.astype(np.float64))
    assert not rival.also(question, narrow.astype(np.float64) * (1 + 2.0**-15))


@pytest.mark.parametrize("at", range(len(_CONTENTS)), ids=[words for _, words, _ in _CONTENTS])
@pytest.mark.parametrize("of", ["units", "rows", "batch"])
def test_what_stands_in_a_region_leaves_the_rest_alone(of: str, at: int) -> None:
    region = Region("", of, _remainder(4, if_any=True))
    _, _, change = _CONTENTS[at]
    rival = forward("", "", Forward(z=_within(region, change)))
    for shape, units in (((7, 3), 6), ((2, 3, 5), 11), ((1, 3), 1), ((0, 3), 6)):
        question = posed(shape, units)
        said = rival.predict(question)
        assert said is not None
        within, place = said["outputs"], region.holds(question.outputs.shape)
        assert within is not None
        assert (within.lower[~place] == question.outputs.lower[~place]).all()
        assert not place.any() or (within.lower[place] != question.outputs.lower[place]).any()


@pytest.mark.parametrize(
    ("explained", "denied_by", "few"),
    [
        (("softmax", "log_softmax"), ("linear",), True),  # what the others deny
        (("softmax",), ("softmax",), False),  # nobody else was asked
        (("linear",), ("relu",), False),  # nothing hides what a linear layer does
        (("relu", "tanh", "gelu"), ("linear",), False),  # another path for all activations
    ],
)
def test_a_defect_of_all_layers_is_not_concluded_from_few_activations(
    explained: tuple[str, ...], denied_by: tuple[str, ...], few: bool
) -> None:
    """Few questions are asked of one of them, and among so many rivals some fit a few tensors by chance."""
    questions = [[Question("call", DenseConfig(3, name), (5, 7)) for name in names] for names in (explained, denied_by)]
    assert _is_of_few_activations(*questions) is few
