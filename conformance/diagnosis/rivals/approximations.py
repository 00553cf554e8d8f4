"""Approximations of activations that libraries and hardware take for the function itself.

The rational forms of tanh are its Padé approximants and cut continued fractions; those of erf are 7.1.25 to 7.1.28 of
Abramowitz and Stegun, Handbook of Mathematical Functions; PLAN is of Amin, Curtis and Hayes-Gill (1997).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import factorial

import numpy as np

from reference.formats import Array

Value = Callable[[Array], Array]


@dataclass(frozen=True)
class Approximation:
    """says: in words, after "is". roundings: of its evaluation, in units of what is summed on the way. size: of that,
    where it is more than the value's own.
    """

    says: str
    value: Value
    roundings: float = 8.0
    size: Value = np.abs


#: Powers of two that (1 + z / n)^n is taken with, and the last powers of cut series.
POWERS, LAST = (16, 64, 256, 1024, 4096), range(1, 13)


# ---- tanh, and sigmoid by it ---------------------------------------------------------------------------------------


def _rational(above: Sequence[float], below: Sequence[float]) -> Value:
    """z times a quotient of polynomials of z^2, coefficients from the constant on."""

    def value(z: Array) -> Array:
        square = z * z
        return z * np.polyval(above[::-1], square) / np.polyval(below[::-1], square)

    return value


#: In words, and as a formula.
_OF_TANH: tuple[tuple[str, Value], ...] = (
    ("z (3 + z^2 / 5) / (3 + 6 z^2 / 5), a Pade approximant", _rational((15, 1), (15, 6))),
    ("z (27 + z^2) / (27 + 9 z^2), a Pade approximant", _rational((27, 1), (27, 9))),
    (
        "z (105 + 10 z^2) / (105 + 45 z^2 + z^4), a Pade approximant",
        _rational((105, 10), (105, 45, 1)),
    ),
    (
        "z (945 + 105 z^2 + z^4) / (945 + 420 z^2 + 15 z^4), a Pade approximant",
        _rational((945, 105, 1), (945, 420, 15)),
    ),
    (
        "z (10395 + 1260 z^2 + 21 z^4) / (10395 + 4725 z^2 + 210 z^4 + z^6), a Pade approximant",
        _rational((10395, 1260, 21), (10395, 4725, 210, 1)),
    ),
    (
        "z (135135 + 17325 z^2 + 378 z^4 + z^6) / (135135 + 62370 z^2 + 3150 z^4 + 28 z^6), a Pade approximant",
        _rational((135135, 17325, 378, 1), (135135, 62370, 3150, 28)),
    ),
    ("z - z^3 / 3, a cut series", lambda z: z - z**3 / 3),
    ("z - z^3 / 3 + 2 z^5 / 15, a cut series", lambda z: z - z**3 / 3 + 2 * z**5 / 15),
)


#: Where they are cut.
_ENDS = (3.0, 4.0, 5.0)


def _tanh_forms() -> Iterator[tuple[str, Value]]:
    """Each as it is, cut to [-1, 1], and of an argument that is cut."""
    for words, quotient in _OF_TANH:
        yield words, quotient
        yield f"{words}, cut to [-1, 1]", lambda z, f=quotient: np.clip(f(z), -1.0, 1.0)  # type: ignore[misc]
        for most in _ENDS:
            says = f"{words}, of z cut to [-{most:g}, {most:g}]"
            yield says, lambda z, f=quotient, m=most: f(np.clip(z, -m, m))  # type: ignore[misc]
            says = f"{words}, and -1 and 1 beyond {most:g}"
            yield says, lambda z, f=quotient, m=most: np.where(np.abs(z) < m, f(z), np.sign(z))  # type: ignore[misc]


def _plan(z: Array) -> Array:
    size = np.abs(z)
    half = np.select(
        [size >= 5, size >= 2.375, size >= 1],
        [np.ones_like(size), 0.03125 * size + 0.84375, 0.125 * size + 0.625],
        0.25 * size + 0.5,
    )
    return np.where(z < 0, 1 - half, half)


def _by_squares(z: Array) -> Array:
    part = 0.5 * (1 - np.minimum(np.abs(z), 4.0) / 4) ** 2
    return np.where(z < 0, part, 1 - part)


def _sigmoid_forms() -> Iterator[tuple[str, Value]]:
    yield "1/2 + z / (2 (1 + |z|)), a fast sigmoid", lambda z: 0.5 + 0.5 * z / (1 + np.abs(z))
    yield "1/2 + z / (2 sqrt(1 + z^2))", lambda z: 0.5 + 0.5 * z / np.hypot(1.0, z)
    yield "PLAN, four straight lines on either side", _plan
    yield "of two parabolas between -4 and 4", _by_squares
    yield "1/2 + z/4, cut to [0, 1]", lambda z: np.clip(0.5 + z / 4, 0.0, 1.0)
    yield "1/2 + z/4 - z^3/48, a cut series", lambda z: 0.5 + z / 4 - z**3 / 48
    for words, value in _tanh_forms():
        yield f"(1 + t) / 2, t being tanh(z / 2) by {words}", lambda z, f=value: 0.5 + 0.5 * f(z / 2)  # type: ignore[misc]


# ---- exp -----------------------------------------------------------------------------------------------------------


def _power(count: int) -> Value:
    return lambda z: (1 + z / count) ** count


def _series(last: int) -> Value:
    coefficients = [1 / factorial(power) for power in range(last, -1, -1)]
    return lambda z: np.asarray(np.polyval(coefficients, z), np.float64)


def _by_bits(z: Array) -> Array:
    """Schraudolph's: the bits of a number from z alone, which makes it linear between powers of two."""
    scaled = z / np.log(2)
    whole = np.floor(scaled)
    return np.ldexp(1 + (scaled - whole), np.clip(whole, -1022, 1023).astype(int))


