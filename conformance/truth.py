"""What the reference says of a question: the interval of every tensor, and the discrete facts that it can state."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from math import prod

import numpy as np

from conformance.cases import Json, Question, Shape
from conformance.families import FAMILIES, Tensors
from conformance.procedures import GRADIENTS, PROCEDURES
from reference.activations import Activation
from reference.bounds import Problem, bound_gradients, bound_outputs, bound_second_gradients
from reference.config import DenseConfig
from reference.constraints import CONSTRAINTS
from reference.dense import backward, forward, kernel_shape, output_shape, parameter_count, pre_activations
from reference.dialects import Dialect, activation
from reference.formats import FORMATS, Array, Format, Mask
from reference.grades import Grade
from reference.intervals import Interval, around, no_claim, point, where
from reference.regularizers import REGULARIZERS
from reference.training import Weights, constrained, gradients_with_penalties, penalties, step


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
    def is_finite(self) -> bool:
        """True where no input and no weight is NaN or infinite."""
        parts = (self.problem.inputs, self.problem.kernel, self.problem.bias)
        return all(bool(np.isfinite(part).all()) for part in parts if part is not None)

    @property
    def upstream(self) -> Array:
        return self.question.config.format.round(self.tensors.upstream)

    @cached_property
    def outputs(self) -> Interval:
        return bound_outputs(self.problem)

    @cached_property
    def gradients(self) -> Mapping[str, Interval]:
        """Those of the weights and of the inputs, and the outputs; NaN upstream is taken for 0."""
        return bound_gradients(self.problem, np.nan_to_num(self.upstream))


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
    if np.isnan(posed.upstream).any():
        return Truth(*_beside_nan(posed, bounds, facts))
    if posed.is_finite or "outputs" not in bounds:
        return Truth(bounds, facts)
    limits = _with_limits(posed.problem, bounds["outputs"])
    places = {"nan_at": _nan_places(posed.problem), "infinite_at": _infinite_places(posed.problem)}
    return Truth({"outputs": limits}, {**facts, **places})


def needs_tensors(question: Question) -> bool:
    """True where the question has tensors to draw: inputs that are given, not merely a shape."""
    return bool(PROCEDURES[question.procedure].bounds)


#: SGD's learning rate wherever an optimizer steps: a power of two, so that small integers stay exact.
LEARNING_RATE = 2.0**-3


def _handed_in(posed: Posed) -> Mapping[str, Interval]:
    """What nobody changes."""
    inputs, upstream = (each.astype(np.float64) for each in (posed.tensors.inputs, posed.tensors.upstream))
    return {"inputs_after": point(inputs), "upstream_after": point(upstream)}


def _stored(posed: Posed) -> Weights:
    """The weights as the variables hold them: what penalties and constraints are about."""
    tensors = posed.tensors
    bias = None if tensors.bias is None else tensors.bias.astype(np.float64)
    return Weights(tensors.kernel.astype(np.float64), bias)


def _costs(posed: Posed, config: DenseConfig) -> dict[str, float]:
    problem, operands = posed.problem, Weights(posed.problem.kernel, posed.problem.bias)
    parts = (config, problem.inputs, _stored(posed), problem.activation)
    return penalties(*parts, divides=posed.dialect.divides_activity_loss, operands=operands)


def _penalties(posed: Posed) -> Mapping[str, Interval]:
    """The losses, least first, and the gradients of their sum; exact but where a row or the family says otherwise.

    A gradient that is not exact is within a few roundings, and what the weight's own regularizer is unsure of.
    """
    config, problem, stored = _penalized(posed), posed.problem, _stored(posed)
    format, exact = posed.question.config.variable_format, FAMILIES[posed.question.family].exact
    found = _costs(posed, config)
    values = np.array(sorted(found.values()))
    rows = {name: REGULARIZERS[getattr(config, name)] for name in found}
    penalized = {
        "kernel_regularizer": stored.kernel,
        "bias_regularizer": np.empty(0) if stored.bias is None else stored.bias,
        "activity_regularizer": forward(problem.inputs, problem.kernel, problem.bias, problem.activation),
    }
    doubts = [row.error(penalized[name], format, exact=exact) for name, row in rows.items()]
    bounds = {"losses": around(values, np.full(values.shape, max(doubts, default=0.0)))}
    parts = (config, problem.inputs, stored, problem.activation, np.zeros_like(posed.upstream))
    operands = Weights(problem.kernel, problem.bias)
    gradients = gradients_with_penalties(*parts, divides=posed.dialect.divides_activity_loss, operands=operands)
    is_exact = exact and all(row.is_exact for row in rows.values())
    for name, values in (("kernel", gradients.kernel), ("inputs", gradients.inputs), ("bias", gradients.bias)):
        if name != "bias" or stored.bias is not None:
            doubt = np.zeros_like(values) if is_exact else 8 * format.unit_roundoff * np.abs(values)
            if own := rows.get(f"{name}_regularizer"):
                doubt = doubt + own.gradient_error(penalized[f"{name}_regularizer"], format, exact=exact)
            bounds[f"{name}_gradient"] = around(values, doubt)
    return bounds


def _penalized(posed: Posed) -> DenseConfig:
    """The config, without the penalties of its weights where the layer does not train and its dialect drops them."""
    config = posed.question.config
    if not posed.question.option("frozen") or posed.dialect.keeps_losses_of_frozen:
        return config
    return replace(config, kernel_regularizer=None, bias_regularizer=None)


def _after_fit(posed: Posed) -> Mapping[str, Interval]:
    """The weights after the option's `steps` of SGD on sum(targets * outputs), and the loss reported for the first.

    Exact families stay exact, but for a constraint's own rounding; of random ones one step is bounded.
    """
    config, problem, divides = posed.question.config, posed.problem, posed.dialect.divides_activity_loss
    weights = _stored(posed)
    for _ in range(int(posed.question.option("steps", "1"))):
        parts = (config, problem.inputs, weights, problem.activation, posed.upstream)
        gradients = gradients_with_penalties(*parts, divides=divides)
        before, weights = weights, step(weights, gradients, LEARNING_RATE, config)
    found = {"kernel": (before.kernel, weights.kernel), "bias": (before.bias, weights.bias)}
    bounds = {
        f"{name}_after": around(after, _doubt_of_step(posed, name, start, after))
        for name, (start, after) in found.items()
        if start is not None and after is not None
    }
    return {**bounds, "reported_loss": _linear_loss(posed)}


def _linear_loss(posed: Posed) -> Interval:
    """sum(targets * outputs) and all penalties, as fit and evaluate report it.

    Each output may be anywhere in its interval. Products, sums in any order, and the mean that Keras keeps of the loss,
    which multiplies it by the batch and divides it again, are at most as many roundings as there are outputs, and 8.
    """
    problem, targets = posed.problem, posed.upstream
    costs = sum(_costs(posed, posed.question.config).values())
    outputs = forward(problem.inputs, problem.kernel, problem.bias, problem.activation)
    loss = (targets * outputs).sum() + costs
    if FAMILIES[posed.question.family].exact:
        return point(loss)
    inherited = (np.abs(targets) * bound_outputs(problem).width).sum()
    terms = np.abs(targets * outputs).sum() + inherited + costs
    return around(loss, inherited + (outputs.size + 8) * problem.format.unit_roundoff * terms)


def _evaluated(posed: Posed) -> Mapping[str, Interval]:
    """The loss, and the weights as they were."""
    return {**_as_loaded(posed), "reported_loss": _linear_loss(posed)}


def _constrained(posed: Posed) -> Mapping[str, Interval]:
    """What each weight's own constraint makes of it."""
    config, stored = posed.question.config, _stored(posed)
    given = {"kernel": (config.kernel_constraint, stored.kernel), "bias": (config.bias_constraint, stored.bias)}
    return {
        f"{name}_constrained": around(
            constrained(constraint, values),
            0.0 if constraint is None else CONSTRAINTS[constraint].error(values, config.variable_format),
        )
        for name, (constraint, values) in given.items()
        if values is not None
    }


