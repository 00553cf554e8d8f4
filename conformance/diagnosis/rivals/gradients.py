"""Rivals of the backward pass: what the gradients are where one of its steps is wrong, and the outputs are right."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from functools import partial
from math import prod
from typing import Any

import numpy as np
from scipy.special import expit, ndtr

from conformance.diagnosis.rivals.formulas import MORE_ROUNDINGS
from conformance.diagnosis.rivals.rival import ROUNDINGS, Predicted, Rival, permuted, scaled
from conformance.diagnosis.rivals.rounding import NARROW
from conformance.procedures import GRADIENTS
from conformance.truth import Posed
from reference.activations import ACTIVATIONS, Activation, sech_squared, softplus, tail_product
from reference.bounds import Estimate, Problem, pre_activation, product
from reference.dense import flatten_leading
from reference.elementwise import Elementwise
from reference.formats import Array
from reference.intervals import Interval, around
from reference.rowwise import Rowwise, log_softmax, softmax

Slope = Callable[[Array], Array]
Vjp = Callable[[Array, Array], Array]
Gradients = dict[str, Interval]


@np.errstate(all="ignore")
def gradients(
    posed: Posed,
    *,
    row: Activation | None = None,
    upstream: Callable[[Array], Array] = lambda upstream: upstream,
    delta: Callable[[Array, Problem], Array] | None = None,
    backward: Callable[[Problem], Problem] = lambda problem: problem,
) -> Gradients:
    """The intervals of the three gradients with some of their steps replaced.

    row: whose slope is taken. delta: a change of (N, units) that moves, drops or repeats. backward: the operands of the
    products on the way back.
    """
    problem, format = posed.problem, posed.problem.format
    z = pre_activation(problem)
    own = flatten_leading(posed.upstream)
    given = upstream(own)
    value, error = (row or problem.activation).enclose_vjp(z.value, z.error, given, format)
    if not format.holds(given).all():
        error = error + ROUNDINGS * format.unit_roundoff * np.abs(value)
    if delta is not None:
        value, error = delta(value, problem), np.abs(delta(error, problem))
    return products(backward(problem), Estimate(value, error))


def products(problem: Problem, delta: Estimate) -> Gradients:
    """Of a delta (N, units)."""
    format = problem.format
    kernel = product(problem.rows.T, delta, format, problem.allowed_to_kernel_gradient)
    inputs = product(problem.kernel, delta.transposed, format, problem.allowed).transposed
    found = {
        "kernel_gradient": _interval(kernel, problem),
        "inputs_gradient": permuted(_interval(inputs, problem), problem.unflatten),
    }
    if problem.bias is not None:
        summed = product(np.ones((1, len(problem.rows))), delta, format, problem.allowed_to_bias_gradient)
        found["bias_gradient"] = permuted(_interval(summed, problem), lambda ends: ends[0])
    return found


def _interval(estimate: Estimate, problem: Problem) -> Interval:
    return around(estimate.value, estimate.error).overflowing(problem.format)


# ---- of one gradient, or of all alike ------------------------------------------------------------------------------


def _words(names: tuple[str, ...]) -> tuple[str, str]:
    """The subject of a sentence, and its verb."""
    if len(names) > 1:
        return "all gradients", "are"
    of = names[0].removesuffix("_gradient")
    return ("the inputs' gradient" if of == "inputs" else f"the {of}'s gradient"), "is"


def _changed(names: tuple[str, ...], change: Callable[[Interval, Posed], Interval]) -> Callable[[Posed], Predicted]:
    def predict(posed: Posed) -> Predicted:
        right = posed.gradients
        return {name: change(right[name], posed) for name in names if name in right}

    return predict


def _missing(names: tuple[str, ...]) -> Callable[[Posed], Predicted]:
    return lambda posed: dict.fromkeys(names)


def _times(factor: Callable[[Posed], float]) -> Callable[[Interval, Posed], Interval]:
    return lambda right, posed: scaled(right, factor(posed), posed.problem.format.unit_roundoff)


def _rows(posed: Posed) -> int:
    return max(1, prod(posed.question.known_shape[:-1]))


def _batch(posed: Posed) -> int:
    return max(1, posed.question.known_shape[0])


FACTORS: tuple[tuple[str, str, Callable[[Posed], float]], ...] = (
    ("gradient-zero", "0", lambda posed: 0.0),
    ("gradient-negated", "negated", lambda posed: -1.0),
    ("gradient-scaled", "doubled", lambda posed: 2.0),
    ("gradient-scaled", "halved", lambda posed: 0.5),
    ("gradient-averaged", "divided by the number of rows: a mean, not a sum", lambda posed: 1 / _rows(posed)),
    ("gradient-averaged", "divided by the length of the batch", lambda posed: 1 / _batch(posed)),
    (
        "gradient-averaged",
        "divided by the number of steps: a mean over the axes between batch and units",
        lambda posed: _batch(posed) / _rows(posed),
    ),
    ("gradient-averaged", "divided by the number of units", lambda posed: 1 / posed.question.config.units),
    (
        "gradient-averaged",
        "divided by the number of features",
        lambda posed: 1 / max(1, posed.question.known_shape[-1]),
    ),
    (
        "gradient-averaged",
        "divided by the number of outputs",
        lambda posed: 1 / max(1, _rows(posed) * posed.question.config.units),
    ),
    ("gradient-scaled", "multiplied by the number of rows", lambda posed: float(_rows(posed))),
    ("gradient-scaled", "multiplied by the length of the batch", lambda posed: float(_batch(posed))),
)

#: What training loops clip at.
CLIPPED_AT = (0.5, 1.0, 5.0, 10.0, 100.0, 1000.0)
SETS = (GRADIENTS, *((name,) for name in GRADIENTS), ("kernel_gradient", "bias_gradient"))


def _subject(names: tuple[str, ...]) -> tuple[str, str]:
    return ("the gradients of kernel and bias", "are") if len(names) == 2 else _words(names)


def _absolute(right: Interval, posed: Posed) -> Interval:
    ends = np.stack([np.abs(right.lower), np.abs(right.upper)])
    crosses = (right.lower < 0) & (right.upper > 0)
    return Interval(np.where(crosses, 0.0, ends.min(axis=0)), ends.max(axis=0))


def _clipped(at: float) -> Callable[[Interval, Posed], Interval]:
    return lambda right, posed: Interval(np.clip(right.lower, -at, at), np.clip(right.upper, -at, at))


def _rounded(rounds: Callable[[Array], Array]) -> Callable[[Interval, Posed], Interval]:
    return lambda right, posed: Interval(rounds(right.lower), rounds(right.upper))


def _nan_without_rows(right: Interval, posed: Posed) -> Interval:
    if posed.problem.inputs.size:
        return right
    nan = np.full(right.shape, np.nan)
    return Interval(nan, nan)


def _transposed(right: Interval, posed: Posed) -> Interval:
    return permuted(right, np.transpose)


def of_products() -> Iterator[Rival]:
    """What one or all gradients are, the delta being right."""
    for names in SETS:
        subject, verb = _subject(names)
        yield Rival("gradient-missing", f"{subject} {verb} missing (None)", _missing(names))
        for defect, words, factor in FACTORS:
            yield Rival(defect, f"{subject} {verb} {words}", _changed(names, _times(factor)))
        yield Rival(
            "gradient-absolute",
            f"{subject} lose their sign".replace("gradient lose their", "gradient loses its"),
            _changed(names, _absolute),
        )
        for at in CLIPPED_AT:
            yield Rival(
                "gradient-clipped", f"{subject} {verb} clipped to [-{at:g}, {at:g}]", _changed(names, _clipped(at))
            )
        yield Rival(
            "gradient-nan-for-empty",
            f"{subject} {verb} NaN for a batch without rows",
            _changed(names, _nan_without_rows),
        )
        for narrow in NARROW:
            yield Rival(
                "gradient-rounded",
                f"{subject} {verb} rounded to {narrow.says}",
                _changed(names, _rounded(narrow.round)),
            )
    yield from _of_kernel()
    yield from _of_bias()
    yield from _of_inputs()


def _one(name: str, made: Callable[[Posed], Gradients]) -> Callable[[Posed], Predicted]:
    def predict(posed: Posed) -> Predicted:
        found = made(posed)
        return {name: found[name]} if name in found else {}

    return predict


def _only(which: Callable[[Posed], Array]) -> Callable[[Posed], Gradients]:
    """The delta of some rows alone; which: True for those that count, (N,)."""

    def made(posed: Posed) -> Gradients:
        weights = which(posed).astype(np.float64)[:, None]
        return gradients(posed, delta=lambda delta, _: delta * weights)

    return made


def _at_step(at: int) -> Callable[[Posed], Array]:
    def which(posed: Posed) -> Array:
        shape = posed.question.known_shape[:-1]
        mask = np.ones(shape, bool)
        if len(shape) > 1 and mask.size:
            mask[:] = False
            mask[(slice(None),) + (at,) * (len(shape) - 1)] = True
        return mask.ravel()

    return which


def _at_batch(at: int) -> Callable[[Posed], Array]:
    def which(posed: Posed) -> Array:
        shape = posed.question.known_shape[:-1]
        mask = np.zeros(shape, bool)
        if mask.size:
            mask[at] = True
        return mask.ravel()

    return which


def _half(*, first: bool) -> Callable[[Posed], Any]:
    def which(posed: Posed) -> Any:
        count = prod(posed.question.known_shape[:-1])
        return np.asarray((np.arange(count) < (count + 1) // 2) == first)

    return which


def _from_the_middle(posed: Posed) -> Any:
    count = prod(posed.question.known_shape[:-1])
    return np.arange(count) >= count // 2


_PARTS: tuple[tuple[str, Callable[[Posed], Any]], ...] = (
    ("the first step of each sequence", _at_step(0)),
    ("the last step of each sequence", _at_step(-1)),
    ("the first row of the batch", _at_batch(0)),
    ("the last row of the batch", _at_batch(-1)),
    ("the first half of the rows", _half(first=True)),
    ("the second half of the rows", _half(first=False)),
    ("the rows from the middle on", _from_the_middle),
)


def _of_parts(name: str) -> Iterator[Rival]:
    subject, _ = _words((name,))
    for words, which in _PARTS:
        yield Rival("gradient-of-some-rows", f"{subject} is that of {words} alone", _one(name, _only(which)))


def _of_kernel() -> Iterator[Rival]:
    name = ("kernel_gradient",)
    yield Rival("gradient-transposed", "the kernel's gradient is transposed", _changed(name, _transposed))
    yield from _of_parts("kernel_gradient")
    yield Rival(
        "slope-missing",
        "the kernel's gradient leaves out the activation's slope",
        _one("kernel_gradient", lambda posed: gradients(posed, row=ACTIVATIONS["linear"])),
    )
    yield Rival(
        "gradient-of-other-inputs",
        "the kernel's gradient is that of the inputs' absolute values",
        _one(
            "kernel_gradient",
            lambda posed: gradients(posed, backward=lambda p: replace(p, inputs=np.abs(p.inputs))),
        ),
    )


def _of_bias() -> Iterator[Rival]:
    name = ("bias_gradient",)
    yield from _of_parts("bias_gradient")
    yield Rival(
        "gradient-shape",
        "the bias's gradient keeps an axis: its shape is (1, units)",
        _changed(name, lambda right, posed: permuted(right, lambda ends: ends[None])),
    )
    yield Rival(
        "gradient-shape",
        "the bias's gradient keeps an axis: its shape is (units, 1)",
        _changed(name, lambda right, posed: permuted(right, lambda ends: ends[:, None])),
    )
    yield Rival("gradient-of-some-rows", "the bias's gradient is summed over the batch alone", _summed_over(0))
    yield Rival("gradient-of-some-rows", "the bias's gradient is summed over all axes but the batch", _summed_over(1))
    yield Rival(
        "gradient-of-some-rows", "the bias's gradient is summed over all axes, units included", _summed_over(99)
    )
    yield Rival(
        "slope-missing",
        "the bias's gradient leaves out the activation's slope",
        _one("bias_gradient", lambda posed: gradients(posed, row=ACTIVATIONS["linear"])),
    )
    yield Rival(
        "gradient-reordered",
        "the bias's gradient is reversed",
        _changed(name, lambda right, posed: permuted(right, lambda ends: ends[::-1])),
    )


def _summed_over(axis: int) -> Callable[[Posed], Predicted]:
    """The bias's gradient with other axes summed than all leading ones, of whatever shape that gives."""

    def predict(posed: Posed) -> Predicted:
        problem = posed.problem
        if problem.bias is None:
            return {}
        z = pre_activation(problem)
        value, error = problem.activation.enclose_vjp(z.value, z.error, flatten_leading(posed.upstream), problem.format)
        value, error = problem.unflatten(value), problem.unflatten(error)
        leading = tuple(range(value.ndim - 1))
        over = {0: (0,), 1: leading[1:], 99: tuple(range(value.ndim))}[axis]
        rounding = value.size * problem.format.unit_roundoff * np.abs(value).sum(axis=over)
        return {"bias_gradient": around(value.sum(axis=over), error.sum(axis=over) + rounding)}

    return predict


