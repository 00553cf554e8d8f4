"""The enclosures of the activations: real TensorFlow lies inside, wrong formulas outside."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from types import ModuleType

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import erf, erfc

from reference.activations import ACTIVATIONS, Activation
from reference.elementwise import Elementwise, Function
from reference.formats import FLOAT64, FORMATS, Array, Format, Mask
from reference.intervals import Interval, around
from reference.rivals import RIVALS, squareplus_overflowing
from reference.rowwise import Rowwise, glu, softmax

ELEMENTWISE = sorted(name for name, row in ACTIVATIONS.items() if isinstance(row, Elementwise))
CURVED = sorted(name for name in ELEMENTWISE if getattr(ACTIVATIONS[name], "curvature", None) is not None)
ROWWISE = sorted(name for name, row in ACTIVATIONS.items() if isinstance(row, Rowwise))


def elementwise(name: str) -> Elementwise:
    row = ACTIVATIONS[name]
    assert isinstance(row, Elementwise)
    return row


@dataclass(frozen=True)
class Answer:
    """What TensorFlow computed: the values, and the gradient of sum(upstream * values), both as float64."""

    values: Array
    delta: Array


#: Where real Keras is known to miss the row of that name, and what it computes instead, values and gradients alike.
RIVAL_ROWS: Mapping[tuple[str, str], Activation] = {
    ("gelu", "float64"): RIVALS["gelu"],
    ("leaky_relu", "float64"): RIVALS["leaky_relu"],
    **{("squareplus", dtype): squareplus_overflowing(FORMATS[dtype]) for dtype in FORMATS},
    **{("sparsemax", dtype): RIVALS["sparsemax"] for dtype in FORMATS},
}
#: Likewise, but of the slope alone: both at 0.
RIVAL_SLOPES: Mapping[tuple[str, str], Activation] = {
    (name, dtype): RIVALS[name] for name in ("celu", "selu") for dtype in FORMATS
}


# ---- real TensorFlow -----------------------------------------------------------------------------------------------


@cache
def keras() -> ModuleType:
    """Imported when it is first asked for, so that collecting these tests costs nothing."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    pytest.importorskip("tensorflow")
    module: ModuleType = pytest.importorskip("keras")
    return module


def eager(name: str, z: Array, upstream: Array, dtype: str) -> Answer:
    import tensorflow as tf

    argument = tf.constant(z, dtype)
    with tf.GradientTape() as tape:
        tape.watch(argument)
        values = getattr(keras().activations, name)(argument)
    delta = tape.gradient(values, argument, output_gradients=tf.constant(upstream, dtype))
    return Answer(np.asarray(values, np.float64), np.asarray(delta, np.float64))


