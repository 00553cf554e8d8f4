"""A script for one failing case: put together, and seen to work before it is given away.

What a script compares is what the clause's own check compares: the check is run on the oracle's answer, and each of
its comparisons says what it was held to (`Comparison.claim`). So nothing of a clause is written twice, but for the few
lines that compute what is compared (`measures`). That a tensor is held to an interval around another one, where that
one is wrong itself, is seen by moving the other one: the interval moves along.
"""

from __future__ import annotations

import ast
import platform
import re
import textwrap
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from string import Template
from typing import Any

import numpy as np
from numpy.typing import NDArray

from conformance.answers import Trial
from conformance.compare import Comparison
from conformance.contract.clause import Check
from conformance.families import draw
from conformance.implementations.adapter import AdapterImplementation
from conformance.implementations.function import FunctionAdapter
from conformance.implementations.keras.layers import KerasAdapter
from conformance.implementations.process import ProcessAdapter
from conformance.implementations.protocol import Implementation
from conformance.implementations.torch_module import TorchModuleAdapter
from conformance.reproduction import literals, measures
from conformance.reproduction.adapters import ADAPTER
from conformance.reproduction.functions import FUNCTION
from conformance.reproduction.keras.kind import KERAS
from conformance.reproduction.kinds import CannotReproduceError, Kind
from conformance.reproduction.programs import PROGRAM
from conformance.reproduction.proof import prove
from conformance.reproduction.torch_modules import TORCH
from conformance.results import Result, Verdict
from conformance.session import Oracle, Planned, Session
from conformance.truth import needs_tensors
from reference.intervals import Interval

#: By the type of an adapter; any other is its author's own.
KINDS: Mapping[type, Kind] = {
    KerasAdapter: KERAS,
    FunctionAdapter: FUNCTION,
    TorchModuleAdapter: TORCH,
    ProcessAdapter: PROGRAM,
}
#: Of more elements than this the real layer's answer is not written down beside what is allowed.
TOLD = 1000
#: By how much an answer is moved to see what moves along.
FAR = 2.0**20
#: Modules of the standard library, which a script imports as far as it uses them.
_STANDARD = (
    *("base64", "copy", "importlib", "json", "math", "os", "queue", "shlex", "subprocess", "sys"),
    *("tempfile", "threading", "traceback", "typing", "weakref"),
)
#: Verdicts with an answer behind them, or with an exception or the end of a program in its place.
_SHOWN = (Verdict.FAIL, Verdict.ERROR, Verdict.CRASH)


def script(planned: Planned, naming: str, implementation: Implementation, oracle: Oracle) -> str:
    """The text of a Python file that exits with 1 while the case fails, with 0 once it does not, with 2 where there is
    no implementation. naming: as the command line takes it.

    Raises CannotReproduceError where there can be no such file, or where it would not show what it should.
    """
    kind = _kind(implementation, naming)
    if planned.case.question.procedure not in kind.snippets:
        raise CannotReproduceError(
            f"no script is written for {planned.case.question.procedure}, which {planned.case.id} asks of {naming}: "
            f"dense-conformance run {naming} --case {planned.case.id!r} repeats it"
        )
    result = Session(_asked_again(oracle)).result(planned, implementation)
    _expect_a_failure(result, naming)
    text = written(result, naming, implementation, oracle)
    prove(text, kind, _adapter(implementation), oracle.dialect, result)
    return text


def written(result: Result, naming: str, implementation: Implementation, oracle: Oracle) -> str:
    """The text for a result of whatever verdict, not tried yet. Raises CannotReproduceError as `script` does."""
    kind, session = _kind(implementation, naming), Session(_asked_again(oracle))
    planned = Planned(result.clause, result.case)
    return _Script(planned, naming, kind, _adapter(implementation), oracle, result, session).text()


def _asked_again(oracle: Oracle) -> Oracle:
    """A recording tells of the catalogue alone, and not what the answers were: what stands for it is asked itself."""
    return replace(oracle, is_recorded=False)


def file_name(clause_id: str) -> str:
    """A plain name for the script of a clause: outputs_bias_before_activation.py."""
    return re.sub(r"\W", "_", clause_id) + ".py"


def _adapter(implementation: Implementation) -> Any:
    return implementation.adapter if isinstance(implementation, AdapterImplementation) else None


def _kind(implementation: Implementation, naming: str) -> Kind:
    adapter = _adapter(implementation)
    is_program = naming.startswith("exec:")
    if adapter is None or ":" not in naming:
        raise CannotReproduceError(
            f"no script is written for {naming}: a script without this package can find what has a name of its own, "
            f"module:Name, file.py:Name or exec:COMMAND; put what this name stands for into a file"
        )
    if isinstance(adapter, ProcessAdapter) and not is_program:
        raise CannotReproduceError(
            f"no script is written for {naming} in another interpreter: run dense-conformance repro in that "
            f"interpreter, without --python"
        )
    return KINDS.get(type(adapter), ADAPTER)


