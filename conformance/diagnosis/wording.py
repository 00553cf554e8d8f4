"""Sentences about what was observed, in which nothing is concluded."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from conformance.cases import Question
from conformance.compare import Comparison
from conformance.results import Result, Verdict

#: What a procedure does to a layer, as the end of a sentence; options stand in braces.
CONTEXTS: Mapping[str, str] = {
    "call_constructed": "where its activation is given as {activation_as}",
    "call_modes": "in training mode or out of it",
    "call_graph": "under tf.function",
    "call_unbuilt": "when it is built by its first call",
    "call_other_shape": "on another rank than it was built on",
    "call_cast": "on inputs of {given}",
    "differentiate_cast": "for inputs of {given}",
    "call_under_policy": "where its dtype is given by {policy_by}",
    "declare_dtype": "in a symbolic call",
    "call_symbolic": "in a symbolic call",
    "infer_shape": "by compute_output_shape",
    "stack": "in a Sequential model",
    "keep_weights": "after its weights were set",
    "begin": "when its weights begin",
    "begin_called": "when a callable initializes it",
    "begin_with_arrays": "when arrays initialize it",
    "begin_with_weights": "when it is given the argument weights",
    "read_losses": "when its losses are read",
    "read_losses_in_graph": "when its losses are read in a graph",
    "step": "after an optimizer's step",
    "use_constrained": "after its weights were set and used",
    "constrain": "by the constraints that its weights carry",
    "read_attributes": "when its attributes are read",
    "assign_weights": "after its attributes kernel and bias were assigned to",
    "differentiate_frozen": "when it is frozen",
    "build_in_lane": "when its first call is traced by tf.function",
    "take_weights": "when its weights are taken and given",
    "set_wrong_weights": "when it is given wrong weights",
    "fit_frozen": "when it is trained frozen",
    "call_in_model": "in a {model} model",
    "call_shared": "when it is called twice",
    "call_masked": "behind a mask",
    "fit": "under fit",
    "evaluate": "under evaluate",
    "predict": "under predict",
    "differentiate_in_lane": "under tf.function",
    "differentiate_twice": "when it is differentiated twice",
    "several_tapes": "for the second gradient of a persistent tape",
    "jacobian": "by tape.jacobian",
    "forward_mode": "in forward mode",
    "restore_config": "after from_config(get_config())",
    "load_misfits": "when stored weights of another layer are loaded",
    "restore_model": "in a model that was restored by way of {way}",
    "restore_model frozen": "in a model of a frozen layer that was restored by way of {way}",
    "exchange_weights": "when weights are exchanged with the real layer",
    "refuse": "when it is constructed with {odd}",
    "refuse_inputs": "after it was given {given}",
    "construct_by_position": "when its arguments are given by position",
}
_LANES = {"xla": "compiled by XLA", "eager": "run eagerly", "graph": "under tf.function"}


def context(question: Question) -> str:
    """Where a question looks, as the end of a sentence; empty for a plain call."""
    frozen = f"{question.procedure} frozen" if question.option("frozen") else ""
    template = CONTEXTS.get(frozen) or CONTEXTS.get(question.procedure, "")
    words = template.format_map(_Options(dict(question.options)))
    lane = question.option("lane")
    return _LANES.get(lane, words) if lane and question.procedure == "differentiate_in_lane" else words


class _Options(dict[str, str]):
    """An option that is not given has no word."""

    def __missing__(self, key: str) -> str:
        return "another value"


#: What a comparison says of a tensor that did not come.
NOTHING = "nothing"


def missed(results: Iterable[Result]) -> list[Comparison]:
    return [each for result in results for each in result.comparisons if not each.holds]


def names_missed(result: Result) -> set[str]:
    return {each.name for each in result.comparisons if not each.holds}


def differs(comparison: Comparison) -> str:
    """What came, and what is right."""
    got, allowed = _short(comparison.got), _short(comparison.allowed.partition("  exact")[0])
    where = f" at {list(comparison.place)}" if comparison.place else ""
    return f"{comparison.name}{where} is {got} where {allowed} is right"


def _short(text: str) -> str:
    """Without the hexadecimal form of numbers, and cut where it is long."""
    words = [word for word in text.split() if "0x" not in word]
    line = " ".join(words)
    return line if len(line) <= 80 else line[:77] + "..."


def raised(results: Sequence[Result]) -> str:
    """The first exception, in the implementation's own words; empty where none was raised."""
    reasons = [result.reason for result in results if result.verdict in (Verdict.ERROR, Verdict.CRASH, Verdict.TIMEOUT)]
    return reasons[0].removeprefix("it raised ") if reasons else ""


def observed(results: Sequence[Result]) -> str:
    """The plainest thing that can be said of these failures."""
    differences = missed(results)
    where = context(results[0].case.question)
    if differences:
        return f"{differs(differences[0])} {where}".strip()
    return f"{f'it raises {where}'.strip()}: {raised(results)}".replace("  ", " ")


def options(results: Iterable[Result], name: str) -> list[str]:
    """The values of an option among these questions, each once."""
    return list(dict.fromkeys(value for result in results if (value := result.case.question.option(name))))


def listed(words: Sequence[str]) -> str:
    return ", ".join(words[:-1]) + (" and " if len(words) > 1 else "") + words[-1] if words else "nothing"


def nth(place: int) -> str:
    """The ordinal of a place that is counted from 0."""
    words = {0: "first", 1: "second", 2: "third"}
    number = place + 1
    ending = "th" if number % 100 in (11, 12, 13) else {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")
    return words.get(place, f"{number}{ending}")
