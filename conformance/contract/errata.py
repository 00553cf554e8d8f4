"""Where real Keras is wrong, or disagrees with itself: with what it computes instead, and where that was seen.

Every entry is evidence that is measured again on each run: the oracle's answers miss the reference there and agree with
the rival definition. An entry that is asked about and not seen any more is reported: Keras is repaired.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from conformance.cases import Json, Question
from conformance.contract.clause import Erratum
from reference.grades import GRADES
from reference.rivals import RIVALS, squareplus_overflowing


def _activation(*names: str, dtype: str = "") -> Callable[[Question], bool]:
    return lambda question: question.config.activation in names and dtype in ("", question.config.dtype)


def _declares_all_units(question: Question, facts: Mapping[str, Json]) -> Mapping[str, Json]:
    shape = facts["output_shape"]
    assert isinstance(shape, list)
    return {**facts, "output_shape": [*shape[:-1], question.config.units]}


SPARSEMAX = Erratum(
    id="sparsemax",
    says="sparsemax is not the projection onto the simplex where its support has more than one unit",
    source="keras/src/backend/tensorflow/nn.py: sparsemax sums the cumulative sums over the support; Keras 3.8 to 3.15",
    applies=_activation("sparsemax"),
    rivals=(lambda _: RIVALS["sparsemax"],),
)
CELU_AT_ZERO = Erratum(
    id="celu-slope-at-zero",
    says="the slope of celu at 0 is 2: both branches pass the gradient on; the true slope is 1",
    source="keras/src/backend/tensorflow/nn.py: celu adds maximum(x, 0) and a term in minimum(x, 0); Keras 3.7 to 3.15",
    applies=_activation("celu"),
    rivals=(lambda _: RIVALS["celu"],),
)
SELU_AT_ZERO = Erratum(
    id="selu-slope-at-zero",
    says="the slope of selu at 0 is scale in eager TensorFlow and scale * alpha under XLA",
    source="tensorflow/core/kernels/relu_op_functor.h: SeluGrad decides from the output; XLA from its own comparison",
    applies=_activation("selu"),
    rivals=(lambda _: RIVALS["selu"],),
)
SQUAREPLUS_OVERFLOW = Erratum(
    id="squareplus-overflow",
    says="squareplus squares its argument, which overflows from sqrt(largest) on although the result does not",
    source="keras/src/backend/tensorflow/nn.py: squareplus; Keras 3.7 to 3.15",
    applies=_activation("squareplus"),
    rivals=(lambda question: squareplus_overflowing(question.config.format),),
)
GELU_FLOAT64 = Erratum(
    id="gelu-float64-constant",
    says="float64 gelu takes 1/sqrt(2), or sqrt(2), as a float32 constant, so it is wrong by up to 5e-9",
    source="tensorflow/python/ops/nn_ops.py: gelu casts a Python constant; seen in TensorFlow 2.18 and 2.21",
    applies=_activation("gelu", dtype="float64"),
    rivals=(lambda _: RIVALS["gelu"], lambda _: RIVALS["gelu_by_quotient"]),
)
LEAKY_RELU_FLOAT64 = Erratum(
    id="leaky-relu-float64-constant",
    says="float64 leaky_relu has the float32 slope 0.2, so it is wrong by up to 3e-9 of its argument",
    source="tensorflow/core/ops/nn_ops.cc: the attribute alpha of LeakyRelu is a float; TensorFlow 2.13 to 2.21",
    applies=_activation("leaky_relu", dtype="float64"),
    rivals=(lambda _: RIVALS["leaky_relu"],),
)
GLU_DECLARED_SHAPE = Erratum(
    id="glu-declared-shape",
    says="glu halves the units of the outputs, but the symbolic shape and compute_output_shape declare all of them",
    source="keras/src/layers/core/dense.py: compute_output_shape; Keras 3.7 to 3.15",
    applies=_activation("glu"),
    facts=_declares_all_units,
)

FLOAT16_SUMS = Erratum(
    id="float16-summed-in-float16",
    says="float16 products are summed in float16: beyond 2048 ones are lost, and sums overflow that need not",
    source="tensorflow/core/kernels/matmul_op_impl.h; TensorFlow 2.13 to 2.15, mended in 2.16",
    applies=lambda question: question.config.format.name == "float16",
    grade=GRADES["S"],
    shown_by=lambda versions: versions["tensorflow"] < (2, 16),
)
SOFTMAX_OF_SIX_AXES = Erratum(
    id="softmax-of-six-axes",
    says="softmax of rank 6 and above raises where oneDNN computes it: by default on processors with AVX-512",
    source="tensorflow/core/kernels/mkl/mkl_softmax_op.cc: input dims must be <= 5; seen in TensorFlow 2.21",
    applies=lambda question: question.config.activation == "softmax" and len(question.input_shape) >= 6,
    raises=True,
)
NON_NEG_OF_FLOAT32_ALONE = Erratum(
    id="non-neg-of-float32-alone",
    says="non_neg raises for weights of any dtype but float32, by which it multiplies",
    source="keras/src/constraints.py: NonNeg casts to floatx; Keras 2.13 to tf_keras 2.21",
    applies=lambda question: (
        "non_neg" in (question.config.kernel_constraint, question.config.bias_constraint)
        and question.config.variable_format.name != "float32"
    ),
    raises=True,
    shown_by=lambda versions: versions["keras"] < (3, 0),
)

#: The errata of what an activation computes; of its values alone, where no gradient is asked for.
OF_VALUES = (SPARSEMAX, SQUAREPLUS_OVERFLOW, GELU_FLOAT64, LEAKY_RELU_FLOAT64, SOFTMAX_OF_SIX_AXES)
OF_GRADIENTS = (*OF_VALUES, CELU_AT_ZERO, SELU_AT_ZERO)
OF_HALF_GRADIENTS = (SPARSEMAX, SQUAREPLUS_OVERFLOW, CELU_AT_ZERO, SELU_AT_ZERO, FLOAT16_SUMS)
OF_SHAPES = (GLU_DECLARED_SHAPE,)
