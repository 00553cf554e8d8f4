"""What `waivers update` writes: what fails is in it, what passes is not, and the rest of the file stays as it was."""

from __future__ import annotations

import datetime
import math
from dataclasses import replace

import pytest

from conformance.cases import Tier
from conformance.implementations.mutants import MUTANTS
from conformance.recording import oracle_named
from conformance.results import ExitCode, Report, Verdict
from conformance.run import Selection, run
from conformance.waivers.application import Waiving, apply
from conformance.waivers.coverage import cases_of, matched
from conformance.waivers.file import parsed
from conformance.waivers.update import updated
from conformance.waivers.waiver import Symptom
from tests.waived_reports import AFFINE, DIALECT, HIGH, TODAY, entry, report, result

#: Three entries: two that stay, one in the middle that goes; comments of all kinds.
KEPT = f"""\
# The file's own heading.

# above the first
[[waiver]]
cases = [
    "{AFFINE[0]}",  # the first of two
    "{AFFINE[1]}",
]
reason = "one"   # why
issue = "https://example.org/1"
expires = 2027-04-01
symptom = {{ verdict = "fail", differs = ["outputs"], direction = "too high", share = 0.6 }}

# above the second
[[waiver]]
cases = "{AFFINE[2]}"
reason = "two"
issue = "https://example.org/2"
expires = 2027-04-01
[waiver.symptom]
verdict = "crash"

# above the third
[[waiver]]
cases = '{AFFINE[3]}'
reason = 'three'
issue = "https://example.org/3"
expires = 2027-04-01
symptom.verdict = "timeout"
"""


def as_updated(text: str, told: Report, *, today: datetime.date = TODAY) -> tuple[str, Report, tuple[str, ...]]:
    """The new text, the report after it, and what was done."""
    made = updated(text, Waiving(parsed(text, "w.toml"), today), told, days=30)
    return made.text, apply(told, Waiving(parsed(made.text, "w.toml"), today)), made.done


def test_update_leaves_a_good_file_as_it_is() -> None:
    told = report(
        result(AFFINE[0], Verdict.FAIL, HIGH),
        result(AFFINE[1], Verdict.FAIL, HIGH),
        result(AFFINE[2], Verdict.CRASH),
        result(AFFINE[3], Verdict.TIMEOUT),
    )
    text, after, done = as_updated(KEPT, told)
    assert (text, done) == (KEPT, ())
    assert after.exit_code is ExitCode.CONFORMS


def test_update_takes_out_what_passes_and_keeps_comments_and_order() -> None:
    """The second entry goes with the comment above it; the first loses one of its two cases."""
    told = report(
        result(AFFINE[0], Verdict.FAIL, HIGH),
        result(AFFINE[1], Verdict.PASS),
        result(AFFINE[2], Verdict.PASS),
        result(AFFINE[3], Verdict.TIMEOUT),
    )
    text, after, done = as_updated(KEPT, told)
    start, end = KEPT.index("# above the second"), KEPT.index("# above the third")
    assert text == (KEPT[:start] + KEPT[end:]).replace(f'    "{AFFINE[1]}",\n', "")
    assert after.exit_code is ExitCode.CONFORMS
    assert done == (
        f"line 4: no longer for {AFFINE[1]}",
        "line 15: taken out, for nothing fails as it says: two",
    )


def test_update_adds_untriaged_entries_that_end_by_themselves() -> None:
    low = replace(HIGH, ratio=7.0, misses=2, directions=("too low",))
    told = report(result(AFFINE[0], Verdict.FAIL, HIGH), result(AFFINE[1], Verdict.FAIL, low))
    text, after, _ = as_updated("", told)
    (made,) = parsed(text, "w.toml")
    assert made.is_untriaged
    assert made.cases == (AFFINE[0], AFFINE[1])
    assert made.expires == TODAY + datetime.timedelta(days=30)
    assert made.symptom == Symptom("fail", "", ("outputs",), ("too high", "too low"), 100.0, 0.6)
    assert after.exit_code is ExitCode.CONFORMS
    later = apply(told, Waiving((made,), made.expires + datetime.timedelta(days=1)))
    assert later.exit_code is ExitCode.DOES_NOT_CONFORM


def test_update_keeps_apart_what_fails_in_another_way() -> None:
    exact = replace(HIGH, ratio=math.inf)
    told = report(
        result(AFFINE[0], Verdict.FAIL, HIGH),
        result(AFFINE[1], Verdict.FAIL, exact),
        result(AFFINE[2], Verdict.ERROR, raised="KeyError"),
        result(AFFINE[3], Verdict.BLOCKED, raised="KeyError"),
    )
    text, after, _ = as_updated("", told)
    assert [made.cases for made in parsed(text, "w.toml")] == [(AFFINE[0],), (AFFINE[1],), (AFFINE[2], AFFINE[3])]
    assert after.exit_code is ExitCode.CONFORMS


