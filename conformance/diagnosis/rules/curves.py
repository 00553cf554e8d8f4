"""What can be said of an activation whose formula is none that is known: where it is wrong, and what it gives there."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from conformance.cases import Question
from conformance.diagnosis.exhibits import Exhibit, Inquiry, inside
from conformance.diagnosis.further import RANGES, over_range
from conformance.diagnosis.rules.along_curves import OFF, content, places
from conformance.diagnosis.rules.in_dtypes import in_dtypes
from conformance.diagnosis.wording import listed
from conformance.families import Tensors
from conformance.results import Diagnosis
from reference.activations import ACTIVATIONS
from reference.bounds import pre_activation
from reference.config import DenseConfig
from reference.elementwise import Elementwise
from reference.formats import FORMATS, POLICIES, Array, Mask

#: An activation that is right in between, but not beyond, is wrong in its tails.
MIDDLE = 3.0
#: So many rows of linear layers must be right.
MOSTLY = 0.5
#: So many wrong values at least.
ENOUGH = 1
#: A function that is off by a smaller part of its value everywhere is an approximation.
INEXACT = 2.0**-4
#: So many roundings of 1 are what is left where two numbers of that size cancel.
CANCELLING = 16.0
#: Arguments that are near, and errors and slopes that are slight.
NEAR, SLIGHT = 20.0, 1e-3
#: Arguments close to each other, all of one distance, which every format holds.
CLOSE = np.arange(-2048, 2049) / 256.0
#: Where two straight lines meet, or two steps, no more of these in a row are neither.
CORNER = 3
#: So many units, all alike, are asked beside one, and so many features, all but one of zeros.
UNITS, FEATURES = 8, 9
#: Fewer different values are no table.
STEPS = 3
#: Large arguments are powers of two times these; and how the ends of all arguments are called.
MANTISSAS = (1.0, 1.171875, 1.6640625)
ENDS = ("minus infinity", "infinity")

#: Arguments, values, which of them are wrong, and the right ones.
_Points = tuple[Array, Array, Mask, Array]


def depends_on_more(exhibit: Exhibit, inquiry: Inquiry, upstream_times: float = -1.0) -> bool:
    """Whether these are no function of z alone: of outputs, or of the inputs' gradient beside its upstream gradient.

    The same z are asked for again: some of the rows in reverse order, halved inputs under a doubled kernel, the
    upstream gradient times a number, by which a slope's gradients are multiplied as well; several units alike beside
    one, and several features.
    """
    tensors = inquiry.witness.tensors(exhibit.question)
    if tensors is None or exhibit.got is None:
        return False
    rows = np.arange(len(tensors.inputs))[::-1][: 1 + len(tensors.inputs) // 2]
    turned = replace(
        tensors,
        inputs=tensors.inputs[rows] / tensors.inputs.dtype.type(2),
        kernel=tensors.kernel * tensors.kernel.dtype.type(2),
        upstream=tensors.upstream[rows] * tensors.upstream.dtype.type(upstream_times),
    )
    of_rows = replace(exhibit.question, input_shape=(len(rows), *exhibit.question.input_shape[1:]))
    got = inquiry.witness.ask_with(of_rows, turned).answer.tensor(exhibit.name)
    if not _is_the_same(exhibit, rows, got, 1.0 if exhibit.name == "outputs" else 2.0 * upstream_times):
        return True
    if tensors.inputs.ndim > 2 and _depends_on_rank(exhibit, tensors, inquiry):
        return True
    if tensors.kernel.shape != (1, 1):
        return False
    if _depends_on_features(exhibit, tensors, inquiry):
        return True
    several = replace(
        tensors,
        kernel=np.repeat(tensors.kernel, UNITS, axis=1),
        bias=None if tensors.bias is None else np.repeat(tensors.bias, UNITS),
        upstream=np.repeat(tensors.upstream, UNITS, axis=-1),
    )
    of_units = replace(exhibit.question, config=replace(exhibit.question.config, units=UNITS))
    got = inquiry.witness.ask_with(of_units, several).answer.tensor(exhibit.name)
    return not _is_the_same(exhibit, np.arange(len(tensors.inputs)), got, 1.0 if exhibit.name == "outputs" else UNITS)


def _depends_on_rank(exhibit: Exhibit, tensors: Tensors, inquiry: Inquiry) -> bool:
    """Whether the same rows, in a batch without other axes, get other numbers."""
    inputs, upstream = (each.reshape(-1, each.shape[-1]) for each in (tensors.inputs, tensors.upstream))
    asked = replace(exhibit.question, input_shape=inputs.shape)
    given = inquiry.witness.ask_with(asked, replace(tensors, inputs=inputs, upstream=upstream))
    got, own = given.answer.tensor(exhibit.name), exhibit.got
    return own is None or got is None or not np.array_equal(got, own.reshape(-1, own.shape[-1]), equal_nan=True)


def _depends_on_features(exhibit: Exhibit, tensors: Tensors, inquiry: Inquiry) -> bool:
    """Whether features of nothing but zeros, behind the one that there is, make another answer."""
    behind = [(0, 0)] * (tensors.inputs.ndim - 1) + [(0, FEATURES - 1)]
    wider = replace(tensors, inputs=np.pad(tensors.inputs, behind), kernel=np.repeat(tensors.kernel, FEATURES, axis=0))
    of_features = replace(exhibit.question, input_shape=wider.inputs.shape)
    got = inquiry.witness.ask_with(of_features, wider).answer.tensor(exhibit.name)
    return not _is_the_same(exhibit, np.arange(len(tensors.inputs)), got, 1.0)


def _is_the_same(exhibit: Exhibit, rows: NDArray[Any], other: NDArray[Any] | None, times: float) -> bool:
    """Whether these are the exhibit's rows times a number, in every unit."""
    assert exhibit.got is not None
    if other is None or other.shape[:-1] != exhibit.got[rows].shape[:-1]:
        return False
    format, got = exhibit.posed.problem.format, exhibit.got[rows].astype(np.float64)
    with np.errstate(all="ignore"):
        given = other.astype(np.float64) / times
        near = np.abs(got - given) <= 4 * format.unit_roundoff * np.abs(got) + exhibit.right.width[rows]
    # halves of the smallest numbers are none of the format's any more, and doubles of the largest ones neither
    held = np.abs(exhibit.posed.problem.inputs[rows]).max(axis=-1, keepdims=True) >= 4 * format.smallest_normal
    ends = ~held | (np.abs(got) >= format.largest / (4 * UNITS)) | (np.abs(got) <= 4 * format.smallest_normal)
    return bool((near | (got == given) | (np.isnan(got) & np.isnan(given)) | ends).all())


