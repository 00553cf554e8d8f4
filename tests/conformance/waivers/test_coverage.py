"""How much a pattern may match, and that no area can be waived whole."""

from __future__ import annotations

import pytest

from conformance.contract import CONTRACT
from conformance.results import Verdict
from conformance.waivers.application import Waiving, file_complaints
from conformance.waivers.coverage import WIDEST, areas, matched
from reference.dialects import DIALECTS
from tests.waived_reports import AFFINE, DIALECT, HIGH, TODAY, report, result, waived, waiver


@pytest.mark.parametrize("pattern", ["*", "outputs.*", "*float16*", "outputs.a*[linear-*]"])
def test_a_pattern_that_matches_very_much_waives_nothing(pattern: str) -> None:
    told = waived(report(result(AFFINE[0], Verdict.FAIL, HIGH), is_everything=True), waiver(pattern))
    assert f"a pattern that does not name one clause in full may match {WIDEST}" in told.complaints[0]
    assert told.results[0].verdict is Verdict.FAIL


def test_a_pattern_may_match_all_of_one_clause_and_a_few_of_several() -> None:
    whole, few = waiver("gradients.kernel"), waiver("state.same-*[relu-*]")
    assert len(matched("gradients.kernel", DIALECT)) > WIDEST
    assert 0 < len(matched("state.same-*[relu-*]", DIALECT)) <= WIDEST
    assert file_complaints(Waiving((whole, few), TODAY), DIALECT) == []


@pytest.mark.parametrize("dialect", [dialect.name for dialect in DIALECTS])
def test_the_widest_pattern_is_less_than_half_of_any_area(dialect: str) -> None:
    assert min(len(cases) for cases in areas(dialect).values()) > 2 * WIDEST


def test_a_whole_area_is_refused_clause_by_clause_too() -> None:
    clauses = [clause.id for clause in CONTRACT if clause.area == "state"]
    assert "it names every case of the area state" in file_complaints(Waiving((waiver(*clauses),), TODAY), DIALECT)[0]
