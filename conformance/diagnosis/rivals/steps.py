"""Single steps of a forward pass, replaced: what rivals of the product, the bias and the axes are made of."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from conformance.diagnosis.rivals.rival import Forward, inexactly, moved, permuted
from reference.bounds import Estimate, Problem
from reference.formats import Array
from reference.intervals import Interval

Change = Callable[[Array], Array]


def of_bias(change: Callable[[Array, Problem], Array]) -> Forward:
    """Another bias, rounded to the format as a layer would."""

    def operands(problem: Problem) -> Problem:
        if problem.bias is None:
            return problem
        return replace(problem, bias=problem.format.round(change(problem.bias, problem)))

    return Forward(operands=operands)


def of_kernel(change: Callable[[Array, Problem], Array]) -> Forward:
    return Forward(
        operands=lambda problem: replace(problem, kernel=problem.format.round(change(problem.kernel, problem)))
    )


def of_kernel_computed(change: Callable[[Array, Problem], Array]) -> Forward:
    """A kernel that no format need hold exactly."""
    return inexactly(lambda problem: replace(problem, kernel=change(problem.kernel, problem)))


def of_inputs_computed(change: Callable[[Array, Problem], Array]) -> Forward:
    return inexactly(lambda problem: replace(problem, inputs=change(problem.inputs, problem)))


def of_bias_computed(change: Callable[[Array, Problem], Array]) -> Forward:
    def operands(problem: Problem) -> Problem:
        return problem if problem.bias is None else replace(problem, bias=change(problem.bias, problem))

    return inexactly(operands)


def of_inputs(change: Callable[[Array, Problem], Array]) -> Forward:
    return Forward(
        operands=lambda problem: replace(problem, inputs=problem.format.round(change(problem.inputs, problem)))
    )


def of_z(change: Change) -> Forward:
    """Elements of z moved, copied or dropped."""
    return Forward(z=lambda z, problem: moved(z, change))


def of_outputs(change: Change) -> Forward:
    return Forward(outputs=lambda outputs, problem: permuted(outputs, change))


def z_times(factor: Callable[[Problem], float]) -> Forward:
    def z(estimate: Estimate, problem: Problem) -> Estimate:
        by, u = factor(problem), problem.format.unit_roundoff
        value = estimate.value * by
        exact = abs(np.frexp(by)[0]) in (0.5, 0.0)
        return Estimate(value, estimate.error * abs(by) + (0.0 if exact else 2 * u * np.abs(value)))

    return Forward(z=z)


def added(interval: Interval, addend: Array, problem: Problem) -> Interval:
    total = Interval(interval.lower + addend, interval.upper + addend)
    exact = interval.is_exact & problem.format.holds(total.lower)
    rounding = problem.format.unit_roundoff * np.fmax(np.abs(total.lower), np.abs(total.upper))
    return total.widened(np.where(exact, 0.0, rounding))


def plus(estimate: Estimate, addend: Array, problem: Problem) -> Estimate:
    """The same of numbers with errors: nothing rounds where the sum of exact ones is a number of the format."""
    total, u = estimate.value + addend, problem.format.unit_roundoff
    exact = (estimate.error == 0) & problem.format.holds(total)
    return Estimate(total, np.where(exact, 0.0, estimate.error + u * (np.abs(total) + estimate.error)))


def before_activation(problem: Problem) -> Estimate:
    from_rows = Forward(enclose=lambda z, _: Interval(z.value - z.error, z.value + z.error)).bound(problem)
    return Estimate(from_rows.middle, from_rows.width / 2)


def of_product(change: Change) -> Forward:
    """Elements of inputs @ kernel moved, copied or dropped; the bias is added to what that gives."""

    def z(estimate: Estimate, problem: Problem) -> Estimate:
        if not estimate.value.size:
            return estimate
        alone = before_activation(replace(problem, bias=None))
        moved_alone = Estimate(change(alone.value), change(alone.error))
        return moved_alone if problem.bias is None else plus(moved_alone, problem.bias, problem)

    return Forward(z=z)
