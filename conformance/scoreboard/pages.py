"""The scoreboard as a page: Markdown and HTML of the same rows."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from xml.etree import ElementTree

from conformance.scoreboard.board import Row, Score

TITLE = "Scoreboard"
HEADINGS = ("implementation", "level", "cases", "grades", "definitions", "findings")
STYLE = """
:root { color-scheme: light dark; font: 16px/1.5 system-ui, sans-serif; }
body { max-width: 75rem; margin: 2rem auto; padding: 0 1rem; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; }
th, td { padding: .3rem .7rem; text-align: left; border-bottom: 1px solid #8886; white-space: nowrap; }
td.failed { font-weight: 600; }
"""


def areas_of(rows: Iterable[Row]) -> list[str]:
    """Every area that some row was asked about, in the contract's order."""
    return list(dict.fromkeys(area for row in rows for area in row.areas))


def cells(row: Row, areas: Sequence[str]) -> list[str]:
    """One line of the table: passed / asked in each area, and a dash where nothing applies."""
    kinds = [cause.kind for cause in row.causes]
    grades = " ".join(f"{dtype} {grade}" for dtype, grade in row.grades.items())
    return [
        f"{row.implementation} {row.version}".strip(),
        row.level,
        f"{row.executed} / {row.applicable}",
        grades or "-",
        str(kinds.count("definition")),
        str(kinds.count("finding")),
        *(_score(row.areas.get(area)) for area in areas),
    ]


def _score(score: Score | None) -> str:
    asked = 0 if score is None else score.passed + score.failed
    return f"{score.passed} / {asked}" if score is not None and asked else "-"


def legend(rows: Sequence[Row]) -> str:
    """What the numbers mean, and of when they are."""
    dates = sorted({row.date for row in rows})
    oracles = sorted({" ".join(f"{name} {each}" for name, each in row.oracle.items()) for row in rows})
    return (
        f"Of {' to '.join(dict.fromkeys((dates[0], dates[-1])))}, judged by {', '.join(oracles)}. Each area says "
        f"passed / asked; cases, executed / applicable. A definition is a difference that the framework documents; a "
        f"finding is a defect, with a script that shows it."
    )


def markdown(rows: Sequence[Row], *, findings: str = "findings") -> str:
    """The page docs/scoreboard.md. findings: where the scripts are, as a link sees them."""
    areas = areas_of(rows)
    lines = [
        f"# {TITLE}",
        "",
        legend(rows),
        "",
        _line([*HEADINGS, *areas]),
        _line(["---"] * (len(HEADINGS) + len(areas))),
    ]
    lines += [_line(cells(row, areas)) for row in rows]
    for row in rows:
        lines += ["", f"## {row.implementation}", "", _about(row)]
        lines += ["", *_causes(row, findings)] if row.causes or row.unexplained else []
    return "\n".join(lines) + "\n"


def summary(rows: Sequence[Row]) -> str:
    """The short table, for a README: how many cases, and of how many failed, why."""
    lines = [_line(["implementation", "cases", "failed", "definitions", "findings"]), _line(["---"] * 5)]
    for row in rows:
        failed = sum(score.failed for score in row.areas.values())
        name, _, cases, _, definitions, findings = cells(row, [])
        lines.append(_line([name, cases.partition(" /")[0], str(failed), definitions, findings]))
    return "\n".join(lines) + "\n"


def _about(row: Row) -> str:
    return (
        f"Version {row.version}, on the {row.device} ({row.profile}), {row.date}, tier {row.tier}: {row.comparisons} "
        f"comparisons."
    )


def _causes(row: Row, findings: str) -> Iterator[str]:
    for cause in row.causes:
        link = f" [Reproduction]({findings}/{cause.reproduction})." if cause.reproduction else ""
        yield f"- {cause.kind}, {cause.cases} cases: {cause.says} ({cause.source}).{link}"
    if row.unexplained:
        yield f"- not explained: {', '.join(f'`{case_id}`' for case_id in row.unexplained)}"


def _line(columns: Iterable[str]) -> str:
    escaped = [each.replace("|", "\\|") for each in columns]
    return f"| {' | '.join(escaped)} |"


def html(rows: Sequence[Row], *, findings: str = "findings") -> str:
    """One self-contained page. Whatever a row says is text in it, never markup."""
    areas = areas_of(rows)
    page = ElementTree.Element("html", lang="en")
    head, body = ElementTree.SubElement(page, "head"), ElementTree.SubElement(page, "body")
    ElementTree.SubElement(head, "meta", charset="utf-8")
    ElementTree.SubElement(head, "meta", name="viewport", content="width=device-width, initial-scale=1")
    _add(head, "title", TITLE)
    _add(head, "style", STYLE)
    _add(body, "h1", TITLE)
    _add(body, "p", legend(rows))
    table = ElementTree.SubElement(ElementTree.SubElement(body, "div", {"class": "wide"}), "table")
    _cells(table, "th", [*HEADINGS, *areas])
    for row in rows:
        _cells(table, "td", cells(row, areas))
    for row in rows:
        _add(body, "h2", row.implementation)
        _add(body, "p", _about(row))
        listed = ElementTree.SubElement(body, "ul")
        for cause in row.causes:
            item = _add(listed, "li", f"{cause.kind}, {cause.cases} cases: {cause.says} ({cause.source}). ")
            if cause.reproduction:
                _add(item, "a", "Reproduction", href=f"{findings}/{cause.reproduction}")
        for case_id in row.unexplained:
            _add(listed, "li", f"not explained: {case_id}")
    return "<!DOCTYPE html>\n" + ElementTree.tostring(page, encoding="unicode", method="html") + "\n"


def _cells(table: ElementTree.Element, tag: str, texts: Iterable[str]) -> None:
    line = ElementTree.SubElement(table, "tr")
    for text in texts:
        _add(line, tag, text)


def _add(parent: ElementTree.Element, tag: str, text: str, **attributes: str) -> ElementTree.Element:
    element = ElementTree.SubElement(parent, tag, attributes)
    element.text = text
    return element
