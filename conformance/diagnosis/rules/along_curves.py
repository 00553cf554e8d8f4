"""What an activation gives along its arguments, and where, in words that are true of all that was asked."""

from __future__ import annotations

import numpy as np

from reference.activations import ACTIVATIONS
from reference.elementwise import Elementwise
from reference.formats import Array, Mask

#: Of what is not so for all arguments between two.
IN_PLACES = "in places "
#: So many values are told one by one.
FEW = 2
#: Of values that have nothing in common.
OFF = "is off"


def content(got: Array, z: Array, wrong: Mask) -> tuple[str, Mask]:
    """What stands where it is wrong, in words, and where it stands at all, right or wrong."""
    kinds = (
        ("is NaN", np.isnan(got)),
        ("is infinite", np.isinf(got)),
        ("is NaN or infinite", ~np.isfinite(got)),
        ("is 0", got == 0),
        ("is z itself", got == z),
    )
    for words, holds in kinds:
        if holds[wrong].all():
            return words, holds
    values = np.unique(got[wrong])
    if len(values) > FEW or not np.isfinite(values).all():
        return OFF, wrong
    told = [f"{value:.6g}" for value in values]
    return f"stays at {' and at '.join(told)}", np.isin([f"{value:.6g}" for value in got], told)


def places(name: str, z: Array, wrong: Mask, holds: Mask) -> str:
    """Where it is so, in words that are true of all that was asked; of whole rows z is the size of the largest unit.

    wrong: where it is so and wrong. holds: where it is so at all.
    """
    if not isinstance(ACTIVATIONS[name], Elementwise):
        return _of_rows(*_extent(z, wrong, holds))
    words = [
        _on_one_side(beyond, *_extent(z[side], wrong[side], holds[side]))
        for side, beyond in ((z < 0, "below"), (z > 0, "above"))
        if (wrong & side).any()
    ]
    return " and ".join(words) if words else "at 0"


def _of_rows(nearest: float, farthest: float, some: str) -> str:
    if np.isinf(farthest):
        return f"where the largest unit is {nearest:.5g} and more in size"
    return f"{some}where the largest unit is {_between(nearest, farthest)} in size"


def _on_one_side(beyond: str, nearest: float, farthest: float, some: str) -> str:
    if np.isinf(farthest):
        return f"{beyond} {nearest:.5g}"
    return f"at {nearest:.5g}" if nearest == farthest else f"{some}{_between(nearest, farthest)}"


def _between(nearest: float, farthest: float) -> str:
    least, greatest = sorted((nearest, farthest))
    return f"{least:.5g}" if least == greatest else f"between {least:.5g} and {greatest:.5g}"


def _extent(z: Array, wrong: Mask, holds: Mask) -> tuple[float, float, str]:
    """Of arguments of one sign the nearest and the farthest, infinite where it holds for all beyond; and whether it is
    so in places alone.
    """
    sizes = np.abs(z)
    nearest, farthest = z[wrong][np.argmin(sizes[wrong])], z[wrong][np.argmax(sizes[wrong])]
    behind = sizes >= abs(nearest)
    if holds[behind].all():
        return nearest, np.inf, ""
    within = behind & (sizes <= abs(farthest))
    return nearest, farthest, "" if holds[within].all() else IN_PLACES