def _expect_a_failure(result: Result, naming: str) -> None:
    case = result.case.id
    if result.verdict is Verdict.PASS:
        raise CannotReproduceError(f"{naming} passes {case}: there is nothing to reproduce")
    if result.verdict not in _SHOWN:
        raise CannotReproduceError(f"{case} is {result.verdict.value} for {naming} ({result.reason}): choose another")
    if result.erratum:
        raise CannotReproduceError(
            f"in {case} the real layer is wrong itself (erratum {result.erratum}), so that two answers are right: "
            f"choose a case without it"
        )


@dataclass(frozen=True)
class _Claimed:
    """One comparison of the clause on the oracle's answer. beside: the tensor with which the interval moves."""

    comparison: Comparison
    expression: str
    beside: str = ""

    @property
    def variable(self) -> str:
        return re.sub(r"\W+", "_", self.comparison.name)


@dataclass(frozen=True)
class _Script:
    planned: Planned
    naming: str
    kind: Kind
    adapter: Any
    oracle: Oracle
    result: Result
    session: Session

    def text(self) -> str:
        """What is asked and what is allowed come first; how that is done, last."""
        question = self.planned.case.question
        fields = {**self.kind.fields(question, self.adapter), **measures.fields(question.config)}
        claims = self._claims()
        asking = self.kind.snippets[question.procedure].of(question, fields)
        ask = f"def ask({self.kind.subject}):\n{textwrap.indent(asking, '    ')}\n"
        misses = f'def misses(answer):\n    """What is not as it must be."""\n{_indented(map(_checked, claims))}'
        helpers = {**self.kind.helpers, **measures.HELPERS}
        main = _MAIN.substitute(subject=self.kind.subject, absent=self.kind.absent)
        parts = [ask, misses, self.kind.under_test(self.naming)]
        code = "\n\n".join([*parts, *_used(helpers, "".join(parts), fields), main])
        numbers = [*self._tensors(code), *self._allowed(claims)]
        read = [measures.FROMHEX] if any("fromhex(" in each for each in numbers) else []
        head = [self._docstring(), "", self._imports(code), *self._names(), ""]
        return "\n".join([*head, *read, *numbers, "", "", code])

    def _claims(self) -> list[_Claimed]:
        """Each name once, as the check looks at the oracle's answer."""
        clause = self.planned.clause
        trial = self.session.trial(self.planned, self.oracle.implementation)
        found = {comparison.name: comparison for comparison in clause.check(trial)}
        missed = [name for name, comparison in found.items() if not comparison.holds]
        if missed:
            raise CannotReproduceError(f"the real layer itself misses {', '.join(missed)} in {self.planned.case.id}")
        beside = _beside(clause.check, trial)
        return [
            _Claimed(comparison, measures.expression(name, trial), beside.get(name, ""))
            for name, comparison in found.items()
        ]

    def _tensors(self, code: str) -> Iterator[str]:
        """Inputs, weights and upstream gradient, as far as the code uses them."""
        question = self.planned.case.question
        if not needs_tensors(question):
            return
        config = question.config
        tensors = draw(question.family, config, question.known_shape, question.seed)
        variable, compute = self.kind.dtype(config.variable_format.name), self.kind.dtype(config.format.name)
        named = (("inputs", variable), ("kernel", variable), ("bias", variable), ("upstream", compute))
        used = {node.id for node in ast.walk(ast.parse(code)) if isinstance(node, ast.Name)}
        for name, dtype in named:
            if name in used:
                values = getattr(tensors, name)
                yield f"{name} = {'None' if values is None else literals.array(values, dtype)}"

    def _allowed(self, claims: Iterable[_Claimed]) -> Iterator[str]:
        for each in claims:
            claim = each.comparison.claim
            if claim is not None and isinstance(claim.allowed, Interval):
                yield from _interval(each.variable, claim.allowed, claim.got)

    def _imports(self, code: str) -> str:
        standard = [f"import {name}" for name in _STANDARD if re.search(rf"\b{name}\.", code)]
        standard = [each.replace("import importlib", "import importlib.util") for each in standard]
        lines = ("import numpy as np", *self.kind.imports(self.planned.case.question))
        third = "\n".join(f"    {line}" for line in lines)
        return "\n".join(standard) + f"\n\ntry:\n{third}\n{_WITHOUT}"

    def _names(self) -> list[str]:
        """What the script prints of itself."""
        clause = self.planned.clause
        return [f"NAME = {self.naming!r}", f"CASE = {self.planned.case.id!r}", *_text("SAYS", clause.says)]

    def _docstring(self) -> str:
        clause = self.planned.clause
        versions = {**self.oracle.versions, "numpy": np.__version__, "Python": platform.python_version()}
        told = ", ".join(f"{name} {version}" for name, version in versions.items())
        lines = [
            f"{clause.id}: {clause.says}",
            "",
            *_paragraph(f"{self.naming} fails this. {self._found()}"),
            "",
            *_paragraph(f"guards against {clause.guards}"),
            *_paragraph(f"source: {clause.source}"),
            *_paragraph(f"found with {told}"),
            *_paragraph(f"case: {self.planned.case.id}"),
            "",
            *_paragraph(
                f"Exit code 1 while the defect is there, 0 once it is gone, 2 where the layer {self.kind.absent}. All "
                f"numbers are exact, in hexadecimal where decimals would not be; nothing else is needed."
            ),
        ]
        return f'"""{_harmless(chr(10).join(lines))}\n"""'

    def _found(self) -> str:
        missed = [each for each in self.result.comparisons if not each.holds]
        if not missed:
            return f"In this case {self.result.reason}."
        worst = missed[0]
        where = f"{worst.name} at {list(worst.place)}" if worst.place else worst.name
        return f"In this case {where} is {worst.got}; allowed is {worst.allowed}."


