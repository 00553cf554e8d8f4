"""What is wrong with the weights themselves: which there are, in which order, of which names, shapes and dtypes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from math import prod

from conformance.cases import Json
from conformance.diagnosis.exhibits import Inquiry
from conformance.diagnosis.rules.explained import UNCERTAIN, fails_in
from conformance.diagnosis.wording import NOTHING, listed, names_missed, observed
from conformance.results import Diagnosis, Result, Verdict

#: Comparisons of facts that tell of weights alone.
TELL_OF_WEIGHTS = (
    *("weights", "count", "trainable", "shape of the", "shapes of", "dtype of the weights", "dtype of the kernel_gr"),
    *("dtype of the bias_gr", "order", "names", "number of weights", "kernel", "bias"),
)


#: So many policies are most of them.
SEVERAL = 3


#: Defects by which the weights of another layer fit, or its own do not.
OTHER_WEIGHTS = ("weights-extra", "weights-missing", "bias-made-unused", "kernel-shape", "bias-shape")


def wrong_weights(inquiry: Inquiry) -> Iterator[Diagnosis]:
    """The rule: what a plain layer's weights are; where these are right, those of the setting that fails."""
    failing = [result for result in inquiry.failing("parameters.", "dtypes.variables") if _has_records(result)]
    if not failing:
        return
    for result in failing:
        asked = inquiry.witness.ask(result.case.question)
        told = _compared(_records(asked.answer.fact("weights")), _records(asked.truth.facts.get("weights")), result)
        if told is not None:
            defect, says = told
            everywhere = _one_dtype(inquiry, failing) if defect == "weights-dtype" else None
            if everywhere is not None:
                yield everywhere
                return
            cases = tuple(each.case.id for each in inquiry.open if _follows(defect, each, says))
            if result.case.id in cases:
                evidence = f"{len(cases)} cases that list, count, set or use weights fail"
                yield Diagnosis(defect, f"{says}{_where(result, failing, inquiry)}", evidence, cases)
                return
    counts = [result for result in failing if names_missed(result) <= {"count", "trainable", "counts"}]
    if counts:
        cases = tuple(
            each.case.id
            for each in inquiry.open
            if names_missed(each) and names_missed(each) <= {"count", "counts", "trainable"}
        )
        yield Diagnosis(
            "parameter-count",
            f"the weights are right, but not their count: {observed(counts)}",
            f"{len(counts)} cases",
            cases,
        )


def _one_dtype(inquiry: Inquiry, failing: Sequence[Result]) -> Diagnosis | None:
    """Where the weights have one dtype under several policies that ask for others."""
    found: dict[str, str] = {}
    names: set[str] = set()
    for result in failing:
        asked = inquiry.witness.ask(result.case.question)
        got, right = (_records(of) for of in (asked.answer.fact("weights"), asked.truth.facts.get("weights")))
        for weight, other in zip(got, right, strict=False):
            if weight.get("dtype") != other["dtype"]:
                found[result.case.question.config.dtype] = str(weight.get("dtype"))
                names.add(str(other["name"]))
    dtypes = set(found.values())
    if len(found) < SEVERAL or len(dtypes) != 1:
        return None
    dtype = dtypes.pop()
    of = "the weights are" if len(names) > 1 else f"the {names.pop()} is"
    says = f"{of} of dtype {dtype} whatever dtype the layer is given: also under {listed(sorted(found))}"
    open_cases = [r for r in inquiry.open if r.case.question.config.dtype != dtype and r.verdict.fails]
    cases = [*open_cases, *inquiry.failing("errors.dtype", "weights.attributes")]
    return Diagnosis("weights-dtype", says, f"{len(failing)} lists of weights", tuple({r.case.id: None for r in cases}))


def _has_records(result: Result) -> bool:
    """What raises lists nothing."""
    return result.verdict is Verdict.FAIL and result.case.question.procedure in ("build", "call_unbuilt")


def _records(weights: Json) -> list[Mapping[str, Json]]:
    return [weight for weight in weights if isinstance(weight, dict)] if isinstance(weights, list) else []


