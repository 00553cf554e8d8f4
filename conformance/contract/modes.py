"""Modes: eager, graph, XLA, predict and fit, and every way of differentiating."""

from __future__ import annotations

from conformance.answers import Level
from conformance.cases import Tier
from conformance.contract import errata
from conformance.contract.checks import outputs_inside, those_bounded
from conformance.contract.clause import SHOULD, Clause, ask
from conformance.contract.gradients import every_gradient, gradient_of
from conformance.contract.tables import BOTH
from conformance.procedures import GRADIENTS, SECOND_GRADIENTS

LAYER_PY = "keras/src/layers/layer.py: Layer.__call__"
TRAINER_PY = "keras/src/backend/tensorflow/trainer.py"
TAPE_PY = "tensorflow/python/eager/backprop.py: GradientTape"


# ---- checks --------------------------------------------------------------------------------------------------------


#: The weights after the last step, and the loss that was reported for the first.
weights_after_fit = those_bounded("kernel_after", "bias_after", "reported_loss")


#: A step with penalties of both weights, which a constraint of the kernel ends.
TRAINED = ask(
    "fit",
    shape=((4, 7),),
    units=(3,),
    arguments={"kernel_regularizer": "l2", "bias_regularizer": "l1", "kernel_constraint": "non_neg"},
)
#: A loss with penalties of the weights and of the outputs.
EVALUATED = ask(
    "evaluate",
    activation=("relu",),
    shape=((4, 7),),
    arguments={"kernel_regularizer": "l2", "activity_regularizer": "l1"},
)

# ---- clauses -------------------------------------------------------------------------------------------------------

