"""What the reference says of a question: the interval of every tensor, and the discrete facts that it can state."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from math import prod

import numpy as np

from conformance.cases import PROCEDURES, Json, Question
from conformance.families import Tensors
from reference.activations import Activation
from reference.bounds import Problem, bound_gradients, bound_outputs, bound_second_gradients
from reference.config import DenseConfig
from reference.dense import forward, kernel_shape, output_shape, parameter_count, pre_activations
from reference.intervals import Interval, no_claim, point, where


@dataclass(frozen=True)
class Truth:
    """bounds: a certified interval for each tensor, by its name in an answer; facts: what is certain and discrete."""

    bounds: Mapping[str, Interval] = field(default_factory=dict)
    facts: Mapping[str, Json] = field(default_factory=dict)


def truth(question: Question, tensors: Tensors | None, activation: Activation) -> Truth:
    """What is true of a question under this definition of its activation.

    tensors: those that everybody was handed; None for a procedure that needs none.
    """
    facts = stack_facts(question) if question.procedure == "stack" else layer_facts(question)
    if tensors is None:
        return Truth(facts=facts)
    problem = Problem(
        inputs=tensors.inputs.astype(np.float64),
        kernel=tensors.kernel.astype(np.float64),
        bias=None if tensors.bias is None else tensors.bias.astype(np.float64),
        activation=activation,
        format=question.config.format,
    )
    bounds = BOUNDS[PROCEDURES[question.procedure].bounds](problem, tensors)
    if np.isfinite(problem.inputs).all():
        return Truth(bounds, facts)
    return Truth({"outputs": _with_limits(problem, bounds["outputs"])}, {**facts, "nan_at": _nan_places(problem)})


def needs_tensors(question: Question) -> bool:
    """True where the question has tensors to draw: inputs that are given, not merely a shape."""
    return bool(PROCEDURES[question.procedure].bounds)


#: How each kind of bounds that a procedure names is made.
BOUNDS: Mapping[str, Callable[[Problem, Tensors], Mapping[str, Interval]]] = {
    "outputs": lambda problem, _: {"outputs": bound_outputs(problem)},
    "gradients": lambda problem, tensors: bound_gradients(problem, tensors.upstream.astype(np.float64)),
    "curvature": lambda problem, tensors: bound_second_gradients(problem, tensors.upstream.astype(np.float64)),
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


def layer_facts(question: Question) -> Mapping[str, Json]:
    """The facts of one layer: output shape, weights in their order, parameter counts. Empty where Dense refuses."""
    config, shape = question.config, question.input_shape
    if len(shape) < 2 or shape[-1] is None:
        return {}
    count = parameter_count(config, shape[-1])
    return {
        "output_shape": list(output_shape(config, shape)),
        "weights": weight_facts(config, shape[-1]),
        "count": count,
        "trainable": count,
    }


def weight_facts(config: DenseConfig, input_dim: int) -> list[Json]:
    """Kernel first, then the bias if there is one."""
    shapes: dict[str, list[Json]] = {"kernel": list(kernel_shape(config, input_dim))}
    if config.use_bias:
        shapes["bias"] = [config.units]
    return [{"name": name, "shape": shape, "trainable": True, "dtype": config.dtype} for name, shape in shapes.items()]


def stack_configs(question: Question) -> tuple[DenseConfig, ...]:
    """The layers of a Sequential model: the option `layers` lists their units, all else is the question's config."""
    config = question.config
    return tuple(
        DenseConfig(int(units), config.activation, config.use_bias, config.dtype)
        for units in question.option("layers", str(config.units)).split(",")
    )


def stack_facts(question: Question) -> Mapping[str, Json]:
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