def _of_inputs() -> Iterator[Rival]:
    yield Rival(
        "kernel-not-transposed",
        "the inputs' gradient is delta @ kernel, where its transpose belongs",
        _one("inputs_gradient", lambda posed: gradients(posed, backward=_turned)),
    )
    yield Rival(
        "slope-missing",
        "the inputs' gradient leaves out the activation's slope",
        _one("inputs_gradient", lambda posed: gradients(posed, row=ACTIVATIONS["linear"])),
    )
    yield Rival(
        "gradient-of-other-kernel",
        "the inputs' gradient is that of the kernel's absolute values",
        _one("inputs_gradient", lambda posed: gradients(posed, backward=lambda p: replace(p, kernel=np.abs(p.kernel)))),
    )
    yield Rival(
        "gradient-reordered",
        "the inputs' gradient has its features reversed",
        _changed(("inputs_gradient",), lambda right, posed: permuted(right, lambda ends: ends[..., ::-1])),
    )


def _turned(problem: Problem) -> Problem:
    square = problem.kernel.shape[0] == problem.kernel.shape[1]
    return replace(problem, kernel=problem.kernel.T) if square else problem


# ---- of delta ------------------------------------------------------------------------------------------------------

UPSTREAMS: tuple[tuple[str, Callable[[Array], Array]], ...] = (
    ("is taken for ones", np.ones_like),
    ("is clipped to [-1, 1]", lambda upstream: np.clip(upstream, -1, 1)),
    ("loses its sign", np.abs),
    ("is replaced by its sign", np.sign),
    ("is divided by its norm", lambda upstream: upstream / (np.sqrt((upstream**2).sum()) or 1.0)),
    ("is divided by its length", lambda upstream: upstream / max(1, upstream.size)),
    ("is divided by its greatest element", lambda upstream: upstream / (np.abs(upstream).max(initial=0.0) or 1.0)),
    ("is squared", np.square),
)


