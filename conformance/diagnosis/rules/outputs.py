"""What is wrong with plain outputs: the product, the bias, the arithmetic, the activation."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace

import numpy as np

from conformance.cases import Question
from conformance.diagnosis.exhibits import Exhibit, Inquiry, inside, outputs_fail, spread, twin
from conformance.diagnosis.fit import ENOUGH, Fit, agrees, fitting, predicted
from conformance.diagnosis.further import RANGES, over_range
from conformance.diagnosis.rivals.affine import all_affine
from conformance.diagnosis.rivals.bias import beside
from conformance.diagnosis.rivals.every_activation import of_every_activation
from conformance.diagnosis.rivals.families import plainest
from conformance.diagnosis.rivals.fixed_point import (
    of_cut_pre_activations,
    of_fixed_point,
    of_seen_fixed_point,
    of_seen_steps,
)
from conformance.diagnosis.rivals.formulas import activation_rivals
from conformance.diagnosis.rivals.limits import of_limits, of_seen_limits
from conformance.diagnosis.rivals.permutations import of_seen_orders
from conformance.diagnosis.rivals.quantized import of_operands
from conformance.diagnosis.rivals.regions import constant_rivals, factor_rivals, region_rivals
from conformance.diagnosis.rivals.rival import Rival, upon
from conformance.diagnosis.rivals.rounding import all_roundings, of_narrow_activation, of_seen_bits
from conformance.diagnosis.rivals.rowwise_formulas import with_epsilon
from conformance.diagnosis.rules.curves import curve_of
from conformance.diagnosis.rules.explained import UNCERTAIN, concluded, fails_in, is_plain, linear_twin
from conformance.diagnosis.rules.probes import probed
from conformance.diagnosis.rules.rescope import rescoped
from conformance.results import Diagnosis, Result
from reference.activations import Activation
from reference.config import DenseConfig
from reference.elementwise import Elementwise
from reference.formats import FORMATS
from reference.rowwise import Rowwise

#: How many questions are put again, of the failing and of the right ones, and how many with full mantissas.
AGAIN, TWINS = 56, 8
#: So many of them are put to a linear layer as well.
LINEAR = 6
#: Of so many layers other shapes are asked.
PROBED = 2
#: So many activations at most are other functions that nobody knows.
CURVES = 8
#: A fit of no more questions of these families, whose mantissas are full, is put to the proof with others of them.
FEW, FULL = 3, ("normal", "grid")


def wrong_outputs(inquiry: Inquiry) -> Iterator[Diagnosis]:
    """The rule. A defect of the forward pass explains whatever is made of outputs that it changes."""
    failing, right = exhibits(inquiry, "outputs")
    if not failing:
        return
    for fit in _named(inquiry, failing, right):
        inquiry.fits.append(fit)
        yield concluded(fit, inquiry)


def more_outputs(inquiry: Inquiry) -> Iterator[Diagnosis]:
    """The same once more, where something was found: of activations whose formula Keras itself has wrong others were
    the better witnesses.
    """
    if inquiry.fits:
        yield from wrong_outputs(inquiry)


def unknown_formulas(inquiry: Inquiry) -> Iterator[Diagnosis]:
    """The rule for what no rival explains: an activation that is another function, but none that is known."""
    failing, right = exhibits(inquiry, "outputs")
    yield from _by_curve(inquiry, failing, right)


def exhibits(inquiry: Inquiry, *names: str) -> tuple[list[Exhibit], list[Exhibit]]:
    """Tensors of these names that fail, and ones that do not, of plain questions that are put again."""
    open_results = [result for result in inquiry.open if is_plain(result) and fails_in(result, *names)]
    alone = [] if open_results or "outputs" not in names else _rows_alone(inquiry)
    if not open_results and not alone:
        return [], []
    passed = [result for result in inquiry.passed if is_plain(result)]
    questions = spread(open_results, AGAIN)
    twins = [twin(question) for question in spread(open_results, TWINS) if _has_twin(question)]
    settled = {result.case.question for result in open_results}
    asked = [
        *alone,
        *questions,
        *twins,
        *_probes(open_results),
        *(each for each in _both(passed) if each not in settled),
    ]
    failing: list[Exhibit] = []
    right: list[Exhibit] = []
    for question in asked:
        if not inquiry.witness.is_tired:
            found = inquiry.witness.exhibits(question)
            if "outputs" not in names and outputs_fail(found):
                continue  # whatever the gradients are then, they say nothing of the way back
            for exhibit in found:
                if exhibit.name in names and not _is_explained(exhibit, inquiry):
                    (failing if exhibit.fails else right).append(exhibit)
    return _certain(failing), right


def _rows_alone(inquiry: Inquiry) -> list[Question]:
    """Where rows fail that are asked one by one, a single one, and others like it with full mantissas."""
    failing = [result.case.question for result in inquiry.failing("outputs.rows-independent") if result.comparisons]
    single = [replace(each, procedure="call", input_shape=(1, *each.input_shape[1:])) for each in failing]
    return list(dict.fromkeys([*single, *(twin(question) for question in single)]))


#: Shapes and units whose numbers are no powers of two and no multiples of each other.
PROBES = (((37, 21), 18), ((3, 5, 21), 18), ((2, 3, 5, 7), 22), ((1, 21), 10))


def _probes(results: Sequence[Result]) -> Iterator[Question]:
    """The failing layers on other shapes, with and without bias: what is said of them should be true there as well.

    On one of them with their own number of units, of which the defect may be.
    """
    for question in [each for each in spread(results, LINEAR) if 0 not in each.known_shape][:PROBED]:
        for shape, units in (*PROBES, (PROBES[0][0], question.config.units)):
            for use_bias in (True, False):
                config = replace(question.config, units=units, use_bias=use_bias)
                yield replace(question, config=config, input_shape=shape, family="normal", seed=question.seed + 202)


def _is_explained(exhibit: Exhibit, inquiry: Inquiry) -> bool:
    """By a defect that was named already."""
    return exhibit.fails and any(
        fit.where.holds(exhibit.question) and agrees(fit.rival, exhibit) for fit in inquiry.fits
    )


def _both(passed: Sequence[Result]) -> list[Question]:
    """Of right questions half are of plain layers, and half of others."""
    plain = [result for result in passed if result.case.question.config.activation == "linear"]
    others = [result for result in passed if result.case.question.config.activation != "linear"]
    return [*spread(plain, AGAIN // 2), *spread(others, AGAIN // 2)]


def _has_twin(question: Question) -> bool:
    return question.family not in ("grid", "tails") and 0 not in question.known_shape


def _certain(failing: list[Exhibit]) -> list[Exhibit]:
    """Without the activations whose formula Keras has wrong, where others fail as well."""
    certain = [exhibit for exhibit in failing if exhibit.question.config.activation not in UNCERTAIN]
    return certain or failing


def _named(inquiry: Inquiry, failing: Sequence[Exhibit], right: Sequence[Exhibit]) -> Iterator[Fit]:
    """Where linear layers are right, activations are looked at first, each for itself."""
    linear_fails = any(exhibit.question.config.activation == "linear" for exhibit in failing)
    general = [
        *all_affine(),
        *of_every_activation(),
        *all_roundings(),
        *of_operands(),
        *of_limits(),
        *of_cut_pre_activations(),
        *of_seen_bits(failing),
    ]
    general += [*of_seen_steps(failing), *factor_rivals(failing), *region_rivals(failing), *constant_rivals(failing)]
    general += [*of_seen_orders(failing), *of_seen_limits(failing), *of_seen_fixed_point(failing)]
    general += of_fixed_point(failing)
    steps: list[Callable[[list[Exhibit]], Iterable[Fit]]] = [
        lambda left: fitting(general, _ordinary(left), right),
        lambda left: fitting(probed(inquiry, _failing_plainly(inquiry, left)), _ordinary(left), right),
        lambda left: _of_activations(inquiry, left, right),
    ]
    if not linear_fails:
        steps = [lambda left: fitting(of_every_activation(), left, right), *steps[::-1]]
    steps.append(lambda left: _of_bias_beside_one(inquiry, left, right))
    left = list(failing)
    for step in steps:
        for fit in step(left):
            if not is_confirmed(fit, inquiry) or (not linear_fails and _is_of_one_activation(fit, inquiry)):
                continue
            scoped = rescoped(inquiry, fit, left, right)
            if scoped is None:
                continue
            yield scoped
            left = [exhibit for exhibit in left if exhibit not in fit.explained]


def _failing_plainly(inquiry: Inquiry, failing: Sequence[Exhibit]) -> list[Question]:
    """With those that were put in addition."""
    open_results = [result for result in inquiry.open if is_plain(result) and fails_in(result, "outputs")]
    return [*(exhibit.question for exhibit in failing), *(result.case.question for result in open_results)]


def _is_of_one_activation(fit: Fit, inquiry: Inquiry) -> bool:
    """Whether a rival of all layers explains one activation alone, behind linear outputs that are right.

    Then it is that activation, of which the rival knows nothing.
    """
    names = {exhibit.question.config.activation for exhibit in fit.explained}
    return not fit.rival.about and len(names) == 1 and is_of_activation(fit.explained, inquiry)


def _ordinary(failing: Sequence[Exhibit]) -> Sequence[Exhibit]:
    """Without the tails, where others fail: what overflows on the way does so in many ways."""
    ordinary = [exhibit for exhibit in failing if exhibit.question.family != "tails"]
    return ordinary or failing


def is_confirmed(fit: Fit, inquiry: Inquiry) -> bool:
    """Whether the rival holds with full mantissas as well, where few of the tensors it is about have them.

    Small integers leave little to tell one rounding, or one formula, from another.
    """
    questions = list(dict.fromkeys(exhibit.question for exhibit in fit.explained))
    others = [question for question in questions if question.family not in FULL]
    if len(questions) - len(others) > FEW:
        return True
    names = {exhibit.name for exhibit in fit.explained}
    for question in others[:FEW]:
        if _has_twin(question):
            for exhibit in inquiry.witness.exhibits(twin(question)):
                if exhibit.name in names and agrees(fit.rival, exhibit) is False:
                    return False
    return True


def _of_activations(inquiry: Inquiry, failing: Sequence[Exhibit], right: Sequence[Exhibit]) -> list[Fit]:
    """An activation with a defect of its own shows beside it what was found already."""
    found = []
    bases = [fit for fit in inquiry.fits if fit.rival.step is not None and not fit.rival.about]
    for name in dict.fromkeys(exhibit.question.config.activation for exhibit in failing):
        own = [exhibit for exhibit in failing if exhibit.question.config.activation == name]
        own = [exhibit for exhibit in own if not _is_explained(exhibit, inquiry)]
        others = [exhibit for exhibit in right if exhibit.question.config.activation == name]
        if name != "linear" and own:
            row = own[0].posed.definition
            widest = max(own, key=lambda exhibit: exhibit.posed.problem.format.precision)
            grid = grid_of(inquiry, widest.question)
            epsilons = list(_with_epsilon(inquiry, name, row))
            own += [exhibit for _, several in epsilons for exhibit in several if exhibit not in own]
            rivals = [*(rival for rival, _ in epsilons), *activation_rivals(name, row, grid), *_in_steps(name, own)]
            rivals += of_narrow_activation(name)
            fits = fitting(rivals, own, others) or fitting(rivals, _ordinary(own), others)
            if bases:
                rivals = [upon(rival, bases[0].rival, bases[0].where.holds) for rival in rivals]
                found += fits or [fit for fit in fitting(rivals, own, others) if _is_beside(bases[0].rival, fit)]
            else:
                fits = [fit for fit in fits if _is_of_several_units(fit, own)]
                found += [fit for fit in fits if is_of_activation(fit.explained, inquiry)]
    return found


def _is_beside(base: Rival, fit: Fit) -> bool:
    """Whether enough elements are not what the other defect makes of them already."""
    count = 0
    for exhibit in fit.explained:
        speaks, said = predicted(base, exhibit)
        within = said.get(exhibit.name) if speaks else None
        if within is None or exhibit.got is None or within.shape != exhibit.got.shape:
            return True
        count += int((~inside(exhibit.got, within)).sum())
    return count >= ENOUGH


def _of_bias_beside_one(inquiry: Inquiry, failing: Sequence[Exhibit], right: Sequence[Exhibit]) -> list[Fit]:
    """A bias that goes wrong with one activation alone; it is no other activation."""
    found = []
    for name in dict.fromkeys(exhibit.question.config.activation for exhibit in failing):
        own, others = (
            [exhibit for exhibit in some if exhibit.question.config.activation == name] for some in (failing, right)
        )
        found += [fit for fit in fitting(beside(name), own, others) if is_of_activation(fit.explained, inquiry)]
    return found


def _is_of_several_units(fit: Fit, failing: Sequence[Exhibit]) -> bool:
    """Of an activation of whole rows a single unit tells nothing, where several are wrong as well."""
    if isinstance(failing[0].posed.definition, Elementwise):
        return True
    several = [exhibit for exhibit in failing if exhibit.right.shape[-1:] != (1,)]
    return not several or any(exhibit in several for exhibit in fit.explained)


def is_of_activation(exhibits: Sequence[Exhibit], inquiry: Inquiry) -> bool:
    """Whether a linear layer is right where these fail: else it is nothing about their activation."""
    for question in list(dict.fromkeys(exhibit.question for exhibit in exhibits))[:LINEAR]:
        names = {exhibit.name for exhibit in exhibits if exhibit.question == question}
        twins = inquiry.witness.exhibits(linear_twin(question))
        if any(exhibit.fails for exhibit in twins if exhibit.name in names):
            return False
    return True


def _in_steps(name: str, failing: Sequence[Exhibit]) -> Iterator[Rival]:
    """One activation's outputs in steps."""
    for rival in of_seen_steps(failing):
        yield replace(rival, says=rival.says.replace("the outputs are", "{activation} is"), about=name)


