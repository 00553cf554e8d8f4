"""Errors: what every Keras refuses, no later than at the first call."""

from __future__ import annotations

from collections.abc import Iterator

from conformance.answers import Level, Trial
from conformance.cases import Tier
from conformance.compare import Comparison, agree, compare
from conformance.contract.checks import outputs_inside
from conformance.contract.clause import SHOULD, Asked, Clause, ask
from conformance.contract.saving import begins_and_is_constrained
from conformance.contract.shapes import LOW_RANK, OTHER_WIDTH, UNDEFINED_WIDTH
from conformance.contract.weights import WRONG_WEIGHTS, wrong_weights_refused

DENSE_PY = "keras/src/layers/core/dense.py: Dense.__init__, Dense.build"
LAYER_PY = "keras/src/layers/layer.py"


# ---- checks --------------------------------------------------------------------------------------------------------


def refused(trial: Trial) -> Iterator[Comparison]:
    """By any exception: type, message and moment differ between versions. The real layer is held to it as well."""
    yield agree("refused", trial.answer.raised is not None, expected=True)


def refused_as_by_the_oracle(trial: Trial) -> Iterator[Comparison]:
    """At the same moment, by an exception of the same type; the message is nobody's business."""
    raised, expected = trial.answer.raised, trial.oracle.raised
    yield agree("moment", raised and raised.phase, expected=expected and expected.phase)
    yield agree("type", raised and raised.type, expected=expected and expected.type)


def refused_and_recovered(trial: Trial) -> Iterator[Comparison]:
    yield agree("refused", trial.answer.fact("refused"), expected=True)
    yield from outputs_inside(trial)


def as_if_named(trial: Trial) -> Iterator[Comparison]:
    """Outputs, penalties, and what else the ten arguments say."""
    yield from outputs_inside(trial)
    yield compare("losses", trial.answer.tensor("losses"), within=trial.bounds["losses"])
    yield from begins_and_is_constrained(trial)


# ---- clauses -------------------------------------------------------------------------------------------------------


def odd(*names: str) -> tuple[Asked, ...]:
    """One question for each odd argument."""
    return tuple(asked for name in names for asked in ask("refuse", odd=name))


