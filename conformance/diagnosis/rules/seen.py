"""What is seen of plain tensors that no rival explains: where they are wrong, by how much, and where they are not.

These sentences conclude nothing. They are true of the answers that were asked for, whatever the defect is.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from conformance.cases import Question
from conformance.diagnosis.exhibits import Exhibit, Inquiry, off_by, outputs_fail, wrong_elements
from conformance.diagnosis.further import further, plainest
from conformance.diagnosis.rivals.backward import gradient_of
from conformance.diagnosis.rivals.regions import Region, regions
from conformance.diagnosis.rules.explained import PLAIN, is_made_of_outputs
from conformance.diagnosis.rules.outputs import exhibits
from conformance.diagnosis.scope import Trait, separating
from conformance.diagnosis.wording import listed
from conformance.procedures import GRADIENTS
from conformance.results import Diagnosis, Result

#: The names of such diagnoses.
SEEN = frozenset(
    {
        *("outputs-inexact", "outputs-wrong", "units-wrong", "rows-wrong", "gradient-inexact", "gradient-wrong"),
        *("gradient-overflows", "losses-wrong", "copy-wrong"),
    }
)
#: Tensors, and right elements beside wrong ones, below which nothing is said.
TENSORS, ELEMENTS = 3, 16
#: So many activated outputs are not right by chance.
ACTIVATED = 8
#: An error below this part of the terms is one of arithmetic.
INEXACT = 2.0**-4
#: Room that is none.
TINY = 2.0**-60
#: So many of them are few.
DTYPES = 2
#: So small a part of the elements is a place.
PLACE = 0.5


def seen_outputs(inquiry: Inquiry) -> Iterator[Diagnosis]:
    """Of linear layers where they fail: an activation would hide what its argument is off by."""
    failing, right = exhibits(inquiry, "outputs")
    linear = [exhibit for exhibit in failing if exhibit.question.config.activation == "linear"]
    shaped = [exhibit for exhibit in linear or failing if exhibit.is_shaped]
    if len(shaped) < TENSORS or len(shaped) < len(linear or failing):
        return
    more, right = _with_further(inquiry, linear or failing, right)
    own = [exhibit for exhibit in more if not linear or exhibit.question.config.activation == "linear"]
    shaped = [exhibit for exhibit in own if exhibit.is_shaped]
    where = _where(own, right)
    is_alone = len(own) == len(more) and len(linear) == len(failing)
    if where is not None and is_alone and _spares_activations(where, right):
        where = Trait(f"{where.says} with activation linear".strip(), where.holds)
    evidence = f"{len(shaped)} of {len(shaped)} failing tensors that were asked for again"
    for defect, says in _accounts(shaped):
        place = where or Trait("", lambda question: True)
        cases = tuple(r.case.id for r in inquiry.open if is_made_of_outputs(r) and place.holds(r.case.question))
        yield Diagnosis(defect, f"{says} {place.says}".strip(), evidence, cases)
        return
    if where is not None and where.says:
        cases = tuple(r.case.id for r in inquiry.open if is_made_of_outputs(r) and where.holds(r.case.question))
        elsewhere = any(is_made_of_outputs(r) and not where.holds(r.case.question) for r in inquiry.open)
        says = f"the outputs are wrong {where.says}" + ("" if inquiry.fits or elsewhere else ", and right otherwise")
        yield Diagnosis("outputs-wrong", says, f"{evidence}; {len(right)} others are right", cases)


def _with_further(
    inquiry: Inquiry, failing: Sequence[Exhibit], right: Sequence[Exhibit]
) -> tuple[list[Exhibit], list[Exhibit]]:
    """Tensors of these names of further questions beside them: where something is wrong should be so there, too."""
    names = {exhibit.name for exhibit in failing}
    base = plainest(exhibit.question for exhibit in failing)
    accepted = sorted(inquiry.witness.oracle.dialect.activations)
    wrong, others = list(failing), list(right)
    for question in further(base, accepted):
        found = [] if inquiry.witness.is_tired else inquiry.witness.exhibits(question)
        if "outputs" in names or not outputs_fail(found):
            for exhibit in found:
                if exhibit.name in names:
                    (wrong if exhibit.fails else others).append(exhibit)
    return wrong, others


def _where(failing: Sequence[Exhibit], right: Sequence[Exhibit]) -> Trait | None:
    kind = {exhibit.question.config.activation for exhibit in failing}
    others = [
        each.question
        for each in right
        if _tells(each) and (kind != {"linear"} or each.question.config.activation == "linear")
    ]
    return separating((each.question for each in failing), (), others)


def _spares_activations(where: Trait, right: Sequence[Exhibit]) -> bool:
    """Whether activated outputs of the same kind are right: of a few an activation might hide what is wrong."""
    others = [each.question for each in right if each.question.config.activation != "linear" and _tells(each)]
    return sum(where.holds(question) for question in others) >= ACTIVATED


def _tells(exhibit: Exhibit) -> bool:
    """Whether it holds anything but zeros."""
    return bool(((exhibit.right.lower != 0) | (exhibit.right.upper != 0)).any())


def _accounts(failing: Sequence[Exhibit]) -> Iterator[tuple[str, str]]:
    found = [region for region in regions(failing) if _is_small(region, failing)]
    if found:
        region = min(found, key=lambda each: _share(each, failing))
        yield f"{'units' if region.of == 'units' else 'rows'}-wrong", f"{region.says} {region.verb} wrong, and no other"
    worst, allowed = _inexact(failing)
    if worst < INEXACT:
        says = f"the outputs are inexact: off by up to {worst:.1e} of the sum of their terms' sizes"
        yield "outputs-inexact", f"{says}, where {allowed:.1e} is allowed"


def _share(region: Region, failing: Sequence[Exhibit]) -> float:
    masks = [region.holds(exhibit.right.shape) for exhibit in failing]
    return sum(int(mask.sum()) for mask in masks) / max(1, sum(mask.size for mask in masks))


def _is_small(region: Region, failing: Sequence[Exhibit]) -> bool:
    """Whether most that it holds is wrong, and there is enough outside that is right."""
    wrong = sum(int(wrong_elements(exhibit).sum()) for exhibit in failing)
    held = sum(int(region.holds(exhibit.right.shape).sum()) for exhibit in failing)
    outside = sum(exhibit.right.lower.size for exhibit in failing) - held
    return _share(region, failing) <= PLACE and wrong > PLACE * held and outside >= ELEMENTS


def _inexact(failing: Sequence[Exhibit]) -> tuple[float, float]:
    """The error of linear outputs, as a part of their terms, that is greatest beside what is allowed, and that; inf
    where unknown.
    """
    worst, allowed, excess = 0.0, 0.0, 0.0
    for exhibit in failing:
        problem = exhibit.posed.problem
        if exhibit.question.config.activation != "linear" or exhibit.got is None:
            return np.inf, 0.0
        terms = np.abs(problem.rows) @ np.abs(problem.kernel) + (0.0 if problem.bias is None else np.abs(problem.bias))
        terms = problem.unflatten(terms)
        middle = exhibit.right.middle
        with np.errstate(all="ignore"):
            error = np.where(terms > 0, np.abs(exhibit.got.astype(np.float64) - middle) / terms, 0.0)
            room = np.where(terms > 0, exhibit.right.width / 2 / terms, 0.0)
            over = np.where(wrong_elements(exhibit), error / np.maximum(room, TINY), 0.0)
        if not np.isfinite(error).all():
            return np.inf, 0.0
        place = int(np.argmax(over))
        if over.flat[place] > excess:
            worst, allowed, excess = float(error.flat[place]), float(room.flat[place]), float(over.flat[place])
    return worst, allowed


# ---- gradients -----------------------------------------------------------------------------------------------------


def seen_gradients(inquiry: Inquiry) -> Iterator[Diagnosis]:
    """Which gradients are wrong behind outputs that are right."""
    if inquiry.is_unsure:
        return
    failing, right = exhibits(inquiry, *GRADIENTS)
    names = [name for name in GRADIENTS if any(exhibit.name == name for exhibit in failing)]
    if len(failing) < TENSORS or not names:
        return
    failing, right = _with_further(inquiry, failing, right)
    same = [exhibit for exhibit in right if exhibit.name in names and _tells(exhibit)]
    where = separating((each.question for each in failing), (), (each.question for each in same))
    owners = [gradient_of(name).removesuffix(" gradient") for name in names]
    subject = "all gradients are" if len(names) == len(GRADIENTS) else f"{' and '.join(owners)} gradient is"
    worst = max(off_by(exhibit) for exhibit in failing)
    if worst < INEXACT:
        defect, what = "gradient-inexact", f"inexact: off by up to {worst:.1e} of its greatest element"
    else:
        defect, what = "gradient-wrong", "wrong"
    if all(_overflows(exhibit) for exhibit in failing):
        defect, what = "gradient-overflows", "infinite or NaN where they are wrong,"
    place = where or Trait(f"in {len(failing)} of {len(failing) + len(same)} questions{_all_in(failing, same)}", _any)
    says = f"{subject} {what} {place.says}".strip() + ", behind outputs that are right"
    evidence = f"{len(failing)} of {len(failing)} failing tensors that were asked for again"
    cases = tuple(r.case.id for r in inquiry.open if _is_of(r, names) and place.holds(r.case.question))
    yield Diagnosis(defect, says, evidence, cases)


def _any(_: Question) -> bool:
    return True


def _overflows(exhibit: Exhibit) -> bool:
    """Whether what is wrong of it is no number, and what is right of it is one."""
    if not exhibit.is_shaped or exhibit.got is None:
        return False
    wrong = wrong_elements(exhibit)
    return not np.isfinite(exhibit.got.astype(np.float64)[wrong]).any() and bool(
        np.isfinite(exhibit.right.middle[wrong]).all()
    )


def _all_in(failing: Sequence[Exhibit], same: Sequence[Exhibit]) -> str:
    """The dtypes that all of them have, where they are few and there are others."""
    dtypes, others = ({exhibit.question.config.dtype for exhibit in some} for some in (failing, same))
    return f", all of {listed(sorted(dtypes))}" if len(dtypes) <= DTYPES and others - dtypes else ""


def _is_of(result: Result, names: Sequence[str]) -> bool:
    missed = [each for each in result.comparisons if not each.holds]
    plain = result.case.question.procedure in PLAIN
    return plain and bool(missed) and all(each.name.startswith(tuple(names)) for each in missed)
