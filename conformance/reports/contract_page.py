"""The contract as a page of Markdown: docs/contract.md, generated so that it cannot differ from what is checked."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from conformance.contract.clause import Clause, Erratum
from reference.dialects import DIALECTS

INTRODUCTION = """\
# The contract

What must hold of a layer that claims to be `tf.keras.layers.Dense`, clause by clause. Generated from
`conformance/contract/` by `dense-conformance list --markdown`; do not edit it here.

Numbers are held to certified intervals ([numerics.md](numerics.md)); there is no tolerance. Levels contain one another:
inference, training, keras. The cases are those of the newest dialect, of all tiers.
"""


def render(contract: Iterable[Clause]) -> str:
    """The page."""
    clauses = tuple(contract)
    return "\n".join([INTRODUCTION, *_areas(clauses), *_errata(clauses)])


def _areas(clauses: tuple[Clause, ...]) -> Iterator[str]:
    for area in dict.fromkeys(clause.area for clause in clauses):
        yield f"## {area}\n"
        for clause in clauses:
            if clause.area == area:
                yield from _clause(clause)


def _clause(clause: Clause) -> Iterator[str]:
    yield f"### {clause.id}\n"
    yield f"{clause.says}\n"
    yield f"- {clause.requirement.value}, level {clause.level}, since version {clause.since} of the contract"
    yield f"- source: {clause.source}"
    yield f"- guards against: {clause.guards}"
    if clause.errata:
        yield f"- errata: {', '.join(erratum.id for erratum in clause.errata)}"
    yield f"- {sum(1 for _ in clause.cases(DIALECTS[-1]))} cases\n"


def _errata(clauses: tuple[Clause, ...]) -> Iterator[str]:
    yield "## Errata\n"
    yield "Where real Keras is wrong or disagrees with itself. Either answer passes; each is measured on every run.\n"
    errata: dict[str, Erratum] = {erratum.id: erratum for clause in clauses for erratum in clause.errata}
    for erratum in errata.values():
        yield f"- **{erratum.id}**: {erratum.says}. Source: {erratum.source}."
    yield ""
