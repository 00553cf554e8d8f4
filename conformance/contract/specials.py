"""Specials: NaN, infinity, overflow and subnormal numbers, where all lanes agree."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from conformance.answers import Level, Trial
from conformance.cases import Tier
from conformance.compare import Comparison, agree, compare
from conformance.contract import errata
from conformance.contract.checks import overflows_with_its_sign, specials_pass_through
from conformance.contract.clause import SHOULD, Clause, ask
from conformance.contract.dtypes import POLICIES
from conformance.contract.half_precision import HALF
from conformance.contract.tables import FLOATS, SPECIAL
from conformance.procedures import GRADIENTS
from reference.intervals import Interval

DENSE_PY = "keras/src/layers/core/dense.py: Dense.call"
#: Activations whose value at infinity eager, tf.function, XLA and all versions agree on, beside those of SPECIAL.
LIMITED = (
    *("elu", "celu", "selu", "gelu", "silu", "hard_silu", "mish"),
    *("relu6", "hard_tanh", "log_sigmoid", "tanh_shrink", "squareplus"),
)


# ---- checks --------------------------------------------------------------------------------------------------------


def other_rows_untouched(trial: Trial) -> Iterator[Comparison]:
    """NaN and infinity stay in their rows, which NaN fills: the others are finite and right."""
    outputs, bounds = trial.answer.tensor("outputs"), trial.bounds["outputs"]
    finite = np.isfinite(trial.inputs.astype(np.float64)).all(axis=-1)
    if outputs is None or outputs.shape != bounds.shape:
        yield compare("outputs", outputs, within=bounds)
        return
    within = Interval(bounds.lower[finite], bounds.upper[finite])
    yield compare("outputs of rows without specials", outputs[finite], within=within)
    unknown = np.isnan(trial.inputs.astype(np.float64)).any(axis=-1)
    filled = bool(np.isnan(outputs[unknown].astype(np.float64)).all())
    yield agree("outputs of rows with NaN are NaN", filled, expected=True)


def limit_above(trial: Trial) -> Iterator[Comparison]:
    """Where the pre-activation is infinity. Of its negative Keras's versions make different things."""
    outputs, bounds = trial.answer.tensor("outputs"), trial.bounds["outputs"]
    if outputs is None or outputs.shape != bounds.shape:
        yield compare("outputs", outputs, within=bounds)
        return
    places = trial.facts["infinite_at"]
    within = Interval(bounds.lower.ravel()[places], bounds.upper.ravel()[places])
    yield compare("outputs of infinity", outputs.ravel()[places], within=within)


def flushed_or_kept(trial: Trial) -> Iterator[Comparison]:
    """A subnormal number may become zero, never anything else."""
    yield compare("outputs", trial.answer.tensor("outputs"), within=trial.bounds["outputs"])
    outputs = trial.answer.tensor("outputs")
    nans = None if outputs is None else int(np.isnan(outputs.astype(np.float64)).sum())
    yield agree("NaNs", nans, expected=0)


def reached_by_nan_alone(trial: Trial) -> Iterator[Comparison]:
    """The unit's column and bias, and the row's inputs; every other element is what it is without NaN."""
    gradients = {name: trial.answer.tensor(name) for name in GRADIENTS if name in trial.bounds}
    found = [
        [name, int(place)]
        for name, values in gradients.items()
        if values is not None
        for place in np.flatnonzero(np.isnan(values.astype(np.float64)))
    ]
    answered = all(values is not None for values in gradients.values())
    yield agree("nan_at", found if answered else None, expected=trial.facts["nan_at"])
    for name, values in gradients.items():
        yield compare(name, values, within=trial.bounds[name])


# ---- clauses -------------------------------------------------------------------------------------------------------

