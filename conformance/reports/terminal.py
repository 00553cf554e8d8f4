"""What a person reads: one block for each failed clause, and a last line that says the level reached."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator

from conformance.compare import Comparison
from conformance.contract.clause import Requirement
from conformance.reports import outcomes
from conformance.reports.text import WIDTH, counted, plain, wrapped
from conformance.results import Report, Result, Verdict

#: Of an erratum that this run did not meet.
NOT_SEEN = "not seen here: Keras is repaired, or the processor is another"
_RED, _GREEN, _YELLOW, _PLAIN = "\x1b[31m", "\x1b[32m", "\x1b[33m", "\x1b[0m"


def render(report: Report, *, colour: bool = False) -> str:
    """The whole report, at most 80 columns where names allow it; colour codes only where asked for."""
    lines = [
        *_failed_clauses(report, colour=colour),
        *_suite_errors(report, colour=colour),
        *about_waivers(report, colour=colour),
        *_table(report),
        "",
        *_errata(report),
        *_unclaimed(report),
        *_grades(report),
        *causes(report, colour=colour),
        *wrapped(headline(report)),
        *wrapped(_paint(conclusion(report), _GREEN if report.conforms else _YELLOW, colour=colour)),
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
    failures, of_waivers = _failures(report), _out_of_date(report)
    if report.floor is None:
        told = ", ".join([f"{len(failures)} failed", *of_waivers, *_waived(report)])
        if report.shard is not None:
            return f"{name}: {told}; shard {report.shard} claims nothing about conformance: merge joins them"
        return f"{name}: {told}; a selection claims nothing about conformance"
    if report.under_floor:
        return f"{name}: does not conform: {report.under_floor}, so something did not run"
    if reached == report.level and not of_waivers:
        return f"{name}: conforms to {_oracle(report)} at level {reached} (tier {report.tier})"
    best = f"the level reached is {reached}" if reached is not None else "no level is reached"
    if failures:
        told = ", ".join([_areas(failures), *of_waivers, *_waived(report)])
        return f"{name}: does not conform at level {report.level}: {told}; {best}"
    if of_waivers:
        return f"{name}: its waivers are out of date: {', '.join([*of_waivers, *_waived(report)])}; {best}"
    if report.counts[Verdict.WAIVED]:
        return f"{name}: {', '.join(_waived(report))}, nothing else fails at level {report.level}; {best}"
    lacking = report.counts.get(Verdict.NOT_APPLICABLE, 0)
    return f"{name}: right in all it has, but {lacking} cases ask for what it does not have; {best}"


def verdicts(report: Report, *, colour: bool = False) -> str:
    """A line for every case, in the contract's order: its verdict and its id."""
    codes = {result.verdict: _RED if result.verdict.accuses else _GREEN for result in report.results}
    codes |= dict.fromkeys((Verdict.NOT_APPLICABLE, Verdict.WAIVED, Verdict.SUITE_ERROR), _YELLOW)
    return "".join(
        f"{_paint(result.verdict.value, codes[result.verdict], colour=colour)}"
        f"{' ' * (16 - len(result.verdict.value))}{result.case.id}\n"
        for result in report.results
    )


def render_result(result: Result, naming: str, *, options: str = "", failed: str = "") -> str:
    """One block: the fact, the place, what came, what is allowed, what it guards against, and how to repeat it.

    options: of the run, as far as repeating the case needs them; failed: a sentence on how often the clause failed.
    """
    verdict = {Verdict.SUITE_ERROR: "SUITE ERROR", Verdict.ERROR: "ERROR", Verdict.BLOCKED: "BLOCKED"}
    lines = [f"{verdict.get(result.verdict, result.verdict.value.upper())} {result.case.id}"]
    lines += _indented(f"{result.clause.says}{failed}")
    missed = [comparison for comparison in result.comparisons if not comparison.holds]
    for comparison in missed:
        lines += _difference(comparison)
    for said in filter(None, (result.reason, result.remark)):
        lines += _indented(said)
    lines += _field("guards", f"against {result.clause.guards}")
    lines.append(f"  repeat   {plain(outcomes.repeat(naming, result.case.id, options))}")
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
    """The plainest failing case of each clause, or the first of the run, in the contract's order."""
    by_clause: dict[str, list[Result]] = {}
    for result in report.results:
        if result.verdict.fails:
            by_clause.setdefault(result.clause.id, []).append(result)
    for clause_id, failures in by_clause.items():
        ran = sum(result.clause.id == clause_id for result in report.results)
        first = min(failures, key=lambda result: result.verdict is Verdict.BLOCKED)
        shown = report.smallest.get(clause_id, first)
        failed = f" It fails in {len(failures)} of {ran} cases." if ran > 1 else ""
        weight = "" if shown.clause.requirement is Requirement.MUST else f" ({shown.clause.requirement.value})"
        block = render_result(shown, outcomes.named(report), options=outcomes.options(report), failed=failed + weight)
        yield _paint(block, _RED, colour=colour, first_line_only=True)
        yield ""


