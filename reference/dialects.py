"""What differs between Keras versions: one row a range of versions, each measured on a release of that range."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from reference.activations import ACTIVATIONS, Activation
from reference.rivals import RIVALS

#: Names that every version from Keras 2 on accepts.
_ALWAYS = frozenset(
    {"linear", "relu", "relu6", "leaky_relu", "elu", "selu", "gelu", "silu", "swish", "sigmoid", "hard_sigmoid", "tanh"}
    | {"softplus", "softsign", "softmax", "log_softmax", "mish", "exponential"}
)
_SINCE_3_0 = _ALWAYS | {"hard_silu", "hard_swish"}
_SINCE_3_7 = _SINCE_3_0 | {
    "celu",
    "glu",
    "hard_tanh",
    "hard_shrink",
    "soft_shrink",
    "tanh_shrink",
    "log_sigmoid",
    "squareplus",
}
_SINCE_3_8 = _SINCE_3_7 | {"sparse_plus", "sparsemax"}
_SINCE_3_10 = _SINCE_3_8 | {"sparse_sigmoid"}


@dataclass(frozen=True)
class Dialect:
    """What one range of Keras versions means by Dense.

    name: `keras-` and the first version of the range. activations: the names that it accepts. redefined: those whose
    definition differs from `ACTIVATIONS`. divides_activity_loss: by the length of the first axis.
    takes_callables: a plain callable is a regularizer and a constraint. takes_arrays: an array is an initializer.
    keeps_losses_of_frozen: a layer that does not train has the penalties of its weights none the less.
    """

    name: str
    since: tuple[int, int]
    activations: frozenset[str]
    redefined: Mapping[str, Activation] = field(default_factory=dict, hash=False)
    divides_activity_loss: bool = False
    takes_callables: bool = False
    takes_arrays: bool = False
    keeps_losses_of_frozen: bool = False

    @property
    def generation(self) -> int:
        """2 or 3: Keras 3 was written anew."""
        return self.since[0]


#: In the order of their versions. The last range is open.
DIALECTS: tuple[Dialect, ...] = (
    Dialect(
        "keras-2.13",
        (2, 13),
        _ALWAYS,
        {"hard_sigmoid": RIVALS["hard_sigmoid"]},
        divides_activity_loss=True,
        takes_callables=True,
        keeps_losses_of_frozen=True,
    ),
    Dialect("keras-3.0", (3, 0), _SINCE_3_0),
    Dialect("keras-3.7", (3, 7), _SINCE_3_7),
    Dialect("keras-3.8", (3, 8), _SINCE_3_8),
    Dialect("keras-3.10", (3, 10), _SINCE_3_10),
    Dialect("keras-3.14", (3, 14), _SINCE_3_10, divides_activity_loss=True),
    Dialect("keras-3.15", (3, 15), _SINCE_3_10, divides_activity_loss=True, takes_callables=True, takes_arrays=True),
)


def dialect_of(keras_version: str) -> Dialect:
    """The dialect of a Keras version such as "3.15.1". Raises ValueError for older versions and for anything else."""
    numbers = re.match(r"(\d+)\.(\d+)", keras_version)
    version = (int(numbers[1]), int(numbers[2])) if numbers else (0, 0)
    spoken = [dialect for dialect in DIALECTS if dialect.since <= version]
    if not spoken:
        raise ValueError(f"Keras must be of version 2.13 or later, got {keras_version!r}")
    return spoken[-1]


def activation(name: str, dialect: Dialect) -> Activation:
    """What a dialect means by the name of an activation. Raises ValueError for one that it does not accept."""
    if name not in dialect.activations:
        raise ValueError(f"{dialect.name} has no activation {name!r}, only {', '.join(sorted(dialect.activations))}")
    return dialect.redefined.get(name, ACTIVATIONS[name])
