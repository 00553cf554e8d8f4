"""Which rival explains which exhibits, and whether that is confidence enough to name a defect.

A rival is named where every element of every failing tensor that it is said to explain lies inside its certified
interval; where at least `ENOUGH` of these elements are outside what is right (fewer only where a tensor has no more);
where no tensor that is right contradicts it, or a plain property of the questions tells apart where it holds; and where
no rival of another name fits as well.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from conformance.cases import Question
from conformance.diagnosis.exhibits import Exhibit, elements, inside, wrong_elements
from conformance.diagnosis.rivals.rival import Predicted, Rival
from conformance.diagnosis.scope import Trait, separating
from reference.formats import Mask
from reference.intervals import Interval

#: Elements that the right answer excludes and the rival predicts: by chance one would match now and then, not all.
ENOUGH = 8
#: Where there are no more elements than a few, and the rival explains all that fails.
FEWEST = 3
#: Where several fit alike, what is said of the outputs themselves is true whatever the cause behind it.
OBSERVED = ("outputs-scaled", "outputs-negated", "outputs-zero", "outputs-nan")
#: Of vague fits the sharpest is taken that explains so much of what the widest does.
MOSTLY = 0.75
#: So many times as many explained tensors let a few of other dtypes stand apart.
MOST = 4
#: Fits whose widths differ by no more are equally sharp.
ALIKE = 1.25
#: So many exhibits are tried first.
SCREENED = 8


@dataclass(frozen=True)
class Fit:
    """A rival, what it explains, where it holds, and how many of the elements tell it from what is right.

    width: how much room it leaves, on average, in units of what is right: of two that fit the sharper one is likelier.
    alike: others that explain as much, and is_tied: they are of other names and as sharp, so that nothing can be named
    before further questions tell them apart. vaguer: others that explain as much and leave more room, for where those
    questions leave nothing of it.
    """

    rival: Rival
    explained: tuple[Exhibit, ...]
    where: Trait
    telling: int
    size: int
    width: float
    alike: tuple[Fit, ...] = ()
    is_tied: bool = False
    vaguer: tuple[Fit, ...] = ()

    @property
    def evidence(self) -> str:
        tensors = f"{len(self.explained)} of {len(self.explained)} failing tensors that were asked for again"
        return f"{tensors} match it in all elements; {self.telling} of {self.size} elements exclude the right result"


@dataclass(frozen=True)
class _Score:
    rival: Rival
    explained: tuple[Exhibit, ...]
    contradicted: tuple[Exhibit, ...]
    telling: int
    size: int
    width: float


def fitting(rivals: Iterable[Rival], failing: Sequence[Exhibit], right: Sequence[Exhibit]) -> list[Fit]:
    """The rivals that together explain the failing exhibits, each named with confidence; the first explains most."""
    left, candidates = list(failing), _screened(rivals, failing)
    found: list[Fit] = []
    while left:
        scores = [score for score in (_score(rival, left) for rival in candidates) if score.explained]
        candidates = [score.rival for score in scores]
        fits = [fit for fit in (_confident(score, right) for score in scores) if fit is not None]
        fits = [fit for fit in fits if not fit.rival.is_vague or _is_of_most(fit, left)]
        best = _only_best([fit for fit in fits if not (found and fit.rival.is_vague)], left)
        if best is None:
            return found
        found.append(best)
        if best.is_tied:
            return found
        explained = {id(exhibit) for exhibit in best.explained}
        left = [exhibit for exhibit in left if id(exhibit) not in explained]
    return found


def _screened(rivals: Iterable[Rival], failing: Sequence[Exhibit]) -> list[Rival]:
    """Those that explain one of a few small exhibits, of every kind one: the others are not tried on the large ones."""
    of_kind: dict[tuple[object, ...], Exhibit] = {}
    for exhibit in sorted(failing, key=lambda each: elements(each.right.lower)):
        config = exhibit.question.config
        kind = (exhibit.name, config.activation, config.dtype, config.use_bias, len(exhibit.question.input_shape))
        of_kind.setdefault(kind, exhibit)
    few = list(of_kind.values())[:SCREENED]
    return [rival for rival in rivals if any(agrees(rival, exhibit) for exhibit in few)]


def predicted(rival: Rival, exhibit: Exhibit) -> tuple[bool, Predicted]:
    """Whether the rival says anything of this tensor, and what it says."""
    said = rival.predict(exhibit.posed)
    return (said is not None and exhibit.name in said), said or {}


def agrees(rival: Rival, exhibit: Exhibit) -> bool | None:
    """None where the rival says nothing of this tensor."""
    speaks, said = predicted(rival, exhibit)
    if not speaks:
        return None
    within = said[exhibit.name]
    return _holds(rival, exhibit, within)


def _holds(rival: Rival, exhibit: Exhibit, within: Interval | None) -> bool:
    if within is None or exhibit.got is None:
        return within is None and exhibit.got is None
    if exhibit.got.shape != within.shape:
        return False
    outside = ~inside(exhibit.got, within)
    if outside.any() and within.shape == exhibit.right.shape:
        outside &= ~(of_subnormal_rows(exhibit) | exhibit.right.makes_no_claim)
    return not outside.any() and rival.also(exhibit.posed, exhibit.got.astype(np.float64))


def of_subnormal_rows(exhibit: Exhibit) -> Mask:
    """Outputs of rows with no normal number in them: scales of such rows are not numbers of the format any more."""
    problem, shape = exhibit.posed.problem, exhibit.right.shape
    if exhibit.name != "outputs" or len(shape) != problem.inputs.ndim or shape[:-1] != problem.inputs.shape[:-1]:
        return np.zeros(shape, bool)
    sizes = np.abs(problem.inputs).max(axis=-1, keepdims=True, initial=0.0)
    return np.asarray(np.broadcast_to((sizes > 0) & (sizes < problem.format.smallest_normal), shape))


def _score(rival: Rival, failing: Sequence[Exhibit]) -> _Score:
    explained, contradicted, telling, size, widths = [], [], 0, 0, []
    for exhibit in failing:
        speaks, said = predicted(rival, exhibit)
        if not speaks:
            continue
        within = said[exhibit.name]
        if not _holds(rival, exhibit, within):
            contradicted.append(exhibit)
            continue
        explained.append(exhibit)
        if within is None or within.shape != exhibit.right.shape:
            size += max(elements(exhibit.right.lower), FEWEST)
            telling += max(elements(exhibit.right.lower), FEWEST)
            widths.append(0.0)
        else:
            size += elements(exhibit.right.lower)
            telling += int(_telling(rival, exhibit, within).sum())
            widths.append(_width(within, exhibit))
    return _Score(
        rival, tuple(explained), tuple(contradicted), telling, size, float(np.mean(widths)) if widths else np.inf
    )


def _telling(rival: Rival, exhibit: Exhibit, within: Interval) -> Mask:
    """Wrong elements for which the rival has more to say than that anything goes."""
    return wrong_elements(exhibit) & (rival.is_vague | ~within.encloses(exhibit.right))


def _width(within: object, exhibit: Exhibit) -> float:
    """The room that a prediction leaves, beside the room of what is right."""
    lower, upper = within.lower, within.upper  # type: ignore[attr-defined]
    with np.errstate(all="ignore"):
        room = np.nan_to_num(upper - lower, nan=0.0, posinf=1e300)
        own = np.nan_to_num(exhibit.right.width, nan=0.0, posinf=1e300)
        scale = np.fmax(np.abs(exhibit.right.lower), np.abs(exhibit.right.upper)) * 2.0**-60 + own + 1e-300
        return float(np.minimum(room / scale, 1e12).mean()) if room.size else 0.0


def _confident(score: _Score, right: Sequence[Exhibit]) -> Fit | None:
    if score.rival.is_vague and not _is_broad(score):
        return None
    is_all = not score.contradicted and score.size <= 2 * ENOUGH
    if score.telling < (FEWEST if is_all else ENOUGH):
        return None
    names = {exhibit.name for exhibit in score.explained}
    other_failures = [each.question for each in score.contradicted if each.name in names]
    contradicting = [each.question for each in right if agrees(score.rival, each) is False]
    by_activation = score.rival.defect.startswith("activation")
    explained = [each.question for each in score.explained]
    if not score.rival.about and _is_of_few_activations(explained, contradicting):
        return None
    where = separating(explained, other_failures, contradicting, by_activation=by_activation)
    if where is not None and len(other_failures) > len(explained):
        return None  # most that fails of this name fails otherwise: what tells these apart does so by chance
    if where is not None:
        return Fit(score.rival, score.explained, where, score.telling, score.size, score.width)
    return _in_some_dtypes(score, other_failures, contradicting)


def _is_of_few_activations(explained: Sequence[Question], contradicting: Sequence[Question]) -> bool:
    """Whether a defect of all layers is seen with one activation or two alone, and right tensors of others deny it.

    Whatever else tells those apart does so by chance: few questions are asked of one activation. Ranks do not.
    """
    names = {question.config.activation for question in explained}
    ranks = {len(question.input_shape) for question in explained}
    others = [question for question in contradicting if len(question.input_shape) in ranks]
    return len(names) <= 2 and "linear" not in names and any(q.config.activation not in names for q in others)


def _is_of_most(fit: Fit, failing: Sequence[Exhibit]) -> bool:
    """Whether it explains half of the failing tensors of these names at least, of which it says something or not."""
    names = {exhibit.name for exhibit in fit.explained}
    own = [each for each in failing if each.name in names and fit.rival.about in ("", each.question.config.activation)]
    return 2 * len(fit.explained) >= len(own)


def _is_broad(score: _Score) -> bool:
    """Whether a vague rival explains tensors of several families, and, where it is about no activation, one in which
    sums are seen as they are; of an activation several tensors are enough.
    """
    plain = [exhibit for exhibit in score.explained if exhibit.question.config.activation == "linear"]
    seen = [each for each in plain if each.name != "outputs" or not each.question.config.use_bias]
    is_seen = bool(seen) or bool(score.rival.about)
    is_several = bool(score.rival.about) and len(score.explained) > FEWEST
    return is_seen and (is_several or len({exhibit.question.family for exhibit in score.explained}) > 1)


def _in_some_dtypes(score: _Score, failing: Sequence[Question], right: Sequence[Question]) -> Fit | None:
    """The same, said of those dtypes alone in which nothing speaks against it."""
    doubtful = {question.config.dtype for question in (*failing, *right)}
    left = tuple(each for each in score.explained if each.question.config.dtype not in doubtful)
    where = separating((each.question for each in left), failing, right) if len(left) > 1 else None
    if where is None and len(left) > MOST * len(failing):
        is_right = not {question.config.dtype for question in failing} & doubtful
        names = " and ".join(sorted(doubtful))
        words = f"but for {names}" if is_right else f"(in {names} it does not explain all that fails)"
        where = Trait(words, lambda question: question.config.dtype not in doubtful, is_of_dtype=True)
    telling = sum(int(wrong_elements(each).sum()) for each in left if each.is_shaped)
    if where is None or telling < ENOUGH or len(failing) > len(left):
        return None
    return Fit(score.rival, left, where, telling, sum(elements(each.right.lower) for each in left), score.width)


def _only_best(fits: Sequence[Fit], failing: Sequence[Exhibit]) -> Fit | None:
    """The fit that explains most, and of those the sharpest; None where another defect fits as sharply.

    A vague one only where no other explains all that fails of the dtype that fails most.
    """
    sharp = [fit for fit in fits if not fit.rival.is_vague]
    vague = [fit for fit in fits if fit.rival.is_vague]
    if vague and not any(_explains_main_dtype(fit, failing) for fit in sharp):
        most = max(len(fit.explained) for fit in vague)
        return _sharpest([fit for fit in vague if len(fit.explained) >= MOSTLY * most])
    if not sharp:
        return None
    most = max(len(fit.explained) for fit in sharp)
    return _sharpest([fit for fit in sharp if len(fit.explained) == most])


def _explains_main_dtype(fit: Fit, failing: Sequence[Exhibit]) -> bool:
    counts = Counter(exhibit.question.config.dtype for exhibit in failing)
    main = counts.most_common(1)[0][0]
    return sum(exhibit.question.config.dtype == main for exhibit in fit.explained) == counts[main]


def _sharpest(leading: Sequence[Fit]) -> Fit | None:
    sharpest = min(fit.width for fit in leading)
    sharp = [fit for fit in leading if fit.width <= ALIKE * sharpest]
    best = [fit for fit in sharp if not fit.where.says] or sharp
    best.sort(key=lambda fit: not fit.rival.defect.startswith(OBSERVED))
    names = {fit.rival.defect for fit in best}
    # of formulas that give the same values the plainest comes first
    is_tied = len(names) > 1 and (len({fit.rival.about for fit in best}) > 1 or not best[0].rival.about)
    alike = best[1:] if is_tied else [fit for fit in leading if fit is not best[0] and fit.rival.defect in names]
    vaguer = sorted((fit for fit in leading if fit not in sharp), key=lambda fit: fit.width)
    return replace(best[0], alike=tuple(alike), is_tied=is_tied, vaguer=tuple(vaguer))
