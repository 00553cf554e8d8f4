"""The committed least number of cases and comparisons for every dialect, level and tier; a run that has fewer fails.

`floors.json` is written by `dense-conformance floors --write` after a change of the contract, and reviewed in its
diff: a number that falls is a part of the contract that is lost. A test counts again.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict
from importlib.resources import files

import numpy as np

from conformance.answers import Answer, Level, Trial
from conformance.cases import Case, Question, Shape, Tier
from conformance.contract import CONTRACT
from conformance.contract.clause import Clause
from conformance.procedures import GRADIENTS, PROCEDURES, SECOND_GRADIENTS
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
    for name in BOUNDED[PROCEDURES[question.procedure].bounds]:
        if question.config.use_bias or not name.startswith("bias"):
            shape = SHAPES[name](question)
            yield name, Interval(np.broadcast_to(0.0, shape), np.broadcast_to(1.0, shape))


#: The tensors that each kind of bounds encloses; those of the bias where there is one.
BOUNDED: Mapping[str, tuple[str, ...]] = {
    "": (),
    "outputs": ("outputs",),
    "gradients": ("outputs", *GRADIENTS),
    "gradients_again": ("outputs", *GRADIENTS, "inputs_after", "upstream_after"),
    "curvature": SECOND_GRADIENTS,
    "weights": ("kernel_after", "bias_after"),
    "fit": ("kernel_after", "bias_after", "reported_loss"),
    "evaluated": ("kernel_after", "bias_after", "reported_loss"),
    "shared": ("kernel_gradient", "bias_gradient"),
    "penalties": ("losses", *GRADIENTS),
    "constrained": ("kernel_constrained", "bias_constrained"),
    "restored": ("losses", *GRADIENTS, "kernel_constrained", "bias_constrained", "outputs"),
}


def _kernel(question: Question) -> Shape:
    return kernel_shape(question.config, question.known_shape[-1])


def _bias(question: Question) -> Shape:
    return (question.config.units,)


def _inputs(question: Question) -> Shape:
    return question.known_shape


def _outputs(question: Question) -> Shape:
    return tuple(axis for axis in output_shape(question.config, question.known_shape) if axis is not None)


def _losses(question: Question) -> Shape:
    config = question.config
    named = (config.kernel_regularizer, config.activity_regularizer, config.use_bias and config.bias_regularizer)
    return (sum(bool(name) for name in named),)


#: The shape of each tensor that can be bounded.
SHAPES: Mapping[str, Callable[[Question], Shape]] = {
    "outputs": _outputs,
    "kernel_gradient": _kernel,
    "bias_gradient": _bias,
    "inputs_gradient": _inputs,
    "second_kernel_gradient": _kernel,
    "second_inputs_gradient": _inputs,
    "inputs_after": _inputs,
    "upstream_after": _outputs,
    "kernel_after": _kernel,
    "bias_after": _bias,
    "kernel_constrained": _kernel,
    "bias_constrained": _bias,
    "reported_loss": lambda _: (),
    "losses": _losses,
}


FLOORS: Mapping[Key, Floor] = from_json(files("conformance").joinpath("floors.json").read_text("utf-8"))
