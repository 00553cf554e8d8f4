"""`dense-conformance explain`: what a Dense does, told from the real layer; or what a clause or case is about."""

from __future__ import annotations

import argparse
import ast
import operator
import textwrap
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any

from conformance.api import UsageError
from conformance.cases import Question
from conformance.contract import CONTRACT
from conformance.contract.bugs import BUGS
from conformance.contract.clause import Clause
from conformance.families import draw
from conformance.implementations.protocol import Implementation
from conformance.recording import KERAS_ALONE, oracle_named
from conformance.reports.text import wrapped
from conformance.run import catalogue
from conformance.session import Oracle, Planned, live_oracle
from conformance.truth import needs_tensors
from reference.activations import ACTIVATIONS
from reference.config import DenseConfig
from reference.dense import kernel_shape, output_shape, parameter_count
from reference.dialects import DIALECTS, Dialect
from reference.elementwise import Elementwise
from reference.formulas import FORMULAS, FORMULAS_OF_KERAS_2

#: What an expression may compute with: literals are never evaluated by Python itself.
OPERATORS: Mapping[type, Callable[[int, int], int]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.FloorDiv: operator.floordiv,
    ast.Pow: operator.pow,
}
#: A number larger than this is no length of an axis; it also keeps a power from growing without end.
GREATEST = 2**31
#: A rank-3 input for the claim about flattening: a batch and another axis that differ from each other.
BATCH, STEPS = 2, 3


@dataclass(frozen=True)
class Expression:
    """`Dense(...)` as it was written: its config, and the input_shape that it names, if any, without the batch."""

    config: DenseConfig
    input_shape: tuple[int, ...]


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = subparsers.add_parser(
        "explain",
        help="what a Dense does, or what a clause or case is about",
        description="The formula, the shapes, why a clause matters, which public bugs it would have caught, and what "
        "the real layer answers.",
    )
    parser.add_argument(
        "what", metavar="LAYER-CLAUSE-OR-CASE", help="'Dense(32, activation=\"relu\", input_shape=(16,))', or an id"
    )
    parser.add_argument(
        "--oracle",
        choices=["tensorflow", "recorded", "none"],
        help="whose answer is shown of a layer or a case: tensorflow, by default where it is installed; recorded; or "
        "none, which is there at once",
    )
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    what = arguments.what.strip()
    oracle = arguments.oracle or ("tensorflow" if find_spec("tensorflow") else "recorded")
    if "(" in what:
        expression = parse(what)
        told = by_the_real_layer(expression) if oracle == "tensorflow" else by_contract(expression)
        print("\n".join(explain_layer(expression, told)))
    elif "[" in what:
        planned, dialect = _found(what)
        print("\n".join(explain_case(planned, dialect)), flush=True)
        if oracle != "none":
            print("\n".join(answer_of(planned.case.question, oracle)))
    else:
        print("\n".join(explain_clause(_clause(what))))
    return 0


# ---- a layer -------------------------------------------------------------------------------------------------------


def parse(text: str) -> Expression:
    """The layer that an expression describes: literals and arithmetic alone. Raises UsageError for anything else."""
    try:
        call = ast.parse(text, mode="eval").body
    except (SyntaxError, ValueError) as failure:
        raise UsageError(f"{text!r} is no Python expression: {failure}") from None
    if not isinstance(call, ast.Call) or _name(call.func) != "Dense":
        raise UsageError(f"expected Dense(units, ...), got {text!r}")
    given: dict[str, Any] = {name: _literal(value) for name, value in zip(_POSITIONAL, call.args, strict=False)}
    given.update({str(keyword.arg): _literal(keyword.value) for keyword in call.keywords})
    unknown = sorted(set(given) - {*_POSITIONAL, "dtype", "input_shape", "input_dim"})
    if unknown or len(call.args) > len(_POSITIONAL):
        raise UsageError(
            f"explained are {', '.join(_POSITIONAL)}, dtype, input_shape, input_dim; not {', '.join(unknown)}"
        )
    return _expression(given)


_POSITIONAL = ("units", "activation", "use_bias")


