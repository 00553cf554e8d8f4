"""The page, read back by an HTML parser. What a browser makes of it: tests/browser."""

from __future__ import annotations

import base64
import hashlib
import json
import math
import re
import sys
from collections import Counter
from dataclasses import replace
from html.parser import HTMLParser
from itertools import islice
from pathlib import Path
from xml.etree import ElementTree

import pytest

from conformance import cli
from conformance.contract import CONTRACT
from conformance.curves import measure
from conformance.implementations.load import load
from conformance.reports import page
from conformance.reports.plots import Plot, plot_curves, plot_ratios, ratios_of, worst_first
from conformance.results import Curve, Diagnosis, ExitCode, Result, Verdict
from reference.dialects import DIALECTS
from tests.synthetic_reports import HOSTILE, OUTSIDE, hostile, one_of_each, report, result

pytest.importorskip("jinja2")
pytest.importorskip("matplotlib")

#: What no page of ours has, and what an escaped text could not make.
VOID = {"meta", "link", "input", "br", "img", "hr"}


class Outline(HTMLParser):
    """The elements in their order, their attributes, and the texts; complains about elements that do not match."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str, str]] = []
        self.texts: list[str] = []
        self._open: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += [(tag, name, value or "") for name, value in attrs]
        if tag not in VOID:
            self._open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += [(tag, name, value or "") for name, value in attrs]

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.texts.append(data)


def outline(html: str) -> Outline:
    parsed = Outline()
    parsed.feed(html)
    parsed.close()
    assert not parsed._open
    return parsed


def text_of(html: str) -> str:
    return " ".join(" ".join(outline(html).texts).split())


def curve(activation: str = "gelu", *errors: float) -> Curve:
    """Over as many z as there are errors, of intervals from -1 to 1."""
    z = tuple(map(float, range(len(errors))))
    return Curve(activation, "float32", z, errors, (-1.0,) * len(z), (1.0,) * len(z))


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
def test_what_an_implementation_says_makes_no_element(text: str) -> None:
    """Element for element and attribute for attribute the page of a harmless one; only texts differ."""
    told, harmless = outline(page.render([hostile(text)])), outline(page.render([hostile("harmless")]))
    assert told.tags == harmless.tags
    assert [each[:2] for each in told.attributes] == [each[:2] for each in harmless.attributes]
    assert all(each.isprintable() or each in "\n\t" for part in told.texts for each in part)


def test_it_says_why_there_is_no_file_for_a_failure() -> None:
    report = one_of_each()
    (failed, *_) = [result.clause.id for result in report.results if result.verdict.fails]
    assert "no such <file>" in text_of(page.render([replace(report, unwritten={failed: "no such <file>"})]))


def test_one_script_alone_may_run_and_nothing_may_be_fetched() -> None:
    parsed = outline(page.render([one_of_each()]))
    (policy,) = (value for tag, name, value in parsed.attributes if tag == "meta" and "default-src" in value)
    (script,) = re.findall(r"<script>(.*?)</script>", page.render([one_of_each()]), re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    assert policy.startswith("default-src 'none';")
    assert f"script-src 'sha256-{digest}'" in policy
    addresses = [value for _, name, value in parsed.attributes if name in ("src", "href", "action", "xlink:href")]
    assert all(value.startswith(("#", "data:")) for value in addresses)
    assert not [name for _, name, _ in parsed.attributes if name.startswith("on")]


def test_ids_are_there_once_and_links_lead_somewhere() -> None:
    told = replace(one_of_each(), curves=(curve("gelu", 0.0, 3.0, -2.0), curve("relu", 0.0, 0.5)))
    parsed = outline(page.render([told, told]))
    ids = [value for _, name, value in parsed.attributes if name == "id"]
    links = {value.removeprefix("#") for _, name, value in parsed.attributes if name == "href" and value[0] == "#"}
    named = {value for _, name, value in parsed.attributes if name == "aria-labelledby"}
    assert [each for each, count in Counter(ids).items() if count > 1] == []
    assert links | named <= set(ids)


def test_a_failure_has_its_cause_its_smallest_case_and_its_reproduction() -> None:
    failed, small = result("outputs.affine", Verdict.FAIL), result("outputs.affine", Verdict.FAIL, at=3)
    cause = Diagnosis("bias-dropped", "The bias is dropped.", "6 of 6 outputs match", (failed.case.id,))
    told = replace(report(failed, diagnoses=[cause]), smallest={"outputs.affine": small})
    text = text_of(page.render([replace(told, reproductions={"outputs.affine": "print('the file')"})]))
    assert "does not conform" in text
    assert "Likely cause. The bias is dropped. 6 of 6 outputs match" in text
    assert f"The smallest case that shows it {small.case.id}" in text
    assert "outputs at [0, 1] 2 of 6 elements are outside came 2.0 allowed 0.9 .. 1.1 off by 10 times" in text
    assert f"dense-conformance run layers:MyDense --case '{small.case.id}'" in text
    assert "print('the file')" in text


def test_without_a_smaller_one_the_first_case_is_shown() -> None:
    text = text_of(page.render([report(result("outputs.affine", Verdict.FAIL))]))
    assert "The first case that shows it outputs.affine[" in text
    assert "No cause is named with confidence." in text


def test_every_state_can_be_filtered_for() -> None:
    parsed = outline(page.render([one_of_each()]))
    offered = [value for tag, name, value in parsed.attributes if tag == "input" and name == "value"]
    listed = [value.split() for tag, name, value in parsed.attributes if name == "data-states"]
    assert offered == ["", "suite_error", "failed", "waived", "passed", "absent"]
    assert listed == [["suite_error", "failed", "waived", "absent"], ["passed"]]


def test_empty_reports_are_pages_too() -> None:
    assert "Nothing was judged." in text_of(page.render([]))
    assert "no verdict" in text_of(page.render([report()]))


def test_thousands_of_passed_cases_are_counts() -> None:
    passed = [result("outputs.every-setting")] * 12_000
    html = page.render([report(*passed)])
    assert "12,000 passed; 12,000 comparisons" in text_of(html)
    assert len(html) < 100_000


def test_a_page_of_a_whole_run_is_small() -> None:
    """Every clause fails and every activation has a curve, for the real number of both: < 2 MB."""
    failing = [
        Result(case, clause, Verdict.FAIL, (OUTSIDE,) * 3)
        for clause in CONTRACT
        for case in islice(clause.cases(DIALECTS[-1]), 50)
    ]
    curves = measure(load("reference"), DIALECTS[-1])
    assert len(page.render([report(*failing, curves=curves)]).encode()) < 2_000_000


# ---- plots ---------------------------------------------------------------------------------------------------------


def test_ratios_are_of_clauses_that_measure() -> None:
    """every-rank never rounds: its facts have no place among distances. affine measured 0.25 and 10."""
    exact = replace(result("outputs.every-rank"), comparisons=(replace(OUTSIDE, ratio=math.inf),))
    told = report(result("outputs.affine"), result("outputs.affine", Verdict.FAIL, at=0), exact)
    (found,) = ratios_of(told)
    assert (found.activation, found.dtype, found.greatest, found.median) == ("linear", "float32", 10.0, 5.125)


def test_each_dtype_has_a_plot_that_says_its_worst() -> None:
    told = report(result("outputs.affine"), result("outputs.affine", Verdict.FAIL, at=0))
    (plot,) = plot_ratios(ratios_of(told), "i1")
    assert plot.misses
    assert plot.says == "largest: 10 times the bound, by linear; 2 comparisons"
    assert "linear" in [each.text for each in ElementTree.fromstring(plot.svg).iter() if each.text]


def test_a_curve_says_how_many_points_are_outside() -> None:
    good, bad, endless, absent = plot_curves(
        [
            curve("relu", 0.0, 0.5, -1.0),
            curve("gelu", 0.0, 3.0, -2.0),
            curve("mish", 0.0, math.inf),
            Curve("elu", "float32", absent="it raised <b>"),
        ],
        "i1",
    )
    assert (good.misses, good.says) == (False, "largest error: 1 of the bound")
    assert (bad.misses, bad.says) == (True, "largest error: 3 times the bound; 2 of 3 points are outside")
    assert "more than any multiple of the bound; 1 of 2" in endless.says
    assert absent == Plot("elu", "no curve: it raised <b>")
    assert [each.title for each in worst_first([absent, good, bad])] == ["gelu", "relu", "elu"]


def test_plots_take_the_colours_of_the_page_and_are_named_for_those_who_do_not_see_them() -> None:
    (plot,) = plot_curves([curve("gelu", 0.0, 3.0, -2.0)], "i1")
    assert re.findall(r"#0[0-9a-f]0[0-9a-f]0[0-9a-f]\b", plot.svg) == []
    assert "var(--bad)" in plot.svg
    root = ElementTree.fromstring(plot.svg)
    assert root.get("role") == "img"
    assert "gelu" in str(root.get("aria-label"))


# ---- the command ---------------------------------------------------------------------------------------------------


def test_the_command_writes_every_form(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    forms = ("json", "junit", "markdown", "badge", "html")
    words = [word for form in forms for word in (f"--{form}", str(tmp_path / form))]
    code = cli.main(["run", "--oracle", "recorded", "--tier", "smoke", "--area", "state", "--quiet", *words])
    assert code == ExitCode.CONFORMS
    assert capsys.readouterr().out.startswith("reference: ")
    assert json.loads((tmp_path / "json").read_text("utf-8").splitlines()[0])["implementation"] == "reference"
    assert ElementTree.parse(tmp_path / "junit").getroot().tag == "testsuites"
    assert "reference" in (tmp_path / "markdown").read_text("utf-8")
    assert ElementTree.parse(tmp_path / "badge").getroot().tag.endswith("svg")
    assert (tmp_path / "html").read_text("utf-8").count("<svg") == len(DIALECTS[-1].activations)


@pytest.mark.parametrize("form", ["json", "junit", "markdown", "badge", "html"])
def test_a_place_that_cannot_be_written_is_refused_before_anything_runs(
    form: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for place, says in ((tmp_path / "none" / "file", "there is no folder"), (tmp_path, "is a folder")):
        assert cli.main(["run", "--oracle", "recorded", f"--{form}", str(place)]) == ExitCode.USAGE
        assert says in capsys.readouterr().err


def test_a_missing_package_is_named_with_what_installs_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(page, "PACKAGES", ("numpy", "no_such_package"))
    assert cli.main(["run", "--oracle", "recorded", "--html", str(tmp_path / "page.html")]) == ExitCode.USAGE
    assert "--html needs no_such_package, not installed here: pip install 'dense-conformance[page]'" in (
        capsys.readouterr().err
    )


def test_the_page_loads_what_it_needs_late() -> None:
    """A plain installation has neither."""
    assert {"jinja2", "matplotlib"}.isdisjoint(vars(page))
    assert "conformance.reports.page" in sys.modules
