"""Which failures may come of simpler ones: what shows in a plain layer shows again wherever that layer is used.

A model, a copy, a step of fit or a call by position asks all at once of what other clauses ask one by one. Where it
fails beside a simpler question about the same arguments, nothing speaks for a defect of its own.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import fields
from functools import cache

from conformance.cases import Question
from conformance.diagnosis.wording import NOTHING, names_missed
from conformance.results import Result, Verdict
from reference.config import DenseConfig

#: Clauses that use a layer for what simpler ones ask.
COMPOSITE = (
    *("composition.", "modes.", "saving.", "parameters.stack", "outputs.activation-argument"),
    *("outputs.activation-class-names", "gradients.second-order", "shapes.unknown-dimensions"),
    *("shapes.other-rank-accepted", "state.training-mode", "state.graph", "dtypes.policy-argument", "dtypes.inputs-"),
    *("dtypes.mixed-rounds-operands", "dtypes.half-formula", "losses.training", "losses.evaluation", "losses.masked"),
    *("losses.unknown-batch", "constraints.training", "constraints.only-after-steps", "weights.assigned"),
    *("weights.frozen-in-", "weights.wrong-ones-refused", "errors.weights", "errors.recovery", "errors.positions"),
)
#: What a comparison's name says is wrong, by how it begins; another name is a kind of its own.
_KINDS: tuple[tuple[tuple[str, ...], str], ...] = (
    (("second_",), "second order"),
    (("outputs", "training", "inference", "first", "second", "row_by_row", "baseline", "most outputs"), "outputs"),
    (("after_fewer", "after_more", "of_steps", "of_columns"), "outputs"),
    (("losses",), "losses"),
    (("reported_loss",), "reported"),
    (("kernel_after", "bias_after", "kernel_constrained", "bias_constrained"), "steps"),
    (("kernel_gradient", "bias_gradient", "inputs_gradient"), "gradients"),
    (("shape of the", "shapes of", "dtype of the", "weights", "order", "count", "trainable", "number of"), "weights"),
    (("kernel", "bias", "distance of the", "second moment of the", "mean of the", "products of"), "beginning"),
)
#: Of each kind what else it is made of.
_MADE_OF = {
    "outputs": ("dtype", "steps"),
    "losses": ("outputs",),
    "reported": ("outputs", "losses"),
    "steps": ("outputs", "gradients", "losses"),
    "gradients": ("outputs", "losses"),
    "second order": ("outputs", "gradients"),
    "raises": ("missing",),
}
_PLAIN = DenseConfig(units=1)
#: Of a question's options those that change nothing.
_STANDARD = frozenset({("given_as", "object")})
_SPECIAL = (
    *("specials", "special_weights", "zero_weights", "special_upstream", "overflowing", "subnormal"),
    *("tails", "grid"),
)


def is_composite(result: Result) -> bool:
    return result.clause.id.startswith(COMPOSITE)


#: Of a simpler failure what the layer was given, and the kinds of what fails.
Simple = tuple[frozenset[object], frozenset[str]]


def following(composite: Iterable[Result], causes: Iterable[Result]) -> Iterator[Result]:
    """Those of which all that fails may come of these causes."""
    simple = _simple(causes)
    for result in filter(is_composite, composite):
        kinds, given = _kinds(result), _given(result.case.question)
        shown = {kind for asked, failing in simple if asked <= given for kind in failing}
        if kinds and all(shown & _made_of(kind) for kind in kinds - {"missing"}):
            yield result


def doubtful(results: Iterable[Result]) -> list[Result]:
    """Those that may come, in part, of simpler ones among them."""
    found = list(results)
    simple = _simple(found)
    return [each for each in found if is_composite(each) and _may_come_of(each, simple)]


def _simple(results: Iterable[Result]) -> set[Simple]:
    """Each kind once: failures are many, and what tells them apart here is little."""
    return {(_given(each.case.question), _kinds(each)) for each in results if not is_composite(each)}


def _may_come_of(result: Result, simple: Iterable[Simple]) -> bool:
    wanted = frozenset().union(*map(_made_of, _kinds(result)))
    given = _given(result.case.question)
    return any(wanted & failing and asked <= given for asked, failing in simple)


def _made_of(kind: str) -> frozenset[str]:
    """The kind itself, and what else may be behind it."""
    return frozenset({kind, *_MADE_OF.get(kind, ())})


def _kinds(result: Result) -> frozenset[str]:
    """What fails of it; also, where a tensor did not come at all, that it is missing."""
    if result.verdict is not Verdict.FAIL:
        return frozenset({"raises"})
    absent = {"missing"} if any(not each.holds and each.got == NOTHING for each in result.comparisons) else set()
    return frozenset(_kind(name) for name in names_missed(result)) | absent


def _kind(name: str) -> str:
    return next((kind for beginnings, kind in _KINDS if name.startswith(beginnings)), name)


@cache
def _given(question: Question) -> frozenset[object]:
    """What is given to a layer: a question asks no more of it than another where this is part of the other's."""
    config = question.config
    given: set[object] = {option for option in question.options if option not in _STANDARD}
    for name in (each.name for each in fields(config) if each.name != "units"):
        value = getattr(config, name)
        if value != getattr(_PLAIN, name):
            given.add((name, value) if name in ("activation", "dtype") else name)
    if len(question.input_shape) > 2:
        given.add("axes")
    if question.family in _SPECIAL:
        given.add(question.family)
    return frozenset(given)