CLAUSES = (
    Clause(
        id="modes.graph",
        says="Outputs and gradients are right when all of it is traced by tf.function.",
        source=LAYER_PY,
        guards="a gradient, or an output, that only a graph has: a custom gradient, a branch taken while tracing",
        level=Level.KERAS,
        asks=(
            *ask("differentiate_in_lane", activation=("relu",), lane="graph"),
            *ask("differentiate_in_lane", family=("gather",), lane="graph", tier=Tier.DEFAULT),
            *ask(
                "differentiate_in_lane",
                activation=("linear", "relu", "tanh", "softmax"),
                rank=(2, 3),
                use_bias=BOTH,
                lane="graph",
                tier=Tier.DEFAULT,
            ),
            *ask(
                "differentiate_in_lane",
                activation=("gelu", "elu", "softplus", "sigmoid"),
                family=("normal",),
                rank=(2, 3),
                lane="graph",
                tier=Tier.FULL,
            ),
        ),
        check=every_gradient,
        errata=errata.OF_GRADIENTS,
    ),
    Clause(
        id="modes.graph-of-unknown-shapes",
        says="A graph traced for leading axes of unknown length is right for the length that comes.",
        source=LAYER_PY,
        guards="a batch size that is read while tracing",
        level=Level.KERAS,
        asks=(
            *ask("differentiate_in_lane", rank=(3,), lane="graph", signature="unknown"),
            *ask(
                "differentiate_in_lane",
                activation=("linear", "relu"),
                rank=(2, 4),
                lane="graph",
                signature="unknown",
                tier=Tier.DEFAULT,
            ),
        ),
        check=every_gradient,
    ),
    Clause(
        id="modes.xla",
        says="Outputs and gradients are right when all of it is compiled by XLA.",
        source="tf.function(jit_compile=True)",
        guards="an op that XLA cannot compile, another formula under compilation",
        level=Level.KERAS,
        asks=(
            *ask("differentiate_in_lane", activation=("relu",), lane="xla"),
            *ask("differentiate_in_lane", family=("gather",), lane="xla", tier=Tier.DEFAULT),
            *ask("differentiate_in_lane", activation=("linear", "tanh"), rank=(2, 3), lane="xla", tier=Tier.DEFAULT),
            *ask(
                "differentiate_in_lane",
                activation=("gelu", "softmax", "elu", "sigmoid", "silu"),
                family=("integers", "normal"),
                lane="xla",
                tier=Tier.FULL,
            ),
        ),
        check=every_gradient,
        errata=errata.OF_GRADIENTS,
    ),
    Clause(
        id="modes.predict",
        says="Predictions are the outputs, in their order, whatever the batch size, and a short last batch included.",
        source=TRAINER_PY,
        guards="outputs that depend on the batch, a last batch that is dropped or padded",
        level=Level.KERAS,
        asks=(
            *ask("predict", activation=("relu",), shape=((5, 7),), batch="2"),
            *ask("predict", activation=("tanh",), shape=((5, 3, 7),), batch="3", tier=Tier.DEFAULT),
            *ask("predict", activation=("linear",), shape=((5, 7),), batch="8", tier=Tier.DEFAULT),
            *ask("predict", activation=("softmax", "linear"), shape=((5, 7), (5, 3, 7)), batch="1", tier=Tier.FULL),
        ),
        check=outputs_inside,
    ),
    Clause(
        id="modes.fit",
        says="Under fit each step moves the weights by the learning rate times the gradient of the loss.",
        source=TRAINER_PY,
        guards="gradients that are averaged, lost or applied twice, a bias that no optimizer sees, a kernel that is "
        "cached",
        level=Level.KERAS,
        asks=(
            *ask("fit", shape=((4, 7),), units=(3,), steps="2"),
            *ask(
                "fit", activation=("relu",), shape=((2, 3, 7),), units=(3,), use_bias=BOTH, steps="3", tier=Tier.DEFAULT
            ),
            *ask("fit", activation=("tanh",), shape=((4, 7),), units=(3,), family=("normal",), tier=Tier.DEFAULT),
            *ask(
                "fit", activation=("gelu", "softmax"), shape=((4, 7),), units=(3,), family=("normal",), tier=Tier.FULL
            ),
        ),
        check=weights_after_fit,
    ),
    Clause(
        id="modes.fit-lanes",
        says="fit gives the same steps eagerly and compiled by XLA.",
        source=TRAINER_PY,
        guards="a layer that only trains in a graph, or not under XLA",
        level=Level.KERAS,
        asks=(
            *ask("fit", shape=((4, 7),), units=(3,), steps="2", lane="eager"),
            *ask("fit", activation=("relu",), shape=((4, 7),), units=(3,), steps="2", lane="xla", tier=Tier.DEFAULT),
        ),
        check=weights_after_fit,
    ),
    Clause(
        id="modes.evaluate",
        says="evaluate reports the loss of the outputs and all penalties, and leaves the weights as they are.",
        source=TRAINER_PY,
        guards="outputs or penalties that training alone has, weights that every call moves",
        level=Level.KERAS,
        asks=(*EVALUATED, *ask("evaluate", shape=((2, 3, 7),), units=(3,), use_bias=BOTH, tier=Tier.DEFAULT)),
        check=weights_after_fit,
    ),
    Clause(
        id="modes.persistent-tape",
        says="A persistent tape gives the gradients again, for another upstream gradient.",
        source=TAPE_PY,
        guards="a backward pass that keeps state or consumes what it needs",
        level=Level.KERAS,
        asks=(
            *ask("several_tapes", activation=("relu",)),
            *ask("several_tapes", activation=("linear", "tanh", "softmax"), rank=(2, 3), tier=Tier.DEFAULT),
        ),
        check=every_gradient,
        errata=errata.OF_GRADIENTS,
    ),
    Clause(
        id="modes.nested-tapes",
        says="A tape within a tape differentiates the gradients again.",
        source=TAPE_PY,
        guards="a custom gradient that treats its operands as constants",
        level=Level.KERAS,
        asks=ask("differentiate_twice", activation=("linear", "tanh"), rank=(2, 3)),
        check=gradient_of(*SECOND_GRADIENTS),
    ),
    Clause(
        id="modes.jacobian",
        says="tape.jacobian gives the same derivatives, by its vectorised map.",
        source=TAPE_PY,
        guards="a custom gradient that cannot be vectorised, or that mixes the rows",
        level=Level.KERAS,
        asks=(
            *ask("jacobian", shape=((3, 5),), units=(2,)),
            *ask("jacobian", activation=("linear", "relu"), shape=((2, 3, 5),), units=(2,), tier=Tier.DEFAULT),
        ),
        check=gradient_of(*GRADIENTS),
    ),
    Clause(
        id="modes.forward",
        says="Forward mode gives the derivative along the weights.",
        source="tensorflow/python/eager/forwardprop.py: ForwardAccumulator",
        guards="a custom gradient without a forward rule",
        level=Level.KERAS,
        requirement=SHOULD,
        asks=(*ask("forward_mode"), *ask("forward_mode", rank=(3,), tier=Tier.DEFAULT)),
        check=outputs_inside,
    ),
)