def _exponential_forms() -> Iterator[Approximation]:
    for count in POWERS:
        yield Approximation(f"(1 + z / {count})^{count}", _power(count), roundings=2.0 * count)
    for last in LAST:
        series = _series(last)
        says = f"the series of exp(z), cut behind z^{last}"
        yield Approximation(says, series, 2.0 * last, lambda z, f=series: f(np.abs(z)))  # type: ignore[misc]
    yield Approximation("exp(z) by its exponent alone, straight between powers of two", _by_bits)


# ---- erf -----------------------------------------------------------------------------------------------------------


def _erf_by(sized: Value) -> Value:
    return lambda x: np.sign(x) * sized(np.abs(x))


def _with_gauss(p: float, coefficients: Sequence[float]) -> Value:
    def sized(x: Array) -> Array:
        t = 1 / (1 + p * x)
        return 1 - t * np.polyval(coefficients[::-1], t) * np.exp(-x * x)

    return _erf_by(sized)


def _with_power(coefficients: Sequence[float], power: int) -> Value:
    return _erf_by(lambda x: 1 - 1 / np.polyval((*coefficients[::-1], 1.0), x) ** power)


_ERF: tuple[tuple[str, Value], ...] = (
    ("7.1.25", _with_gauss(0.47047, (0.3480242, -0.0958798, 0.7478556))),
    ("7.1.26", _with_gauss(0.3275911, (0.254829592, -0.284496736, 1.421413741, -1.453152027, 1.061405429))),
    ("7.1.27", _with_power((0.278393, 0.230389, 0.000972, 0.078108), 4)),
    (
        "7.1.28",
        _with_power((0.0705230784, 0.0422820123, 0.0092705272, 0.0001520143, 0.0002765672, 0.0000430638), 16),
    ),
)


def _gelu_forms() -> Iterator[tuple[str, Value]]:
    for number, of in _ERF:
        says = f"z (1 + erf(z / sqrt(2))) / 2 with a polynomial for erf, {number} of Abramowitz and Stegun"
        yield says, lambda z, f=of: z * (1 + f(z / np.sqrt(2))) / 2  # type: ignore[misc]
    yield "z relu6(z + 3) / 6, which is hard_silu", lambda z: z * np.clip(z + 3, 0.0, 6.0) / 6
    yield "z clip(1.702 z / 6 + 1/2, 0, 1)", lambda z: z * np.clip(1.702 * z / 6 + 0.5, 0.0, 1.0)
    yield "z (1 + tanh(sqrt(2 / pi) z)) / 2", lambda z: 0.5 * z * (1 + np.tanh(np.sqrt(2 / np.pi) * z))


def _of_sigmoid(value: Value) -> Value:
    return lambda z: z * value(z)


def _all(forms: Iterable[tuple[str, Value]]) -> tuple[Approximation, ...]:
    return tuple(Approximation(says, value) for says, value in forms)


_SILU = tuple(Approximation(f"z times sigmoid by {says}", _of_sigmoid(value)) for says, value in _sigmoid_forms())
APPROXIMATIONS: Mapping[str, tuple[Approximation, ...]] = {
    "tanh": _all(_tanh_forms()),
    "sigmoid": _all(_sigmoid_forms()),
    "silu": _SILU,
    "exponential": tuple(_exponential_forms()),
    "gelu": _all(_gelu_forms()),
}
