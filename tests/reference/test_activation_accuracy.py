"""The reference's own error, held to Arb: balls that are certain to contain the true value.

Arb differentiates by power series, so a wrong slope in the reference cannot be repeated here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from fractions import Fraction
from math import factorial

import numpy as np
import pytest
from flint import arb, arb_series, ctx

from reference.activations import ACTIVATIONS, SELU_ALPHA, SELU_SCALE
from reference.elementwise import OWN_ROUNDINGS, UNDERFLOWS, Elementwise, Function
from reference.formats import FLOAT64, Array, Format
from reference.rowwise import Rowwise

Series = Callable[[arb_series], arb_series]
RowTruth = Callable[[list[arb], list[arb]], tuple[list[arb], list[arb]]]


def tanh(z: arb_series) -> arb_series:
    return 1 - 2 / (1 + (2 * z).exp())


def sigmoid(z: arb_series) -> arb_series:
    return 1 / (1 + (-z).exp())


def softplus(z: arb_series) -> arb_series:
    return (1 + z.exp()).log()


def constant(value: float) -> arb_series:
    return arb_series([value])


#: Every formula once. z[0] is the argument itself, with which a formula of several pieces decides.
TRUTH: Mapping[str, Series] = {
    "linear": lambda z: z,
    "relu": lambda z: z if z[0] > 0 else constant(0),
    "relu6": lambda z: constant(0) if z[0] <= 0 else z if z[0] < 6 else constant(6),
    "leaky_relu": lambda z: z if z[0] > 0 else z / 5,
    "elu": lambda z: z if z[0] > 0 else z.exp() - 1,
    "celu": lambda z: z if z[0] > 0 else z.exp() - 1,
    "selu": lambda z: arb(SELU_SCALE) * (z if z[0] > 0 else arb(SELU_ALPHA) * (z.exp() - 1)),
    "gelu": lambda z: z * (-z / arb(2).sqrt()).erfc() / 2,
    "silu": lambda z: z * sigmoid(z),
    "hard_silu": lambda z: constant(0) if z[0] <= -3 else z * (z + 3) / 6 if z[0] < 3 else z,
    "mish": lambda z: z * (1 - 2 / (1 + (1 + z.exp()) ** 2)),  # tanh(log(w)) = 1 - 2 / (1 + w^2)
    "sigmoid": sigmoid,
    "hard_sigmoid": lambda z: constant(0) if z[0] <= -3 else (z + 3) / 6 if z[0] < 3 else constant(1),
    "log_sigmoid": lambda z: -softplus(-z),
    "tanh": tanh,
    "hard_tanh": lambda z: constant(-1) if z[0] < -1 else z if z[0] <= 1 else constant(1),
    "tanh_shrink": lambda z: z - tanh(z),
    "hard_shrink": lambda z: z if abs(z[0]) > 0.5 else constant(0),
    "soft_shrink": lambda z: z - 0.5 if z[0] > 0.5 else z + 0.5 if z[0] < -0.5 else constant(0),
    "softplus": softplus,
    "softsign": lambda z: z / (1 + z) if z[0] >= 0 else z / (1 - z),
    "squareplus": lambda z: (z + (z * z + 4).sqrt()) / 2,
    "sparse_plus": lambda z: constant(0) if z[0] <= -1 else (z + 1) ** 2 / 4 if z[0] < 1 else z,
    "sparse_sigmoid": lambda z: constant(0) if z[0] <= -1 else (z + 1) / 2 if z[0] < 1 else constant(1),
    "exponential": lambda z: z.exp(),
}
TRUTH = {**TRUTH, "swish": TRUTH["silu"], "hard_swish": TRUTH["hard_silu"]}
ELEMENTWISE = sorted(name for name, row in ACTIVATIONS.items() if isinstance(row, Elementwise))
CURVED = [name for name in ELEMENTWISE if getattr(ACTIVATIONS[name], "curvature", None) is not None]
ROWWISE = sorted(name for name, row in ACTIVATIONS.items() if isinstance(row, Rowwise))

#: Bits: enough nearly everywhere; enough for exp(700); enough for 1 + a subnormal number, and for exp of the largest.
PRECISIONS = (128, 1200, 2400)


def elementwise(name: str) -> Elementwise:
    row = ACTIVATIONS[name]
    assert isinstance(row, Elementwise)
    return row


def points(row: Elementwise) -> Array:
    """More than 10,000: dense in [-20, 20], both tails up to the largest number, where exp under- and overflows,
    subnormals, and all around kinks.
    """
    dense = np.linspace(-20.0, 20.0, 8001)
    tails_of_exp = np.linspace(-760.0, 760.0, 1001)
    tails = 1.37 * 2.0 ** np.linspace(-1022, 1023, 2001)
    subnormal = np.ldexp(1.0, np.arange(-1074, -1022, 3))
    special = np.array([0.0, *row.kinks, *row.turning_points, *row.slope_turning_points])
    near = np.concatenate([special, np.nextafter(special, -np.inf), np.nextafter(special, np.inf)])
    largest = [np.finfo(np.float64).max]
    return np.concatenate(
        [dense, tails_of_exp, tails, -tails, subnormal, -subnormal, near, largest, np.negative(largest)]
    )


def error_in_balls(truth: Series, order: int, z: float, computed: float, allowed: float) -> float:
    """|computed - truth|, rounded up; with more bits while the ball is not far narrower than what is allowed."""
    error = arb(np.inf)
    for bits in PRECISIONS:
        with ctx.workprec(bits), suppress(ValueError):  # a denominator whose ball holds 0
            error = abs(arb(computed) - truth(arb_series([z, 1]))[order] * factorial(order))
            if float(error.rad()) <= np.ldexp(allowed, -10):
                break
    return float(error.upper())


def worst_error(
    name: str, order: int, function: Function, magnitude: Function, *, rounds: bool
) -> tuple[float, float, int]:
    """The greatest error in float64 roundoffs of the magnitude, beyond the underflow that is admitted besides; the
    point where it is; how many points there were.
    """
    row = elementwise(name)
    z = points(row)
    with np.errstate(all="ignore"):
        computed, size = function(z), magnitude(z)
        finite = np.isfinite(computed) & np.isfinite(size)
        unit = FLOAT64.unit_roundoff * size[finite]
        factor = np.abs(z[finite]) if row.is_product else np.zeros(np.count_nonzero(finite))
        underflow = UNDERFLOWS * FLOAT64.smallest_normal * (1 + factor) * rounds
    ctx.cap = order + 1
    errors = np.array(
        [
            error_in_balls(TRUTH[name], order, *at)
            for at in zip(z[finite].tolist(), computed[finite].tolist(), (unit + underflow).tolist(), strict=True)
        ]
    )
    beyond = np.maximum(errors - underflow, 0.0)
    ratios = np.where(beyond == 0, 0.0, beyond / np.where(unit == 0, np.nextafter(0, 1), unit))
    worst = int(np.argmax(ratios))
    return float(ratios[worst]), float(z[finite][worst]), len(ratios)


Record = Callable[[str, object], None]


@pytest.mark.parametrize("name", ELEMENTWISE)
def test_value_is_within_the_own_error_of_its_row(name: str, record_property: Record) -> None:
    """Every enclosure counts on OWN_ROUNDINGS float64 roundoffs of the magnitude; on none where the row has none."""
    row = elementwise(name)
    worst, where, count = worst_error(name, 0, row.value, row.magnitude, rounds=row.roundings > 0)
    record_property("worst_in_roundoffs", worst)
    assert count >= 10_000
    assert worst <= OWN_ROUNDINGS, f"{name} is {worst:.2f} u off at {where.hex()}"


@pytest.mark.parametrize("name", ELEMENTWISE)
def test_slope_is_within_the_own_error_of_its_row(name: str, record_property: Record) -> None:
    """At a kink Arb's pieces are those on whose side all lanes of TensorFlow agree."""
    row = elementwise(name)
    worst, where, count = worst_error(name, 1, row.slope, row.slope_magnitude, rounds=row.slope_roundings > 0)
    record_property("worst_in_roundoffs", worst)
    assert count >= 10_000
    assert worst <= OWN_ROUNDINGS, f"the slope of {name} is {worst:.2f} u off at {where.hex()}"


