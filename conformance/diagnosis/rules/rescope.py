"""Where a defect shows, held to more questions: one length, rank, dtype, activation or the bias changed at a time.

The same questions tell apart fits that are alike.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import replace
from functools import partial

import numpy as np

from conformance.cases import Question
from conformance.diagnosis.exhibits import Exhibit, Inquiry, apart, changed
from conformance.diagnosis.fit import ENOUGH, OBSERVED, Fit, agrees, predicted
from conformance.diagnosis.further import RANGES, further, plainest
from conformance.diagnosis.rules.explained import UNCERTAIN
from conformance.diagnosis.scope import OWN_DEFECTS, Trait, separating, without_activations
from reference.activations import ACTIVATIONS
from reference.elementwise import Elementwise

#: Rows of a grid and of tails.
TAILS = dict(RANGES)["tails"]
#: What else gives outputs.
_OTHER = {"call": "differentiate", "differentiate": "call"}
#: By what numbers are made larger and smaller.
SIZES = (2.0**20, 2.0**6, 2.0**-6, 2.0**-30)
#: Words of rivals that say of which activations they are.
SINGLE = "of single elements"
#: So many times what one rounding may do is no other defect.
ROUNDINGS = 16


def rescoped(inquiry: Inquiry, fit: Fit, failing: Sequence[Exhibit], right: Sequence[Exhibit]) -> Fit | None:
    """The fit with a property that holds for further questions as well; None where no plain one does.

    Of several that are alike that one which these questions contradict least. failing, right: what else is known.
    """
    names = {exhibit.name for exhibit in fit.explained}
    found = list(_further(inquiry, fit, names))
    candidates = _untied(fit, found) if fit.is_tied else [*_least_contradicted(fit, found), *fit.vaguer]
    others = [each for each in failing if each.name in names]
    denying = [each for each in right if each.name in names]
    scoped = (_scoped(each, found, others, denying) for each in candidates)
    first = next((each for each in scoped if each is not None), None)
    return first and _sparing(first, found)


def _sparing(fit: Fit, found: Sequence[Exhibit]) -> Fit:
    """Without the activations that are right, where a rival of all activations has nothing to say of them."""
    if fit.rival.about or "activation" not in fit.rival.says or SINGLE in fit.rival.says:
        return fit
    inside = [each for each in found if fit.where.holds(each.question)]
    right = {e.question.config.activation for e in inside if not e.fails and agrees(fit.rival, e) is None}
    spared = right - {e.question.config.activation for e in (*fit.explained, *(e for e in inside if e.fails))}
    return replace(fit, where=without_activations(fit.where, spared)) if spared else fit


def _scoped(fit: Fit, found: Sequence[Exhibit], others: Sequence[Exhibit], right: Sequence[Exhibit]) -> Fit | None:
    """found: what the further questions gave; others, right: what else fails, and does not."""
    inside: list[Question] = []
    outside: list[Question] = []
    otherwise: list[Question] = []
    fails_otherwise = False
    for exhibit in found:
        is_so = agrees(fit.rival, exhibit)
        fails_otherwise |= exhibit.fails and is_so is False
        if exhibit.fails and is_so is False and _is_of_same_kind(fit, exhibit) and _is_far(fit, exhibit):
            otherwise.append(exhibit.question)
        if is_so and (exhibit.fails or _tells(fit, exhibit)):
            inside.append(exhibit.question)
        is_exact = _is_of_same_kind(fit, exhibit) or _is_far(fit, exhibit)
        is_telling = _is_of_same_activation(fit, exhibit) or _would_fail(fit, exhibit)
        if is_so is False and not exhibit.fails and is_exact and is_telling:
            outside.append(exhibit.question)
    otherwise = _beyond_own_defects(fit, otherwise)
    contradicted = [each.question for each in others if each not in fit.explained and agrees(fit.rival, each) is False]
    where: Trait | None = fit.where
    denied_by = (*outside, *otherwise)
    if not all(fit.where.holds(each) for each in inside) or any(fit.where.holds(each) for each in denied_by):
        explained = [each.question for each in fit.explained]
        denied = [each.question for each in right if agrees(fit.rival, each) is False]
        by_activation = fit.rival.defect.startswith("activation")
        failing = [*contradicted, *otherwise]
        is_seen = fit.rival.defect in OBSERVED  # what is seen is so, whatever fails in another way
        where = separating(
            [*explained, *inside],
            () if is_seen else failing,
            [*denied, *outside, *(failing if is_seen else ())],
            by_activation=by_activation,
        )
    if where is None or (where.is_of_dtype and fit.rival.about and (contradicted or fails_otherwise)):
        return None  # an activation that fails in another way in other dtypes is not quite this formula
    return replace(fit, where=where)


def _beyond_own_defects(fit: Fit, otherwise: Sequence[Question]) -> list[Question]:
    """Without those of one other activation, which may have a defect of its own; what is seen has no exceptions."""
    own = {each.question.config.activation for each in fit.explained}
    others = {question.config.activation for question in otherwise} - own
    is_own = len(others) <= OWN_DEFECTS and fit.rival.defect not in OBSERVED
    return [question for question in otherwise if not is_own or question.config.activation in own]


def _further(inquiry: Inquiry, fit: Fit, names: Collection[str]) -> Iterator[Exhibit]:
    """Tensors of these names of questions that nobody asked yet."""
    base = plainest(exhibit.question for exhibit in fit.explained)
    accepted = () if fit.rival.about or fit.rival.is_vague else inquiry.witness.oracle.dialect.activations
    variations = list(further(base, sorted(accepted)))
    if "outputs" in names:
        variations += [replace(each, procedure=_OTHER[each.procedure]) for each in variations[:1]]
    if fit.rival.about and isinstance(ACTIVATIONS[base.config.activation], Elementwise):
        variations += [replace(each, family="grid") for each in variations]  # kinks and far arguments, at all lengths
        variations += [
            replace(base, family="tails", input_shape=(TAILS, 1)),
            replace(base, family="grid", input_shape=(TAILS, 1)),
        ]
    for question in dict.fromkeys(variations):
        yield from (each for each in inquiry.witness.exhibits(question) if each.name in names and _is_told(each))
    yield from (each for each in _of_other_sizes(inquiry, base) if each.name in names and _is_told(each))


def _is_told(exhibit: Exhibit) -> bool:
    """Whether there are elements to look at, or that there are none is all there is to it."""
    return exhibit.is_shaped or exhibit.got is None


def _of_other_sizes(inquiry: Inquiry, base: Question) -> Iterator[Exhibit]:
    """The same with larger and smaller inputs, weights or upstream gradients: what is said of them should hold, too."""
    question = replace(base, family="normal", seed=base.seed + 404)
    tensors = inquiry.witness.tensors(question)
    if tensors is None or 0 in base.known_shape or base.config.format.is_half:
        return
    weights = ("kernel",) if tensors.bias is None else ("kernel", "bias")
    given = (("inputs",), weights, ("upstream",)) if base.procedure == "differentiate" else (("inputs",), weights)
    for names in given:
        for factor in SIZES:
            scaled = changed(tensors, names, partial(np.multiply, factor))
            yield from inquiry.witness.exhibits_with(question, scaled)


def _untied(fit: Fit, found: Sequence[Exhibit]) -> list[Fit]:
    """Of several names the one that further failures leave; none where they leave more."""
    failing = [exhibit for exhibit in found if exhibit.fails]
    left = [each for each in (fit, *fit.alike) if not any(agrees(each.rival, one) is False for one in failing)]
    names = {each.rival.defect for each in left}
    seen = {name for name in names if name.startswith(OBSERVED)}
    # without features many are one and the same, and the plainest comes first
    is_bare = all(0 in each.question.known_shape for each in fit.explained)
    return left[:1] if len(seen or names) == 1 or is_bare else []


def _least_contradicted(fit: Fit, found: Sequence[Exhibit]) -> list[Fit]:
    """Those that are, in their order. What is right tells formulas of an activation apart; else it speaks against the
    one that says most.
    """
    if not fit.alike:
        return [fit]
    telling = [exhibit for exhibit in found if exhibit.fails or fit.rival.about]
    counts = [(sum(agrees(each.rival, one) is False for one in telling), each) for each in (fit, *fit.alike)]
    least = min(count for count, _ in counts)
    return [each for count, each in counts if count == least]


def _tells(fit: Fit, right: Exhibit) -> bool:
    """Whether a tensor that is right, and as the rival has it, would hardly be so by chance: there is less room."""
    _, said = predicted(fit.rival, right)
    within = said.get(right.name)
    if within is None or within.shape != right.right.shape:
        return False
    return int((2 * within.width < right.right.width).sum()) >= ENOUGH


def _is_of_same_activation(fit: Fit, exhibit: Exhibit) -> bool:
    return exhibit.question.config.activation in {each.question.config.activation for each in fit.explained}


def _is_of_same_kind(fit: Fit, exhibit: Exhibit) -> bool:
    """Half types round in more than one place, and of an activation other formats overflow elsewhere."""
    formats = [each.question.config.format for each in fit.explained]
    own = exhibit.question.config.format
    is_plain = all(each.is_half for each in formats) if own.is_half else not fit.rival.about or own in formats
    is_of_any = not fit.rival.about and exhibit.question.config.activation not in UNCERTAIN
    return is_plain and (is_of_any or _is_of_same_activation(fit, exhibit))


def _is_far(fit: Fit, exhibit: Exhibit) -> bool:
    """Whether an answer is not what the rival says by more than the roundings of another order of its steps.

    A vague one says nothing so exactly.
    """
    if fit.rival.is_vague:
        return False
    _, said = predicted(fit.rival, exhibit)
    within, got = said.get(exhibit.name), exhibit.got
    if within is None or got is None or within.shape != got.shape:
        return True
    values, u = got.astype(np.float64), exhibit.posed.problem.format.unit_roundoff
    with np.errstate(all="ignore"):
        apart_by = np.fmax(within.lower - values, values - within.upper)
        room = ROUNDINGS * (u * (np.abs(values) + np.abs(within.lower)) + within.width + exhibit.right.width)
        return bool((~(apart_by <= room) & ~(np.isnan(values) & within.makes_no_claim)).any())


def _would_fail(fit: Fit, right: Exhibit) -> bool:
    """Whether what the rival says of a tensor is no right answer: else a rounding more or less tells nothing."""
    _, said = predicted(fit.rival, right)
    within = said.get(right.name)
    return within is None or within.shape != right.right.shape or bool(apart(within, right.right).any())
