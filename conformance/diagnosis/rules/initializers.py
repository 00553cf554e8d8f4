"""How weights begin: by which initializer, whatever was asked for."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

import numpy as np

from conformance.diagnosis.exhibits import Inquiry
from conformance.diagnosis.rivals.families import plainest
from conformance.diagnosis.rules.begun import LARGE, Begun, all_begun, begins_as
from conformance.diagnosis.rules.fans import by_other_fan, drawn_turned, of_other_fans
from conformance.diagnosis.scope import separating
from conformance.diagnosis.wording import listed, names_missed, observed, options
from conformance.results import Diagnosis, Result, Verdict
from reference.formats import FORMATS
from reference.initializers import INITIALIZERS

#: Those that a layer may use in place of what was asked for, plainest first.
PLAIN = tuple(name for name in INITIALIZERS if not name.endswith("_seeded") and name not in ("orthogonal", "identity"))
#: Doubt of a factor between values that are both known.
EXACTLY = 1e-6
#: What a weight begins by where nothing is given.
STANDARD = {"kernel": "glorot_uniform", "bias": "zeros"}
AREAS = (
    "initializers.",
    "constraints.not-when-built",
    "saving.config-keeps",
    "errors.initializer",
    "errors.positions",
    "errors.moment-and-type",
)


def wrong_beginning(inquiry: Inquiry) -> Iterator[Diagnosis]:
    """The rule: what all layers share first, then weight by weight."""
    yield from _alike(inquiry)
    for weight in ("kernel", "bias"):
        failing = all_begun(inquiry, weight, [r for r in inquiry.failing("initializers.") if _is_about(r, weight)])
        passed = all_begun(inquiry, weight, [r for r in inquiry.passed if r.clause.area == "initializers"][:40])
        if weight == "bias" and all(each.values.size <= LARGE for each in failing):
            failing += all_begun(inquiry, weight, [_of_many_units(each.result) for each in failing[:1]])
        if failing:
            told = _explained(inquiry, weight, failing, passed) or _seen(weight, failing)
            if told is not None:
                defect, says, evidence = told
                if _is_by_default(weight, failing, passed) and defect != "default-initializer":
                    defect, says = "default-initializer", f"by default {says}"
                yield Diagnosis(defect, says, evidence, _follow(inquiry, weight))


def _of_many_units(result: Result) -> Result:
    """A bias so long that its distribution shows."""
    question = result.case.question
    return replace(
        result,
        case=replace(result.case, question=replace(question, config=replace(question.config, units=2 * LARGE + 1))),
    )


def _is_about(result: Result, weight: str) -> bool:
    return result.case.question.procedure == "begin" and any(weight in name for name in names_missed(result))


def _follow(inquiry: Inquiry, weight: str) -> tuple[str, ...]:
    """All that is open about how this weight begins."""
    found = []
    for result in inquiry.failing(*AREAS):
        names = names_missed(result)
        about = bool(names) and all(weight in name or name in ("calls", "refused") for name in names)
        about |= weight == "kernel" and bool(names) and all(name.startswith("products of rows") for name in names)
        raised = result.clause.area == "initializers" and result.verdict is Verdict.ERROR
        odd = result.case.question.option("odd").removeprefix("bias-").startswith("initializer")
        if about or raised or odd:
            found.append(result.case.id)
    return tuple(found)


# ---- what all layers share -------------------------------------------------------------------------------------------


def _alike(inquiry: Inquiry) -> Iterator[Diagnosis]:
    failing = inquiry.failing("initializers.independent")
    if not failing:
        return
    weights = sorted({name.split()[-1] for result in failing for name in names_missed(result)}, reverse=True)
    if not weights:
        return
    certain = [
        r for r in inquiry.failing("initializers.certain", "initializers.distribution") if _is_about(r, weights[0])
    ]
    if certain:
        return
    repeated = [
        r for r in inquiry.failing("initializers.repeatable") if any("another" in name for name in names_missed(r))
    ]
    says = f"{_by_which(inquiry, weights[0], failing)}layers begin with the same {listed(weights)}"
    more = ", and no seed changes it" if repeated else ""
    cases = [case for weight in weights for case in _follow(inquiry, weight)]
    cases += [result.case.id for result in (*failing, *repeated)]
    evidence = f"{len(failing)} pairs of layers are alike"
    says = f"{says}, although no seed is given{more}"
    yield Diagnosis("layers-begin-alike", says, evidence, tuple(dict.fromkeys(cases)))


def _by_which(inquiry: Inquiry, weight: str, failing: Sequence[Result]) -> str:
    """The initializers for which a second layer differs from the first are none of those that are alike."""
    passed = [r for r in inquiry.passed if r.clause.id == "initializers.independent"]
    alike, different = (
        {getattr(r.case.question.config, f"{weight}_initializer") for r in group} for group in (failing, passed)
    )
    different -= {name for name in different if INITIALIZERS[name].spread is None}
    if not different:
        return ""
    return "by default " if alike == {STANDARD[weight]} else f"by {listed(sorted(alike))} "


# ---- one weight ------------------------------------------------------------------------------------------------------

Told = tuple[str, str, str]


def _explained(inquiry: Inquiry, weight: str, failing: Sequence[Begun], passed: Sequence[Begun]) -> Told | None:
    makers: tuple[Callable[[], Told | None], ...] = (
        lambda: _without_arguments(failing),
        lambda: _used_instead(weight, failing, passed),
        lambda: _rounded(weight, failing, passed),
        lambda: _scaled(weight, failing, passed),
        lambda: by_other_fan(weight, failing),
        lambda: drawn_turned(inquiry, weight, failing),
        lambda: of_other_fans(weight, failing),
        lambda: _seeds(inquiry, weight, failing, passed),
    )
    return next((told for make in makers if (told := make()) is not None), None)


def _is_by_default(weight: str, failing: Sequence[Begun], passed: Sequence[Begun]) -> bool:
    """Whether the standard initializer fails where nothing is given, and one that is given with a seed does not."""
    standard = STANDARD[weight]
    is_seeded = any(each.asked == f"{standard}_seeded" for each in passed)
    return is_seeded and {each.asked for each in failing} == {standard}


def _without_arguments(failing: Sequence[Begun]) -> Told | None:
    """Initializers that take arguments, and begin as if they had none."""
    constant = [each for each in failing if each.asked == "constant"]
    if not constant or any(each.values.any() for each in constant):
        return None
    if not all(INITIALIZERS[each.asked].arguments for each in failing):
        return None
    says = "the arguments of an initializer are lost: constant makes zeros, whatever its value"
    return "initializer-arguments-lost", says, f"{len(failing)} weights, all by initializers with arguments"


def _seen(weight: str, failing: Sequence[Begun]) -> Told | None:
    """What is seen of weights whose distribution is known, where nothing explains it."""
    known = [each for each in failing if INITIALIZERS[each.asked].spread is not None]
    asked = sorted({each.asked.removesuffix("_seeded") for each in known})
    if not known or len(known) < len(failing):
        return None
    largest = max(known, key=lambda each: each.values.size)
    spread = INITIALIZERS[largest.asked].spread
    assert spread is not None
    got, right = np.sqrt((largest.values**2).mean()), np.sqrt(spread(largest.values.shape).second_moment)
    says = (
        f"by {listed(asked)} the {weight} begins otherwise than it should: for the shape {largest.values.shape} the "
        f"root mean square is {got:.4g} where about {right:.4g} is right"
    )
    return "initializer-wrong", says, f"{len(known)} of {len(known)} failing weights"


def _used_instead(weight: str, failing: Sequence[Begun], passed: Sequence[Begun]) -> Told | None:
    """One initializer in the place of what was asked for: always, by default, or for some forms of the argument."""
    names = [name for name in PLAIN if all(begins_as(name, each, weight) for each in failing)]
    names = [name for name in names if all(name != each.asked for each in failing)]
    own = f"{'bias' if weight == 'kernel' else 'kernel'}_initializer"
    if not names and all(_begins_as_the_other(each, weight, own) for each in failing) and len(failing) > 1:
        return (
            "initializer-of-other-weight",
            f"the {weight} begins by the initializer of the {own[:-12]}",
            f"{len(failing)} weights",
        )
    if not names or not any(each.values.size > LARGE or INITIALIZERS[names[0]].values is not None for each in failing):
        return None
    instead, forms = names[0], options([each.result for each in failing], "given_as")
    evidence = f"{len(failing)} of {len(failing)} failing weights begin so"
    standard = STANDARD[weight]
    others = [
        each
        for each in passed
        if each.asked not in (instead, f"{instead}_seeded") and not begins_as(instead, each, weight)
    ]
    if all(each.asked == standard and not each.question.option("given_as") for each in failing) or (
        {each.asked for each in failing} == {standard} and "none" not in forms
    ):
        return "default-initializer", f"by default the {weight} begins by {instead}, not by {standard}", evidence
    if forms == ["none"]:
        return (
            "initializer-none",
            f"None for the {weight}'s initializer means {instead}, not {failing[0].asked}",
            evidence,
        )
    if not others:
        return (
            "initializer-ignored",
            f"the {weight}'s initializer is ignored: the {weight} always begins by {instead}",
            evidence,
        )
    passing_forms = set(options([each.result for each in others], "given_as"))
    if forms and not set(forms) & passing_forms:
        words = f"an initializer of the {weight} that is given as {listed(forms)} is ignored: it begins by {instead}"
        return "initializer-form-ignored", words, evidence
    asked = sorted({each.asked for each in failing})
    if len(asked) == 1:
        return "initializer-ignored", f"{asked[0]} of the {weight} is taken for {instead}", evidence
    return None


def _begins_as_the_other(begun: Begun, weight: str, own: str) -> bool:
    return begins_as(getattr(begun.question.config, own).removesuffix("_seeded"), begun, weight)


def _scaled(weight: str, failing: Sequence[Begun], passed: Sequence[Begun]) -> Told | None:
    """One factor: exactly where the right values are known, else by the second moment."""
    exact, rough = [], []
    for each in failing:
        if each.expected is not None and each.expected.any():
            with np.errstate(all="ignore"):
                ratios = (each.values / each.expected)[each.expected != 0]
            exact.append(float(np.median(ratios)))
            off = np.abs(each.values - exact[-1] * each.expected).max()
            if off > 8 * each.question.config.variable_format.unit_roundoff * np.abs(each.values).max():
                return None
        else:
            spread = INITIALIZERS[each.asked].spread
            if spread is None:
                return None
            moment = spread(each.values.shape).second_moment
            rough.append((float(np.sqrt((each.values**2).mean() / moment)), each.values.size))
    found = exact or [factor for factor, _ in rough]
    if not found:
        return None
    doubts = [4 / np.sqrt(2 * size) for _, size in rough]
    factor, doubt = found[0], EXACTLY if exact else min(doubts)
    if any(abs(each - factor) > 2 * EXACTLY * factor for each in exact) or abs(factor - 1) < 2 * doubt:
        return None
    if any(abs(each - factor) > 2 * doubt * factor for (each, _), doubt in zip(rough, doubts, strict=True)):
        return None
    shaped = [each for each in failing if each.expected is None]
    if not all(_fits_scaled(each, factor) for each in shaped):
        return None
    number = plainest(factor * (1 - doubt), factor * (1 + doubt))
    about = "" if exact else "about "
    where = _where(failing, [each for each in passed if _tells_its_size(each)])
    if where is None:
        return None
    says = f"the {weight} begins {about}{number:g} times as large as it should {where}".strip()
    return "initializer-scaled", says, f"{len(failing)} of {len(failing)} failing weights"


def _tells_its_size(begun: Begun) -> bool:
    if begun.expected is not None:
        return bool(begun.expected.any())
    return INITIALIZERS[begun.asked].spread is not None and begun.values.size > LARGE


def _where(failing: Sequence[Begun], right: Sequence[Begun]) -> str | None:
    """What tells these weights from those that are right, in words; None where nothing does."""
    asked, others = ({each.asked.removesuffix("_seeded") for each in group} for group in (failing, right))
    if right and asked.isdisjoint(others):
        return f"by {listed(sorted(asked))}"
    trait = separating((each.question for each in failing), (), (each.question for each in right))
    return None if trait is None else trait.says


def _fits_scaled(begun: Begun, factor: float) -> bool:
    spread = INITIALIZERS[begun.asked].spread
    if spread is None:
        return False
    values = np.sort(begun.values.ravel()) / factor
    distribution = spread(begun.values.shape).distribution(values)
    steps = np.arange(values.size) / values.size
    return bool(np.abs(distribution - steps).max() < 3 / np.sqrt(values.size))


def _rounded(weight: str, failing: Sequence[Begun], passed: Sequence[Begun]) -> Told | None:
    known = [each for each in failing if each.expected is not None]
    for name in ("float16", "bfloat16"):
        if not known or not all(_is_rounded(name, each) for each in known):
            continue
        where = _where(known, [each for each in passed if each.expected is not None and not _is_rounded(name, each)])
        if where is not None:
            says = f"what the {weight} begins with is rounded to {name} {where}".strip()
            return "initial-rounded", says, f"{len(known)} of {len(known)} weights are the right ones, rounded"
    return None


def _is_rounded(name: str, begun: Begun) -> bool:
    return begun.expected is not None and bool((begun.values == FORMATS[name].round(begun.expected)).all())


def _seeds(inquiry: Inquiry, weight: str, failing: Sequence[Begun], passed: Sequence[Begun]) -> Told | None:
    if not all(each.asked.endswith("_seeded") for each in failing):
        return None
    question = failing[0].question
    tensors = inquiry.witness.ask(question).tensors
    again = inquiry.witness.ask_with(question, tensors).answer.tensor(weight)
    forms = options([each.result for each in failing], "given_as")
    given = f" where it is given as {listed(forms)}" if forms and "object" not in forms else ""
    if not given and any(each.asked.endswith("_seeded") for each in passed):
        given = f" where it is {listed(sorted({each.asked.removesuffix('_seeded') for each in failing}))}"
    differs = again is not None and not np.array_equal(again, failing[0].values)
    if differs:
        return (
            "seed-not-used",
            f"the seed of the {weight}'s initializer is ignored{given}: every layer begins otherwise",
            f"{len(failing)} weights differ from what the seed says",
        )
    return (
        "drawn-otherwise",
        f"a seeded {weight} is drawn otherwise than by the real layer{given}: {observed([failing[0].result])}",
        f"{len(failing)} weights",
    )
