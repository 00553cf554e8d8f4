"""Markdown for the summary of a CI job: the conclusion, the areas, and each failed clause with its cause, folded.

As GitHub renders it, and no longer than it takes. Whatever is not ours to say is written in entities, so that it can
neither format nor link nor call anybody.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from conformance.compare import Comparison
from conformance.reports.outcomes import Mood, Outcome, State, by_area, named, options, outcomes, repeat, standing
from conformance.reports.terminal import conclusion, headline
from conformance.reports.text import clipped, in_one_line, listed, printable
from conformance.results import Report, Result

#: Of one step's summary. https://docs.github.com/actions/reference/workflows-and-actions/workflow-commands: 1 MiB.
LIMIT = 1 << 20
#: Kept free for the lines that say what was left out.
_RESERVE = 4096
LONGEST_NAME, LONGEST_TEXT, MOST_CASES = 200, 2000, 20
#: All but letters, digits and what means nothing anywhere; a hyphen within a word and a decimal point are left.
_SIGN = re.compile(r"(?!(?<=\w)-(?=\w)|(?<=\d)\.(?=\d))[^\w\s,;?%']|_")
_SIGNS = {Mood.GOOD: "✅", Mood.PARTIAL: "🟡", Mood.BAD: "❌", Mood.OPEN: "⚪"}
_COLUMNS = (State.PASSED, State.FAILED, State.WAIVED, State.ABSENT, State.SUITE_ERROR)


def render(reports: Sequence[Report]) -> str:
    """One text for several implementations, each with an equal share of the room."""
    room = (LIMIT - _RESERVE) // max(1, len(reports))
    return "\n".join(_report(report, room) for report in reports) or "Nothing was judged.\n"


def _report(report: Report, room: int) -> str:
    """The heading and the areas always; of the failed clauses as many as there is room for, in order."""
    found = outcomes(report)
    text = "\n".join([*_heading(report), *_table(found), *_causes(report), *_complaints(report), ""])
    told = [outcome for outcome in found if outcome.state in (State.FAILED, State.SUITE_ERROR)]
    left = room - len(text.encode())
    for at, outcome in enumerate(told):
        block = "\n".join(_clause(report, outcome))
        left -= len(block.encode()) + 1
        if left < 0:
            return f"{text}\n{len(told) - at} more clauses failed, for which there is no room here.\n"
        text += block + "\n"
    return text


def _heading(report: Report) -> Iterator[str]:
    told = standing(report)
    yield f"## {_SIGNS[told.mood]} {_code(report.implementation)}: {told.says}"
    yield ""
    yield _text(conclusion(report))
    yield ""
    yield f"<sub>{_text(headline(report))}</sub>"
    yield ""


def _table(found: tuple[Outcome, ...]) -> Iterator[str]:
    if not found:
        return
    yield f"| area | {' | '.join(state.value for state in _COLUMNS)} | comparisons |"
    yield "|:--|" + "--:|" * (len(_COLUMNS) + 1)
    for area, its in by_area(found).items():
        counts = [sum(outcome.counts[state] for outcome in its) for state in _COLUMNS]
        compared = sum(outcome.compared for outcome in its)
        yield f"| {area} | {' | '.join(str(count) if count else '·' for count in counts)} | {compared} |"
    yield ""


def _causes(report: Report) -> Iterator[str]:
    if report.diagnoses:
        yield "### Likely causes"
        yield ""
        for cause in report.diagnoses:
            cases = f" <sub>{len(cause.cases)} failed cases</sub>"
            yield f"- **{_text(cause.says)}** {_text(cause.evidence)}{cases}"
        yield ""


def _complaints(report: Report) -> Iterator[str]:
    if report.complaints:
        yield "### Waivers that do not hold"
        yield ""
        yield from (f"- {_text(complaint)}" for complaint in report.complaints)
        yield ""


def _clause(report: Report, outcome: Outcome) -> Iterator[str]:
    bad = outcome.of(outcome.state)
    shown, which = outcome.shown, "smallest" if outcome.is_smallest else "first"
    weight = "" if outcome.decides else f" ({outcome.clause.requirement.value}: it decides nothing)"
    share = f"{outcome.state.value} in {len(bad)} of {len(outcome.results)} cases{weight}"
    yield f"<details><summary>{_code(outcome.clause.id)} {share}</summary>"
    yield ""
    yield _text(outcome.clause.says)
    yield ""
    yield from (f"- likely cause: **{_text(cause.says)}** {_text(cause.evidence)}" for cause in outcome.causes)
    yield f"- {which} case: {_code(shown.case.id)}"
    yield from _differences(shown)
    yield f"- guards against {_text(outcome.clause.guards)}"
    yield ""
    yield from _fenced(repeat(named(report), shown.case.id, options(report)), "sh")
    others = [result.case.id for result in bad if result.case.id != shown.case.id]
    if others:
        yield f"also {_text(outcome.state.value)}: {_code(listed(others, MOST_CASES))}"
        yield ""
    yield "</details>"
    yield ""


def _differences(result: Result) -> Iterator[str]:
    yield from (f"- {_text(said)}" for said in (result.reason, result.remark) if said)
    for comparison in result.comparisons:
        if not comparison.holds:
            place = f"{_code(comparison.name)} {_where(comparison)}".rstrip()
            yield f"- {place}: {_code(comparison.got)}, allowed {_code(comparison.allowed)}"


def _where(comparison: Comparison) -> str:
    where = f"at {list(comparison.place)}, " if comparison.place else ""
    return _text(f"{where}{comparison.misses} of {comparison.size} elements" if comparison.size > 1 else where)


def _text(text: str) -> str:
    """Inert: every sign that Markdown, HTML or GitHub could read is an entity."""
    return _entities(clipped(printable(in_one_line(text)), LONGEST_TEXT))


def _code(text: str) -> str:
    return f"<code>{_text(text)}</code>"


def _entities(text: str) -> str:
    return _SIGN.sub(lambda found: f"&#{ord(found[0])};", text)


def _fenced(text: str, language: str) -> Iterator[str]:
    """A block to copy; its fence is longer than any that it holds."""
    inside = clipped(printable(in_one_line(text)), LONGEST_TEXT)
    fence = "`" * max(3, 1 + max(map(len, re.findall("`+", inside)), default=0))
    yield f"{fence}{language}"
    yield inside
    yield fence
    yield ""
