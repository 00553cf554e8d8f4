"""The gradients of sum(upstream * outputs) with respect to kernel, bias and inputs. Upstream gradients are data, never
ones.
"""

from __future__ import annotations

from collections.abc import Iterator

from conformance.answers import Level, Trial
from conformance.cases import Tier
from conformance.compare import Comparison, compare
from conformance.contract import errata
from conformance.contract.checks import those_bounded
from conformance.contract.clause import Check, Clause, ask
from conformance.contract.tables import (
    BOTH,
    ELEMENTWISE,
    EVERY,
    EXACT,
    EXACT_FAMILIES,
    FLOATS,
    RANDOM_FAMILIES,
    ROWWISE,
)
from conformance.procedures import GRADIENTS, SECOND_GRADIENTS
from reference.activations import ACTIVATIONS
from reference.elementwise import Elementwise

#: Slopes jump here, and all of TensorFlow's lanes agree on the slope at the jump (or an erratum says how they differ).
KINKED = tuple(name for name, row in ACTIVATIONS.items() if row.kinks)
#: Rows that state a second derivative.
CURVED = tuple(name for name, row in ACTIVATIONS.items() if isinstance(row, Elementwise) and row.curvature)

DENSE_PY = "keras/src/layers/core/dense.py: Dense.call, differentiated"
ACTIVATIONS_PY = "keras/src/activations/activations.py, differentiated"


# ---- checks --------------------------------------------------------------------------------------------------------


def gradient_of(*names: str) -> Check:
    """Holds each of these gradients to its interval."""

    def check(trial: Trial) -> Iterator[Comparison]:
        for name in names:
            yield compare(name, trial.answer.tensor(name), within=trial.bounds[name])

    return check


#: Outputs and gradients of one pass: kernel, bias (where there is one) and inputs.
every_gradient = those_bounded("outputs", *GRADIENTS)
#: The same, and what was handed in, to the last bit.
every_gradient_again = those_bounded("outputs", *GRADIENTS, "inputs_after", "upstream_after")
#: Those of the weights alone.
weight_gradients = those_bounded("kernel_gradient", "bias_gradient")


# ---- clauses -------------------------------------------------------------------------------------------------------

#: Square kernels and others, on exact data: what the kernel's, the bias's and the inputs' gradient are made of.
PRODUCTS = (
    *ask("differentiate", activation=("linear", "relu"), rank=(2, 3)),
    *ask("differentiate", shape=((5, 7), (7, 7), (5, 1)), units=(7,)),
    *ask("differentiate", family=("scaled", "sparse")),
    *ask(
        "differentiate",
        activation=EXACT,
        family=EXACT_FAMILIES,
        rank=(2, 3),
        dtype=FLOATS,
        seed=(1,),
        tier=Tier.DEFAULT,
    ),
    *ask("differentiate", family=("integers", "normal"), shape=((33, 7), (257, 7)), dtype=FLOATS, tier=Tier.DEFAULT),
)

