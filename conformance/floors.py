"""The committed least number of cases and comparisons for every dialect, level and tier; a run that has fewer fails.

`floors.json` is written by `dense-conformance floors --write` after a change of the contract, and reviewed in its
diff: a number that falls is a part of the contract that is lost. A test counts again.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from importlib.resources import files

import numpy as np

from conformance.answers import Answer, Level, Trial
from conformance.cases import Case, Question, Shape, Tier
from conformance.contract import CONTRACT
from conformance.contract.clause import Clause
from conformance.procedures import PROCEDURES
from conformance.results import Floor
from conformance.truth import truth
from reference.dense import kernel_shape, output_shape
from reference.dialects import DIALECTS, Dialect
from reference.intervals import Interval

Key = tuple[str, Level, Tier]


def count(dialect: Dialect) -> dict[Key, Floor]:
    """The number of cases and comparisons of every level and tier in one dialect.

    A comparison counts where it has elements: each check is put to an answer that holds nothing, within intervals of
    the right shapes.
    """
    weights = [
        (clause, case, _comparisons(clause, case, dialect)) for clause in CONTRACT for case in clause.cases(dialect)
    ]
    return {
        (dialect.name, level, tier): _floor(
            [n for clause, case, n in weights if clause.level <= level and case.tier <= tier]
        )
        for level in Level
        for tier in Tier
    }


def to_json(floors: Mapping[Key, Floor]) -> str:
    """The text of floors.json, one line a floor."""
    lines = [
        json.dumps({"dialect": dialect, "level": str(level), "tier": str(tier), **asdict(floor)})
        for (dialect, level, tier), floor in floors.items()
    ]
    return "[\n  " + ",\n  ".join(lines) + "\n]\n"


def from_json(text: str) -> dict[Key, Floor]:
    return {
        (each["dialect"], Level[each["level"].upper()], Tier[each["tier"].upper()]): Floor(
            each["cases"], each["comparisons"]
        )
        for each in json.loads(text)
    }


def count_all() -> dict[Key, Floor]:
    """The floors of every dialect."""
    return {key: floor for dialect in DIALECTS for key, floor in count(dialect).items()}


def _floor(comparisons: list[int]) -> Floor:
    return Floor(cases=len(comparisons), comparisons=sum(comparisons))


def _comparisons(clause: Clause, case: Case, dialect: Dialect) -> int:
    return sum(comparison.counts for comparison in clause.check(blank_trial(case.question, dialect)))


def blank_trial(question: Question, dialect: Dialect = DIALECTS[-1]) -> Trial:
    """A question with an answer that holds nothing, within intervals of the right shapes."""
    facts = {"nan_at": [], **truth(question, None, dialect).facts}
    bounds = dict(_blank_bounds(question))
    return Trial(question, Answer(), bounds, facts, Answer(), np.empty(question.known_shape))


def _blank_bounds(question: Question) -> Iterator[tuple[str, Interval]]:
    """Intervals of the right shapes, for the tensors that the reference bounds."""
    for name, shape in _bounded_shapes(question):
        yield name, Interval(np.broadcast_to(0.0, shape), np.broadcast_to(1.0, shape))


def _bounded_shapes(question: Question) -> Iterator[tuple[str, Shape]]:
    config, kind = question.config, PROCEDURES[question.procedure].bounds
    if not kind:
        return
    inputs = question.known_shape
    kernel = kernel_shape(config, inputs[-1])
    if kind == "curvature":
        yield from (("second_kernel_gradient", kernel), ("second_inputs_gradient", inputs))
        return
    if kind in ("weights", "fit"):
        yield "kernel_after", kernel
        if config.use_bias:
            yield "bias_after", (config.units,)
        if kind == "fit":
            yield "reported_loss", ()
        return
    if kind == "shared":
        yield "kernel_gradient", kernel
        if config.use_bias:
            yield "bias_gradient", (config.units,)
        return
    if kind == "penalties":
        named = (config.kernel_regularizer, config.activity_regularizer, config.use_bias and config.bias_regularizer)
        yield "losses", (sum(bool(name) for name in named),)
        yield "kernel_gradient", kernel
        if config.use_bias:
            yield "bias_gradient", (config.units,)
        return
    if kind == "restored":
        named = (config.kernel_regularizer, config.activity_regularizer, config.use_bias and config.bias_regularizer)
        yield "losses", (sum(bool(name) for name in named),)
    yield "outputs", tuple(axis for axis in output_shape(config, inputs) if axis is not None)
    if kind == "gradients":
        yield from (("kernel_gradient", kernel), ("inputs_gradient", inputs))
        if config.use_bias:
            yield "bias_gradient", (config.units,)


FLOORS: Mapping[Key, Floor] = from_json(files("conformance").joinpath("floors.json").read_text("utf-8"))