def _beside(check: Check, trial: Trial) -> dict[str, str]:
    """Of each comparison whose interval moves with another tensor of the answer: which one that is."""
    still = _lower_ends(check, trial)
    found: dict[str, str] = {}
    for moved, values in trial.answer.tensors.items():
        tensors = {**trial.answer.tensors, moved: (values.astype(np.float64) + FAR)}
        now = _lower_ends(check, replace(trial, answer=replace(trial.answer, tensors=tensors)))
        for name, lower in still.items():
            if name != moved and name in now and not np.array_equal(now[name], lower):
                found[name] = moved
    return found


def _lower_ends(check: Check, trial: Trial) -> dict[str, NDArray[Any]]:
    claims = {each.name: each.claim for each in check(trial)}
    return {
        name: claim.allowed.lower
        for name, claim in claims.items()
        if claim is not None and isinstance(claim.allowed, Interval)
    }


def _interval(name: str, allowed: Interval, real: NDArray[Any] | None) -> Iterator[str]:
    """What is allowed, and what the real layer answers."""
    if allowed.is_exact.all():
        yield "# exact: no rounding is possible, and the real layer answers the same"
        yield f"{name}_lower = {name}_upper = {name}_real = {literals.array(allowed.lower, 'float')}"
        return
    yield f"{name}_lower = {literals.array(allowed.lower, 'float')}"
    yield f"{name}_upper = {literals.array(allowed.upper, 'float')}"
    told = real is not None and real.size <= TOLD
    yield f"{name}_real = {literals.array(real, 'float') if told and real is not None else None}"


def _checked(claimed: _Claimed) -> str:
    """One line of `misses`."""
    name, claim, variable = claimed.comparison.name, claimed.comparison.claim, claimed.variable
    assert claim is not None
    if not isinstance(claim.allowed, Interval):
        return f"yield from other({_quoted(name)}, {claimed.expression}, {literals.fact(claim.allowed)})"
    bounds = f"{variable}_lower, {variable}_upper"
    if claimed.beside:
        bounds = f'*beside(answer["{claimed.beside}"], {bounds})'
        return f"yield from outside({_quoted(name)}, {claimed.expression}, {bounds})"
    return f"yield from outside({_quoted(name)}, {claimed.expression}, {bounds}, {variable}_real)"


def _quoted(text: str) -> str:
    return repr(text) if '"' in text or "\\" in text else f'"{text}"'


def _used(helpers: Mapping[str, str], code: str, fields: Mapping[str, str]) -> Iterator[str]:
    """The helpers that the code uses, and those that they use, in their own order."""
    texts = {name: Template(text).substitute(fields).strip("\n") for name, text in helpers.items()}
    used: set[str] = set()
    waiting = [code]
    while waiting:
        text = waiting.pop()
        more = {name for name in texts if re.search(rf"\b{name}\b[(,)]", text)} - used
        used |= more
        waiting += [texts[name] for name in more]
    return (text + "\n" for name, text in texts.items() if name in used)


def _harmless(text: str) -> str:
    """Text inside a docstring: it ends where it should, whatever a name or a message holds."""
    return text.replace("\\", "\\\\").replace('"', '\\"')


def _paragraph(text: str) -> list[str]:
    return textwrap.wrap(" ".join(text.split()), 110, break_long_words=False, break_on_hyphens=False)


def _text(name: str, text: str) -> list[str]:
    """A constant, in as many lines as it needs."""
    line = f"{name} = {text!r}"
    if len(line) <= literals.WIDTH:
        return [line]
    parts = textwrap.wrap(text, literals.WIDTH - 8, drop_whitespace=False)
    return [f"{name} = (", *(f"    {part!r}" for part in parts), ")"]


def _indented(lines: Iterable[str]) -> str:
    return textwrap.indent("\n".join(lines), "    ") + "\n"


_WITHOUT = """except ImportError as failure:
    print(f"this needs NumPy and what the layer is written in: {failure}", file=sys.stderr)
    sys.exit(2)
"""

_MAIN = Template("""if __name__ == "__main__":
    try:
        $subject = under_test()
    except (Exception, SystemExit) as failure:
        print(f"{NAME} $absent: {type(failure).__name__}: {failure}", file=sys.stderr)
        sys.exit(2)
    print(CASE, SAYS, sep="\\n")
    try:
        found = list(misses(ask($subject)))
    except Exception as failure:
        traceback.print_exc()
        found = [f"it raised {type(failure).__name__}: {failure}"]
    print("\\n".join(found or ["nothing differs: the defect is gone"]))
    sys.exit(1 if found else 0)
""")