CLAUSES = (
    Clause(
        id="gradients.kernel",
        says="The kernel's gradient is inputs transposed @ delta, of shape (input_dim, units).",
        source=DENSE_PY,
        guards="a mean over the batch instead of the sum, a missing or frozen gradient, a transposed one",
        level=Level.TRAINING,
        asks=PRODUCTS,
        check=gradient_of("kernel_gradient"),
    ),
    Clause(
        id="gradients.bias",
        says="The bias's gradient is the sum of delta over every leading axis.",
        source=DENSE_PY,
        guards="a mean, a sum over the batch axis alone, a bias that does not train (tensorflow/tensorflow#25780 "
        "and its kin)",
        level=Level.TRAINING,
        asks=PRODUCTS,
        check=gradient_of("bias_gradient"),
    ),
    Clause(
        id="gradients.inputs",
        says="The inputs' gradient is delta @ kernel transposed, of the inputs' shape.",
        source=DENSE_PY,
        guards="kernel where its transpose belongs (right for square ones), a missing gradient that stops training "
        "below",
        level=Level.TRAINING,
        asks=PRODUCTS,
        check=gradient_of("inputs_gradient"),
    ),
    Clause(
        id="gradients.leading-axes-summed",
        says="The gradients of kernel and bias sum over all leading axes, whatever the rank.",
        source=DENSE_PY,
        guards="a sum over the batch alone from rank 3 up, or a mean over the other axes",
        level=Level.TRAINING,
        asks=(
            *ask("differentiate", rank=(3, 4, 5)),
            *ask(
                "differentiate",
                activation=("linear", "relu", "tanh"),
                shape=((2, 3, 7), (3, 2, 2, 7), (2, 1, 3, 2, 7)),
                dtype=FLOATS,
                tier=Tier.DEFAULT,
            ),
        ),
        check=gradient_of("kernel_gradient", "bias_gradient"),
    ),
    Clause(
        id="gradients.upstream",
        says="The gradients are those for the given upstream gradient: linear in it, of any sign and size.",
        source=DENSE_PY,
        guards="an upstream gradient taken as ones, clipped, or normalised",
        level=Level.TRAINING,
        asks=(
            *ask("differentiate", family=("integers", "wide"), rank=(2, 3)),
            *ask("differentiate", activation=EXACT, family=("integers",), rank=(2,), seed=(2, 3), tier=Tier.DEFAULT),
        ),
        check=every_gradient,
    ),
    Clause(
        id="gradients.slope",
        says="The gradient of an activation is that of Keras's own function of its name, on a dense grid.",
        source=ACTIVATIONS_PY,
        guards="the slope of another variant of gelu, a forgotten factor, a slope computed from a rounded output",
        level=Level.TRAINING,
        asks=(
            *ask("differentiate", activation=ELEMENTWISE, family=("grid",), shape=((509, 1),), units=(1,)),
            *ask(
                "differentiate",
                activation=ELEMENTWISE,
                family=("grid",),
                shape=((4093, 1),),
                units=(1,),
                dtype=FLOATS,
                tier=Tier.DEFAULT,
            ),
            *ask(
                "differentiate",
                activation=ELEMENTWISE,
                family=("grid",),
                shape=((16381, 1),),
                units=(1,),
                dtype=FLOATS,
                seed=range(1, 5),
                tier=Tier.FULL,
            ),
        ),
        check=gradient_of("inputs_gradient"),
        errata=errata.OF_GRADIENTS,
    ),
    Clause(
        id="gradients.kinks",
        says="Exactly at a kink the slope is the one on which eager TensorFlow, tf.function and XLA agree.",
        source=ACTIVATIONS_PY,
        guards="relu'(0) = 1 or 1/2, relu6'(6) = 1, a leaky slope of 1 at 0, which random data never meet",
        level=Level.TRAINING,
        asks=(
            *ask("differentiate", activation=KINKED, rank=(2, 3)),
            *ask(
                "differentiate",
                activation=KINKED,
                rank=(2, 3),
                use_bias=BOTH,
                dtype=FLOATS,
                seed=(1, 2),
                tier=Tier.DEFAULT,
            ),
        ),
        check=every_gradient,
        errata=errata.OF_GRADIENTS,
    ),
    Clause(
        id="gradients.saturated",
        says="In both tails, up to the largest finite pre-activations, a gradient is finite and right where it is "
        "defined.",
        source=ACTIVATIONS_PY,
        guards="infinity times zero, or a quotient of two infinities, inside a hand-written derivative",
        level=Level.TRAINING,
        asks=(
            *ask("differentiate", activation=ELEMENTWISE, family=("tails",), shape=((251, 1),), units=(1,)),
            *ask(
                "differentiate",
                activation=ELEMENTWISE,
                family=("tails",),
                shape=((2039, 1),),
                units=(1,),
                dtype=FLOATS,
                tier=Tier.DEFAULT,
            ),
        ),
        check=gradient_of("inputs_gradient"),
        errata=errata.OF_GRADIENTS,
    ),
    Clause(
        id="gradients.rowwise",
        says="The gradient of softmax, log_softmax, sparsemax and glu couples the units of a row, and nothing else.",
        source=ACTIVATIONS_PY,
        guards="the diagonal of softmax's Jacobian alone, a gradient along another axis",
        level=Level.TRAINING,
        asks=(
            *ask("differentiate", activation=ROWWISE, rank=(2, 3)),
            *ask("differentiate", activation=ROWWISE, rank=(2, 3), family=("normal",)),
            *ask("differentiate", activation=("softmax", "log_softmax"), units=(1,), rank=(2,)),
            *ask("differentiate", activation=ROWWISE, rank=(2, 3, 4), dtype=FLOATS, seed=(1, 2), tier=Tier.DEFAULT),
        ),
        check=every_gradient,
        errata=errata.OF_GRADIENTS,
    ),
    Clause(
        id="gradients.every-setting",
        says="Every activation has the right gradients with and without bias, for every rank from 2 to 5 and "
        "every dtype.",
        source=DENSE_PY,
        guards="a derivative that was written for one path, and is missing or wrong on another",
        level=Level.TRAINING,
        asks=(
            *ask("differentiate", activation=("linear", "relu", "tanh"), use_bias=BOTH, rank=(2, 3, 4, 5)),
            *ask(
                "differentiate",
                activation=EVERY,
                use_bias=BOTH,
                rank=(2, 3, 4, 5),
                dtype=FLOATS,
                seed=(0, 1),
                tier=Tier.DEFAULT,
            ),
        ),
        check=every_gradient,
        errata=errata.OF_GRADIENTS,
    ),
    Clause(
        id="gradients.again",
        says="The gradients are the same when they are taken again, and nothing that was handed in is changed by them.",
        source=DENSE_PY,
        guards="gradients that pile up in a buffer, a step of an optimizer in the backward pass, an upstream gradient "
        "that is overwritten",
        level=Level.TRAINING,
        asks=(
            *ask("differentiate_again", activation=("linear", "relu"), rank=(2, 3)),
            *ask("differentiate_again", family=("normal",)),
            *ask(
                "differentiate_again",
                activation=("linear", "relu", "tanh"),
                rank=(2, 3),
                use_bias=BOTH,
                dtype=FLOATS,
                seed=(1,),
                tier=Tier.DEFAULT,
            ),
        ),
        check=every_gradient_again,
        errata=errata.OF_GRADIENTS,
    ),
    Clause(
        id="gradients.float64-precision",
        says="The gradients of a float64 layer are computed in float64 from end to end.",
        source="keras/src/dtype_policies/dtype_policy.py: compute_dtype",
        guards="a backward pass in float32 behind a forward pass in float64",
        level=Level.TRAINING,
        asks=(
            *ask(
                "differentiate",
                activation=("linear", "relu", "tanh"),
                family=("gather", "normal"),
                dtype=("float64",),
                rank=(2, 3),
            ),
        ),
        check=every_gradient,
        errata=errata.OF_GRADIENTS,
    ),
    Clause(
        id="gradients.arithmetic",
        says="Random data give gradients inside the certified rounding of IEEE arithmetic in the layer's dtype.",
        source="docs/numerics.md, 2",
        guards="a backward pass in a narrower type than the forward one",
        level=Level.TRAINING,
        asks=(
            *ask("differentiate", activation=("linear", "tanh"), family=RANDOM_FAMILIES, shape=((3, 5, 7), (16, 64))),
            *ask(
                "differentiate",
                activation=("linear", "relu", "tanh", "gelu", "sigmoid", "softmax"),
                family=RANDOM_FAMILIES,
                shape=((5, 1), (3, 5, 7), (16, 64), (5, 509)),
                dtype=FLOATS,
                tier=Tier.DEFAULT,
            ),
            *ask(
                "differentiate",
                activation=EVERY,
                family=RANDOM_FAMILIES,
                shape=((5, 8), (16, 64)),
                dtype=FLOATS,
                seed=(1,),
                tier=Tier.DEFAULT,
            ),
            *ask(
                "differentiate",
                activation=EVERY,
                family=RANDOM_FAMILIES,
                shape=((5, 8), (16, 64)),
                dtype=FLOATS,
                seed=(1, 2, 3),
                tier=Tier.FULL,
            ),
        ),
        check=every_gradient,
        is_graded=True,
        errata=errata.OF_GRADIENTS,
    ),
    Clause(
        id="gradients.empty-batch",
        says="A batch without rows gives gradients of zeros, of the weights' shapes.",
        source=DENSE_PY,
        guards="a division by the batch size, a gradient of another shape, a refusal",
        level=Level.TRAINING,
        asks=(
            *ask("differentiate", activation=("linear", "relu"), shape=((0, 7), (0, 3, 7), (3, 0, 7))),
            *ask(
                "differentiate",
                activation=("tanh", "softmax", "gelu"),
                shape=((0, 7), (0, 3, 7)),
                dtype=FLOATS,
                tier=Tier.DEFAULT,
            ),
        ),
        check=gradient_of("kernel_gradient", "bias_gradient"),
    ),
    Clause(
        id="gradients.second-order",
        says="The gradients can be differentiated again, through the slope of the activation as well.",
        source=DENSE_PY + " twice",
        guards="a custom gradient whose own derivative is missing, zero or that of a constant",
        level=Level.KERAS,
        asks=(
            *ask("differentiate_twice", activation=CURVED, rank=(2, 3)),
            *ask(
                "differentiate_twice", activation=CURVED, use_bias=BOTH, rank=(2, 3, 4), dtype=FLOATS, tier=Tier.DEFAULT
            ),
        ),
        check=gradient_of(*SECOND_GRADIENTS),
    ),
)
