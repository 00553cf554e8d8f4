"""Shards: parts of one run that join to the run that was not shared, and to nothing else."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from conformance import cli
from conformance.cases import Tier
from conformance.commands.merge import merged
from conformance.reports import jsonlines
from conformance.reports.jsonlines import ReportError
from conformance.results import ExitCode, Report, Shard
from conformance.run import Selection, ShardError, by_question, plan
from conformance.workers import Errand, run_errand
from reference.dialects import DIALECTS

NEWEST = DIALECTS[-1]
SCHEMA = json.loads((Path(jsonlines.__file__).parent / "schema.json").read_text("utf-8"))
LAYERS = """
import numpy as np


def right(inputs, kernel, bias, activation):
    if activation not in ("linear", "relu"):
        raise NotImplementedError(activation)
    outputs = inputs @ kernel
    outputs = outputs if bias is None else outputs + bias
    return np.maximum(outputs, 0) if activation == "relu" else outputs


def biased_late(inputs, kernel, bias, activation):
    outputs = right(inputs, kernel, None, activation)
    return outputs if bias is None else outputs + bias
"""


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("layers") / "layers.py"
    path.write_text(LAYERS, "utf-8")
    return path


def ran(file: Path, selection: Selection, **others: Any) -> tuple[Report, ...]:
    namings = (f"{file}:right", f"{file}:biased_late")
    return run_errand(Errand(namings, selection, oracle="recorded"), **others)


def shards(file: Path, selection: Selection, of: int) -> list[tuple[str, str]]:
    """The files of a run, by name: a.jsonl, b.jsonl, ..."""
    reports = [ran(file, replace(selection, shard=Shard(number, of))) for number in range(1, of + 1)]
    return [(f"{name}.jsonl", jsonlines.render_all(each)) for name, each in zip("abcdefgh", reports, strict=False)]


SELECTION = Selection(tier=Tier.SMOKE, areas=("outputs", "specials"))


@pytest.fixture(scope="module")
def whole(file: Path) -> str:
    return jsonlines.render_all(ran(file, SELECTION))


@pytest.fixture(scope="module")
def parts(file: Path) -> list[tuple[str, str]]:
    return shards(file, SELECTION, 3)


# ---- splitting -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("of", [1, 2, 5])
def test_shards_hold_every_case_once_and_layers_whole(of: int) -> None:
    """What is said of a layer that cannot be constructed needs all of its questions in one process."""
    every = plan(Selection(tier=Tier.FULL), NEWEST)
    split = [plan(Selection(tier=Tier.FULL, shard=Shard(number, of)), NEWEST) for number in range(1, of + 1)]
    assert sorted(each.case.id for part in split for each in part) == sorted(each.case.id for each in every)
    homes = [{each.case.question.layer for each in part} for part in split]
    assert sum(map(len, homes)) == len(set().union(*homes))


def test_shards_are_of_about_one_size() -> None:
    """Dealt out from the largest layer on, no two differ by more than the largest one's questions."""
    split = [by_question(plan(Selection(tier=Tier.FULL, shard=Shard(number, 4)), NEWEST)) for number in range(1, 5)]
    sizes = [len(questions) for questions in split]
    largest = max(sum(question.layer == one.layer for question, _ in part) for part in split for one, _ in part[:1])
    assert max(sizes) - min(sizes) <= largest


def test_more_shards_than_layers_are_refused() -> None:
    """So that no shard is empty: each of them says so, not the last ones alone."""
    one_layer = Selection(case="outputs.affine[linear-rank2-float32]")
    for number in (1, 2):
        with pytest.raises(ShardError, match="1 layers cannot be split into 2 shards: give at most I/1"):
            plan(replace(one_layer, shard=Shard(number, 2)), NEWEST)


@pytest.mark.parametrize("shard", ["1/1", "1/2", "2/2"])
def test_4_every_shard_of_nothing_is_refused(shard: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["run", "--case", "no.such.case", "--oracle", "recorded", "--shard", shard]) == 4
    assert "the selection has no case" in capsys.readouterr().err


@pytest.mark.parametrize("shard", ["0/2", "3/2", "1", "1/0", "a/b", "-1/2", ""])
def test_4_what_is_no_shard_is_named(shard: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="4"):
        cli.main(["run", f"--shard={shard}"])
    assert "a shard is written I/N" in capsys.readouterr().err


