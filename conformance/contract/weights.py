"""The weights as a user handles them: built when, read, set, frozen, counted."""

from __future__ import annotations

from collections.abc import Iterator

from conformance.answers import Level, Trial
from conformance.cases import Json, Tier
from conformance.compare import Comparison, agree
from conformance.contract.checks import outputs_inside, those_bounded
from conformance.contract.clause import Clause, ask
from conformance.contract.dtypes import POLICIES, weights_after
from conformance.contract.tables import BOTH
from conformance.procedures import GRADIENTS

DENSE_PY = "keras/src/layers/core/dense.py"
LAYER_PY = "keras/src/layers/layer.py"


# ---- checks --------------------------------------------------------------------------------------------------------


def when_built(trial: Trial) -> Iterator[Comparison]:
    """No weights before, all of them after."""
    is_built = trial.question.option("state") == "built"
    yield agree("built", trial.answer.fact("built"), expected=is_built)
    yield agree("shapes of get_weights", trial.answer.fact("numbers"), expected=_shapes(trial) if is_built else [])


def built_as_ever(trial: Trial) -> Iterator[Comparison]:
    """The weights of any other layer, and what they are set to afterwards is what the graph uses."""
    for name in ("weights", "count", "trainable"):
        yield agree(name, trial.answer.fact(name), expected=trial.facts[name])
    yield from outputs_inside(trial)


def numbers_that_train(trial: Trial) -> Iterator[Comparison]:
    """[trainable, not trainable]."""
    count, frozen = len(_shapes(trial)), bool(trial.question.option("frozen")) and not trial.question.option("thawed")
    expected = [0, count] if frozen else [count, 0]
    yield agree("trainable and other weights", trial.answer.fact("trainable_numbers"), expected=expected)
    shapes = [] if frozen else _shapes(trial)
    yield agree("shapes of the trainable weights, in order", trial.answer.fact("trainable_shapes"), expected=shapes)
    yield agree("trainable", _attribute(trial, "trainable"), expected=not frozen)
    yield agree("count", _attribute(trial, "count"), expected=trial.facts["count"])


def attributes_read(trial: Trial) -> Iterator[Comparison]:
    """What the reference can say of them, and what follows from how the layer was made."""
    config = trial.question.config
    expected: dict[str, Json] = {
        "units": config.units,
        "use_bias": config.use_bias,
        "name": "my_layer",
        "default names differ": True,
        "compute_dtype": config.format.name,
        "variable_dtype": config.variable_format.name,
        "activation is callable": True,
    }
    if trial.question.option("state") == "unbuilt":
        expected |= {"count": "refused", "set_weights": "refused"}
    else:
        shapes = _shapes(trial)
        expected |= {"kernel": shapes[0], "bias": shapes[1] if config.use_bias else None, "count": trial.facts["count"]}
    for name, value in expected.items():
        yield agree(name, _attribute(trial, name), expected=value)


def wrong_weights_refused(trial: Trial) -> Iterator[Comparison]:
    """By any exception; at once where the real layer does so: Keras 3 sets the kernel before it looks at the bias. The
    right weights, set after that, are in use.
    """
    yield agree("refused", trial.answer.fact("refused"), expected=True)
    if trial.oracle.fact("unchanged") or not trial.question.option("wrong").startswith("bias"):
        yield agree("unchanged", trial.answer.fact("unchanged"), expected=True)
    yield from outputs_inside(trial)


def _shapes(trial: Trial) -> list[Json]:
    return [weight["shape"] for weight in trial.facts["weights"]]


def _attribute(trial: Trial, name: str) -> Json:
    attributes = trial.answer.fact("attributes")
    return attributes.get(name) if isinstance(attributes, dict) else "nothing"


# ---- clauses -------------------------------------------------------------------------------------------------------

WRONG_WEIGHTS = (
    *ask("set_wrong_weights", wrong="too-few"),
    *ask("set_wrong_weights", wrong="transposed"),
    *ask("set_wrong_weights", wrong="bias-number"),
    *ask("set_wrong_weights", wrong="too-many", tier=Tier.DEFAULT),
    *ask("set_wrong_weights", wrong="other-order", tier=Tier.DEFAULT),
    *ask("set_wrong_weights", wrong="bias-row", tier=Tier.DEFAULT),
    *ask("set_wrong_weights", wrong="bias-column", tier=Tier.DEFAULT),
    *ask("set_wrong_weights", wrong="flat-kernel", tier=Tier.DEFAULT),
)

