"""Rivals of units or features that come in another order."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from conformance.diagnosis.exhibits import Exhibit, inside
from conformance.diagnosis.rivals.rival import Rival, forward
from conformance.diagnosis.rivals.steps import Change, of_kernel, of_product, of_z
from conformance.diagnosis.wording import nth
from conformance.truth import Posed
from reference.bounds import Problem
from reference.formats import Array
from reference.intervals import Interval

#: So many places → which place is taken to each.
Order = Callable[[int], NDArray[Any]]


def _evens_first(count: int) -> NDArray[Any]:
    return np.concatenate([np.arange(0, count, 2), np.arange(1, count, 2)])


def _odds_first(count: int) -> NDArray[Any]:
    return np.concatenate([np.arange(1, count, 2), np.arange(0, count, 2)])


def _backwards_in_blocks(block: int) -> Order:
    """Within each whole block."""

    def order(count: int) -> NDArray[Any]:
        whole = count // block * block
        turned = np.arange(whole).reshape(-1, block)[:, ::-1].ravel()
        return np.concatenate([turned, np.arange(whole, count)])

    return order


def _halves_swapped(count: int) -> NDArray[Any]:
    return np.roll(np.arange(count), -(count // 2))


def _read_across(block: int) -> Order:
    """Written in rows of a block, and read by its columns, where the count is a multiple."""

    def order(count: int) -> NDArray[Any]:
        return np.arange(count) if count % block else np.arange(count).reshape(-1, block).T.ravel()

    return order


def _inverse(order: Order) -> Order:
    return lambda count: np.argsort(order(count))


ORDERS: tuple[tuple[str, Order], ...] = (
    ("are reversed", lambda count: np.arange(count)[::-1]),
    ("are moved by one", lambda count: np.roll(np.arange(count), 1)),
    ("are moved by one", lambda count: np.roll(np.arange(count), -1)),
    ("come even ones first, then odd ones, counted from 0", _evens_first),
    ("come odd ones first, then even ones, counted from 0", _odds_first),
    ("of the first half and of the second alternate", _inverse(_evens_first)),
    ("of the second half and of the first alternate", _inverse(_odds_first)),
    ("of the two halves change places", _halves_swapped),
    *((f"are reversed in each block of {block}", _backwards_in_blocks(block)) for block in (2, 4, 8)),
    *((f"come column by column of rows of {block}", _read_across(block)) for block in (3, 4, 8)),
)


def of_orders() -> Iterator[Rival]:
    """Orders that a rule tells for any number of units or features."""
    for words, order in ORDERS:
        yield forward("units-reordered", f"the units {words}", of_z(_in(order)))
        yield forward(
            "units-reordered", f"the kernel's columns {words}, while the bias is right", of_product(_in(order))
        )
        yield forward("features-reordered", f"the features {words}", of_kernel(_of_features(order)))


def _of_features(order: Order) -> Callable[[Array, Problem], Array]:
    return lambda kernel, _: kernel[order(len(kernel))]


def _in(order: Order) -> Change:
    return lambda values: values[..., order(values.shape[-1])]


def of_seen_orders(failing: Sequence[Exhibit]) -> Iterator[Rival]:
    """The order of the units that linear outputs show, for each number of units that is seen."""
    for is_of_product, what in ((False, "units"), (True, "kernel's columns, not the bias,")):
        seen = _seen(failing, without_bias=is_of_product)
        moved = {count: order for count, order in seen.items() if (order != np.arange(count)).any()}
        if moved:
            count = max(moved)
            place = int(np.flatnonzero(moved[count] != np.arange(count))[0])
            says = (
                f"the {what} come in another order: of {count} the {nth(int(moved[count][place]))} is the {nth(place)}"
            )
            step = (of_product if is_of_product else of_z)(_in(_among(seen)))
            yield forward("units-reordered", says, step, applies=_is_of(seen))


def _among(seen: Mapping[int, NDArray[Any]]) -> Order:
    return lambda count: seen.get(count, np.arange(count))


def _is_of(seen: Mapping[int, NDArray[Any]]) -> Callable[[Posed], bool]:
    """Nothing is known of other numbers of units."""
    return lambda posed: posed.question.config.units in seen


def _seen(failing: Sequence[Exhibit], *, without_bias: bool) -> dict[int, NDArray[Any]]:
    found: dict[int, NDArray[Any]] = {}
    for exhibit in failing:
        units = exhibit.question.config.units
        if exhibit.question.config.activation == "linear" and exhibit.is_shaped and units not in found:
            order = _order(exhibit, without_bias=without_bias)
            if order is not None:
                found[units] = order
    return found


def _order(exhibit: Exhibit, *, without_bias: bool) -> NDArray[Any] | None:
    """Which unit's right outputs stand in each unit; None where that is not one order alone."""
    problem, units = exhibit.posed.problem, exhibit.question.config.units
    if problem.bias is not None and without_bias:
        return None
    assert exhibit.got is not None
    got = exhibit.got.reshape(-1, units)
    lower, upper = (ends.reshape(-1, units) for ends in (exhibit.right.lower, exhibit.right.upper))
    places = []
    for unit in range(units):
        fits = [
            other for other in range(units) if inside(got[:, unit], Interval(lower[:, other], upper[:, other])).all()
        ]
        if len(fits) != 1:
            return None
        places.append(fits[0])
    return np.array(places) if len(set(places)) == units else None
