"""Formulas that are right on paper, and evaluated as they stand: exp overflows."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from conformance.diagnosis.rivals.families import ALIASES
from conformance.diagnosis.rivals.rival import MORE_ROUNDINGS, Enclose, Rival, of_activation_by
from reference.activations import Activation
from reference.bounds import Estimate, Problem
from reference.elementwise import Elementwise
from reference.formats import FLOAT64, FORMATS, Array, Format, Mask
from reference.intervals import Interval, no_claim, point, where

Value = Callable[[Array], Array]
#: So near to where exp overflows or underflows nothing is said.
BAND = 0.7


@dataclass(frozen=True)
class Naive:
    """says: in words, after "is". beyond: what comes where exp is infinite. exp_of: of which numbers it is taken.
    cancels: the size of what is subtracted on the way. of_zero: its inverse is what counts, and beyond comes where that
    is 0.
    """

    says: str
    beyond: float
    exp_of: Value = lambda z: z
    cancels: Value = np.zeros_like
    of_zero: bool = False


#: exp(z) / (1 + exp(z)) and what is made of it.
_QUOTIENT = "exp(z) / (1 + exp(z)), where infinity is divided by infinity"
NAIVE: Mapping[str, tuple[Naive, ...]] = {
    "softplus": (Naive("log(1 + exp(z)), as it stands: exp overflows", np.inf, cancels=np.ones_like),),
    "sigmoid": (Naive(_QUOTIENT, np.nan),),
    "silu": (Naive(f"z {_QUOTIENT}", np.nan),),
    "tanh": (
        Naive("(exp(z) - exp(-z)) / (exp(z) + exp(-z)), as it stands: exp overflows", np.nan, np.abs, np.ones_like),
        Naive("(exp(2 z) - 1) / (exp(2 z) + 1), as it stands: exp overflows", np.nan, lambda z: 2 * z, np.ones_like),
        Naive("(1 - exp(-2 z)) / (1 + exp(-2 z)), as it stands: exp overflows", np.nan, lambda z: -2 * z, np.ones_like),
    ),
    "mish": (Naive("z n / (n + 2), n being exp(z) (exp(z) + 2): n overflows", np.nan, lambda z: 2 * z, np.abs),),
    "log_sigmoid": (
        Naive("log(1 / (1 + exp(-z))), as it stands: exp overflows", -np.inf, lambda z: -z, np.ones_like),
        Naive("log(sigmoid(z)), minus infinity where sigmoid is 0", -np.inf, lambda z: -z, np.ones_like, of_zero=True),
        Naive("z - log(1 + exp(z)), as it stands: exp overflows", -np.inf, cancels=lambda z: 1 + np.abs(z)),
    ),
}


def unstable_rivals(name: str, row: Activation) -> Iterator[Rival]:
    """Each in the arithmetic of the layer's own dtype, and in wider ones."""
    for arithmetic in (None, FORMATS["float32"], FLOAT64):
        if isinstance(row, Elementwise):
            for naive in NAIVE.get(ALIASES.get(name, name), ()):
                yield of_activation_by(name, f"{{activation}} is {naive.says}", _elementwise(row, naive, arithmetic))
        for says, enclose in _ROWS.get(name, ()):
            yield of_activation_by(name, f"{{activation}} is {says}", enclose(row, arithmetic))


def _within(problem: Problem, arithmetic: Format | None) -> Format:
    """The format that is computed in: never a narrower one than the layer's own."""
    own = problem.format
    return own if arithmetic is None or arithmetic.precision < own.precision else arithmetic


def _elementwise(row: Elementwise, naive: Naive, arithmetic: Format | None) -> Enclose:
    def enclose(z: Estimate, problem: Problem) -> Interval:
        format, true = _within(problem, arithmetic), row.enclose(z.value, z.error, problem.format)
        lost = MORE_ROUNDINGS * format.unit_roundoff * naive.cancels(z.value)
        sizes = np.fmax(np.abs(true.lower), np.abs(true.upper))
        near = true.widened(lost + np.where(lost > 0, MORE_ROUNDINGS * problem.format.unit_roundoff * sizes, 0.0))
        exponent, error = naive.exp_of(z.value), 2 * z.error
        safe, sure = _ends(naive, exponent, format)
        claimed = where(exponent - error > sure, _all(naive.beyond, exponent), no_claim(exponent.shape))
        return where(exponent + error < safe, near, claimed)

    return enclose


def _ends(naive: Naive, exponent: Array, format: Format) -> tuple[Array | float, float]:
    """Up to which exponent exp does no harm, nor a product with it, and from which on it does for certain."""
    if naive.of_zero:
        smallest = -np.log(format.smallest_normal)
        return smallest - BAND, smallest + np.log(2.0) * format.precision + BAND
    most = np.log(format.largest)
    return most - BAND - np.log(np.maximum(np.abs(exponent), 1.0)), most + BAND


def _all(value: float, like: Array) -> Interval:
    return point(np.full_like(like, value))


