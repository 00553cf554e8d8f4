"""Rivals whose partial sums are kept in a narrow type, from the first feature to the last or block by block."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from conformance.diagnosis.rivals.product import BLOCKS
from conformance.diagnosis.rivals.rival import Forward, Rival, forward
from reference.bounds import Estimate, Problem, exactly, product
from reference.dense import flatten_leading
from reference.formats import FORMATS, Format
from reference.grades import PASS_LINES


def _summed(sums_in: Format | None, *, products: bool, bias_within: bool, operands: bool) -> Forward:
    """Partial sums from the first feature to the last, each rounded; None: in a half type to that type itself."""

    def z(estimate: Estimate, problem: Problem) -> Estimate:
        narrow = sums_in or problem.format
        if not narrow.is_half:
            return estimate
        rows, kernel = flatten_leading(problem.inputs), problem.kernel
        if operands:
            rows, kernel = narrow.round(rows), narrow.round(kernel)
        total = np.zeros((len(rows), kernel.shape[1]))
        for feature in range(len(kernel)):
            term = rows[:, feature : feature + 1] * kernel[feature]
            total = narrow.round(total + (narrow.round(term) if products else term))
        if problem.bias is not None:
            total = narrow.round(total + problem.bias) if bias_within else problem.format.round(total + problem.bias)
        value = total.reshape(*problem.inputs.shape[:-1], kernel.shape[1])
        return Estimate(value, np.zeros_like(value))

    return Forward(z=z)


def _summed_in_blocks(sums_in: Format | None, block: int, *, totals: bool, last: bool, parts: bool) -> Forward:
    """Partial sums kept in a narrow format after every block of features; adding and rounding are monotone.

    sums_in: None: in a half type to that type itself. totals: what is summed is rounded; last: after the last block as
    well. parts: what is added is rounded itself.
    """

    def z(estimate: Estimate, problem: Problem) -> Estimate:
        format = FORMATS["float32"] if problem.format.is_half else problem.format
        narrow = sums_in or problem.format
        if narrow.precision > problem.format.precision or not narrow.is_half:
            return estimate
        rows, kernel = flatten_leading(problem.inputs), problem.kernel
        ends = [np.zeros((len(rows), kernel.shape[1])) for _ in range(2)]
        for first in range(0, len(kernel), block):
            part = product(
                rows[:, first : first + block], exactly(kernel[first : first + block]), format, PASS_LINES[format.name]
            )
            for at, side in enumerate((-1, 1)):
                added = part.value + side * part.error
                total = ends[at] + (narrow.round(added) if parts else added)
                exact = (part.error == 0) & format.holds(total)
                total = np.where(exact, total, total + side * format.unit_roundoff * np.abs(total))
                ends[at] = narrow.round(total) if totals and (last or first + block < len(kernel)) else total
        if problem.format.is_half:
            ends = [problem.format.round(end + (0.0 if problem.bias is None else problem.bias)) for end in ends]
        value, error = (ends[0] + ends[1]) / 2, (ends[1] - ends[0]) / 2
        if problem.bias is not None and not problem.format.is_half:
            value = value + problem.bias
            error = error + format.unit_roundoff * (np.abs(value) + error)
        return Estimate(problem.unflatten(value), problem.unflatten(error))

    return Forward(z=z)


def of_sums() -> Iterator[Rival]:
    for name in ("float16", "bfloat16"):
        for products in (False, True):
            for bias_within in (False, True):
                for operands in (False, True):
                    step = _summed(FORMATS[name], products=products, bias_within=bias_within, operands=operands)
                    yield forward("narrow-accumulator", f"partial sums are kept in {name}", step)
    for products in (False, True):
        for bias_within in (False, True):
            step = _summed(None, products=products, bias_within=bias_within, operands=False)
            yield forward("narrow-accumulator", "half types are summed in the half type itself", step)
    for sums_in, subject in (
        (None, "half types are summed in the half type itself"),
        *((FORMATS[name], f"partial sums are kept in {name}") for name in ("float16", "bfloat16")),
    ):
        for block in BLOCKS[1:]:
            for totals, last, parts in (
                *((True, True, False), (True, False, False), (True, True, True)),
                (False, False, True),
            ):
                step = _summed_in_blocks(sums_in, block, totals=totals, last=last, parts=parts)
                yield forward("narrow-accumulator", f"{subject} after every {block} features", step)