@pytest.mark.parametrize("name", ELEMENTWISE)
def test_reference_overflows_only_where_the_truth_does(name: str) -> None:
    """An infinity, or a NaN of two of them, of the reference's own making would make no claim in silence."""
    row = elementwise(name)
    z = points(row)
    ctx.cap = 2
    with np.errstate(all="ignore"):
        infinite = [z[~np.isfinite(function(z))].tolist() for function in (row.value, row.slope)]
    with ctx.workprec(PRECISIONS[-1]):
        wrong = [
            (order, at.hex())
            for order, places in enumerate(infinite)
            for at in places
            if not TRUTH[name](arb_series([at, 1]))[order] > arb(FLOAT64.largest)
        ]
    assert wrong == []


@pytest.mark.parametrize("name", CURVED)
def test_curvature_is_within_the_own_error_of_its_row(name: str, record_property: Record) -> None:
    """The second derivative, by the third coefficient of the power series."""
    curvature = elementwise(name).curvature
    assert curvature is not None
    rounds = curvature.roundings > 0
    worst, where, count = worst_error(name, 2, curvature.value, curvature.magnitude, rounds=rounds)
    record_property("worst_in_roundoffs", worst)
    assert count >= 10_000
    assert worst <= OWN_ROUNDINGS, f"the second derivative of {name} is {worst:.2f} u off at {where.hex()}"


