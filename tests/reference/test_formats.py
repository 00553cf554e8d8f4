"""The constants of each format are those that NumPy and ml_dtypes state."""

from __future__ import annotations

import ml_dtypes
import numpy as np
import pytest

from reference.config import DenseConfig
from reference.formats import FORMATS, Format


@pytest.mark.parametrize("format", FORMATS.values(), ids=lambda format: format.name)
def test_constants_are_those_of_the_type(format: Format) -> None:
    limits = ml_dtypes.finfo(format.dtype)
    assert format.largest == float(limits.max)
    assert format.smallest_normal == float(limits.smallest_normal)
    assert format.unit_roundoff == float(limits.eps) / 2


@pytest.mark.parametrize("format", FORMATS.values(), ids=lambda format: format.name)
def test_rounding_goes_to_the_nearest_even(format: Format) -> None:
    """1 + u lies between 1 and 1 + 2u; the even one is 1."""
    assert format.round(1 + format.unit_roundoff) == 1
    assert not format.holds(np.array(1 + format.unit_roundoff)) or format.precision == 53
    assert format.holds(np.array(1 + 2 * format.unit_roundoff))


def test_float64_additions_that_round_are_told() -> None:
    """3 - 2^-53 + 3 is no float64, though float64 arithmetic gives one."""
    values = np.array([3.0, np.nextafter(3.0, 0.0), 2.0**-60])
    assert FORMATS["float64"].adds_exactly(values, 3.0).tolist() == [True, False, False]
    assert FORMATS["float32"].adds_exactly(np.array([2.0**-119]), 1.0).tolist() == [False]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"units": 0}, "units must be a positive integer, got 0"),
        ({"units": True}, "units must be a positive integer, got True"),
        ({"units": 2.5}, "units must be a positive integer, got 2.5"),
        ({"units": 1, "use_bias": 1}, "use_bias must be True or False, got 1"),
        ({"units": 1, "dtype": "float8"}, "dtype must be one of"),
    ],
)
def test_a_config_says_what_is_wrong_with_its_arguments(arguments: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        DenseConfig(**arguments)