CLAUSES = (
    Clause(
        id="weights.built-when",
        says="A layer has no weights until it is built, and all of them from then on.",
        source=DENSE_PY + ": Dense.build",
        guards="weights of a guessed shape made in the constructor; weights that only a call makes",
        level=Level.KERAS,
        asks=(
            *ask("read_attributes", state="unbuilt"),
            *ask("read_attributes", rank=(2, 3), use_bias=BOTH, state="built"),
            *ask("read_attributes", state="built", shape_as="list"),
            *ask("read_attributes", state="built", shape_as="tensor-shape"),
            *ask("read_attributes", rank=(3,), state="built", shape_as="unknown-batch", tier=Tier.DEFAULT),
        ),
        check=when_built,
    ),
    Clause(
        id="weights.built-in-a-graph",
        says="A layer whose first call is traced by tf.function has weights that outlive the graph.",
        source=LAYER_PY + ": Layer.__call__",
        guards="weights that are tensors of a graph, made anew by every trace, or constants in it",
        level=Level.KERAS,
        asks=(
            *ask("build_in_lane", activation=("relu",), lane="graph"),
            *ask("build_in_lane", rank=(3,), use_bias=BOTH, lane="graph", tier=Tier.DEFAULT),
            *ask("build_in_lane", lane="xla", tier=Tier.DEFAULT),
        ),
        check=built_as_ever,
    ),
    Clause(
        id="weights.attributes",
        says="units, use_bias, activation, kernel, bias (None without one), name, dtypes and count can be read; what "
        "needs weights is refused before there are any.",
        source=DENSE_PY + ": Dense.__init__, Dense.build; " + LAYER_PY,
        guards="a name or dtype that is ignored, a bias attribute that is missing without bias",
        level=Level.KERAS,
        asks=(
            *ask("read_attributes", use_bias=BOTH, state="built"),
            *ask("read_attributes", dtype=("float64", "mixed_float16"), state="built"),
            *ask("read_attributes", state="unbuilt"),
            *ask("read_attributes", dtype=POLICIES, units=(1, 5), use_bias=BOTH, state="built", tier=Tier.DEFAULT),
        ),
        check=attributes_read,
    ),
    Clause(
        id="weights.frozen",
        says="A frozen layer, by its constructor or later, has no trainable weights; a thawed one has them all again.",
        source=LAYER_PY + ": Layer.trainable",
        guards="trainable=False that is swallowed, weights that stay frozen",
        level=Level.KERAS,
        asks=(
            *ask("read_attributes", state="built", frozen="constructor"),
            *ask("read_attributes", use_bias=BOTH, state="built", frozen="later"),
            *ask("read_attributes", use_bias=BOTH, state="built", frozen="later", thawed="yes"),
            *ask("read_attributes", state="built", frozen="constructor", thawed="yes"),
        ),
        check=numbers_that_train,
    ),
    Clause(
        id="weights.frozen-in-training",
        says="Training does not move the weights of a frozen layer.",
        source="keras/src/trainers/trainer.py",
        guards="a layer that trains its weights by itself",
        level=Level.KERAS,
        asks=ask("fit_frozen", shape=((4, 7),), units=(3,)),
        check=weights_after,
    ),
    Clause(
        id="weights.frozen-in-between",
        says="A frozen layer passes gradients on to its inputs, and a tape that is asked has those of its weights.",
        source=LAYER_PY + ": Layer.trainable",
        guards="a frozen layer below which nothing trains any more, or whose saliency is zero",
        level=Level.KERAS,
        asks=ask("differentiate_frozen", activation=("linear", "relu")),
        check=those_bounded("outputs", *GRADIENTS),
    ),
    Clause(
        id="weights.assigned",
        says="The attributes kernel and bias are the variables: what is assigned to them is used.",
        source=DENSE_PY + ": Dense.kernel",
        guards="attributes that are copies",
        level=Level.KERAS,
        asks=ask("assign_weights", activation=("relu",), use_bias=BOTH),
        check=outputs_inside,
    ),
    Clause(
        id="weights.taken-and-given",
        says="get_weights gives copies in float arrays that set_weights of another layer takes, of any float dtype.",
        source=LAYER_PY + ": Layer.get_weights, Layer.set_weights",
        guards="views of the layer's own memory, values that are kept by reference, a dtype that is refused",
        level=Level.KERAS,
        asks=(
            *ask("take_weights", family=("normal",)),
            *ask("take_weights", family=("normal",), dtype=POLICIES, use_bias=BOTH, tier=Tier.DEFAULT),
        ),
        check=weights_after,
    ),
    Clause(
        id="weights.wrong-ones-refused",
        says="set_weights refuses a wrong number and wrong shapes, broadcasts nothing, and then takes the right ones.",
        source=LAYER_PY + ": Layer.set_weights",
        guards="a bias that is broadcast, a kernel that is transposed or reshaped to fit",
        level=Level.KERAS,
        asks=WRONG_WEIGHTS,
        check=wrong_weights_refused,
    ),
)
