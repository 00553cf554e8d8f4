"""JUnit's XML, read back by an XML parser, as CI systems do."""

from __future__ import annotations

from dataclasses import replace
from xml.etree import ElementTree
from xml.etree.ElementTree import Element

import pytest

from conformance.contract.clause import Requirement
from conformance.reports import junit
from conformance.results import Floor, Verdict
from tests.synthetic_reports import HOSTILE, hostile, one_of_each, report, result

COUNTS = ("tests", "failures", "errors", "skipped")


def read(text: str) -> Element:
    return ElementTree.fromstring(text.encode())


def counts(element: Element) -> list[int]:
    return [int(element.get(name, "-1")) for name in COUNTS]


def test_every_verdict_is_what_ci_systems_have_for_it() -> None:
    """11 cases: 2 passes; fail, error, crash, timeout, blocked and unexpected-pass; suite-error; waived and absent."""
    (suite,) = read(junit.render([one_of_each()]))
    kinds = {case.get("name", ""): [child.tag for child in case] for case in suite.findall("testcase")}
    assert counts(suite) == [11, 6, 1, 2]
    assert sorted(kinds.values()) == sorted([[], [], *[["failure"]] * 6, ["error"], *[["skipped"]] * 2])
    assert {each.get("type") for each in suite.iter("failure")} == {
        *("fail", "error", "crash", "timeout", "blocked", "unexpected-pass")
    }
    assert [each.get("message") for each in suite.iter("skipped")] == [
        "not-applicable: it does not declare activation 'mish'",
        "waived: known: issue 7",
    ]


def test_the_counts_are_those_of_the_elements() -> None:
    root = read(junit.render([one_of_each(), report(result()), one_of_each()]))
    assert counts(root) == [23, 12, 2, 4]
    for suite in root:
        found = [len(suite.findall(f"testcase/{kind}")) for kind in ("failure", "error", "skipped")]
        assert counts(suite) == [len(suite.findall("testcase")), *found]


def test_a_failure_says_what_came_and_how_to_repeat_it() -> None:
    (failure,) = read(junit.render([report(result("outputs.affine", Verdict.FAIL))])).iter("failure")
    assert "got      2.0" in str(failure.text)
    assert "dense-conformance run layers:MyDense --case 'outputs.affine[" in str(failure.text)


def test_what_decides_nothing_turns_no_job_red() -> None:
    should = result("outputs.affine", Verdict.FAIL, requirement=Requirement.SHOULD)
    root = read(junit.render([report(should)]))
    assert counts(root) == [1, 0, 0, 1]
    assert "fail of a SHOULD" in str(root.find(".//skipped").get("message"))  # type: ignore[union-attr]


def test_what_is_wrong_with_the_run_alone_fails_too() -> None:
    """All cases passed: without a case of its own the exit code 1 or 5 would be green."""
    stale = report(result(), complaints=["waiver 3 matches nothing"])
    short = replace(report(result()), floor=Floor(2, 2))
    assert counts(read(junit.render([stale]))) == [2, 1, 0, 0]
    assert counts(read(junit.render([short]))) == [2, 1, 0, 0]
    assert counts(read(junit.render([report()]))) == [1, 0, 1, 0]


def test_nothing_at_all_is_a_file_too() -> None:
    assert counts(read(junit.render([]))) == [0, 0, 0, 0]


def test_the_time_is_told_once() -> None:
    root = read(junit.render([report(result()), report(result())]))
    assert [root.get("time"), *(suite.get("time") for suite in root)] == ["1.500", "0.750", "0.750"]


def test_properties_say_what_ran() -> None:
    root = read(junit.render([report(result())]))
    told = {each.get("name"): each.get("value") for each in root.iter("property")}
    assert told["level_reached"] == "inference"
    assert told["oracle.keras"] == "3.15.1"
    assert told["exit_code"] == "0"


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
def test_what_an_implementation_says_stays_text(text: str) -> None:
    """Whatever it says, the same elements come out, and nothing of it is endless."""
    written = junit.render([hostile(text)])
    expected = [each.tag for each in read(junit.render([hostile("harmless")])).iter()]
    assert [each.tag for each in read(written).iter()] == expected
    assert len(written) < 100_000