def _compared(
    got: Sequence[Mapping[str, Json]], right: Sequence[Mapping[str, Json]], result: Result
) -> tuple[str, str] | None:
    """The name of the defect, and what is seen of it."""
    if len(got) > len(right):
        more = _beyond(got, right)
        extra = " and ".join(f"{weight.get('name')} of shape {weight.get('shape')}" for weight in more)
        if not result.case.question.config.use_bias and any(each.get("name") == "bias" for each in more):
            return "bias-made-unused", "a bias is made although use_bias is False"
        return "weights-extra", f"there is a weight too many: {extra}"
    if len(got) < len(right):
        lacking = " and ".join(f"the {weight.get('name')}" for weight in _beyond(right, got))
        return "weights-missing", f"there are {len(got)} weights where {len(right)} are right: {lacking} is missing"
    shapes, wanted = [each.get("shape") for each in got], [each["shape"] for each in right]
    names, wanted_names = [each.get("name") for each in got], [each["name"] for each in right]
    stuck = {weight.get("name") for weight in got if weight.get("trainable") is False}
    stuck &= {weight["name"] for weight in right if weight["trainable"]}
    if len(stuck) == 1 and sorted(map(str, names)) == sorted(map(str, wanted_names)):
        return "weights-not-trainable", f"the {stuck.pop()} is not trainable: no optimizer sees it"
    if shapes != wanted and shapes == wanted[::-1]:
        return "weights-order", "the weights come in another order: the bias before the kernel"
    for weight, shape in zip(right, shapes, strict=True):
        if shape != weight["shape"]:
            if weight["name"] == "kernel" and _is_of_flattened(shape, result):
                says = (
                    f"inputs of rank {len(result.case.question.known_shape)} are flattened to (batch, -1): the kernel"
                )
                return "kernel-shape", f"{says} has the shape {shape} where {weight['shape']} is right"
            turned = " (transposed)" if shape == weight["shape"][::-1] and len(weight["shape"]) > 1 else ""
            return (
                f"{weight['name']}-shape",
                f"the {weight['name']} has the shape {shape}{turned} where {weight['shape']} is right",
            )
    if names != wanted_names:
        return (
            "weights-names",
            f"the weights are called {' and '.join(map(str, names))} where {' and '.join(wanted_names)} is right",
        )
    for weight, other in zip(right, got, strict=True):
        if other.get("dtype") != weight["dtype"]:
            policy = result.case.question.config.dtype
            return (
                "weights-dtype",
                f"the {weight['name']} is of dtype {other.get('dtype')} where {weight['dtype']} is right, "
                f"under {policy}",
            )
    return None


def _is_of_flattened(shape: Json, result: Result) -> bool:
    """Whether a kernel has a row for each number that an entry of the batch is made of."""
    given, units = result.case.question.known_shape, result.case.question.config.units
    return len(given) > 2 and prod(given[1:]) != given[-1] and shape == [prod(given[1:]), units]


def _beyond(got: Sequence[Mapping[str, Json]], right: Sequence[Mapping[str, Json]]) -> list[Mapping[str, Json]]:
    """The weights that are none of the right ones: by name and shape, or by either, or else the last."""
    for fields in (("name", "shape"), ("name",), ("shape",)):
        known = [tuple(each.get(field) for field in fields) for each in right]
        more = [weight for weight in got if tuple(weight.get(field) for field in fields) not in known]
        if len(got) - len(more) == len(right):
            return more
    return list(got[len(right) :])


def _where(result: Result, failing: Sequence[Result], inquiry: Inquiry) -> str:
    """Of weights that a first call alone makes."""
    built = [each for each in failing if each.case.question.procedure == "build"]
    return (
        " when it is built by its first call" if not built and result.case.question.procedure == "call_unbuilt" else ""
    )


def _is_without_bias(result: Result) -> bool:
    return not result.case.question.config.use_bias or result.case.question.option("of") == "bias"


def _is_of_others(result: Result) -> bool:
    """Whether what was looked at may be the other weights: how they begin, and gradients that do not reach them."""
    missing = any(each.got == NOTHING and each.name.endswith("_gradient") for each in result.comparisons)
    return result.clause.area == "initializers" or (missing and result.case.question.config.activation in UNCERTAIN)


def _follows(defect: str, result: Result, says: str) -> bool:
    """Facts of weights follow from wrong weights; of those that cannot be loaded everything else as well."""
    names = names_missed(result)
    if names and all(name.startswith(TELL_OF_WEIGHTS) for name in names):
        return True
    if defect == "bias-made-unused" and _is_without_bias(result):
        return True
    given = ("saving.misfits-refused", "weights.wrong-ones-refused", "errors.weights")
    if result.clause.id.startswith(given) and defect in OTHER_WEIGHTS:
        return True
    if result.clause.id.startswith(("weights.", "initializers.", "errors.initializer")) and defect == "weights-missing":
        return True
    if defect == "weights-extra" and _is_of_others(result):
        return True
    if defect in (
        "weights-extra",
        "weights-missing",
        "kernel-shape",
        "bias-shape",
        "weights-order",
        "bias-made-unused",
        "weights-names",
    ):
        refused = result.verdict in (Verdict.ERROR, Verdict.BLOCKED)
        return refused or (defect.endswith("-shape") and result.case.question.procedure != "construct_by_position")
    if defect == "weights-not-trainable":
        weight = says.split()[1]
        if result.case.question.config.activation in UNCERTAIN and f"{weight}_gradient" in names:
            return True
        touched = (
            f"{weight}_gradient",
            f"second_{weight}_gradient",
            f"{weight}_after",
            "losses",
            "reported_loss",
            "trainable and",
            "dtype of the",
            "kernel_after",
            "second_",
            "nan_at",
        )
        return result.verdict is Verdict.ERROR or (bool(names) and all(name.startswith(touched) for name in names))
    if defect == "weights-dtype":
        held = says.rpartition("under ")[2].split()[0]
        return result.case.question.config.dtype == held and (fails_in(result, "") or result.verdict is Verdict.ERROR)
    return False