def curve_of(name: str, failing: Sequence[Exhibit], inquiry: Inquiry) -> Iterator[Diagnosis]:
    """One diagnosis of all open cases of this activation, or none where nothing is seen on the curve."""
    dtype = failing[0].question.config.dtype
    parts = [_points(name, dtype, family, rows, inquiry) for family, rows in RANGES]
    usable = [part for part in parts if part is not None]
    if len(usable) < len(parts):
        return
    usable += _far_points(name, dtype, inquiry)
    z, got, wrong, right = (np.concatenate(values) for values in zip(*usable, strict=True))
    cases = tuple(
        result.case.id
        for result in inquiry.open
        if result.case.question.config.activation == name
        and result.clause.area in ("outputs", "dtypes", "specials", "gradients", "shapes", "state")
    )
    if wrong.sum() < ENOUGH or not cases:
        return
    if len(np.unique(got)) == 1:
        yield from _of_one_value(name, float(got[0]), failing, cases)
        return
    in_middle = bool((wrong & (np.abs(z) <= MIDDLE) & (np.abs(z) > 2.0**-10)).any())
    evidence = (
        f"{int(wrong.sum())} of {wrong.size} values on a grid and in the tails are wrong; no formula that is known fits"
    )
    dtypes = in_dtypes(name, "outputs", worst_part(got, right, wrong), inquiry)
    if in_middle:
        seen = _structure(name, dtype, inquiry) or inexactly(z, got, right, wrong) or _cancelling(dtype, z, got, right)
        seen = seen or "is another function"
        says = f"{name} {seen}{dtypes.of_all}: {_largest(name, z, got, wrong, right)}{_not_finite(name, z, got, wrong)}"
        yield Diagnosis("activation-formula", says, evidence, cases)
    else:
        what, holds = content(got, z, wrong)
        where = places(name, z, wrong, holds)
        example = "" if what != OFF else f": {_largest(name, z, got, wrong, right)}"
        beyond = _at_infinity(name, dtype, inquiry)
        else_right = (
            "" if _is_wrong_before(failing, np.abs(z[wrong]).min()) else ", and is right wherever else it was asked"
        )
        of, others = dtypes.of_one(dtype)
        says = f"{name} {what} {where}{beyond}{of}{else_right}{example}{others}"
        yield Diagnosis("activation-tail", says, evidence, cases)


def _is_wrong_before(failing: Sequence[Exhibit], size: float) -> bool:
    """Whether one of these tensors is wrong although no pre-activation of it is as large."""
    for exhibit in failing:
        problem = exhibit.posed.problem
        if np.nanmax(np.abs(pre_activation(problem).value), initial=0.0) < size * (1 - SLIGHT):
            return True
    return False


