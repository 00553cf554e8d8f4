"""Shapes: (..., input_dim) becomes (..., units); which inputs are accepted, and which are refused."""

from __future__ import annotations

from collections.abc import Iterator

from conformance.answers import Level, Trial
from conformance.cases import Json, Tier
from conformance.compare import Comparison, agree, compare
from conformance.contract import errata
from conformance.contract.clause import Clause, ask
from conformance.contract.tables import FLOATS

DENSE_PY = "keras/src/layers/core/dense.py"
#: What an implementation answers where Keras leaves the method to each layer, and this one has none.
NOT_ANSWERED = "not answered"


# ---- checks --------------------------------------------------------------------------------------------------------


def shape_of_outputs(trial: Trial) -> Iterator[Comparison]:
    """Every leading axis is kept; the last one becomes the units."""
    outputs = trial.answer.tensor("outputs")
    shape: Json = None if outputs is None else list(outputs.shape)
    yield agree("output_shape", shape, expected=trial.facts["output_shape"])


def shape_and_values(trial: Trial) -> Iterator[Comparison]:
    """The shape first; then the numbers, which a wrong axis of the right length would change."""
    yield from shape_of_outputs(trial)
    yield compare("outputs", trial.answer.tensor("outputs"), within=trial.bounds["outputs"])


def declared_shape(trial: Trial) -> Iterator[Comparison]:
    """None stays None, known axes stay known."""
    yield agree("output_shape", trial.answer.fact("output_shape"), expected=trial.facts["output_shape"])


def declared_shape_if_any(trial: Trial) -> Iterator[Comparison]:
    """Keras 3 lets a layer leave compute_output_shape out: then the symbolic call alone declares a shape."""
    declared = trial.answer.fact("output_shape")
    expected = NOT_ANSWERED if declared == NOT_ANSWERED else trial.facts["output_shape"]
    yield agree("output_shape", declared, expected=expected)


def refused(trial: Trial) -> Iterator[Comparison]:
    """By any exception: type, message and moment are Keras's own affair, and differ between its versions."""
    yield agree("refused", trial.answer.raised is not None, expected=trial.oracle.raised is not None)


# ---- clauses -------------------------------------------------------------------------------------------------------

LOW_RANK = (
    *ask("call_refused", shape=((), (7,))),
    *ask("call_refused", shape=((), (7,)), built_on="5x7", tier=Tier.DEFAULT),
)
OTHER_WIDTH = (
    *ask("call_refused", shape=((5, 6), (5, 8), (3, 5, 6)), built_on="5x7"),
    *ask("call_refused", shape=((5, 1), (0, 6), (7, 5), (3, 7, 5)), built_on="5x7", tier=Tier.DEFAULT),
)
UNDEFINED_WIDTH = ask("call_refused", shape=((None, None), (None, 3, None)), how="symbolic")

