"""An interval holds the true result of every operation, and a wider operand gives a wider one."""

from __future__ import annotations

import numpy as np
import pytest
from flint import arb, ctx
from hypothesis import given
from hypothesis import strategies as st

from reference.formats import FORMATS
from reference.intervals import Interval, around, hull, image, no_claim, point, where

finite = st.floats(min_value=-1e100, max_value=1e100, allow_subnormal=False)


@st.composite
def intervals(draw: st.DrawFn) -> Interval:
    ends = sorted((draw(finite), draw(finite)))
    return Interval(np.array(ends[0]), np.array(ends[1]))


@st.composite
def members(draw: st.DrawFn) -> tuple[Interval, float]:
    """An interval and a number inside it."""
    of = draw(intervals())
    return of, draw(st.floats(min_value=float(of.lower), max_value=float(of.upper), allow_subnormal=False))


def holds(of: Interval, truth: arb) -> bool:
    """True where the Arb truth, which is itself a ball, lies inside for certain."""
    return bool(arb(float(of.lower)) <= truth) and bool(truth <= arb(float(of.upper)))


@pytest.fixture(autouse=True)
def _precise() -> None:
    ctx.prec = 4000  # sums and products of any two float64 are exact


@given(members(), members())
def test_sum_difference_and_product_hold_the_truth(one: tuple[Interval, float], other: tuple[Interval, float]) -> None:
    (a, x), (b, y) = one, other
    assert holds(a + b, arb(x) + arb(y))
    assert holds(a - b, arb(x) - arb(y))
    assert holds(a * b, arb(x) * arb(y))


@given(members(), st.floats(min_value=0, max_value=1e100))
def test_widening_holds_what_is_that_near(one: tuple[Interval, float], by: float) -> None:
    of, x = one
    assert holds(of.widened(by), arb(x) + arb(by))
    assert holds(of.widened(by), arb(x) - arb(by))
    assert of.widened(by).encloses(of).all()


@given(intervals(), intervals(), st.floats(min_value=0, max_value=1e50))
def test_a_wider_operand_gives_a_wider_result(a: Interval, b: Interval, by: float) -> None:
    wider = a.widened(by)
    assert (wider + b).encloses(a + b).all()
    assert (wider - b).encloses(a - b).all()
    assert (wider * b).encloses(a * b).all()
    assert hull([wider, b]).encloses(hull([a, b])).all()


@given(st.floats(-20, 20), st.floats(0, 5), st.floats(-1, 1))
def test_an_image_holds_the_function_between_turning_points(center: float, radius: float, place: float) -> None:
    """z^2 turns at 0: both ends alone would miss it."""
    of = around(np.array(center), radius)
    x = min(max(center + place * radius, float(of.lower)), float(of.upper))
    assert image(np.square, of, turning_points=(0.0,)).contains(np.array(np.square(x)))


def test_an_image_without_its_turning_point_would_miss_it() -> None:
    of = Interval(np.array(-1.0), np.array(1.0))
    assert image(np.square, of, turning_points=(0.0,)).lower == 0
    assert image(np.square, of).lower == 1


def test_a_jump_shows_both_one_sided_limits() -> None:
    of = Interval(np.array(-1.0), np.array(1.0))
    step = image(lambda z: np.where(z > 0, 1.0, 0.0), of, turning_points=(0.0,))
    assert (step.lower, step.upper) == (0, 1)


def test_a_point_stays_exact_and_is_not_widened_by_zero() -> None:
    of = point([1.0, -2.5])
    assert of.is_exact.all()
    assert of.widened(0.0).is_exact.all()
    assert not of.widened(1e-300).is_exact.any()


def test_nan_lies_in_no_interval_but_one_that_makes_no_claim() -> None:
    nan = np.array([np.nan])
    assert not point([1.0]).contains(nan).any()
    assert not Interval(np.array([0.0]), np.array([np.inf])).contains(nan).any()
    assert no_claim((1,)).contains(nan).all()


@pytest.mark.parametrize("by", [np.inf, np.nan])
def test_an_unknown_error_leaves_no_claim(by: float) -> None:
    assert around(np.array([1.0]), by).makes_no_claim.all()


@pytest.mark.parametrize("name", ["float16", "bfloat16", "float32"])
def test_beyond_the_overflow_threshold_infinity_alone_is_right(name: str) -> None:
    format = FORMATS[name]
    of = Interval(np.array([0.0, format.overflow_threshold]), np.array([format.overflow_threshold, 2e300]))
    lower, upper = of.overflowing(format).lower, of.overflowing(format).upper
    assert lower.tolist() == [0.0, np.inf]
    assert upper.tolist() == [np.inf, np.inf]
    assert np.isinf(format.round(format.overflow_threshold))


def test_where_chooses_element_by_element() -> None:
    chosen = where(np.array([True, False]), point([1.0, 1.0]), point([2.0, 2.0]))
    assert chosen.lower.tolist() == [1.0, 2.0]