def _of_one_value(name: str, value: float, failing: Sequence[Exhibit], cases: tuple[str, ...]) -> Iterator[Diagnosis]:
    """Of one value for all arguments the product may be what is lost: the bias tells, where there is one."""
    own = [each for each in failing if each.question.config.use_bias and each.question.family not in ("grid", "tails")]
    if own and all(each.got is not None and (each.got == value).all() for each in own):
        evidence = f"{len(own)} of {len(own)} failing tensors with a bias as well"
        yield Diagnosis("activation-formula", f"{name} is always {value:.6g}", evidence, cases)


def worst_part(got: Array, right: Array, wrong: Mask) -> float:
    """The greatest error, as a part of what is right; inf where no number came."""
    with np.errstate(all="ignore"):
        error = np.abs(got[wrong] - right[wrong]) / np.abs(right[wrong])
    return float(np.nan_to_num(error, nan=np.inf).max(initial=0.0))


def inexactly(z: Array, got: Array, right: Array, wrong: Mask) -> str:
    """That it is near wherever it is wrong, and how near; empty where it is not."""
    near = (np.abs(z) <= NEAR) & (right != 0) & wrong
    with np.errstate(all="ignore"):
        error = np.abs(got[near] / right[near] - 1)
    worst = float(error.max(initial=0.0))
    return f"is inexact, off by up to {worst:.1e} of its value" if 0 < worst < INEXACT else ""


def _cancelling(dtype: str, z: Array, got: Array, right: Array) -> str:
    """That it is near but for small values, as what cancels is; empty where it is not."""
    near = (np.abs(z) <= NEAR) & np.isfinite(got)
    worst = float(np.abs(got - right)[near].max(initial=0.0))
    most = CANCELLING * FORMATS[dtype].unit_roundoff if dtype in FORMATS else 0.0
    return f"loses its digits where it is small, off by up to {worst:.1e}" if 0 < worst <= most else ""


def _right_rows(question: Question, inquiry: Inquiry) -> Mask | None:
    """Of the same rows of a linear layer those that are right: elsewhere the fault is not the activation's.

    None where that is not most of them, or not all and no defect that was named has its place in rows or units.
    """
    asked = replace(question, config=replace(question.config, activation="linear"))
    found = [exhibit for exhibit in inquiry.witness.exhibits(asked) if exhibit.name == "outputs"]
    if not found or found[0].got is None or found[0].got.shape != found[0].right.shape:
        return None
    right = np.asarray(inside(found[0].got, found[0].right).all(axis=-1))
    is_apart = any(fit.rival.defect.startswith(("rows-", "units-")) for fit in inquiry.fits)
    return right if right.all() or (is_apart and right.mean() > MOSTLY) else None


def _points(name: str, dtype: str, family: str, rows: int, inquiry: Inquiry) -> _Points | None:
    """Arguments, values, which of them are wrong, and the right ones; of whole rows the largest argument counts."""
    question = over_range(DenseConfig(1, name, True, dtype), family, rows)
    found = [exhibit for exhibit in inquiry.witness.exhibits(question) if exhibit.name == "outputs"]
    rows_right = _right_rows(question, inquiry)
    if not found or found[0].got is None or found[0].got.shape != found[0].right.shape or rows_right is None:
        return None
    if rows_right.all() and depends_on_more(found[0], inquiry):
        return None
    exhibit, raw = found[0], found[0].got
    got = raw.astype(np.float64)
    inputs = exhibit.posed.problem.inputs
    z = inputs if isinstance(ACTIVATIONS[name], Elementwise) else np.abs(inputs)
    wrong, right = ~inside(raw, exhibit.right), exhibit.right.middle
    kept = np.broadcast_to(rows_right[:, None], got.shape).ravel()
    return np.broadcast_to(z, got.shape).ravel()[kept], got.ravel()[kept], wrong.ravel()[kept], right.ravel()[kept]


def _asked_at(z: Array, name: str, dtype: str, inquiry: Inquiry) -> _Points | None:
    """The same at these arguments, of one unit with a bias of 0; None where the answer has another shape."""
    question = over_range(DenseConfig(1, name, True, dtype), "grid", len(z))
    tensors = inquiry.witness.tensors(question)
    assert tensors is not None
    assert tensors.bias is not None
    inputs = z[:, None].astype(tensors.inputs.dtype)
    plain = replace(tensors, inputs=inputs, kernel=np.ones_like(tensors.kernel), bias=np.zeros_like(tensors.bias))
    asked = inquiry.witness.ask_with(question, plain)
    raw, right = asked.answer.tensor("outputs"), asked.truth.bounds.get("outputs")
    if raw is None or right is None or raw.shape != right.shape:
        return None
    wrong = ~inside(raw, right) & ~right.makes_no_claim
    return inputs.astype(np.float64).ravel(), raw.astype(np.float64).ravel(), wrong.ravel(), right.middle.ravel()