def _with_epsilon(inquiry: Inquiry, name: str, row: Activation) -> Iterator[tuple[Rival, list[Exhibit]]]:
    """Of one unit softmax is 1, or 1 / (1 + epsilon) where one is added: in float64 that tells the number.

    With the outputs of several units, which then fail as well.
    """
    if name != "softmax" or not isinstance(row, Rowwise):
        return
    for dtype in ("float64", "float32"):
        question = Question("call", DenseConfig(1, name, True, dtype), (5, 7))
        got = inquiry.witness.ask(question).answer.tensor("outputs")
        if got is not None and got.shape == (5, 1) and (got > 0.5).all() and (got < 1).all():
            u = FORMATS[dtype].unit_roundoff
            least, greatest = (float(1 / (got.astype(np.float64) + side * 2 * u).max() - 1) for side in (1, -1))
            if least > 0:
                rival = with_epsilon(name, row, plainest(least, greatest))
                several = inquiry.witness.exhibits(replace(question, config=replace(question.config, units=3)))
                if all(agrees(rival, exhibit) for exhibit in several):
                    yield rival, [exhibit for exhibit in several if exhibit.fails]
                return


def grid_of(inquiry: Inquiry, question: Question) -> Exhibit | None:
    """The outputs on the dense grid of this question's activation and dtype."""
    asked = over_range(question.config, *RANGES[0])
    found = [exhibit for exhibit in inquiry.witness.exhibits(asked) if exhibit.name == "outputs"]
    return found[0] if found else None


# ---- an activation that is another one, but none that is known ---------------------------------------------------


def _by_curve(inquiry: Inquiry, failing: Sequence[Exhibit], right: Sequence[Exhibit]) -> Iterator[Diagnosis]:
    """Where the failing activations are few and linear layers are right, the formula is what is wrong."""
    names = list(dict.fromkeys(exhibit.question.config.activation for exhibit in failing))
    linear_right = [exhibit for exhibit in right if exhibit.question.config.activation == "linear"]
    if not names or "linear" in names or not linear_right or len(names) > CURVES:
        return  # what is wrong with so many is hardly the formula of each
    for name in names:
        own = [exhibit for exhibit in failing if exhibit.question.config.activation == name]
        yield from curve_of(name, own, inquiry)
