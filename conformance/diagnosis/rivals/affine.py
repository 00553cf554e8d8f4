"""Rivals of the product and of the bias: what a forward pass gives whose defect comes before the activation."""

from __future__ import annotations

from collections.abc import Iterator

from conformance.diagnosis.rivals.axes import AXES
from conformance.diagnosis.rivals.bias import BIAS
from conformance.diagnosis.rivals.permutations import of_orders
from conformance.diagnosis.rivals.product import PRODUCT
from conformance.diagnosis.rivals.rival import Rival
from conformance.diagnosis.rivals.whole import WHOLE


def all_affine() -> Iterator[Rival]:
    yield from BIAS
    yield from PRODUCT
    yield from WHOLE
    yield from AXES
    yield from of_orders()
