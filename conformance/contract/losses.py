"""Losses: what regularizers add, once, by value and gradient."""

from __future__ import annotations

from collections.abc import Iterator

from conformance.answers import Level, Trial
from conformance.cases import Tier
from conformance.compare import Comparison, agree, compare
from conformance.contract.checks import those_bounded
from conformance.contract.clause import Clause, ask
from conformance.contract.modes import EVALUATED, TRAINED, weights_after_fit
from conformance.procedures import GRADIENTS

REGULARIZERS_PY = "keras/src/regularizers/regularizers.py"
LAYER_PY = "keras/src/layers/layer.py: Layer.losses"
#: Batches of two and four, so that a division by them is exact.
SHAPES = ((4, 7), (2, 3, 7))
EXACT = ("l1", "l2", "l1_l2")


# ---- checks --------------------------------------------------------------------------------------------------------


def losses_by_value(trial: Trial) -> Iterator[Comparison]:
    """All of them, least first; their order in the list is not part of the contract. One too many is a wrong shape."""
    yield compare("losses", trial.answer.tensor("losses"), within=trial.bounds["losses"])


def weights_cost_before_any_call(trial: Trial) -> Iterator[Comparison]:
    """What the weights cost is there when they are; what the outputs cost, not before there are outputs."""
    config = trial.question.config
    of_weights = bool(config.kernel_regularizer) + bool(config.bias_regularizer and config.use_bias)
    yield agree("losses of a layer that is built, not called", trial.answer.fact("built"), expected=of_weights)


# ---- clauses -------------------------------------------------------------------------------------------------------

