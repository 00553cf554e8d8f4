"""What a weight or an output costs: one row for each regularizer, under the name that a config gives it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from reference.formats import Array, Format


@dataclass(frozen=True)
class Regularizer:
    """keras: the name of its class in `keras.regularizers`; arguments: those of its constructor.

    penalty: of a tensor of any shape, one number. gradient: of the penalty, shaped as the tensor. is_exact:
    coefficients are powers of two, so that small integers cost what no order of summing rounds. doubt: how far a right
    gradient may be from the reference's, of a tensor and a unit roundoff; None for a few roundings of each element.
    """

    keras: str
    penalty: Callable[[Array], float]
    gradient: Callable[[Array], Array]
    arguments: Mapping[str, Any] = field(default_factory=dict)
    is_exact: bool = True
    doubt: Callable[[Array, float], Array] | None = None

    def error(self, values: Array, format: Format, *, exact: bool = True) -> float:
        """How far a right penalty may be from the reference's: roundings of each value, and of their sum.

        exact: the values are small integers.
        """
        if self.is_exact and exact:
            return 0.0
        return (2 * values.size + 16) * format.unit_roundoff * abs(self.penalty(values))

    def gradient_error(self, values: Array, format: Format, *, exact: bool = True) -> Array:
        """How far a right gradient may be from the reference's, element by element; exact: as for `error`."""
        if self.is_exact and exact:
            return np.zeros_like(values)
        if self.doubt is not None:
            return self.doubt(values, format.unit_roundoff)
        return 8 * format.unit_roundoff * np.abs(self.gradient(values))


def _l1_l2(l1: float, l2: float) -> tuple[Callable[[Array], float], Callable[[Array], Array]]:
    """l1 * sum |w| + l2 * sum w^2, and its gradient: 0 at 0."""
    return (
        lambda w: float(l1 * np.abs(w).sum() + l2 * (w**2).sum()),
        lambda w: l1 * np.sign(w) + 2 * l2 * w,
    )


def _orthogonal(factor: float, axis: int) -> Regularizer:
    """The mean of |cosine| over all pairs of rows (axis 0) or columns (axis 1), times the factor."""

    def parted(w: Array) -> tuple[Array, Array, Array, float]:
        """Unit vectors (n, length), their norms (n, 1), their cosines with the others (n, n), factor / pairs."""
        vectors = w if axis == 0 else w.T
        norms = np.sqrt(np.maximum((vectors**2).sum(axis=1, keepdims=True), 1e-12))
        units = vectors / norms
        cosines = (units @ units.T) * (1 - np.eye(len(units)))
        return units, norms, cosines, factor / (len(units) * (len(units) - 1))

    def penalty(w: Array) -> float:
        _, _, cosines, share = parted(w)
        return float(share * np.abs(cosines).sum())

    def gradient(w: Array) -> Array:
        """Of a unit vector first, each cosine standing in the sum twice; then through its division by the norm."""
        units, norms, cosines, share = parted(w)
        of_unit = 2 * share * np.sign(cosines) @ units
        found = (of_unit - units * (of_unit * units).sum(axis=1, keepdims=True)) / norms
        return found if axis == 0 else found.T

    def doubt(w: Array, u: float) -> Array:
        """Roundings of sums over n vectors and over their length, and of the norm's square, root and division.

        A cosine within its own roundings of 0 may have either sign, or none. Of a vector of zeros nothing is said.
        """
        units, norms, cosines, share = parted(w)
        roundings = (2 * len(units) + 4 * units.shape[1] + 32) * u
        unsure = (np.abs(cosines) <= roundings) & ~np.eye(len(units), dtype=bool)
        size, turned = 2 * share * np.abs(units).sum(axis=0), 2 * share * unsure @ np.abs(units)
        off = roundings * size + turned
        found = (off + np.abs(units) * (off * np.abs(units)).sum(axis=1, keepdims=True)) / norms
        found = np.where(norms > 1e-6, found, np.inf)
        return found if axis == 0 else found.T

    arguments = {"factor": factor, "mode": ("rows", "columns")[axis]}
    return Regularizer("OrthogonalRegularizer", penalty, gradient, arguments, is_exact=False, doubt=doubt)


#: Those that Keras has; by their own coefficients where only a name is given.
REGULARIZERS: Mapping[str, Regularizer] = {
    "l1": Regularizer("L1", *_l1_l2(0.125, 0.0), {"l1": 0.125}),
    "l2": Regularizer("L2", *_l1_l2(0.0, 0.25), {"l2": 0.25}),
    "l1_l2": Regularizer("L1L2", *_l1_l2(0.5, 0.125), {"l1": 0.5, "l2": 0.125}),
    "l1_by_default": Regularizer("L1", *_l1_l2(0.01, 0.0), is_exact=False),
    "l2_by_default": Regularizer("L2", *_l1_l2(0.0, 0.01), is_exact=False),
    "l1_l2_by_default": Regularizer("L1L2", *_l1_l2(0.01, 0.01), {"l1": 0.01, "l2": 0.01}, is_exact=False),
    "orthogonal_rows": _orthogonal(0.5, 0),
    "orthogonal_columns": _orthogonal(0.5, 1),
}