def test_4_a_shard_runs_to_its_end(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["run", "--shard", "1/2", "--exitfirst"]) == 4
    assert "leave out --exitfirst or --shard" in capsys.readouterr().err


def test_a_shard_says_that_it_claims_nothing(file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Of everything, and all right: and yet it conforms to nothing; its header says which part it is."""
    target = tmp_path / "a.jsonl"
    words = ["run", f"{file}:right", "--tier", "smoke", "--oracle", "recorded", "--json", str(target)]
    assert cli.main([*words, "--shard", "1/3"]) == 0
    told = " ".join(capsys.readouterr().out.split())
    assert "0 failed; shard 1/3 claims nothing about conformance: merge joins them" in told
    header, *results, footer = [json.loads(line) for line in target.read_text("utf-8").splitlines()]
    assert header["shard"] == {"number": 1, "of": 3}
    assert (header["floor"], footer["conforms"], footer["level_reached"]) == (None, False, None)
    assert results
    for record in (header, *results, footer):
        jsonschema.validate(record, SCHEMA)


def test_workers_share_a_shard(file: Path, parts: list[tuple[str, str]]) -> None:
    """Two processes give the bytes that one gives."""
    assert jsonlines.render_all(ran(file, replace(SELECTION, shard=Shard(2, 3)), workers=2)) == parts[1][1]


# ---- joining -------------------------------------------------------------------------------------------------------


def test_joined_shards_are_the_run_that_was_not_shared(parts: list[tuple[str, str]], whole: str) -> None:
    """Byte for byte, in whatever order the files are given; a right and a wrong implementation in each."""
    joined = merged([parts[2], parts[0], parts[1]])
    assert jsonlines.render_all(joined) == whole
    assert [each.exit_code for each in joined] == [ExitCode.CONFORMS, ExitCode.DOES_NOT_CONFORM]


def test_waivers_are_applied_to_the_whole(file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A shard would have waivers that match nothing in it."""
    known, shared = tmp_path / "known.toml", [tmp_path / f"{number}.jsonl" for number in (1, 2)]
    common = ["--tier", "smoke", "--area", "outputs", "--oracle", "recorded", "--quiet"]
    for number, path in enumerate(shared, start=1):
        cli.main(["run", f"{file}:biased_late", *common, "--shard", f"{number}/2", "--json", str(path)])
    whole = tmp_path / "whole.jsonl"
    assert cli.main(["merge", *map(str, shared), "--output", str(whole)]) == ExitCode.DOES_NOT_CONFORM
    assert cli.main(["waivers", "update", str(known), "--from", str(whole)]) == ExitCode.CONFORMS
    assert cli.main(["merge", *map(str, shared), "--waivers", str(known)]) == ExitCode.CONFORMS
    capsys.readouterr()
    words = ["run", f"{file}:biased_late", *common, "--shard", "1/2", "--waivers", str(known)]
    assert cli.main(words) == ExitCode.USAGE
    assert "give --waivers to `merge`" in capsys.readouterr().err


def test_the_floor_is_applied_to_the_whole(file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Everything of the smoke tier: no shard conforms, the whole reaches its level, by way of the command line."""
    layers = tmp_path / "all.py"
    layers.write_text("from conformance.implementations.reference import ReferenceAdapter as Right\n", "utf-8")
    words = ["run", f"{layers}:Right", "--tier", "smoke", "--oracle", "recorded", "--level", "training"]
    assert cli.main([*words, "--json", str(tmp_path / "whole.jsonl")]) == 0
    files = [str(tmp_path / f"{number}.jsonl") for number in (1, 2)]
    for number, target in enumerate(files, start=1):
        assert cli.main([*words, "--shard", f"{number}/2", "--json", target]) == 0
    capsys.readouterr()
    assert cli.main(["merge", *files, "--output", str(tmp_path / "joined.jsonl")]) == 0
    assert "at level training (tier smoke)" in " ".join(capsys.readouterr().out.split())
    assert (tmp_path / "joined.jsonl").read_bytes() == (tmp_path / "whole.jsonl").read_bytes()
    (joined,) = merged([(each, Path(each).read_text("utf-8")) for each in files])
    assert joined.floor is not None
    assert joined.conforms


def changed(text: str, kind: str, **fields: Any) -> str:
    """The file with other fields in all lines of a kind."""
    records = [json.loads(line) for line in text.splitlines()]
    return "".join(json.dumps({**each, **(fields if each["kind"] == kind else {})}) + "\n" for each in records)


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"implementation": "other"}, "its implementation is 'other'"),
        ({"level": "training"}, "its level is 'training'"),
        ({"claimed": True}, "its level is 'inference, claimed'"),
        ({"tier": "full"}, "its tier is 'full', and not 'smoke'"),
        ({"seed": 3}, "its seed is 3, and not 0"),
        ({"oracle": {"keras": "3.6.0"}}, "its oracle is 'keras 3.6.0'"),
        ({"dialect": "keras-3.6"}, "its dialect is 'keras-3.6'"),
        ({"areas": []}, "its areas is 'all'"),
        ({"case": "relu"}, "its case pattern is 'relu'"),
        ({"suite": "0.0.1"}, "its version of the suite is '0.0.1'"),
        ({"shard": {"number": 2, "of": 4}}, "its number of shards is 4, and not 3"),
    ],
)
def test_4_runs_that_differ_are_refused(fields: dict[str, Any], told: str, parts: list[tuple[str, str]]) -> None:
    """The message says what differs, and in which file."""
    other = ("b.jsonl", changed(parts[1][1], "header", **fields))
    with pytest.raises(ReportError, match=re.escape(told)) as refused:
        merged([parts[0], other, parts[2]])
    assert str(refused.value).startswith("b.jsonl does not belong to a.jsonl: ")


def without_a_result(text: str) -> str:
    """A case is gone, and the footers of both reports count rightly: only the plan knows."""
    lines = text.splitlines(keepends=True)
    footer = next(at for at, line in enumerate(lines) if '"kind": "footer"' in line)
    counted = json.loads(lines[footer])
    lines[footer] = json.dumps({**counted, "results": counted["results"] - 1}) + "\n"
    return "".join([*lines[: footer - 1], *lines[footer:]])


def spoilt(parts: Sequence[tuple[str, str]]) -> Iterator[tuple[str, list[tuple[str, str]], str]]:
    a, b, c = parts
    yield "missing", [a, c], "shard 2/3 is missing beside a.jsonl, c.jsonl"
    yield "twice", [a, b, a], "a.jsonl and a.jsonl are both shard 1/3"
    yield "too many", [a, b, c, ("d.jsonl", b[1])], "d.jsonl and b.jsonl are both shard 2/3"
    yield "truncated", [a, ("b.jsonl", b[1][:-200]), c], "b.jsonl: "
    yield "without its last report", [a, (b[0], b[1][: b[1].rindex('{"kind": "header"')]), c], "b.jsonl tells of 1"
    yield "no result", [a, (b[0], without_a_result(b[1])), c], "b.jsonl, shard 2/3: "
    as_third = changed(b[1], "header", shard={"number": 3, "of": 3})
    yield "of another shard", [a, b, ("c.jsonl", as_third)], "c.jsonl, shard 3/3: "
    yield "stopped", [a, (b[0], changed(b[1], "footer", stopped_early=True)), c], "b.jsonl was stopped at its first"
    yield "whole", [(a[0], changed(a[1], "header", shard=None)), b, c], "a.jsonl is no shard"
    yield "empty", [a, ("b.jsonl", ""), c], "b.jsonl: there is no report in it"


@pytest.mark.parametrize("at", range(10))
def test_4_what_is_not_whole_is_refused(at: int, parts: list[tuple[str, str]]) -> None:
    """Each says in which file."""
    _, given, told = list(spoilt(parts))[at]
    with pytest.raises(ReportError, match=re.escape(told)):
        merged(given)


def test_4_a_file_that_cannot_be_read_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["merge", str(tmp_path / "none.jsonl")]) == 4
    told = capsys.readouterr().err
    assert "none.jsonl: No such file or directory; give a file that `run --json` wrote" in told


def test_a_report_survives_its_file(whole: str) -> None:
    """Read and written again: the same bytes, so that nothing that is told is lost."""
    again = [jsonlines.report_of(records) for records in jsonlines.read(whole)]
    assert jsonlines.render_all(again) == whole


def test_a_report_of_another_contract_is_refused(whole: str) -> None:
    """A clause that there is not cannot be judged by."""
    records = jsonlines.read(whole)[0]
    records[1] = {**records[1], "clause": "outputs.gone"}
    with pytest.raises(ReportError, match=r"another contract \(KeyError: 'outputs.gone'\)"):
        jsonlines.report_of(records)
