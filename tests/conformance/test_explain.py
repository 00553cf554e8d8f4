"""What `explain` says of a layer, a clause and a case."""

from __future__ import annotations

import re
import subprocess
import sys

import pytest

from conformance import cli
from conformance.commands.explain import by_contract, by_the_real_layer, parse
from conformance.contract import CONTRACT
from conformance.contract.bugs import BUGS
from conformance.run import catalogue
from reference.dialects import DIALECTS


def told(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    assert cli.main(["explain", *words]) == 0
    return " ".join(capsys.readouterr().out.split())


@pytest.mark.parametrize("what", ["Dense(3)", "outputs.affine", "outputs.affine[linear-rank2-float32]"])
def test_nothing_heavy_is_imported_where_no_answer_is_asked_for(what: str) -> None:
    """TensorFlow takes many seconds."""
    program = f"""
import sys
from conformance import cli
cli.main(["explain", {what!r}, "--oracle", "none"])
print("loaded", [name for name in ("tensorflow", "keras") if name in sys.modules])
"""
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert ran.stdout.splitlines()[-1] == "loaded []"
    assert len(ran.stdout.splitlines()) > 4


@pytest.mark.parametrize(
    "expression",
    ["Dense(10*10*256, use_bias=False, input_shape=(100,))", "Dense(6, 'softmax', input_shape=(3, 5))", "Dense(4)"],
)
def test_the_contract_says_of_a_layer_what_the_real_one_does(expression: str) -> None:
    """Every number, but for who says so."""
    measured, said = (vars(each(parse(expression))) for each in (by_the_real_layer, by_contract))
    assert {**measured, "who": ""} == {**said, "who": ""}
    assert measured["who"] != said["who"]


def test_a_layer_has_its_formula(capsys: pytest.CaptureFixture[str]) -> None:
    """With bias and without, and what the activation computes."""
    assert "outputs = relu(inputs @ kernel) relu(z) = maximum(z, 0) inputs" in told(
        capsys, "Dense(3, activation='relu', use_bias=False)", "--oracle", "none"
    )
    assert "operation outputs = inputs @ kernel + bias inputs (None, 16)" in told(
        capsys, "Dense(3)", "--oracle", "none"
    )


def test_a_clause_names_the_bugs_that_it_would_have_caught(capsys: pytest.CaptureFixture[str]) -> None:
    text = told(capsys, "gradients.leading-axes-summed")
    assert "would have caught ooples/AiDotNet.Tensors#234: the bias gradient summed over the first axis alone" in text
    assert "guards against" in text


def test_bugs_are_of_clauses_that_there_are() -> None:
    """Each by repository and number, and with a word on what was wrong."""
    assert set(BUGS) <= {clause.id for clause in CONTRACT}
    for issues in BUGS.values():
        assert issues
        assert [issue for issue in issues if not re.fullmatch(r"[\w.-]+/[\w.-]+#\d+", issue)] == []
        assert all(issues.values())


def test_bugs_that_a_clause_names_itself_are_in_the_table_too() -> None:
    """Two places that tell of the same must not differ."""
    missing = [
        (clause.id, issue)
        for clause in CONTRACT
        for issue in re.findall(r"[\w.-]+/[\w.-]+#\d+", clause.guards)
        if issue not in BUGS.get(clause.id, {})
    ]
    assert missing == []


def test_a_case_names_every_axis(capsys: pytest.CaptureFixture[str]) -> None:
    """glu halves the units."""
    text = told(capsys, "outputs.last-axis[glu-rank3-float32-units22]", "--oracle", "none")
    assert "inputs (3, 5, 7) (batch, axis 1, input_dim)" in text
    assert "kernel (7, 22) (input_dim, units) bias (22,) (units,)" in text
    assert "outputs (3, 5, 11) (batch, axis 1, units / 2)" in text


def test_a_case_has_the_real_layers_answer(capsys: pytest.CaptureFixture[str]) -> None:
    """By default where TensorFlow is installed; a recording has no numbers, and says so."""
    case = "outputs.every-rank[linear-rank3-float32]"
    live = told(capsys, case)
    assert re.search(r"the real layer \(tensorflow [\d.]+, keras [\d.]+\) answers outputs float32 \(3, 5, 11\)", live)
    assert "was asked when the recording was made" in told(capsys, case, "--oracle", "recorded")
    alone = "losses.kernel[linear-4x7-float32-kernel_regularizer=l1-read_losses]"
    assert "asked of Keras layers alone, and was not recorded" in told(capsys, alone, "--oracle", "recorded")


def test_every_case_can_be_explained(capsys: pytest.CaptureFixture[str]) -> None:
    """One of each clause and shape, unknown and missing axes included; no line is wider than a screen but for names."""
    some = {(each.clause.id, each.case.question.input_shape): each.case.id for each in catalogue(DIALECTS[-1])}
    ids = [case for (_, shape), case in some.items() if None in shape or len(shape) < 2]
    assert ids
    for case in ids:
        assert cli.main(["explain", case, "--oracle", "none"]) == 0
        lines = capsys.readouterr().out.splitlines()
        assert [line for line in lines if len(line) > 80 and " " in line.strip()[2:]] == []


def test_a_case_of_keras_2_is_told_as_keras_2_has_it(capsys: pytest.CaptureFixture[str]) -> None:
    """A case that the newest dialect does not have."""
    newest = {each.case.id for each in catalogue(DIALECTS[-1])}
    old = next(each.case.id for each in catalogue(DIALECTS[0]) if each.case.id not in newest)
    assert old.partition("[")[0] in told(capsys, old, "--oracle", "none")