CLAUSES = (
    Clause(
        id="shapes.output-shape",
        says="Inputs of shape (..., input_dim) give outputs of shape (..., units), for every rank from 2 to 8.",
        source=DENSE_PY + ": Dense.call",
        guards="leading axes merged, moved or lost from some rank on",
        level=Level.INFERENCE,
        asks=(
            # no higher: from 9 axes on many of TensorFlow's own ops raise, a slice with a new axis among them
            *ask(rank=(2, 3, 4), shape=((2, 3, 1, 2, 1, 5, 7), (2, 3, 1, 1, 2, 1, 5, 7))),
            *ask(
                activation=("linear", "relu", "softmax", "glu"),
                rank=(2, 3, 4, 5, 6),
                shape=((2, 3, 1, 2, 1, 5, 7), (2, 3, 1, 1, 2, 1, 5, 7)),
                dtype=FLOATS,
                tier=Tier.DEFAULT,
            ),
        ),
        check=shape_of_outputs,
        errata=(errata.SOFTMAX_OF_SIX_AXES,),
    ),
    Clause(
        id="shapes.not-flattened",
        says="Inputs of rank above 2 are not flattened: the kernel sees the last axis alone, and every other axis "
        "is kept.",
        source=DENSE_PY
        + ": Dense.call; the sentence in its old documentation is misleading (tensorflow/tensorflow#25780)",
        guards="a flatten to (batch, -1) before the product (intel/ipex-llm#2123, apple/coremltools#55)",
        level=Level.INFERENCE,
        asks=(
            *ask(rank=(3, 4)),
            *ask(activation=("linear", "relu"), rank=(3, 4, 5, 6), dtype=FLOATS, seed=(1,), tier=Tier.DEFAULT),
        ),
        check=shape_and_values,
    ),
    Clause(
        id="shapes.equal-axes",
        says="Axes that happen to be equal are not confused: the product runs over the last one.",
        source=DENSE_PY + ": Dense.call",
        guards="an axis found by its length, a transposition that only equal axes allow",
        level=Level.INFERENCE,
        asks=(
            *ask(shape=((7, 7), (7, 7, 7), (3, 7, 7)), units=(7,)),
            *ask(
                shape=((7, 7), (7, 7, 7), (7, 3, 7), (3, 7, 7), (5, 5, 5, 5), (2, 2, 2, 2, 2)),
                units=(2, 5, 7),
                dtype=FLOATS,
                tier=Tier.DEFAULT,
            ),
        ),
        check=shape_and_values,
    ),
    Clause(
        id="shapes.unit-axes",
        says="Axes of length 1 are kept, wherever they stand; so is a single unit.",
        source=DENSE_PY + ": Dense.call",
        guards="a squeeze of the batch, of a time axis, or of the only unit",
        level=Level.INFERENCE,
        asks=(
            *ask(shape=((1, 7), (1, 1, 7), (3, 1, 7), (5, 1), (1, 1)), units=(1, 11)),
            *ask(
                activation=("linear", "relu"),
                shape=((1, 7), (1, 1, 7), (3, 1, 7), (1, 3, 7), (1, 1, 1), (1, 1, 1, 1)),
                units=(1, 3),
                dtype=FLOATS,
                tier=Tier.DEFAULT,
            ),
        ),
        check=shape_and_values,
    ),
    Clause(
        id="shapes.zero-size",
        says="A leading axis of length 0 gives outputs of the same leading axes, without elements.",
        source=DENSE_PY + ": Dense.call",
        guards="an empty batch that is refused, dropped, or reshaped with -1",
        level=Level.INFERENCE,
        asks=(
            *ask(shape=((0, 7), (0, 3, 7), (3, 0, 7))),
            *ask(
                activation=("linear", "relu", "tanh"),
                shape=((0, 7), (0, 3, 7), (3, 0, 7), (2, 3, 0, 7), (0, 0, 7)),
                dtype=FLOATS,
                tier=Tier.DEFAULT,
            ),
        ),
        check=shape_of_outputs,
    ),
    Clause(
        id="shapes.zero-width",
        says="Inputs without features give the bias, activated, in every row.",
        source=DENSE_PY + ": Dense.call",
        guards="a refusal, NaN from an empty mean, zeros in place of the bias",
        level=Level.INFERENCE,
        asks=(
            *ask(shape=((5, 0), (2, 3, 0))),
            *ask(shape=((5, 0), (2, 3, 0)), use_bias=(True, False), dtype=FLOATS, tier=Tier.DEFAULT),
        ),
        check=shape_and_values,
    ),
    Clause(
        id="shapes.symbolic",
        says="A symbolic call declares the inputs' shape with units for its last axis; unknown axes stay unknown.",
        source="keras/src/layers/layer.py: Layer.symbolic_call",
        guards="a fixed batch, a shape that is computed from values, a layer that cannot be called symbolically",
        level=Level.KERAS,
        asks=(
            *ask("call_symbolic", shape=((None, 7), (None, None, 7))),
            *ask(
                "call_symbolic",
                activation=("linear", "relu", "softmax", "glu"),
                shape=((None, 7), (None, None, 7), (None, 3, 7), (None, None, None, 7), (None, 3, None, 5, 7)),
                tier=Tier.DEFAULT,
            ),
        ),
        check=declared_shape,
        errata=errata.OF_SHAPES,
    ),
    Clause(
        id="shapes.unknown-dimensions",
        says="A graph that was traced without knowing the leading axes computes what an eager call does.",
        source=DENSE_PY + ": Dense.call",
        guards="a length read from the static shape, where it is None",
        level=Level.KERAS,
        asks=(
            *ask("call_graph", rank=(2, 3), signature="unknown"),
            *ask(
                "call_graph",
                activation=("linear", "softmax"),
                rank=(2, 3, 4),
                dtype=FLOATS,
                signature="unknown",
                tier=Tier.DEFAULT,
            ),
        ),
        check=shape_and_values,
    ),
    Clause(
        id="shapes.inferred",
        says="compute_output_shape, where a layer answers it, replaces the last axis by units.",
        source=DENSE_PY + ": Dense.compute_output_shape",
        guards="a rank-2 answer for every rank, the input shape itself",
        level=Level.KERAS,
        asks=(
            *ask("infer_shape", shape=((None, 7), (None, None, 7), (5, 7))),
            *ask(
                "infer_shape",
                activation=("linear", "softmax", "glu"),
                shape=((None, 7), (None, 3, 7), (None, None, None, 7), (2, 3, 5, 7)),
                units=(1, 11),
                tier=Tier.DEFAULT,
            ),
        ),
        check=declared_shape_if_any,
        errata=errata.OF_SHAPES,
    ),
    Clause(
        id="shapes.low-rank-refused",
        says="Inputs of rank 0 and 1 are refused when the layer is called.",
        source=DENSE_PY + ": InputSpec(min_ndim=2)",
        guards="a vector taken for a batch of one, or for a batch of scalars",
        level=Level.KERAS,
        asks=LOW_RANK,
        check=refused,
        raising_is_an_answer=True,
    ),
    Clause(
        id="shapes.other-width-refused",
        says="A built layer refuses inputs with another last axis.",
        source=DENSE_PY + ": InputSpec(axes={-1: input_dim})",
        guards="features cut off, padded or broadcast; a layer that quietly builds itself anew",
        level=Level.KERAS,
        asks=OTHER_WIDTH,
        check=refused,
        raising_is_an_answer=True,
    ),
    Clause(
        id="shapes.undefined-width-refused",
        says="A last axis of unknown length is refused: the kernel could not be made.",
        source=DENSE_PY + ": Dense.build",
        guards="a kernel of a guessed shape",
        level=Level.KERAS,
        asks=UNDEFINED_WIDTH,
        check=refused,
        raising_is_an_answer=True,
    ),
    Clause(
        id="shapes.other-rank-accepted",
        says="A layer that was built on one rank accepts every other one with the same last axis.",
        source=DENSE_PY + ": InputSpec(min_ndim=2, axes={-1: input_dim})",
        guards="a rank that is remembered from the first call",
        level=Level.KERAS,
        asks=(
            *ask("call_other_shape", rank=(3, 4), built_on="5x7"),
            *ask("call_other_shape", rank=(2,), built_on="3x5x7"),
            *ask(
                "call_other_shape", activation=("linear", "relu"), rank=(2, 3, 5), built_on="2x3x5x7", tier=Tier.DEFAULT
            ),
        ),
        check=shape_and_values,
    ),
)
