"""The weights: which there are, in which order, of which shapes and names, and how many numbers they hold."""

from __future__ import annotations

from collections.abc import Iterator

from conformance.answers import Level, Trial
from conformance.cases import Json, Tier
from conformance.compare import Comparison, agree
from conformance.contract.clause import Check, Clause, ask
from conformance.contract.tables import BOTH, FLOATS

BUILD_PY = "keras/src/layers/core/dense.py: Dense.build"


# ---- checks --------------------------------------------------------------------------------------------------------


def fact(*names: str) -> Check:
    """Holds these facts to the reference's."""

    def check(trial: Trial) -> Iterator[Comparison]:
        for name in names:
            yield agree(name, trial.answer.fact(name), expected=trial.facts[name])

    return check


def field_of_weights(field: str) -> Check:
    """Holds one field of every weight, in the layer's order, to the reference's."""

    def check(trial: Trial) -> Iterator[Comparison]:
        yield agree(
            f"{field} of the weights", _fields(trial.answer.fact("weights"), field), expected=_expected(trial, field)
        )

    return check


def shape_of(name: str) -> Check:
    """Holds the shape of one weight to the reference's; the weight is found by its name, or else by its place."""

    def check(trial: Trial) -> Iterator[Comparison]:
        places = {"kernel": 0, "bias": 1}
        weights = _records(trial.answer.fact("weights"))
        named = [weight for weight in weights if weight.get("name") == name] or weights[places[name] : places[name] + 1]
        expected = _records(trial.facts["weights"])[places[name]]["shape"]
        yield agree(f"shape of the {name}", named[0].get("shape") if named else None, expected=expected)

    return check


def names_of_weights(trial: Trial) -> Iterator[Comparison]:
    """Names without the prefix and suffix that a Keras version adds, in whatever order: the order is another clause."""
    names = _fields(trial.answer.fact("weights"), "name")
    expected = _expected(trial, "name")
    yield agree("names", _sorted(names), expected=_sorted(expected))


def kinds_in_order(trial: Trial) -> Iterator[Comparison]:
    """A kernel has two axes and a bias one: the order shows in the shapes, whatever the names."""
    yield agree("order", _kinds(trial.answer.fact("weights")), expected=_kinds(trial.facts["weights"]))


def one_weight_alone(trial: Trial) -> Iterator[Comparison]:
    """Without bias there is one weight, and its numbers are all that is counted."""
    yield agree("number of weights", len(_records(trial.answer.fact("weights"))), expected=1)
    yield agree("count", trial.answer.fact("count"), expected=trial.facts["count"])


def _records(weights: Json) -> list[dict[str, Json]]:
    return [weight for weight in weights if isinstance(weight, dict)] if isinstance(weights, list) else []


def _fields(weights: Json, field: str) -> list[Json]:
    return [weight.get(field) for weight in _records(weights)]


def _expected(trial: Trial, field: str) -> list[Json]:
    return _fields(trial.facts["weights"], field)


def _sorted(names: list[Json]) -> list[Json]:
    return sorted(names, key=str)


def _kinds(weights: Json) -> list[Json]:
    axes = [weight.get("shape") for weight in _records(weights)]
    return [len(shape) if isinstance(shape, list) else None for shape in axes]


# ---- clauses -------------------------------------------------------------------------------------------------------

#: Built on a shape, in every setting that changes the weights.
SETTINGS = (
    *ask("build", rank=(2, 3)),
    *ask("build", rank=(2, 3, 4), units=(1, 3, 7, 11), dtype=FLOATS, tier=Tier.DEFAULT),
)

