"""Rivals of the arithmetic: operands, weights, sums or results that are held in fewer bits than the dtype has."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import partial

import numpy as np

from conformance.diagnosis.exhibits import Exhibit
from conformance.diagnosis.rivals.narrow import AWAY, NARROW, NARROW_SUMS, Narrow, cut_to_bits, to_bits
from conformance.diagnosis.rivals.rival import Forward, Rival, forward
from conformance.diagnosis.rivals.steps import before_activation
from conformance.diagnosis.rivals.sums import of_sums
from conformance.truth import Posed
from reference.bounds import Estimate, Problem, exactly, product
from reference.dense import flatten_leading
from reference.formats import FORMATS, Array, Format
from reference.grades import GRADES, PASS_LINES
from reference.intervals import Interval


def _narrower(narrow: Narrow) -> Callable[[Posed], bool]:
    return lambda posed: narrow.bits < posed.problem.format.precision


def _operands(narrow: Narrow, *, inputs: bool = False, kernel: bool = False, bias: bool = False) -> Forward:
    def operands(problem: Problem) -> Problem:
        if narrow.bits >= problem.format.precision:
            return problem
        own = problem.bias
        return replace(
            problem,
            inputs=narrow.round(problem.inputs) if inputs else problem.inputs,
            kernel=narrow.round(problem.kernel) if kernel else problem.kernel,
            bias=narrow.round(own) if bias and own is not None else own,
        )

    return Forward(operands=operands)


def _rounded(narrow: Narrow) -> Forward:
    """Outputs rounded: rounding is monotone, so that the ends of an interval tell."""

    def outputs(interval: Interval, problem: Problem) -> Interval:
        if narrow.bits >= problem.format.precision:
            return interval
        return Interval(narrow.round(interval.lower), narrow.round(interval.upper))

    return Forward(outputs=outputs)


def _activated_in(format: Format) -> Forward:
    """What is activated is rounded to the narrower format, and the activation computed in it."""

    def z(estimate: Estimate, problem: Problem) -> Estimate:
        if format.precision >= problem.format.precision:
            return estimate
        low, high = format.round(estimate.value - estimate.error), format.round(estimate.value + estimate.error)
        return Estimate((low + high) / 2, (high - low) / 2)

    def enclose(z: Estimate, problem: Problem) -> Interval:
        narrow = format if format.precision < problem.format.precision else problem.format
        return problem.activation.enclose(z.value, z.error, narrow)

    return Forward(z=z, enclose=enclose)


def of_narrow_activation(name: str) -> Iterator[Rival]:
    """One activation that is computed in a narrower format."""
    for narrow in ("float32", "bfloat16", "float16"):
        step = _activated_in(FORMATS[narrow])

        def predict(posed: Posed, step: Forward = step) -> dict[str, Interval | None] | None:
            is_own = posed.question.config.activation == name
            return {"outputs": step.bound(posed.problem)} if is_own else None

        says, also = f"{{activation}} is computed in {narrow}", partial(_outputs_are_of, FORMATS[narrow])
        yield Rival("activation-narrow", says, predict, about=name, is_vague=True, also=also)


def _to_decimals(decimals: int) -> Forward:
    """To nearest, within a rounding of the format: the decimal itself is none of its numbers."""

    def outputs(interval: Interval, problem: Problem) -> Interval:
        ends = np.round(interval.lower, decimals), np.round(interval.upper, decimals)
        return Interval(*ends).widened(4 * problem.format.unit_roundoff * np.fmax(*map(np.abs, ends)))

    return Forward(outputs=outputs)


def _sums_hold_in(narrow: Format) -> Callable[[Posed, Array], bool]:
    """Whether sums are numbers of the narrow format, wherever they can be seen: in linear outputs without bias."""

    def holds(posed: Posed, got: Array) -> bool:
        seen = posed.problem.bias is None and posed.question.config.activation == "linear"
        return not seen or _are_of(narrow, got)

    return holds


def _are_of(narrow: Format, got: Array) -> bool:
    finite = got[np.isfinite(got)]
    return bool((narrow.round(finite) == finite).all())


def _product_in(narrow: Format) -> Forward:
    """Operands and product rounded to the narrow format, the bias added and the activation computed in the wide one."""

    def z(estimate: Estimate, problem: Problem) -> Estimate:
        if narrow.precision >= problem.format.precision or problem.format.is_half:
            return estimate
        kernel, rows = narrow.round(problem.kernel), narrow.round(problem.rows)
        grade = GRADES["F"] if narrow.is_half else PASS_LINES[narrow.name]
        found = product(rows, exactly(kernel), narrow, grade)
        error = np.where(np.isfinite(found.error), found.error, np.inf)
        value = found.value if problem.bias is None else found.value + problem.bias
        error = error + problem.format.unit_roundoff * (np.abs(value) + error)
        return Estimate(problem.unflatten(value), problem.unflatten(error))

    return Forward(z=z)


def _summed_anyhow(narrow: Format) -> Forward:
    """In any order, each term and each partial sum rounded to the narrow format; operands are exact."""

    def z(estimate: Estimate, problem: Problem) -> Estimate:
        if problem.format.is_half:
            return estimate
        summed = product(problem.rows, exactly(problem.kernel), narrow, NARROW_SUMS)
        value = summed.value if problem.bias is None else summed.value + problem.bias
        error = summed.error + np.where(summed.error == 0, 0.0, narrow.unit_roundoff * np.abs(summed.value))
        error = error + flatten_leading(estimate.error)
        return Estimate(problem.unflatten(value), problem.unflatten(error))

    return Forward(z=z)


def _in(computes_in: str) -> Callable[[Posed], dict[str, Interval | None] | None]:
    """Everything in a narrower format."""

    def predict(posed: Posed) -> dict[str, Interval | None] | None:
        problem, format = posed.problem, FORMATS[computes_in]
        if format.precision >= problem.format.precision or problem.format.is_half:
            return None
        own = problem.bias
        narrow = replace(
            problem,
            inputs=format.round(problem.inputs),
            kernel=format.round(problem.kernel),
            bias=None if own is None else format.round(own),
            format=format,
            grade=GRADES["F"] if format.is_half else None,
        )
        return {"outputs": Forward().bound(narrow)}

    return predict


def _outputs_are_of(narrow: Format, posed: Posed, got: Array) -> bool:
    return narrow.precision >= posed.problem.format.precision or _are_of(narrow, got)


def _unrounded(*, inputs: bool, weights: bool) -> Callable[[Posed], dict[str, Interval | None] | None]:
    """Of a mixed policy: variables or inputs are multiplied as they are, and the outputs rounded alone."""

    def predict(posed: Posed) -> dict[str, Interval | None] | None:
        config, problem, tensors = posed.question.config, posed.problem, posed.tensors
        if config.format is config.variable_format:
            return None
        own = problem.bias if tensors.bias is None or not weights else tensors.bias.astype(np.float64)
        wide = replace(
            problem,
            inputs=tensors.inputs.astype(np.float64) if inputs else problem.inputs,
            kernel=tensors.kernel.astype(np.float64) if weights else problem.kernel,
            bias=own,
            format=config.variable_format,
        )
        found = Forward(z=stored_in(problem.format)).bound(wide)
        return {"outputs": Interval(problem.format.round(found.lower), problem.format.round(found.upper))}

    return predict


def stored_in(narrow: Format) -> Callable[[Estimate, Problem], Estimate]:
    """The product may be rounded to the narrow format before the bias is added."""

    def z(estimate: Estimate, problem: Problem) -> Estimate:
        alone = np.abs(estimate.value - (0.0 if problem.bias is None else problem.bias))
        return Estimate(estimate.value, estimate.error + narrow.unit_roundoff * alone)

    return z


def _cut_off(*, operands: bool, stores: bool) -> Callable[[Posed], dict[str, Interval | None] | None]:
    """Of half types: computed in float32, and the outputs cut to the type's bits. operands: as they are cast. stores:
    the product and what the bias is added to.
    """

    def predict(posed: Posed) -> dict[str, Interval | None] | None:
        problem, tensors = posed.problem, posed.tensors
        if not problem.format.is_half:
            return None
        cut = cut_to_bits(problem.format.precision)
        own = tensors.bias if tensors.bias is None else tensors.bias.astype(np.float64)
        if operands:
            problem = replace(
                problem,
                inputs=cut(tensors.inputs.astype(np.float64)),
                kernel=cut(tensors.kernel.astype(np.float64)),
                bias=None if own is None else cut(own),
            )

        def z(_: Estimate, wide: Problem) -> Estimate:
            alone = before_activation(replace(wide, bias=None))
            ends = [cut(alone.value + side * alone.error) for side in (-1, 1)]
            if wide.bias is not None:
                ends = [cut(end + wide.bias) for end in ends]
            return Estimate((ends[0] + ends[1]) / 2, np.abs(ends[1] - ends[0]) / 2)

        wide = replace(problem, format=FORMATS["float32"], grade=None)
        found = (Forward(z=z) if stores else Forward()).bound(wide)
        ends = cut(found.lower), cut(found.upper)
        return {"outputs": Interval(np.minimum(*ends), np.maximum(*ends))}

    return predict


def _cut_operands(posed: Posed) -> dict[str, Interval | None] | None:
    """Of half types: operands are cut as they are cast, and what is made of them is rounded."""
    problem, tensors = posed.problem, posed.tensors
    if not problem.format.is_half:
        return None
    cut = cut_to_bits(problem.format.precision)
    inputs, kernel = (cut(each.astype(np.float64)) for each in (tensors.inputs, tensors.kernel))
    bias = None if tensors.bias is None else cut(tensors.bias.astype(np.float64))
    return {"outputs": Forward().bound(replace(problem, inputs=inputs, kernel=kernel, bias=bias))}


def of_seen_bits(failing: Sequence[Exhibit]) -> Iterator[Rival]:
    """Outputs rounded to as many bits as the wrong ones have in use."""
    most = 0
    for exhibit in failing:
        if exhibit.got is not None and exhibit.got.shape == exhibit.right.shape and exhibit.got.size:
            values = exhibit.got.astype(np.float64)
            most = max(most, int(_bits_in_use(values[np.isfinite(values)]).max(initial=0)))
    if 1 < most < 24:
        for says, rounds in (("", to_bits(most)), (" by truncation", cut_to_bits(most))):
            narrow = Narrow(f"{most} bits{says}", most, rounds)
            yield forward(
                "outputs-rounded",
                f"the outputs are rounded to {narrow.says}",
                _rounded(narrow),
                applies=_narrower(narrow),
            )


def _bits_in_use(values: Array) -> Array:
    """How many bits each mantissa needs."""
    mantissa, _ = np.frexp(values)
    digits = np.abs(mantissa * 2.0**53).astype(np.int64)
    lowest = np.frexp((digits & -digits).astype(np.float64))[1] - 1
    return np.where(digits == 0, 0, 53 - lowest).astype(np.float64)


def all_roundings() -> Iterator[Rival]:
    """Sharper ones first: of two that fit alike the one that predicts more is the likelier."""
    for narrow in (*NARROW, *AWAY):
        bits, applies = narrow.says, _narrower(narrow)
        for says, which in (
            ("inputs and kernel are", {"inputs": True, "kernel": True}),
            ("inputs, kernel and bias are", {"inputs": True, "kernel": True, "bias": True}),
            ("the inputs are", {"inputs": True}),
        ):
            yield forward("operands-rounded", f"{says} rounded to {bits}", _operands(narrow, **which), applies=applies)
        for says, which in (
            ("the kernel is", {"kernel": True}),
            ("the bias is", {"bias": True}),
            ("kernel and bias are", {"kernel": True, "bias": True}),
        ):
            yield forward("narrow-storage", f"{says} held in {bits}", _operands(narrow, **which), applies=applies)
        yield forward("outputs-rounded", f"the outputs are rounded to {bits}", _rounded(narrow), applies=applies)
    yield from of_sums()
    for decimals in range(1, 8):
        says = f"the outputs are rounded to {decimals} decimal places"
        yield forward("outputs-rounded", says, _to_decimals(decimals))
    for name in ("float16", "bfloat16"):
        says = f"sums of products are kept in no more than the {FORMATS[name].precision} bits of {name}"
        step = _summed_anyhow(FORMATS[name])
        yield forward("narrow-accumulator", says, step, is_vague=True, also=_sums_hold_in(FORMATS[name]))
    for name in ("float32", "float16", "bfloat16"):
        says, step = f"inputs @ kernel is computed in {name}", _product_in(FORMATS[name])
        yield forward("narrow-arithmetic", says, step, is_vague=True, also=_sums_hold_in(FORMATS[name]))
    for operands in (True, False):
        for stores in (True, False):
            says = "results in half types are cut off, not rounded to nearest"
            yield Rival("outputs-rounded", says, _cut_off(operands=operands, stores=stores))
    yield Rival("operands-cut", "inputs and weights are cut to half types, not rounded to nearest", _cut_operands)
    for what, inputs, weights in (
        ("operands are", True, True),
        ("kernel and bias are", False, True),
        ("inputs are", True, False),
    ):
        says = f"a mixed policy's {what} not rounded before they are multiplied"
        yield Rival("operands-unrounded", says, _unrounded(inputs=inputs, weights=weights))
    for name in ("float32", "bfloat16", "float16"):
        step = _activated_in(FORMATS[name])
        yield forward("activation-narrow", f"the activation is computed in {name}", step)
        says, also = f"the outputs are computed in {name} throughout", partial(_outputs_are_of, FORMATS[name])
        yield Rival("narrow-arithmetic", says, _in(name), is_vague=True, also=also)
