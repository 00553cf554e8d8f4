"""Rivals of activations of whole rows: other formulas, other axes, other numbers in them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

import numpy as np

from conformance.diagnosis.exhibits import Exhibit
from conformance.diagnosis.rivals.families import written
from conformance.diagnosis.rivals.rival import MORE_ROUNDINGS, Enclose, Rival, of_activation, of_activation_by, permuted
from reference.activations import ACTIVATIONS
from reference.bounds import Estimate, Problem
from reference.formats import Array
from reference.intervals import Interval
from reference.rivals import RIVALS
from reference.rowwise import Rowwise

Value = Callable[[Array], Array]
#: What is added so that no logarithm is infinite.
FEW = (1e-5, 1e-6, 1e-7, 1e-8, 1e-9, 1e-10, 1e-12, 1e-15)
#: How many units a loop takes at a time.
BLOCKS = (4, 8, 16, 32, 64)
#: Axes that are none: all but the batch, and all.
BEHIND_BATCH, ALL = 98, 99
#: The axis that PyTorch takes where none is named: 0 of ranks 0, 1 and 3, else 1.
IMPLICIT = 97
#: The last two axes at once, and the one before the units.
LAST_TWO, BEFORE_UNITS = 96, 95


def _along(row: Rowwise, axis: int) -> Enclose:
    """The same function along another axis, or along several at once."""

    def enclose(z: Estimate, problem: Problem) -> Interval:
        if axis == IMPLICIT:
            return _along(row, 0 if z.value.ndim == 3 else 1)(z, problem)
        if axis == BEFORE_UNITS:
            return _along(row, max(1, z.value.ndim - 2))(z, problem)
        if not z.value.size or z.value.ndim <= axis < BEFORE_UNITS:
            return row.enclose(z.value, z.error, problem.format)
        if axis in (BEHIND_BATCH, LAST_TWO):
            if z.value.ndim < 3:
                return row.enclose(z.value, z.error, problem.format)
            kept = z.value.shape[: 1 if axis == BEHIND_BATCH else -2]
            value, error = (each.reshape(*kept, -1) for each in (z.value, z.error))
            return permuted(row.enclose(value, error, problem.format), lambda ends: ends.reshape(z.value.shape))
        if axis == ALL:
            flat = row.enclose(z.value.reshape(1, -1), z.error.reshape(1, -1), problem.format)
            return permuted(flat, lambda ends: ends.reshape(z.value.shape))
        value, error = np.moveaxis(z.value, axis, -1), np.moveaxis(z.error, axis, -1)
        return permuted(row.enclose(value, error, problem.format), lambda ends: np.moveaxis(ends, -1, axis))

    return enclose


def _by_value(row: Rowwise, value: Value) -> Enclose:
    """Another value with roundings as wide as those of the true one."""

    def enclose(z: Estimate, problem: Problem) -> Interval:
        true, other = row.enclose(z.value, z.error, problem.format), value(z.value)
        radius = true.width / 2 + MORE_ROUNDINGS * problem.format.unit_roundoff * np.abs(other)
        return Interval(other - radius, other + radius)

    return enclose


def with_epsilon(name: str, row: Rowwise, epsilon: float) -> Rival:
    """softmax with a number added to its denominator."""

    def enclose(z: Estimate, problem: Problem) -> Interval:
        """The true interval, times what is left of it, with a rounding more for the sum and one for the quotient."""
        true, weights = (
            row.enclose(z.value, z.error, problem.format),
            np.exp(z.value - z.value.max(axis=-1, keepdims=True, initial=-np.inf)),
        )
        total = weights.sum(axis=-1, keepdims=True)
        left = Interval(true.lower * (total / (total + epsilon)), true.upper * (total / (total + epsilon)))
        return left.widened(2 * problem.format.unit_roundoff * np.abs(left.upper))

    return of_activation_by(name, f"{{activation}} adds {written(epsilon)} to its denominator", enclose)


def _of_z(row: Rowwise, change: Value) -> Enclose:
    return lambda z, problem: row.enclose(change(z.value), np.abs(change(z.error)), problem.format)


def _of_attention(row: Rowwise) -> Enclose:
    return lambda z, problem: _of_computed_z(row, 1 / float(np.sqrt(max(1, z.value.shape[-1]))))(z, problem)


def _of_computed_z(row: Rowwise, factor: float) -> Enclose:
    """Of z times a number, rounded twice; and once where the largest one is taken off."""

    def enclose(z: Estimate, problem: Problem) -> Interval:
        value = factor * z.value
        far = np.abs(value) + np.abs(value).max(axis=-1, keepdims=True, initial=0.0)
        return row.enclose(value, factor * z.error + 3 * problem.format.unit_roundoff * far, problem.format)

    return enclose


def _largest(z: Array) -> Array:
    return np.asarray(z.max(axis=-1, keepdims=True, initial=-np.inf))


def _one_hot(z: Array) -> Array:
    return (z == z.max(axis=-1, keepdims=True, initial=-np.inf)).astype(np.float64)


def _shares(of: Value) -> Value:
    def value(z: Array) -> Array:
        parts = of(z)
        return parts / parts.sum(axis=-1, keepdims=True)

    return value


def _of_log_with(few: float) -> Value:
    return lambda z: np.log(np.exp(ACTIVATIONS["log_softmax"].value(z)) + few)


def _padded(count: int, *, log: bool) -> Value:
    """softmax, or its logarithm, over more units than there are, which are 0 before it."""

    def value(z: Array) -> Array:
        units = z.shape[-1]
        filled = np.concatenate([z, np.zeros((*z.shape[:-1], -units % count))], axis=-1)
        return np.asarray(ACTIVATIONS["log_softmax" if log else "softmax"].value(filled)[..., :units])

    return value


def _in_blocks(name: str, count: int) -> Value:
    """The activation of so many units at a time, each block for itself."""

    def value(z: Array) -> Array:
        ends = range(0, z.shape[-1], count)
        return np.concatenate([ACTIVATIONS[name].value(z[..., start : start + count]) for start in ends], axis=-1)

    return value


def _swapped_halves(z: Array) -> Array:
    half = z.shape[-1] // 2
    return np.concatenate([z[..., half:], z[..., :half]], axis=-1)


def _interleaved(z: Array) -> Array:
    return np.concatenate([z[..., ::2], z[..., 1::2]], axis=-1)


def _gated(gate: Value) -> Value:
    def value(z: Array) -> Array:
        half = z.shape[-1] // 2
        return z[..., :half] * gate(z[..., half:])

    return value


def _with_threshold(*, of_support: bool) -> Enclose:
    """relu(z - t), t being (a sum of z - 1) / units."""

    def enclose(z: Estimate, problem: Problem) -> Interval:
        value, units = z.value, max(1, z.value.shape[-1])
        held = ACTIVATIONS["sparsemax"].value(value) > 0 if of_support else np.ones_like(value)
        threshold = ((held * value).sum(axis=-1, keepdims=True) - 1) / units
        sizes = (np.abs(value).sum(axis=-1, keepdims=True) + 1) / units
        u = problem.format.unit_roundoff
        doubt = z.error + z.error.sum(axis=-1, keepdims=True) / units + (units + 4) * u * sizes + 2 * u * np.abs(value)
        low, high = (np.maximum(value - threshold + side * doubt, 0.0) for side in (-1, 1))
        return Interval(low, high)

    return enclose


_ROW_VALUES: Mapping[str, tuple[tuple[str, Value], ...]] = {
    "softmax": (
        ("all of it on the largest unit", _one_hot),
        ("exp(z), not divided by its sum", np.exp),
        ("applied twice", lambda z: ACTIVATIONS["softmax"].value(ACTIVATIONS["softmax"].value(z))),
        ("a share of z itself, without exp", _shares(lambda z: z)),
        ("a share of z^2", _shares(lambda z: z * z)),
        ("exp(z) / (1 + the sum of exp(z))", lambda z: np.exp(z) / (1 + np.exp(z).sum(axis=-1, keepdims=True))),
        ("exp(z) / (the sum of exp(z) less the unit's own)", lambda z: _shares(np.exp)(z) / (1 - _shares(np.exp)(z))),
        *(
            (f"taken over units that zeros fill up to a multiple of {count}", _padded(count, log=False))
            for count in BLOCKS
        ),
        *((f"taken over {count} units at a time", _in_blocks("softmax", count)) for count in BLOCKS),
    ),
    "log_softmax": (
        *((f"log(softmax(z) + {written(few)})", _of_log_with(few)) for few in FEW),
        (
            "z less log(sum(exp(z - the largest unit))): the largest is not added back",
            lambda z: z - np.log(np.exp(z - _largest(z)).sum(axis=-1, keepdims=True)),
        ),
        (
            "z less the largest unit and less log(sum(exp(z)))",
            lambda z: z - _largest(z) - np.log(np.exp(z).sum(axis=-1, keepdims=True)),
        ),
        ("log10 of softmax", lambda z: ACTIVATIONS["log_softmax"].value(z) / np.log(10.0)),
        ("log2 of softmax", lambda z: ACTIVATIONS["log_softmax"].value(z) / np.log(2.0)),
        ("-log(softmax): its sign is lost", lambda z: -ACTIVATIONS["log_softmax"].value(z)),
        ("z less the largest unit", lambda z: z - z.max(axis=-1, keepdims=True, initial=-np.inf)),
        *(
            (f"taken over units that zeros fill up to a multiple of {count}", _padded(count, log=True))
            for count in BLOCKS
        ),
        *((f"taken over {count} units at a time", _in_blocks("log_softmax", count)) for count in BLOCKS),
    ),
    "sparsemax": (
        ("all of it on the largest unit", _one_hot),
        ("a share of relu(z)", lambda z: np.nan_to_num(_shares(lambda z: np.maximum(z, 0.0))(z))),
    ),
    "glu": (
        ("the first half of the units, without its gate", _gated(np.ones_like)),
        ("gated by tanh, not sigmoid", _gated(np.tanh)),
        ("gated by silu, not sigmoid", _gated(ACTIVATIONS["silu"].value)),
        ("gated by relu, not sigmoid", _gated(lambda z: np.maximum(z, 0.0))),
        ("gated by the second half itself", _gated(lambda z: z)),
    ),
}


_AXES = (
    (0, "over the batch (axis 0)"),
    (1, "over axis 1"),
    (2, "over axis 2"),
    (IMPLICIT, "over the batch (axis 0) for rank 3, and over axis 1 for every other rank"),
    (BEFORE_UNITS, "over the axis before the units, where that is not the batch"),
    (LAST_TWO, "over the last two axes at once"),
    (BEHIND_BATCH, "over all axes but the batch at once"),
    (ALL, "over all axes at once"),
)


def rowwise_rivals(name: str, row: Rowwise, grid: Exhibit | None) -> Iterator[Rival]:
    if row.units_per_output == 1:
        for axis, words in _AXES:
            yield of_activation_by(name, f"{{activation}} runs {words}", _along(row, axis), defect="activation-axis")
        linear = ACTIVATIONS["linear"]
        yield of_activation(name, "{activation} is not applied", linear, defect="activation-missing")
        for other, other_row in ACTIVATIONS.items():
            if other_row is not row and other_row.output_units(2) == 2 and other != "linear":
                yield of_activation(name, f"{{activation}} is {other}", other_row)
        yield of_activation_by(name, "{activation} is taken of -z", _of_z(row, lambda z: -z))
        says = "{activation} is taken of z divided by the square root of the number of units"
        yield of_activation_by(name, says, _of_attention(row))
        for base in (2, 10):
            says = f"{{activation}} takes powers of {base} instead of e"
            yield of_activation_by(name, says, _of_computed_z(row, float(np.log(base))))
    else:
        swapped, interleaved = _of_z(row, _swapped_halves), _of_z(row, _interleaved)
        yield of_activation_by(
            name, "{activation} takes the first half of the units for its gate", swapped, defect="activation-axis"
        )
        yield of_activation_by(
            name, "{activation} takes every other unit for its gate", interleaved, defect="activation-axis"
        )
    if name in RIVALS:
        yield of_activation(name, f"{{activation}} is {name} as Keras itself computes it", RIVALS[name])
    for says, value in _ROW_VALUES.get(name, ()):
        yield of_activation_by(name, f"{{activation}} is {says}", _by_value(row, value))
    for words, of_support in (("all units", False), ("the support", True)) if name == "sparsemax" else ():
        says = f"{{activation}} takes (the sum of {words} - 1) / units for its threshold"
        yield of_activation_by(name, says, _with_threshold(of_support=of_support))
    if name in ("softmax", "log_softmax") and grid is not None:
        yield from _tempered(name, row, grid)


def _tempered(name: str, row: Rowwise, grid: Exhibit) -> Iterator[Rival]:
    """Of two units whose outputs are y and y', (log y - log y') / (z - z') is the inverse of a temperature."""
    if grid.got is None or grid.got.shape != grid.right.shape:
        return
    problem = grid.posed.problem
    z, got = problem.inputs @ problem.kernel, grid.got.astype(np.float64)
    with np.errstate(all="ignore"):
        logs = np.log(got) if name == "softmax" else got
        factors = (logs[:, 0] - logs[:, 1]) / (z[:, 0] - z[:, 1])
    usable = np.isfinite(factors) & (np.abs(z[:, 0] - z[:, 1]) > 1) & (np.abs(logs).max(axis=1) < 10)
    if usable.sum() >= 8:
        factor = float(f"{np.median(factors[usable]):.4g}")
        if factor not in (0.0, 1.0):
            says = f"{{activation}} is taken of {written(factor)} z"
            yield of_activation_by(name, says, _of_z(row, lambda z: factor * z))
