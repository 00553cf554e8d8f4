"""Rivals of gradients that are wrong in some units, features or rows alone, read off the failing exhibits."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence

import numpy as np

from conformance.diagnosis.exhibits import Exhibit, wrong_elements
from conformance.diagnosis.rivals.backward import gradient_of
from conformance.diagnosis.rivals.regions import Region, candidates
from conformance.diagnosis.rivals.rival import Predicted, Rival, permuted
from conformance.truth import Posed
from reference.formats import Array, Mask
from reference.intervals import Interval

#: By gradient the axes along which it may be wrong in places, and what lies along them.
_AXES: Mapping[str, tuple[tuple[int, tuple[str, str]], ...]] = {
    "kernel_gradient": ((0, ("feature", "features")), (1, ("unit", "units"))),
    "bias_gradient": ((0, ("unit", "units")),),
    "inputs_gradient": (
        (-1, ("feature", "features")),
        (0, ("entry of the batch", "entries of the batch")),
        (1, ("step", "steps")),
    ),
}
_CONTENTS: tuple[tuple[str, str, Callable[[Array], Array]], ...] = (
    ("gradient-zero", "0", lambda ends: 0 * ends),
    ("gradient-scaled", "doubled", lambda ends: 2 * ends),
    ("gradient-scaled", "halved", lambda ends: ends / 2),
    ("gradient-negated", "negated", lambda ends: -ends),
)


def of_places(failing: Sequence[Exhibit]) -> Iterator[Rival]:
    """One content in one region of one gradient, the rest being right."""
    for name, axes in _AXES.items():
        wrong = [wrong_elements(each) for each in failing if each.name == name and each.is_shaped]
        for axis, words in axes:
            if wrong and all(_has(axis, name, mask.ndim) for mask in wrong):
                for region in _regions([np.moveaxis(mask, axis, -1) for mask in wrong], words):
                    yield from _in_region(name, axis, region)


def _has(axis: int, name: str, rank: int) -> bool:
    """Whether a gradient of this rank has the axis; the last one of the inputs' gradient is that of the features."""
    return axis < rank - (name == "inputs_gradient")


def _regions(masks: Sequence[Mask], words: tuple[str, str]) -> Iterator[Region]:
    """Those that no wrong element is outside of, and that are not everything."""
    places = sorted(
        {int(place) for mask in masks for place in np.flatnonzero(mask.any(axis=tuple(range(mask.ndim - 1))))}
    )
    for region in candidates("units", places, words):
        held = [region.holds(mask.shape) for mask in masks]
        is_part = any(not each.all() for each in held)
        if is_part and not any((mask & ~each).any() for mask, each in zip(masks, held, strict=True)):
            yield region


def _in_region(name: str, axis: int, region: Region) -> Iterator[Rival]:
    for defect, words, change in _CONTENTS:
        says = f"{gradient_of(name)} is {words} for {region.says}"
        yield Rival(defect, says, _changed(name, axis, region, change))


def _changed(name: str, axis: int, region: Region, change: Callable[[Array], Array]) -> Callable[[Posed], Predicted]:
    def predict(posed: Posed) -> Predicted:
        right = posed.gradients.get(name)
        if right is None or not _has(axis, name, len(right.shape)):
            return {}
        place = np.moveaxis(region.holds(np.moveaxis(right.lower, axis, -1).shape), -1, axis)
        other = permuted(right, change)
        return {name: Interval(np.where(place, other.lower, right.lower), np.where(place, other.upper, right.upper))}

    return predict
