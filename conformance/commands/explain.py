"""`dense-conformance explain`: what a Dense does, told from the real layer; or what a clause or case is about."""

from __future__ import annotations

import argparse
import ast
import operator
import textwrap
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from conformance.api import UsageError
from conformance.cases import Question
from conformance.contract import CONTRACT
from conformance.contract.clause import Clause
from conformance.families import draw
from conformance.implementations.protocol import Implementation
from conformance.run import catalogue
from conformance.session import live_oracle
from conformance.truth import needs_tensors
from reference.activations import ACTIVATIONS
from reference.config import DenseConfig
from reference.dialects import DIALECTS
from reference.elementwise import Elementwise

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
    parser = subparsers.add_parser("explain", help="what a Dense does, or what a clause or case is about")
    parser.add_argument(
        "what", metavar="LAYER-CLAUSE-OR-CASE", help="'Dense(32, activation=\"relu\", input_shape=(16,))', or an id"
    )
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    what = arguments.what.strip()
    if "(" in what:
        print("\n".join(explain_layer(parse(what))))
    elif "[" in what:
        print("\n".join(explain_case(what)))
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


def explain_layer(expression: Expression) -> Iterator[str]:
    """What the real layer does, and which often-quoted sentences are wrong. All numbers are the layer's own."""
    oracle = live_oracle()
    config, shape = expression.config, expression.input_shape
    facts = _facts(oracle.implementation, Question("build", config, (None, *shape)))
    output = _facts(oracle.implementation, Question("call_symbolic", config, (None, *shape)))["output_shape"]
    weights = {weight["name"]: tuple(weight["shape"]) for weight in facts["weights"]}
    product = f"inputs @ kernel{' + bias' if 'bias' in weights else ''}"
    whole = product if config.activation == "linear" else f"{config.activation}({product})"
    yield f"Measured on tf.keras.layers.Dense, {', '.join(f'{name} {each}' for name, each in oracle.versions.items())}"
    yield ""
    yield f"operation   outputs = {whole}"
    yield f"inputs      {_shape((None, *shape))}   None is the batch: any number of examples"
    for name, each in weights.items():
        yield f"{name:<12}{_shape(each)}"
    yield f"outputs     {_shape(output)}"
    yield f"parameters  {facts['count']:,} = {_product(weights)}"
    yield ""
    yield from _claims(oracle.implementation, expression, weights)


def _claims(implementation: Implementation, expression: Expression, weights: Mapping[str, Any]) -> Iterator[str]:
    config, width = expression.config, expression.input_shape[-1]
    deep = _facts(implementation, Question("build", config, (BATCH, STEPS, width)))
    flat = _facts(implementation, Question("call_symbolic", config, (None, STEPS, width)))["output_shape"]
    kernel = next(tuple(weight["shape"]) for weight in deep["weights"] if weight["name"] == "kernel")
    kept = "not flattened" if kernel[0] == width else "flattened"
    yield "Often quoted, and what the layer did when it was asked:"
    met, gave = _shape((BATCH, STEPS, width)), _shape((None, STEPS, width))
    yield from _paragraph(
        f'"If the input has a rank greater than 2, it is flattened prior to the dot product." It is {kept}: inputs of '
        f"shape {met} met a kernel of shape {_shape(kernel)} and {deep['count']:,} parameters in all, and a symbolic "
        f"input {gave} gave {_shape(flat)}. The product runs over the last axis."
    )
    yield from _paragraph(
        f'"For inputs of size [{width}, N] the network is evaluated N times." The batch comes first: inputs are '
        f"(N, {width}), and one matrix product with the kernel {_shape(weights['kernel'])} serves all N rows."
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


def _product(weights: Mapping[str, tuple[int, ...]]) -> str:
    return " + ".join(" * ".join(f"{axis:,}" for axis in shape) for shape in weights.values())


def _shape(shape: Any) -> str:
    return str(tuple(shape))


def _paragraph(text: str) -> list[str]:
    return textwrap.wrap(
        text, 80, initial_indent="- ", subsequent_indent="  ", break_long_words=False, break_on_hyphens=False
    )


# ---- a clause, a case ----------------------------------------------------------------------------------------------


def explain_clause(clause: Clause) -> Iterator[str]:
    """What a clause says, where that comes from, and what it is for."""
    yield f"{clause.id}: {clause.requirement.value}, level {clause.level}, since version {clause.since} of the contract"
    yield from _paragraph(clause.says)
    yield from _paragraph(f"source: {clause.source}")
    yield from _paragraph(f"guards against {clause.guards}")
    ids = [case.id for case in clause.cases(DIALECTS[-1])]
    yield f"- {len(ids)} cases, the first of them {ids[0]}"
    for erratum in clause.errata:
        yield from _paragraph(f"erratum {erratum.id}: {erratum.says}")


def explain_case(case_id: str) -> Iterator[str]:
    """The clause of a case, what is asked, and what the real layer answers."""
    oracle = live_oracle()
    found = [planned for planned in catalogue(oracle.dialect) if planned.case.id == case_id]
    if not found:
        raise UsageError(f"there is no case {case_id!r}; dense-conformance list --cases names them all")
    (planned,) = found
    question = planned.case.question
    yield from explain_clause(planned.clause)
    yield ""
    yield f"procedure   {question.procedure}{''.join(f', {name}={value}' for name, value in question.options)}"
    yield f"layer       {question.config}"
    yield f"inputs      {_shape(question.input_shape)}, drawn from the family {question.family!r}, seed {question.seed}"
    yield from _answer_of_the_oracle(oracle.implementation, question)


def _answer_of_the_oracle(implementation: Implementation, question: Question) -> Iterator[str]:
    tensors = None
    if needs_tensors(question):
        tensors = draw(question.family, question.config, question.known_shape, question.seed)
    answer = implementation.answer(question, tensors)
    yield f"the real layer {f'raises {answer.raised}' if answer.raised else 'answers'}"
    for name, tensor in answer.tensors.items():
        yield f"  {name:<24}{tensor.dtype} {_shape(tensor.shape)}"
    for name, fact in answer.facts.items():
        yield f"  {name:<24}{fact}"


def _clause(clause_id: str) -> Clause:
    found = [clause for clause in CONTRACT if clause.id == clause_id]
    if not found:
        raise UsageError(
            f"{clause_id!r} is neither a clause nor Dense(...); dense-conformance list names the clauses, for instance "
            f"{CONTRACT[0].id}"
        )
    return found[0]
