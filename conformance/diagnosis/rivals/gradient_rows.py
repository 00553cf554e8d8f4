"""Rivals of gradients that are summed over some of the rows alone."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from math import prod

import numpy as np

from conformance.diagnosis.rivals.backward import Gradients, changed, gradient_of, gradients, one
from conformance.diagnosis.rivals.product import BLOCKS
from conformance.diagnosis.rivals.rival import Rival
from conformance.truth import Posed
from reference.formats import Mask
from reference.intervals import Interval

#: Of a question's rows (N,) those that count.
Which = Callable[[Posed], Mask]


def of_rows(name: str) -> Iterator[Rival]:
    for words, which in _PARTS:
        yield Rival(
            "gradient-of-some-rows", f"{gradient_of(name)} is that of {words} alone", one(name, _only(which, name))
        )


def of_inputs_rows() -> Iterator[Rival]:
    """Each row of the inputs' gradient has one row of the delta."""
    name = "inputs_gradient"
    for words, which in _PARTS:
        says = f"{gradient_of(name)} is 0 but for {words}"
        yield Rival("gradient-of-some-rows", says, changed((name,), partial(_kept, which)))


def _kept(which: Which, right: Interval, posed: Posed) -> Interval:
    rows = which(posed).reshape(*_leading(posed), 1)
    return Interval(np.where(rows, right.lower, 0.0), np.where(rows, right.upper, 0.0))


def _only(which: Which, name: str) -> Callable[[Posed], Gradients]:
    """The delta of some rows alone."""

    def made(posed: Posed) -> Gradients:
        weights = which(posed).astype(np.float64)[:, None]
        return gradients(posed, delta=lambda delta, _: delta * weights, names=(name,))

    return made


def _leading(posed: Posed) -> tuple[int, ...]:
    return posed.question.known_shape[:-1]


def _at_step(at: int) -> Which:
    """One place along every axis between batch and features."""

    def which(posed: Posed) -> Mask:
        shape = _leading(posed)
        mask = np.zeros(shape, bool)
        if mask.size:
            mask[(slice(None),) + (at,) * (len(shape) - 1)] = True
        return mask.ravel()

    return which


def _along(axis: int, at: int) -> Which:
    """One place along one axis, counted without the features; all rows where there is no such axis behind the batch."""

    def which(posed: Posed) -> Mask:
        shape = _leading(posed)
        place = axis if axis >= 0 else len(shape) + axis
        if place != 0 and not 0 < place < len(shape):
            return np.ones(prod(shape), bool)
        mask = np.zeros(shape, bool)
        if mask.size:
            np.moveaxis(mask, place, 0)[at] = True
        return mask.ravel()

    return which


def _behind_batch(at: int) -> Which:
    """The same of the axis before the features, where that is not the batch."""

    def which(posed: Posed) -> Mask:
        return _along(-1, at)(posed) if len(_leading(posed)) > 1 else np.ones(prod(_leading(posed)), bool)

    return which


def _rows(chosen: Callable[[int], Mask]) -> Which:
    """So many rows → which of them."""
    return lambda posed: chosen(prod(_leading(posed)))


def of_whole_blocks(block: int, *, if_any: bool = True) -> Callable[[int], Mask]:
    """if_any: all rows where there is no whole block, else none."""
    return lambda rows: np.arange(rows) < (rows // block * block if rows >= block or not if_any else rows)


def the_first(count: int) -> Callable[[int], Mask]:
    return lambda rows: np.arange(rows) < count


_PARTS: tuple[tuple[str, Which], ...] = (
    ("the first step of each sequence", _at_step(0)),
    ("the last step of each sequence", _at_step(-1)),
    ("the first entry of the axis before the features", _behind_batch(0)),
    ("the last entry of the axis before the features", _behind_batch(-1)),
    ("the first entry of axis 1", _along(1, 0)),
    ("the last entry of axis 1", _along(1, -1)),
    ("the first row of the batch", _along(0, 0)),
    ("the last row of the batch", _along(0, -1)),
    ("the first of all rows", _rows(lambda rows: np.arange(rows) == 0)),
    ("the last of all rows", _rows(lambda rows: np.arange(rows) == rows - 1)),
    ("all rows but the first", _rows(lambda rows: np.arange(rows) > 0)),
    ("all rows but the last", _rows(lambda rows: np.arange(rows) < rows - 1)),
    ("every second row", _rows(lambda rows: np.arange(rows) % 2 == 0)),
    ("the first half of the rows", _rows(lambda rows: np.arange(rows) < (rows + 1) // 2)),
    ("the second half of the rows", _rows(lambda rows: np.arange(rows) >= (rows + 1) // 2)),
    ("the rows from the middle on", _rows(lambda rows: np.arange(rows) >= rows // 2)),
    *((f"the first {count} rows", _rows(the_first(count))) for count in (*BLOCKS, 128)),
    *((f"the rows of whole blocks of {block}", _rows(of_whole_blocks(block, if_any=False))) for block in BLOCKS),
    *((f"the rows of whole blocks of {block}, where there is one,", _rows(of_whole_blocks(block))) for block in BLOCKS),
)
