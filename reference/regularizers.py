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

    penalty: of a tensor of any shape, one number. gradient: of the penalty, shaped as the tensor; None where nothing is
    said of it. is_exact: coefficients are powers of two, so that small integers cost what no order of summing rounds.
    """

    keras: str
    penalty: Callable[[Array], float]
    gradient: Callable[[Array], Array] | None
    arguments: Mapping[str, Any] = field(default_factory=dict)
    is_exact: bool = True

    def error(self, values: Array, format: Format, *, exact: bool = True) -> float:
        """How far a right penalty may be from the reference's: roundings of each value, and of their sum.

        exact: the values are small integers.
        """
        if self.is_exact and exact:
            return 0.0
        return (2 * values.size + 16) * format.unit_roundoff * abs(self.penalty(values))


def _l1_l2(l1: float, l2: float) -> tuple[Callable[[Array], float], Callable[[Array], Array]]:
    """l1 * sum |w| + l2 * sum w^2, and its gradient: 0 at 0."""
    return (
        lambda w: float(l1 * np.abs(w).sum() + l2 * (w**2).sum()),
        lambda w: l1 * np.sign(w) + 2 * l2 * w,
    )


def _orthogonal(factor: float, axis: int) -> Callable[[Array], float]:
    """The mean of |cosine| over all pairs of rows (axis 0) or columns (axis 1), times the factor."""

    def penalty(w: Array) -> float:
        vectors = w if axis == 0 else w.T
        units = vectors / np.sqrt(np.maximum((vectors**2).sum(axis=1, keepdims=True), 1e-12))
        cosines = np.abs(units @ units.T)
        pairs = len(units) * (len(units) - 1)
        return float(factor * (cosines.sum() - np.trace(cosines)) / pairs)

    return penalty


#: Those that Keras has; by their own coefficients where only a name is given.
REGULARIZERS: Mapping[str, Regularizer] = {
    "l1": Regularizer("L1", *_l1_l2(0.125, 0.0), {"l1": 0.125}),
    "l2": Regularizer("L2", *_l1_l2(0.0, 0.25), {"l2": 0.25}),
    "l1_l2": Regularizer("L1L2", *_l1_l2(0.5, 0.125), {"l1": 0.5, "l2": 0.125}),
    "l1_by_default": Regularizer("L1", *_l1_l2(0.01, 0.0), is_exact=False),
    "l2_by_default": Regularizer("L2", *_l1_l2(0.0, 0.01), is_exact=False),
    "orthogonal_rows": Regularizer(
        "OrthogonalRegularizer", _orthogonal(0.5, 0), None, {"factor": 0.5, "mode": "rows"}, is_exact=False
    ),
    "orthogonal_columns": Regularizer(
        "OrthogonalRegularizer", _orthogonal(0.5, 1), None, {"factor": 0.5, "mode": "columns"}, is_exact=False
    ),
}