CLAUSES = (
    Clause(
        id="losses.kernel",
        says="A kernel regularizer adds its penalty of the kernel to the losses once, whatever the batch.",
        source=REGULARIZERS_PY,
        guards="a penalty that is divided by the batch, halved, averaged, doubled by every call, or left out",
        level=Level.KERAS,
        asks=tuple(
            asked
            for tier, names in (
                (Tier.SMOKE, EXACT),
                (Tier.DEFAULT, ("l1_by_default", "l2_by_default", "orthogonal_rows", "orthogonal_columns")),
            )
            for name in names
            for asked in ask("read_losses", shape=SHAPES, arguments={"kernel_regularizer": name}, tier=tier)
        ),
        check=losses_by_value,
    ),
    Clause(
        id="losses.bias",
        says="A bias regularizer adds its penalty of the bias to the losses once; without bias it adds nothing.",
        source=REGULARIZERS_PY,
        guards="a bias regularizer that is ignored or applied to the kernel",
        level=Level.KERAS,
        asks=tuple(
            asked
            for name in EXACT
            for asked in ask(
                "read_losses",
                shape=SHAPES,
                use_bias=(True, False),
                arguments={"bias_regularizer": name, "kernel_regularizer": "l1"},
            )
        ),
        check=losses_by_value,
    ),
    Clause(
        id="losses.activity",
        says="An activity regularizer adds its penalty of the activated outputs of the last call, divided by the "
        "length of the first axis where the version does so.",
        source="keras/src/layers/layer.py: Layer._maybe_add_activity_loss or Layer.__call__",
        guards="a penalty of the pre-activations, one that adds up over calls, a wrong divisor",
        level=Level.KERAS,
        asks=tuple(
            asked
            for name in EXACT
            for asked in ask(
                "read_losses", activation=("linear", "relu"), shape=SHAPES, arguments={"activity_regularizer": name}
            )
        ),
        check=losses_by_value,
    ),
    Clause(
        id="losses.all",
        says="Each regularizer adds one loss, and each call replaces the activity's.",
        source=LAYER_PY,
        guards="losses that are added up in one tensor and in the list as well, or kept from call to call",
        level=Level.KERAS,
        asks=tuple(
            asked
            for use_bias in (True, False)
            for asked in ask(
                "read_losses",
                activation=("relu",),
                use_bias=(use_bias,),
                shape=SHAPES,
                arguments={
                    "kernel_regularizer": "l1",
                    "bias_regularizer": "l2",
                    "activity_regularizer": "l1_l2",
                },
            )
        )
        + ask("read_losses", shape=SHAPES),
        check=losses_by_value,
    ),
    Clause(
        id="losses.gradient",
        says="The losses can be differentiated: with respect to the weights, and through the outputs, down to the "
        "inputs.",
        source=REGULARIZERS_PY,
        guards="a penalty that is a number and no tensor, a gradient that is stopped",
        level=Level.KERAS,
        asks=tuple(
            asked
            for name in EXACT
            for argument in ("kernel_regularizer", "bias_regularizer", "activity_regularizer")
            for asked in ask("read_losses", activation=("relu",), shape=SHAPES, arguments={argument: name})
        )
        + tuple(
            asked
            for name in ("orthogonal_rows", "orthogonal_columns")
            for asked in ask("read_losses", shape=SHAPES[:1], units=(4,), arguments={"kernel_regularizer": name})
        ),
        check=those_bounded(*GRADIENTS),
    ),
    Clause(
        id="losses.when-built",
        says="A built layer has the losses of its weights before it is called, and none of its outputs.",
        source=LAYER_PY,
        guards="losses that only a call adds, so that a model's first step misses them",
        level=Level.KERAS,
        asks=(
            *ask("read_losses", shape=((4, 7),), arguments={"kernel_regularizer": "l2", "bias_regularizer": "l1"}),
            *ask("read_losses", shape=((4, 7),), arguments={"activity_regularizer": "l2"}),
        ),
        check=weights_cost_before_any_call,
    ),
    Clause(
        id="losses.precision",
        says="Penalties are computed in the dtype of what they are of: of the weights as they are stored, say.",
        source=LAYER_PY,
        guards="a penalty of the kernel that a mixed policy rounded, a float64 penalty in float32",
        level=Level.KERAS,
        asks=(
            *ask(
                "read_losses",
                family=("normal",),
                dtype=("mixed_float16", "float64"),
                shape=((4, 7),),
                arguments={"kernel_regularizer": "l1_l2", "bias_regularizer": "l2"},
            ),
            *ask(
                "read_losses",
                family=("wide",),
                dtype=("float64",),
                shape=((4, 7),),
                arguments={"activity_regularizer": "l2"},
            ),
        ),
        check=losses_by_value,
    ),
    Clause(
        id="losses.unknown-batch",
        says="In a graph that was traced for any batch the losses are those of the batch that comes.",
        source=LAYER_PY,
        guards="a divisor that is the batch at build, or none where the batch is unknown",
        level=Level.KERAS,
        asks=(
            *ask("read_losses_in_graph", shape=((4, 7),), arguments={"activity_regularizer": "l1"}),
            *ask(
                "read_losses_in_graph",
                shape=((2, 3, 7),),
                arguments={"activity_regularizer": "l2", "kernel_regularizer": "l1"},
                tier=Tier.DEFAULT,
            ),
        ),
        check=losses_by_value,
    ),
    Clause(
        id="losses.masked",
        says="The activity's penalty is of all outputs, masked steps included.",
        source=LAYER_PY,
        guards="a penalty that leaves out what a mask hides",
        level=Level.KERAS,
        asks=ask("call_masked", shape=((4, 3, 7),), arguments={"activity_regularizer": "l1"}),
        check=losses_by_value,
    ),
    Clause(
        id="losses.evaluation",
        says="evaluate reports the penalties as training does.",
        source="keras/src/trainers/trainer.py: Trainer.compute_loss",
        guards="penalties that training alone has",
        level=Level.KERAS,
        asks=EVALUATED,
        check=those_bounded("reported_loss"),
    ),
    Clause(
        id="losses.frozen",
        says="A layer that does not train keeps its activity's penalty; its weights cost nothing, but in Keras 2.",
        source=LAYER_PY,
        guards="penalties that a model adds up and nobody can lower, or that are lost with those of the weights",
        level=Level.KERAS,
        asks=(
            *ask(
                "read_losses",
                shape=((4, 7),),
                arguments={"kernel_regularizer": "l2", "bias_regularizer": "l1", "activity_regularizer": "l1"},
                frozen="yes",
            ),
        ),
        check=losses_by_value,
    ),
    Clause(
        id="losses.forms",
        says="A regularizer is taken as an object, as its config, and by its name.",
        source=REGULARIZERS_PY + ": get",
        guards="a form that is accepted and ignored",
        level=Level.KERAS,
        asks=tuple(
            asked
            for argument in ("kernel_regularizer", "bias_regularizer", "activity_regularizer")
            for form, name in (("config", "l2"), ("name", "l2_by_default"))
            for asked in ask(
                "read_losses",
                shape=((4, 7),),
                arguments={argument: name},
                given_as=form,
                tier=Tier.SMOKE if argument == "kernel_regularizer" else Tier.DEFAULT,
            )
        ),
        check=losses_by_value,
    ),
    Clause(
        id="losses.names-of-keras-2",
        says="l1_l2 is the name of a regularizer.",
        source="keras/regularizers.py: get, of Keras 2; Keras 3 refuses it",
        guards="the rule of Keras 3, which stops programs that ran",
        level=Level.KERAS,
        asks=ask("read_losses", shape=((4, 7),), arguments={"kernel_regularizer": "l1_l2_by_default"}, given_as="name"),
        check=losses_by_value,
        holds_for=lambda dialect: dialect.generation == 2,
    ),
    Clause(
        id="losses.callable",
        says="A plain callable is a regularizer.",
        source=REGULARIZERS_PY + ": get; Keras 2, and Keras 3 from 3.15 on",
        guards="a callable that is accepted and ignored",
        level=Level.KERAS,
        asks=tuple(
            asked
            for argument in ("kernel_regularizer", "bias_regularizer", "activity_regularizer")
            for asked in ask("read_losses", shape=((4, 7),), arguments={argument: "l2"}, given_as="callable")
        ),
        check=losses_by_value,
        holds_for=lambda dialect: dialect.takes_callables,
    ),
    Clause(
        id="losses.training",
        says="Under fit the penalties are part of the reported loss and of the step.",
        source="keras/src/trainers/trainer.py: Trainer.compute_loss",
        guards="penalties that a custom layer keeps to itself, so that nothing is regularized",
        level=Level.KERAS,
        asks=(
            *TRAINED,
            *ask(
                "fit",
                activation=("relu",),
                shape=((4, 7),),
                arguments={"activity_regularizer": "l2"},
                tier=Tier.DEFAULT,
            ),
            *ask(
                "fit", shape=((4, 7),), units=(3,), arguments={"kernel_regularizer": "l1_l2"}, steps="2", tier=Tier.FULL
            ),
        ),
        check=weights_after_fit,
    ),
)
