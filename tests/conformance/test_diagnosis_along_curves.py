"""Where along a curve something is so: the words hold for every argument that was asked."""

from __future__ import annotations

import numpy as np
import pytest

from conformance.diagnosis.rules.along_curves import content, places

Z = np.array([-100.0, -10.0, -2.0, -1.0, -0.5, 0.5, 1.0, 2.0, 10.0, 100.0])


@pytest.mark.parametrize(
    ("wrong", "also", "words"),
    [
        ((-1,), (), "at -1"),
        ((-100, -10, -2), (), "below -2"),
        ((-10, -2), (), "between -10 and -2"),
        ((-10, -1), (), "in places between -10 and -1"),
        ((-10, -2), (-100,), "below -2"),  # what is right there is the same
        ((10, 100, -100), (), "below -100 and above 10"),
    ],
)
def test_a_place_is_said_to_reach_as_far_as_it_was_seen(
    wrong: tuple[float, ...], also: tuple[float, ...], words: str
) -> None:
    assert places("tanh", Z, np.isin(Z, wrong), np.isin(Z, (*wrong, *also))) == words


def test_of_whole_rows_it_is_the_size_of_the_largest_unit() -> None:
    sizes, some = np.abs(Z), np.isin(np.abs(Z), (2.0, 100.0))
    assert places("softmax", sizes, sizes >= 2, sizes >= 2) == "where the largest unit is 2 and more in size"
    assert places("softmax", sizes, some, some) == "in places where the largest unit is between 2 and 100 in size"


@pytest.mark.parametrize("got", [(np.nan, np.nan), (0.0, 0.0), (-100.0, 1.0), (6.0, 6.0), (0.0, 8.0), (np.inf, np.nan)])
def test_what_is_said_of_values_holds_of_them(got: tuple[float, float]) -> None:
    values, z = np.array([*got, 0.25, 0.25]), np.array([-100.0, 1.0, 2.0, 3.0])
    _, holds = content(values, z, np.array([True, True, False, False]))
    assert holds.tolist() == [True, True, False, False]
