"""The pytest plugin: `--dense-*` options, one item for each case, and a summary that is right under pytest-xdist.

It is loaded in other people's test runs, so it imports nothing of the suite before the option or `parametrize` is used,
and says nothing where neither was.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from conformance.implementations.protocol import Implementation
    from conformance.results import Report
    from conformance.session import Oracle

#: The attribute in which a test report carries a result's record from a worker to the summary: plain data.
RECORD = "dense_conformance"
#: The cases of the implementation that the options name.
UNNAMED = "no-dense-implementation"
CASES = pytest.StashKey[list[Any]]()
#: What the file of --dense-waivers says.
WAIVING = pytest.StashKey[Any]()
#: Whoever answered in this process, and the oracle, by the heading of the report: none in a controller of xdist.
ANSWERERS = pytest.StashKey[dict[str, Any]]()


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("dense-conformance", "is it really tf.keras.layers.Dense?")
    group.addoption("--dense-implementation", metavar="NAME", help="pkg.module:Name, file.py:Name or a built-in name")
    group.addoption("--dense-level", metavar="LEVEL", help="inference, training or keras: what is claimed")
    group.addoption("--dense-tier", metavar="TIER", default="default", help="smoke, default, full or exhaustive")
    group.addoption("--dense-area", metavar="AREA", action="append", default=[], help="only this area; repeatable")
    group.addoption("--dense-case", metavar="PATTERN", default="", help="only cases whose id holds this")
    group.addoption("--dense-seed", metavar="N", type=int, default=0, help="draw other tensors")
    group.addoption("--dense-oracle", metavar="NAME", default="tensorflow", help="tensorflow or recorded")
    group.addoption("--dense-json", metavar="FILE", help="write JSON Lines there")
    group.addoption(
        "--dense-waivers", metavar="FILE", help="known failures: they are xfailed, and whatever else is not"
    )


def pytest_configure(config: pytest.Config) -> None:
    if config.getoption("--dense-waivers"):
        config.stash[WAIVING] = _waiving(config.getoption("--dense-waivers"))
    if config.getoption("--dense-implementation"):
        config.stash[CASES] = _cases(config)
    config.pluginmanager.register(_Collector(), "dense-conformance-results")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "dense_case" in metafunc.fixturenames:
        cases = metafunc.config.stash.get(CASES, [])
        named = [pytest.param(case, id=case.id) for case in cases]
        metafunc.parametrize("dense_case", named or [pytest.param(None, id=UNNAMED)])


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    if any(item.name.endswith(f"[{UNNAMED}]") for item in items):
        raise pytest.UsageError("--dense-implementation says what is put under test: pkg.module:Name or file.py:Name")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Iterator[None]:
    report: Any = yield
    case = _case_of(item)
    if case is None or call.when != "call":
        return report
    if call.excinfo is not None and call.excinfo.typename in ("NonconformityError", "SuiteFailedError"):
        report.longrepr = str(call.excinfo.value)
    if case.settled is not None:
        from conformance.reports.jsonlines import result_record

        if WAIVING in item.config.stash:
            _waive(report, case, item.config.stash[WAIVING])
        heading = {**asdict(case.ran), "level": str(case.ran.level), "tier": str(case.ran.tier)}
        session, named = case.session(), {"naming": case.naming, "oracle": case.oracle}
        record = {"heading": heading, **named, "result": result_record(case.settled), "errata": session.errata}
        setattr(report, RECORD, record)
        item.config.stash.setdefault(ANSWERERS, {})[str(heading)] = case.implementation, session.oracle
    return report


class _Collector:
    """Gathers the results of the whole session: in the controller under xdist, in the only process without."""

    def __init__(self) -> None:
        self.records: list[dict[str, Any]] = []
        self.deselected = 0
        self.a_worker_ended = False
        self.studied: dict[str, Report] = {}

    def pytest_deselected(self, items: list[pytest.Item]) -> None:
        self.deselected += sum(_case_of(item) is not None for item in items)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        record = getattr(report, RECORD, None)
        if record is not None:
            self.records.append(record)

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, error: object) -> None:
        self.a_worker_ended = self.a_worker_ended or bool(error)

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        if hasattr(session.config, "workerinput") or not self.records:
            return
        reports = self.reports(session.config).values()
        codes = {int(report.exit_code) for report in reports}
        if 3 in codes:
            session.exitstatus = 3
        elif session.exitstatus == 0 and codes - {0}:
            session.exitstatus = max(codes - {0})
        target = session.config.getoption("--dense-json")
        if target:
            from conformance.reports.jsonlines import render_all

            told = self.with_causes(session.config, session.exitstatus)
            Path(target).write_text(render_all(told), "utf-8")

    def pytest_terminal_summary(self, terminalreporter: Any, exitstatus: int, config: pytest.Config) -> None:
        if not self.records:
            return
        from conformance.reports.terminal import NOT_SEEN, about_waivers, causes, conclusion, headline

        screen = config.get_terminal_writer()
        terminalreporter.section("dense-conformance")
        for report in self.with_causes(config, exitstatus):
            terminalreporter.write_line(headline(report))
            for erratum, seen in report.errata.items():
                if not seen:
                    terminalreporter.write_line(f"erratum {erratum}: {NOT_SEEN}")
            for line in about_waivers(report):
                terminalreporter.write_line(line)
            for line in causes(report, width=screen.fullwidth, colour=screen.hasmarkup):
                terminalreporter.write_line(line)
            terminalreporter.write_line(conclusion(report))

    def with_causes(self, config: pytest.Config, exitstatus: int) -> Iterator[Report]:
        """The reports, those of failures with their likely causes: looked for once, and not for who interrupts."""
        for heading, report in self.reports(config).items():
            if exitstatus != pytest.ExitCode.INTERRUPTED and any(each.verdict.fails for each in report.results):
                if heading not in self.studied:
                    self.studied[heading] = self._studied(report, heading, config)
                yield self.studied[heading]
            else:
                yield report

    def reports(self, config: pytest.Config) -> dict[str, Report]:
        """One report for each implementation and level, by its heading, its results in the contract's order."""
        from conformance.answers import Level
        from conformance.cases import Tier
        from conformance.contract import CONTRACT
        from conformance.reports.jsonlines import result_of
        from conformance.results import note_errata
        from conformance.run import Ran
        from conformance.run import report as report_of
        from conformance.waivers.application import NOTHING_WAIVED, apply

        waiving = config.stash.get(WAIVING, NOTHING_WAIVED)
        clauses = {clause.id: clause for clause in CONTRACT}
        headings = {str(record["heading"]): record["heading"] for record in self.records}
        made = {}
        for key, heading in headings.items():
            of = [record for record in self.records if record["heading"] == heading]
            ran = Ran(**{**heading, "level": Level[heading["level"].upper()], "tier": Tier[heading["tier"].upper()]})
            errata: dict[str, bool] = {}
            for record in of:
                note_errata(errata, record["errata"])
            order = {clause: place for place, clause in enumerate(clauses)}
            results = sorted((result_of(record["result"], clauses) for record in of), key=lambda r: order[r.clause.id])
            whole = ran.is_everything and not self._narrowed(config)
            report = report_of(replace(ran, is_everything=whole), results, errata=errata)
            made[key] = replace(apply(report, waiving), naming=of[0]["naming"])
        return made

    def _studied(self, report: Report, heading: str, config: pytest.Config) -> Report:
        """With its likely causes, for which the implementation is asked again; what it prints is no part of them."""
        from conformance.run import catalogue
        from conformance.screen import aside
        from conformance.study import diagnosed, undiagnosed
        from reference.dialects import DIALECTS

        dialect = next(each for each in DIALECTS if each.name == report.dialect)
        # workers finish in any order, and of what is alike the first is asked
        places = {each.case.id: at for at, each in enumerate(catalogue(dialect, seed=report.seed))}
        results = sorted(report.results, key=lambda each: places.get(each.case.id, len(places)))
        with aside(), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                return diagnosed(replace(report, results=tuple(results)), *self._answerers(heading, config))
            except KeyboardInterrupt:
                return undiagnosed(report, "it was interrupted")
            except Exception as failure:
                return undiagnosed(report, str(failure))

    def _answerers(self, heading: str, config: pytest.Config) -> tuple[Implementation, Oracle]:
        """The implementation and its oracle: who answered in this process, or else as they are named.

        Raises RuntimeError where nobody can be asked, and what loading them raises.
        """
        from conformance.implementations.load import load
        from conformance.recording import oracle_named

        here = config.stash.get(ANSWERERS, {})
        if heading in here:
            found: tuple[Implementation, Oracle] = here[heading]
            return found
        record = next(each for each in self.records if str(each["heading"]) == heading)
        if self.a_worker_ended:
            raise RuntimeError("a worker of xdist ended, and the process that is left must not: nothing is asked again")
        if not record["naming"]:
            raise RuntimeError("what answered in a worker of xdist has no name by which it is found: leave out -n")
        oracle = oracle_named(record["oracle"])
        return load(record["naming"], oracle.dialect), oracle

    def _narrowed(self, config: pytest.Config) -> bool:
        """True where pytest's own options chose among the cases."""
        chosen = config.getoption("keyword") or config.getoption("markexpr") or self.deselected
        return bool(chosen) or any("::" in argument for argument in config.args)


