"""Rivals of the delta, which all gradients are made of: another upstream gradient, or no slope."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial

import numpy as np

from conformance.diagnosis.rivals.backward import Gradients, gradient_of, gradients, keeps_units, one
from conformance.diagnosis.rivals.narrow import NARROW
from conformance.diagnosis.rivals.rival import Predicted, Rival, monotone
from conformance.diagnosis.rivals.slopes import with_slope
from conformance.procedures import GRADIENTS
from conformance.truth import Posed
from reference.activations import ACTIVATIONS
from reference.bounds import Estimate
from reference.elementwise import Elementwise
from reference.formats import Array

#: What training loops clip at.
CLIPPED_AT = (0.5, 1.0, 5.0, 10.0, 100.0, 1000.0)

UPSTREAMS: tuple[tuple[str, Callable[[Array], Array]], ...] = (
    ("is taken for ones", np.ones_like),
    ("is clipped to [-1, 1]", lambda upstream: np.clip(upstream, -1, 1)),
    ("loses its sign", np.abs),
    ("is taken for 0 where it is negative", lambda upstream: np.maximum(upstream, 0)),
    ("is taken for 0 where it is positive", lambda upstream: np.minimum(upstream, 0)),
    ("is replaced by its sign", np.sign),
    ("is divided by its norm", lambda upstream: upstream / (np.sqrt((upstream**2).sum()) or 1.0)),
    ("is divided by its length", lambda upstream: upstream / max(1, upstream.size)),
    ("is divided by its greatest element", lambda upstream: upstream / (np.abs(upstream).max(initial=0.0) or 1.0)),
    ("is squared", np.square),
)


#: What is made of delta, in words.
DELTAS: tuple[tuple[str, Callable[[Estimate], Estimate]], ...] = (
    ("loses its sign", lambda delta: Estimate(np.abs(delta.value), delta.error)),
    ("is taken for 0 where it is negative", lambda delta: monotone(delta, lambda end: np.maximum(end, 0))),
    ("is taken for 0 where it is positive", lambda delta: monotone(delta, lambda end: np.minimum(end, 0))),
)


def _delta_clipped(at: float) -> Callable[[Estimate], Estimate]:
    return lambda delta: monotone(delta, lambda end: np.clip(end, -at, at))


def _of_delta(enclosed: Callable[[Estimate], Estimate]) -> Callable[[Posed], Predicted]:
    return lambda posed: dict(gradients(posed, enclosed=enclosed))


def of_upstream() -> Iterator[Rival]:
    for at in CLIPPED_AT:
        says = f"the gradient of what is activated is clipped to [-{at:g}, {at:g}]"
        yield Rival("upstream-changed", says, _of_delta(_delta_clipped(at)))
    for words, enclosed in DELTAS:
        yield Rival("upstream-changed", f"the gradient of what is activated {words}", _of_delta(enclosed))
    for words, change in UPSTREAMS:
        yield Rival("upstream-changed", f"the upstream gradient {words}", _from_upstream(change))
        for name in GRADIENTS:
            says = f"{gradient_of(name)} is that of an upstream gradient that {words}"
            yield Rival("upstream-changed", says, one(name, partial(_with_upstream, change, name)))
    for narrow in NARROW:
        says = f"the upstream gradient is rounded to {narrow.says}"
        yield Rival("gradient-rounded", says, _from_upstream(narrow.round))
    for narrow in NARROW:
        says = f"every activation's slope is taken at pre-activations rounded to {narrow.says}"
        yield Rival("slope-formula", says, partial(_at_rounded, narrow.round))
    yield Rival("slope-formula", "every activation's slope is taken of the output, not of z", _of_outputs)
    for name in GRADIENTS:
        says = f"{gradient_of(name)} has the slope of an activation of single elements in it twice"
        yield Rival("slope-repeated", says, one(name, partial(_with_slope_twice, name)))
    yield Rival(
        "slope-without-bias",
        "the activation's slope is taken of inputs @ kernel, without the bias",
        lambda posed: dict(gradients(posed, forward=lambda problem: replace(problem, bias=None))),
    )
    for says, speaks in (
        ("the slope of an activation of single elements is left out of all gradients", _is_elementwise),
        ("the activation's slope is left out of all gradients", keeps_units),
    ):
        yield Rival("slope-missing", says, partial(_without_slope, speaks))


def _with_slope_twice(name: str, posed: Posed) -> Gradients:
    row = posed.problem.activation
    if not isinstance(row, Elementwise):
        return {}
    return gradients(posed, row=with_slope(row, lambda z: row.slope(z) ** 2), names=(name,))


def _is_elementwise(posed: Posed) -> bool:
    return isinstance(posed.problem.activation, Elementwise)


def _without_slope(speaks: Callable[[Posed], bool], posed: Posed) -> Predicted | None:
    return dict(gradients(posed, row=ACTIVATIONS["linear"])) if speaks(posed) else None


def _of_outputs(posed: Posed) -> Predicted | None:
    """Nothing is said of whole rows."""
    row = posed.problem.activation
    if not isinstance(row, Elementwise):
        return None
    return dict(gradients(posed, row=with_slope(row, lambda z: row.slope(row.value(z)))))


def _at_rounded(rounds: Callable[[Array], Array], posed: Posed) -> Predicted:
    return dict(gradients(posed, slope_at=lambda z: monotone(z, rounds)))


def _with_upstream(change: Callable[[Array], Array], name: str, posed: Posed) -> Gradients:
    return gradients(posed, upstream=change, names=(name,))


def _from_upstream(change: Callable[[Array], Array]) -> Callable[[Posed], Predicted]:
    return lambda posed: dict(gradients(posed, upstream=change))