def of_upstream() -> Iterator[Rival]:
    for words, change in UPSTREAMS:
        yield Rival("upstream-changed", f"the upstream gradient {words}", _from_upstream(change))
    yield Rival(
        "slope-missing",
        "the activation's slope is left out of all gradients",
        lambda posed: dict(gradients(posed, row=ACTIVATIONS["linear"])) if _keeps_units(posed) else None,
    )


def _from_upstream(change: Callable[[Array], Array]) -> Callable[[Posed], Predicted]:
    return lambda posed: dict(gradients(posed, upstream=change))


def _keeps_units(posed: Posed) -> bool:
    return posed.definition.output_units(2) == 2


def _gelu_tanh_slope(z: Array) -> Array:
    inner = np.sqrt(2 / np.pi) * (z + 0.044715 * z**3)
    return 0.5 * (1 + np.tanh(inner)) + 0.5 * z * sech_squared(inner) * np.sqrt(2 / np.pi) * (1 + 3 * 0.044715 * z**2)


def _two_slopes(below: float, z: Array) -> Array:
    return np.where(z > 0, 1.0, below)


def _sigmoid_product_slope(factor: float) -> Slope:
    return lambda z: expit(factor * z) + factor * tail_product(z, expit(factor * z) * expit(-factor * z))


