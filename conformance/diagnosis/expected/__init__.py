"""By the name of a mutant the defects that are right for it: what it declares, and what else is true of it."""

from __future__ import annotations

from collections.abc import Mapping

from conformance.diagnosis.expected.also import ALSO_KNOWN
from conformance.diagnosis.expected.apart import ALSO_APART, EXPECTED_APART
from conformance.diagnosis.expected.drawn import ALSO_DRAWN, EXPECTED_DRAWN
from conformance.diagnosis.expected.keras import EXPECTED_KERAS
from conformance.diagnosis.expected.once_apart import ALSO_ONCE_APART, EXPECTED_ONCE_APART
from conformance.diagnosis.expected.plain import EXPECTED_PLAIN

#: By the mutant's name the defects any of which is right.
EXPECTED: Mapping[str, tuple[str, ...]] = {
    **EXPECTED_PLAIN,
    **EXPECTED_KERAS,
    **EXPECTED_DRAWN,
    **EXPECTED_ONCE_APART,
    **EXPECTED_APART,
}
#: What else is true of a mutant.
ALSO: Mapping[str, tuple[str, ...]] = {**ALSO_KNOWN, **ALSO_DRAWN, **ALSO_ONCE_APART, **ALSO_APART}