def compiled(name: str, z: Array, upstream: Array, dtype: str) -> Answer:
    import tensorflow as tf

    def both(argument: tf.Tensor, upstream: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        values = getattr(keras().activations, name)(argument)
        return values, tf.gradients(values, argument, upstream)[0]

    values, delta = tf.function(both, jit_compile=True)(tf.constant(z, dtype), tf.constant(upstream, dtype))
    return Answer(np.asarray(values, np.float64), np.asarray(delta, np.float64))


def bent(name: str, z: Array, dtype: str) -> Array:
    """The second derivative, by a tape around a tape."""
    import tensorflow as tf

    argument = tf.constant(z, dtype)
    with tf.GradientTape() as outer:
        outer.watch(argument)
        with tf.GradientTape() as inner:
            inner.watch(argument)
            values = getattr(keras().activations, name)(argument)
        slope = inner.gradient(values, argument)
    curvature = outer.gradient(slope, argument, unconnected_gradients="zero")
    return np.asarray(curvature, np.float64)


def points(row: Elementwise, format: Format, count: int) -> Array:
    """Dense in [-20, 20]; both tails; subnormals; every kink and its neighbours in the format."""
    dense = np.linspace(-20.0, 20.0, count)
    tails = 1.37 * 2.0 ** np.linspace(format.min_exponent, format.max_exponent - 1, count // 10)
    subnormal = format.smallest_normal * np.linspace(0.01, 1.0, 20)
    special = np.array([0.0, *row.kinks, *row.turning_points, *row.slope_turning_points], format.dtype)
    below, above = (np.nextafter(special, np.array(to, format.dtype)) for to in (-np.inf, np.inf))
    near = np.concatenate([special, below, above]).astype(np.float64)
    return format.round(np.concatenate([dense, tails, -tails, subnormal, -subnormal, near]))


def rows_of(units: int, format: Format) -> Array:
    """Random rows of three sizes, rows of small integers, among which there are ties, and constant rows.

    No negative zero: which of two zeros a sort puts first, the lanes of TensorFlow do not agree on.
    """
    scale = np.repeat([0.1, 1.0, 30.0], 200)[:, None]
    random = np.random.default_rng(units).standard_normal((600, units)) * scale
    return (
        format.round(np.concatenate([random, np.round(random), np.zeros((1, units)), np.full((1, units), -7.25)])) + 0.0
    )


def upstream_like(values: Array, format: Format) -> Array:
    """Gradients of both signs, none of them alike."""
    return format.round(np.random.default_rng(values.size).standard_normal(values.shape))


def missed_values(row: Activation, z: Array, answer: Answer, format: Format) -> Mask:
    """The values outside the enclosure of exact pre-activations."""
    return ~row.enclose(z, np.zeros_like(z), format).contains(answer.values)


def missed_delta(row: Activation, z: Array, upstream: Array, answer: Answer, format: Format) -> Mask:
    """The same of the gradient."""
    delta, error = row.enclose_vjp(z, np.zeros_like(z), upstream, format)
    return ~around(delta, error).contains(answer.delta)


def offences(name: str, dtype: str, z: Array, upstream: Array, answer: Answer) -> list[str]:
    """What neither the row nor the rival that is listed for it explains: the first few."""
    row, format = ACTIVATIONS[name], FORMATS[dtype]
    of_values = RIVAL_ROWS.get((name, dtype), row)
    of_delta = RIVAL_SLOPES.get((name, dtype), of_values)
    values = missed_values(row, z, answer, format) & missed_values(of_values, z, answer, format)
    args = (z, upstream, answer, format)
    delta = missed_delta(row, *args) & missed_delta(of_delta, *args)
    return [
        *(f"value at {tuple(i)}: {answer.values[tuple(i)]}" for i in np.argwhere(values)[:5]),
        *(f"gradient at {tuple(i)} of {z[tuple(i)]}: {answer.delta[tuple(i)]}" for i in np.argwhere(delta)[:5]),
    ]


@pytest.mark.parametrize("dtype", FORMATS)
@pytest.mark.parametrize("name", ELEMENTWISE)
def test_eager_tensorflow_is_inside(name: str, dtype: str) -> None:
    """Exact pre-activations: every point of a dense grid, the tails, the kinks and the subnormals."""
    z = points(elementwise(name), FORMATS[dtype], 20001)
    upstream = upstream_like(z, FORMATS[dtype])
    assert offences(name, dtype, z, upstream, eager(name, z, upstream, dtype)) == []


@pytest.mark.parametrize("dtype", FORMATS)
@pytest.mark.parametrize("units", [2, 8, 64])
@pytest.mark.parametrize("name", ROWWISE)
def test_eager_tensorflow_is_inside_row_by_row(name: str, units: int, dtype: str) -> None:
    """Ties and integers decide sparsemax's support exactly."""
    z = rows_of(units, FORMATS[dtype])
    upstream = upstream_like(ACTIVATIONS[name].value(z), FORMATS[dtype])
    assert offences(name, dtype, z, upstream, eager(name, z, upstream, dtype)) == []


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", ELEMENTWISE)
def test_compiled_tensorflow_is_inside(name: str, dtype: str) -> None:
    """XLA evaluates exp, tanh and erf by approximations of its own."""
    z = points(elementwise(name), FORMATS[dtype], 4001)
    upstream = upstream_like(z, FORMATS[dtype])
    assert offences(name, dtype, z, upstream, compiled(name, z, upstream, dtype)) == []


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", ROWWISE)
def test_compiled_tensorflow_is_inside_row_by_row(name: str, dtype: str) -> None:
    """XLA sums a row in an order of its own."""
    z = rows_of(7 if name != "glu" else 8, FORMATS[dtype])
    upstream = upstream_like(ACTIVATIONS[name].value(z), FORMATS[dtype])
    assert offences(name, dtype, z, upstream, compiled(name, z, upstream, dtype)) == []


@pytest.mark.parametrize(("name", "dtype"), [*RIVAL_ROWS, *RIVAL_SLOPES])
def test_keras_still_misses_where_a_rival_is_listed(name: str, dtype: str) -> None:
    """A rival that nothing needs any more would excuse a defect for no reason."""
    row, format = ACTIVATIONS[name], FORMATS[dtype]
    z = points(row, format, 2001) if isinstance(row, Elementwise) else rows_of(8, format)
    upstream = upstream_like(z, format)
    answer = eager(name, z, upstream, dtype)
    values, delta = missed_values(row, z, answer, format), missed_delta(row, z, upstream, answer, format)
    assert delta.any()
    assert values.any() == ((name, dtype) in RIVAL_ROWS)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", CURVED)
def test_second_derivative_of_tensorflow_is_inside(name: str, dtype: str) -> None:
    """Of linear and relu it is 0 and nothing else."""
    row, format = elementwise(name), FORMATS[dtype]
    z = points(row, format, 4001)
    curvature, error = row.enclose_curvature(z, np.zeros_like(z), format)
    got = bent(name, z, dtype)
    inside = around(curvature, error).contains(got)
    assert [f"{at}: {value}" for at, value in zip(z[~inside], got[~inside], strict=True)] == []


# ---- formulas that are right, and formulas that are not --------------------------------------------------------------


def logistic(z: Array) -> Array:
    return np.asarray(1 / (1 + np.exp(-z)))


def stable_softplus(z: Array) -> Array:
    return np.asarray(np.maximum(z, 0) + np.log1p(np.exp(-np.abs(z))))


def mish_by_quotient(z: Array) -> Array:
    """n / (n + 2) with n = w (w + 2), w = exp(z): no cancellation on the left, no overflow on the right."""
    w = np.exp(np.minimum(z, 20))
    n = w * (w + 2)
    return np.asarray(z * n / (n + 2))


def gelu_by_tanh(z: Array) -> Array:
    return np.asarray(0.5 * z * (1 + np.tanh(np.sqrt(2 / np.pi).astype(z.dtype) * (z + 0.044715 * z**3))))


#: Computed throughout in float32. docs/numerics.md lists them, for whoever must choose.
RIGHT: Mapping[str, tuple[str, Function]] = {
    "sigmoid-by-exp": ("sigmoid", logistic),
    "silu-by-exp": ("silu", lambda z: z * logistic(z)),
    "softplus-stable": ("softplus", stable_softplus),
    "softplus-linear-from-20": ("softplus", lambda z: np.where(z > 20, z, stable_softplus(z))),
    "elu-by-exp": ("elu", lambda z: np.where(z > 0, z, np.exp(np.minimum(z, 0)) - 1)),
    "elu-by-expm1": ("elu", lambda z: np.where(z > 0, z, np.expm1(np.minimum(z, 0)))),
    "gelu-by-erf": ("gelu", lambda z: 0.5 * z * (1 + erf(z / np.sqrt(2).astype(z.dtype)))),
    "gelu-by-erfc": ("gelu", lambda z: 0.5 * z * erfc(-z / np.sqrt(2).astype(z.dtype))),
    "mish-by-quotient": ("mish", mish_by_quotient),
    "tanh": ("tanh", np.tanh),
}
WRONG: Mapping[str, tuple[str, Function]] = {
    "gelu-by-tanh": ("gelu", gelu_by_tanh),
    "leaky-slope-0.3": ("leaky_relu", lambda z: np.where(z > 0, z, 0.3 * z)),
    "elu-alpha-1.01": ("elu", lambda z: np.where(z > 0, z, 1.01 * np.expm1(np.minimum(z, 0)))),
    "sigmoid-off-by-1e-5": ("sigmoid", lambda z: logistic(z) * (1 + 1e-5)),
    "tanh-off-by-1e-5": ("tanh", lambda z: np.tanh(z) * (1 + 1e-5)),
    "sigmoid-by-tanh": ("sigmoid", lambda z: (1 + np.tanh(z / 2)) / 2),
    "silu-by-tanh": ("silu", lambda z: z * (1 + np.tanh(z / 2)) / 2),
    "silu-by-1.702": ("gelu", lambda z: z * logistic(1.702 * z)),
    "softplus-naive": ("softplus", lambda z: np.log(1 + np.exp(z))),
    "softplus-linear-from-5": ("softplus", lambda z: np.where(z > 5, z, stable_softplus(z))),
    "log-sigmoid-naive": ("log_sigmoid", lambda z: np.log(logistic(z))),
    "tanh-by-sigmoid": ("tanh", lambda z: 2 * logistic(2 * z) - 1),
    "selu-3-digits": ("selu", lambda z: 1.05 * np.where(z > 0, z, 1.67 * np.expm1(np.minimum(z, 0)))),
    "hard-sigmoid-of-keras-2": ("hard_sigmoid", lambda z: np.clip(0.2 * z + 0.5, 0, 1)),
    "relu6-at-5": ("relu6", lambda z: np.clip(z, 0, 5)),
}
WRONG_SLOPES: Mapping[str, tuple[str, Function]] = {
    "relu-1-at-0": ("relu", lambda z: np.where(z >= 0, 1, 0)),
    "relu6-1-at-6": ("relu6", lambda z: np.where((z > 0) & (z <= 6), 1, 0)),
    "leaky-1-at-0": ("leaky_relu", lambda z: np.where(z >= 0, 1, 0.2)),
    "hard-tanh-0-at-1": ("hard_tanh", lambda z: np.where(np.abs(z) < 1, 1, 0)),
    "celu-2-at-0": ("celu", lambda z: np.where(z == 0, 2, np.where(z > 0, 1, np.exp(np.minimum(z, 0))))),
    "sigmoid-forgotten": ("sigmoid", np.ones_like),
    "tanh-off-by-1e-4": ("tanh", lambda z: (1 - np.tanh(z) ** 2) * (1 + 1e-4)),
}


def in_float32(function: Function, z: Array) -> Array:
    with np.errstate(over="ignore", under="ignore", divide="ignore"):
        return function(z.astype(np.float32)).astype(np.float32).astype(np.float64)


GRID = FORMATS["float32"].round(np.linspace(-20.0, 20.0, 8001))


@pytest.mark.parametrize("case", RIGHT)
def test_right_formula_in_float32_is_inside(case: str) -> None:
    """Whoever writes a layer may choose among them."""
    name, function = RIGHT[case]
    interval = ACTIVATIONS[name].enclose(GRID, np.zeros_like(GRID), FORMATS["float32"])
    assert GRID[~interval.contains(in_float32(function, GRID))].tolist() == []


@pytest.mark.parametrize("case", WRONG)
def test_wrong_formula_in_float32_is_outside(case: str) -> None:
    """Some for good: another function. Some in a tail alone, where they lose what all lanes of TensorFlow keep."""
    name, function = WRONG[case]
    interval = ACTIVATIONS[name].enclose(GRID, np.zeros_like(GRID), FORMATS["float32"])
    assert not interval.contains(in_float32(function, GRID)).all()


@pytest.mark.parametrize("case", WRONG_SLOPES)
def test_wrong_slope_is_outside(case: str) -> None:
    """The grid holds 0, 1 and 6 themselves: there alone a slope at a kink can be seen."""
    name, slope = WRONG_SLOPES[case]
    delta, error = ACTIVATIONS[name].enclose_vjp(GRID, np.zeros_like(GRID), np.full_like(GRID, 3.0), FORMATS["float32"])
    assert not around(delta, error).contains(3 * in_float32(slope, GRID)).all()


WRONG_ROWS: Mapping[str, tuple[str, Function]] = {
    "softmax-of-first-axis": ("softmax", lambda z: softmax(z.T).T),
    "softmax-off-by-1e-4": ("softmax", lambda z: softmax(z) * (1 + 1e-4)),
    "log-softmax-without-logarithm": ("log_softmax", softmax),
    "glu-of-swapped-halves": ("glu", lambda z: glu(np.roll(z, z.shape[-1] // 2, axis=-1))),
    "glu-without-gate": ("glu", lambda z: z[..., : z.shape[-1] // 2]),
    "sparsemax-of-keras": ("sparsemax", RIVALS["sparsemax"].value),
    "softmax-for-sparsemax": ("sparsemax", softmax),
}


@pytest.mark.parametrize("case", WRONG_ROWS)
def test_wrong_formula_of_rows_is_outside(case: str) -> None:
    name, function = WRONG_ROWS[case]
    z = np.random.default_rng(8).standard_normal((8, 8))
    interval = ACTIVATIONS[name].enclose(z, np.zeros_like(z), FORMATS["float32"])
    assert not interval.contains(function(z)).all()


# ---- what must hold for every argument -----------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", FORMATS)
@pytest.mark.parametrize("name", ELEMENTWISE)
def test_only_a_number_of_the_format_is_the_one_right_value(name: str, dtype: str) -> None:
    """A value that must be rounded can be rounded wrongly, so more than one would be right."""
    row, format = elementwise(name), FORMATS[dtype]
    z = points(row, format, 4001)
    interval = row.enclose(z, np.zeros_like(z), format)
    exact = interval.is_exact & np.isfinite(interval.lower)
    assert (exact == exact & format.holds(interval.lower)).all()


@pytest.mark.parametrize("name", ELEMENTWISE)
def test_enclosure_holds_extrema_and_jumps_within_the_error(name: str) -> None:
    """Cells of width 3/4: where one has an extremum or a jump inside, its two ends do not tell."""
    row, format = elementwise(name), FORMATS["float32"]
    inside = np.concatenate([np.linspace(-8.0, 8.0, 16001), np.nextafter(row.kinks, -9), np.nextafter(row.kinks, 9)])
    center = np.round(2 * inside + 0.25) / 2
    error, g = np.abs(inside - center).max() + np.zeros_like(center), np.full_like(center, 3.0)
    gradient = around(*row.enclose_vjp(center, error, g, format))
    assert inside[~row.enclose(center, error, format).contains(row.value(inside))].tolist() == []
    assert inside[~gradient.contains(row.vjp(inside, g))].tolist() == []


names = st.sampled_from(ELEMENTWISE)
formats = st.sampled_from(list(FORMATS.values()))
numbers = (
    st.floats(-30.0, 30.0) | st.floats(-1e4, 1e4) | st.sampled_from([-6.0, -3.0, -1.0, -0.5, 0.0, 0.5, 1.0, 3.0, 6.0])
)


def distance(z: Array, other: Array) -> Array:
    """|z - other| for sure."""
    return np.nextafter(np.abs(z - other), np.inf)


@given(name=names, format=formats, z=numbers, other=numbers)
def test_enclosure_holds_every_argument_within_the_error(name: str, format: Format, z: float, other: float) -> None:
    """Whoever errs by all the roundings of the row, at a pre-activation that is off by all of the error, is inside."""
    row, at, near = elementwise(name), np.array([z]), np.array([other])
    with np.errstate(all="ignore"):
        right = around(row.value(near), row.roundings * format.unit_roundoff * row.magnitude(near)).overflowing(format)
    assert row.enclose(at, distance(at, near), format).encloses(right).all()


@given(name=names, format=formats, z=numbers, other=numbers, upstream=st.sampled_from([-3.0, 0.0, 0.1, 1.0]))
def test_delta_holds_every_argument_within_the_error(
    name: str, format: Format, z: float, other: float, upstream: float
) -> None:
    """The same of the gradient."""
    row, at, near, g = elementwise(name), np.array([z]), np.array([other]), np.array([upstream])
    delta, error = row.enclose_vjp(at, distance(at, near), g, format)
    with np.errstate(all="ignore"):
        assert around(delta, error).contains(row.vjp(near, g)).all()


def admits_as_much(wide: Interval, narrow: Interval, format: Format) -> bool:
    """True where the numbers of the format at the ends of the narrow interval, if inside, are inside the wide one."""
    numbers = [format.round(end) for end in (narrow.lower, narrow.upper)]
    return all((wide.contains(number) | ~narrow.contains(number)).all() for number in numbers)


@given(
    name=st.sampled_from(list(ACTIVATIONS)),
    format=st.sampled_from([format for format in FORMATS.values() if format != FLOAT64]),
    z=st.lists(numbers, min_size=4, max_size=4),
    errors=st.tuples(st.floats(0.0, 50.0), st.floats(0.0, 50.0)),
)
def test_greater_error_admits_as_much(name: str, format: Format, z: list[float], errors: tuple[float, float]) -> None:
    """Nothing that is right becomes wrong because less is known.

    Not asked of float64, whose numbers are as near to each other as the reference's own error.
    """
    row, at = ACTIVATIONS[name], np.array([z])
    g = np.array([[0.7, -2.0, 1.0, 0.0][: row.output_units(4)]])
    small, great = np.full((1, 4), min(errors)), np.full((1, 4), max(errors))
    assert admits_as_much(row.enclose(at, great, format), row.enclose(at, small, format), format)
    gradients = [around(*row.enclose_vjp(at, error, g, format)) for error in (great, small)]
    assert admits_as_much(gradients[0], gradients[1], format)


@given(
    row=st.sampled_from([*(ACTIVATIONS[name] for name in ROWWISE), RIVALS["sparsemax"]]),
    format=formats,
    z=st.lists(numbers, min_size=4, max_size=4),
    moves=st.lists(st.floats(-2.0, 2.0), min_size=4, max_size=4),
    upstream=st.lists(st.sampled_from([-3.0, 0.0, 0.1, 1.0]), min_size=4, max_size=4),
)
def test_enclosures_of_rows_hold_every_argument_within_the_error(
    row: Activation, format: Format, z: list[float], moves: list[float], upstream: list[float]
) -> None:
    """Value and gradient, for a row whose units have moved each by its own error."""
    at = np.array([z])
    near = at + np.array([moves])
    g = np.array([upstream[: row.output_units(4)]])
    delta, error = row.enclose_vjp(at, distance(at, near), g, format)
    assert row.enclose(at, distance(at, near), format).contains(row.value(near)).all()
    assert around(delta, error).contains(row.vjp(near, g)).all()


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_infinite_error_makes_no_claim(name: str) -> None:
    """Where a pre-activation may have overflowed, NaN may follow."""
    row = ACTIVATIONS[name]
    z, unknown = np.array([[0.5, -1.5]]), np.full((1, 2), np.inf)
    assert row.enclose(z, unknown, FORMATS["float32"]).makes_no_claim.all()
    assert np.isinf(row.enclose_vjp(z, unknown, np.ones((1, row.output_units(2))), FORMATS["float32"])[1]).all()


def test_softmax_of_one_unit_is_all_but_certain() -> None:
    """exp(0) / exp(0), but for a quotient that is not the nearest; its gradient, two roundings of the upstream."""
    z, format = np.array([[0.0], [-7.25], [60.0]]), FORMATS["float32"]
    interval = ACTIVATIONS["softmax"].enclose(z, np.zeros_like(z), format)
    assert (interval.upper - interval.lower <= 3 * format.unit_roundoff).all()
    delta, error = ACTIVATIONS["softmax"].enclose_vjp(z, np.zeros_like(z), np.full_like(z, 5.0), format)
    assert (delta == 0).all()
    assert (error <= 5 * 5 * format.unit_roundoff).all()
