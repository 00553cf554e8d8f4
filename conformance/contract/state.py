"""State: a Dense has none but its weights. No drift, no cache, no noise, nothing shared between layers."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from conformance.answers import Level, Trial
from conformance.cases import Tier
from conformance.compare import Comparison, compare
from conformance.contract import errata
from conformance.contract.checks import within_baseline
from conformance.contract.clause import Check, Clause, ask
from conformance.contract.tables import FLOATS
from reference.intervals import point

CALL_PY = "keras/src/layers/core/dense.py: Dense.call"


# ---- checks --------------------------------------------------------------------------------------------------------


def same_as(baseline: str, *names: str) -> Check:
    """Each of these tensors answers the same question as the baseline, so it is held to the same interval.

    Where the baseline itself is outside, the interval is moved to it: a wrong formula is no wrong state.
    """

    def check(trial: Trial) -> Iterator[Comparison]:
        for name in names:
            yield compare(name, trial.answer.tensor(name), within=within_baseline(trial, baseline))

    return check


def same_both_times(trial: Trial) -> Iterator[Comparison]:
    """Either of the two may be the wrong one."""
    yield compare("second", trial.answer.tensor("second"), within=within_baseline(trial, "first"))
    yield compare("first", trial.answer.tensor("first"), within=within_baseline(trial, "second"))


def outputs_kept(trial: Trial) -> Iterator[Comparison]:
    """To the last bit: what a layer gave back is not its own any more."""
    first = trial.answer.tensor("first")
    within = trial.bounds["outputs"] if first is None else point(first.astype(np.float64))
    yield compare("first_after", trial.answer.tensor("first_after"), within=within)


def inputs_untouched(trial: Trial) -> Iterator[Comparison]:
    """What was handed in is compared with what was drawn, to the last bit."""
    yield compare("inputs_after", trial.answer.tensor("inputs_after"), within=point(trial.inputs.astype(np.float64)))


# ---- clauses -------------------------------------------------------------------------------------------------------

CLAUSES = (
    Clause(
        id="state.same-answer-twice",
        says="The same inputs give the same outputs again, whatever was asked in between.",
        source=CALL_PY,
        guards="a moving average, a counter, a cache that answers for other inputs, weights changed by a call",
        level=Level.INFERENCE,
        asks=(
            *ask("call_again", activation=("linear", "relu"), rank=(2, 3)),
            *ask(
                "call_again",
                activation=("linear", "relu", "tanh", "softmax"),
                rank=(2, 3),
                family=("integers", "normal"),
                dtype=FLOATS,
                tier=Tier.DEFAULT,
            ),
        ),
        check=same_both_times,
    ),
    Clause(
        id="state.inputs-untouched",
        says="The inputs are not changed by a call.",
        source=CALL_PY,
        guards="arithmetic in place on the caller's array, above all where the outputs have its shape",
        level=Level.INFERENCE,
        asks=(
            *ask("call_again", activation=("linear", "relu"), rank=(2, 3)),
            *ask("call_again", activation=("linear", "relu"), shape=((5, 7),), units=(7,)),
            *ask("call_again", family=("normal",)),
            *ask("call_again", activation=("relu", "tanh"), use_bias=(True, False), dtype=FLOATS, tier=Tier.DEFAULT),
        ),
        check=inputs_untouched,
    ),
    Clause(
        id="state.outputs-kept",
        says="Outputs stay what they are when the layer is called again.",
        source=CALL_PY,
        guards="one buffer that every call writes its outputs to",
        level=Level.INFERENCE,
        asks=(
            *ask("call_again", activation=("linear", "relu"), rank=(2, 3)),
            *ask("call_again", activation=("relu", "tanh"), use_bias=(True, False), dtype=FLOATS, tier=Tier.DEFAULT),
        ),
        check=outputs_kept,
    ),
    Clause(
        id="state.batch-length",
        says="A layer takes batches of any length, whatever the length of those before.",
        source=CALL_PY,
        guards="buffers, scales or limits that the first batch decides once and for all",
        level=Level.INFERENCE,
        asks=(
            *ask("call_other_batch", activation=("linear", "relu"), rank=(2, 3)),
            *ask(
                "call_other_batch",
                activation=("linear", "tanh", "softmax"),
                rank=(2, 3),
                use_bias=(True, False),
                dtype=FLOATS,
                tier=Tier.DEFAULT,
            ),
        ),
        check=same_as("baseline", "after_fewer", "after_more"),
        errata=errata.OF_VALUES,
    ),
    Clause(
        id="state.views",
        says="Inputs may lie in memory in any way: an array is its values.",
        source="numpy: ndarray.strides",
        guards="a pointer to the first element taken for the whole array",
        level=Level.INFERENCE,
        asks=(
            *ask("call_views", rank=(2, 3)),
            *ask("call_views", activation=("relu", "tanh"), rank=(2, 3, 4), dtype=FLOATS, tier=Tier.DEFAULT),
        ),
        check=same_as("baseline", "of_steps", "of_columns"),
        errata=errata.OF_VALUES,
    ),
    Clause(
        id="state.reloaded-weights",
        says="Weights that are set later take effect at the next call.",
        source="keras/src/layers/layer.py: Layer.set_weights",
        guards="a kernel that was packed, transposed or frozen at the first call",
        level=Level.INFERENCE,
        asks=(
            *ask("reload", activation=("linear", "relu"), rank=(2, 3)),
            *ask("reload", activation=("linear", "tanh"), use_bias=(True, False), dtype=FLOATS, tier=Tier.DEFAULT),
        ),
        check=same_as("baseline", "outputs"),
        errata=errata.OF_VALUES,
    ),
    Clause(
        id="state.layers-independent",
        says="Two layers share nothing: each has its own weights.",
        source="keras/src/layers/core/dense.py: Dense.build",
        guards="weights kept on the class or in a module, keyed by shape or by name",
        level=Level.INFERENCE,
        asks=(
            *ask("two_layers", activation=("linear", "relu"), rank=(2, 3)),
            *ask("two_layers", activation=("linear", "tanh"), use_bias=(True, False), dtype=FLOATS, tier=Tier.DEFAULT),
        ),
        check=same_as("baseline", "outputs"),
        errata=errata.OF_VALUES,
    ),
    Clause(
        id="state.training-mode",
        says="The outputs are the same in training mode and out of it.",
        source="keras/src/layers/core/dense.py: Dense.call ignores training",
        guards="noise or dropout in training mode, a shortcut outside it",
        level=Level.KERAS,
        asks=(
            *ask("call_modes", activation=("linear", "relu", "softmax"), rank=(2, 3)),
            *ask("call_modes", family=("gather",)),
            *ask("call_modes", activation=("linear", "tanh"), use_bias=(True, False), dtype=FLOATS, tier=Tier.DEFAULT),
        ),
        check=same_as("baseline", "training", "inference"),
    ),
    Clause(
        id="state.graph",
        says="The outputs are the same under tf.function as when called eagerly.",
        source="keras/src/layers/layer.py: Layer.__call__",
        guards="values read in Python while tracing, another path outside eager mode",
        level=Level.KERAS,
        asks=(
            *ask("call_graph", activation=("linear", "relu"), rank=(2,)),
            *ask("call_graph", family=("gather",)),
            *ask("call_graph", activation=("linear", "tanh", "softmax"), rank=(2, 3), dtype=FLOATS, tier=Tier.DEFAULT),
        ),
        check=same_as("baseline", "outputs"),
    ),
)