def _cases(config: pytest.Config) -> list[Any]:
    from conformance.api import UsageError, runnable_cases, selection
    from conformance.implementations.load import NamingError
    from conformance.session import OracleError

    try:
        chosen = selection(
            config.getoption("--dense-level"),
            tier=config.getoption("--dense-tier"),
            areas=config.getoption("--dense-area"),
            case=config.getoption("--dense-case"),
            seed=config.getoption("--dense-seed"),
        )
        named = config.getoption("--dense-implementation")
        return list(runnable_cases(named, chosen, config.getoption("--dense-oracle")))
    except (UsageError, NamingError, OracleError) as failure:
        raise pytest.UsageError(str(failure)) from None


def _waiving(file: str) -> Any:
    from conformance.api import waiving
    from conformance.waivers.file import WaiverError

    try:
        return waiving(file)
    except WaiverError as failure:
        raise pytest.UsageError(str(failure)) from None


def _waive(report: Any, case: Any, waiving: Any) -> None:
    """What a waiver makes of an item: an expected failure, a failure where it passes, or a failure that says why."""
    from conformance.results import Verdict
    from conformance.run import force_of

    settled = force_of(case.ran, waiving).settled(case.settled)
    if settled.verdict is Verdict.WAIVED:
        report.outcome, report.wasxfail = "skipped", settled.reason
    elif settled is not case.settled:
        report.outcome, report.longrepr = "failed", case.told(settled)


def _case_of(item: pytest.Item) -> Any:
    """The RunnableCase that an item was made of, if any. Told by its name: its class would load the suite."""
    parameters = getattr(getattr(item, "callspec", None), "params", {})
    for name in ("case", "dense_case"):
        value = parameters.get(name)
        if type(value).__name__ == "RunnableCase":
            return value
    return None
