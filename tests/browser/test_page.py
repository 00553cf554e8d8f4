"""The page as a browser shows it: in the dark, on a phone, by keyboard, without a script, and with hostile names."""

from __future__ import annotations

import os
import re
from dataclasses import replace
from pathlib import Path

import pytest

from conformance.curves import measure
from conformance.implementations.load import load
from conformance.reports import page
from conformance.results import Diagnosis, Report, Verdict
from reference.dialects import DIALECTS
from tests.browser.conftest import Open, Opened
from tests.synthetic_reports import HOSTILE, hostile, one_of_each, report, result

AXE = Path(os.environ.get("DENSE_CONFORMANCE_NODE_MODULES", "")) / "axe-core" / "axe.min.js"
PHONE = {"viewport": {"width": 360, "height": 740}}
SCHEMES = ("light", "dark")
#: WCAG 2.1, levels A and AA, and what is held to be good practice: contrast, labels, landmarks, order of headings.
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "best-practice"]


def failing() -> Report:
    """Two clauses failed, one of them with a cause; curves as the reference has them, and one that it lacks."""
    failed = [result("outputs.affine", Verdict.FAIL, at=at) for at in range(3)]
    cause = Diagnosis("bias-dropped", "The bias is dropped.", "6 of 6 outputs match", (failed[0].case.id,))
    curves = measure(load("reference"), DIALECTS[-1])
    absent = replace(curves[0], z=(), error=(), lower=(), upper=(), absent="it raised ValueError")
    passed = [result("outputs.units", at=at) for at in range(3)]
    ran = (
        *failed,
        *passed,
        result("shapes.output-shape"),
        result("state.same-answer-twice", Verdict.FAIL, reason="no"),
    )
    told = report(*ran, diagnoses=[cause], curves=(absent, *curves[1:]))
    return replace(told, smallest={"outputs.affine": failed[2]})


@pytest.fixture(scope="module")
def html() -> str:
    """Of two implementations, one of which fails."""
    return page.render([failing(), report(result(), result("shapes.output-shape"), name="reference")])


def shown(opened: Opened) -> list[str]:
    """The clauses that can be seen."""
    ids = opened.page.locator("details.clause:visible").evaluate_all("found => found.map(each => each.id)")
    return [str(each) for each in ids]


def choose(opened: Opened, state: str) -> None:
    opened.page.get_by_role("radio", name=re.compile(f"^{state}")).check()


def test_nothing_is_said_on_the_console_and_nothing_is_asked_of_the_network(show: Open, html: str) -> None:
    opened = show(html)
    opened.page.get_by_role("button", name="Open all").click()
    assert opened.noise == []


def test_the_verdict_is_seen_first(show: Open, html: str) -> None:
    opened = show(html, **PHONE)
    box = opened.page.get_by_text("does not conform", exact=True).bounding_box()
    assert box is not None
    assert box["y"] + box["height"] < 740


def test_the_filter_shows_what_failed(show: Open, html: str) -> None:
    opened = show(html)
    choose(opened, "failed")
    assert shown(opened) == ["i1-outputs.affine", "i1-state.same-answer-twice"]
    assert opened.page.get_by_role("status").inner_text() == "2 of 6 clauses"
    choose(opened, "passed")
    assert shown(opened) == [
        "i1-outputs.units",
        "i1-shapes.output-shape",
        "i2-outputs.affine",
        "i2-shapes.output-shape",
    ]
    choose(opened, "all")
    assert opened.page.get_by_role("status").inner_text() == "6 clauses"


def test_the_filter_shows_one_area(show: Open, html: str) -> None:
    opened = show(html)
    opened.page.get_by_role("combobox").select_option("state")
    assert shown(opened) == ["i1-state.same-answer-twice"]


def test_search_finds_every_word_wherever_it_stands(show: Open, html: str) -> None:
    """A clause of which the sentence says the first words and the evidence the last."""
    opened = show(html)
    opened.page.get_by_role("searchbox").fill("LAST axis outputs match")
    assert shown(opened) == ["i1-outputs.affine"]
    opened.page.get_by_role("searchbox").fill("no such word")
    assert shown(opened) == []
    assert opened.page.get_by_role("status").inner_text() == "0 of 6 clauses"


def test_a_failure_opens_and_says_all_of_it(show: Open, html: str) -> None:
    opened = show(html)
    clause = opened.page.locator("[id='i1-outputs.affine']")
    command = clause.locator("pre").first
    assert not command.is_visible()
    clause.locator("summary").first.click()
    for told in ("The bias is dropped.", "The smallest case that shows it", "came", "0.9 .. 1.1", "All 3 failed cases"):
        assert clause.get_by_text(told).first.is_visible(), told
    assert command.inner_text().startswith("dense-conformance run layers:MyDense --case 'outputs.affine[")


def test_the_command_is_copied(show: Open, html: str) -> None:
    opened = show(html, permissions=["clipboard-read", "clipboard-write"])
    clause = opened.page.locator("[id='i1-outputs.affine']")
    clause.locator("summary").first.click()
    clause.get_by_role("button", name="Copy").click()
    clause.get_by_role("button", name="Copied").wait_for()
    copied = opened.page.evaluate("navigator.clipboard.readText()")
    assert copied == clause.locator("pre code").first.text_content()


