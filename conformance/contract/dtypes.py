"""Dtypes: what is computed, stored and given back in which dtype, and how accurately in each."""

from __future__ import annotations

from collections.abc import Iterator

from conformance.answers import Level, Trial
from conformance.cases import Tier
from conformance.compare import Comparison, agree
from conformance.contract import errata, half_precision
from conformance.contract.checks import dtype_of_outputs, outputs_inside, those_bounded
from conformance.contract.clause import Clause, ask
from conformance.contract.gradients import every_gradient
from conformance.contract.half_precision import DENSE_PY, HALVES, MIXED
from conformance.contract.parameters import field_of_weights
from conformance.contract.tables import BOTH, EVERY, EXACT, FLOATS
from conformance.procedures import GRADIENTS

POLICIES = (*FLOATS, *HALVES)

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


# ---- clauses -------------------------------------------------------------------------------------------------------

CLAUSES = (
    Clause(
        id="dtypes.variables",
        says="The weights have the policy's variable dtype: float32 under a mixed policy.",
        source=POLICY_PY,
        guards="half-precision master weights, which lose every small update",
        level=Level.KERAS,
        asks=(*ask("build", dtype=HALVES), *ask("build", dtype=POLICIES, rank=(2, 3), use_bias=BOTH)),
        check=field_of_weights("dtype"),
    ),
    Clause(
        id="dtypes.outputs",
        says="The outputs have the policy's compute dtype.",
        source=POLICY_PY,
        guards="outputs that are widened to float32 on the way, which makes all that follows slower and different",
        level=Level.KERAS,
        asks=(
            *ask(dtype=HALVES),
            *ask(activation=("softmax", "softplus"), dtype=MIXED),
            *ask(activation=EVERY, dtype=HALVES, rank=(2, 3), tier=Tier.DEFAULT),
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
            *ask("differentiate", dtype=POLICIES),
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
                dtype=("float32", *HALVES),
                given="float64",
                nudge="up",
                tier=Tier.DEFAULT,
            ),
            *ask(
                "call_cast",
                rank=(2, 3),
                dtype=("float32", *HALVES),
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
    *half_precision.CLAUSES,
)
