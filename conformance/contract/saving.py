"""Saving: configs, copies and files bring back a layer that answers the same."""

from __future__ import annotations

from collections.abc import Iterator

from conformance.answers import Answer, Level, Trial
from conformance.cases import Json, Tier
from conformance.compare import Comparison, agree, compare
from conformance.contract import errata
from conformance.contract.checks import dtype_of_outputs, outputs_inside, those_bounded
from conformance.contract.clause import Asked, Clause, ask
from conformance.contract.composition import outputs_and_weights
from conformance.contract.initializers import as_the_oracle_draws, certain_values
from conformance.contract.parameters import field_of_weights
from conformance.contract.tables import BOTH

DENSE_PY = "keras/src/layers/core/dense.py: Dense.get_config"
SAVING_PY = "keras/src/saving/"


# ---- checks --------------------------------------------------------------------------------------------------------


def behaves_as_before(trial: Trial) -> Iterator[Comparison]:
    """Outputs and their dtype, losses, and the weights' shapes and dtypes."""
    yield from outputs_inside(trial)
    yield from dtype_of_outputs(trial)
    yield compare("losses", trial.answer.tensor("losses"), within=trial.bounds["losses"])
    yield from field_of_weights("shape")(trial)
    yield from field_of_weights("dtype")(trial)


def begins_and_is_constrained(trial: Trial) -> Iterator[Comparison]:
    """By what its weights begin with, and by what their constraints make of others."""
    yield from certain_values(trial)
    yield from as_the_oracle_draws(trial)
    yield from those_bounded("kernel_constrained", "bias_constrained")(trial)


def keeps_the_rest(trial: Trial) -> Iterator[Comparison]:
    """What the behaviour of a layer does not show, and what shows in its weights alone."""
    for name in ("name", "trainable", "compute_dtype"):
        yield agree(name, _kept(trial.answer, name, "nothing"), expected=_kept(trial.oracle, name, None))
    yield from begins_and_is_constrained(trial)


def _kept(answer: Answer, name: str, missing: Json) -> Json:
    kept = answer.fact("kept")
    return kept.get(name, missing) if isinstance(kept, dict) else missing


def misfits_refused(trial: Trial) -> Iterator[Comparison]:
    yield agree("refused", trial.answer.fact("refused"), expected=True)


def config_is_plain(trial: Trial) -> Iterator[Comparison]:
    """json.dumps took it, and from_config left it as it was."""
    yield agree("json", trial.answer.fact("json"), expected=True)
    yield agree("untouched", trial.answer.fact("untouched"), expected=True)


# ---- clauses -------------------------------------------------------------------------------------------------------


def through(way: str, *, tier: Tier = Tier.FULL) -> tuple[Asked, ...]:
    return (
        *ask("restore_model", activation=("relu",), way=way),
        *ask("restore_model", activation=("linear", "softmax"), rank=(2, 3), use_bias=BOTH, way=way, tier=tier),
    )