#: By activation: of what the slope is, in words.
SLOPES: Mapping[str, tuple[tuple[str, Slope], ...]] = {
    "gelu": (
        ("that of the tanh approximation", _gelu_tanh_slope),
        ("that of z sigmoid(1.702 z)", _sigmoid_product_slope(1.702)),
        ("Phi(z) alone: z phi(z) is left out", ndtr),
    ),
    "silu": (
        ("sigmoid(z) alone", expit),
        ("that of sigmoid", lambda z: expit(z) * expit(-z)),
    ),
    "tanh": (
        ("1 - |y|", lambda z: 1 - np.abs(np.tanh(z))),
        ("1 - y", lambda z: 1 - np.tanh(z)),
        ("1 + y^2", lambda z: 1 + np.tanh(z) ** 2),
        ("y (1 - y)", lambda z: np.tanh(z) * (1 - np.tanh(z))),
        ("1 - z^2", lambda z: 1 - z * z),
    ),
    "sigmoid": (
        ("y", expit),
        ("1 - y", lambda z: expit(-z)),
        ("1 - y^2", lambda z: 1 - expit(z) ** 2),
        ("z (1 - z)", lambda z: z * (1 - z)),
    ),
    "softsign": (
        ("1 / (1 + |z|): a square is left out", lambda z: 1 / (1 + np.abs(z))),
        ("1 / (1 + z^2)", lambda z: 1 / (1 + z * z)),
    ),
    "mish": (
        ("tanh(softplus(z)): a term is left out", lambda z: np.tanh(softplus(z))),
        ("that of silu", _sigmoid_product_slope(1.0)),
    ),
    "softplus": (("1 - sigmoid(z)", lambda z: expit(-z)), ("exp(z)", np.exp)),
    "leaky_relu": tuple((f"{slope:g} below 0", partial(_two_slopes, slope)) for slope in (0.01, 0.1, 0.3, 0.0)),
    "elu": (("y below 0, where y + 1 belongs", lambda z: np.where(z > 0, 1.0, np.expm1(np.minimum(z, 0.0)))),),
    "selu": (("1 above 0: the scale is left out", lambda z: np.where(z > 0, 1.0, np.exp(np.minimum(z, 0.0)))),),
    "exponential": (("1 + exp(z)", lambda z: 1 + np.exp(z)),),
}