CLAUSES = (
    Clause(
        id="errors.units",
        says="units that are None, negative, a text or a list are refused, and so is a layer without units.",
        source=DENSE_PY,
        guards="units that are guessed, or made positive",
        level=Level.KERAS,
        asks=odd("units-none", "units-minus-one", "units-text", "units-list", "units-missing"),
        check=refused,
        raising_is_an_answer=True,
    ),
    Clause(
        id="errors.fractional-units",
        says="A fraction of a unit is refused.",
        source=DENSE_PY + "; Keras 2 cuts it off",
        guards="units that are cut off, so that a misspelt size goes unnoticed",
        level=Level.KERAS,
        asks=odd("units-fraction"),
        check=refused,
        holds_for=lambda dialect: dialect.generation == 3,
        raising_is_an_answer=True,
    ),
    Clause(
        id="errors.activation",
        says="An activation that is neither known nor callable is refused.",
        source="keras/src/activations/__init__.py: get",
        guards="an unknown activation that becomes linear",
        level=Level.KERAS,
        asks=odd("activation-unknown", "activation-number"),
        check=refused,
        raising_is_an_answer=True,
    ),
    Clause(
        id="errors.activation-class-names",
        says="The name of a layer class is no activation.",
        source="keras/src/activations/__init__.py: get; Keras 2 takes it for one",
        guards="the rule of Keras 2, whose LeakyReLU by name has another slope than leaky_relu",
        level=Level.KERAS,
        asks=odd("activation-class-name"),
        check=refused,
        holds_for=lambda dialect: dialect.generation == 3,
        raising_is_an_answer=True,
    ),
    Clause(
        id="errors.initializer",
        says="An initializer that is neither known nor callable, or cannot make the weight, is refused.",
        source="keras/src/initializers/__init__.py: get",
        guards="an unknown initializer that becomes the default",
        level=Level.KERAS,
        asks=odd("initializer-unknown", "initializer-number", "bias-initializer-unknown", "bias-orthogonal"),
        check=refused,
        raising_is_an_answer=True,
    ),
    Clause(
        id="errors.regularizer",
        says="A regularizer that is neither known nor callable is refused, at the latest when the losses are read.",
        source="keras/src/regularizers/__init__.py: get",
        guards="a number that is taken for a coefficient, an unknown name that is ignored",
        level=Level.KERAS,
        asks=odd(
            "regularizer-unknown", "regularizer-number", "bias-regularizer-unknown", "activity-regularizer-unknown"
        ),
        check=refused,
        raising_is_an_answer=True,
    ),
    Clause(
        id="errors.constraint",
        says="A constraint that is neither known nor callable is refused.",
        source="keras/src/constraints/__init__.py: get",
        guards="an unknown constraint that is ignored",
        level=Level.KERAS,
        asks=odd("constraint-unknown", "bias-constraint-unknown"),
        check=refused,
        raising_is_an_answer=True,
    ),
    Clause(
        id="errors.dtype",
        says="A dtype that does not exist is refused.",
        source="keras/src/dtype_policies/dtype_policy.py",
        guards="an unknown dtype that becomes float32",
        level=Level.KERAS,
        asks=odd("dtype-unknown"),
        check=refused,
        raising_is_an_answer=True,
    ),
    Clause(
        id="errors.keyword",
        says="An unknown keyword argument is refused, in a config as well.",
        source=LAYER_PY + ": Layer.__init__",
        guards="a misspelt argument that is swallowed",
        level=Level.KERAS,
        asks=(*odd("keyword-unknown", "keyword-misspelt"), *ask("refuse", odd="keyword-unknown", by="config")),
        check=refused,
        raising_is_an_answer=True,
    ),
    Clause(
        id="errors.keras-2",
        says="What Keras 2 alone knew is refused: l1_l2 and maxnorm by name, and the argument weights.",
        source=LAYER_PY + ": Layer.__init__; keras/src/regularizers/__init__.py: get; Keras 2 takes them",
        guards="the rules of Keras 2, so that a program seems to be one of Keras 3",
        level=Level.KERAS,
        asks=odd("l1_l2-by-name", "maxnorm-by-name", "weights-given"),
        check=refused,
        holds_for=lambda dialect: dialect.generation == 3,
        raising_is_an_answer=True,
    ),
    Clause(
        id="errors.inputs",
        says="Inputs of rank 0 and 1, and those whose last axis is unknown or another one, are refused.",
        source="keras/src/layers/input_spec.py: assert_input_compatibility",
        guards="inputs that are made to fit, by another axis, by padding, or by new weights",
        level=Level.KERAS,
        asks=(*LOW_RANK, *OTHER_WIDTH, *UNDEFINED_WIDTH),
        check=refused,
        raising_is_an_answer=True,
    ),
    Clause(
        id="errors.weights",
        says="A wrong number of weights and weights of wrong shapes are refused, and then the right ones are taken.",
        source=LAYER_PY + ": Layer.set_weights",
        guards="weights that are made to fit; a refusal after which a layer cannot be loaded any more",
        level=Level.KERAS,
        asks=WRONG_WEIGHTS,
        check=wrong_weights_refused,
    ),
    Clause(
        id="errors.moment-and-type",
        says="What is refused is refused when the real layer refuses it, by an exception of the same type.",
        source=DENSE_PY + "; " + LAYER_PY,
        guards="programs that catch ValueError, or construct a layer to see whether its arguments are right",
        level=Level.KERAS,
        asks=odd(
            *("units-none", "units-minus-one", "units-text", "activation-unknown", "initializer-unknown"),
            *("regularizer-unknown", "constraint-unknown", "keyword-unknown"),
        ),
        check=refused_as_by_the_oracle,
        requirement=SHOULD,
        raising_is_an_answer=True,
    ),
    Clause(
        id="errors.recovery",
        says="A layer that refused its first inputs is as good as new.",
        source=LAYER_PY + ": Layer.__call__",
        guards="a layer that is half built by what it refused",
        level=Level.KERAS,
        asks=(
            *ask("refuse_inputs", given="vector"),
            *ask("refuse_inputs", given="vector", built_by="call"),
            *ask("refuse_inputs", given="number", tier=Tier.DEFAULT),
            *ask("refuse_inputs", given="nothing", tier=Tier.DEFAULT),
            *ask("refuse_inputs", given="two"),
        ),
        check=refused_and_recovered,
    ),
    Clause(
        id="errors.positions",
        says="The ten arguments can be given by position, in Dense's order.",
        source=DENSE_PY,
        guards="initializers before the bias switch, regularizers and constraints swapped",
        level=Level.KERAS,
        asks=ask(
            "construct_by_position",
            activation=("relu",),
            shape=((4, 7),),
            use_bias=(True, False),
            arguments={
                "kernel_initializer": "ones",
                "bias_initializer": "constant",
                "kernel_regularizer": "l1",
                "bias_regularizer": "l2",
                "activity_regularizer": "l1_l2",
                "kernel_constraint": "max_norm",
                "bias_constraint": "non_neg",
            },
        ),
        check=as_if_named,
    ),
)