CLAUSES = (
    Clause(
        id="saving.config",
        says="from_config(get_config()) makes a layer that behaves as the first: every argument is kept.",
        source=DENSE_PY,
        guards="a config that loses use_bias, the activation, a regularizer or the dtype",
        level=Level.KERAS,
        asks=(
            *ask("restore_config", activation=("relu",), shape=((4, 7),), use_bias=BOTH),
            *ask("restore_config", shape=((4, 7),), arguments={"kernel_regularizer": "l2", "bias_regularizer": "l1"}),
            *ask("restore_config", shape=((4, 7),), dtype=("float64", "mixed_float16")),
            *ask(
                "restore_config",
                activation=("tanh", "softmax", "gelu"),
                shape=((4, 7), (2, 3, 7)),
                use_bias=BOTH,
                tier=Tier.DEFAULT,
            ),
        ),
        check=behaves_as_before,
    ),
    Clause(
        id="saving.config-of-activation-layer",
        says="An activation that is a layer comes back with its config.",
        source="keras/src/activations/__init__.py: serialize; Keras 3.15: 3.6 and before cannot bring it back",
        guards="an activation that is kept by its name alone, and becomes linear where it has none",
        level=Level.KERAS,
        asks=ask("restore_config", activation=("relu",), shape=((4, 7),), activation_as="layer"),
        check=behaves_as_before,
        holds_for=lambda dialect: dialect.since >= (3, 15),
    ),
    Clause(
        id="saving.config-of-activity",
        says="The activity regularizer is part of the config.",
        source=DENSE_PY,
        guards="a penalty of the outputs that is lost when a model is loaded",
        level=Level.KERAS,
        asks=ask("restore_config", shape=((4, 7),), arguments={"activity_regularizer": "l2"}),
        check=behaves_as_before,
        holds_for=lambda dialect: dialect.generation == 2 or dialect.since >= (3, 14),
    ),
    Clause(
        id="saving.config-keeps",
        says="Name, trainable, initializers and constraints are part of the config.",
        source=DENSE_PY + "; keras/src/layers/layer.py: Layer.get_config",
        guards="a frozen layer that thaws when it is loaded, a constraint that is lost",
        level=Level.KERAS,
        asks=(
            *ask("restore_config", shape=((4, 7),), trainable="no"),
            *ask(
                "restore_config",
                shape=((4, 7),),
                arguments={"kernel_constraint": "min_max_norm", "bias_constraint": "non_neg"},
            ),
            *ask(
                "restore_config",
                shape=((4, 7),),
                arguments={"kernel_initializer": "constant", "bias_initializer": "random_normal_around_seeded"},
            ),
            *ask("restore_config", shape=((4, 7),), arguments={"kernel_initializer": "glorot_uniform_seeded"}),
        ),
        check=keeps_the_rest,
    ),
    Clause(
        id="saving.config-is-plain",
        says="The config is plain data for JSON, and from_config does not change it.",
        source=DENSE_PY,
        guards="a function or an array in the config, a config that can be used once",
        level=Level.KERAS,
        asks=ask(
            "restore_config",
            activation=("relu",),
            shape=((4, 7),),
            arguments={
                "kernel_initializer": "he_normal",
                "kernel_regularizer": "l2",
                "bias_regularizer": "l1",
                "activity_regularizer": "l2",
                "kernel_constraint": "unit_norm",
                "bias_constraint": "non_neg",
            },
        ),
        check=config_is_plain,
    ),
    Clause(
        id="saving.file",
        says="A model that is saved as .keras and loaded gives the same outputs.",
        source=SAVING_PY + "saving_lib.py",
        guards="weights that are lost, reordered or drawn anew on loading",
        level=Level.KERAS,
        asks=through("file"),
        check=outputs_and_weights,
    ),
    Clause(
        id="saving.weights",
        says="Weights files and checkpoints bring the weights into another model of the same layers.",
        source=SAVING_PY + "saving_lib.py; tf.train.Checkpoint",
        guards="weights that a file does not hold, or that are not put back",
        level=Level.KERAS,
        asks=(
            *through("weights"),
            *through("checkpoint"),
            *ask("restore_model", family=("normal",), dtype=("float64",), way="weights"),
            *ask(
                "restore_model",
                family=("normal",),
                dtype=("float32", "mixed_float16"),
                way="weights",
                tier=Tier.DEFAULT,
            ),
        ),
        check=outputs_and_weights,
        errata=(errata.FLOAT16_SUMS,),
    ),
    Clause(
        id="saving.frozen",
        says="A layer that does not train is stored and loaded as any other.",
        source=SAVING_PY + "saving_lib.py; keras/src/layers/core/dense.py: Dense.save_own_variables",
        guards="a store of what trains alone: after transfer learning the frozen weights are drawn anew",
        level=Level.KERAS,
        asks=(
            *ask("restore_model", activation=("relu",), way="file", frozen="yes"),
            *ask("restore_model", activation=("relu",), way="weights", frozen="yes"),
        ),
        check=outputs_inside,
    ),
    Clause(
        id="saving.exchange",
        says="What the layer stores the real one loads, and the other way round.",
        source="keras/src/layers/core/dense.py: Dense.save_own_variables, Dense.load_own_variables",
        guards="weights stored transposed, in another order or under other keys",
        level=Level.KERAS,
        asks=(
            *ask("exchange_weights", writer="layer"),
            *ask("exchange_weights", writer="stock"),
            *ask("exchange_weights", family=("normal",), dtype=("float64",), writer="layer"),
            *ask("exchange_weights", use_bias=BOTH, rank=(3,), writer="layer", tier=Tier.DEFAULT),
            *ask("exchange_weights", use_bias=BOTH, writer="layer", through="file", tier=Tier.DEFAULT),
            *ask("exchange_weights", use_bias=BOTH, writer="stock", through="file", tier=Tier.DEFAULT),
        ),
        check=outputs_inside,
    ),
    Clause(
        id="saving.misfits-refused",
        says="Stored weights of another shape or number are refused.",
        source="keras/src/layers/layer.py: Layer.load_own_variables",
        guards="a file of another model that loads without a word, and leaves weights as they were",
        level=Level.KERAS,
        asks=(*ask("load_misfits", of="units"), *ask("load_misfits", of="bias")),
        check=misfits_refused,
    ),
    Clause(
        id="saving.clone",
        says="clone_model makes a layer of the same arguments with weights of its own.",
        source="keras/src/models/cloning.py",
        guards="a clone that shares its weights or lacks an argument",
        level=Level.KERAS,
        asks=through("clone", tier=Tier.DEFAULT),
        check=outputs_and_weights,
    ),
    Clause(
        id="saving.export",
        says="An exported model answers the same without Keras.",
        source="keras/src/export/saved_model.py",
        guards="values of Python that are frozen into the graph",
        level=Level.KERAS,
        asks=ask("restore_model", activation=("relu",), way="export"),
        check=outputs_inside,
    ),
)
