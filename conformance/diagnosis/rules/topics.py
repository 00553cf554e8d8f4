"""Defects that a clause itself names: what it observed is all that there is to say."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from conformance.diagnosis.exhibits import Inquiry
from conformance.diagnosis.wording import listed, missed, observed, options, raised
from conformance.results import Diagnosis, Result, Verdict


@dataclass(frozen=True)
class Topic:
    """defect: its name. clauses: those whose failure is this defect. says: the sentence, of all their failures.

    follow: clauses whose failures come of it. raises: None for any verdict, else whether it is one of raising.
    holds: whether that can be said of these failures at all.
    """

    defect: str
    clauses: tuple[str, ...]
    says: Callable[[Sequence[Result]], str]
    follow: tuple[str, ...] = ()
    raises: bool | None = None
    holds: Callable[[Inquiry, Sequence[Result]], bool] = lambda inquiry, results: True


def _observed(words: str) -> Callable[[Sequence[Result]], str]:
    """Of what raises nothing is known but that it does."""
    return lambda results: f"{words}: {observed(results)}" if missed(results) else observed(results)


def _by_names(*told: tuple[tuple[str, ...], str]) -> Callable[[Sequence[Result]], str]:
    """Words by the names of what fails: the first whose names hold all of them; else nothing but what is observed."""

    def says(results: Sequence[Result]) -> str:
        names = {each.name for each in missed(results)}
        words = next(
            (words for beginnings, words in told if names and all(n.startswith(beginnings) for n in names)), ""
        )
        return f"{words}: {observed(results)}" if words else observed(results)

    return says


def _raised(words: str) -> Callable[[Sequence[Result]], str]:
    return lambda results: f"{words}: {raised(results)}"


def _odd(results: Sequence[Result]) -> str:
    """Odd arguments by the names that the suite gives them; in a config those that the constructor refuses."""
    in_configs = [result for result in results if result.case.question.option("by") == "config"]
    given = options([result for result in results if result not in in_configs], "odd")
    words = [each.replace("-", " ") for each in given]
    words += [f"{each.replace('-', ' ')} in a config" for each in options(in_configs, "odd") if each not in given]
    return f"what Keras refuses is accepted: {listed(words)}"


def _policies(results: Sequence[Result]) -> str:
    forms = {
        "object": "as a policy object",
        "global": "by the global policy",
        "dtype": "as a tf.DType",
        "argument": "by name",
    }
    given = [forms.get(each, each) for each in options(results, "policy_by")]
    if options(results, "policy_by") == ["global"]:
        return f"the global policy that it was made under is not the layer's: {observed(results)}"
    dtypes = {each.got for each in missed(results) if each.name == "dtype"}
    what = "ignored" if dtypes == {"'float32'"} else "not taken for what it is"
    return f"a dtype that is given {listed(given)} is {what}: {observed(results)}"


def _dtypes_of_gradients(results: Sequence[Result]) -> str:
    """What is missing has no dtype, and of what raises nothing is known but that it does."""
    if not missed(results):
        return observed(results)
    is_missing = all(each.got == "None" for each in missed(results) if each.name.startswith("dtype"))
    what = "is missing" if is_missing else "has another dtype than what it belongs to"
    return f"a gradient {what}: {observed(results)}"


def _attributes(results: Sequence[Result]) -> str:
    """Each attribute once."""
    told = {each.name: f"{each.name} is {each.got} where {each.allowed} is right" for each in missed(results)}
    return (
        f"what can be read of a layer is wrong: {'; '.join(list(told.values())[:3])}"
        if told
        else _raised("its attributes cannot be read")(results)
    )


def _frozen(results: Sequence[Result]) -> str:
    """What is thawed and does not train has a sentence of its own."""
    words = _attributes(results).removeprefix("what can be read of a layer is wrong: ")
    since = {result.case.question.option("frozen") for result in results}
    if since == {"constructor"} and any(each.name == "trainable" and each.got == "True" for each in missed(results)):
        return f"trainable=False, given to the constructor, does not freeze it: {words}"
    some_train = any(each.name.startswith("shapes") and each.got != "[]" for each in missed(results))
    if some_train or not all(result.case.question.option("thawed") for result in results):
        return _attributes(results)
    when = "that was built while it did not train" if since == {"constructor"} else "that did not train"
    return f"a layer {when} does not train once it is told to: {words}"


def _built(results: Sequence[Result]) -> str:
    forms = options(results, "shape_as")
    if forms and all(
        result.verdict is not Verdict.FAIL and result.case.question.option("shape_as") for result in results
    ):
        return f"build refuses a shape that is given as {listed(forms)}: {raised(results)}"
    shapes = [each for each in missed(results) if each.name == "shapes of get_weights"]
    if shapes and all(each.got.count("[") == each.allowed.count("[") for each in shapes):
        return f"get_weights gives arrays of other shapes: {observed(results)}"
    if shapes and all(each.got.count("[") > each.allowed.count("[") for each in shapes):
        return f"there are weights before there should be any: {observed(results)}"
    told = _by_names((("built", "shapes of get_weights"), "the weights are not there when they should be"))
    return told(results)


def _misfits(results: Sequence[Result]) -> list[str]:
    told = {"bias": "those of a layer that differs in having a bias", "units": "those of a layer of other units"}
    return [told.get(each, each) for each in options(results, "of")]


def _is_asked_more_or_less(_: Inquiry, results: Sequence[Result]) -> bool:
    """Whether the number of calls is another one, not what is asked for alone."""
    calls = [each for each in missed(results) if each.name == "calls"]
    return any(each.got.count("]") != each.allowed.count("]") for each in calls)


def _others_fail(inquiry: Inquiry, results: Sequence[Result]) -> bool:
    """Whether weights begin wrong in other ways as well."""
    return any(result not in results for result in inquiry.failing("initializers."))


def _wrong_weights(results: Sequence[Result]) -> str:
    names = {each.name for each in missed(results)}
    wrong = [each.replace("-", " ") for each in options(results, "wrong")]
    if "refused" in names:
        return f"set_weights accepts what does not fit: {listed(wrong)}"
    if "unchanged" in names:
        return f"weights that set_weights refuses change the layer: {listed(wrong)}"
    return f"after a refusal of set_weights the layer is wrong: {observed(results)}"


def _shapes(words: str) -> Callable[[Sequence[Result]], str]:
    """In the words {ranks} stands for those of the inputs."""

    def says(results: Sequence[Result]) -> str:
        if {each.name for each in missed(results)} - {"refused"}:
            return observed(results)
        shapes = list(dict.fromkeys(result.case.question.input_shape for result in results))
        ranks = " or ".join(str(rank) for rank in sorted({len(shape) for shape in shapes}))
        told = [str(shape).replace("None", "unknown") for shape in shapes[:4]]
        return f"{words.format(ranks=ranks)}: inputs of shape {listed(told)}"

    return says


#: Where weights that move by themselves show, too.
MOVED = ("state.training-mode", "modes.fit", "losses.training", "constraints.training", "constraints.only-after-steps")
#: What other rules would take for a defect of its own.
EARLY: tuple[Topic, ...] = (
    Topic("built-when", ("weights.built-when",), _built, ("weights.", "losses.when-built", "composition.", "saving.")),
    Topic("attributes-wrong", ("weights.attributes",), _attributes, ("parameters.stack", "saving.config-keeps")),
    Topic(
        "frozen-wrong",
        ("weights.frozen[",),
        _frozen,
        ("weights.frozen-in-training", "saving.config-keeps", "losses.frozen"),
    ),
    Topic(
        "frozen-weights-move",
        ("weights.frozen-in-training",),
        _by_names((("kernel", "bias"), "calls in training mode move the weights, whether the layer is frozen or not")),
        MOVED,
        raises=False,
        holds=lambda inquiry, results: bool(inquiry.failing("state.training-mode")),
    ),
    Topic(
        "frozen-weights-move",
        ("weights.frozen-in-training",),
        _by_names((("kernel", "bias"), "training moves the weights of a frozen layer")),
        MOVED,
        raises=False,
    ),
)
TOPICS: tuple[Topic, ...] = (
    Topic(
        "low-rank-accepted",
        ("shapes.low-rank-refused",),
        _shapes("inputs of rank {ranks} are accepted"),
        ("errors.inputs", "errors.recovery"),
    ),
    Topic(
        "other-width-accepted",
        ("shapes.other-width-refused",),
        _shapes("a built layer accepts another number of features"),
        ("errors.inputs",),
    ),
    Topic(
        "unknown-width-accepted",
        ("shapes.undefined-width-refused",),
        _shapes("a last axis of unknown length is accepted"),
        ("errors.inputs",),
    ),
    Topic(
        "rank-refused",
        ("shapes.other-rank-accepted",),
        _raised("inputs of another rank than the first are refused"),
        raises=True,
    ),
    Topic(
        "symbolic-shape-wrong",
        ("shapes.symbolic",),
        _observed("a symbolic call declares a wrong shape"),
        ("parameters.stack",),
    ),
    Topic(
        "inferred-shape-wrong", ("shapes.inferred",), _observed("compute_output_shape is wrong"), ("parameters.stack",)
    ),
    Topic("policy-ignored", ("dtypes.policy-argument",), _policies),
    Topic("declared-dtype-wrong", ("dtypes.declared",), _observed("a symbolic call declares a wrong dtype")),
    Topic("narrow-storage", ("dtypes.weights-kept",), _observed("weights are not kept to the last bit")),
    Topic("gradient-dtype", ("dtypes.gradients",), _dtypes_of_gradients),
    Topic(
        "operands-unrounded",
        ("dtypes.mixed-rounds-operands",),
        _observed("under a mixed policy the outputs are not those of operands that are rounded to nearest"),
    ),
    Topic(
        "training-differs",
        ("state.training-mode",),
        _observed("training mode changes the outputs"),
        (
            "modes.fit",
            "losses.training",
            "constraints.training",
            "weights.frozen-in-training",
            "constraints.only-after-steps",
            "modes.evaluate",
        ),
    ),
    Topic(
        "losses-wrong",
        ("losses.kernel", "losses.bias", "losses.activity", "losses.all"),
        _observed("the penalties in `losses` are wrong"),
        ("losses.", "saving.config", "errors.positions", "modes.evaluate", "modes.fit", "constraints.training"),
    ),
    Topic(
        "training-steps-wrong",
        ("modes.fit", "losses.training", "constraints.training"),
        _by_names(
            (("kernel_after", "bias_after"), "fit makes other steps than it should"),
            (("reported_loss",), "fit reports another loss than it should"),
            (("kernel_after", "bias_after", "reported_loss"), "fit makes other steps, and reports another loss"),
        ),
        ("modes.fit-lanes",),
    ),
    Topic(
        "evaluation-wrong",
        ("modes.evaluate", "losses.evaluation"),
        _by_names((("reported_loss",), "evaluate reports another loss")),
    ),
    Topic(
        "penalties-before-call",
        ("losses.when-built",),
        _observed("a layer that is built, not called, has the wrong losses"),
    ),
    Topic(
        "initializer-asked-twice",
        ("initializers.callable",),
        _observed("a callable initializer is not called once for each weight"),
        ("initializers.",),
        holds=_is_asked_more_or_less,
    ),
    Topic(
        "arrays-ignored",
        ("initializers.arrays",),
        _observed("a weight does not begin as the array that initializes it"),
        holds=lambda inquiry, results: not _others_fail(inquiry, results),
    ),
    Topic(
        "orthogonal-wrong",
        ("initializers.orthogonal",),
        _observed("orthogonal does not make orthonormal rows or columns"),
        holds=lambda inquiry, results: not _others_fail(inquiry, results),
    ),
    Topic(
        "seed-not-used",
        ("initializers.repeatable",),
        _by_names(
            (("the same program",), "the same global seed does not make the same weights"),
            (("with another",), "another global seed makes no other weights"),
        ),
    ),
    Topic("initializer-wrong", ("initializers.",), _observed("weights begin otherwise than by their initializer")),
    Topic(
        "weights-given-wrong",
        ("weights.taken-and-given",),
        _observed("get_weights and set_weights do not carry the weights over"),
    ),
    Topic("wrong-weights-accepted", ("weights.wrong-ones-refused", "errors.weights"), _wrong_weights),
    Topic(
        "mask-wrong",
        ("composition.masks",),
        _by_names(
            (("mask",), "a mask does not come through"),
            (("outputs",), "behind a mask the outputs are others"),
        ),
        ("losses.masked",),
    ),
    Topic("stacked-weights-wrong", ("parameters.stack",), _observed("in a Sequential model the layer is another")),
    Topic("penalty-of-masked", ("losses.masked",), _observed("behind a mask the losses are others")),
    Topic(
        "misfits-accepted",
        ("saving.misfits-refused",),
        lambda results: (
            f"stored weights that do not fit are loaded without a word: {listed(_misfits(results))}"
            if all(each.name == "refused" for each in missed(results))
            else observed(results)
        ),
    ),
    Topic(
        "odd-argument-accepted",
        (
            "errors.units",
            "errors.fractional-units",
            "errors.activation",
            "errors.initializer",
            "errors.regularizer",
            "errors.constraint",
            "errors.dtype",
            "errors.keyword",
            "errors.keras-2",
        ),
        _odd,
        ("errors.moment-and-type",),
    ),
    Topic("odd-inputs-accepted", ("errors.inputs",), _shapes("inputs that no Dense takes are accepted")),
    Topic(
        "refused-otherwise",
        ("errors.moment-and-type",),
        _observed("what is refused is refused at another moment, or by an exception of another type"),
    ),
    Topic(
        "recovery-wrong",
        ("errors.recovery",),
        _by_names(
            (("refused",), "first inputs that no Dense takes are accepted"),
            (("outputs", "weights", "count", "trainable", "kernel", "bias"), "a refusal leaves its traces"),
        ),
    ),
    Topic(
        "positions-wrong",
        ("errors.positions",),
        _observed("with its ten arguments given by position it is another layer"),
    ),
)


def early_topics(inquiry: Inquiry) -> Iterator[Diagnosis]:
    yield from _in_turn(inquiry, EARLY)


def wrong_topics(inquiry: Inquiry) -> Iterator[Diagnosis]:
    yield from _in_turn(inquiry, TOPICS)


def _in_turn(inquiry: Inquiry, topics: Sequence[Topic]) -> Iterator[Diagnosis]:
    """Topic by topic, causes before what follows from them."""
    for topic in topics:
        failing = [r for r in inquiry.open if f"{r.clause.id}[".startswith(topic.clauses) and _is_of(topic, r)]
        if failing and topic.holds(inquiry, failing):
            follow = inquiry.consequences(*topic.follow) if topic.follow else []
            ran = sum(f"{r.clause.id}[".startswith(topic.clauses) for r in inquiry.report.results)
            evidence = f"{len(failing)} of {ran} cases of {', '.join(dict.fromkeys(r.clause.id for r in failing))} fail"
            cases = tuple(dict.fromkeys(result.case.id for result in (*failing, *follow)))
            yield Diagnosis(topic.defect, topic.says(failing), evidence, cases)


def _is_of(topic: Topic, result: Result) -> bool:
    return topic.raises is None or (result.verdict is not Verdict.FAIL) == topic.raises
