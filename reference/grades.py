"""How accurate an implementation was: the rounding that each grade allows. docs/numerics.md, 2."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import expm1

from reference.formats import FORMATS, Format

#: lambda of the probabilistic bound min(n, lambda sqrt n) u: Higham and Mary, SIAM J. Sci. Comput. 41(5), 2019.
PROBABILISTIC_FACTOR = 4.0


@dataclass(frozen=True)
class Grade:
    """The rounding model of one accumulated product, in a layer that computes in some format.

    probabilistic: errors grow with the square root of the number of terms, not with the number itself. That is no
    theorem for the data at hand, so such a grade is awarded and never a pass line. sums_narrowly: in a 16-bit type.
    operand_roundoff: each operand is rounded first, with this relative error. truncates: sums are truncated, as tensor
    cores do, not rounded to nearest. stores_within: products of half types are stored within so many half ulps.
    computes_in: the format of the whole layer, where that is another one.
    """

    name: str
    says: str
    probabilistic: bool = False
    sums_narrowly: bool = False
    operand_roundoff: float = 0.0
    truncates: bool = False
    stores_within: float = 1.0
    computes_in: str | None = None

    def accumulator(self, format: Format) -> Format:
        """What a layer of this format sums in: float32 for half types, else its own format, if not a narrow one.

        Of the narrow ones bfloat16 has the larger roundoff, so that its bound covers float16 too.
        """
        if self.sums_narrowly:
            return format if format.is_half else FORMATS["bfloat16"]
        return FORMATS["float32"] if format.is_half else format

    def accumulation(self, terms: int, unit_roundoff: float) -> float:
        """The relative error of a sum of so many products, in any order, fused or not.

        n u without any condition on n u: Jeannerod and Rump, SIAM J. Matrix Anal. Appl. 34(2), 2013. A truncating
        accumulator has twice the roundoff, and gamma_n = n u / (1 - n u).
        """
        if self.probabilistic:
            return min(float(terms), PROBABILISTIC_FACTOR * terms**0.5) * unit_roundoff
        if not self.truncates:
            return terms * unit_roundoff
        doubled = terms * 2 * unit_roundoff
        return doubled / (1 - doubled) if doubled < 0.5 else expm1(2 * doubled)


#: By name.
GRADES: Mapping[str, Grade] = {
    grade.name: grade
    for grade in (
        Grade("A", "rounding errors that cancel as random ones do: excellent", probabilistic=True),
        Grade("B", "any order of summation in IEEE arithmetic of the layer's dtype, half types summed in float32"),
        Grade("F", "the same, products of half types stored within one ulp", stores_within=2.0),
        Grade("S", "half types summed in the half type itself", sums_narrowly=True, stores_within=2.0),
        Grade("C", "operands rounded to 11 bits, as TF32 does", operand_roundoff=2.0**-11, truncates=True),
        Grade("D", "operands rounded to 8 bits, as bfloat16 does", operand_roundoff=2.0**-8, truncates=True),
        Grade("N", "summed in a 16-bit type", operand_roundoff=2.0**-8, truncates=True, sums_narrowly=True),
        Grade("E", "float64 computed in float32", operand_roundoff=2.0**-24, computes_in="float32"),
    )
}

_HALF = tuple(GRADES[name] for name in "ABFS")
#: The grades that a layer of each format can have, best first; one that meets none of them is worse than all.
LADDERS: Mapping[str, tuple[Grade, ...]] = {
    "float16": _HALF,
    "bfloat16": _HALF,
    "float32": tuple(GRADES[name] for name in "ABCDN"),
    "float64": tuple(GRADES[name] for name in "ABE"),
}
#: What conforms. TensorFlow's own bfloat16 product on the CPU is truncated, not rounded: F is what it has.
PASS_LINES: Mapping[str, Grade] = {
    "float16": GRADES["F"],
    "bfloat16": GRADES["F"],
    "float32": GRADES["B"],
    "float64": GRADES["B"],
}
#: The same for sums over a batch: TensorFlow and JAX sum half types in the half type itself. The bias's gradient is
#: one; from rank 3 on so is the kernel's, where the product is batched: tf.matmul, and Dense in Keras 3.0 to 3.14.
BATCH_SUM_PASS_LINES: Mapping[str, Grade] = {**PASS_LINES, "float16": GRADES["S"], "bfloat16": GRADES["S"]}