def with_slope(row: Elementwise, slope: Slope) -> Elementwise:
    return replace(
        row,
        slope=slope,
        slope_magnitude=lambda z: np.maximum(row.slope_magnitude(z), np.abs(slope(z))),
        slope_roundings=row.slope_roundings + MORE_ROUNDINGS,
    )


def of_slope(name: str, row: Activation) -> Iterator[Rival]:
    """Other slopes of one activation."""
    if isinstance(row, Rowwise):
        for words, vjp in VJPS.get(name, ()):
            yield _sloped(name, f"the gradient of {{activation}} {words}", _with_vjp(row, vjp))
        return
    yield _sloped(name, "the slope of {activation} is left out", ACTIVATIONS["linear"], "slope-missing")
    value = row.value
    for words, slope in (
        *SLOPES.get(name, ()),
        ("its value", value),
        ("half of what it should be", lambda z: row.slope(z) / 2),
        ("twice what it should be", lambda z: 2 * row.slope(z)),
        ("negated", lambda z: -row.slope(z)),
        ("the square of what it should be", lambda z: row.slope(z) ** 2),
        ("taken of the output, not of z", lambda z: row.slope(value(z))),
    ):
        yield _sloped(name, f"the slope of {{activation}} is {words}", with_slope(row, slope))
    for other, other_row in ACTIVATIONS.items():
        if isinstance(other_row, Elementwise) and other_row is not row and other != "linear":
            yield _sloped(name, f"the slope of {{activation}} is that of {other}", other_row)


def _sloped(name: str, says: str, row: Activation, defect: str = "slope-formula") -> Rival:
    def predict(posed: Posed) -> Predicted | None:
        return dict(gradients(posed, row=row)) if posed.question.config.activation == name else None

    return Rival(defect, says, predict, about=name)


