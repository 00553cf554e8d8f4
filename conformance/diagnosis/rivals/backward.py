"""The backward pass in steps, each of which may be replaced."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence

import numpy as np

from conformance.diagnosis.rivals.rival import ROUNDINGS, Predicted, Rival, permuted
from conformance.procedures import GRADIENTS
from conformance.truth import Posed
from reference.activations import ACTIVATIONS, Activation
from reference.bounds import Estimate, Problem, pre_activation, product
from reference.dense import flatten_leading
from reference.formats import Array
from reference.intervals import Interval, around

Gradients = dict[str, Interval]


def gradient_of(name: str) -> str:
    """The subject of a sentence, for one of `GRADIENTS`."""
    of = name.removesuffix("_gradient")
    return "the inputs' gradient" if of == "inputs" else f"the {of}'s gradient"


@np.errstate(all="ignore")
def gradients(
    posed: Posed,
    *,
    row: Activation | None = None,
    forward: Callable[[Problem], Problem] = lambda problem: problem,
    slope_at: Callable[[Estimate], Estimate] = lambda z: z,
    upstream: Callable[[Array], Array] = lambda upstream: upstream,
    delta: Callable[[Array, Problem], Array] | None = None,
    enclosed: Callable[[Estimate], Estimate] = lambda delta: delta,
    backward: Callable[[Problem], Problem] = lambda problem: problem,
    names: Collection[str] = GRADIENTS,
) -> Gradients:
    """The intervals of the gradients of these names with some of their steps replaced.

    row: whose slope is taken; where it makes another number of outputs than there are upstream gradients nothing comes
    of it. forward: of what pre-activations the slope is taken, and slope_at: what is made of them first. delta: a
    change of (N, units) that moves, drops or repeats. enclosed: any other change of it. backward: the operands of the
    products on the way back.
    """
    problem, format = posed.problem, posed.problem.format
    z = slope_at(pre_activation(forward(problem)))
    own = flatten_leading(posed.upstream)
    given = upstream(own)
    of = row or problem.activation
    if of.output_units(z.value.shape[-1]) != own.shape[-1]:
        return {}
    value, error = of.enclose_vjp(z.value, z.error, given, format)
    if not format.holds(given).all():
        error = error + ROUNDINGS * format.unit_roundoff * np.abs(value)
    if delta is not None:
        value, error = delta(value, problem), np.abs(delta(error, problem))
    return products(backward(problem), enclosed(Estimate(value, error)), names)


def right_delta(posed: Posed) -> Estimate:
    """(N, units)."""
    z = pre_activation(posed.problem)
    own = flatten_leading(posed.upstream)
    return Estimate(*posed.problem.activation.enclose_vjp(z.value, z.error, own, posed.problem.format))


def products(problem: Problem, delta: Estimate, names: Collection[str] = GRADIENTS) -> Gradients:
    """Of a delta (N, units), the gradients of these names."""
    format, found = problem.format, {}
    if "kernel_gradient" in names:
        kernel = product(problem.rows.T, delta, format, problem.allowed_to_kernel_gradient)
        found["kernel_gradient"] = _interval(kernel, problem)
    if "inputs_gradient" in names:
        inputs = product(problem.kernel, delta.transposed, format, problem.allowed).transposed
        found["inputs_gradient"] = permuted(_interval(inputs, problem), problem.unflatten)
    if problem.bias is not None and "bias_gradient" in names:
        summed = product(np.ones((1, len(problem.rows))), delta, format, problem.allowed_to_bias_gradient)
        found["bias_gradient"] = permuted(_interval(summed, problem), lambda ends: ends[0])
    return found


def _interval(estimate: Estimate, problem: Problem) -> Interval:
    return around(estimate.value, estimate.error).overflowing(problem.format)


# ---- what one gradient is ------------------------------------------------------------------------------------------


def changed(names: Sequence[str], change: Callable[[Interval, Posed], Interval]) -> Callable[[Posed], Predicted]:
    def predict(posed: Posed) -> Predicted:
        right = posed.gradients
        return {name: change(right[name], posed) for name in names if name in right}

    return predict


def one(name: str, made: Callable[[Posed], Gradients]) -> Callable[[Posed], Predicted]:
    """Of all three gradients this one alone."""

    def predict(posed: Posed) -> Predicted:
        found = made(posed)
        return {name: found[name]} if name in found else {}

    return predict


def squeezed(name: str) -> Rival:
    """Where nothing has length 1, that is right."""
    says = f"{gradient_of(name)} loses its axes of length 1"
    return Rival("gradient-shape", says, changed((name,), lambda right, posed: permuted(right, np.squeeze)))


def without_slope(name: str) -> Callable[[Posed], Predicted | None]:
    """Nothing is said of an activation that halves the units: its upstream fits no units that are not activated."""
    predict = one(name, lambda posed: gradients(posed, row=ACTIVATIONS["linear"], names=(name,)))
    return lambda posed: predict(posed) if keeps_units(posed) else None


def keeps_units(posed: Posed) -> bool:
    return posed.definition.output_units(2) == 2
