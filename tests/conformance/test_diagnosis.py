"""The likely defect behind failures: the right one is named, and no wrong one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from conformance import study as study_module
from conformance.cases import Tier
from conformance.diagnosis.conclude import diagnose
from conformance.diagnosis.expected import EXPECTED
from conformance.diagnosis.measuring import is_kept_apart, measure, rate
from conformance.implementations.keras.mutants import MUTANTS as KERAS_MUTANTS
from conformance.implementations.load import load
from conformance.implementations.mutants import MUTANTS
from conformance.recording import oracle_named
from conformance.results import Diagnosis
from conformance.run import Selection, run
from conformance.study import study
from reference.activations import ACTIVATIONS

ORACLE = oracle_named("recorded")
IN_KERAS = {mutant.name for mutant in KERAS_MUTANTS}
#: Of those that a recorded oracle can judge one in twenty-four; of those that are kept apart nothing is told.
SAMPLE = [mutant for name, mutant in sorted(MUTANTS.items()) if name not in IN_KERAS and not is_kept_apart(mutant)][
    ::24
]


def affine(inputs: Any, kernel: Any, bias: Any) -> Any:
    outputs = inputs @ kernel
    return outputs if bias is None else outputs + bias


def activated(z: Any, activation: str) -> Any:
    return ACTIVATIONS[activation].value(z.astype(np.float64)).astype(z.dtype)


def bias_late(inputs: Any, kernel: Any, bias: Any, activation: str) -> Any:
    if activation == "glu":  # halves the units, so that the bias would not fit
        raise NotImplementedError(activation)
    outputs = activated(inputs @ kernel, activation)
    return outputs if bias is None else outputs + bias


def gelu_by_tanh(inputs: Any, kernel: Any, bias: Any, activation: str) -> Any:
    z = affine(inputs, kernel, bias)
    if activation != "gelu":
        return activated(z, activation)
    wide = z.astype(np.float64)
    return (wide / 2 * (1 + np.tanh(np.sqrt(2 / np.pi) * (wide + 0.044715 * wide**3)))).astype(z.dtype)


def leaky_by_a_hundredth(inputs: Any, kernel: Any, bias: Any, activation: str) -> Any:
    z = affine(inputs, kernel, bias)
    return np.where(z > 0, z, z * z.dtype.type(0.01)) if activation == "leaky_relu" else activated(z, activation)


def two_defects(inputs: Any, kernel: Any, bias: Any, activation: str) -> Any:
    if activation == "leaky_relu":
        return leaky_by_a_hundredth(inputs, kernel, bias, activation)
    return gelu_by_tanh(inputs, kernel, bias, activation)


def noisy(inputs: Any, kernel: Any, bias: Any, activation: str) -> Any:
    """No defect that anybody would know: every output is moved by a number of its own."""
    outputs = activated(affine(inputs, kernel, bias), activation)
    return outputs + (0.01 * np.sin(1e4 * np.arange(outputs.size) ** 1.5)).reshape(outputs.shape).astype(outputs.dtype)


def told_of(function: Callable[..., Any]) -> tuple[Diagnosis, ...]:
    implementation = load(function, ORACLE.dialect)
    (report,) = run([implementation], Selection(tier=Tier.SMOKE), ORACLE)
    assert report.accusations
    return diagnose(report, implementation, ORACLE)


def named(diagnoses: tuple[Diagnosis, ...]) -> set[str]:
    return {each.defect for each in diagnoses if each.defect}


@pytest.mark.parametrize(
    ("function", "defect", "says"),
    [
        (bias_late, "bias-late", "the bias is added after the activation"),
        (gelu_by_tanh, "activation-formula", "gelu is the tanh approximation"),
        (leaky_by_a_hundredth, "activation-formula", "0.01"),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_one_defect_is_one_sentence(function: Callable[..., Any], defect: str, says: str) -> None:
    """With its evidence in numbers, and every failed case is its consequence."""
    (told,) = told_of(function)
    assert says in told.says
    assert told.defect == defect
    assert any(each.isdigit() for each in told.evidence)


def test_two_defects_are_told_apart() -> None:
    told = told_of(two_defects)
    assert any("gelu is the tanh approximation" in each.says for each in told)
    assert any("leaky_relu" in each.says and "0.01" in each.says for each in told)
    assert len(told) == 2
    cases = [case for each in told for case in each.cases]
    assert len(cases) == len(set(cases))


def test_what_nobody_knows_has_no_name() -> None:
    """It is said what fails; no defect is named."""
    told = told_of(noisy)
    assert named(told) == set()
    assert all(each.cases and each.says for each in told)


def test_every_mutant_has_its_right_names() -> None:
    """What is right for a mutant follows from what it declares; without it nothing could be measured."""
    assert set(EXPECTED) == set(MUTANTS)


def test_of_a_sample_no_wrong_defect_is_named_and_most_right_ones() -> None:
    """`mutants --diagnose` measures them all, and those that the rules were not written from."""
    found = measure(SAMPLE, Selection(tier=Tier.SMOKE), ORACLE)
    told = rate(found)
    assert told.mutants > 10
    assert [each.mutant.name for each in found if each.outcome.value == "wrong"] == []
    assert told.right >= 0.9 * told.mutants


def test_verdicts_stand_whatever_a_study_meets(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: Any) -> tuple[Diagnosis, ...]:
        raise RuntimeError("it answers otherwise now")

    implementation = load(bias_late, ORACLE.dialect)
    (report,) = run([implementation], Selection(tier=Tier.SMOKE, case="outputs.bias-before-activation"), ORACLE)
    monkeypatch.setattr(study_module, "diagnose", broken)
    studied = study(report, implementation, ORACLE)
    (told,) = studied.diagnoses
    assert (told.defect, told.evidence) == ("", "RuntimeError: it answers otherwise now")
    assert studied.results == report.results
