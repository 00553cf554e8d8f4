"""One HTML page of a run, for people: verdict, causes, clauses by area, plots. A single file that asks for nothing.

It says in its own head that nothing may be fetched and that only its own script may run, so that even what slipped
through the escaping could do no harm.
"""

from __future__ import annotations

import base64
import hashlib
import importlib.util
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from conformance.reports.outcomes import Outcome, Standing, State, by_area, named, options, outcomes, repeat, standing
from conformance.reports.plots import Plot, Ratios, plot_curves, plot_ratios, ratios_of, worst_first
from conformance.reports.terminal import NOT_SEEN, conclusion
from conformance.reports.text import clipped, in_one_line, printable
from conformance.results import Report, Result

if TYPE_CHECKING:
    from jinja2 import Environment

#: What it takes, besides what is installed anyway: the extra `page`.
PACKAGES = ("jinja2", "matplotlib")
LONGEST_NAME, LONGEST_TEXT, MOST_CASES = 160, 2000, 40


@dataclass(frozen=True)
class Section:
    """What the page says of one implementation. id: of its element, and the beginning of every one inside it."""

    id: str
    report: Report
    standing: Standing
    conclusion: str
    facts: tuple[tuple[str, str], ...]
    areas: Mapping[str, tuple[Outcome, ...]]
    errata: tuple[tuple[str, str], ...]
    ratios: tuple[Ratios, ...]
    ratio_plots: tuple[Plot, ...]
    curve_plots: tuple[Plot, ...]


def missing() -> tuple[str, ...]:
    """The packages that the page needs and that are not installed."""
    return tuple(name for name in PACKAGES if importlib.util.find_spec(name) is None)


def render(reports: Sequence[Report]) -> str:
    """The page. Raises ModuleNotFoundError where `missing` names anything."""
    sections = [_section(report, f"i{at}") for at, report in enumerate(reports, start=1)]
    script = _part("page.js")
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    return (
        _environment()
        .get_template("page.html")
        .render(
            sections=sections,
            states=_states(sections),
            areas=list(dict.fromkeys(area for section in sections for area in section.areas)),
            style=_part("page.css"),
            script=script,
            script_hash=f"sha256-{digest}",
            State=State,
        )
    )


def _section(report: Report, id: str) -> Section:
    found, ratios = outcomes(report), ratios_of(report)
    return Section(
        id=id,
        report=report,
        standing=standing(report),
        conclusion=conclusion(report).removeprefix(f"{report.implementation}: "),
        facts=_facts(report),
        areas=by_area(found),
        errata=_errata(report),
        ratios=ratios,
        ratio_plots=tuple(worst_first(plot_ratios(ratios, id))),
        curve_plots=tuple(worst_first(plot_curves(report.curves, id))),
    )


def _facts(report: Report) -> tuple[tuple[str, str], ...]:
    oracle = ", ".join(f"{name} {version}" for name, version in report.oracle.items() if name != "oracle")
    recorded = " (recorded)" if report.oracle.get("oracle") == "recorded" else ""
    grades = ", ".join(f"{dtype} {'none' if grade == '-' else grade}" for dtype, grade in report.grades.items())
    told = {
        "level": f"{report.level}, {'claimed' if report.claimed else 'as it declares'}",
        "tier": str(report.tier) + (f", seed {report.seed}" if report.seed else ""),
        "cases": f"{report.executed:,} of {report.applicable:,} that apply",
        "comparisons": f"{report.comparisons:,}",
        "oracle": oracle + recorded,
        "grades": grades,
        "time": f"{report.seconds:.1f} s",
    }
    return tuple((name, value) for name, value in told.items() if value)


def _errata(report: Report) -> tuple[tuple[str, str], ...]:
    """Of each erratum that was asked about: whether it was seen, and how the implementation answers there."""
    told = []
    for erratum, seen in report.errata.items():
        decided = sorted({each.answers_as for each in report.results if each.erratum == erratum and each.answers_as})
        answers = f"; it answers as {' and as '.join(decided)}" if decided else ""
        told.append((erratum, ("seen" if seen else NOT_SEEN) + answers))
    return tuple(told)


def _states(sections: Sequence[Section]) -> Mapping[State, int]:
    """How many clauses the page lists under each state, for the filter."""
    every = (outcome for section in sections for its in section.areas.values() for outcome in its)
    return Counter(state for outcome in every for state in listed_under(outcome))


def listed_under(outcome: Outcome) -> tuple[State, ...]:
    """All that any of its cases is in; passed alone where it passed as a whole."""
    return tuple(each for each in State if outcome.counts[each] and (each is not State.PASSED or outcome.state is each))


def _largest_error(outcome: Outcome) -> float:
    """The greatest distance from the middle among all that was compared."""
    return max((each.ratio for result in outcome.results for each in result.comparisons), default=0.0)


def _reasons(results: Sequence[Result]) -> list[tuple[str, int]]:
    """Why, each once, with how often; the commonest first."""
    return Counter(result.reason for result in results).most_common(MOST_CASES)


# ---- the template --------------------------------------------------------------------------------------------------


def _environment() -> Environment:
    """Everything that a template writes is made printable, then escaped."""
    from jinja2 import Environment, PackageLoader, StrictUndefined
    from markupsafe import Markup

    def finalize(value: Any) -> Any:
        return printable(value) if isinstance(value, str) and not isinstance(value, Markup) else value

    environment = Environment(
        loader=PackageLoader("conformance.reports"),
        autoescape=True,
        finalize=finalize,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(
        clip=lambda text: clipped(text, LONGEST_TEXT),
        name=lambda text: clipped(in_one_line(text), LONGEST_NAME),
        ours=Markup,  # of what this package draws and writes itself
        repeat=lambda case, report: repeat(named(report), case, options(report)),
        listed_under=listed_under,
        largest_error=_largest_error,
        reasons=_reasons,
    )
    environment.globals.update(MOST_CASES=MOST_CASES)
    return environment


def _part(name: str) -> str:
    return files("conformance.reports").joinpath("templates", name).read_text("utf-8")
