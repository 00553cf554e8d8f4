"""In which dtypes an activation, or its slope, is wrong: said where others in which it is right would have shown it."""

from __future__ import annotations

from dataclasses import dataclass

from conformance.diagnosis.exhibits import Inquiry, outputs_fail
from conformance.diagnosis.further import RANGES, over_range
from conformance.diagnosis.wording import listed
from reference.config import DenseConfig
from reference.formats import POLICIES

#: An error of so many roundings of a dtype shows in it.
SHOWING = 16


@dataclass(frozen=True)
class Dtypes:
    """Those in which it is wrong, and whether it is right in others that would have shown it, or in float32."""

    wrong: tuple[str, ...]
    are_some: bool

    @property
    def of_all(self) -> str:
        """The end of a clause that holds for each of them."""
        return f" in {listed(self.wrong)}" if self.are_some else ""

    def of_one(self, dtype: str) -> tuple[str, str]:
        """The same of what has limits that are this dtype's own, and the end of the sentence: of the others."""
        others = [each for each in self.wrong if each != dtype]
        of = f" in {dtype}" if others or self.are_some else ""
        return of, f"; in {listed(others)} it is wrong as well" if others else ""


def in_dtypes(name: str, tensor: str, worst: float, inquiry: Inquiry) -> Dtypes:
    """Of an activation's outputs, or of the inputs' gradient, that are off by so large a part of what is right."""
    failing = {dtype: _fails(name, dtype, tensor, inquiry) for dtype in POLICIES}
    wrong = [dtype for dtype, fails in failing.items() if fails]
    coarsest = min((POLICIES[dtype].compute.precision for dtype in wrong), default=0)
    formats = [POLICIES[dtype].compute for dtype, fails in failing.items() if fails is False]
    showing = [each for each in formats if each.precision >= coarsest or worst >= SHOWING * each.unit_roundoff]
    return Dtypes(tuple(sorted(wrong)), bool(wrong) and (bool(showing) or failing["float32"] is False))


def _fails(name: str, dtype: str, tensor: str, inquiry: Inquiry) -> bool | None:
    """None where no such tensor came, or outputs are wrong before it."""
    procedure = "call" if tensor == "outputs" else "differentiate"
    questions = [over_range(DenseConfig(1, name, True, dtype), *points, procedure) for points in RANGES]
    found = [exhibit for question in questions for exhibit in inquiry.witness.exhibits(question)]
    own = [exhibit for exhibit in found if exhibit.name == tensor]
    if not own or (tensor != "outputs" and outputs_fail(found)):
        return None
    return any(exhibit.fails for exhibit in own)