@pytest.mark.parametrize("name", ELEMENTWISE)
def test_value_is_the_true_one_where_the_row_calls_it_exact(name: str) -> None:
    """One value alone is right there, so the reference must have that very one."""
    row = elementwise(name)
    z = points(row)
    exact = row.exact_where(z, FLOAT64)
    ctx.cap = 1
    with np.errstate(all="ignore"):
        pairs = zip(z[exact].tolist(), row.value(z)[exact].tolist(), strict=True)
    assert [at.hex() for at, computed in pairs if error_in_balls(TRUTH[name], 0, at, computed, 0.0) != 0] == []


# ---- rows ----------------------------------------------------------------------------------------------------------

#: A format that rounds nothing: what an interval still admits in it is the reference's own error alone.
UNROUNDED = Format("unrounded", 1000, -1022, 1023, np.dtype(np.float64))


def softmax_truth(z: list[arb], g: list[arb]) -> tuple[list[arb], list[arb]]:
    weights = [value.exp() for value in z]
    p = [weight / sum(weights, arb(0)) for weight in weights]
    dot = sum((a * b for a, b in zip(p, g, strict=True)), arb(0))
    return p, [a * (b - dot) for a, b in zip(p, g, strict=True)]


def log_softmax_truth(z: list[arb], g: list[arb]) -> tuple[list[arb], list[arb]]:
    p, _ = softmax_truth(z, g)
    total = sum(g, arb(0))
    return [a.log() for a in p], [b - a * total for a, b in zip(p, g, strict=True)]


def glu_truth(z: list[arb], g: list[arb]) -> tuple[list[arb], list[arb]]:
    half = len(z) // 2
    linear, gates = z[:half], [1 / (1 + (-gate).exp()) for gate in z[half:]]
    to_gates = [b * a * s * (1 - s) for a, s, b in zip(linear, gates, g, strict=True)]
    return [a * s for a, s in zip(linear, gates, strict=True)], [
        *(b * s for s, b in zip(gates, g, strict=True)),
        *to_gates,
    ]


def sparsemax_truth(z: list[arb], g: list[arb]) -> tuple[list[arb], list[arb]]:
    """In rational numbers: the projection is z less a threshold where that is positive, and sums to 1."""
    exact, upstream = [rational(value) for value in z], [rational(value) for value in g]
    descending = sorted(exact, reverse=True)
    thresholds = [(sum(descending[:size], Fraction(0)) - 1) / size for size in range(1, len(z) + 1)]
    threshold = next(t for t in thresholds if sum(max(value - t, Fraction(0)) for value in exact) == 1)
    support = [value > threshold for value in exact]
    mean = sum((b for b, inside in zip(upstream, support, strict=True) if inside), Fraction(0)) / sum(support)
    deltas = [b - mean if inside else Fraction(0) for b, inside in zip(upstream, support, strict=True)]
    return [ball(max(value - threshold, Fraction(0))) for value in exact], [ball(delta) for delta in deltas]


