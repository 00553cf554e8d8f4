"""Rivals of an activation: other formulas under its name, along other axes, and with other numbers in them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace

import numpy as np
from scipy.special import erf, expit

from conformance.diagnosis.exhibits import Exhibit
from conformance.diagnosis.rivals.approximations import APPROXIMATIONS, Approximation
from conformance.diagnosis.rivals.families import ALIASES, families_of, fitted, written
from conformance.diagnosis.rivals.rival import Enclose, Rival, of_activation, of_activation_by, permuted
from reference.activations import ACTIVATIONS, Activation, softplus, tail_product
from reference.bounds import Estimate, Problem
from reference.elementwise import Elementwise, nowhere
from reference.formats import Array
from reference.intervals import Interval
from reference.rivals import RIVALS
from reference.rowwise import Rowwise

#: Roundings that a formula of the same kind may need beyond those of the true one's row.
MORE_ROUNDINGS = 8.0

Value = Callable[[Array], Array]


def with_value(row: Elementwise, value: Value, slope: Value | None = None) -> Elementwise:
    """A row of another formula: rounded as the true one is, of its own size at least, and a few times more."""
    return replace(
        row,
        value=value,
        slope=row.slope if slope is None else slope,
        magnitude=lambda z: np.maximum(row.magnitude(z), np.abs(value(z))),
        roundings=row.roundings + MORE_ROUNDINGS,
        exact_where=nowhere,
    )


# ---- formulas without a number to be found -------------------------------------------------------------------------


def gelu_by_tanh(z: Array) -> Array:
    return 0.5 * z * (1 + np.tanh(np.sqrt(2 / np.pi) * (z + 0.044715 * z**3)))


def _selu(scale: float, alpha: float) -> Value:
    return lambda z: scale * np.where(z > 0, z, alpha * np.expm1(np.minimum(z, 0.0)))


#: By activation: in words after "is", and as a formula.
OTHERS: Mapping[str, tuple[tuple[str, Value], ...]] = {
    "gelu": (
        ("the tanh approximation", gelu_by_tanh),
        ("z sigmoid(1.702 z), the sigmoid approximation", lambda z: tail_product(z, expit(1.702 * z))),
        ("z (1 + erf(z)) / 2: the argument is not divided by sqrt(2)", lambda z: z * (1 + erf(z)) / 2),
    ),
    "selu": (
        ("selu with constants of four digits, 1.0507 and 1.6733", _selu(1.0507, 1.6733)),
        ("selu with constants of four digits, 1.051 and 1.673", _selu(1.051, 1.673)),
        ("selu with constants of three digits, 1.05 and 1.67", _selu(1.05, 1.67)),
        ("elu: the scale and alpha of selu are missing", _selu(1.0, 1.0)),
    ),
    "hard_sigmoid": (
        ("Keras 2's clip(0.2 z + 0.5, 0, 1)", lambda z: np.clip(0.2 * z + 0.5, 0.0, 1.0)),
        ("Keras 3's clip(z / 6 + 0.5, 0, 1)", lambda z: np.clip(z / 6 + 0.5, 0.0, 1.0)),
        ("clip((z + 1) / 2, 0, 1)", lambda z: np.clip((z + 1) / 2, 0.0, 1.0)),
        ("z / 6 + 1/2 above -3, above 3 as well", lambda z: np.maximum(z / 6 + 0.5, 0.0)),
        ("z / 6 + 1/2 below 3, below -3 as well", lambda z: np.minimum(z / 6 + 0.5, 1.0)),
    ),
    "hard_silu": (
        ("z clip(0.2 z + 0.5, 0, 1), by Keras 2's hard_sigmoid", lambda z: z * np.clip(0.2 * z + 0.5, 0.0, 1.0)),
    ),
    "tanh": (
        ("1.7159 tanh(2 z / 3)", lambda z: 1.7159 * np.tanh(2 * z / 3)),
        ("clip(z, -1, 1)", lambda z: np.clip(z, -1.0, 1.0)),
    ),
    "softplus": (("relu", lambda z: np.maximum(z, 0.0)),),
    "exponential": (
        ("2^z", np.exp2),
        ("exp(z) - 1", np.expm1),
    ),
    "mish": (
        ("z sigmoid(softplus(z))", lambda z: tail_product(z, expit(softplus(z)))),
        ("z tanh(exp(z))", lambda z: z * np.tanh(np.exp(np.minimum(z, 700.0)))),
        ("z tanh(log(1 + exp(-z)))", lambda z: z * np.tanh(softplus(-z))),
    ),
    "tanh_shrink": (("z + tanh(z)", lambda z: z + np.tanh(z)), ("tanh(z) - z", lambda z: np.tanh(z) - z)),
    "log_sigmoid": (
        ("log(1 + exp(-z)): its sign is lost", lambda z: softplus(-z)),
        ("-log(1 + exp(z)): the sign of its argument is lost", lambda z: -softplus(z)),
    ),
    "sparse_plus": (
        ("((z + 1) / 2)^2 above -1, above 1 as well", lambda z: np.where(z <= -1, 0.0, ((z + 1) / 2) ** 2)),
        ("((z + 1) / 2)^2 below 1, below -1 as well", lambda z: np.where(z < 1, ((z + 1) / 2) ** 2, z)),
    ),
    "sparse_sigmoid": (
        ("(z + 1) / 2 above -1, above 1 as well", lambda z: np.maximum((z + 1) / 2, 0.0)),
        ("(z + 1) / 2 below 1, below -1 as well", lambda z: np.minimum((z + 1) / 2, 1.0)),
    ),
    "hard_tanh": (
        ("z above -1, above 1 as well", lambda z: np.maximum(z, -1.0)),
        ("z below 1, below -1 as well", lambda z: np.minimum(z, 1.0)),
    ),
    "relu6": (("z below 6, below 0 as well", lambda z: np.minimum(z, 6.0)),),
    "hard_shrink": (("hard_shrink that keeps -1/2 and 1/2 themselves", lambda z: np.where(np.abs(z) >= 0.5, z, 0.0)),),
    "softsign": (("z / (1 + z^2)", lambda z: z / (1 + z * z)), ("z / sqrt(1 + z^2)", lambda z: z / np.hypot(1.0, z))),
}


def _of_any(row: Elementwise, name: str) -> Iterator[tuple[str, Value]]:
    """What can be done to any formula."""
    value = row.value
    yield f"applied twice: {name} of {name}", lambda z: value(value(z))
    yield f"negated: -{name}", lambda z: -value(z)
    yield f"{name} of -z: the sign of its argument is lost", lambda z: value(-z)
    yield f"{name} of |z|", lambda z: value(np.abs(z))
    yield f"|{name}|: its sign is lost", lambda z: np.abs(value(z))
    yield f"z times {name}", lambda z: z * value(z)
    yield f"1 less {name}", lambda z: 1 - value(z)
    yield f"the square of {name}", lambda z: value(z) ** 2
    yield f"the slope of {name}, not its value", row.slope


def elementwise_rivals(name: str, row: Elementwise, grid: Exhibit | None) -> Iterator[Rival]:
    """Those that have no number to be found, then those whose number the grid tells.

    grid: outputs for one feature and one unit, so that each pre-activation is the input itself.
    """
    yield of_activation(name, "{activation} is not applied", ACTIVATIONS["linear"], defect="activation-missing")
    for other, other_row in ACTIVATIONS.items():
        if other_row is not row and other != "linear" and isinstance(other_row, Elementwise):
            yield of_activation(name, f"{{activation}} is {other}", other_row)
    if name in RIVALS and RIVALS[name] is not row:
        yield of_activation(name, f"{{activation}} is {name} as another version of Keras computes it", RIVALS[name])
    for says, value in OTHERS.get(ALIASES.get(name, name), ()):
        yield of_activation(name, f"{{activation}} is {says}", with_value(row, value))
    for form in APPROXIMATIONS.get(ALIASES.get(name, name), ()):
        yield of_activation(name, f"{{activation}} is {form.says}", _approximated(row, form))
    if grid is not None:
        yield from _with_numbers(name, row, grid)
    for says, value in _of_any(row, name):
        yield of_activation(name, f"{{activation}} is {says}", with_value(row, value))


def _approximated(row: Elementwise, form: Approximation) -> Elementwise:
    other = with_value(row, form.value)
    return replace(
        other,
        magnitude=lambda z: np.maximum(other.magnitude(z), form.size(z)),
        roundings=row.roundings + form.roundings,
    )


def _with_numbers(name: str, row: Elementwise, grid: Exhibit) -> Iterator[Rival]:
    """A number is found by what the grid shows, within the roundings that are allowed to the true formula."""
    if grid.got is None or grid.got.shape != grid.right.shape:
        return
    z, got = grid.posed.problem.inputs.ravel(), grid.got.astype(np.float64).ravel()
    u = grid.posed.problem.format.unit_roundoff
    with np.errstate(all="ignore"):
        doubt = MORE_ROUNDINGS * u * np.maximum(np.abs(got), row.magnitude(z)) + np.nan_to_num(grid.right.width.ravel())
    for family in families_of(name, row):
        number = fitted(family, z, got, doubt)
        if number is not None:
            formula, value = family.formula, number
            words = family.says.format(written(number))
            changed: Value = lambda z, formula=formula, value=value: formula(z, value)  # type: ignore[misc]  # noqa: E731
            yield of_activation(name, f"{{activation}} is {words}", with_value(row, changed), defect=family.defect)


# ---- activations of whole rows -------------------------------------------------------------------------------------


def _along(row: Rowwise, axis: int) -> Enclose:
    """The same function along another axis, or along all axes at once (axis 99)."""

    def enclose(z: Estimate, problem: Problem) -> Interval:
        if not z.value.size or (axis != 99 and axis >= z.value.ndim):
            return row.enclose(z.value, z.error, problem.format)
        if axis == 99:
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


def _of_computed_z(row: Rowwise, factor: float) -> Enclose:
    """Of z times a number, rounded twice; and once where the largest one is taken off."""

    def enclose(z: Estimate, problem: Problem) -> Interval:
        value = factor * z.value
        far = np.abs(value) + np.abs(value).max(axis=-1, keepdims=True, initial=0.0)
        return row.enclose(value, factor * z.error + 3 * problem.format.unit_roundoff * far, problem.format)

    return enclose


def _one_hot(z: Array) -> Array:
    return (z == z.max(axis=-1, keepdims=True, initial=-np.inf)).astype(np.float64)


def _shares(of: Value) -> Value:
    def value(z: Array) -> Array:
        parts = of(z)
        return parts / parts.sum(axis=-1, keepdims=True)

    return value


def _padded(count: int, *, log: bool) -> Value:
    """softmax, or its logarithm, over more units than there are, which are 0 before it."""

    def value(z: Array) -> Array:
        units = z.shape[-1]
        filled = np.concatenate([z, np.zeros((*z.shape[:-1], -units % count))], axis=-1)
        return np.asarray(ACTIVATIONS["log_softmax" if log else "softmax"].value(filled)[..., :units])

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
        ("a share of z itself, without exp", _shares(lambda z: z)),
        ("a share of z^2", _shares(lambda z: z * z)),
        ("exp(z) / (1 + the sum of exp(z))", lambda z: np.exp(z) / (1 + np.exp(z).sum(axis=-1, keepdims=True))),
        ("exp(z) / (the sum of exp(z) less the unit's own)", lambda z: _shares(np.exp)(z) / (1 - _shares(np.exp)(z))),
        *(
            (f"taken over units that zeros fill up to a multiple of {count}", _padded(count, log=False))
            for count in (4, 8, 16, 32)
        ),
    ),
    "log_softmax": (
        ("log10 of softmax", lambda z: ACTIVATIONS["log_softmax"].value(z) / np.log(10.0)),
        ("log2 of softmax", lambda z: ACTIVATIONS["log_softmax"].value(z) / np.log(2.0)),
        ("-log(softmax): its sign is lost", lambda z: -ACTIVATIONS["log_softmax"].value(z)),
        ("z less the largest unit", lambda z: z - z.max(axis=-1, keepdims=True, initial=-np.inf)),
        *(
            (f"taken over units that zeros fill up to a multiple of {count}", _padded(count, log=True))
            for count in (4, 8, 16, 32)
        ),
    ),
    "sparsemax": (
        ("all of it on the largest unit", _one_hot),
        ("a share of relu(z)", lambda z: np.nan_to_num(_shares(lambda z: np.maximum(z, 0.0))(z))),
    ),
    "glu": (
        ("the first half of the units, without its gate", _gated(np.ones_like)),
        ("gated by tanh, not sigmoid", _gated(np.tanh)),
        ("gated by relu, not sigmoid", _gated(lambda z: np.maximum(z, 0.0))),
        ("gated by the second half itself", _gated(lambda z: z)),
    ),
}


def rowwise_rivals(name: str, row: Rowwise, grid: Exhibit | None) -> Iterator[Rival]:
    axis_words = ((0, "over the batch (axis 0)"), (1, "over axis 1"), (2, "over axis 2"), (99, "over all axes at once"))
    if row.units_per_output == 1:
        for axis, words in axis_words:
            yield of_activation_by(name, f"{{activation}} runs {words}", _along(row, axis), defect="activation-axis")
        linear = ACTIVATIONS["linear"]
        yield of_activation(name, "{activation} is not applied", linear, defect="activation-missing")
        for other, other_row in ACTIVATIONS.items():
            if other_row is not row and other_row.output_units(2) == 2 and other != "linear":
                yield of_activation(name, f"{{activation}} is {other}", other_row)
        yield of_activation_by(name, "{activation} is taken of -z", _of_z(row, lambda z: -z))
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


def activation_rivals(name: str, row: Activation, grid: Exhibit | None) -> Iterator[Rival]:
    """All that are known of one activation."""
    if isinstance(row, Elementwise):
        yield from elementwise_rivals(name, row, grid)
    else:
        yield from rowwise_rivals(name, row, grid)