def _far_points(name: str, dtype: str, inquiry: Inquiry) -> list[_Points]:
    """Large arguments, of several mantissas, as far as linear layers are right there."""
    if not isinstance(ACTIVATIONS[name], Elementwise):
        return []
    exponents = np.arange(4, int(np.log2(POLICIES[dtype].compute.largest)), 1 if dtype != "float64" else 8)
    sizes = np.outer(2.0**exponents, MANTISSAS).ravel()
    z = np.concatenate([-sizes[::-1], sizes])
    linear, own = (_asked_at(z, each, dtype, inquiry) for each in ("linear", name))
    return [own] if own is not None and linear is not None and not linear[2].any() else []


def _at_infinity(name: str, dtype: str, inquiry: Inquiry) -> str:
    """What it gives at both ends, where that is wrong."""
    is_of_one = isinstance(ACTIVATIONS[name], Elementwise)
    points = _asked_at(np.array([-np.inf, np.inf]), name, dtype, inquiry) if is_of_one else None
    if points is None:
        return ""
    _, got, wrong, _ = points
    words = [f"{value:.6g} at {end}" for value, end in zip(got[wrong], np.array(ENDS)[wrong], strict=True)]
    return f", and gives {listed(words)}" if words else ""


def _not_finite(name: str, z: Array, got: Array, wrong: Mask) -> str:
    """The end of a sentence, where some of the wrong values are no numbers."""
    bad = wrong & ~np.isfinite(got)
    if not bad.any():
        return ""
    what, holds = content(got, z, bad)
    return f"; {what.replace('is', 'it is', 1)} {places(name, z, bad, holds)}"


def _largest(name: str, z: Array, got: Array, wrong: Mask, right: Array) -> str:
    """Where it is farthest from what is right; where that is next to nothing, farthest beside the size of that."""
    with np.errstate(all="ignore"):
        error = np.where(wrong & np.isfinite(got), np.abs(got - right), -1.0)
        near = np.where(np.abs(z) <= NEAR, error, -1.0)
        error = near if near.max() > 0 else error
        if 0 < error.max() < SLIGHT:
            error = np.where((error > 0) & (right != 0), error / np.abs(right), -1.0)
    place = int(np.argmax(error))
    is_of_one = isinstance(ACTIVATIONS[name], Elementwise)
    at = f"at z = {z[place]:.6g}" if is_of_one else f"where the largest unit is {z[place]:.6g} in size"
    return f"{at} it gives {told_apart(got[place], right[place])} is right"


def told_apart(got: float, right: float) -> str:
    """Both, in as many digits as tell them apart."""
    for digits in (6, 9, 17):
        one, other = f"{got:.{digits}g}", f"{right:.{digits}g}"
        if one != other:
            break
    return f"{one} where {other}"


# ---- the shape of a curve ------------------------------------------------------------------------------------------


def _structure(name: str, dtype: str, inquiry: Inquiry) -> str | None:
    """What a curve is made of, where that shows between close arguments: steps, or straight lines."""
    if not isinstance(ACTIVATIONS[name], Elementwise) or dtype not in ("float32", "float64"):
        return None
    points = _asked_at(CLOSE, name, dtype, inquiry)
    if points is None or not np.isfinite(points[1]).all():
        return None
    got, right = points[1], np.asarray(ACTIVATIONS[name].value(CLOSE), np.float64)
    moves = np.abs(np.diff(right)) > SLIGHT * np.diff(CLOSE)
    still = (np.diff(got) == 0) & moves
    values = len(np.unique(got[:-1][moves]))
    if still.sum() > moves.sum() / 2 and _longest((np.diff(got) != 0) & moves) <= CORNER and values >= STEPS:
        return f"moves in steps, as a table does: {values} different values at {int(moves.sum())} arguments"
    noise = 8 * FORMATS[dtype].unit_roundoff * (np.abs(got[:-2]) + 2 * np.abs(got[1:-1]) + np.abs(got[2:]))
    curved, bent = (np.abs(np.diff(values, 2)) > noise for values in (right, got))
    if curved.any() and (curved & ~bent).sum() > curved.sum() / 2 and _longest(bent) <= CORNER:
        corners = int((np.diff(np.concatenate([[False], bent]).astype(int)) == 1).sum())
        if not corners:
            return None
        return f"runs in straight lines, with some {corners} corners between {CLOSE[0]:g} and {CLOSE[-1]:g}"
    return None


def _longest(mask: Mask) -> int:
    """So many in a row hold at most."""
    ends = np.flatnonzero(np.diff(np.concatenate([[False], mask, [False]]).astype(int)))
    return int((ends[1::2] - ends[::2]).max(initial=0))