def about_waivers(report: Report, *, colour: bool = False) -> list[str]:
    """A line for each clause and reason that is waived or passes unexpectedly, and for what is wrong with the file."""
    words = {Verdict.WAIVED: (_YELLOW, "WAIVED"), Verdict.UNEXPECTED_PASS: (_RED, "UNEXPECTED PASS")}
    told = Counter((each.verdict, each.clause.id, each.reason) for each in report.results if each.verdict in words)
    lines = [
        (words[verdict][0], f"{words[verdict][1]} {clause}, {counted(count, 'case')}: {reason}")
        for (verdict, clause, reason), count in told.items()
    ]
    lines += [(_RED, f"WAIVERS {complaint}") for complaint in report.complaints]
    painted = (_paint("\n".join(wrapped(line)), code, colour=colour) for code, line in lines)
    return [*painted, ""] if lines else []


def _suite_errors(report: Report, *, colour: bool) -> Iterator[str]:
    told = set()
    for result in report.suite_errors:
        if result.clause.id not in told:
            told.add(result.clause.id)
            block = render_result(result, outcomes.named(report), options=outcomes.options(report))
            yield _paint(block, _YELLOW, colour=colour, first_line_only=True)
            yield ""


def _table(report: Report) -> Iterator[str]:
    """Each area's cases: passed, not, and not applicable."""
    areas = dict.fromkeys(result.clause.area for result in report.results)
    has_waived = bool(report.counts[Verdict.WAIVED])
    column = f"{'waived':>8}" if has_waived else ""
    yield f"{'area':<12}{'cases':>8}{'pass':>8}{'fail':>8}{column}{'not applicable':>16}{'comparisons':>13}"
    for area in areas:
        results = [result for result in report.results if result.clause.area == area]
        passed = sum(result.verdict in (Verdict.PASS, Verdict.UNEXPECTED_PASS) for result in results)
        waived = sum(result.verdict is Verdict.WAIVED for result in results)
        column = f"{waived:>8}" if has_waived else ""
        absent = sum(result.verdict is Verdict.NOT_APPLICABLE for result in results)
        compared = sum(result.compared for result in results)
        failed = len(results) - passed - absent - waived
        yield f"{area:<12}{len(results):>8}{passed:>8}{failed:>8}{column}{absent:>16}{compared:>13}"


def _errata(report: Report) -> Iterator[str]:
    """Where Keras differs from the mathematics, and what this implementation does there."""
    for erratum, seen in report.errata.items():
        decided = {result.answers_as for result in report.results if result.erratum == erratum}
        answers = f"; it answers as {' and as '.join(sorted(decided))}" if decided else ""
        state = "seen" if seen else NOT_SEEN
        yield from wrapped(f"erratum {erratum}: {state}{answers}")


def _unclaimed(report: Report) -> Iterator[str]:
    """The clauses in which nothing is claimed of more than one element in a hundred."""
    totals: dict[str, tuple[int, int]] = {}
    for result in report.results:
        free, size = totals.get(result.clause.id, (0, 0))
        free += sum(comparison.unclaimed for comparison in result.comparisons)
        totals[result.clause.id] = (free, size + sum(comparison.size for comparison in result.comparisons))
    for clause_id, (free, size) in totals.items():
        if size and free > size / 100:
            yield from wrapped(
                f"no claim about {free / size:.1%} of the elements of {clause_id}: NaN, or what may overflow"
            )


def _grades(report: Report) -> list[str]:
    """How accurate it was, by dtype."""
    told = ", ".join(f"{dtype} {grade}" for dtype, grade in report.grades.items())
    return wrapped(f"grades: {told}") if told else []


def causes(report: Report, *, width: int = WIDTH, colour: bool = False) -> Iterator[str]:
    """Last but the conclusion, where they are seen first: the likely defects, and what no defect explains."""
    for diagnosis in report.diagnoses:
        kind = "likely cause" if diagnosis.defect else "unexplained"
        count = counted(len(diagnosis.cases), "failed case")
        lines = wrapped(f"{kind}: {plain(diagnosis.says)} ({count})", width=width)
        yield _paint("\n".join(lines), _RED, colour=colour)
        yield from wrapped(plain(diagnosis.evidence), "  ", width=width)
    if report.diagnoses:
        yield ""


def _failures(report: Report) -> list[Result]:
    return [result for result in report.accusations if result.verdict.fails]


def _waived(report: Report) -> list[str]:
    waived = report.counts[Verdict.WAIVED]
    return [f"{counted(waived, 'failure')} {'is' if waived == 1 else 'are'} waived"] if waived else []


def _out_of_date(report: Report) -> list[str]:
    """What is wrong with the waivers of a run, counted."""
    passing, complaints = report.counts[Verdict.UNEXPECTED_PASS], len(report.complaints)
    told = [f"{counted(passing, 'unexpected pass', 'es')}"] if passing else []
    return [*told, f"{counted(complaints, 'complaint')} about the waivers"] if complaints else told


def _areas(results: Iterable[Result]) -> str:
    counts: dict[str, int] = {}
    for result in results:
        counts[result.clause.area] = counts.get(result.clause.area, 0) + 1
    return ", ".join(f"{count} failed in {area}" for area, count in counts.items())


def _oracle(report: Report) -> str:
    return " ".join(f"{name} {version}" for name, version in report.oracle.items())


def _field(name: str, text: str) -> list[str]:
    return wrapped(plain(text) or "nothing", f"  {name:<9}", " " * 11)


def _indented(text: str) -> list[str]:
    return wrapped(plain(text), "  ")


def _paint(text: str, code: str, *, colour: bool, first_line_only: bool = False) -> str:
    if not colour:
        return text
    first, newline, rest = text.partition("\n")
    return f"{code}{first}{_PLAIN}{newline}{rest}" if first_line_only else f"{code}{text}{_PLAIN}"
