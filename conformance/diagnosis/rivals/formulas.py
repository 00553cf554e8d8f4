"""Rivals of an activation: other formulas under its name, along other axes, and with other numbers in them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace

import numpy as np
from scipy.special import erf, expit

from conformance.diagnosis.exhibits import Exhibit
from conformance.diagnosis.rivals.approximations import APPROXIMATIONS, Approximation
from conformance.diagnosis.rivals.families import ALIASES, families_of, fitted, written
from conformance.diagnosis.rivals.rival import MORE_ROUNDINGS, Rival, of_activation
from conformance.diagnosis.rivals.rowwise_formulas import rowwise_rivals
from conformance.diagnosis.rivals.unstable import unstable_rivals
from reference.activations import ACTIVATIONS, Activation, softplus, tail_product
from reference.elementwise import Elementwise, nowhere
from reference.formats import Array
from reference.rivals import RIVALS

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


def gelu_by_tanh(z: Array, cubic: float = 0.044715) -> Array:
    return 0.5 * z * (1 + np.tanh(np.sqrt(2 / np.pi) * (z + cubic * z**3)))


def _gelu_as_in_tensorflow(z: Array) -> Array:
    """TensorFlow's own approximation takes its constant for a float32, in float64 as well."""
    return gelu_by_tanh(z, float(np.float32(0.044715)))


def _selu(scale: float, alpha: float) -> Value:
    return lambda z: scale * np.where(z > 0, z, alpha * np.expm1(np.minimum(z, 0.0)))


#: By activation: in words after "is", and as a formula.
OTHERS: Mapping[str, tuple[tuple[str, Value], ...]] = {
    "gelu": (
        ("the tanh approximation", gelu_by_tanh),
        ("the tanh approximation", _gelu_as_in_tensorflow),
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
        ("z relu(z + 3) / 6: its factor has no upper end", lambda z: z * np.maximum(z + 3, 0.0) / 6),
        ("z min(z + 3, 6) / 6: its factor has no lower end", lambda z: z * np.minimum(z + 3, 6.0) / 6),
        ("z clip(0.2 z + 0.5, 0, 1), by Keras 2's hard_sigmoid", lambda z: z * np.clip(0.2 * z + 0.5, 0.0, 1.0)),
    ),
    "tanh": (
        ("1.7159 tanh(2 z / 3)", lambda z: 1.7159 * np.tanh(2 * z / 3)),
        ("clip(z, -1, 1)", lambda z: np.clip(z, -1.0, 1.0)),
    ),
    "softplus": (("relu", lambda z: np.maximum(z, 0.0)),),
    "elu": (
        ("z above 0 and exp(z - 1) below", lambda z: np.where(z > 0, z, np.exp(np.minimum(z, 0.0) - 1))),
        ("z above 0 and exp(z) below: 1 is not taken off", lambda z: np.where(z > 0, z, np.exp(np.minimum(z, 0.0)))),
    ),
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
    "leaky_relu": (
        ("0.2 z above 0 and z below: its sides are exchanged", lambda z: np.where(z > 0, 0.2 * z, z)),
        ("z above 0 and -0.2 z below: a sign is wrong", lambda z: np.where(z > 0, z, -0.2 * z)),
    ),
    "soft_shrink": (
        ("z - 1/2 below -1/2, where z + 1/2 belongs", lambda z: np.where(np.abs(z) > 0.5, z - 0.5, 0.0)),
        (
            "z + 1/2 above 1/2 and z - 1/2 below -1/2: signs are wrong",
            lambda z: np.where(np.abs(z) > 0.5, z + np.sign(z) / 2, 0.0),
        ),
        ("relu(z - 1/2): nothing comes below", lambda z: np.maximum(z - 0.5, 0.0)),
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


def activation_rivals(name: str, row: Activation, grid: Exhibit | None) -> Iterator[Rival]:
    """All that are known of one activation."""
    if isinstance(row, Elementwise):
        yield from elementwise_rivals(name, row, grid)
    else:
        yield from rowwise_rivals(name, row, grid)
    yield from unstable_rivals(name, row)
