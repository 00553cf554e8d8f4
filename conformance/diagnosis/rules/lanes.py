"""What differs in another lane than the plain eager call: graphs, training, models, copies, second gradients."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from conformance.diagnosis.exhibits import Exhibit, Inquiry
from conformance.diagnosis.fit import fitting
from conformance.diagnosis.rivals.affine import all_affine
from conformance.diagnosis.rivals.every_activation import of_every_activation
from conformance.diagnosis.rivals.gradients import of_products
from conformance.diagnosis.rivals.rival import Rival
from conformance.diagnosis.rivals.rounding import all_roundings
from conformance.diagnosis.rivals.slopes import of_slope, plain_kinks
from conformance.diagnosis.rivals.upstreams import of_upstream
from conformance.diagnosis.wording import context, names_missed, observed
from conformance.diagnosis.wording import raised as in_its_words
from conformance.procedures import GRADIENTS
from conformance.results import Diagnosis, Result, Verdict
from reference.elementwise import Elementwise


@dataclass(frozen=True)
class Lane:
    """defect: its name. clauses: those that look at it. says: where. follow: clauses that fail because of it.

    carries_weights: the weights went another way than usual, so that wrong outputs may be right ones of other weights.
    seen: the words before what is observed, where no rival says more.
    """

    defect: str
    clauses: tuple[str, ...]
    says: str
    follow: tuple[str, ...] = ()
    carries_weights: bool = False
    seen: str = ""


_GRAPHS = (
    "modes.",
    "losses.training",
    "losses.evaluation",
    "losses.unknown-batch",
    "constraints.training",
    "constraints.only-after-steps",
    "saving.export",
)
LANES: tuple[Lane, ...] = (
    Lane(
        "graph-differs",
        ("state.graph", "modes.graph["),
        "under tf.function",
        (*_GRAPHS, "shapes.unknown-dimensions", "weights.built-in-a-graph", "saving."),
    ),
    Lane(
        "unknown-lengths-differ",
        ("shapes.unknown-dimensions", "modes.graph-of-unknown-shapes"),
        "in a graph that was traced for unknown lengths",
        _GRAPHS,
    ),
    Lane("graph-build-differs", ("weights.built-in-a-graph",), "where a graph builds the layer"),
    Lane("xla-differs", ("modes.xla",), "when it is compiled by XLA", ("modes.fit-lanes",)),
    Lane("predict-differs", ("modes.predict",), "under predict", ("saving.export",)),
    Lane(
        "second-order-wrong",
        ("gradients.second-order", "modes.nested-tapes"),
        "when it is differentiated twice",
        ("modes.forward",),
    ),
    Lane("persistent-tape-wrong", ("modes.persistent-tape",), "for the second gradient of a persistent tape"),
    Lane("jacobian-wrong", ("modes.jacobian",), "by tape.jacobian"),
    Lane("forward-mode-wrong", ("modes.forward",), "in forward mode"),
    Lane("frozen-gradients-wrong", ("weights.frozen-in-between",), "of a frozen layer"),
    Lane(
        "attribute-is-copy",
        ("weights.assigned",),
        "after its attributes kernel and bias were assigned to",
        carries_weights=True,
    ),
    Lane("shared-calls-wrong", ("composition.shared",), "when a layer is called twice"),
    Lane(
        "model-differs",
        ("composition.sequential", "composition.functional", "composition.subclassed", "composition.time-distributed"),
        "in a model",
        ("modes.", "saving."),
    ),
    Lane("other-rank-wrong", ("shapes.other-rank-accepted",), "on another rank than it was built on"),
    Lane(
        "activation-argument-wrong",
        ("outputs.activation-argument",),
        "where its activation is given otherwise",
        ("saving.config-of-activation-layer",),
    ),
    Lane("class-names-wrong", ("outputs.activation-class-names",), "where its activation is the name of a class"),
    Lane(
        "stored-weights-wrong",
        ("saving.weights", "saving.file"),
        "after its weights were saved and loaded",
        ("saving.exchange", "saving.clone", "saving.export", "saving.misfits"),
        carries_weights=True,
    ),
    Lane(
        "stored-weights-wrong",
        ("saving.frozen",),
        "after it was stored while it did not train",
        carries_weights=True,
        seen="the weights of a layer that does not train are not stored, or not loaded, as they were: ",
    ),
    Lane(
        "exchange-wrong",
        ("saving.exchange",),
        "when weights are exchanged with the real layer",
        carries_weights=True,
    ),
    Lane("clone-wrong", ("saving.clone",), "after it was cloned", carries_weights=True),
    Lane("export-wrong", ("saving.export",), "after it was exported", carries_weights=True),
)


def wrong_graphs(inquiry: Inquiry) -> Iterator[Diagnosis]:
    """The rule for the lanes that much else is made of."""
    yield from _in_turn(inquiry, LANES[:2])


def wrong_lanes(inquiry: Inquiry) -> Iterator[Diagnosis]:
    yield from _in_turn(inquiry, LANES[2:])


def _in_turn(inquiry: Inquiry, lanes: Sequence[Lane]) -> Iterator[Diagnosis]:
    """Lane by lane, those first that others are made of."""
    for lane in lanes:
        failing = [r for r in inquiry.open if f"{r.clause.id}[".startswith(tuple(lane.clauses))]
        if failing:
            follow = [r for r in inquiry.consequences(*lane.follow) if r not in failing] if lane.follow else []
            yield Diagnosis(
                lane.defect, _sentence(inquiry, lane, failing), _evidence(failing, inquiry), _ids([*failing, *follow])
            )


def _ids(results: Sequence[Result]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(result.case.id for result in results))


def _evidence(failing: Sequence[Result], inquiry: Inquiry) -> str:
    clauses = {result.clause.id for result in failing}
    ran = sum(result.clause.id in clauses for result in inquiry.report.results)
    return f"{len(failing)} of {ran} cases of {', '.join(sorted(clauses))} fail, and plain calls do not"


def _sentence(inquiry: Inquiry, lane: Lane, failing: Sequence[Result]) -> str:
    where = (
        context(failing[0].case.question)
        if lane.defect in ("model-differs", "activation-argument-wrong")
        else lane.says
    )
    raised = [result for result in failing if result.verdict is not Verdict.FAIL]
    if len(raised) == len(failing):
        return (
            f"{lane.says} it raises: {in_its_words(raised)}"
            if lane.defect == "unknown-lengths-differ"
            else observed(raised)
        )
    fitted = _fitted(inquiry, failing)
    if not fitted:
        return lane.seen + observed([r for r in failing if r.verdict is Verdict.FAIL])
    return f"{where} it answers as if {fitted}" if lane.carries_weights else f"{where} {fitted}"


def _fitted(inquiry: Inquiry, failing: Sequence[Result]) -> str:
    """What the tensors are instead, where a rival of the plain pass says it."""
    outputs, gradients = _exhibits(inquiry, failing, "outputs"), _exhibits(inquiry, failing, *GRADIENTS)
    wrong = [exhibit for exhibit in outputs if exhibit.fails]
    rivals: list[Rival] = [*all_affine(), *all_roundings(), *of_every_activation()]
    if not wrong:
        wrong, outputs = [each for each in gradients if each.fails], gradients
        rivals = [*of_products(), *of_upstream()]
        activations = {exhibit.question.config.activation: exhibit.posed.definition for exhibit in wrong}
        if len(activations) == 1:
            name, row = activations.popitem()
            kinks = plain_kinks(name, row) if isinstance(row, Elementwise) else ()
            rivals = [*kinks, *of_slope(name, row), *rivals]
    fits = fitting(rivals, wrong, [each for each in outputs if not each.fails]) if wrong else []
    if len(fits) != 1 or fits[0].is_tied or len(fits[0].explained) < len(wrong):
        return ""
    activation = fits[0].explained[0].question.config.activation
    return f"{fits[0].rival.says.format(activation=activation)} {fits[0].where.says}".strip()


def _exhibits(inquiry: Inquiry, failing: Sequence[Result], *names: str) -> list[Exhibit]:
    questions = dict.fromkeys(result.case.question for result in failing[:12] if result.verdict is Verdict.FAIL)
    found = [exhibit for question in questions for exhibit in inquiry.witness.exhibits(question)]
    return [exhibit for exhibit in found if exhibit.name in names]


# ---- training ------------------------------------------------------------------------------------------------------


#: Outputs that are others in training move some weights otherwise; steps of another length move all.
WEIGHTS = ("kernel_after", "bias_after")


def wrong_training(inquiry: Inquiry) -> Iterator[Diagnosis]:
    """Steps of fit that go another way, or another distance, where plain gradients are right."""
    failing = [r for r in inquiry.failing("modes.fit", "losses.training", "constraints.training") if names_missed(r)]
    plain = [r for r in failing if r.clause.id in ("modes.fit", "modes.fit-lanes")]
    moved = {name for result in plain for name in names_missed(result) if name.endswith("_after")}
    if len(moved) < len(WEIGHTS) and inquiry.failing("state.training-mode"):
        return
    if not failing or inquiry.failing("state.graph", "gradients.", "modes.graph["):
        return
    told = _factor(inquiry, plain) if plain else ""
    if plain and told:
        follow = inquiry.failing("modes.fit", "losses.training", "constraints.training", "weights.frozen-in-training")
        yield Diagnosis("training-steps-wrong", f"under fit {told}", f"{len(plain)} runs of fit", _ids(follow))


def _factor(inquiry: Inquiry, failing: Sequence[Result]) -> str:
    """One factor of all steps."""
    factors: set[float] = set()
    weights: set[str] = set()
    for result in failing:
        asked = inquiry.witness.ask(result.case.question)
        if asked.tensors is None:
            return ""
        for name in names_missed(result) & {"kernel_after", "bias_after"}:
            got, before = asked.answer.tensor(name), getattr(asked.tensors, name.removesuffix("_after"))
            right = asked.truth.bounds[name]
            after = right.middle
            if got is None or got.shape != after.shape:
                return ""
            weights.add(name.removesuffix("_after"))
            step = after - before
            with np.errstate(all="ignore"):
                factors |= {round(float(each), 6) for each in ((got - before) / step)[step != 0]}
    if len(factors) != 1:
        return ""
    factor = factors.pop()
    of = "the weights" if len(weights) > 1 else f"the {weights.pop()}"
    if factor == 0:
        return f"{of} {'do' if of == 'the weights' else 'does'} not move"
    return f"every step of {of} is {factor:g} times as long as it should be"
