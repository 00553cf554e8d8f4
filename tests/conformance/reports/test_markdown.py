"""Markdown for a job's summary."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from conformance.reports import markdown
from conformance.results import Diagnosis, Verdict
from reference.dialects import DIALECTS
from tests.synthetic_reports import CLAUSES, HOSTILE, hostile, one_of_each, report, result


def plain(text: str) -> str:
    """As it reads, once the entities are characters."""
    return re.sub(r"&#(\d+);", lambda found: chr(int(found[1])), text)


def test_it_says_the_conclusion_and_counts_by_area() -> None:
    text = plain(markdown.render([one_of_each()]))
    assert text.startswith("## ⚪ <code>layers:MyDense</code>: no verdict\n")
    assert "the suite or its oracle failed in 1 cases" in text
    assert "| outputs | 2 | 6 | 1 | 1 | 1 | 5 |" in text


def test_a_failed_clause_has_its_cause_its_smallest_case_and_its_command() -> None:
    failed, small = result("outputs.affine", Verdict.FAIL), result("outputs.affine", Verdict.FAIL, at=3)
    cause = Diagnosis("bias-dropped", "The bias is dropped.", "6 of 6 outputs match", (failed.case.id,))
    text = plain(markdown.render([replace(report(failed, diagnoses=[cause]), smallest={"outputs.affine": small})]))
    assert "likely cause: **The bias is dropped.** 6 of 6 outputs match" in text
    assert f"- smallest case: <code>{small.case.id}</code>" in text
    assert "<code>outputs</code> at [0, 1], 2 of 6 elements: <code>2.0</code>, allowed <code>0.9 .. 1.1</code>" in text
    assert f"\n```sh\ndense-conformance run layers:MyDense --case '{small.case.id}'\n```\n" in text
    assert f"also failed: <code>{failed.case.id}</code>" in text


def test_it_is_no_longer_than_github_takes_and_says_what_is_left_out() -> None:
    clauses = [each for each in CLAUSES if any(CLAUSES[each].cases(DIALECTS[-1]))][:40]
    long = [result(each, Verdict.FAIL, reason="é&" * 5000) for each in clauses]
    text = markdown.render([report(*long, name=f"{at}{'n' * 5000}") for at in range(40)])
    assert len(text.encode()) <= markdown.LIMIT
    assert text.count("## ❌") == 40
    left_out = [int(each) for each in re.findall(r"(\d+) more clauses failed, for which there is no room", text)]
    assert sum(left_out) + text.count("<details>") == 40 * len(clauses)
    assert text.count("<details>") == text.count("</details>")


def test_nothing_at_all_is_a_text_too() -> None:
    assert markdown.render([]) == "Nothing was judged.\n"
    assert "no verdict" in markdown.render([report()])


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
def test_what_an_implementation_says_formats_nothing(text: str) -> None:
    """The same lines begin in the same way, and no tag, link, picture or mention is there that is not ours."""

    def skeleton(written: str) -> list[str]:
        return [re.match(r"[#|`<>\w-]*", line)[0][:3] for line in written.splitlines() if line[:6] != "dense-"]  # type: ignore[index]

    written, harmless = markdown.render([hostile(text)]), markdown.render([hostile("harmless")])
    assert len(skeleton(written)) == len(skeleton(harmless))
    outside = re.sub(r"^(`{3,})sh\n.*\n\1$", "", written, flags=re.MULTILINE)
    assert set(re.findall(r"<[^>]*>", outside)) <= {
        *("<code>", "</code>", "<sub>", "</sub>", "<details>", "</details>", "<summary>", "</summary>")
    }
    assert not re.search(r"\]\(|!\[|https?:|@\w", outside)