def test_a_link_to_a_clause_opens_it(show: Open, html: str) -> None:
    opened = show(html)
    opened.page.evaluate("location.hash = '#i2-shapes.output-shape'")
    opened.page.locator("[id='i2-shapes.output-shape'] .body").wait_for(state="visible")


@pytest.mark.parametrize("scheme", SCHEMES)
def test_the_plots_are_there_and_seen(show: Open, html: str, scheme: str) -> None:
    """One of each activation but the one that is lacking, and one of the one dtype: lines in the page's colour."""
    opened = show(html, color_scheme=scheme)
    plots = opened.page.locator("[id='i1-plots'] figure.plot")
    drawn = plots.locator("svg")
    assert plots.count() == len(DIALECTS[-1].activations) + 1
    assert drawn.count() == plots.count() - 1
    for at in range(drawn.count()):
        box = drawn.nth(at).bounding_box()
        assert box is not None
        assert (box["width"] > 200, box["height"] > 60) == (True, True)
    page_says = "getComputedStyle(document.documentElement).getPropertyValue('--plot').trim()"
    wanted = opened.page.evaluate(
        f"(() => {{ const e = document.createElement('i'); e.style.color = {page_says}; "
        "document.body.append(e); return getComputedStyle(e).color })()"
    )
    paints = drawn.last.locator("path, use").evaluate_all("found => found.map(each => getComputedStyle(each).fill)")
    assert wanted in paints
    assert opened.page.get_by_text("no curve: it raised ValueError").is_visible()


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
def test_a_hostile_implementation_does_nothing(show: Open, text: str) -> None:
    """No dialog, no message, no request, nowhere else; the page has its own elements alone, and no wider."""
    opened = show(page.render([hostile(text)]), **PHONE)
    address = opened.page.url
    opened.page.get_by_role("button", name="Open all").click()
    opened.page.get_by_role("searchbox").fill("x")
    opened.page.mouse.click(180, 100)
    assert opened.noise == []
    assert opened.page.url == address
    assert opened.page.locator("script").count() == 1
    assert opened.page.locator("evil, img, iframe, object").count() == 0
    assert opened.page.evaluate("document.documentElement.scrollWidth") <= 360


def test_the_policy_of_the_page_stops_what_would_get_through(show: Open, html: str) -> None:
    """Were an element ever to slip in, it could neither run nor fetch."""
    slipped = '<img src="https://evil.example/x.png" onerror="document.title = 1"><script>document.title = 2</script>'
    opened = show(html.replace("<footer>", f"{slipped}<footer>"))
    opened.page.wait_for_load_state()
    (asked,) = (each for each in opened.noise if each.startswith("request"))
    assert asked.endswith(("csp", "net::ERR_BLOCKED_BY_CSP"))
    assert "does not conform" in opened.page.title()
    assert len([each for each in opened.noise if "Content Security Policy" in each]) >= 3


@pytest.mark.parametrize("scheme", SCHEMES)
def test_a_phone_scrolls_in_one_direction(show: Open, html: str, scheme: str) -> None:
    opened = show(html, color_scheme=scheme, **PHONE)
    for button in ("Close all", "Open all"):
        opened.page.get_by_role("button", name=button).click()
        assert opened.page.evaluate("document.documentElement.scrollWidth") <= 360


def test_the_keyboard_reaches_a_failure_and_opens_it(show: Open, html: str) -> None:
    """By Tab alone from the top; where the focus is, an outline is seen."""
    opened = show(html)
    body = opened.page.locator("[id='i1-outputs.affine'] .body")
    for _ in range(40):
        opened.page.keyboard.press("Tab")
        styled = opened.page.evaluate(
            "(() => { const at = document.activeElement; const seen = at.matches('.chip input') ? "
            "at.nextElementSibling : at; return getComputedStyle(seen).outlineStyle })()"
        )
        assert styled == "solid"
        if opened.page.evaluate("document.activeElement.closest('details')?.id") == "i1-outputs.affine":
            break
    assert not body.is_visible()
    opened.page.keyboard.press("Enter")
    body.wait_for(state="visible")


def test_without_a_script_all_of_it_can_be_read(show: Open, html: str) -> None:
    """No filter that would not work, and a failure opens all the same."""
    opened = show(html, java_script_enabled=False)
    assert not opened.page.get_by_role("searchbox").is_visible()
    assert opened.page.get_by_role("button", name="Copy").count() == 0
    opened.page.locator("[id='i1-outputs.affine'] > summary").click()
    assert opened.page.locator("[id='i1-outputs.affine']").get_by_text("The bias is dropped.").is_visible()


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("width", [360, 1280])
@pytest.mark.parametrize("which", ["failing", "one of each"])
def test_it_is_accessible(show: Open, html: str, scheme: str, width: int, which: str) -> None:
    """axe finds nothing: contrast in both schemes, names of controls, landmarks, headings."""
    text = html if which == "failing" else page.render([one_of_each()])
    opened = show(text, color_scheme=scheme, viewport={"width": width, "height": 900}, bypass_csp=True)
    opened.page.get_by_role("button", name="Open all").click()
    opened.page.evaluate(AXE.read_text("utf-8"))
    found = opened.page.evaluate(f"axe.run({{ runOnly: {RULES} }}).then(told => told.violations)")
    assert [(each["id"], node["target"], node["failureSummary"]) for each in found for node in each["nodes"]] == []