def at_kinks(name: str, row: Elementwise, slopes: Mapping[float, float]) -> Rival:
    """Other slopes at points, elsewhere the right one."""

    def slope(z: Array) -> Array:
        found = row.slope(z)
        for point, value in slopes.items():
            found = np.where(z == point, value, found)
        return found

    told = " and ".join(f"{value:.6g} at {point:g}" for point, value in slopes.items())
    right = " and ".join(f"{float(row.slope(np.array([point]))[0]):.6g}" for point in slopes)
    exact = replace(row, slope=slope)
    return _sloped(name, f"the slope of {{activation}} is {told}, where {right} is right", exact, "slope-at-kink")


def plain_kinks(name: str, row: Elementwise) -> Iterator[Rival]:
    """Each kink with the slopes that a layer may well have there: 0, 1/2, 1, and the one of either side."""
    for kink in row.kinks:
        sides = row.slope(np.array([np.nextafter(kink, -np.inf), np.nextafter(kink, np.inf)]))
        right = float(row.slope(np.array([kink]))[0])
        for slope in sorted({0.0, 0.5, 1.0, *map(float, sides), float(sides.mean())} - {right}):
            yield at_kinks(name, row, {kink: slope})


# ---- activations of whole rows -------------------------------------------------------------------------------------


def _halves(z: Array) -> tuple[Array, Array]:
    half = z.shape[-1] // 2
    return z[..., :half], z[..., half:]


def _glu(to_linear: bool, to_gate: bool) -> Vjp:
    def vjp(z: Array, upstream: Array) -> Array:
        linear, gate = _halves(z)
        first = upstream * expit(gate) if to_linear else np.zeros_like(upstream)
        second = upstream * linear * expit(gate) * expit(-gate) if to_gate else np.zeros_like(upstream)
        return np.concatenate([first, second], axis=-1)

    return vjp


VJPS: Mapping[str, tuple[tuple[str, Vjp], ...]] = {
    "softmax": (
        ("has the diagonal of its Jacobian alone", lambda z, u: u * softmax(z) * (1 - softmax(z))),
        ("is softmax times the upstream gradient: the sum over the row is left out", lambda z, u: softmax(z) * u),
        ("is the upstream gradient itself", lambda z, u: u),
        ("is that of log_softmax", lambda z, u: u - softmax(z) * u.sum(axis=-1, keepdims=True)),
        ("is softmax less the upstream gradient", lambda z, u: softmax(z) - u),
        ("leaves out the factor softmax", lambda z, u: u - (softmax(z) * u).sum(axis=-1, keepdims=True)),
    ),
    "log_softmax": (
        (
            "does not couple the units: it is (1 - softmax) times the upstream gradient",
            lambda z, u: u * (1 - softmax(z)),
        ),
        ("is the upstream gradient itself", lambda z, u: u),
        ("is the upstream gradient less softmax", lambda z, u: u - softmax(z)),
        ("is that of softmax", ACTIVATIONS["softmax"].vjp),
        (
            "takes its own outputs for probabilities",
            lambda z, u: u - log_softmax(z) * u.sum(axis=-1, keepdims=True),
        ),
    ),
    "glu": (
        ("does not reach the gate", _glu(True, False)),
        ("reaches the gate alone", _glu(False, True)),
    ),
    "sparsemax": (
        ("is the upstream gradient itself", lambda z, u: u),
        ("is that of softmax", ACTIVATIONS["softmax"].vjp),
        (
            "is the upstream gradient on the support, its mean not taken off",
            lambda z, u: u * (ACTIVATIONS["sparsemax"].value(z) > 0),
        ),
    ),
}


def _with_vjp(row: Rowwise, vjp: Vjp) -> Rowwise:
    def enclose_vjp(z: Array, error: Array, upstream: Array, format: object) -> tuple[Array, Array]:
        delta = vjp(z, upstream)
        _, own = row.enclose_vjp(z, error, upstream, format)  # type: ignore[arg-type]
        u = format.unit_roundoff  # type: ignore[attr-defined]
        total = np.abs(upstream).sum(axis=-1, keepdims=True)
        return delta, own + MORE_ROUNDINGS * u * (np.abs(delta) + total)

    return replace(row, vjp=vjp, enclose_vjp=enclose_vjp)