def rational(value: arb) -> Fraction:
    mantissa, exponent = value.man_exp()
    return Fraction(int(mantissa)) * Fraction(2) ** int(exponent)


def ball(value: Fraction) -> arb:
    return arb(value.numerator) / arb(value.denominator)


ROW_TRUTH: Mapping[str, RowTruth] = {
    "softmax": softmax_truth,
    "log_softmax": log_softmax_truth,
    "glu": glu_truth,
    "sparsemax": sparsemax_truth,
}


def rows(units: int) -> Array:
    """Random rows of three sizes; ties; one unit far above the others."""
    random = (
        np.random.default_rng(units).standard_normal((200, units)) * np.repeat([0.1, 1.0, 30.0, 300.0], 50)[:, None]
    )
    ties = np.concatenate([np.zeros((1, units)), np.full((1, units), -7.25), np.round(random[:100])])
    return np.concatenate([random, ties, 500.0 * np.eye(units)])


def upstream_like(outputs: Array) -> Array:
    """Gradients of both signs, none of them alike."""
    return np.random.default_rng(outputs.size).standard_normal(outputs.shape)


def outside(lower: Array, upper: Array, truth: Sequence[arb]) -> list[int]:
    """The elements whose true value is not certain to lie in [lower, upper]."""
    ends = zip(lower.tolist(), upper.tolist(), truth, strict=True)
    return [i for i, (low, high, true) in enumerate(ends) if not (arb(low) <= true <= arb(high))]


@pytest.mark.parametrize("units", [2, 8, 64])
@pytest.mark.parametrize("name", ROWWISE)
def test_truth_is_inside_for_a_format_that_rounds_nothing(name: str, units: int) -> None:
    """What remains of a row's interval without any rounding is the reference's own error, and it suffices."""
    row, z = ACTIVATIONS[name], rows(units)
    zero, g = np.zeros_like(z), upstream_like(row.value(z))
    interval = row.enclose(z, zero, UNROUNDED)
    delta, error = row.enclose_vjp(z, zero, g, UNROUNDED)
    assert np.isfinite(error).all()
    misses = []
    with ctx.workprec(PRECISIONS[1]):
        for i in range(len(z)):
            values, deltas = ROW_TRUTH[name]([arb(v) for v in z[i].tolist()], [arb(v) for v in g[i].tolist()])
            misses += [("value", i, j) for j in outside(interval.lower[i], interval.upper[i], values)]
            misses += [("delta", i, j) for j in outside(delta[i] - error[i], delta[i] + error[i], deltas)]
    assert misses == []


@pytest.mark.parametrize("name", ["softmax", "log_softmax", "sparsemax"])
def test_row_of_one_unit_is_certain(name: str) -> None:
    """One unit takes everything: softmax 1, its logarithm 0, and nothing depends on z."""
    z = np.array([[0.0], [-7.25], [300.0]])
    row = ACTIVATIONS[name]
    assert (row.value(z) == {"log_softmax": 0.0}.get(name, 1.0)).all()
    assert (row.vjp(z, np.full_like(z, 3.0)) == 0).all()


@pytest.mark.parametrize("apart", [400.0, 720.0, 2000.0, 1e30])
def test_log_softmax_is_bounded_where_its_probability_is_no_number(apart: float) -> None:
    """exp(apart) overflows even float64 from 710 on; its logarithm is apart all the same."""
    z = np.array([[apart / 2, -apart / 2, apart / 2]])
    row = ACTIVATIONS["log_softmax"]
    assert isinstance(row, Rowwise)
    interval = row.enclose(z, np.zeros_like(z), FLOAT64)
    exact = arb(-apart) - arb(2).log()
    assert arb(float(interval.lower[0, 1])) <= exact <= arb(float(interval.upper[0, 1]))
    assert interval.width[0, 1] <= 1e-9 * apart
