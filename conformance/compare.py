"""The measured difference of one tensor or fact. Measuring is not judging."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from conformance.cases import Json
from reference.formats import Array, Mask
from reference.intervals import Interval

#: How what came can differ: elements above or below their intervals, NaN among them, another shape, no tensor at all;
#: and a fact that is another one.
DIRECTIONS = ("too high", "too low", "not a number", "shape", "missing", "fact")


@dataclass(frozen=True)
class Claim:
    """What was looked at, and what it was held to: a tensor or None beside an interval, or a fact beside a fact."""

    got: NDArray[Any] | Json
    allowed: Interval | Json


@dataclass(frozen=True)
class Comparison:
    """One tensor held to its interval, or one fact to the expected one.

    holds: nothing was found outside. got, allowed: the worst element (or the whole fact) in words. ratio: its distance
    from the interval's centre in half-widths (1 is the edge; infinite where one value alone is right and it is
    another). place: the worst element's index. misses of size elements lie outside; for `unclaimed` of them nothing is
    claimed. directions: of the misses, in the order of `DIRECTIONS`; none where it holds. claim: what was compared;
    None once only the finding is kept.
    """

    name: str
    holds: bool
    got: str
    allowed: str
    ratio: float = 0.0
    place: tuple[int, ...] = ()
    misses: int = 0
    size: int = 1
    unclaimed: int = 0
    directions: tuple[str, ...] = ()
    claim: Claim | None = field(default=None, compare=False, repr=False)

    @property
    def counts(self) -> bool:
        """True where something was compared at all: neither empty nor without any claim."""
        return self.size > self.unclaimed


def compare(name: str, got: NDArray[Any] | None, *, within: Interval) -> Comparison:
    """Holds a tensor to its interval. A missing tensor and one of another shape are misses."""
    claim, size = Claim(got, within), int(np.prod(within.shape, dtype=int))
    if got is None or got.shape != within.shape:
        return _without_elements(name, claim, size)
    if size == 0:
        return Comparison(name, True, "no elements", "no elements", size=0, claim=claim)
    values = got.astype(np.float64)
    outside, unclaimed = ~within.contains(values), int(within.makes_no_claim.sum())
    distances = ratios(values, within, outside)
    place = tuple(int(index) for index in np.unravel_index(int(np.argmax(distances)), within.shape))
    misses = int(outside.sum())
    return Comparison(
        name,
        holds=not misses,
        got=number(float(values[place])),
        allowed=allowance(within, place),
        ratio=float(distances[place]),
        place=place,
        misses=misses,
        size=size,
        unclaimed=unclaimed,
        directions=_directions(values[outside], within.upper[outside]) if misses else (),
        claim=claim,
    )


def agree(name: str, got: Json, *, expected: Json) -> Comparison:
    """Holds a discrete fact to the expected one."""
    holds = got == expected and type(got) is type(expected)
    ratio, directions = (0.0, ()) if holds else (np.inf, ("fact",))
    told, claim = (f"{got!r}", f"{expected!r}"), Claim(got, expected)
    return Comparison(name, holds, *told, ratio, misses=int(not holds), directions=directions, claim=claim)


def _without_elements(name: str, claim: Claim, size: int) -> Comparison:
    """Of no tensor at all, or one of another shape: all elements are missed."""
    got, shape = claim.got, claim.allowed.shape
    came, allowed = ("nothing", "a tensor of shape") if got is None else (f"shape {got.shape}", "shape")
    told, direction = (came, f"{allowed} {shape}"), "missing" if got is None else "shape"
    return Comparison(name, False, *told, np.inf, misses=size, size=size, directions=(direction,), claim=claim)


def number(value: float) -> str:
    """A number twice: to be read, and to be pasted back."""
    return f"{value!r}  {value.hex()}" if np.isfinite(value) else f"{value!r}"


def allowance(within: Interval, place: tuple[int, ...]) -> str:
    """What is allowed at one place, in words."""
    lower, upper = float(within.lower[place]), float(within.upper[place])
    if lower == upper:
        return f"{number(lower)}  exact: no rounding is possible"
    return f"{number(lower)} .. {number(upper)}"


def _directions(outside: Array, upper: Array) -> tuple[str, ...]:
    """Where elements lie that no interval holds: NaN lies nowhere."""
    nowhere, above = np.isnan(outside), outside > upper
    seen = (above.any(), (~above & ~nowhere).any(), nowhere.any())
    return tuple(direction for direction, is_seen in zip(DIRECTIONS, seen, strict=False) if is_seen)


def ratios(values: Array, within: Interval, outside: Mask) -> Array:
    """Distance from the centre in half-widths: above 1 exactly where outside; infinite for NaN and for exact misses."""
    with np.errstate(all="ignore"):
        half = (within.upper - within.lower) / 2
        found = np.abs(values - (within.lower + half)) / half
    inside = np.where(np.isfinite(found), np.minimum(found, 1.0), 0.0)
    beyond = np.where(np.isfinite(found), np.maximum(found, np.nextafter(1.0, 2.0)), np.inf)
    return np.where(outside, beyond, inside)
