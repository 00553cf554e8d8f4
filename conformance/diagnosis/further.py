"""Questions that nobody asked yet, like one that was: to hold what is said of where something shows to more of them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from math import prod

import numpy as np

from conformance.cases import Question
from reference.activations import ACTIVATIONS
from reference.config import DenseConfig
from reference.elementwise import Elementwise
from reference.formats import POLICIES

#: Lengths that features, units and batches are given: small ones, and both sides of a block.
LENGTHS = (1, 2, 3, 4, 5, 8, 9, 12, 16, 17, 32, 33, 64)
#: And many features of few rows, or many rows of few features.
MANY = (65, 100, 130, 300, 600, 1100)
#: Kernels as wide as they are long.
SQUARES = (2, 4, 5, 8, 9, 13, 16, 21)
#: Axes before the last, for each rank.
RANKS = (
    *((5,), (1,), (3, 5), (2, 3, 5), (2, 2, 3, 2), (2, 1, 3, 2, 2), (1, 2, 1, 3, 2, 2)),
    *((1, 1), (1, 4), (4, 1), (1, 1, 1), (2, 1, 3)),
    *((3, 13), (2, 40), (40, 2), (2, 5, 9)),  # many rows in few entries of the batch, and few in many
)
#: How many questions are drawn, and of which lengths their axes before the last are.
DRAWN = 60
AXES = (1, 2, 3, 4, 5, 7, 8, 9, 17)
#: Inputs without elements, and units beside them.
EMPTY_OF_FEATURES = ((5, 0), (4, 0), (1, 0), (3, 5, 0), (2, 4, 0), (2, 3, 5, 0))
EMPTY_OF_ROWS = ((0, 7), (0, 4), (0, 1), (0, 3, 7), (3, 0, 4), (0, 4, 7), (2, 3, 0, 4), (0, 2, 3, 4))
UNITS = (6, 13)
#: Where an activation is followed over a range: families, and numbers of rows.
RANGES = (("grid", 509), ("tails", 251))
#: So many elements of inputs or kernels are enough.
MOST = 2**15


def further(base: Question, activations: Sequence[str] = ()) -> Iterator[Question]:
    """Questions in which one length, the rank, the dtype, the activation or the bias is another, then all at once."""
    yield from _varied(base)
    yield from (_with_activation(base, name) for name in activations)
    yield from _drawn(base, activations)


def plainest(questions: Iterable[Question]) -> Question:
    """Of these questions one without activation, in two axes, of no special length."""
    return min(
        dict.fromkeys(questions),
        key=lambda each: (
            each.config.activation != "linear",
            each.config.dtype != "float32",
            abs(len(each.input_shape) - 2),
            (*each.known_shape, each.config.units).count(1),
            each.family != "normal",
        ),
    )


def over_range(config: DenseConfig, family: str, rows: int, procedure: str = "call") -> Question:
    """Of its activation, bias and dtype, with as few units as the activation takes and shows itself in."""
    name = config.activation
    units = 1 if isinstance(ACTIVATIONS[name], Elementwise) else 3 if _units_per_output(name) == 1 else 2
    return Question(procedure, DenseConfig(units, name, config.use_bias, config.dtype), (rows, 1), family)


def _units_per_output(name: str) -> int:
    return 2 // ACTIVATIONS[name].output_units(2)


def _with_activation(base: Question, name: str) -> Question:
    config = replace(base.config, activation=name, units=base.config.units * _units_per_output(name))
    return replace(base, config=config, family="normal", seed=base.seed + 303)


def _drawn(base: Question, activations: Sequence[str]) -> Iterator[Question]:
    """Questions in which everything is another at once: what holds of one thing at a time may not of two."""
    if 0 in base.known_shape:
        return
    rng = np.random.default_rng(base.seed + 606)
    for count in range(DRAWN):
        name = str(rng.choice(activations)) if activations and count % 2 else base.config.activation
        dtype = str(rng.choice([*POLICIES])) if count % 3 == 0 else base.config.dtype
        units = int(rng.choice(LENGTHS)) * _units_per_output(name)
        between = rng.choice(AXES, int(rng.integers(1, 5)))
        shape = (*map(int, between), int(rng.choice(LENGTHS)))
        config = replace(base.config, activation=name, dtype=dtype, units=units, use_bias=bool(rng.integers(2)))
        if prod(shape) * units <= MOST:
            yield replace(base, config=config, input_shape=shape, family="normal", seed=base.seed + 303)


def _emptied(base: Question) -> Iterator[Question]:
    """Of inputs without elements others, that lack rows or features as these do."""
    shapes = EMPTY_OF_FEATURES if base.known_shape[-1:] == (0,) else EMPTY_OF_ROWS
    for shape in shapes:
        for units in (base.config.units, *UNITS):
            for use_bias in (True, False):
                config = replace(base.config, units=units, use_bias=use_bias)
                yield replace(base, config=config, input_shape=shape)


def _varied(base: Question) -> Iterator[Question]:
    if len(base.known_shape) < 2:
        return
    if 0 in base.known_shape:
        yield from _emptied(base)
        return
    batch, *between, features = base.known_shape
    units = base.config.units

    def asked(shape: tuple[int, ...], units: int = units, use_bias: bool = base.config.use_bias) -> Question:
        config = replace(base.config, units=units, use_bias=use_bias)
        return replace(base, config=config, input_shape=shape, family="normal", seed=base.seed + 303)

    shapes = [
        *((length, *between, features) for length in LENGTHS),
        *((batch, *between, length) for length in LENGTHS),
        *((2, *between, length) for length in MANY),
        *((length, *between, 2) for length in MANY),
        *((*leading, features) for leading in RANKS),
        *((*leading, features) for leading in ((units,), (units, 5), (3, units), (units, 3, 5), (2, 3, units))),
    ]
    for shape in shapes:
        if prod(shape) * units <= MOST:
            yield asked(shape)
    whole = _units_per_output(base.config.activation)
    for length in (*LENGTHS, features):
        if length % whole == 0:
            yield asked(base.known_shape, units=length)
    for length in SQUARES:
        if length % whole == 0:
            yield asked((batch, *between, length), units=length)
    yield asked(base.known_shape, use_bias=not base.config.use_bias)
    dtypes = [dtype for dtype in POLICIES if dtype != base.config.dtype]
    yield from (replace(asked(base.known_shape), config=replace(base.config, dtype=dtype)) for dtype in dtypes)
