"""Families of formulas with one number in them: which number, if any, explains all that was seen of an activation."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from scipy.special import expit, ndtr

from reference.activations import (
    ACTIVATIONS,
    SELU_ALPHA,
    SELU_SCALE,
    negative_part,
    softplus,
    tail_product,
)
from reference.elementwise import Elementwise
from reference.formats import Array

Formula = Callable[[Array, float | Array], Array]
#: Halvings of the range of a number: as many as a float64 has bits.
_HALVINGS = 60
#: Arguments beyond this say little of a formula's numbers, and overflow some of them.
_FAR = 30.0


@dataclass(frozen=True)
class Family:
    """formula: of the argument and the number, monotone in the number. says: with {} for the number."""

    says: str
    formula: Formula
    least: float
    greatest: float
    defect: str = "activation-formula"


def _leaky(z: Array, slope: float | Array) -> Array:
    return np.where(z > 0, z, slope * z)


def _hard(z: Array, slope: float | Array, offset: float | Array = 0.5) -> Array:
    return np.clip(slope * z + offset, 0.0, 1.0)


def _shrunk(z: Array, by: float | Array) -> Array:
    return np.sign(z) * np.maximum(np.abs(z) - by, 0.0)


def _by_tanh(z: Array, root: float | Array, cubic: float | Array) -> Array:
    return 0.5 * z * (1 + np.tanh(root * (z + cubic * z**3)))


#: Of what is right near 0 and wrong far from it.
TAIL = "activation-tail"
_ROOT = float(np.sqrt(2 / np.pi))

FAMILIES: Mapping[str, tuple[Family, ...]] = {
    "gelu": (
        Family("z sigmoid({} z)", lambda z, n: tail_product(z, expit(n * z)), 0.5, 4.0),
        Family("z Phi({} z), Phi being the normal distribution", lambda z, n: tail_product(z, ndtr(n * z)), 0.25, 4.0),
        Family("the tanh form with {} for sqrt(2/pi)", lambda z, n: _by_tanh(z, n, 0.044715), 0.25, 3.0),
        Family("the tanh form with {} for 0.044715", lambda z, n: _by_tanh(z, _ROOT, n), 0.0, 1.0),
    ),
    "silu": (Family("z sigmoid({} z)", lambda z, n: tail_product(z, expit(n * z)), 0.125, 8.0),),
    "leaky_relu": (Family("z above 0 and {} z below", _leaky, -2.0, 4.0),),
    "relu": (
        Family("z above 0 and {} z below", _leaky, -2.0, 4.0),
        Family("relu cut off at {}", lambda z, n: np.clip(z, 0.0, n), 0.0, 20.0),
        Family("z where it is above {}, else 0", lambda z, n: np.where(z > n, z, 0.0), 0.0, 8.0),
    ),
    "relu6": (
        Family("relu cut off at {}", lambda z, n: np.clip(z, 0.0, n), 0.0, 64.0),
        Family("relu6 with a slope of {} below 0", lambda z, n: np.where(z > 0, np.minimum(z, 6.0), n * z), -2.0, 2.0),
    ),
    "elu": (
        Family(
            "z above 0 and {} (exp(z) - 1) below", lambda z, n: np.where(z > 0, z, n * np.expm1(negative_part(z))), 0, 8
        ),
        Family(
            "z above 0 and exp({} z) - 1 below",
            lambda z, n: np.where(z > 0, z, np.expm1(n * negative_part(z))),
            0.01,
            8,
        ),
        Family("elu with {} z above 0", lambda z, n: np.where(z > 0, n * z, np.expm1(negative_part(z))), 0, 8),
    ),
    "celu": (
        Family(
            "z above 0 and {0} (exp(z / {0}) - 1) below",
            lambda z, n: np.where(z > 0, z, n * np.expm1(negative_part(z) / n)),
            0.01,
            16.0,
        ),
        Family(
            "z above 0 and {} (exp(z) - 1) below", lambda z, n: np.where(z > 0, z, n * np.expm1(negative_part(z))), 0, 8
        ),
        Family("celu with {} z above 0", lambda z, n: np.where(z > 0, n * z, np.expm1(negative_part(z))), 0, 8),
    ),
    "selu": (
        Family(
            "selu with a scale of {}",
            lambda z, n: n * np.where(z > 0, z, SELU_ALPHA * np.expm1(negative_part(z))),
            0.1,
            8.0,
        ),
        Family(
            "selu with an alpha of {}",
            lambda z, n: SELU_SCALE * np.where(z > 0, z, n * np.expm1(negative_part(z))),
            0.0,
            8.0,
        ),
        Family(
            "selu with {} z above 0",
            lambda z, n: np.where(z > 0, n * z, SELU_SCALE * SELU_ALPHA * np.expm1(negative_part(z))),
            0.0,
            8.0,
        ),
        Family(
            "selu with {} (exp(z) - 1) below 0",
            lambda z, n: np.where(z > 0, SELU_SCALE * z, n * np.expm1(negative_part(z))),
            0.0,
            8.0,
        ),
    ),
    "softplus": (
        Family("log(1 + exp({0} z)) / {0}", lambda z, n: softplus(n * z) / n, 0.05, 20.0),
        Family("softplus, but z from {} on", lambda z, n: np.where(z > n, z, softplus(z)), 0.0, 20.0, TAIL),
    ),
    "log_sigmoid": (Family("log(sigmoid({} z))", lambda z, n: -softplus(-n * z), 0.05, 20.0),),
    "softsign": (Family("z / ({} + |z|)", lambda z, n: z / (n + np.abs(z)), 0.01, 20.0),),
    "mish": (
        Family(
            "mish, but z from {} on", lambda z, n: np.where(z > n, z, ACTIVATIONS["mish"].value(z)), 0.0, 20.0, TAIL
        ),
        Family("z tanh(softplus({} z))", lambda z, n: z * np.tanh(softplus(n * z)), 0.05, 8.0),
    ),
    "hard_sigmoid": (
        Family("clip({} z + 1/2, 0, 1)", _hard, 0.0, 2.0),
        Family("clip(z / 6 + {}, 0, 1)", lambda z, n: _hard(z, 1 / 6, n), -1.0, 2.0),
    ),
    "hard_silu": (
        Family("z clip({} z + 1/2, 0, 1)", lambda z, n: z * _hard(z, n), 0.01, 2.0),
        Family("z clip(z / 6 + {}, 0, 1)", lambda z, n: z * _hard(z, 1 / 6, n), -1.0, 2.0),
    ),
    "hard_tanh": (Family("clip(z, -{0}, {0})", lambda z, n: np.clip(z, -n, n), 0.0, 20.0),),
    "soft_shrink": (Family("soft_shrink with a threshold of {}", _shrunk, 0.0, 8.0),),
    "hard_shrink": (
        Family("hard_shrink with a threshold of {}", lambda z, n: np.where(np.abs(z) > n, z, 0.0), 0.0, 8.0),
    ),
    "tanh_shrink": (
        Family("z - {} tanh(z)", lambda z, n: z - n * np.tanh(z), -4.0, 4.0),
        Family("z - tanh({} z)", lambda z, n: z - np.tanh(n * z), 0.05, 8.0),
    ),
    "squareplus": (Family("(z + sqrt(z^2 + {})) / 2", lambda z, n: (z + np.sqrt(z * z + n)) / 2, 0.0, 64.0),),
    "sparse_sigmoid": (
        Family("clip((z + {0}) / (2 * {0}), 0, 1)", lambda z, n: np.clip((z + n) / (2 * n), 0.0, 1.0), 0.05, 20.0),
    ),
    "sparse_plus": (
        Family(
            "0 below -1, z above 1 and {} (z + 1)^2 between",
            lambda z, n: np.where(z <= -1, 0.0, np.where(z < 1, n * (z + 1) ** 2, z)),
            0.0,
            4.0,
        ),
        Family(
            "0 below -{0}, z above {0} and (z + {0})^2 / (4 * {0}) between",
            lambda z, n: np.where(z <= -n, 0.0, np.where(z < n, (z + n) ** 2 / (4 * n), z)),
            0.05,
            20.0,
        ),
    ),
    "exponential": (Family("exp({} z)", lambda z, n: np.exp(n * z), 0.05, 4.0),),
}
ALIASES = {"swish": "silu", "hard_swish": "hard_silu"}


def families_of(name: str, row: Elementwise) -> Iterator[Family]:
    """Those of an activation, and those that every one has: its value and its argument scaled, shifted and clamped."""
    yield from FAMILIES.get(ALIASES.get(name, name), ())
    own = name if name != "linear" else "z"
    value = row.value
    yield Family(f"{{}} times {own}", lambda z, n: n * value(z), -8.0, 8.0)
    yield Family(f"{own} times {{}} above 0, and right below", lambda z, n: np.where(z > 0, n, 1) * value(z), -8.0, 8.0)
    yield Family(f"{own} times {{}} below 0, and right above", lambda z, n: np.where(z < 0, n, 1) * value(z), -8.0, 8.0)
    yield Family(f"{own} of {{}} z", lambda z, n: value(n * z), 0.05, 8.0)
    yield Family(f"{own} plus {{}}", lambda z, n: value(z) + n, -8.0, 8.0)
    yield Family(f"{own} of z plus {{}}", lambda z, n: value(z + n), -4.0, 4.0)
    yield Family(f"{own} of z clamped to [-{{0}}, {{0}}]", lambda z, n: value(np.clip(z, -n, n)), 0.5, _FAR, TAIL)
    yield from _with_ends(name, own, row)
    yield Family(f"{own} cut off at {{}}", lambda z, n: np.minimum(value(z), n), -8.0, 40.0)
    yield Family(f"{own}, but never below {{}}", lambda z, n: np.maximum(value(z), n), -40.0, 8.0)


#: What an activation comes near to on the right; on the left all of these come near to their least value.
_RIGHT_ENDS: Mapping[str, Callable[[Array], Array]] = {
    **dict.fromkeys(("silu", "gelu", "mish", "softplus"), lambda z: z),
    **dict.fromkeys(("sigmoid", "tanh"), np.ones_like),
}


def _with_ends(name: str, own: str, row: Elementwise) -> Iterator[Family]:
    """Far from 0 what it comes near to, in the place of the value: on either side, or on one."""
    end = _RIGHT_ENDS.get(ALIASES.get(name, name))
    if end is None:
        return
    value, least = row.value, -1.0 if name == "tanh" else 0.0
    right, left = ("z" if end(np.array([2.0]))[0] == 2 else "1"), f"{least:g}"
    yield Family(
        f"{own}, but {left} below -{{0}} and {right} above {{0}}",
        lambda z, n: np.where(z > n, end(z), np.where(z < -n, least, value(z))),
        1.0,
        _FAR,
        TAIL,
    )
    yield Family(f"{own}, but {right} above {{}}", lambda z, n: np.where(z > n, end(z), value(z)), 1.0, _FAR, TAIL)
    yield Family(f"{own}, but {left} below -{{}}", lambda z, n: np.where(z < -n, least, value(z)), 1.0, _FAR, TAIL)


def fitted(family: Family, z: Array, got: Array, doubt: Array) -> float | None:
    """The plainest number with which the formula gives every value seen, each within its doubt; None for no number."""
    with np.errstate(all="ignore"):
        says_something = family.formula(z, family.least) != family.formula(z, family.greatest)
        near = (np.abs(z) <= _FAR) & np.isfinite(got) & says_something
        z, got, doubt = z[near], got[near], doubt[near] + 2.0**-50 * (1 + np.abs(got[near]))
        low, high = (_crossing(family, z, got + side * doubt) for side in (-1, 1))
        ends = np.stack([low, high])
        least = np.nanmax(ends.min(axis=0), initial=family.least)
        greatest = np.nanmin(ends.max(axis=0), initial=family.greatest)
    if not least <= greatest or (least == family.least and greatest == family.greatest):
        return None
    return plainest(float(least), float(greatest))


def _crossing(family: Family, z: Array, target: Array) -> Array:
    """Where the formula takes the target, argument by argument; an end of the range where it lies beyond it."""
    low, high = np.full(z.shape, float(family.least)), np.full(z.shape, float(family.greatest))
    rises = family.formula(z, high) >= family.formula(z, low)
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        below = (family.formula(z, middle) < target) == rises
        low, high = np.where(below, middle, low), np.where(below, high, middle)
    return (low + high) / 2


def number_between(equations: Iterable[tuple[Array, Array, Array]]) -> tuple[float, float] | None:
    """The least and the greatest n by which got = n * varying in every element; None where no n is left, or none is
    bounded. equations: got, varying and how far off they may be, of shapes that broadcast.
    """
    least, greatest = -np.inf, np.inf
    for got, varying, doubt in equations:
        usable = np.abs(varying) > 0
        with np.errstate(all="ignore"):
            ends = np.stack([(got - doubt) / varying, (got + doubt) / varying])[:, usable]
        if ends.size:
            least = max(least, float(ends.min(axis=0).max()))
            greatest = min(greatest, float(ends.max(axis=0).min()))
    return (least, greatest) if np.isfinite(least) and np.isfinite(greatest) and least <= greatest else None


def plainest(least: float, greatest: float) -> float:
    """The number in between that is written with the fewest digits, or a fraction of small numbers."""
    middle = (least + greatest) / 2
    for digits in range(1, 17):
        candidate = float(f"{middle:.{digits}g}")
        if least <= candidate <= greatest:
            return candidate
    return middle


def written(value: float) -> str:
    """A number for a sentence: as a fraction where that is shorter."""
    fraction = Fraction(value).limit_denominator(12)
    if fraction.denominator > 1 and abs(float(fraction) - value) < 1e-6 * abs(value) and len(f"{value:.12g}") > 5:
        return f"{fraction.numerator}/{fraction.denominator}"
    return f"{value:.7g}"
