"""What a person reads: one block for each failed clause, and a last line that says the level reached."""

from __future__ import annotations

import shlex
import textwrap
from collections.abc import Iterable, Iterator

from conformance.compare import Comparison
from conformance.contract.clause import Requirement
from conformance.results import Report, Result, Verdict

WIDTH = 80
#: Of an erratum that this run did not meet.
NOT_SEEN = "not seen here: Keras is repaired, or the processor is another"
_RED, _GREEN, _YELLOW, _PLAIN = "\x1b[31m", "\x1b[32m", "\x1b[33m", "\x1b[0m"


def render(report: Report, *, colour: bool = False) -> str:
    """The whole report, at most 80 columns where names allow it; colour codes only where asked for."""
    lines = [
        *_failed_clauses(report, colour=colour),
        *_suite_errors(report, colour=colour),
        *_table(report),
        "",
        *_errata(report),
        *_unclaimed(report),
        *_grades(report),
        *_wrapped(headline(report)),
        *_wrapped(_paint(conclusion(report), _GREEN if report.conforms else _YELLOW, colour=colour)),
    ]
    return "\n".join(lines) + "\n"


def headline(report: Report) -> str:
    """executed / applicable / catalogue, and how many comparisons that was."""
    counts = report.counts
    told = ", ".join(f"{counts[verdict]} {verdict.value}" for verdict in Verdict if counts.get(verdict))
    return (
        f"{plain(report.implementation)}: "
        f"{report.executed} / {report.applicable} / {report.catalogue} cases executed / applicable / in the catalogue; "
        f"{report.comparisons} comparisons; {told or 'nothing ran'}"
    )


def conclusion(report: Report) -> str:
    """The last line: the level reached, or why none is claimed."""
    name, reached = plain(report.implementation), report.level_reached
    if report.suite_errors:
        return f"{name}: no verdict: the suite or its oracle failed in {len(report.suite_errors)} cases"
    if report.stopped_early:
        return f"{name}: stopped at its first failure; does not conform at level {report.level}"
    failed = len(report.accusations)
    if report.shard is not None:
        return f"{name}: {failed} failed; shard {report.shard} claims nothing about conformance: merge joins them"
    if report.floor is None:
        return f"{name}: {failed} failed; a selection claims nothing about conformance"
    if report.under_floor:
        return f"{name}: does not conform: {report.under_floor}, so something did not run"
    if reached == report.level:
        return f"{name}: conforms to {_oracle(report)} at level {reached} (tier {report.tier})"
    best = f"the level reached is {reached}" if reached is not None else "no level is reached"
    if report.accusations:
        return f"{name}: does not conform at level {report.level}: {_areas(report.accusations)}; {best}"
    lacking = report.counts.get(Verdict.NOT_APPLICABLE, 0)
    return f"{name}: right in all it has, but {lacking} cases ask for what it does not have; {best}"


def plain(text: str) -> str:
    """What an implementation says, in one line: a character that could move a cursor or hide text is its escape."""
    return "".join(
        each if each.isprintable() else " " if each.isspace() else each.encode("unicode_escape").decode("ascii")
        for each in text
    )


def verdicts(report: Report, *, colour: bool = False) -> str:
    """A line for every case, in the contract's order: its verdict and its id."""
    codes = {result.verdict: _RED if result.verdict.accuses else _GREEN for result in report.results}
    codes |= dict.fromkeys((Verdict.NOT_APPLICABLE, Verdict.WAIVED, Verdict.SUITE_ERROR), _YELLOW)
    return "".join(
        f"{_paint(result.verdict.value, codes[result.verdict], colour=colour)}"
        f"{' ' * (16 - len(result.verdict.value))}{result.case.id}\n"
        for result in report.results
    )


def render_result(result: Result, implementation: str, *, options: str = "", failed: str = "") -> str:
    """One block: the fact, the place, what came, what is allowed, what it guards against, and how to repeat it.

    options: of the run, as far as repeating the case needs them; failed: a sentence on how often the clause failed.
    """
    verdict = {Verdict.SUITE_ERROR: "SUITE ERROR", Verdict.ERROR: "ERROR", Verdict.BLOCKED: "BLOCKED"}
    lines = [f"{verdict.get(result.verdict, result.verdict.value.upper())} {result.case.id}"]
    lines += _indented(f"{result.clause.says}{failed}")
    missed = [comparison for comparison in result.comparisons if not comparison.holds]
    for comparison in missed:
        lines += _difference(comparison)
    if result.reason:
        lines += _indented(result.reason)
    lines += _field("guards", f"against {result.clause.guards}")
    repeat = f"dense-conformance run {shlex.quote(implementation)} --case {shlex.quote(result.case.id)}"
    lines.append(f"  repeat   {plain(repeat)}{options}")
    return "\n".join(lines)


def _difference(comparison: Comparison) -> list[str]:
    where = f" at {list(comparison.place)}" if comparison.place else ""
    share = f", {comparison.misses} of {comparison.size} elements are outside" if comparison.size > 1 else ""
    lines = [f"  {comparison.name}{where}{share}"]
    lines += _field("got", comparison.got)
    lines += _field("allowed", comparison.allowed)
    if 0 < comparison.ratio < float("inf"):
        lines.append(f"  ratio    {comparison.ratio:.3g} of the allowance")
    return lines


