"""Half precision, of the area dtypes: what float16 and bfloat16 give, and how accurately, where most things round."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from scipy.special import expit

from conformance.answers import Level, Trial
from conformance.cases import Tier
from conformance.compare import Comparison, agree
from conformance.contract import errata
from conformance.contract.checks import outputs_inside, overflows_with_its_sign
from conformance.contract.clause import Clause, ask
from conformance.contract.gradients import every_gradient
from conformance.contract.tables import BOTH, ELEMENTWISE, EVERY, EXACT, RANDOM_FAMILIES
from reference.activations import ACTIVATIONS
from reference.formats import Array, Format

HALF = ("float16", "bfloat16")
MIXED = ("mixed_float16", "mixed_bfloat16")
#: Every policy that computes in a half type.
HALVES = (*HALF, *MIXED)
#: Whose sums have no room to round, in the order of the families.
EXACT_FAMILIES = ("integers", "gather", "cancel", "scaled")

DENSE_PY = "keras/src/layers/core/dense.py: Dense.call"


# ---- formulas ------------------------------------------------------------------------------------------------------


def _gelu_by_tanh(z: Array) -> Array:
    return 0.5 * z * (1 + np.tanh(np.sqrt(2 / np.pi) * (z + 0.044715 * z**3)))


@dataclass(frozen=True)
class RivalFormula:
    """A formula that no bound of a half type tells from the activation's own, and the formats in which outputs do.

    bfloat16 is too coarse for gelu by tanh: z (1 + erf(z / sqrt(2))) / 2 in bfloat16 arithmetic is often nearer to it;
    and for the constants of selu, which bfloat16 arithmetic itself rounds to three digits.
    """

    activation: str
    name: str
    formula: Callable[[Array], Array]
    formats: tuple[str, ...] = HALF


RIVAL_FORMULAS = (
    RivalFormula("gelu", "tanh", _gelu_by_tanh, ("float16",)),
    RivalFormula("gelu", "z sigmoid(1.702 z)", lambda z: z * expit(1.702 * z)),
    RivalFormula(
        "selu",
        "three-digit constants",
        lambda z: 1.05 * np.where(z > 0, z, 1.67 * np.expm1(np.minimum(z, 0))),
        ("float16",),
    ),
)


# ---- checks --------------------------------------------------------------------------------------------------------


def nearer_to_the_true_formula(trial: Trial) -> Iterator[Comparison]:
    """Where two formulas differ by more than a quarter of an ulp, most outputs must be nearer to the true one.

    The first unit's pre-activation is the input itself. docs/numerics.md, 8.
    """
    outputs, name = trial.answer.tensor("outputs"), trial.question.config.activation
    z, format = trial.inputs[..., 0].astype(np.float64), trial.question.config.format
    for rival in RIVAL_FORMULAS:
        if rival.activation == name and format.name in rival.formats:
            nearer = None if outputs is None else _nearer(outputs, z, rival.formula, name, format)
            yield agree(f"most outputs are nearer to {name} than to that by {rival.name}", nearer, expected=True)


def _nearer(outputs: Array, z: Array, rival: Callable[[Array], Array], name: str, format: Format) -> bool | None:
    if outputs.shape[:-1] != z.shape:
        return None
    got, true, other = outputs[..., 0].astype(np.float64), ACTIVATIONS[name].value(z), rival(z)
    ulp = 2.0 ** (np.frexp(true)[1] - format.precision)
    decided = (np.abs(z) >= 0.25) & (np.abs(z) <= 4) & (np.abs(true - other) > ulp / 4)
    nearer = (np.abs(got - true) < np.abs(got - other))[decided]
    return bool(nearer.size and nearer.mean() > 0.5)


# ---- clauses -------------------------------------------------------------------------------------------------------

CLAUSES = (
    Clause(
        id="dtypes.half-overflow",
        says="In half types, too, sums beyond the largest number become infinite.",
        source="IEEE 754",
        guards="outputs that are clamped to the largest number, as fast float16 hardware does",
        level=Level.KERAS,
        asks=ask(family=("overflowing",), dtype=HALVES),
        check=overflows_with_its_sign,
    ),
    Clause(
        id="dtypes.half-exact",
        says="In half types, too, exact data give outputs and gradients to the last bit.",
        source=DENSE_PY,
        guards="a wrong axis, bias, formula or gradient that only the half-precision path has",
        level=Level.KERAS,
        asks=(
            *ask("differentiate", family=("integers", "gather"), dtype=HALVES),
            *(
                asked
                for seed, tier in (((1,), Tier.DEFAULT), ((2, 3), Tier.FULL))
                for asked in ask(
                    "differentiate",
                    activation=EXACT,
                    family=EXACT_FAMILIES,
                    dtype=HALVES,
                    use_bias=BOTH,
                    rank=(2, 3, 4),
                    seed=seed,
                    tier=tier,
                )
            ),
        ),
        check=every_gradient,
        errata=(errata.FLOAT16_SUMS,),
    ),
    Clause(
        id="dtypes.half-accumulator",
        says="Products of half types are summed in float32: huge terms that cancel leave the small ones.",
        source="tensorflow/core/kernels/matmul_op_impl.h, from TensorFlow 2.16 on; docs/numerics.md, 8",
        guards="a float16 or bfloat16 accumulator, which stagnates and overflows, sums stored in half after each block",
        level=Level.KERAS,
        asks=(
            *ask(family=("cancel",), dtype=HALVES, shape=((5, 7), (5, 61), (3, 257))),
            *ask(
                activation=("linear", "relu"),
                family=("cancel",),
                dtype=HALVES,
                shape=((5, 7), (3, 5, 61), (2, 64)),
                seed=(1, 2),
                tier=Tier.DEFAULT,
            ),
        ),
        check=outputs_inside,
        errata=(errata.FLOAT16_SUMS,),
    ),
    Clause(
        id="dtypes.half-arithmetic",
        says="Random data give outputs and gradients inside the certified rounding of half types.",
        source="docs/numerics.md, 8",
        guards="an activation or a gradient in a still narrower type, a bias gradient that loses rows",
        level=Level.KERAS,
        asks=(
            *ask("differentiate", activation=("linear", "tanh"), family=("normal", "positive"), dtype=HALVES),
            *ask(
                "differentiate",
                activation=EVERY,
                family=RANDOM_FAMILIES,
                dtype=HALVES,
                shape=((5, 8), (3, 5, 7)),
                tier=Tier.DEFAULT,
            ),
            *ask(
                "differentiate",
                activation=EVERY,
                family=RANDOM_FAMILIES,
                dtype=HALVES,
                shape=((5, 8), (16, 64)),
                seed=(1, 2),
                tier=Tier.FULL,
            ),
        ),
        check=every_gradient,
        is_graded=True,
        errata=errata.OF_HALF_GRADIENTS,
    ),
    Clause(
        id="dtypes.half-activations",
        says="In half types the activations and their slopes are Keras's own, on a dense grid of exact arguments.",
        source="keras/src/activations/activations.py",
        guards="another formula in the half-precision path",
        level=Level.KERAS,
        asks=(
            *ask(
                "differentiate",
                activation=ELEMENTWISE,
                family=("grid",),
                shape=((509, 1),),
                units=(1,),
                dtype=("float16",),
            ),
            *ask(
                "differentiate",
                activation=("tanh", "sigmoid", "gelu"),
                family=("grid",),
                shape=((509, 1),),
                units=(1,),
                dtype=("bfloat16",),
            ),
            *ask(
                "differentiate",
                activation=EVERY,
                family=("grid",),
                shape=((1021, 1),),
                units=(4,),
                dtype=HALVES,
                tier=Tier.DEFAULT,
            ),
            *ask(
                activation=ELEMENTWISE,
                family=("tails",),
                shape=((509, 1),),
                units=(1,),
                dtype=HALVES,
                tier=Tier.DEFAULT,
            ),
        ),
        check=every_gradient,
        errata=errata.OF_HALF_GRADIENTS,
    ),
    Clause(
        id="dtypes.half-formula",
        says="Where the bounds of half types cannot tell two formulas apart, most outputs are nearer to the true one.",
        source="keras/src/activations/activations.py; docs/numerics.md, 8",
        guards="gelu by tanh or by a sigmoid, rounded constants, in the half-precision path alone",
        level=Level.KERAS,
        asks=tuple(
            asked
            for activation, halves, mixed in (("gelu", HALF, MIXED), ("selu", HALF[:1], MIXED[:1]))
            for asked in (
                *ask(activation=(activation,), family=("grid",), shape=((4093, 1),), units=(1,), dtype=halves),
                *ask(
                    activation=(activation,),
                    family=("grid",),
                    shape=((16381, 1),),
                    units=(1,),
                    dtype=(*halves, *mixed),
                    tier=Tier.DEFAULT,
                ),
            )
        ),
        check=nearer_to_the_true_formula,
    ),
)