def _expression(given: dict[str, Any]) -> Expression:
    shape = given.pop("input_shape", None)
    width = given.pop("input_dim", None)
    shape = (width,) if shape is None and width is not None else shape
    lengths = (16,) if shape is None else shape
    if not isinstance(lengths, tuple) or not lengths or not all(type(axis) is int and axis > 0 for axis in lengths):
        raise UsageError(f"input_shape must be a tuple of positive lengths without the batch, got {shape!r}")
    activation = given.pop("activation", None) or "linear"
    if activation not in ACTIVATIONS:
        raise UsageError(f"activation must be one of {', '.join(ACTIVATIONS)}, got {activation!r}")
    try:
        return Expression(DenseConfig(activation=activation, **given), lengths)
    except (TypeError, ValueError) as failure:
        raise UsageError(f"no such Dense: {failure}") from None


def _name(function: ast.expr) -> str:
    return function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")


def _literal(node: ast.expr) -> Any:
    """The value of a literal, a tuple of such, or arithmetic of integers."""
    if isinstance(node, ast.Constant):
        return node.value
    if isinstance(node, ast.Tuple | ast.List):
        return tuple(_literal(element) for element in node.elts)
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        return -_integer(node.operand)
    if isinstance(node, ast.BinOp) and type(node.op) in OPERATORS:
        return _computed(OPERATORS[type(node.op)], _integer(node.left), _integer(node.right))
    raise UsageError(f"only literals and arithmetic of integers are read, not {ast.unparse(node)!r}")


def _integer(node: ast.expr) -> int:
    value = _literal(node)
    if type(value) is not int:
        raise UsageError(f"arithmetic is for integers, got {value!r}")
    return value


def _computed(operation: Callable[[int, int], int], left: int, right: int) -> int:
    if (operation is operator.pow and not 0 <= right <= 31) or abs(left) > GREATEST or abs(right) > GREATEST:
        raise UsageError(f"{left} and {right} are beyond any length of an axis (at most 2^31)")
    try:
        result = operation(left, right)
    except ZeroDivisionError:
        raise UsageError(f"{left} // {right} is a division by zero") from None
    if abs(result) > GREATEST:
        raise UsageError(f"the result of {left} and {right} is beyond any length of an axis (at most 2^31)")
    return result


@dataclass(frozen=True)
class Told:
    """What a layer does, and who says so. deep: the kernel's shape and the number of parameters for inputs of rank 3;
    flat: the outputs' shape for symbolic ones.
    """

    who: str
    weights: Mapping[str, tuple[int, ...]]
    count: int
    outputs: tuple[int | None, ...]
    deep: tuple[tuple[int, ...], int]
    flat: tuple[int | None, ...]


def by_contract(expression: Expression) -> Told:
    """What the reference says, without asking any layer."""
    config, shape = expression.config, expression.input_shape
    kernel = kernel_shape(config, shape[-1])
    weights = {"kernel": kernel, **({"bias": (config.units,)} if config.use_bias else {})}
    count = parameter_count(config, shape[-1])
    outputs, flat = output_shape(config, (None, *shape)), output_shape(config, (None, STEPS, shape[-1]))
    return Told("By the contract, which real layers were held to", weights, count, outputs, (kernel, count), flat)


def by_the_real_layer(expression: Expression) -> Told:
    """All numbers are the layer's own. Raises UsageError where it refuses."""
    oracle = live_oracle()
    implementation, config, shape = oracle.implementation, expression.config, expression.input_shape
    facts = _facts(implementation, Question("build", config, (None, *shape)))
    deep = _facts(implementation, Question("build", config, (BATCH, STEPS, shape[-1])))
    return Told(
        f"Measured on tf.keras.layers.Dense, {_versions(oracle)}",
        _shapes_of(facts["weights"]),
        facts["count"],
        tuple(_facts(implementation, Question("call_symbolic", config, (None, *shape)))["output_shape"]),
        (_shapes_of(deep["weights"])["kernel"], deep["count"]),
        tuple(_facts(implementation, Question("call_symbolic", config, (None, STEPS, shape[-1])))["output_shape"]),
    )


