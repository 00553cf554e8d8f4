"""Constraints: what the optimizer makes of the weights after its step, and nobody else at any time."""

from __future__ import annotations

from conformance.answers import Level
from conformance.cases import Tier
from conformance.contract import errata
from conformance.contract.checks import those_bounded
from conformance.contract.clause import Clause, ask
from conformance.contract.dtypes import weights_after
from conformance.contract.initializers import certain_values
from conformance.contract.modes import TRAINED, weights_after_fit

CONSTRAINTS_PY = "keras/src/constraints/constraints.py"
OPTIMIZER_PY = "keras/src/optimizers/base_optimizer.py: BaseOptimizer.apply"
EVERY = ("non_neg", "max_norm", "max_norm_of_rows", "unit_norm", "min_max_norm")
OF_VECTORS = ("non_neg", "max_norm", "unit_norm", "min_max_norm")


CLAUSES = (
    Clause(
        id="constraints.kernel",
        says="After its step an optimizer puts the kernel through the kernel's constraint.",
        source=OPTIMIZER_PY,
        guards="a constraint that is ignored, applied to the bias, along another axis, or before the step",
        level=Level.KERAS,
        asks=tuple(
            asked for name in EVERY for asked in ask("step", shape=((4, 7),), arguments={"kernel_constraint": name})
        ),
        check=weights_after,
    ),
    Clause(
        id="constraints.bias",
        says="After its step an optimizer puts the bias through the bias's constraint, whose norm is of all of it.",
        source=OPTIMIZER_PY,
        guards="a bias constraint that is ignored or applied to the kernel",
        level=Level.KERAS,
        asks=(
            *(
                asked
                for name in OF_VECTORS
                for asked in ask("step", shape=((4, 7),), arguments={"bias_constraint": name})
            ),
            *ask("step", shape=((4, 7),), arguments={"kernel_constraint": "max_norm", "bias_constraint": "non_neg"}),
        ),
        check=weights_after,
    ),
    Clause(
        id="constraints.forms",
        says="A constraint is taken as an object, as its config, and by its name.",
        source=CONSTRAINTS_PY + ": get",
        guards="a form that is accepted and ignored",
        level=Level.KERAS,
        asks=tuple(
            asked
            for argument in ("kernel_constraint", "bias_constraint")
            for form, names in (("config", ("min_max_norm", "non_neg")), ("name", ("max_norm", "non_neg", "unit_norm")))
            for name in names
            for asked in ask(
                "step",
                shape=((4, 7),),
                arguments={argument: name},
                given_as=form,
                tier=Tier.SMOKE if argument == "kernel_constraint" else Tier.DEFAULT,
            )
        ),
        check=weights_after,
    ),
    Clause(
        id="constraints.callable",
        says="A plain callable is a constraint.",
        source=CONSTRAINTS_PY + ": get; Keras 2, and Keras 3 from 3.15 on",
        guards="a callable that is accepted and ignored",
        level=Level.KERAS,
        asks=tuple(
            asked
            for argument in ("kernel_constraint", "bias_constraint")
            for asked in ask("step", shape=((4, 7),), arguments={argument: "non_neg"}, given_as="callable")
        ),
        check=weights_after,
        holds_for=lambda dialect: dialect.takes_callables,
    ),
    Clause(
        id="constraints.carried",
        says="Each weight carries its constraint, which computes in the weight's own dtype, whatever the norms.",
        source="keras/src/backend/common/variables.py: Variable.constraint",
        guards="0 / 0 where a column is zero, an epsilon in the root, a limit that is ignored, a norm in half types",
        level=Level.KERAS,
        asks=tuple(
            asked
            for name in EVERY
            for asked in ask(
                "constrain",
                shape=((4, 7),),
                family=("columns",),
                dtype=("float32", "float64", "mixed_float16"),
                arguments={"kernel_constraint": name} | ({} if name not in OF_VECTORS else {"bias_constraint": name}),
            )
        ),
        check=those_bounded("kernel_constrained", "bias_constrained"),
        errata=(errata.NON_NEG_OF_FLOAT32_ALONE,),
    ),
    Clause(
        id="constraints.not-when-built",
        says="Weights begin as their initializers say: no constraint changes what they begin with.",
        source="keras/src/backend/common/variables.py: Variable",
        guards="weights that are constrained when they are built",
        level=Level.KERAS,
        asks=ask(
            "begin",
            arguments={
                **{f"{name}_initializer": "constant" for name in ("kernel", "bias")},
                **{f"{name}_constraint": "non_neg" for name in ("kernel", "bias")},
            },
        ),
        check=certain_values,
    ),
    Clause(
        id="constraints.only-after-steps",
        says="Nothing but an optimizer's step applies a constraint: not setting the weights, calling, or evaluating.",
        source=OPTIMIZER_PY,
        guards="weights that are clipped when they are built, set or used",
        level=Level.KERAS,
        asks=(
            *ask(
                "use_constrained",
                shape=((4, 7),),
                units=(3,),
                arguments={"kernel_constraint": "non_neg", "bias_constraint": "non_neg"},
            ),
            *ask(
                "use_constrained",
                shape=((4, 7),),
                units=(3,),
                arguments={"kernel_constraint": "unit_norm"},
                tier=Tier.FULL,
            ),
        ),
        check=weights_after,
    ),
    Clause(
        id="constraints.training",
        says="Under fit, too, each step ends with the constraints, after penalties have had their say.",
        source=OPTIMIZER_PY,
        guards="a constraint that a model does not know of",
        level=Level.KERAS,
        asks=(
            *TRAINED,
            *ask("fit", shape=((4, 7),), units=(3,), arguments={"kernel_constraint": "max_norm"}, tier=Tier.DEFAULT),
            *ask("fit", shape=((4, 7),), arguments={"bias_constraint": "non_neg"}, steps="2", tier=Tier.FULL),
        ),
        check=weights_after_fit,
    ),
)
