"""What a copy of a layer has lost: which argument its config does not keep."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import fields, replace
from typing import Any

import numpy as np

from conformance.answers import Trial
from conformance.diagnosis.exhibits import Inquiry
from conformance.diagnosis.rules.begun import Begun, begins_as
from conformance.diagnosis.wording import listed, missed, names_missed, observed, raised
from conformance.results import Diagnosis, Result, Verdict
from conformance.truth import truth
from reference.config import DenseConfig

CLAUSES = ("saving.config", "saving.clone", "saving.file")
#: Of a config alone, whatever a copy by it is.
PLAIN = "saving.config-is-plain"
#: Facts of a copy that its behaviour does not show.
KEPT = ("name", "trainable", "compute_dtype")


def wrong_config(inquiry: Inquiry) -> Iterator[Diagnosis]:
    """The rule: the arguments without which all failing copies would be right."""
    failing = [r for r in inquiry.failing(*CLAUSES) if r.case.question.procedure == "restore_config"]
    plain = [r for r in failing if names_missed(r) & {"json", "untouched"}]
    if plain:
        changed = not any("json" in names_missed(result) for result in plain)
        says = "from_config changes the config that it is given" if changed else "the config holds what JSON cannot say"
        yield Diagnosis("config-changed" if changed else "config-not-plain", says, observed(plain), _ids(plain))
    kept = [r for r in failing if r not in plain and r.verdict is Verdict.FAIL]
    if inquiry.failing("outputs.activation-argument"):
        kept = [r for r in kept if not r.case.question.option("activation_as")]
    lost_of = [(result, _lost(inquiry, result)) for result in kept]
    lost = sorted({argument for _, names in lost_of for argument in names})
    explained = [result for result, names in lost_of if names]
    if lost:
        seeds = [
            name for name in lost if all(_is_seed_alone(inquiry, copy, name) for copy, own in lost_of if name in own)
        ]
        what = [f"the seed of {name}" if name in seeds else name + _of_which(inquiry, name, lost_of) for name in lost]
        says = f"a copy by from_config(get_config()) does not keep {listed(what)}"
        cases = _ids([*explained, *_copies(inquiry, lost)])
        yield Diagnosis("config-incomplete", says, f"{len(explained)} copies differ in nothing else", cases)
    others = [r for r in kept if r not in explained]
    crossed = [(result, words) for result in others if (words := _crossed(inquiry, result))]
    for words in dict.fromkeys(words for _, words in crossed):
        copies = [result for result, told in crossed if told == words]
        says = f"in a copy by from_config(get_config()) {words}"
        yield Diagnosis("config-crossed", says, f"{len(copies)} copies differ in nothing else", _ids(copies))
    others = [r for r in others if r not in [result for result, _ in crossed]]
    if others:
        says = f"a copy by from_config(get_config()) is another layer: {observed(others)}"
        yield Diagnosis("copy-wrong", says, f"{len(others)} copies", _ids(others))
    refused = [r for r in inquiry.failing("saving.config") if r.verdict is Verdict.ERROR]
    if refused:
        says = f"copying it by its config raises: {raised(refused)}"
        copies = [r for r in inquiry.consequences("saving.clone", "saving.file") if r.verdict is Verdict.ERROR]
        yield Diagnosis("config-refused", says, f"{len(refused)} configs", _ids([*refused, *copies]))


def _of_which(inquiry: Inquiry, name: str, lost_of: Sequence[tuple[Result, Sequence[str]]]) -> str:
    """The values that are lost, where others are kept."""
    copies = [r for r in inquiry.passed if r.case.question.procedure == "restore_config" and r.clause.id != PLAIN]
    kept = [r for r in copies if _is_given(r.case.question.config, name)]
    values = sorted({str(getattr(result.case.question.config, name, "")) for result, names in lost_of if name in names})
    return f" where it is {listed(values)}" if kept and all(values) else ""


def _ids(results: Sequence[Result]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(result.case.id for result in results))


def _copies(inquiry: Inquiry, lost: Sequence[str]) -> list[Result]:
    """Other ways of copying by a config."""
    config = [r for r in inquiry.failing("saving.") if r.case.question.option("way") in ("clone", "file")]
    return [r for r in config if any(_is_given(r.case.question.config, name) for name in lost)]


def _is_given(config: DenseConfig, name: str) -> bool:
    return hasattr(config, name) and getattr(config, name) != getattr(DenseConfig(config.units), name)


def _lost(inquiry: Inquiry, result: Result) -> list[str]:
    """The arguments whose loss explains one failing copy: alone, or where all of them are lost."""
    names = names_missed(result)
    if names and names <= set(KEPT):
        return ["dtype" if name == "compute_dtype" else name for name in sorted(names)]
    config = result.case.question.config
    if config.dtype.startswith("mixed_") and _right_for(inquiry, result, {"dtype": config.format.name}):
        return ["the dtype policy, but the dtype that is computed in"]
    plain = DenseConfig(config.units)
    given = [each.name for each in fields(config) if each.name != "units" and _is_given(config, each.name)]
    given = ["activation_as"] if result.case.question.option("activation_as") else given
    for name in given:
        if name == "activation_as":
            if _right_for(inquiry, result, {"activation": "linear"}):
                return ["an activation that is a layer"]
        elif _right_for(inquiry, result, {name: getattr(plain, name)}):
            return [name]
    if len(given) > 1 and _right_for(inquiry, result, {name: getattr(plain, name) for name in given}):
        return given
    return [name for name in given if _part_of(name, names)] if _each_is_apart(given, names) else []


def _is_seed_alone(inquiry: Inquiry, result: Result, name: str) -> bool:
    """Whether a copy's weight begins by the initializer that was asked for, and not by the standard one."""
    weight, _, part = name.partition("_")
    if part != "initializer":
        return False
    question = result.case.question
    own, values = getattr(question.config, name), inquiry.witness.ask(question).answer.tensor(weight)
    if values is None or not own.endswith("_seeded"):
        return False
    begun = Begun(result, own, values.astype(np.float64), None)
    standard = getattr(DenseConfig(1), name)
    return begins_as(own, begun, weight) and not begins_as(standard, begun, weight)