def explain_layer(expression: Expression, told: Told) -> Iterator[str]:
    """What a layer does, and which often-quoted sentences are wrong."""
    config, shape = expression.config, expression.input_shape
    yield told.who
    yield ""
    yield from _formula(config, DIALECTS[-1].name)
    yield _row("inputs", f"{_shape((None, *shape))}   None is the batch: any number of examples")
    for name, each in told.weights.items():
        yield _row(name, f"{_shape(each)}   {AXES[name]}")
    yield _row("outputs", _shape(told.outputs))
    yield _row("parameters", f"{told.count:,} = {_product(told.weights)}")
    yield ""
    yield from _claims(expression, told)


def _claims(expression: Expression, told: Told) -> Iterator[str]:
    config, width = expression.config, expression.input_shape[-1]
    kernel, count = told.deep
    kept = "not flattened" if kernel[0] == width else "flattened"
    yield "Often quoted, and what the layer does:"
    met, gave = _shape((BATCH, STEPS, width)), _shape((None, STEPS, width))
    yield from _paragraph(
        f'"If the input has a rank greater than 2, it is flattened prior to the dot product." It is {kept}: inputs of '
        f"shape {met} meet a kernel of shape {_shape(kernel)} and {count:,} parameters in all, and a symbolic "
        f"input {gave} gives {_shape(told.flat)}. The product runs over the last axis."
    )
    yield from _paragraph(
        f'"For inputs of size [{width}, N] the network is evaluated N times." The batch comes first: inputs are '
        f"(N, {width}), and one matrix product with the kernel {_shape(told.weights['kernel'])} serves all N rows."
    )
    if not isinstance(ACTIVATIONS[config.activation], Elementwise):
        yield from _paragraph(
            f'"The activation is applied element by element." {config.activation} is not: it acts on the last axis.'
        )


def _facts(implementation: Implementation, question: Question) -> Mapping[str, Any]:
    answer = implementation.answer(question, None)
    if answer.raised is not None:
        raise UsageError(f"the real layer refused: {answer.raised}")
    return answer.facts


def _shapes_of(weights: Any) -> dict[str, tuple[int, ...]]:
    return {weight["name"]: tuple(weight["shape"]) for weight in weights}


def _versions(oracle: Oracle) -> str:
    return ", ".join(f"{name} {each}" for name, each in oracle.versions.items())


#: What the axes of a weight are.
AXES: Mapping[str, str] = {"kernel": "(input_dim, units)", "bias": "(units,)"}


def _formula(config: DenseConfig, dialect: str) -> Iterator[str]:
    """The operation, and what the activation computes."""
    product = f"inputs @ kernel{' + bias' if config.use_bias else ''}"
    formulas = {**FORMULAS, **(FORMULAS_OF_KERAS_2 if dialect.startswith("keras-2") else {})}
    if config.activation == "linear":
        yield _row("operation", f"outputs = {product}")
        return
    yield _row("operation", f"outputs = {config.activation}({product})")
    yield from textwrap.wrap(
        f"{config.activation}(z) = {formulas[config.activation]}",
        80,
        initial_indent=" " * 12,
        subsequent_indent=" " * 16,
        break_long_words=False,
    )


def _row(name: str, text: str) -> str:
    return f"{name:<12}{text}"


def _product(weights: Mapping[str, tuple[int, ...]]) -> str:
    return " + ".join(" * ".join(f"{axis:,}" for axis in shape) for shape in weights.values())


def _shape(shape: Any) -> str:
    return str(tuple(shape))


def _paragraph(text: str, *, first: str = "- ") -> list[str]:
    return wrapped(text, first)


# ---- a clause, a case ----------------------------------------------------------------------------------------------


def explain_clause(clause: Clause) -> Iterator[str]:
    """What a clause says, where that comes from, what it is for, and where it was missed."""
    since = f"since version {clause.since} of the contract"
    yield from _paragraph(f"{clause.id}: {clause.requirement.value}, level {clause.level}, {since}", first="")
    yield from _paragraph(clause.says)
    yield from _paragraph(f"source: {clause.source}")
    yield from _paragraph(f"guards against {clause.guards}")
    for issue, wrong in BUGS.get(clause.id, {}).items():
        yield from _paragraph(f"would have caught {issue}: {wrong}")
    ids = [case.id for case in clause.cases(DIALECTS[-1])]
    if ids:
        yield from _paragraph(f"{len(ids)} cases, the first of them {ids[0]}")
    else:
        yield "- no cases in the newest dialect"
    for erratum in clause.errata:
        yield from _paragraph(f"erratum {erratum.id}: {erratum.says}")


