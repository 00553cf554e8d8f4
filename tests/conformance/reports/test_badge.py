"""The badge."""

from __future__ import annotations

from dataclasses import replace
from xml.etree import ElementTree

import pytest

from conformance.answers import Level
from conformance.reports import badge
from conformance.reports.outcomes import Mood
from conformance.results import Floor, Report, Verdict
from tests.synthetic_reports import HOSTILE, hostile, report, result

SVG = "{http://www.w3.org/2000/svg}"
SHOULD_SAY = {
    "level inference": (report(result()), Mood.GOOD),
    "does not conform": (report(result(), result("outputs.units", Verdict.FAIL)), Mood.BAD),
    "no verdict": (report(result(), is_everything=False), Mood.OPEN),
    "no level reached": (report(result(), result("outputs.units", Verdict.NOT_APPLICABLE)), Mood.PARTIAL),
}


@pytest.mark.parametrize("says", SHOULD_SAY)
def test_it_says_the_level_or_why_there_is_none(says: str) -> None:
    told, mood = SHOULD_SAY[says]
    root = ElementTree.fromstring(badge.render([told]))
    assert [each.text for each in root.iter(f"{SVG}text")] == ["layers:MyDense", says]
    assert root.findtext(f"{SVG}title") == f"Dense conformance: layers:MyDense: {says}"
    assert badge.COLOURS[mood] in {each.get("fill") for each in root.iter(f"{SVG}rect")}


@pytest.mark.parametrize(
    ("told", "says"),
    [
        (report(), "no verdict"),
        (report(result(), result("outputs.units", Verdict.SUITE_ERROR)), "no verdict"),
        (replace(report(result()), floor=Floor(9, 9)), "does not conform"),
        (report(result(), complaints=["stale"]), "does not conform"),
        (replace(report(result("outputs.units", Verdict.FAIL)), stopped_early=True), "does not conform"),
        (report(result(), result("outputs.units", Verdict.WAIVED)), "no level reached"),
    ],
    ids=["nothing ran", "suite-error", "under the floor", "stale waiver", "stopped early", "waived"],
)
def test_nothing_but_a_whole_run_without_fault_has_a_level(told: Report, says: str) -> None:
    assert f">{says}<" in badge.render([told])


def test_a_level_below_the_one_that_failed_is_reached() -> None:
    """At level training a gradient is wrong: what is said of inference holds, and is not painted as if all did."""
    failed = result("gradients.kernel", Verdict.FAIL)
    root = ElementTree.fromstring(badge.render([replace(report(result(), failed), level=Level.TRAINING)]))
    assert [each.text for each in root.iter(f"{SVG}text")] == ["layers:MyDense", "level inference"]
    assert badge.COLOURS[Mood.PARTIAL] in {each.get("fill") for each in root.iter(f"{SVG}rect")}


def test_the_text_fits_its_field() -> None:
    """Within the badge, and no letter of 11 pixels narrower than half its height."""
    root = ElementTree.fromstring(badge.render([report(result(), name="W" * 30)]))
    width = float(str(root.get("width")))
    ends = [float(str(each.get("x"))) + float(str(each.get("textLength"))) for each in root.iter(f"{SVG}text")]
    assert max(ends) < width
    assert all(float(str(each.get("textLength"))) >= 5.5 * len(str(each.text)) for each in root.iter(f"{SVG}text"))


def test_several_stand_below_one_another() -> None:
    root = ElementTree.fromstring(badge.render([report(result(), name=name) for name in ("a", "b", "c")]))
    assert sorted({int(str(each.get("y"))) for each in root.iter(f"{SVG}rect")}) == [0, 22, 44]


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
def test_a_hostile_name_stays_text(text: str) -> None:
    written = badge.render([hostile(text)])
    assert {each.tag for each in ElementTree.fromstring(written).iter()} == {
        f"{SVG}{tag}" for tag in ("svg", "title", "rect", "text")
    }
    assert len(written) < 3000
