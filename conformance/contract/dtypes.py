"""Dtypes: what is computed, stored and given back in which dtype, and how accurately in each."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from scipy.special import expit

from conformance.answers import Level, Trial
from conformance.cases import Tier
from conformance.compare import Comparison, agree
from conformance.contract import errata
from conformance.contract.clause import Clause, ask
from conformance.contract.gradients import every_gradient
from conformance.contract.outputs import (
    BOTH,
    ELEMENTWISE,
    EVERY,
    EXACT,
    FLOATS,
    RANDOM_FAMILIES,
    dtype_of_outputs,
    outputs_inside,
    overflows_with_its_sign,
    those_bounded,
)
from conformance.contract.parameters import field_of_weights
from conformance.procedures import GRADIENTS
from reference.activations import ACTIVATIONS
from reference.formats import Array, Format

HALF = ("float16", "bfloat16")
MIXED = ("mixed_float16", "mixed_bfloat16")
POLICIES = (*FLOATS, *HALF, *MIXED)
#: Whose sums have no room to round, in the order of the families.
HALF_EXACT_FAMILIES = ("integers", "gather", "cancel", "scaled")

DENSE_PY = "keras/src/layers/core/dense.py: Dense.call"
LAYER_PY = "keras/src/layers/layer.py"
POLICY_PY = "keras/src/dtype_policies/dtype_policy.py"


# ---- checks --------------------------------------------------------------------------------------------------------


def dtypes_of_gradients(trial: Trial) -> Iterator[Comparison]:
    """A gradient has the dtype of what it belongs to: of the variables, or of the inputs as they were handed in."""
    expected = trial.question.config.variable_format.name
    for name in GRADIENTS:
        if name != "bias_gradient" or trial.question.config.use_bias:
            gradient = trial.answer.tensor(name)
            yield agree(f"dtype of the {name}", None if gradient is None else str(gradient.dtype), expected=expected)


def cast_outputs(trial: Trial) -> Iterator[Comparison]:
    """Values, dtype, and that the weights were not made in the dtype of the inputs."""
    yield from outputs_inside(trial)
    yield from dtype_of_outputs(trial)
    yield from field_of_weights("dtype")(trial)


#: The weights after what was done: where nothing was, to the last bit of the variables' dtype.
weights_after = those_bounded("kernel_after", "bias_after")


def declared_dtype(trial: Trial) -> Iterator[Comparison]:
    yield agree("output_dtype", trial.answer.fact("output_dtype"), expected=trial.facts["output_dtype"])


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
        id="dtypes.variables",
        says="The weights have the policy's variable dtype: float32 under a mixed policy.",
        source=POLICY_PY,
        guards="half-precision master weights, which lose every small update",
        level=Level.KERAS,
        asks=(*ask("build", dtype=(*HALF, *MIXED)), *ask("build", dtype=POLICIES, rank=(2, 3), use_bias=BOTH)),
        check=field_of_weights("dtype"),
    ),
    Clause(
        id="dtypes.outputs",
        says="The outputs have the policy's compute dtype.",
        source=POLICY_PY,
        guards="outputs that are widened to float32 on the way, which makes all that follows slower and different",
        level=Level.KERAS,
        asks=(
            *ask(dtype=(*HALF, *MIXED)),
            *ask(activation=EVERY, dtype=(*HALF, *MIXED), rank=(2, 3), tier=Tier.DEFAULT),
        ),
        check=dtype_of_outputs,
    ),
    Clause(
        id="dtypes.gradients",
        says="The gradients have the dtypes of the variables and of the inputs, whatever is computed in.",
        source=POLICY_PY,
        guards="half-precision gradients of float32 weights, or the reverse",
        level=Level.KERAS,
        asks=(
            *ask("differentiate", dtype=(*FLOATS, *HALF, *MIXED)),
            *ask("differentiate", activation=("relu", "tanh"), dtype=POLICIES, use_bias=BOTH, tier=Tier.DEFAULT),
        ),
        check=dtypes_of_gradients,
    ),
    Clause(
        id="dtypes.declared",
        says="A symbolic call declares the compute dtype.",
        source=LAYER_PY + ": Layer.symbolic_call",
        guards="a model whose next layer is built for another dtype",
        level=Level.KERAS,
        asks=ask("declare_dtype", dtype=POLICIES, shape=((None, 7),)),
        check=declared_dtype,
    ),
    Clause(
        id="dtypes.policy-argument",
        says="The dtype is taken as a name, a dtype of TensorFlow or a policy, and from the global policy where it is "
        "not given.",
        source=POLICY_PY,
        guards="a dtype argument that is ignored, a global policy that is not asked",
        level=Level.KERAS,
        asks=(
            *ask("call_under_policy", dtype=("float64", "mixed_float16"), policy_by="object"),
            *ask("call_under_policy", dtype=("float64", "mixed_bfloat16"), policy_by="global"),
            *ask("call_under_policy", dtype=("float64",), policy_by="dtype"),
            *ask("call_under_policy", dtype=POLICIES, policy_by="object", tier=Tier.DEFAULT),
            *ask("call_under_policy", dtype=POLICIES, policy_by="global", tier=Tier.DEFAULT),
            *ask("call_under_policy", dtype=POLICIES, policy_by="argument", tier=Tier.DEFAULT),
        ),
        check=cast_outputs,
    ),
    Clause(
        id="dtypes.inputs-cast",
        says="Inputs of any numeric dtype are cast to the compute dtype, and change the dtype of nothing.",
        source=LAYER_PY + ": Layer.__call__; " + DENSE_PY,
        guards="integers that are refused, or cast by way of a narrower type; a layer that computes in the dtype of "
        "its inputs",
        level=Level.KERAS,
        asks=(
            *ask("call_cast", family=("bits",), given="int32"),
            *ask("call_cast", family=("bits",), given="bool"),
            *ask("call_cast", family=("bits",), given="float64"),
            *ask("call_cast", family=("bits",), dtype=("mixed_float16",), given="float32"),
            *ask("call_cast", family=("bits",), given="float32", handed="array"),
            *ask("call_cast", family=("bytes",), given="uint8"),
            *ask("call_cast", family=("counts",), given="int32"),
            *ask("call_cast", family=("counts",), dtype=("float64",), given="int64"),
            *ask("call_cast", family=("large_counts",), given="int64"),
            *(
                asked
                for given in ("int32", "int64")
                for asked in ask("call_cast", family=("counts",), dtype=POLICIES, given=given, tier=Tier.DEFAULT)
            ),
            *ask("call_cast", family=("bytes",), dtype=POLICIES, given="uint8", tier=Tier.DEFAULT),
            *ask("call_cast", family=("large_counts",), dtype=FLOATS, given="int64", tier=Tier.DEFAULT),
            *ask("call_cast", family=("bits",), dtype=FLOATS, given="int32", handed="array", tier=Tier.DEFAULT),
            *(
                asked
                for given in ("int8", "uint8", "int32", "int64", "bool", "float16", "bfloat16", "float32", "float64")
                for asked in ask(
                    "call_cast", family=("bits",), rank=(2, 3), dtype=POLICIES, given=given, tier=Tier.DEFAULT
                )
            ),
        ),
        check=cast_outputs,
    ),
    Clause(
        id="dtypes.inputs-differentiated",
        says="For integer inputs, too, the weights have their gradients.",
        source=LAYER_PY + ": Layer.__call__",
        guards="a path for integers that nothing can be differentiated through",
        level=Level.KERAS,
        asks=(
            *ask("differentiate_cast", family=("bits",), given="int32"),
            *ask(
                "differentiate_cast",
                family=("bits",),
                activation=("linear", "relu"),
                rank=(2, 3),
                dtype=("float64", "mixed_float16"),
                given="int64",
                tier=Tier.DEFAULT,
            ),
        ),
        check=those_bounded("outputs", "kernel_gradient", "bias_gradient"),
    ),
    Clause(
        id="dtypes.inputs-rounded",
        says="Wider inputs are rounded to nearest in the compute dtype before anything is computed.",
        source=LAYER_PY + ": Layer.__call__",
        guards="a product in the inputs' own dtype, truncation",
        level=Level.KERAS,
        asks=(
            *ask("call_cast", given="float64", nudge="up"),
            *ask("call_cast", given="float64", nudge="down"),
            *ask(
                "call_cast",
                rank=(2, 3),
                dtype=("float32", *HALF, *MIXED),
                given="float64",
                nudge="up",
                tier=Tier.DEFAULT,
            ),
            *ask(
                "call_cast",
                rank=(2, 3),
                dtype=("float32", *HALF, *MIXED),
                given="float64",
                nudge="down",
                tier=Tier.DEFAULT,
            ),
        ),
        check=outputs_inside,
    ),
    Clause(
        id="dtypes.weights-kept",
        says="Weights keep every bit of the variables' dtype.",
        source=LAYER_PY + ": Layer.add_weight",
        guards="a kernel that is stored in a narrower type",
        level=Level.KERAS,
        asks=(
            *ask("keep_weights", family=("normal",), dtype=(*FLOATS, *MIXED)),
            *ask("keep_weights", family=("normal",), dtype=POLICIES, use_bias=BOTH, rank=(2, 3), tier=Tier.DEFAULT),
        ),
        check=weights_after,
    ),
    Clause(
        id="dtypes.mixed-rounds-operands",
        says="Under a mixed policy inputs and kernel are rounded to nearest in the compute dtype before the product.",
        source=POLICY_PY + "; keras/src/backend/common/variables.py: autocast",
        guards="a product in float32, a cast that truncates",
        level=Level.KERAS,
        asks=(
            *ask(family=("uncast",), dtype=MIXED),
            *ask(activation=EXACT, family=("uncast",), dtype=MIXED, rank=(2, 3), seed=(1, 2), tier=Tier.DEFAULT),
        ),
        check=outputs_inside,
        errata=(errata.FLOAT16_SUMS,),
    ),
    Clause(
        id="dtypes.full-precision",
        says="float32 and float64 are computed in their own precision from end to end: operands, sums, activation, "
        "gradients.",
        source=POLICY_PY + ": compute_dtype",
        guards="operands rounded as TF32 or bfloat16, float64 computed in float32, one of the two in some shapes alone",
        level=Level.KERAS,
        asks=(
            *ask("differentiate", family=("gather", "wide"), dtype=FLOATS, rank=(2, 3)),
            *ask("differentiate", activation=("tanh", "softmax"), family=("normal",), dtype=FLOATS, rank=(2, 3)),
            *ask(
                "differentiate",
                activation=("linear", "gelu", "softmax"),
                family=("normal", "gather"),
                shape=((5, 8), (3, 5, 7), (2, 3, 5, 7), (5, 509)),
                dtype=FLOATS,
                tier=Tier.DEFAULT,
            ),
        ),
        check=every_gradient,
        is_graded=True,
        errata=errata.OF_GRADIENTS,
    ),
    Clause(
        id="dtypes.half-overflow",
        says="In half types, too, sums beyond the largest number become infinite.",
        source="IEEE 754",
        guards="outputs that are clamped to the largest number, as fast float16 hardware does",
        level=Level.KERAS,
        asks=ask(family=("overflowing",), dtype=(*HALF, *MIXED)),
        check=overflows_with_its_sign,
    ),
    Clause(
        id="dtypes.half-exact",
        says="In half types, too, exact data give outputs and gradients to the last bit.",
        source=DENSE_PY,
        guards="a wrong axis, bias, formula or gradient that only the half-precision path has",
        level=Level.KERAS,
        asks=(
            *ask("differentiate", family=("integers", "gather"), dtype=(*HALF, *MIXED)),
            *ask(
                "differentiate",
                activation=EXACT,
                family=HALF_EXACT_FAMILIES,
                dtype=(*HALF, *MIXED),
                use_bias=BOTH,
                rank=(2, 3, 4),
                seed=(1,),
                tier=Tier.DEFAULT,
            ),
            *ask(
                "differentiate",
                activation=EXACT,
                family=HALF_EXACT_FAMILIES,
                dtype=(*HALF, *MIXED),
                use_bias=BOTH,
                rank=(2, 3, 4),
                seed=(2, 3),
                tier=Tier.FULL,
            ),
        ),
        check=every_gradient,
        errata=(errata.FLOAT16_SUMS,),
    ),
    Clause(
        id="dtypes.half-accumulator",
        says="Products of half types are summed in float32: huge terms that cancel leave the small ones.",
        source="tensorflow/core/kernels/matmul_op_impl.h, from TensorFlow 2.16 on; docs/numerics.md, 8",
        guards="a float16 or bfloat16 accumulator, which stagnates and overflows",
        level=Level.KERAS,
        asks=(
            *ask(family=("cancel",), dtype=(*HALF, *MIXED), shape=((5, 7), (5, 61))),
            *ask(
                activation=("linear", "relu"),
                family=("cancel",),
                dtype=(*HALF, *MIXED),
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
            *ask("differentiate", activation=("linear", "tanh"), family=("normal", "positive"), dtype=(*HALF, *MIXED)),
            *ask(
                "differentiate",
                activation=EVERY,
                family=RANDOM_FAMILIES,
                dtype=(*HALF, *MIXED),
                shape=((5, 8), (3, 5, 7)),
                tier=Tier.DEFAULT,
            ),
            *ask(
                "differentiate",
                activation=EVERY,
                family=RANDOM_FAMILIES,
                dtype=(*HALF, *MIXED),
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
                dtype=(*HALF, *MIXED),
                tier=Tier.DEFAULT,
            ),
            *ask(
                activation=ELEMENTWISE,
                family=("tails",),
                shape=((509, 1),),
                units=(1,),
                dtype=(*HALF, *MIXED),
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