def _restored(posed: Posed) -> Mapping[str, Interval]:
    """All that the arguments of a config say of a layer, but how its weights begin."""
    return {**_penalties(posed), **_constrained(posed), "outputs": bound_outputs(posed.problem)}


def _as_loaded(posed: Posed) -> Mapping[str, Interval]:
    """The weights after what does not change them."""
    given = {"kernel_after": posed.tensors.kernel, "bias_after": posed.tensors.bias}
    return {name: point(values.astype(np.float64)) for name, values in given.items() if values is not None}


def _shared(posed: Posed) -> Mapping[str, Interval]:
    """The weights' gradients of sum(upstream * (layer(inputs) + 2 layer(-inputs))), on exact data."""
    problem = posed.problem
    parts = (problem.kernel, problem.bias, problem.activation)
    once = backward(problem.inputs, *parts, posed.upstream)
    again = backward(-problem.inputs, *parts, 2 * posed.upstream)
    bounds = {"kernel_gradient": point(once.kernel + again.kernel)}
    return bounds if problem.bias is None else {**bounds, "bias_gradient": point(once.bias + again.bias)}


def _doubt_of_step(posed: Posed, name: str, before: Array, after: Array) -> Array:
    """How far a right weight may be from the reference's after one step."""
    config, format = posed.question.config, posed.format
    constraint = getattr(config, f"{name}_constraint")
    doubt = np.zeros_like(after) if constraint is None else CONSTRAINTS[constraint].error(after, format)
    if FAMILIES[posed.question.family].exact:
        return doubt
    gradient = bound_gradients(posed.problem, posed.upstream)[f"{name}_gradient"]
    rounded = 4 * format.unit_roundoff * (np.abs(before) + np.abs(after))
    return doubt + LEARNING_RATE * gradient.width + rounded + format.smallest_normal


