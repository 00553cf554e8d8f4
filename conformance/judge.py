"""Comparisons of the implementation and of the oracle → verdict. This table is all of it.

    implementation | oracle | erratum | verdict
    any            | misses |    no   | suite-error
    holds          | any    |    -    | pass
    misses         | holds  |    no   | fail
    misses         | any    |    yes  | pass if it answers as Keras; else fail

"Erratum: yes" means that one explains the oracle's answer: it lies in what the erratum says that Keras does. It may
lie in the truth, too: rounding alone then decides who meets Keras's error, and who does not. An oracle that raises
where an erratum says so misses, and who raises as well answers as Keras.
"""

from __future__ import annotations

from conformance.results import Verdict


def judge(
    holds: bool, oracle_holds: bool, *, erratum_explains: bool = False, answers_as_keras: bool = False
) -> Verdict:
    """The verdict on an implementation, given whether it and the oracle hold to the reference.

    erratum_explains: the oracle answers in the way that an erratum records. answers_as_keras: so does the
    implementation.
    """
    if not (oracle_holds or erratum_explains):
        return Verdict.SUITE_ERROR
    return Verdict.PASS if holds or (erratum_explains and answers_as_keras) else Verdict.FAIL