def explain_case(planned: Planned, dialect: Dialect) -> Iterator[str]:
    """The clause of a case, and what is asked: the formula, and every axis by its name."""
    question, config = planned.case.question, planned.case.question.config
    yield from explain_clause(planned.clause)
    yield ""
    options = "".join(f", {name}={value}" for name, value in question.options)
    yield _row("asked", f"{question.procedure}{options}, from tier {planned.case.tier} on")
    yield from textwrap.wrap(
        str(question.config), 80, initial_indent=_row("layer", ""), subsequent_indent=" " * 12, break_long_words=False
    )
    yield from _formula(config, dialect.name)
    yield from _named_shapes(question)
    if needs_tensors(question):
        yield _row("tensors", f"of the family {question.family!r}, seed {question.seed}, in {config.dtype}")


def _named_shapes(question: Question) -> Iterator[str]:
    """Inputs, weights and outputs; those that Dense refuses have no outputs."""
    shape, config = question.input_shape, question.config
    leading = ("batch", *(f"axis {place}" for place in range(1, len(shape) - 1)))[: max(len(shape) - 1, 0)]
    names = (*leading, "input_dim") if shape else ()
    yield _row("inputs", f"{_shape(shape)}   ({', '.join(names)})")
    if shape and shape[-1] is not None:
        yield _row("kernel", f"{_shape(kernel_shape(config, shape[-1]))}   {AXES['kernel']}")
    if config.use_bias:
        yield _row("bias", f"{_shape((config.units,))}   {AXES['bias']}")
    if len(shape) >= 2:
        units = "units" if output_shape(config, shape)[-1] == config.units else "units / 2"
        yield _row("outputs", f"{_shape(output_shape(config, shape))}   ({', '.join((*leading, units))})")


def _found(case_id: str) -> tuple[Planned, Dialect]:
    """A case, of the newest dialect that has it."""
    for dialect in reversed(DIALECTS):
        for planned in catalogue(dialect):
            if planned.case.id == case_id:
                return planned, dialect
    raise UsageError(f"there is no case {case_id!r}; dense-conformance list --cases names them all")


def answer_of(question: Question, oracle: str) -> Iterator[str]:
    """What the real layer answers: itself, or, of a recorded one, what is known."""
    asked = oracle_named(oracle)
    if asked.is_recorded:
        yield from _paragraph(_as_recorded(question, asked))
        return
    tensors = None
    if needs_tensors(question):
        tensors = draw(question.family, question.config, question.known_shape, question.seed)
    answer = asked.implementation.answer(question, tensors)
    yield f"the real layer ({_versions(asked)}) {f'raises {answer.raised}' if answer.raised else 'answers'}"
    for name, tensor in answer.tensors.items():
        first = f", begins with {tensor.flat[0]}" if tensor.size else ""
        yield f"  {name:<24}{tensor.dtype} {_shape(tensor.shape)}{first}"
    for name, fact in answer.facts.items():
        yield from textwrap.wrap(
            f"{name:<24}{fact}", 80, initial_indent="  ", subsequent_indent=" " * 26, break_long_words=False
        )


def _as_recorded(question: Question, oracle: Oracle) -> str:
    """A recording holds verdicts, no numbers."""
    if question.capabilities & KERAS_ALONE:
        return "this is asked of Keras layers alone, and was not recorded: --oracle tensorflow asks the real layer"
    return (
        f"the real layer ({_versions(oracle)}) was asked when the recording was made, and answered as the reference "
        f"says, or by a recorded erratum; --oracle tensorflow shows its numbers"
    )


def _clause(clause_id: str) -> Clause:
    found = [clause for clause in CONTRACT if clause.id == clause_id]
    if not found:
        raise UsageError(
            f"{clause_id!r} is neither a clause nor Dense(...); dense-conformance list names the clauses, for instance "
            f"{CONTRACT[0].id}"
        )
    return found[0]