def _failed_clauses(report: Report, *, colour: bool) -> Iterator[str]:
    """The first failing case of each clause, in the contract's order."""
    by_clause: dict[str, list[Result]] = {}
    for result in report.results:
        if result.verdict.accuses:
            by_clause.setdefault(result.clause.id, []).append(result)
    for clause_id, failures in by_clause.items():
        ran = sum(result.clause.id == clause_id for result in report.results)
        first = min(failures, key=lambda result: result.verdict is Verdict.BLOCKED)
        failed = f" It fails in {len(failures)} of {ran} cases." if ran > 1 else ""
        weight = "" if first.clause.requirement is Requirement.MUST else f" ({first.clause.requirement.value})"
        block = render_result(first, report.implementation, options=_options(report), failed=failed + weight)
        yield _paint(block, _RED, colour=colour, first_line_only=True)
        yield ""


def _suite_errors(report: Report, *, colour: bool) -> Iterator[str]:
    told = set()
    for result in report.suite_errors:
        if result.clause.id not in told:
            told.add(result.clause.id)
            block = render_result(result, report.implementation, options=_options(report))
            yield _paint(block, _YELLOW, colour=colour, first_line_only=True)
            yield ""


def _table(report: Report) -> Iterator[str]:
    """Each area's cases: passed, not, and not applicable."""
    areas = dict.fromkeys(result.clause.area for result in report.results)
    yield f"{'area':<12}{'cases':>8}{'pass':>8}{'fail':>8}{'not applicable':>16}{'comparisons':>13}"
    for area in areas:
        results = [result for result in report.results if result.clause.area == area]
        passed = sum(result.verdict is Verdict.PASS for result in results)
        absent = sum(result.verdict is Verdict.NOT_APPLICABLE for result in results)
        compared = sum(result.compared for result in results)
        yield (f"{area:<12}{len(results):>8}{passed:>8}{len(results) - passed - absent:>8}{absent:>16}{compared:>13}")


def _errata(report: Report) -> Iterator[str]:
    """Where Keras differs from the mathematics, and what this implementation does there."""
    for erratum, seen in report.errata.items():
        decided = {result.answers_as for result in report.results if result.erratum == erratum}
        answers = f"; it answers as {' and as '.join(sorted(decided))}" if decided else ""
        state = "seen" if seen else NOT_SEEN
        yield from _wrapped(f"erratum {erratum}: {state}{answers}")


def _unclaimed(report: Report) -> Iterator[str]:
    """The clauses in which nothing is claimed of more than one element in a hundred."""
    totals: dict[str, tuple[int, int]] = {}
    for result in report.results:
        free, size = totals.get(result.clause.id, (0, 0))
        free += sum(comparison.unclaimed for comparison in result.comparisons)
        totals[result.clause.id] = (free, size + sum(comparison.size for comparison in result.comparisons))
    for clause_id, (free, size) in totals.items():
        if size and free > size / 100:
            yield from _wrapped(
                f"no claim about {free / size:.1%} of the elements of {clause_id}: NaN, or what may overflow"
            )


def _grades(report: Report) -> list[str]:
    """How accurate it was, by dtype."""
    told = ", ".join(f"{dtype} {grade}" for dtype, grade in report.grades.items())
    return _wrapped(f"grades: {told}") if told else []


def _options(report: Report) -> str:
    """What a command needs to ask the same question of the same level again."""
    level = f" --level {report.level}" if report.claimed else ""
    return level + (f" --seed {report.seed}" if report.seed else "")


def _areas(results: Iterable[Result]) -> str:
    counts: dict[str, int] = {}
    for result in results:
        counts[result.clause.area] = counts.get(result.clause.area, 0) + 1
    return ", ".join(f"{count} failed in {area}" for area, count in counts.items())


def _oracle(report: Report) -> str:
    return " ".join(f"{name} {version}" for name, version in report.oracle.items())


def _field(name: str, text: str) -> list[str]:
    return textwrap.wrap(
        plain(text) or "nothing",
        WIDTH,
        initial_indent=f"  {name:<9}",
        subsequent_indent=" " * 11,
        break_long_words=False,
        break_on_hyphens=False,
    )


def _indented(text: str) -> list[str]:
    return textwrap.wrap(
        plain(text), WIDTH, initial_indent="  ", subsequent_indent="  ", break_long_words=False, break_on_hyphens=False
    )


def _wrapped(text: str) -> list[str]:
    return textwrap.wrap(text, WIDTH, subsequent_indent="  ", break_long_words=False, break_on_hyphens=False)


def _paint(text: str, code: str, *, colour: bool, first_line_only: bool = False) -> str:
    if not colour:
        return text
    first, newline, rest = text.partition("\n")
    return f"{code}{first}{_PLAIN}{newline}{rest}" if first_line_only else f"{code}{text}{_PLAIN}"
