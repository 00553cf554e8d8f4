"""A rival: a Dense with one defect, and the certified intervals of what it would answer."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import numpy as np

from conformance.cases import Question
from conformance.truth import Posed
from reference.activations import Activation
from reference.bounds import Estimate, Problem, pre_activation
from reference.formats import Array
from reference.intervals import Interval, no_claim, where

#: By the name of a tensor what a rival answers; None for a tensor that it does not give back.
Predicted = Mapping[str, "Interval | None"]


@dataclass(frozen=True)
class Rival:
    """defect: its name. says: one sentence, {activation} standing for the name of the question's activation.

    predict: what it answers to a question; None where it says nothing of it. about: the failed cases that it explains
    beyond what it predicts are those of this activation; "" where it is about no activation. is_vague: it leaves so
    much room that what is right may lie in it, too. also: what else must be true of a tensor that it explains. step: of
    which forward pass its outputs are. enclose: the same of an activation alone. of_bias: the gradient of the bias of
    what it computes, where that is told apart.
    """

    defect: str
    says: str
    predict: Callable[[Posed], Predicted | None]
    about: str = ""
    is_vague: bool = False
    also: Callable[[Posed, Array], bool] = lambda posed, got: True
    step: Forward | None = None
    enclose: Enclose | None = None
    of_bias: Callable[[Posed], Interval | None] | None = None


#: Roundings that a formula of the same kind may need beyond those of the true one's row.
MORE_ROUNDINGS = 8.0
Enclose = Callable[[Estimate, Problem], Interval]


@dataclass(frozen=True)
class Forward:
    """The forward pass in four steps, each of which may be replaced.

    operands: the problem → the problem that is computed instead. z: the pre-activations (..., units) and their errors →
    others. enclose: the activation's interval. outputs: of the interval of the outputs. whole: makes all of it, in
    place of the four.
    """

    operands: Callable[[Problem], Problem] = lambda problem: problem
    z: Callable[[Estimate, Problem], Estimate] = lambda z, problem: z
    enclose: Enclose = lambda z, problem: problem.activation.enclose(z.value, z.error, problem.format)
    outputs: Callable[[Interval, Problem], Interval] = lambda outputs, problem: outputs

    whole: Callable[[Problem], Interval] | None = None

    @np.errstate(all="ignore")
    def bound(self, problem: Problem) -> Interval:
        """The interval of the outputs, of any shape."""
        if self.whole is not None:
            return self.whole(problem)
        changed = self.operands(problem)
        rows = pre_activation(changed)
        z = self.z(Estimate(changed.unflatten(rows.value), changed.unflatten(rows.error)), changed)
        enclosed = self.enclose(z, changed)
        claimed = np.isfinite(z.error)
        if claimed.shape != enclosed.shape:
            claimed = np.broadcast_to(claimed.all(), enclosed.shape)
        return self.outputs(where(claimed, enclosed, no_claim(enclosed.shape)), problem)


def monotone(estimate: Estimate, change: Callable[[Array], Array]) -> Estimate:
    """A change that keeps the order of numbers: the ends tell."""
    low, high = (change(estimate.value + side * estimate.error) for side in (-1, 1))
    return Estimate((low + high) / 2, (high - low) / 2)


#: Roundings of an operand that is computed, and of what is computed of it.
ROUNDINGS = 4


def inexactly(operands: Callable[[Problem], Problem]) -> Forward:
    """Operands that are computed first: each term of z may have been rounded a few times before it is summed."""

    def z(estimate: Estimate, problem: Problem) -> Estimate:
        terms = np.abs(problem.rows) @ np.abs(problem.kernel) + (0.0 if problem.bias is None else np.abs(problem.bias))
        doubt = ROUNDINGS * problem.format.unit_roundoff * problem.unflatten(terms)
        return Estimate(estimate.value, estimate.error + doubt)

    return Forward(operands=operands, z=z)


def forward(
    defect: str,
    says: str,
    step: Forward,
    *,
    applies: Callable[[Posed], bool] = lambda _: True,
    is_vague: bool = False,
    also: Callable[[Posed, Array], bool] = lambda posed, got: True,
) -> Rival:
    """The rival whose outputs are those of a wrong forward pass."""

    def predict(posed: Posed) -> Predicted | None:
        return {"outputs": step.bound(posed.problem)} if applies(posed) else None

    return Rival(defect, says, predict, is_vague=is_vague, also=also, step=step)


def upon(rival: Rival, base: Rival, holds: Callable[[Question], bool]) -> Rival:
    """The rival of an activation in a layer with another defect before the activation, where that holds."""
    enclose, step = rival.enclose, base.step
    if enclose is None or step is None or step.whole is not None:
        return rival

    def predict(posed: Posed) -> Predicted | None:
        if rival.predict(posed) is None:
            return None
        is_both = holds(posed.question) and base.predict(posed) is not None
        return {"outputs": replace(step if is_both else Forward(), enclose=enclose).bound(posed.problem)}

    return replace(rival, predict=predict)


def of_activation(name: str, says: str, row: Activation, *, defect: str = "activation-formula") -> Rival:
    """One activation computed by another row."""
    enclose: Enclose = lambda z, problem: row.enclose(z.value, z.error, problem.format)  # noqa: E731
    return of_activation_by(name, says, enclose, defect=defect)


def of_activation_by(name: str, says: str, enclose: Enclose, *, defect: str = "activation-formula") -> Rival:
    def predict(posed: Posed) -> Predicted | None:
        if posed.question.config.activation != name:
            return None
        return {"outputs": Forward(enclose=enclose).bound(posed.problem)}

    return Rival(defect, says, predict, about=name, enclose=enclose)


def permuted(interval: Interval, change: Callable[[Array], Array]) -> Interval:
    """The same change of both ends: for what moves, copies, drops, negates or doubles elements."""
    ends = change(interval.lower), change(interval.upper)
    return Interval(np.minimum(*ends), np.maximum(*ends))


def scaled(interval: Interval, factor: float | Array, unit_roundoff: float) -> Interval:
    """The interval times a factor, widened by two roundings: that of the factor and that of the product.

    A factor of two or of -1 rounds nothing.
    """
    factors = np.asarray(factor, np.float64)
    with np.errstate(all="ignore"):
        ends = np.stack([interval.lower * factors, interval.upper * factors])
    ends = np.where(factors == 0, 0.0, ends)
    product = Interval(ends.min(axis=0), ends.max(axis=0))
    mantissa = np.abs(np.frexp(factors)[0])
    if ((mantissa == 0.5) | (mantissa == 0)).all():
        return product
    return product.widened(2 * unit_roundoff * np.fmax(np.abs(product.lower), np.abs(product.upper)))


def moved(estimate: Estimate, change: Callable[[Array], Array]) -> Estimate:
    return Estimate(change(estimate.value), change(estimate.error))