def test_update_names_no_case_that_did_not_fail() -> None:
    """All relu cases of a clause fail, no other: the pattern says so; and a clause that fails whole is its id."""
    relu = matched("outputs.every-rank[relu-*]", DIALECT)
    told = report(*(result(case, Verdict.FAIL, HIGH) for case in sorted(relu)))
    (made,) = parsed(as_updated("", told)[0], "w.toml")
    assert made.cases == ("outputs.every-rank[relu-*]",)
    told = report(*(result(case, Verdict.FAIL, HIGH) for case in sorted(cases_of("outputs.affine", DIALECT))))
    (made,) = parsed(as_updated("", told)[0], "w.toml")
    assert made.cases == ("outputs.affine",)


def test_update_gives_what_fails_differently_an_entry_of_its_own() -> None:
    """A waiver for a whole clause is narrowed to the cases that fail as it says."""
    worse = replace(HIGH, ratio=5e6)
    cases = sorted(cases_of("outputs.affine", DIALECT))
    told = report(*(result(case, Verdict.FAIL, HIGH) for case in cases[1:]), result(cases[0], Verdict.FAIL, worse))
    text, after, _ = as_updated(entry(), told)
    first, second = parsed(text, "w.toml")
    assert (first.reason, second.is_untriaged) == ("gelu is by tanh", True)
    assert second.cases == (cases[0],)
    assert after.exit_code is ExitCode.CONFORMS


def test_update_narrows_a_symptom_to_what_still_differs() -> None:
    text = entry(
        cases=f'"{AFFINE[0]}"',
        symptom='{ verdict = "fail", differs = ["kernel_gradient", "outputs"], direction = "too high", ratio = 100 }',
    )
    text, after, done = as_updated(text, report(result(AFFINE[0], Verdict.FAIL, HIGH)))
    assert after.exit_code is ExitCode.CONFORMS
    assert 'differs = ["outputs"]' in text
    assert done == ("line 2: no longer of kernel_gradient",)


def test_update_renews_no_waiver_that_has_expired() -> None:
    """A button that renews them all would be the list that rots."""
    later = datetime.date(2027, 7, 1)
    for failed in (result(AFFINE[0], Verdict.FAIL, HIGH), result(AFFINE[0], Verdict.CRASH)):
        text, after, _ = as_updated(entry(), report(failed), today=later)
        assert text == entry()
        assert after.exit_code is ExitCode.DOES_NOT_CONFORM


def test_update_takes_out_what_has_expired_and_passes() -> None:
    passed = report(result(AFFINE[0], Verdict.PASS))
    text, after, _ = as_updated(entry(cases=f'"{AFFINE[0]}"'), passed, today=datetime.date(2027, 7, 1))
    assert parsed(text, "w.toml") == ()
    assert after.exit_code is ExitCode.CONFORMS


@pytest.mark.parametrize(("ratio", "limit"), [(1.5, 10.0), (8.0, 10.0), (8.1, 100.0), (99.0, 1000.0)])
def test_update_leaves_room_for_another_processor(ratio: float, limit: float) -> None:
    """Two right results lie 2 half-widths apart at most."""
    told = report(result(AFFINE[0], Verdict.FAIL, replace(HIGH, ratio=ratio)))
    (made,) = parsed(as_updated("", told)[0], "w.toml")
    assert made.symptom.ratio == limit


def test_update_leaves_waivers_of_other_versions_alone() -> None:
    text = entry(versions='{ keras = "<3" }')
    told = report(result(AFFINE[0], Verdict.FAIL, HIGH))
    made, after, _ = as_updated(text, told)
    assert made.startswith(text)
    assert after.exit_code is ExitCode.CONFORMS


def test_update_ends_what_is_too_wide_or_named_twice() -> None:
    told = report(result(AFFINE[0], Verdict.FAIL, HIGH), result(AFFINE[1], Verdict.FAIL, HIGH))
    text, after, _ = as_updated(entry(cases='"outputs.*"') + entry(cases=f'"{AFFINE[0]}"'), told)
    assert [made.cases for made in parsed(text, "w.toml")] == [(AFFINE[0], AFFINE[1])]
    assert after.exit_code is ExitCode.CONFORMS


#: Of every area that a NumPy layer is asked in: values, shapes, facts, exceptions, NaN, and what is missing.
ROUND_TRIPS = [
    "bias-doubled",
    "kernel-transposed",
    "outputs-in-float64",
    "counts-calls",
    "empty-batch-refused",
    "nan-becomes-zero",
    "kernel-gradient-mean",
    "bias-gradient-missing",
    "bias-gradient-keeps-axis",
    "softplus-slope-of-infinities",
]


@pytest.mark.parametrize("name", ROUND_TRIPS)
def test_what_update_writes_waives_all_of_a_mutant(name: str) -> None:
    """And nothing more: every one of its entries waives something."""
    oracle = oracle_named("recorded")
    (told,) = run([MUTANTS[name].make(oracle.dialect)], Selection(tier=Tier.SMOKE), oracle)
    assert told.accusations
    text, after, _ = as_updated("", told)
    assert after.accusations == ()
    assert after.complaints == ()
    assert after.exit_code is ExitCode.CONFORMS
    assert not after.conforms
    assert len({each.reason for each in after.results if each.verdict is Verdict.WAIVED}) > 0
    assert as_updated(text, told)[0] == text
