"""Checks that several areas have in common."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from conformance.answers import Trial
from conformance.compare import Comparison, agree, compare
from conformance.contract.clause import Check
from reference.intervals import Interval, around, point


def outputs_inside(trial: Trial) -> Iterator[Comparison]:
    """On exact data the interval is one number: a wrong axis, order or formula gives another one."""
    yield compare("outputs", trial.answer.tensor("outputs"), within=trial.bounds["outputs"])


def those_bounded(*names: str) -> Check:
    """Holds each of these tensors that the reference bounds to its interval: without bias there is none of the bias."""

    def check(trial: Trial) -> Iterator[Comparison]:
        for name in names:
            if name in trial.bounds:
                yield compare(name, trial.answer.tensor(name), within=trial.bounds[name])

    return check


def within_baseline(trial: Trial, name: str) -> Interval:
    """The interval of the outputs; or, where the baseline misses it, one of the same width around the baseline.

    Two evaluations of one function differ by no more than the width of what is allowed to either.
    """
    bounds, baseline = trial.bounds["outputs"], trial.answer.tensor(name)
    if baseline is None or compare(name, baseline, within=bounds).holds:
        return bounds
    moved = baseline.astype(np.float64)
    return around(moved, bounds.width) if moved.shape == bounds.shape else point(moved)


def each_row_alone(trial: Trial) -> Iterator[Comparison]:
    """Each row is asked alone as well, and held to its own interval."""
    yield compare("row_by_row", trial.answer.tensor("row_by_row"), within=within_baseline(trial, "outputs"))
    yield compare("outputs", trial.answer.tensor("outputs"), within=within_baseline(trial, "row_by_row"))


def dtype_of_outputs(trial: Trial) -> Iterator[Comparison]:
    """The values would agree in a wider type; what comes next in a model would not."""
    outputs = trial.answer.tensor("outputs")
    yield agree("dtype", None if outputs is None else str(outputs.dtype), expected=trial.question.config.format.name)


def overflows_with_its_sign(trial: Trial) -> Iterator[Comparison]:
    """Of a linear layer whose every sum is beyond the largest number: infinity of the sign of the row."""
    outputs = trial.answer.tensor("outputs")
    infinities = np.copysign(np.inf, trial.inputs[..., :1].astype(np.float64))
    expected = np.broadcast_to(infinities, trial.bounds["outputs"].shape)
    yield compare("outputs", outputs, within=Interval(expected, expected))


def specials_pass_through(trial: Trial) -> Iterator[Comparison]:
    """One NaN and two infinities, each in a row of its own: NaN fills its row, an infinity gives the limit, no more."""
    outputs = trial.answer.tensor("outputs")
    places = None if outputs is None else np.flatnonzero(np.isnan(outputs.astype(np.float64))).tolist()
    yield agree("nan_at", places, expected=trial.facts["nan_at"])
    yield compare("outputs", outputs, within=trial.bounds["outputs"])