CLAUSES = (
    Clause(
        id="specials.pass-through",
        says="NaN and infinities in one row stay in that row: NaN stays NaN, an infinity becomes the activation's "
        "limit.",
        source="keras/src/activations/activations.py, where eager, tf.function and XLA agree",
        guards="NaN turned into a number, infinities clipped, one bad row that spoils the batch",
        level=Level.INFERENCE,
        asks=(
            *ask(activation=("linear", "relu", "sigmoid"), family=("specials",)),
            *ask(activation=SPECIAL, family=("specials",), rank=(2, 3), seed=(3,)),
            *ask(family=("specials",), dtype=HALF),
            *ask(
                activation=SPECIAL,
                family=("specials",),
                rank=(2, 3),
                use_bias=(True, False),
                dtype=FLOATS,
                tier=Tier.DEFAULT,
            ),
        ),
        check=specials_pass_through,
        errata=errata.OF_VALUES,
    ),
    Clause(
        id="specials.limits",
        says="An infinite pre-activation gives the activation's limit, and not NaN.",
        source="keras/src/activations/activations.py, where eager, tf.function and XLA agree",
        guards="0 times infinity, or one infinity over another, in a formula that is right for all finite numbers",
        level=Level.INFERENCE,
        asks=(
            *ask(activation=("elu", "gelu", "silu", "mish"), family=("specials",)),
            *ask(activation=LIMITED, family=("specials",), rank=(2, 3), dtype=FLOATS, tier=Tier.DEFAULT),
        ),
        check=limit_above,
        requirement=SHOULD,  # PyTorch's own gelu is NaN there: a layer that calls it is not accused for it
    ),
    Clause(
        id="specials.weights",
        says="NaN and infinity reach the outputs whatever they are multiplied by: 0 times infinity is NaN.",
        source="IEEE 754",
        guards="zeros that are skipped among inputs or among weights, weights that are cleaned",
        level=Level.INFERENCE,
        asks=(
            *ask(activation=("linear", "tanh"), family=("special_weights", "zero_weights")),
            *ask(
                activation=("linear", "relu"),
                family=("special_weights", "zero_weights"),
                use_bias=(True, False),
                rank=(2, 3),
                dtype=FLOATS,
                tier=Tier.DEFAULT,
            ),
        ),
        check=specials_pass_through,
    ),
    Clause(
        id="specials.rows-apart",
        says="NaN and infinity stay in the rows in which they came: every other row is right.",
        source=DENSE_PY,
        guards="a maximum, a mean or a check over the batch that one NaN poisons",
        level=Level.INFERENCE,
        asks=(
            *ask(activation=("linear", "relu", "softmax"), family=("specials",)),
            *ask(
                activation=(*SPECIAL, "softmax", "log_softmax"),
                family=("specials",),
                rank=(2, 3),
                dtype=FLOATS,
                seed=(1, 2),
                tier=Tier.DEFAULT,
            ),
        ),
        check=other_rows_untouched,
        errata=errata.OF_VALUES,
    ),
    Clause(
        id="specials.upstream",
        says="NaN in the upstream gradient reaches the gradients of its row and of its unit, and no others.",
        source="IEEE 754",
        guards="NaN that is cleaned away, so that a run that diverged seems to train; NaN that spoils every weight",
        level=Level.TRAINING,
        asks=(
            *ask("differentiate", activation=("linear", "tanh"), family=("special_upstream",)),
            *ask(
                "differentiate",
                activation=("linear", "sigmoid", "tanh"),
                family=("special_upstream",),
                use_bias=(True, False),
                rank=(2, 3),
                dtype=FLOATS,
                tier=Tier.DEFAULT,
            ),
        ),
        check=reached_by_nan_alone,
    ),
    Clause(
        id="specials.overflow",
        says="Sums beyond the largest number become infinite, with their sign.",
        source="IEEE 754",
        guards="outputs that are clamped to the largest number, as fast float16 hardware does, or NaN",
        level=Level.INFERENCE,
        asks=(
            *ask(family=("overflowing",), use_bias=(True, False)),
            *ask(family=("overflowing",), dtype=HALF),
            *ask(family=("overflowing",), rank=(2, 3), dtype=POLICIES, seed=(1,), tier=Tier.DEFAULT),
        ),
        check=overflows_with_its_sign,
    ),
    Clause(
        id="specials.subnormal",
        says="Subnormal inputs are used or taken for zero.",
        source="docs/numerics.md, 2",
        guards="NaN, infinity or noise from the smallest numbers",
        level=Level.INFERENCE,
        asks=(
            *ask(activation=("linear", "tanh"), family=("subnormal",)),
            *ask(
                activation=("linear", "relu", "tanh", "softmax", "gelu"),
                family=("subnormal",),
                rank=(2, 3),
                dtype=FLOATS,
                tier=Tier.DEFAULT,
            ),
        ),
        check=flushed_or_kept,
        errata=errata.OF_VALUES,
    ),
)
