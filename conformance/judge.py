"""Comparisons of the implementation and of the oracle → verdict. This table is all of it.

    implementation | oracle | erratum | verdict
    holds          | holds  |    -    | pass
    misses         | holds  |    -    | fail
    any            | misses |    no   | suite-error
    any            | misses |    yes  | pass if it answers either way; else fail

"Erratum: yes" means that one explains the oracle's answer: the oracle does what the erratum says that Keras does.
"""

from __future__ import annotations

from conformance.results import Verdict


def judge(
    holds: bool, oracle_holds: bool, *, erratum_explains: bool = False, answers_as_keras: bool = False
) -> Verdict:
    """The verdict on an implementation, given whether it and the oracle hold to the reference.

    erratum_explains: the oracle misses the reference in the way that an erratum records. answers_as_keras: the
    implementation holds to that erratum's rival definition.
    """
    if oracle_holds:
        return Verdict.PASS if holds else Verdict.FAIL
    if not erratum_explains:
        return Verdict.SUITE_ERROR
    return Verdict.PASS if holds or answers_as_keras else Verdict.FAIL
