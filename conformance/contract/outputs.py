"""The outputs: activation(inputs @ kernel + bias), to the last bit where nothing rounds, else inside the interval."""

from __future__ import annotations

from conformance.answers import Level
from conformance.cases import Tier
from conformance.contract import errata
from conformance.contract.checks import dtype_of_outputs, each_row_alone, outputs_inside
from conformance.contract.clause import Clause, ask
from conformance.contract.tables import (
    APPROXIMATED,
    BOTH,
    ELEMENTWISE,
    EVERY,
    EXACT,
    EXACT_FAMILIES,
    FLOATS,
    PIECEWISE,
    RANDOM_FAMILIES,
    ROWWISE,
    SMOOTH,
)

DENSE_PY = "keras/src/layers/core/dense.py: Dense.call"
ACTIVATIONS_PY = "keras/src/activations/activations.py"


# ---- clauses -------------------------------------------------------------------------------------------------------

CLAUSES = (
    Clause(
        id="outputs.affine",
        says="Without an activation the outputs are inputs @ kernel + bias, the product running over the last axis.",
        source=DENSE_PY,
        guards="a transposed or permuted kernel, a lost feature, tiny weights taken for 0, rows and units of zeros "
        "that are left out, a bias that is dropped, doubled or subtracted, or left out where one of it is 0",
        level=Level.INFERENCE,
        asks=(
            *ask(family=EXACT_FAMILIES, dtype=FLOATS),
            *ask(family=("sparse",), rank=(2, 3)),
            *ask(family=("sparse",), rank=(2, 3, 4), use_bias=BOTH, dtype=FLOATS, seed=(1, 2), tier=Tier.DEFAULT),
            *ask(family=EXACT_FAMILIES, dtype=FLOATS, seed=range(1, 5), tier=Tier.DEFAULT),
            *ask(family=EXACT_FAMILIES, dtype=FLOATS, seed=range(5, 15), tier=Tier.FULL),
        ),
        check=outputs_inside,
    ),
    Clause(
        id="outputs.activation-formula",
        says="The activation is Keras's own function of that name, on a dense grid of exact pre-activations.",
        source=ACTIVATIONS_PY,
        guards="gelu by tanh, a leaky slope of 0.01 or 0.3, Keras 2's hard_sigmoid, three-digit selu constants, "
        "approximations of exp (apple/coremltools#2863), and of erf that are good for float32 alone",
        level=Level.INFERENCE,
        asks=(
            *ask(activation=ELEMENTWISE, family=("grid",), shape=((509, 1),), units=(1,)),
            *ask(activation=ROWWISE, family=("grid",), shape=((509, 1),), units=(3,)),
            *ask(activation=APPROXIMATED, family=("grid",), shape=((509, 1),), units=(1,), dtype=("float64",)),
            *ask(
                activation=ELEMENTWISE,
                family=("grid",),
                shape=((4093, 1),),
                units=(1,),
                dtype=FLOATS,
                tier=Tier.DEFAULT,
            ),
            *ask(
                activation=ROWWISE, family=("grid",), shape=((1021, 1),), units=(2, 5), dtype=FLOATS, tier=Tier.DEFAULT
            ),
            *ask(
                activation=ELEMENTWISE,
                family=("grid",),
                shape=((16381, 1),),
                units=(1,),
                dtype=FLOATS,
                seed=range(1, 5),
                tier=Tier.FULL,
            ),
            *ask(
                activation=ELEMENTWISE,
                family=("grid",),
                shape=((131071, 1),),
                units=(1,),
                dtype=FLOATS,
                seed=range(5, 15),
                tier=Tier.EXHAUSTIVE,
            ),
        ),
        check=outputs_inside,
        errata=errata.OF_VALUES,
    ),
    Clause(
        id="outputs.activation-tails",
        says="The activation keeps its value in both tails, up to the largest finite pre-activations.",
        source=ACTIVATIONS_PY,
        guards="exp that overflows on the way to a finite result, clamped arguments, a threshold that is too low",
        level=Level.INFERENCE,
        asks=(
            *ask(activation=ELEMENTWISE, family=("tails",), shape=((251, 1),), units=(1,)),
            *ask(activation=ROWWISE, family=("tails",), shape=((251, 1),), units=(3,)),
            *ask(activation=APPROXIMATED, family=("tails",), shape=((251, 1),), units=(1,), dtype=("float64",)),
            *ask(
                activation=ROWWISE,
                family=("tails",),
                shape=((251, 1),),
                units=(3,),
                dtype=("float64",),
                tier=Tier.DEFAULT,
            ),
            *ask(
                activation=ELEMENTWISE,
                family=("tails",),
                shape=((2039, 1),),
                units=(1,),
                dtype=FLOATS,
                tier=Tier.DEFAULT,
            ),
        ),
        check=outputs_inside,
        errata=errata.OF_VALUES,
    ),
    Clause(
        id="outputs.exact-pieces",
        says="Where an activation is linear or constant its result is exact, and so are sigmoid(0), tanh(0), "
        "exp(0) and their like.",
        source=ACTIVATIONS_PY,
        guards="a smooth approximation used on the whole line, an epsilon in a denominator",
        level=Level.INFERENCE,
        asks=(
            *ask(activation=PIECEWISE, use_bias=(False,)),
            *ask(activation=SMOOTH, use_bias=(False,)),
            *ask(activation=(*PIECEWISE, *SMOOTH), use_bias=(False,), dtype=FLOATS, seed=(1, 2), tier=Tier.DEFAULT),
        ),
        check=outputs_inside,
        errata=errata.OF_VALUES,
    ),
    Clause(
        id="outputs.one-unit-softmax",
        says="A softmax over one unit is 1, or a neighbour of 1 where a quotient is only faithfully rounded.",
        source=ACTIVATIONS_PY + ": softmax",
        guards="an epsilon in softmax's denominator, which random rows cannot show; softmax over the batch",
        level=Level.INFERENCE,
        asks=(
            *ask(activation=("softmax",), units=(1,)),
            *ask(activation=("softmax",), units=(1,), dtype=FLOATS, seed=(1,), tier=Tier.DEFAULT),
        ),
        check=outputs_inside,
    ),
    Clause(
        id="outputs.without-bias",
        says="With use_bias=False nothing is added to inputs @ kernel.",
        source=DENSE_PY,
        guards="a bias that is created, or added as a constant, although none was asked for",
        level=Level.INFERENCE,
        asks=(
            *ask(activation=("linear", "relu"), use_bias=(False,)),
            *ask(activation=EXACT, use_bias=(False,), family=EXACT_FAMILIES, dtype=FLOATS, tier=Tier.DEFAULT),
        ),
        check=outputs_inside,
    ),
    Clause(
        id="outputs.bias-before-activation",
        says="The bias is added to inputs @ kernel before the activation is applied.",
        source=DENSE_PY,
        guards="a fused kernel that adds the bias last: right for linear, wrong for all else",
        level=Level.INFERENCE,
        asks=(
            *ask(activation=("relu", "relu6")),
            *ask(activation=EXACT[1:], family=EXACT_FAMILIES, dtype=FLOATS, tier=Tier.DEFAULT),
        ),
        check=outputs_inside,
    ),
    Clause(
        id="outputs.every-rank",
        says="Inputs of every rank from 2 to 6 are multiplied along their last axis, row by row.",
        source=DENSE_PY,
        guards="rows mixed up, or another path, from some rank on (intel/ipex-llm#2123, tf-encrypted/tf-encrypted#481)",
        level=Level.INFERENCE,
        asks=(
            *ask(activation=("linear", "relu", "tanh"), rank=(2, 3, 4, 5, 6)),
            *ask(family=(*EXACT_FAMILIES, "normal"), rank=(3, 4, 5, 6), dtype=FLOATS, seed=(1, 2), tier=Tier.DEFAULT),
        ),
        check=outputs_inside,
    ),
    Clause(
        id="outputs.last-axis",
        says="softmax, log_softmax, sparsemax and glu act on the last axis, whatever the rank.",
        source=ACTIVATIONS_PY + ": axis=-1",
        guards="softmax over axis 1, over the batch, or over everything",
        level=Level.INFERENCE,
        asks=(
            *ask(activation=ROWWISE, rank=(3, 4)),
            *ask(activation=ROWWISE, rank=(2, 3, 4, 5), dtype=FLOATS, seed=(1,), tier=Tier.DEFAULT),
        ),
        check=outputs_inside,
        errata=errata.OF_VALUES,
    ),
    Clause(
        id="outputs.every-setting",
        says="Every activation is right with and without bias, for every rank from 2 to 6 and every dtype.",
        source=DENSE_PY,
        guards="a combination that takes another path: a fused kernel for one activation, or with bias alone",
        level=Level.INFERENCE,
        asks=(
            *ask(activation=("linear", "relu", "tanh"), use_bias=BOTH, rank=(2, 3)),
            *ask(activation=EVERY, rank=(2, 3, 4, 5, 6), use_bias=BOTH, dtype=FLOATS, tier=Tier.DEFAULT),
        ),
        check=outputs_inside,
        errata=errata.OF_VALUES,
    ),
    Clause(
        id="outputs.batch-size",
        says="A batch may have any length: 0, 1, or more than a kernel's tile.",
        source=DENSE_PY,
        guards="a batch padded or cut at 32, a batch of one that is squeezed, an empty one that is refused",
        level=Level.INFERENCE,
        asks=(
            *ask(shape=((0, 7), (1, 7), (33, 7), (257, 7))),
            *ask(family=("normal",), shape=((33, 7), (257, 7))),
            *ask(
                activation=("linear", "relu", "tanh", "softmax"),
                shape=((0, 7), (1, 7), (31, 7), (32, 7), (33, 7), (64, 7), (67, 7), (1, 1, 7), (0, 3, 7), (131, 3, 7)),
                dtype=FLOATS,
                tier=Tier.DEFAULT,
            ),
            *ask(
                family=("integers", "normal"),
                shape=((33, 7), (67, 7), (257, 7), (1031, 7), (4099, 7)),
                dtype=FLOATS,
                tier=Tier.DEFAULT,
            ),
            *ask(shape=((65537, 7),), tier=Tier.FULL),
        ),
        check=outputs_inside,
    ),
    Clause(
        id="outputs.rows-independent",
        says="A row's outputs do not depend on the other rows of the batch.",
        source=DENSE_PY,
        guards="statistics over the batch, a scale or a maximum shared by all rows",
        level=Level.INFERENCE,
        asks=(
            *ask("call_rows", activation=("linear", "relu", "softmax"), rank=(2, 3)),
            *ask("call_rows", family=("wide_range",), rank=(2, 3)),
            *ask(
                "call_rows",
                activation=("linear", "relu", "tanh", "softmax", "gelu"),
                rank=(2, 3),
                family=("integers", "gather", "normal"),
                dtype=FLOATS,
                tier=Tier.DEFAULT,
            ),
        ),
        check=each_row_alone,
        errata=errata.OF_VALUES,
    ),
    Clause(
        id="outputs.units",
        says="Any number of units is right, one included; the last unit is as good as the first.",
        source=DENSE_PY,
        guards="units padded to a multiple of 4 or 8, a remainder loop that is off by one, one unit squeezed, "
        "a softmax over 32 units at a time",
        level=Level.INFERENCE,
        asks=(
            *ask(units=(1, 3, 4, 5, 7, 8, 64, 257)),
            *ask(activation=("softmax", "log_softmax"), units=(67,)),
            *ask(
                activation=("linear", "relu", "sigmoid", "softmax", "glu"),
                units=(1, 2, 3, 4, 5, 7, 8, 16, 17, 31, 64, 67, 257),
                rank=(2, 3),
                family=("integers", "normal"),
                dtype=FLOATS,
                tier=Tier.DEFAULT,
            ),
        ),
        check=outputs_inside,
    ),
    Clause(
        id="outputs.many-features",
        says="The sum runs over all input features, however many, and loses none of them to a narrow accumulator.",
        source=DENSE_PY,
        guards="a sum cut at 256 features, an accumulator of fewer bits, a term lost between a huge one and its "
        "negative, an activation of each part of a sum that is split",
        level=Level.INFERENCE,
        asks=(
            *ask(family=("integers", "cancel"), shape=((5, 257), (3, 509))),
            *ask(activation=("relu",), shape=((5, 257),)),
            *ask(
                activation=("linear", "relu"),
                family=EXACT_FAMILIES,
                shape=((5, 1), (5, 61), (5, 255), (5, 257), (3, 509), (2, 3, 1021)),
                dtype=FLOATS,
                tier=Tier.DEFAULT,
            ),
            *ask(family=EXACT_FAMILIES, shape=((3, 4093),), dtype=FLOATS, tier=Tier.DEFAULT),
            *ask(family=EXACT_FAMILIES, shape=((2, 16381),), dtype=FLOATS, tier=Tier.FULL),
        ),
        check=outputs_inside,
    ),
    Clause(
        id="outputs.arithmetic",
        says="Random data give results inside the certified rounding of IEEE arithmetic in the layer's dtype.",
        source="docs/numerics.md, 2",
        guards="operands or kernel rounded to bfloat16, float16 or TF32, a product of lower precision "
        "(tensorflow/tensorflow#42350)",
        level=Level.INFERENCE,
        asks=(
            *ask(activation=("linear", "tanh", "gelu"), family=RANDOM_FAMILIES, shape=((3, 5, 7), (16, 64))),
            *ask(
                activation=("linear", "relu", "tanh", "gelu", "sigmoid", "softmax", "silu", "softplus"),
                family=RANDOM_FAMILIES,
                shape=((5, 1), (3, 5, 7), (16, 64), (5, 509)),
                dtype=FLOATS,
                tier=Tier.DEFAULT,
            ),
            *ask(activation=EVERY, family=RANDOM_FAMILIES, shape=((5, 8),), dtype=FLOATS, seed=(1,), tier=Tier.DEFAULT),
            *ask(
                activation=EVERY,
                family=RANDOM_FAMILIES,
                shape=((5, 8), (16, 64), (7, 1021)),
                dtype=FLOATS,
                seed=(1, 2, 3),
                tier=Tier.FULL,
            ),
        ),
        check=outputs_inside,
        is_graded=True,
        errata=errata.OF_VALUES,
    ),
    Clause(
        id="outputs.float64-precision",
        says="A float64 layer computes in float64 from end to end.",
        source="keras/src/dtype_policies/dtype_policy.py: compute_dtype",
        guards="a product, a kernel or an activation in float32 behind a float64 signature, which a tolerance of "
        "1e-6 lets pass",
        level=Level.INFERENCE,
        asks=(
            *ask(activation=("linear", "relu", "tanh"), family=("gather", "normal"), dtype=("float64",), rank=(2, 3)),
            *ask(activation=EVERY, family=("gather", "normal"), dtype=("float64",), rank=(2, 3), tier=Tier.DEFAULT),
        ),
        check=outputs_inside,
        errata=errata.OF_VALUES,
    ),
    Clause(
        id="outputs.dtype",
        says="The outputs have the layer's dtype.",
        source="keras/src/dtype_policies/dtype_policy.py: compute_dtype",
        guards="float64 that leaks out of a float32 layer, float32 that comes out of a float64 one",
        level=Level.INFERENCE,
        asks=(
            *ask(activation=("linear", "relu"), dtype=FLOATS, rank=(2, 3)),
            *ask(activation=EVERY, dtype=FLOATS, rank=(2,), tier=Tier.DEFAULT),
        ),
        check=dtype_of_outputs,
    ),
    Clause(
        id="outputs.activation-argument",
        says="activation may be a name, a function, a layer, or None for none at all; it is called on all axes.",
        source="keras/src/activations/__init__.py: get",
        guards="a callable that is ignored, None that means something else than linear",
        level=Level.KERAS,
        asks=(
            *ask("call_constructed", activation=("relu", "tanh"), activation_as="name"),
            *ask("call_constructed", activation=("relu", "tanh"), activation_as="function"),
            *ask("call_constructed", activation=("relu", "tanh"), activation_as="layer"),
            *ask("call_constructed", activation_as="none"),
            *ask("call_constructed", activation=("relu",), rank=(3,), activation_as="own"),
            *ask(
                "call_constructed", activation=("gelu", "softmax", "mish"), activation_as="function", tier=Tier.DEFAULT
            ),
        ),
        check=outputs_inside,
    ),
    Clause(
        id="outputs.activation-class-names",
        says="The name of a layer that is an activation is taken for it.",
        source="keras/activations.py: deserialize finds advanced activations, too; Keras 2 alone",
        guards="the rule of Keras 3, by which such names are unknown",
        level=Level.KERAS,
        asks=ask("call_constructed", activation=("relu", "softmax", "elu"), activation_as="class-name"),
        check=outputs_inside,
        holds_for=lambda dialect: dialect.generation == 2,
    ),
)
