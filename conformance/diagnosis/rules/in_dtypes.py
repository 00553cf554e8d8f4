"""In which dtypes an activation, or its slope, is wrong: said where others in which it is right would have shown it."""

from __future__ import annotations

from dataclasses import dataclass

from conformance.cases import Question
from conformance.diagnosis.exhibits import Inquiry
from conformance.diagnosis.wording import listed
from reference.activations import ACTIVATIONS
from reference.config import DenseConfig
from reference.elementwise import Elementwise
from reference.formats import POLICIES

#: Where an activation is followed over a range: families, and numbers of rows.
RANGES = (("grid", 509), ("tails", 251))
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
    failing = {dtype: _fails(_over_ranges(name, tensor, dtype), tensor, inquiry) for dtype in POLICIES}
    wrong = [dtype for dtype, fails in failing.items() if fails]
    coarsest = min((POLICIES[dtype].compute.precision for dtype in wrong), default=0)
    formats = [POLICIES[dtype].compute for dtype, fails in failing.items() if fails is False]
    showing = [each for each in formats if each.precision >= coarsest or worst >= SHOWING * each.unit_roundoff]
    return Dtypes(tuple(sorted(wrong)), bool(wrong) and (bool(showing) or failing["float32"] is False))


def _fails(questions: list[Question], tensor: str, inquiry: Inquiry) -> bool | None:
    """None where no such tensor came, or outputs are wrong before it."""
    found = [exhibit for question in questions for exhibit in inquiry.witness.exhibits(question)]
    own = [exhibit for exhibit in found if exhibit.name == tensor]
    if not own or any(exhibit.fails for exhibit in found if exhibit.name == "outputs" != tensor):
        return None
    return any(exhibit.fails for exhibit in own)


def _over_ranges(name: str, tensor: str, dtype: str) -> list[Question]:
    row, procedure = ACTIVATIONS[name], "call" if tensor == "outputs" else "differentiate"
    units = 1 if isinstance(row, Elementwise) else 3 if row.units_per_output == 1 else 2
    config = DenseConfig(units, name, True, dtype)
    return [Question(procedure, config, (rows, 1), family) for family, rows in RANGES]
