"""Composition: in models, under wrappers, called twice, with masks."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from conformance.answers import Level, Trial
from conformance.cases import Tier
from conformance.compare import Comparison, agree
from conformance.contract import errata
from conformance.contract.checks import outputs_inside
from conformance.contract.clause import SHOULD, Asked, Clause, ask
from conformance.contract.gradients import weight_gradients
from conformance.contract.tables import BOTH

LAYER_PY = "keras/src/layers/layer.py"


# ---- checks --------------------------------------------------------------------------------------------------------


def model_holds_the_weights(trial: Trial) -> Iterator[Comparison]:
    """Each once: what a model does not list, it neither trains nor saves."""
    listed = trial.answer.fact("weights")
    shapes = [each[1] for each in listed] if isinstance(listed, list) else listed
    yield agree("weights of the model", shapes, expected=[weight["shape"] for weight in trial.facts["weights"]])


def outputs_and_weights(trial: Trial) -> Iterator[Comparison]:
    yield from outputs_inside(trial)
    yield from model_holds_the_weights(trial)


def gradients_of_both_calls(trial: Trial) -> Iterator[Comparison]:
    yield from weight_gradients(trial)
    yield from model_holds_the_weights(trial)


def mask_comes_through(trial: Trial) -> Iterator[Comparison]:
    """Every second place on the last leading axis is masked; what is masked is computed like the rest."""
    leading = trial.question.known_shape[:-1]
    expected = np.broadcast_to(1 - np.arange(leading[-1]) % 2, leading)
    yield agree("mask", trial.answer.fact("mask"), expected=expected.tolist())
    yield from outputs_inside(trial)


# ---- clauses -------------------------------------------------------------------------------------------------------


def in_model(model: str) -> tuple[Asked, ...]:
    return (
        *ask("call_in_model", activation=("relu",), rank=(3,), model=model),
        *ask(
            "call_in_model",
            activation=("linear", "relu", "softmax"),
            rank=(3, 4),
            use_bias=BOTH,
            model=model,
            tier=Tier.FULL,
        ),
    )


CLAUSES = (
    Clause(
        id="composition.sequential",
        says="In a Sequential model the layer answers as alone, and the model holds its weights.",
        source="keras/src/models/sequential.py",
        guards="a layer that a model cannot build, weights that a model does not see",
        level=Level.KERAS,
        asks=(*in_model("sequential"), *in_model("deferred"), *in_model("nested")),
        check=outputs_and_weights,
        errata=errata.OF_VALUES,
    ),
    Clause(
        id="composition.functional",
        says="In a functional model the layer answers as alone, for every length of an axis that was unknown.",
        source="keras/src/models/functional.py",
        guards="a length that is kept from the symbolic call",
        level=Level.KERAS,
        asks=in_model("functional"),
        check=outputs_and_weights,
    ),
    Clause(
        id="composition.subclassed",
        says="As an attribute of a subclassed model the layer answers as alone, and is tracked.",
        source="keras/src/models/model.py",
        guards="weights that automatic tracking does not find",
        level=Level.KERAS,
        asks=in_model("subclassed"),
        check=outputs_and_weights,
    ),
    Clause(
        id="composition.time-distributed",
        says="TimeDistributed gives what the layer itself gives: Dense is distributed over the leading axes anyway.",
        source="keras/src/layers/rnn/time_distributed.py",
        guards="a layer whose shape inference a wrapper cannot use",
        level=Level.KERAS,
        requirement=SHOULD,
        asks=in_model("distributed"),
        check=outputs_and_weights,
    ),
    Clause(
        id="composition.shared",
        says="A layer that is called twice has one set of weights, whose gradient is the sum over both calls.",
        source=LAYER_PY + ": Layer.__call__",
        guards="weights made anew by each call, a gradient of the last call alone",
        level=Level.KERAS,
        asks=(
            *ask("call_shared", activation=("linear", "relu")),
            *ask("call_shared", activation=("linear", "relu"), rank=(3, 4), use_bias=BOTH, tier=Tier.DEFAULT),
        ),
        check=gradients_of_both_calls,
    ),
    Clause(
        id="composition.masks",
        says="A mask is carried through unchanged, and masked steps are computed like all others.",
        source="keras/src/layers/core/dense.py: supports_masking",
        guards="a mask that is lost, or that zeroes outputs",
        level=Level.KERAS,
        asks=(
            *ask("call_masked", activation=("relu",), rank=(3,)),
            *ask("call_masked", activation=("linear", "tanh"), rank=(3, 4), use_bias=BOTH, tier=Tier.DEFAULT),
        ),
        check=mask_comes_through,
    ),
)
