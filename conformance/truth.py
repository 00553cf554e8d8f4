"""What the reference says of a question: the interval of every tensor, and the discrete facts that it can state."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from math import prod

import numpy as np

from conformance.cases import Json, Question
from conformance.families import Tensors
from conformance.procedures import PROCEDURES
from reference.activations import Activation
from reference.bounds import Problem, bound_gradients, bound_outputs, bound_second_gradients
from reference.config import DenseConfig
from reference.dense import forward, kernel_shape, output_shape, parameter_count, pre_activations
from reference.dialects import Dialect, activation
from reference.formats import FORMATS, Array, Format
from reference.grades import Grade
from reference.intervals import Interval, no_claim, point, where


@dataclass(frozen=True)
class Truth:
    """bounds: a certified interval for each tensor, by its name in an answer; facts: what is certain and discrete."""

    bounds: Mapping[str, Interval] = field(default_factory=dict)
    facts: Mapping[str, Json] = field(default_factory=dict)


@dataclass(frozen=True)
class Posed:
    """A question with its tensors, as the reference is asked it.

    definition: of the config's activation. grade: the rounding that is allowed; None for what conforms.
    """

    question: Question
    tensors: Tensors
    dialect: Dialect
    definition: Activation
    grade: Grade | None = None

    @property
    def format(self) -> Format:
        """The format that the layer computes in, or that of its grade."""
        narrower = self.grade.computes_in if self.grade else None
        return FORMATS[narrower] if narrower else self.question.config.format

    @cached_property
    def problem(self) -> Problem:
        """What the layer multiplies: the tensors, rounded to the dtype that it computes in."""
        rounded, tensors = self.question.config.format.round, self.tensors
        return Problem(
            inputs=rounded(tensors.inputs),
            kernel=rounded(tensors.kernel),
            bias=None if tensors.bias is None else rounded(tensors.bias),
            activation=self.definition,
            format=self.format,
            grade=self.grade,
        )

    @property
    def upstream(self) -> Array:
        return self.question.config.format.round(self.tensors.upstream)


def truth(
    question: Question,
    tensors: Tensors | None,
    dialect: Dialect,
    definition: Activation | None = None,
    grade: Grade | None = None,
) -> Truth:
    """What is true of a question in a dialect, under its definition of the activation or another one.

    tensors: those that everybody was handed; None for a procedure that needs none. grade: the rounding that is allowed;
    None for what conforms.
    """
    facts = FACTS.get(question.procedure, layer_facts)(question, dialect)
    if tensors is None:
        return Truth(facts=facts)
    posed = Posed(question, tensors, dialect, definition or activation(question.config.activation, dialect), grade)
    bounds = BOUNDS[PROCEDURES[question.procedure].bounds](posed)
    if np.isfinite(posed.problem.inputs).all() or "outputs" not in bounds:
        return Truth(bounds, facts)
    limits = _with_limits(posed.problem, bounds["outputs"])
    return Truth({"outputs": limits}, {**facts, "nan_at": _nan_places(posed.problem)})


def needs_tensors(question: Question) -> bool:
    """True where the question has tensors to draw: inputs that are given, not merely a shape."""
    return bool(PROCEDURES[question.procedure].bounds)


#: How each kind of bounds that a procedure names is made.
BOUNDS: Mapping[str, Callable[[Posed], Mapping[str, Interval]]] = {
    "outputs": lambda posed: {"outputs": bound_outputs(posed.problem)},
    "gradients": lambda posed: bound_gradients(posed.problem, posed.upstream),
    "weights": lambda posed: {
        name: point(values.astype(np.float64))
        for name, values in (("kernel_after", posed.tensors.kernel), ("bias_after", posed.tensors.bias))
        if values is not None
    },
    "curvature": lambda posed: bound_second_gradients(posed.problem, posed.upstream),
}


@np.errstate(all="ignore")
def _with_limits(problem: Problem, outputs: Interval) -> Interval:
    """Where a pre-activation is infinite the activation's limit alone is right. NaN is a place, not an interval."""
    z = pre_activations(problem.inputs, problem.kernel, problem.bias)
    limits = where(np.isinf(z), point(problem.activation.value(z)), outputs)
    return where(np.isnan(z), no_claim(z.shape), limits)


@np.errstate(all="ignore")
def _nan_places(problem: Problem) -> Json:
    """The flat indices at which the outputs are NaN."""
    outputs = forward(problem.inputs, problem.kernel, problem.bias, problem.activation)
    return [int(place) for place in np.flatnonzero(np.isnan(outputs))]


def layer_facts(question: Question, _: Dialect) -> Mapping[str, Json]:
    """The facts of one layer: output shape, weights in their order, parameter counts. Empty where Dense refuses."""
    config, shape = question.config, question.input_shape
    if len(shape) < 2 or shape[-1] is None:
        return {}
    count = parameter_count(config, shape[-1])
    return {
        "output_shape": list(output_shape(config, shape)),
        "output_dtype": config.format.name,
        "weights": weight_facts(config, shape[-1]),
        "count": count,
        "trainable": count,
    }


def weight_facts(config: DenseConfig, input_dim: int) -> list[Json]:
    """Kernel first, then the bias if there is one."""
    shapes: dict[str, list[Json]] = {"kernel": list(kernel_shape(config, input_dim))}
    if config.use_bias:
        shapes["bias"] = [config.units]
    dtype = config.variable_format.name
    return [{"name": name, "shape": shape, "trainable": True, "dtype": dtype} for name, shape in shapes.items()]


def stack_configs(question: Question) -> tuple[DenseConfig, ...]:
    """The layers of a Sequential model: the option `layers` lists their units, all else is the question's config."""
    config = question.config
    return tuple(replace(config, units=int(units)) for units in question.option("layers", str(config.units)).split(","))


def stack_facts(question: Question, _: Dialect) -> Mapping[str, Json]:
    """The facts of a Sequential model: each layer's parameter count and weight shapes, and the output shape."""
    shape, counts, weights = question.input_shape, [], []
    for config in stack_configs(question):
        width = shape[-1]
        if width is None:
            raise ValueError(f"a stack needs a known last axis, got {shape}")
        shapes = [kernel_shape(config, width)] + ([(config.units,)] if config.use_bias else [])
        counts.append(sum(prod(each) for each in shapes))
        weights.append([list(each) for each in shapes])
        shape = output_shape(config, shape)
    return {"counts": counts, "weights": weights, "output_shape": list(shape)}


#: The facts of a procedure that are not those of one layer.
FACTS: Mapping[str, Callable[[Question, Dialect], Mapping[str, Json]]] = {"stack": stack_facts}
