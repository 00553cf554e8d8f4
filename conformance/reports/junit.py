"""JUnit's XML, as CI systems read it: one testsuite for each implementation, one testcase for each case.

Where they disagree, what GitLab, Jenkins and the GitHub actions all understand: counts on both levels, `failure`,
`error` and `skipped` with a message, seconds with a point. The cases share questions, so that none has a time of its
own: the time of a run is that of its testsuites, in equal parts.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from xml.etree import ElementTree
from xml.etree.ElementTree import Element, SubElement

from conformance.contract.clause import Requirement
from conformance.reports.outcomes import named, options
from conformance.reports.terminal import conclusion, render_result
from conformance.reports.text import clipped, in_one_line, printable
from conformance.results import ExitCode, Report, Result, Verdict

#: Of a message, and of the text below it: a name or an exception may be as long as it likes.
LONGEST_LINE, LONGEST_TEXT = 300, 10_000
_OUTCOMES = ("failure", "error", "skipped")


def render(reports: Sequence[Report]) -> str:
    """One file for several implementations."""
    root = Element("testsuites", name="dense-conformance")
    for report in reports:
        root.append(_suite(report, report.seconds / len(reports)))
    for count in ("tests", "failures", "errors", "skipped"):
        root.set(count, str(sum(int(suite.get(count, "0")) for suite in root)))
    root.set("time", _seconds(reports[0].seconds if reports else 0.0))
    ElementTree.indent(root)
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{ElementTree.tostring(root, encoding="unicode")}\n'


def _suite(report: Report, seconds: float) -> Element:
    cases = [_case(report, result) for result in report.results] + list(_of_the_run(report))
    counts = {name: sum(case.find(name) is not None for case in cases) for name in _OUTCOMES}
    suite = Element(
        "testsuite",
        name=_line(report.implementation),
        tests=str(len(cases)),
        failures=str(counts["failure"]),
        errors=str(counts["error"]),
        skipped=str(counts["skipped"]),
        time=_seconds(seconds),
    )
    properties = SubElement(suite, "properties")
    for name, value in _properties(report):
        SubElement(properties, "property", name=_line(name), value=_line(value))
    suite.extend(cases)
    SubElement(suite, "system-out").text = _text(conclusion(report))
    return suite


def _properties(report: Report) -> Iterator[tuple[str, str]]:
    yield "level", str(report.level)
    yield "level_reached", "none" if report.level_reached is None else str(report.level_reached)
    yield "tier", str(report.tier)
    yield "seed", str(report.seed)
    yield "dialect", report.dialect
    yield "exit_code", str(int(report.exit_code))
    yield from ((f"oracle.{name}", version) for name, version in report.oracle.items())
    yield from ((f"grade.{dtype}", grade) for dtype, grade in report.grades.items())


def _case(report: Report, result: Result) -> Element:
    case = Element("testcase", classname=result.clause.area, name=_line(result.case.id), time=_seconds(0.0))
    if result.verdict is Verdict.PASS:
        return case
    verdict, message = (
        result.verdict.value,
        "; ".join(filter(None, (result.reason or result.clause.says, result.remark))),
    )
    if result.verdict in (Verdict.NOT_APPLICABLE, Verdict.WAIVED):
        SubElement(case, "skipped", message=_line(f"{verdict}: {message}"))
    elif result.verdict is Verdict.SUITE_ERROR:
        _tell(case, "error", report, result, message)
    elif result.clause.requirement is Requirement.MUST:
        _tell(case, "failure", report, result, message)
    else:  # it decides nothing, and a failure would turn the job red
        SubElement(case, "skipped", message=_line(f"{verdict} of a {result.clause.requirement.value}: {message}"))
    return case


def _tell(case: Element, kind: str, report: Report, result: Result, message: str) -> None:
    told = SubElement(case, kind, message=_line(message), type=result.verdict.value)
    told.text = _text(render_result(result, named(report), options=options(report)))


def _of_the_run(report: Report) -> Iterator[Element]:
    """What is wrong with a run and with no case of it."""
    wrong = [("waivers", "failure", complaint) for complaint in report.complaints]
    if report.under_floor:
        wrong.append(("floor", "failure", f"something did not run: {report.under_floor}"))
    if report.exit_code is ExitCode.NOTHING_RAN:
        wrong.append(("nothing-ran", "error", "nothing was compared: the selection is empty, or nothing applies"))
    for name, kind, message in wrong:
        case = Element("testcase", classname="run", name=name, time=_seconds(0.0))
        SubElement(case, kind, message=_line(message), type=name).text = _text(message)
        yield case


def _line(text: str) -> str:
    return clipped(printable(in_one_line(text)), LONGEST_LINE)


def _text(text: str) -> str:
    return clipped(printable(text), LONGEST_TEXT)


def _seconds(seconds: float) -> str:
    return f"{seconds:.3f}"
