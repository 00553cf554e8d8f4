"""From a report's failures to its diagnoses: rule by rule, until all are explained or nothing more is known."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

import numpy as np

from conformance.diagnosis.consequences import doubtful, following
from conformance.diagnosis.exhibits import Inquiry
from conformance.diagnosis.rules.casts import inputs_decide, wrong_casts
from conformance.diagnosis.rules.config import wrong_config
from conformance.diagnosis.rules.constraints import wrong_constraints
from conformance.diagnosis.rules.coupling import coupled_rows
from conformance.diagnosis.rules.explained import has_wrong_linear_outputs, may_follow_from_outputs
from conformance.diagnosis.rules.facts import flattened_inputs, half_formula, raises_plainly, wrong_dtype, wrong_shape
from conformance.diagnosis.rules.gradients import (
    more_gradients,
    stale_gradients,
    unstable_gradients,
    wrong_gradients,
)
from conformance.diagnosis.rules.initializers import wrong_beginning
from conformance.diagnosis.rules.lanes import wrong_graphs, wrong_lanes, wrong_training
from conformance.diagnosis.rules.losses import wrong_costs
from conformance.diagnosis.rules.memory import first_batches, gradients_again, misread_views, overwritten_answers
from conformance.diagnosis.rules.outputs import more_outputs, unknown_formulas, wrong_outputs
from conformance.diagnosis.rules.policies import ignored_policy, unrounded_operands
from conformance.diagnosis.rules.seen import seen_gradients, seen_outputs
from conformance.diagnosis.rules.specials import wrong_specials
from conformance.diagnosis.rules.state import depends_on_history, unrepeatable, wrong_state
from conformance.diagnosis.rules.topics import early_topics, wrong_topics
from conformance.diagnosis.rules.weights import wrong_weights
from conformance.diagnosis.scope import described
from conformance.diagnosis.wording import observed
from conformance.implementations.protocol import Implementation
from conformance.results import Diagnosis, Report
from conformance.session import Oracle

Rule = Callable[[Inquiry], Iterator[Diagnosis]]

#: A rule comes before those whose failures may be its consequences.
FORWARD: tuple[Rule, ...] = (
    ignored_policy,
    wrong_weights,
    early_topics,
    inputs_decide,
    flattened_inputs,
    raises_plainly,
    wrong_dtype,
    wrong_state,
    overwritten_answers,
    misread_views,
    unrepeatable,
    wrong_specials,
    unrounded_operands,
    wrong_outputs,
    more_outputs,
    first_batches,
    depends_on_history,
    coupled_rows,
    wrong_specials,
    wrong_shape,
    unknown_formulas,
    seen_outputs,
)
#: Rules of what is not a plain call. They hear nothing of failures that unexplained outputs may be behind.
BEYOND: tuple[Rule, ...] = (
    half_formula,
    gradients_again,
    unstable_gradients,
    stale_gradients,
    wrong_gradients,
    more_gradients,
    seen_gradients,
    wrong_graphs,
    wrong_beginning,
    wrong_costs,
    wrong_constraints,
    wrong_casts,
    wrong_training,
    wrong_config,
    wrong_lanes,
    wrong_topics,
)


#: Rules that name what only a model, a copy, a step or another lane shows: where a simpler failure of the same kind is
#: without a cause, they have nothing to go by.
LATE: frozenset[Rule] = frozenset(
    {half_formula, wrong_graphs, wrong_casts, wrong_training, wrong_config, wrong_lanes, wrong_topics}
)


@np.errstate(all="ignore")  # rivals are tried on everything, tails included
def diagnose(report: Report, implementation: Implementation, oracle: Oracle) -> tuple[Diagnosis, ...]:
    """The likely defects, each with the failed cases that it explains; last what no defect explains, without a name.

    A rule that raises says no more: what an implementation answers may be anything.
    """
    inquiry = Inquiry.into(report, implementation, oracle)
    found = list(_told(inquiry, FORWARD))
    inquiry.is_unsure = has_wrong_linear_outputs(inquiry)
    consequences = inquiry.without(may_follow_from_outputs(inquiry.open))
    found += _told(inquiry, BEYOND)
    inquiry.open += consequences
    if inquiry.open:
        found.append(_what_is_known(inquiry))
    return tuple(found)


def _told(inquiry: Inquiry, rules: Sequence[Rule]) -> Iterator[Diagnosis]:
    for rule in rules:
        inquiry.hold_back(doubtful(inquiry.open) if rule in LATE else [])
        try:
            for diagnosis in rule(inquiry):
                if diagnosis.cases:
                    told = _with_what_follows(diagnosis, inquiry)
                    inquiry.settle(told.cases)
                    yield told
        except Exception as failure:
            inquiry.broken.append(f"{rule.__name__} raised {type(failure).__name__}: {failure}")
        inquiry.release()


def _with_what_follows(diagnosis: Diagnosis, inquiry: Inquiry) -> Diagnosis:
    explained = set(diagnosis.cases)
    left = [*inquiry.open, *inquiry.held_back]
    causes = [result for result in left if result.case.id in explained]
    others = [result for result in left if result.case.id not in explained]
    return replace(diagnosis, cases=(*diagnosis.cases, *(each.case.id for each in following(others, causes))))


def _what_is_known(inquiry: Inquiry) -> Diagnosis:
    clauses = list(dict.fromkeys(result.clause.id for result in inquiry.open))
    where = described(result.case.question for result in inquiry.open)
    named = ", ".join(clauses[:4]) + (" and others" if len(clauses) > 4 else "")
    says = f"{len(inquiry.open)} cases of {named} fail: {where}; the first: {observed(inquiry.open[:1])}"
    return Diagnosis(
        "",
        says,
        "; ".join(["no defect that is known explains them", *inquiry.broken]),
        tuple(each.case.id for each in inquiry.open),
    )
