"""What an optimizer's step leaves of the weights: which constraint, along which axis, and when."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from conformance.cases import Question
from conformance.diagnosis.exhibits import Inquiry, apart, matches
from conformance.diagnosis.rivals.rival import Forward
from conformance.diagnosis.rules.begun import expected_beginning
from conformance.diagnosis.wording import listed, names_missed, options
from conformance.results import Diagnosis, Result, Verdict
from conformance.truth import LEARNING_RATE, Posed
from reference.bounds import Estimate
from reference.constraints import CONSTRAINTS
from reference.dense import backward
from reference.formats import FORMATS, Array
from reference.intervals import Interval
from reference.training import constrained

#: Of any constraint, besides one for each term of a norm, and of the step before it.
ROUNDINGS = 2 * max(row.roundings for row in CONSTRAINTS.values())
#: Of so many weights one factor says something.
LEAST = 3
#: So many layers are called with constraints on weights that were set.
FEW = 6
WEIGHTS = ("kernel", "bias")
PROCEDURES = ("step", "constrain", "use_constrained")


@dataclass(frozen=True)
class Moved:
    """One weight after a step, or after what its constraint made of it. free: before any constraint."""

    result: Result
    posed: Posed
    weight: str
    free: Array
    before: Array
    got: NDArray[Any]

    def constraint(self, of: str = "") -> str | None:
        name: str | None = getattr(self.posed.question.config, f"{of or self.weight}_constraint")
        return name

    def match(self, wanted: Array) -> bool:
        format = self.posed.question.config.variable_format
        longest = max(wanted.shape, default=1)
        doubt = (ROUNDINGS + longest) * format.unit_roundoff * np.abs(wanted) + format.smallest_normal
        return self.got.shape == wanted.shape and bool((np.abs(self.got - wanted) <= doubt).all())


def wrong_constraints(inquiry: Inquiry) -> Iterator[Diagnosis]:
    """The rule: of each weight the first account that explains all failing steps."""
    yield from _when_built(inquiry)
    yield from _in_calls(inquiry)
    for weight in WEIGHTS:
        failing = _moved(inquiry, weight, [r for r in inquiry.failing("constraints.") if _fails(r, weight)])
        passed = _moved(inquiry, weight, _passed(inquiry, weight, failing))
        told = _explained(weight, failing, passed) if failing else None
        if told is not None:
            defect, says, evidence = told
            cases = _follow(inquiry, weight, defect)
            if defect == "constraint-of-other-weight":
                cases += tuple(
                    result.case.id for result in inquiry.failing("constraints.") if _is_of_other(result, weight)
                )
            yield Diagnosis(defect, says, evidence, cases)


def _is_of_other(result: Result, weight: str) -> bool:
    """Whether it raises where the other weight has a constraint: one for a matrix fits no vector."""
    other = "bias" if weight == "kernel" else "kernel"
    return result.verdict is Verdict.ERROR and bool(getattr(result.case.question.config, f"{other}_constraint"))


def _passed(inquiry: Inquiry, weight: str, failing: Sequence[Moved]) -> list[Result]:
    """Constraints that are right, first of the kinds that fail."""
    kinds = {each.constraint() for each in failing}
    passed = [r for r in inquiry.passed if r.clause.area == "constraints" and r.case.question.procedure in PROCEDURES]
    return sorted(passed, key=lambda r: getattr(r.case.question.config, f"{weight}_constraint") not in kinds)


def _when_built(inquiry: Inquiry) -> Iterator[Diagnosis]:
    """What begins as its constraint would have it, not as its initializer says."""
    failing = inquiry.failing("constraints.not-when-built")
    if not failing or inquiry.failing("initializers."):
        return
    weights: list[str] = []
    for result in failing:
        asked, config = inquiry.witness.ask(result.case.question), result.case.question.config
        for weight in names_missed(result):
            got, constraint = asked.answer.tensor(weight), getattr(config, f"{weight}_constraint", None)
            initializer = getattr(config, f"{weight}_initializer", "")
            right = expected_beginning(inquiry, result.case.question, weight, initializer) if initializer else None
            if got is None or right is None or constraint is None or got.shape != right.shape:
                return
            wanted = constrained(constraint, right)
            if np.abs(got - wanted).max() > ROUNDINGS * config.variable_format.unit_roundoff * np.abs(wanted).max():
                return
            weights.append(weight)
    if not weights:
        return
    several = len(set(weights)) > 1
    verb, they = ("are", "they begin") if several else ("is", "it begins")
    says = f"the {listed(list(dict.fromkeys(weights)))} {verb} constrained when {they}, before any step"
    yield Diagnosis("constraint-untimely", says, f"{len(weights)} weights begin so", tuple(r.case.id for r in failing))


def _in_calls(inquiry: Inquiry) -> Iterator[Diagnosis]:
    """Outputs of weights that were set, and constrained on their way into the product."""
    failing = [r for r in inquiry.failing("constraints.") if r.case.question.procedure in PROCEDURES]
    if any(result.case.question.procedure == "use_constrained" for result in failing):
        return  # what calls make of the weights themselves stays
    questions = dict.fromkeys(replace(each.case.question, procedure="call") for each in failing)
    plain = [question for question in questions if not question.option("given_as")]
    by_weight = ([question for question in plain if _has_constraint(question, (weight,))][:FEW] for weight in WEIGHTS)
    asked = list(dict.fromkeys(question for some in by_weight for question in some))
    for weights in (("kernel",), ("bias",), WEIGHTS):
        used = [_is_used_constrained(inquiry, question, weights) for question in asked]
        if True not in used or False in used:
            continue
        of, held = "their constraints are", "constrained weights"
        if len(weights) == 1:
            of, held = f"the {weights[0]}'s constraint is", f"the constrained {weights[0]}"
        says = f"{of} applied in every call: outputs are those of {held}"
        evidence = f"{used.count(True)} of {len(used)} layers whose weights were set and used answer so"
        cases = tuple(r.case.id for r in inquiry.open if _has_constraint(r.case.question, weights) and _is_moved(r))
        yield Diagnosis("constraint-in-call", says, evidence, cases)
        return


def _has_constraint(question: Question, weights: Sequence[str]) -> bool:
    return any(getattr(question.config, f"{weight}_constraint") for weight in weights)


def _is_used_constrained(inquiry: Inquiry, question: Question, weights: Sequence[str]) -> bool | None:
    """None where the constraints change nothing of the outputs, and these are right."""
    tensors = inquiry.witness.tensors(question)
    if tensors is None:
        return None
    wanted = {}
    for weight in weights:
        given, held = getattr(question.config, f"{weight}_constraint"), getattr(tensors, weight)
        if given and held is not None:
            wanted[weight] = constrained(given, held.astype(np.float64))
    posed = inquiry.witness.posed(question, tensors)
    got = inquiry.witness.ask_with(question, tensors).answer.tensor("outputs")
    within = _of_weights(posed, **wanted)
    if not apart(within, posed.outputs).any():
        return None if matches(got, posed.outputs) else False
    return matches(got, within)


def _of_weights(posed: Posed, **weights: Array) -> Interval:
    """Outputs of weights that a constraint made, with its roundings."""
    problem = replace(posed.problem, **weights)  # type: ignore[arg-type]
    terms = np.abs(problem.rows) @ np.abs(problem.kernel) + (0.0 if problem.bias is None else np.abs(problem.bias))
    doubt = (ROUNDINGS + max(problem.kernel.shape)) * problem.format.unit_roundoff * problem.unflatten(terms)
    return Forward(z=lambda z, _: Estimate(z.value, z.error + doubt)).bound(problem)


def _is_moved(result: Result) -> bool:
    made = ("kernel", "bias", "reported_loss", "outputs", "losses")
    names = names_missed(result)
    return bool(names) and all(name.startswith(made) for name in names)


def _fails(result: Result, weight: str) -> bool:
    return result.case.question.procedure in PROCEDURES and any(
        name.startswith(weight) for name in names_missed(result)
    )


def _follow(inquiry: Inquiry, weight: str, defect: str) -> tuple[str, ...]:
    made: tuple[str, ...] = (f"{weight}_after", f"{weight}_constrained", "reported_loss")
    if defect == "constraint-untimely":
        made = ("kernel_after", "bias_after", "reported_loss", "outputs", "losses", "kernel", "bias")
    found = []
    for result in inquiry.open:
        config, names = result.case.question.config, names_missed(result)
        has = config.kernel_constraint or config.bias_constraint
        if has and names and all(name.startswith(made) for name in names):
            found.append(result.case.id)
    return tuple(found)


def _moved(inquiry: Inquiry, weight: str, results: Sequence[Result]) -> list[Moved]:
    found = []
    for result in results[:24]:
        question = result.case.question
        asked = inquiry.witness.ask(question)
        got = asked.answer.tensor(f"{weight}_after")
        got = asked.answer.tensor(f"{weight}_constrained") if got is None else got
        held = None if asked.tensors is None else getattr(asked.tensors, weight)
        if asked.tensors is None or got is None or held is None:
            continue
        posed, before = inquiry.witness.posed(question, asked.tensors), held.astype(np.float64)
        free = before - LEARNING_RATE * _gradient(posed, weight) if question.procedure == "step" else before
        found.append(Moved(result, posed, weight, free, before, got.astype(np.float64)))
    return found


def _gradient(posed: Posed, weight: str) -> Array:
    problem = posed.problem
    found = backward(problem.inputs, problem.kernel, problem.bias, problem.activation, posed.upstream)
    return found.kernel if weight == "kernel" else found.bias


def _own(moved: Moved) -> Callable[[Array], Array]:
    return lambda values: constrained(moved.constraint(), values)


def _turned(moved: Moved) -> Array | None:
    return None if moved.weight == "bias" else _own(moved)(moved.free.T).T


def _over_all(moved: Moved) -> Array:
    return _own(moved)(moved.free.reshape(-1, 1)).reshape(moved.free.shape)


def _each_alone(moved: Moved) -> Array | None:
    """A bias taken for a matrix of one row."""
    return _own(moved)(moved.free[None])[0] if moved.weight == "bias" else None


def _replaced(moved: Moved) -> Array | None:
    if moved.result.case.question.procedure != "step":
        return None
    return _own(moved)((moved.before - moved.free) / LEARNING_RATE)


def _moved_by(factor: float) -> Callable[[Moved], Array | None]:
    def account(moved: Moved) -> Array | None:
        if moved.result.case.question.procedure != "step":
            return None
        return _own(moved)(moved.before + factor * (moved.free - moved.before))

    return account


def _of_the_other(moved: Moved) -> Array | None:
    other = moved.constraint("bias" if moved.weight == "kernel" else "kernel")
    if moved.weight == "bias" and other is not None and other.endswith("rows"):
        return None
    return constrained(other, moved.free)


def _before_the_step(moved: Moved) -> Array | None:
    return _own(moved)(moved.before) + (moved.free - moved.before)


def _untimely(moved: Moved) -> Array | None:
    """Constrained before the step as well as after it, or without any step."""
    procedure = moved.result.case.question.procedure
    if procedure == "use_constrained":
        return _own(moved)(moved.before)
    return None


def _in_float32(moved: Moved) -> Array | None:
    narrow = FORMATS["float32"]
    wanted = narrow.round(_own(moved)(narrow.round(moved.free)))
    close = np.abs(moved.got - wanted) <= 32 * narrow.unit_roundoff * np.abs(wanted)
    return moved.got if bool(close.all()) and bool(narrow.holds(moved.got).all()) else None


def _applied(factor: float, times: int) -> Callable[[Moved], Array | None]:
    """What a constraint makes of a multiple, once or over again."""

    def account(moved: Moved) -> Array | None:
        found = factor * moved.free
        for _ in range(times):
            found = _own(moved)(found)
        return found if moved.constraint() is not None else moved.free

    return account


def _accounts(weight: str) -> tuple[tuple[str, str, Callable[[Moved], Array | None]], ...]:
    other = "bias" if weight == "kernel" else "kernel"
    return (
        ("constraint-missing", f"the {weight} is not constrained", lambda moved: moved.free),
        ("constraint-of-other-weight", f"the {weight} is constrained by the {other}'s constraint", _of_the_other),
        ("constraint-axis", f"the {weight}'s norms are taken along the other axis", _turned),
        ("constraint-axis", f"the {weight}'s norm is that of all its elements together", _over_all),
        ("constraint-untimely", f"the {weight} is constrained although no optimizer stepped", _untimely),
        ("constraint-before-step", f"the {weight} is constrained before the step, not after it", _before_the_step),
        ("constraint-axis", f"the {weight}'s norms are those of each element alone", _each_alone),
        ("step-wrong", f"an optimizer's step replaces the {weight} by its gradient", _replaced),
        ("step-wrong", f"an optimizer's step leaves the {weight} as it was", _moved_by(0.0)),
        ("step-wrong", f"an optimizer's step moves the {weight} the other way", _moved_by(-1.0)),
        ("step-wrong", f"an optimizer's step moves the {weight} twice as far", _moved_by(2.0)),
        ("step-wrong", f"an optimizer's step moves the {weight} half as far", _moved_by(0.5)),
        ("constraint-repeated", f"the {weight} is constrained twice after a step", _applied(1.0, 2)),
        ("constraint-doubled", f"the {weight} is doubled before it is constrained", _applied(2.0, 1)),
        ("constraint-doubled", f"the {weight} is doubled and constrained twice", _applied(2.0, 2)),
        ("constraint-narrow", f"the {weight} is constrained in float32", _in_float32),
    )


Told = tuple[str, str, str]


def _explained(weight: str, failing: Sequence[Moved], passed: Sequence[Moved]) -> Told | None:
    idle = [each for each in failing if each.result.case.question.procedure == "use_constrained"]
    if idle and all(_match(each, _untimely) for each in idle):
        return (
            "constraint-untimely",
            f"the {weight} is constrained although no optimizer stepped",
            f"{len(idle)} weights that were set and used alone",
        )
    steps = [each for each in failing if each not in idle]
    evidence = f"{len(steps)} of {len(steps)} weights that were asked for again are so"
    for defect, words, account in _accounts(weight):
        if steps and all(_match(each, account) for each in steps):
            others = [each for each in passed if not _match(each, account)]
            forms = _forms(steps)
            if not others:
                return defect, words, evidence
            if forms and not set(forms) & set(options([each.result for each in others], "given_as")):
                says = f"{words} where its constraint is given as {listed(forms)}"
                if defect == "constraint-missing":
                    says = f"a constraint that is given as {listed(forms)} is ignored: {words}"
                return "constraint-form-ignored", says, evidence
            both = all(each.constraint("kernel") and each.constraint("bias") for each in steps)
            if both and not any(each.constraint("kernel") and each.constraint("bias") for each in others):
                return defect, f"{words} where both are given", evidence
            dtypes = {each.posed.question.config.dtype for each in steps}
            if dtypes.isdisjoint(each.posed.question.config.dtype for each in others):
                return defect, f"{words} in {listed(sorted(dtypes))}", evidence
    return _of_one(weight, steps, passed) or _scaled(weight, steps)


def _scaled(weight: str, steps: Sequence[Moved]) -> Told | None:
    """One factor between what came of all constraints and what should have."""
    factors: list[float] = []
    for each in steps:
        wanted = _own(each)(each.free)
        if each.got.shape != wanted.shape or not wanted.any():
            return None
        factors.append(float(np.median(each.got[wanted != 0] / wanted[wanted != 0])))
        if not each.match(factors[0] * wanted):
            return None
    if len(factors) < LEAST or factors[0] == 0:
        return None
    says = f"what a constraint makes of the {weight} is {factors[0]:.6g} times what it should be"
    return "constraint-formula", says, f"{len(steps)} of {len(steps)} weights after a step"


def _forms(steps: Sequence[Moved]) -> list[str]:
    """In which forms the constraints were given, where none of them was an object."""
    given = [each.result.case.question.option("given_as", "object") for each in steps]
    return [] if "object" in given else list(dict.fromkeys(given))


def _match(moved: Moved, account: Callable[[Moved], Array | None]) -> bool:
    idle = moved.result.case.question.procedure == "use_constrained" and account is not _untimely
    with np.errstate(all="ignore"):
        wanted = moved.before if idle else account(moved)
    return wanted is not None and moved.match(wanted)


def _of_one(weight: str, steps: Sequence[Moved], passed: Sequence[Moved]) -> Told | None:
    """One constraint that makes something else of a weight than it should."""
    names = sorted({each.constraint() or "" for each in steps})
    if len(names) != 1 or not names[0]:
        return None
    nan = any(np.isnan(each.got).any() for each in steps)
    what = "gives NaN where a norm is 0" if nan else _greatest(steps)
    evidence = f"{len(steps)} weights; {len(passed)} others that were constrained are right"
    forms, alike = _forms(steps), [each.result for each in passed if each.constraint() == names[0]]
    if forms and alike and not set(forms) & set(options(alike, "given_as")):
        says = f"a constraint that is given as {listed(forms)} is not the one that is meant: {names[0]} of the {weight}"
        return "constraint-form-ignored", f"{says} {what}", evidence
    return "constraint-formula", f"{names[0]} of the {weight} {what}", evidence


def _greatest(steps: Sequence[Moved]) -> str:
    each = steps[0]
    wanted = constrained(each.constraint(), each.free)
    with np.errstate(all="ignore"):
        off = np.nan_to_num(np.abs(each.got - wanted) / np.abs(wanted))
    place = np.unravel_index(int(np.argmax(off)), wanted.shape)
    return f"gives {each.got[place]:.7g} where {wanted[place]:.7g} is right"