# ---- of whole rows -------------------------------------------------------------------------------------------------

OfRow = Callable[[Activation, "Format | None"], Enclose]


@dataclass(frozen=True)
class _Ranges:
    """Rows in which exp overflows for certain, in which nothing happens to it, and in which all of it is 0; and the
    elements whose own exp is infinite, not infinite, and a normal number, for certain.
    """

    is_over: Mask
    is_safe: Mask
    is_under: Mask
    overflows: Mask
    is_finite: Mask
    is_normal: Mask

    @staticmethod
    def of(z: Estimate, format: Format) -> _Ranges:
        low, high = z.value - z.error, z.value + z.error
        least, greatest = (np.broadcast_to(_largest(each), low.shape) for each in (low, high))
        units = max(1, low.shape[-1])
        largest, smallest = np.log(format.largest), np.log(format.smallest_normal)
        return _Ranges(
            is_over=least > largest + BAND,
            is_safe=(greatest < largest - np.log(units) - BAND) & (least > smallest + BAND),
            is_under=greatest < smallest - np.log(2.0) * format.precision - BAND,
            overflows=low > largest + BAND,
            is_finite=high < largest - BAND,
            is_normal=low > smallest + BAND,
        )


def _largest(z: Array) -> Array:
    return np.asarray(z.max(axis=-1, keepdims=True, initial=-np.inf))


def _unshifted_softmax(row: Activation, arithmetic: Format | None) -> Enclose:
    def enclose(z: Estimate, problem: Problem) -> Interval:
        ranges = _Ranges.of(z, _within(problem, arithmetic))
        true, nan, unsaid = (
            row.enclose(z.value, z.error, problem.format),
            _all(np.nan, z.value),
            no_claim(z.value.shape),
        )
        of_over = where(ranges.overflows, nan, where(ranges.is_finite, _all(0.0, z.value), unsaid))
        found = where(ranges.is_safe & ranges.is_normal, true, unsaid)
        return where(ranges.is_over, of_over, where(ranges.is_under, nan, found))

    return enclose


def _unshifted_log_softmax(row: Activation, arithmetic: Format | None) -> Enclose:
    def enclose(z: Estimate, problem: Problem) -> Interval:
        format = _within(problem, arithmetic)
        ranges, true = _Ranges.of(z, format), row.enclose(z.value, z.error, problem.format)
        sizes = np.abs(z.value) + np.abs(_largest(z.value)) + z.value.shape[-1]
        near = true.widened(MORE_ROUNDINGS * format.unit_roundoff * sizes)
        found = where(ranges.is_safe, near, no_claim(z.value.shape))
        of_under = where(ranges.is_under, _all(np.inf, z.value), found)
        return where(ranges.is_over, _all(-np.inf, z.value), of_under)

    return enclose


def _log_of_softmax(row: Activation, arithmetic: Format | None) -> Enclose:
    def enclose(z: Estimate, problem: Problem) -> Interval:
        format, true = _within(problem, arithmetic), row.enclose(z.value, z.error, problem.format)
        doubt = z.error + _largest(z.error)
        smallest = np.log(format.smallest_normal)
        gone = true.upper + doubt < smallest - np.log(2.0) * format.precision - BAND
        roundings = (z.value.shape[-1] + MORE_ROUNDINGS) * np.ones_like(z.value)
        kept = true.lower - doubt > smallest + BAND
        found = where(kept, true.widened(format.unit_roundoff * roundings), no_claim(z.value.shape))
        return where(gone, _all(-np.inf, z.value), found)

    return enclose


def _log_of_unshifted_softmax(row: Activation, arithmetic: Format | None) -> Enclose:
    log_of_softmax = _log_of_softmax(row, arithmetic)

    def enclose(z: Estimate, problem: Problem) -> Interval:
        ranges, nan, unsaid = (
            _Ranges.of(z, _within(problem, arithmetic)),
            _all(np.nan, z.value),
            no_claim(z.value.shape),
        )
        of_over = where(ranges.overflows, nan, where(ranges.is_finite, _all(-np.inf, z.value), unsaid))
        found = where(ranges.is_safe & ranges.is_normal, log_of_softmax(z, problem), unsaid)
        return where(ranges.is_over, of_over, where(ranges.is_under, nan, found))

    return enclose


_ROWS: Mapping[str, tuple[tuple[str, OfRow], ...]] = {
    "softmax": (
        ("exp(z) / sum(exp(z)), not shifted by the largest unit: exp overflows, or all of it is 0", _unshifted_softmax),
    ),
    "log_softmax": (
        ("log(softmax(z)), which is minus infinity where softmax is 0", _log_of_softmax),
        ("the logarithm of exp(z) / sum(exp(z)), not shifted by the largest unit", _log_of_unshifted_softmax),
        ("z - log(sum(exp(z))), not shifted by the largest unit: exp overflows", _unshifted_log_softmax),
    ),
}