#: How each kind of bounds that a procedure names is made.
BOUNDS: Mapping[str, Callable[[Posed], Mapping[str, Interval]]] = {
    "outputs": lambda posed: {"outputs": posed.outputs},
    "gradients": lambda posed: posed.gradients,
    "gradients_again": lambda posed: {**posed.gradients, **_handed_in(posed)},
    "penalties": _penalties,
    "fit": _after_fit,
    "shared": _shared,
    "restored": _restored,
    "constrained": _constrained,
    "weights": _as_loaded,
    "evaluated": _evaluated,
    "curvature": lambda posed: bound_second_gradients(posed.problem, posed.upstream),
}


@np.errstate(all="ignore")
def _beside_nan(
    posed: Posed, bounds: Mapping[str, Interval], facts: Mapping[str, Json]
) -> tuple[Mapping[str, Interval], Mapping[str, Json]]:
    """Bounds of gradients with 0 for NaN upstream, and the places that NaN reaches: of those nothing else is said."""
    problem = posed.problem
    found = backward(problem.inputs, problem.kernel, problem.bias, problem.activation, posed.upstream)
    told = dict(zip(GRADIENTS, (found.kernel, found.bias, found.inputs), strict=True))
    reached = {name: np.isnan(values) for name, values in told.items() if name in bounds}
    limited = {name: where(places, no_claim(places.shape), bounds[name]) for name, places in reached.items()}
    nan_at: Json = [[name, int(place)] for name, places in reached.items() for place in np.flatnonzero(places)]
    return {**bounds, **limited}, {**facts, "nan_at": nan_at}


@np.errstate(all="ignore")
def _with_limits(problem: Problem, outputs: Interval) -> Interval:
    """Where a pre-activation is infinite the activation's limit alone is right. NaN is a place, not an interval."""
    z = pre_activations(problem.inputs, problem.kernel, problem.bias)
    infinite, nan = (_by_output(places, outputs.shape) for places in (np.isinf(z), np.isnan(z)))
    limits = where(infinite, point(problem.activation.value(z)), outputs)
    return where(nan, no_claim(outputs.shape), limits)


def _by_output(places: Mask, shape: Shape) -> Mask:
    """Of the units that make one output together, as the halves of glu do, whether one is such a place."""
    return places if places.shape == shape else np.asarray(places.reshape(*shape[:-1], -1, shape[-1]).any(axis=-2))


@np.errstate(all="ignore")
def _nan_places(problem: Problem) -> Json:
    """The flat indices at which the outputs are NaN."""
    outputs = forward(problem.inputs, problem.kernel, problem.bias, problem.activation)
    return [int(place) for place in np.flatnonzero(np.isnan(outputs))]


@np.errstate(all="ignore")
def _infinite_places(problem: Problem) -> Json:
    """The flat indices at which the pre-activations are infinity."""
    z = pre_activations(problem.inputs, problem.kernel, problem.bias)
    return [int(place) for place in np.flatnonzero(z == np.inf)]


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