CLAUSES = (
    Clause(
        id="parameters.kernel-shape",
        says="The kernel has the shape (input_dim, units), input_dim being the inputs' last axis.",
        source=BUILD_PY,
        guards="a kernel stored as (units, input_dim), one sized for flattened inputs",
        level=Level.KERAS,
        asks=SETTINGS,
        check=shape_of("kernel"),
    ),
    Clause(
        id="parameters.bias-shape",
        says="The bias has the shape (units,).",
        source=BUILD_PY,
        guards="a bias of shape (1, units), or of a single number",
        level=Level.KERAS,
        asks=SETTINGS,
        check=shape_of("bias"),
    ),
    Clause(
        id="parameters.order",
        says="The weights come in the order kernel, bias: get_weights, set_weights and saved files rely on it.",
        source=BUILD_PY,
        guards="the bias created first",
        level=Level.KERAS,
        asks=SETTINGS,
        check=kinds_in_order,
    ),
    Clause(
        id="parameters.names",
        says="The weights are called kernel and bias, whatever prefix or suffix a version adds.",
        source=BUILD_PY,
        guards="other names: optimizers and loaders select weights by name",
        level=Level.KERAS,
        asks=SETTINGS,
        check=names_of_weights,
    ),
    Clause(
        id="parameters.count",
        says="There are input_dim * units parameters, and units more with a bias, whatever the rank.",
        source=BUILD_PY,
        guards="extra weights, a count that leaves out the bias or takes the batch for a feature",
        level=Level.KERAS,
        asks=(*SETTINGS, *ask("build", shape=((None, 7), (None, 3, 7)), use_bias=BOTH)),
        check=fact("count"),
    ),
    Clause(
        id="parameters.trainable",
        says="Kernel and bias are both trainable.",
        source=BUILD_PY,
        guards="a bias or a kernel that no optimizer sees",
        level=Level.KERAS,
        asks=SETTINGS,
        check=fact("trainable"),
    ),
    Clause(
        id="parameters.dtype",
        says="The weights have the layer's dtype.",
        source=BUILD_PY,
        guards="float32 weights behind a float64 layer",
        level=Level.KERAS,
        asks=(*ask("build", dtype=FLOATS), *ask("build", dtype=FLOATS, rank=(3,), use_bias=BOTH, tier=Tier.DEFAULT)),
        check=field_of_weights("dtype"),
    ),
    Clause(
        id="parameters.without-bias",
        says="With use_bias=False the kernel is the only weight.",
        source=BUILD_PY,
        guards="a bias that is created and not used, or counted and not created",
        level=Level.KERAS,
        asks=(
            *ask("build", use_bias=(False,), rank=(2, 3)),
            *ask("build", use_bias=(False,), rank=(2, 3, 4), units=(1, 3, 7), dtype=FLOATS, tier=Tier.DEFAULT),
        ),
        check=one_weight_alone,
    ),
    Clause(
        id="parameters.built-by-call",
        says="A first call builds the same weights as build does, once.",
        source="keras/src/layers/layer.py: Layer.__call__",
        guards="weights that are made anew, or twice, when the layer is called",
        level=Level.KERAS,
        asks=(
            *ask("call_unbuilt", rank=(2, 3), use_bias=BOTH),
            *ask("call_unbuilt", rank=(2, 3, 4), units=(1, 3), use_bias=BOTH, dtype=FLOATS, tier=Tier.DEFAULT),
        ),
        check=fact("weights", "count"),
    ),
    Clause(
        id="parameters.stack",
        says="In a Sequential model each layer's input_dim is the units of the one before; only the first is told "
        "a shape.",
        source="keras/src/models/sequential.py; the examples of Dense's documentation",
        guards="a layer that keeps the first layer's width; parameters counted for the whole batch",
        level=Level.KERAS,
        asks=(
            *ask("stack", shape=((None, 16),), units=(32,), layers="32,32"),
            *ask("stack", shape=((None, 100),), units=(10 * 10 * 256,), use_bias=(False,)),
            *ask("stack", shape=((None, 7), (None, 3, 7)), layers="11,5,3", use_bias=BOTH, tier=Tier.DEFAULT),
        ),
        check=fact("counts", "weights", "output_shape"),
    ),
)
