"""Rivals of the inputs' gradient alone."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from math import prod

import numpy as np

from conformance.diagnosis.rivals.axes import in_column_order, leading_reversed
from conformance.diagnosis.rivals.backward import Gradients, changed, gradients, one, squeezed, without_slope
from conformance.diagnosis.rivals.gradient_rows import of_inputs_rows, of_whole_blocks, the_first
from conformance.diagnosis.rivals.product import BLOCKS
from conformance.diagnosis.rivals.rival import Rival, permuted
from conformance.truth import Posed
from reference.bounds import Problem
from reference.formats import Array, Mask
from reference.intervals import Interval


def of_inputs() -> Iterator[Rival]:
    yield Rival(
        "kernel-not-transposed",
        "the inputs' gradient is delta @ kernel, where its transpose belongs",
        one("inputs_gradient", lambda posed: gradients(posed, backward=_turned)),
    )
    yield Rival(
        "gradient-of-other-kernel",
        "the inputs' gradient takes the kernel's numbers in column order, as if it were stored (units, features)",
        one("inputs_gradient", lambda posed: gradients(posed, backward=_by_columns)),
    )
    yield Rival(
        "slope-missing",
        "the inputs' gradient leaves out the activation's slope",
        without_slope("inputs_gradient"),
    )
    yield from of_inputs_rows()
    for words, kept in _UNITS:
        says = f"the inputs' gradient leaves out {words} of the sum over the units"
        yield Rival("gradient-of-some-units", says, one("inputs_gradient", partial(_of_units, kept)))
    for words, of in (("not positive", lambda x: x > 0), ("negative", lambda x: x >= 0), ("0", lambda x: x != 0)):
        says = f"the inputs' gradient is 0 where the input is {words}"
        yield Rival("gradient-masked", says, changed(("inputs_gradient",), _where_inputs(of)))
    for axis in (0, 1, 2):
        for words, factor in (("mean", lambda count: 1 / count), ("sum", lambda count: 1.0)):
            says = f"the inputs' gradient is the {words} over axis {axis}, at each of its places"
            yield Rival("gradient-averaged", says, changed(("inputs_gradient",), _pooled(axis, factor)))
    yield Rival(
        "gradient-of-other-kernel",
        "the inputs' gradient is that of the kernel's absolute values",
        one("inputs_gradient", lambda posed: gradients(posed, backward=lambda p: replace(p, kernel=np.abs(p.kernel)))),
    )
    yield squeezed("inputs_gradient")
    yield Rival(
        "gradient-shape",
        "the inputs' gradient has its leading axes merged",
        changed(("inputs_gradient",), lambda right, posed: permuted(right, _merged)),
    )
    for words, order in (
        ("come in column order of the leading axes", in_column_order),
        ("have their leading axes reversed, and are read as if not", leading_reversed),
    ):
        says = f"the rows of the inputs' gradient {words}"
        moved = partial(_moved, order)
        yield Rival("gradient-reordered", says, changed(("inputs_gradient",), moved))
    yield Rival(
        "gradient-reordered",
        "the inputs' gradient has its features reversed",
        changed(("inputs_gradient",), lambda right, posed: permuted(right, lambda ends: ends[..., ::-1])),
    )


def _moved(order: Callable[[Array], Array], right: Interval, _: Posed) -> Interval:
    return permuted(right, order)


def _merged(values: Array) -> Array:
    return values.reshape(prod(values.shape[:-1]), values.shape[-1])


#: Of so many units those that count.
_UNITS: tuple[tuple[str, Callable[[int], Mask]], ...] = (
    ("the last unit", lambda units: np.arange(units) < units - 1),
    ("the first unit", lambda units: np.arange(units) > 0),
    ("the second half", lambda units: np.arange(units) < (units + 1) // 2),
    ("the first half", lambda units: np.arange(units) >= units // 2),
    *((f"the units behind the last whole block of {block}", of_whole_blocks(block, if_any=False)) for block in BLOCKS),
    *(
        (f"the units behind the last whole block of {block}, where there is one,", of_whole_blocks(block))
        for block in BLOCKS
    ),
    *((f"the units beyond the first {count}", the_first(count)) for count in BLOCKS),
)


def _of_units(kept: Callable[[int], Mask], posed: Posed) -> Gradients:
    def some(delta: Array, _: Problem) -> Array:
        return delta * kept(delta.shape[-1])

    return gradients(posed, delta=some, names=("inputs_gradient",))


def _where_inputs(of: Callable[[Array], Mask]) -> Callable[[Interval, Posed], Interval]:
    def masked(right: Interval, posed: Posed) -> Interval:
        """What is below the normal numbers may be taken for 0."""
        inputs = posed.problem.inputs
        kept, or_else = of(inputs), of(np.where(np.abs(inputs) < posed.problem.format.smallest_normal, 0.0, inputs))
        held, sure = kept | or_else, kept & or_else
        lower = np.where(sure, right.lower, np.minimum(right.lower, 0.0))
        upper = np.where(sure, right.upper, np.maximum(right.upper, 0.0))
        return Interval(np.where(held, lower, 0.0), np.where(held, upper, 0.0))

    return masked


def _pooled(axis: int, factor: Callable[[int], float]) -> Callable[[Interval, Posed], Interval]:
    """Along an axis before the features; a rounding for each of its places, and one for the quotient."""

    def pooled(right: Interval, posed: Posed) -> Interval:
        if len(right.shape) < axis + 2 or not right.lower.size:
            return right
        count, u = right.shape[axis], posed.problem.format.unit_roundoff
        by = factor(count)
        sizes = np.fmax(np.abs(right.lower), np.abs(right.upper)).sum(axis=axis, keepdims=True)
        ends = (by * end.sum(axis=axis, keepdims=True) for end in (right.lower, right.upper))
        found = Interval(*ends).widened((count + 2) * u * by * sizes)
        return permuted(found, lambda end: np.broadcast_to(end, right.shape))

    return pooled


def _by_columns(problem: Problem) -> Problem:
    kernel = problem.kernel
    return replace(problem, kernel=kernel.reshape(kernel.shape[::-1]).T)


def _turned(problem: Problem) -> Problem:
    square = problem.kernel.shape[0] == problem.kernel.shape[1]
    return replace(problem, kernel=problem.kernel.T) if square else problem
