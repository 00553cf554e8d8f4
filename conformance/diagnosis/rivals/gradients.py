"""Rivals of the backward pass: what the gradients are where one of its products, or its delta, is wrong."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from math import prod

import numpy as np

from conformance.diagnosis.rivals.backward import changed, gradient_of, gradients
from conformance.diagnosis.rivals.inputs_gradients import of_inputs
from conformance.diagnosis.rivals.limited_gradients import (
    of_masked_weights,
    of_narrow_backward_passes,
    of_narrow_operands,
    of_narrow_sums,
    of_norms,
)
from conformance.diagnosis.rivals.narrow import NARROW
from conformance.diagnosis.rivals.rival import Predicted, Rival, scaled
from conformance.diagnosis.rivals.upstreams import CLIPPED_AT
from conformance.diagnosis.rivals.weight_gradients import of_bias, of_kernel
from conformance.procedures import GRADIENTS
from conformance.truth import Posed
from reference.bounds import Estimate
from reference.formats import Array
from reference.intervals import Interval

# ---- of one gradient, or of all alike ------------------------------------------------------------------------------


def _words(names: tuple[str, ...]) -> tuple[str, str]:
    """The subject of a sentence, and its verb."""
    if len(names) > 1:
        return "all gradients", "are"
    return gradient_of(names[0]), "is"


def _missing(names: tuple[str, ...]) -> Callable[[Posed], Predicted]:
    return lambda posed: dict.fromkeys(names)


def _times(factor: float) -> Callable[[Interval, Posed], Interval]:
    return lambda right, posed: scaled(right, factor, posed.problem.format.unit_roundoff)


def _each_times(names: tuple[str, ...], factor: Callable[[Posed], float]) -> Callable[[Posed], Predicted | None]:
    """Each term times a number of the shape, with two roundings of its own; nothing is said where there are no rows."""

    def predict(posed: Posed) -> Predicted | None:
        if 0 in posed.question.known_shape[:-1]:
            return None
        by, doubt = factor(posed), 2 * posed.problem.format.unit_roundoff
        found = gradients(
            posed,
            enclosed=lambda delta: Estimate(by * delta.value, by * (delta.error + doubt * np.abs(delta.value))),
            names=names,
        )
        return {name: found[name] for name in names if name in found}

    return predict


def _rows(posed: Posed) -> int:
    return prod(posed.question.known_shape[:-1])


def _batch(posed: Posed) -> int:
    return posed.question.known_shape[0]


def _by_blocks(block: int, posed: Posed) -> float:
    return 1 / max(1, -(-_rows(posed) // block))


FACTORS: tuple[tuple[str, str, float], ...] = (
    ("gradient-zero", "0", 0.0),
    ("gradient-negated", "negated", -1.0),
    ("gradient-scaled", "doubled", 2.0),
    ("gradient-scaled", "halved", 0.5),
)
#: Numbers that depend on the shape.
COUNTS: tuple[tuple[str, str, Callable[[Posed], float]], ...] = (
    ("gradient-averaged", "divided by the number of rows: a mean, not a sum", lambda posed: 1 / _rows(posed)),
    ("gradient-averaged", "divided by the length of the batch", lambda posed: 1 / _batch(posed)),
    (
        "gradient-averaged",
        "divided by the number of steps: a mean over the axes between batch and units",
        lambda posed: _batch(posed) / _rows(posed),
    ),
    (
        "gradient-averaged",
        "divided by the square root of the number of rows",
        lambda posed: float(1 / np.sqrt(_rows(posed))),
    ),
    (
        "gradient-averaged",
        "divided by the square root of the number of features",
        lambda posed: float(1 / np.sqrt(max(1, posed.question.known_shape[-1]))),
    ),
    ("gradient-averaged", "divided by the number of units", lambda posed: 1 / posed.question.config.units),
    (
        "gradient-averaged",
        "divided by the number of features",
        lambda posed: 1 / max(1, posed.question.known_shape[-1]),
    ),
    (
        "gradient-averaged",
        "divided by the number of outputs",
        lambda posed: 1 / (_rows(posed) * posed.question.config.units),
    ),
    *(
        (
            "gradient-averaged",
            f"divided by the number of blocks of {block} rows",
            partial(_by_blocks, block),
        )
        for block in (8, 16, 32, 64, 128)
    ),
    ("gradient-scaled", "multiplied by the number of rows", lambda posed: float(_rows(posed))),
    ("gradient-scaled", "multiplied by the length of the batch", lambda posed: float(_batch(posed))),
)

SETS = (GRADIENTS, *((name,) for name in GRADIENTS), ("kernel_gradient", "bias_gradient"))


def _subject(names: tuple[str, ...]) -> tuple[str, str]:
    return ("the gradients of kernel and bias", "are") if len(names) == 2 else _words(names)


def _absolute(right: Interval, posed: Posed) -> Interval:
    ends = np.stack([np.abs(right.lower), np.abs(right.upper)])
    crosses = (right.lower < 0) & (right.upper > 0)
    return Interval(np.where(crosses, 0.0, ends.min(axis=0)), ends.max(axis=0))


def _clipped(at: float) -> Callable[[Interval, Posed], Interval]:
    return lambda right, posed: Interval(np.clip(right.lower, -at, at), np.clip(right.upper, -at, at))


def _rounded(rounds: Callable[[Array], Array]) -> Callable[[Interval, Posed], Interval]:
    return lambda right, posed: Interval(rounds(right.lower), rounds(right.upper))


def _nan_without_rows(right: Interval, posed: Posed) -> Interval:
    if posed.problem.inputs.size:
        return right
    nan = np.full(right.shape, np.nan)
    return Interval(nan, nan)


def of_products() -> Iterator[Rival]:
    """What one or all gradients are, the delta being right."""
    for names in SETS:
        subject, verb = _subject(names)
        yield Rival("gradient-missing", f"{subject} {verb} missing (None)", _missing(names))
        for defect, words, factor in FACTORS:
            yield Rival(defect, f"{subject} {verb} {words}", changed(names, _times(factor)))
        for defect, words, count in COUNTS:
            yield Rival(defect, f"{subject} {verb} {words}", _each_times(names, count))
        yield Rival(
            "gradient-absolute",
            f"{subject} lose their sign".replace("gradient lose their", "gradient loses its"),
            changed(names, _absolute),
        )
        for at in CLIPPED_AT:
            yield Rival(
                "gradient-clipped", f"{subject} {verb} clipped to [-{at:g}, {at:g}]", changed(names, _clipped(at))
            )
        yield Rival(
            "gradient-nan-for-empty",
            f"{subject} {verb} NaN for a batch without rows",
            changed(names, _nan_without_rows),
        )
        for narrow in NARROW:
            yield Rival(
                "gradient-rounded",
                f"{subject} {verb} rounded to {narrow.says}",
                changed(names, _rounded(narrow.round)),
            )
    yield from of_norms()
    yield from of_narrow_backward_passes()
    yield from of_narrow_sums()
    yield from of_narrow_operands()
    yield from of_masked_weights()
    yield from of_kernel()
    yield from of_bias()
    yield from of_inputs()