def _crossed(inquiry: Inquiry, result: Result) -> str:
    """Which argument stands where the other weight's belongs, in words; empty where that is not so."""
    config = result.case.question.config
    for part in ("regularizer", "constraint", "initializer"):
        own, other = (getattr(config, f"{weight}_{part}") for weight in ("kernel", "bias"))
        for words, changes in (
            (f"the bias has the kernel's {part}", {f"bias_{part}": own}),
            (f"the kernel has the bias's {part}", {f"kernel_{part}": other}),
            (f"kernel and bias have each other's {part}", {f"bias_{part}": own, f"kernel_{part}": other}),
        ):
            if own != other and _right_for(inquiry, result, changes):
                return words
    return ""


def _part_of(name: str, names: set[str]) -> bool:
    weight, _, part = name.partition("_")
    return (weight if part == "initializer" else f"{weight}_constrained") in names


def _each_is_apart(given: Sequence[str], names: set[str]) -> bool:
    """Of initializers and constraints each weight tells of its own argument."""
    return bool(names) and all(name.endswith(("_initializer", "_constraint")) for name in given)


def _right_for(inquiry: Inquiry, result: Result, changes: dict[str, Any]) -> bool:
    """Whether the answer is right for a config with these arguments instead."""
    question, asked = result.case.question, inquiry.witness.ask(result.case.question)
    other = replace(question, config=replace(question.config, **changes))
    tensors = asked.tensors
    if tensors is None:
        return False
    if not other.config.use_bias and tensors.bias is not None:
        tensors = replace(tensors, bias=None)
    if other.config.use_bias and tensors.bias is None:
        return _has_bias_again(result)
    true = truth(other, tensors, inquiry.witness.oracle.dialect)
    oracle = inquiry.witness.oracle_answer(question)
    trial = Trial(other, asked.answer, true.bounds, true.facts, oracle, tensors.inputs)
    drawn = [name for name in changes if name.endswith("_initializer")]
    weights = {name.partition("_")[0] for name in drawn}
    return all(comparison.holds or comparison.name in weights for comparison in result.clause.check(trial))


def _has_bias_again(result: Result) -> bool:
    """A copy with a bias where none was asked for."""
    return any(
        each.name.startswith("shape of the weights") and each.got.count("[") > each.allowed.count("[")
        for each in missed([result])
    )
