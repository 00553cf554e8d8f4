"""What an activation gives along its arguments, and where, in words that are true of all that was asked."""

from __future__ import annotations

import numpy as np

from reference.activations import ACTIVATIONS
from reference.elementwise import Elementwise
from reference.formats import Array, Mask

#: Of what is not so for all arguments between two.
IN_PLACES = "in places "
#: Of values that have nothing in common.
OFF = "is off"


def content(got: Array, z: Array) -> str:
    """What stands where it is wrong."""
    if np.isnan(got).all():
        return "is NaN"
    if np.isinf(got).all():
        return "is infinite"
    if (~np.isfinite(got)).all():
        return "is NaN or infinite"
    if (got == 0).all():
        return "is 0"
    if (got == z).all():
        return "is z itself"
    if len(np.unique(got)) == 1:
        return f"stays at {got[0]:.6g}"
    if len(np.unique(got)) == 2 and np.isfinite(got).all():
        return f"stays at {got.min():.6g} and at {got.max():.6g}"
    return OFF


def holds_as(what: str, got: Array, z: Array) -> Mask:
    """Where these are as the words of `content` have it, right or wrong."""
    kinds = {
        "is NaN": np.isnan(got),
        "is infinite": np.isinf(got),
        "is NaN or infinite": ~np.isfinite(got),
        "is 0": got == 0,
        "is z itself": got == z,
    }
    if what.startswith("stays at"):
        return np.isin([f"{value:.6g}" for value in got], what.removeprefix("stays at ").split(" and at "))
    return kinds.get(what, np.zeros(got.shape, bool))


def places(name: str, z: Array, wrong: Mask, holds: Mask) -> str:
    """Where it is so, in words that are true of all that was asked; of whole rows z is the size of the largest unit.

    wrong: where it is so and wrong. holds: where it is so at all.
    """
    if not isinstance(ACTIVATIONS[name], Elementwise):
        told = _along(z, wrong, holds, "and more in size", "in size")
        some = IN_PLACES if told.startswith(IN_PLACES) else ""
        return f"{some}where the largest unit is {told.removeprefix(some)}"
    words = []
    for side, beyond in ((z < 0, "below"), (z > 0, "above")):
        if (wrong & side).any():
            words.append(_along(z[side], wrong[side], holds[side], beyond))
    return " and ".join(words) if words else "at 0"


def _along(z: Array, wrong: Mask, holds: Mask, beyond: str, between: str = "") -> str:
    """Of arguments of one sign: from a place on, at one place alone, or between two."""
    sizes = np.abs(z)
    nearest, farthest = z[wrong][np.argmin(sizes[wrong])], z[wrong][np.argmax(sizes[wrong])]
    behind = sizes >= abs(nearest)
    if holds[behind].all():
        return f"{beyond} {nearest:.5g}" if not between else f"{nearest:.5g} {beyond}"
    if nearest == farthest:
        return f"{'' if between else 'at '}{nearest:.5g} {between}".strip()
    least, greatest = sorted((nearest, farthest))
    within = behind & (sizes <= abs(farthest))
    some = "" if holds[within].all() else IN_PLACES
    return f"{some}between {least:.5g} and {greatest:.5g} {between}".strip()
