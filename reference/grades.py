"""How accurate an implementation was: the rounding that each grade allows. docs/numerics.md, 2."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

#: lambda of the probabilistic bound min(n, lambda sqrt n) u: Higham and Mary, SIAM J. Sci. Comput. 41(5), 2019.
PROBABILISTIC_FACTOR = 4.0


@dataclass(frozen=True)
class Grade:
    """The rounding model of one accumulated product.

    probabilistic: errors grow with the square root of the number of terms, not with the number itself. That is no
    theorem for the data at hand, so such a grade is awarded and never a pass line.
    """

    name: str
    says: str
    probabilistic: bool = False

    def accumulation(self, terms: int, unit_roundoff: float) -> float:
        """The relative error of a sum of so many products, in any order, fused or not.

        n u without any condition on n u: Jeannerod and Rump, SIAM J. Matrix Anal. Appl. 34(2), 2013.
        """
        if self.probabilistic:
            return min(float(terms), PROBABILISTIC_FACTOR * terms**0.5) * unit_roundoff
        return terms * unit_roundoff


#: Best first.
GRADES: Mapping[str, Grade] = {
    "A": Grade("A", "rounding errors that cancel as random ones do: excellent", probabilistic=True),
    "B": Grade("B", "any order of summation in IEEE arithmetic of the layer's dtype: conformant"),
}

#: The pass line of float32 and float64. docs/numerics.md, 2.
PASS_LINE = GRADES["B"]
