"""The recorded oracle: what the real layer's answers came to, so that they can be judged by without TensorFlow.

A recording says of every clause which cases its oracle held, and where it showed an erratum which rival definition it
computes by. Numbers are not recorded: they are derived again from the reference and from the rival, so that a recording
made on one processor is good on another. Questions that are asked of Keras layers alone are not in it.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from functools import cache
from importlib.resources import files
from pathlib import Path

from conformance.cases import Json, Question
from conformance.contract import CONTRACT
from conformance.implementations.adapter import AdapterImplementation
from conformance.implementations.protocol import Array
from conformance.implementations.reference import ReferenceAdapter, ReferenceLayer
from conformance.results import Verdict
from conformance.run import by_question, catalogue
from conformance.session import Oracle, OracleError, Planned, Session, live_oracle
from reference.activations import Activation
from reference.config import DenseConfig
from reference.dialects import Dialect, dialect_of

#: Of the file; raised when a field changes its meaning.
FORMAT = 1
FOLDER = files("conformance") / "recordings"
#: What is asked of Keras layers alone: that is for the live oracle.
KERAS_ALONE = frozenset({"keras", "differentiate_twice"})


@dataclass(frozen=True)
class Shown:
    """An erratum that the oracle showed with an activation in a dtype. rival: which of its definitions was computed."""

    erratum: str
    activation: str
    dtype: str
    rival: int


@dataclass(frozen=True)
class Recording:
    """oracle: versions by name. cases: of each clause how many were held, and a digest of their ids."""

    oracle: Mapping[str, str]
    cases: Mapping[str, tuple[int, str]]
    shown: tuple[Shown, ...]


def record(oracle: Oracle, *, progress: Callable[[int, int], None] = lambda done, total: None) -> Recording:
    """Puts every question to the live oracle. Raises OracleError where what it answers cannot be recorded."""
    session = Session(oracle)
    planned = _recordable(oracle.dialect)
    questions = by_question(planned)
    for done, (question, asking) in enumerate(questions, start=1):
        for each in asking:
            result = session.result(each, oracle.implementation)
            if result.verdict is not Verdict.PASS:
                raise OracleError(f"{each.case.id} cannot be recorded: {result.verdict.value}: {result.reason}")
        session.forget(question)
        progress(done, len(questions))
    return Recording(oracle.versions, _cases(planned), tuple(_shown(session.shown)))


def to_json(recording: Recording) -> str:
    """The text of a recording: its body, and a checksum of it."""
    body = {
        "format": FORMAT,
        "oracle": dict(recording.oracle),
        "cases": {clause: list(counted) for clause, counted in recording.cases.items()},
        "shown": [asdict(each) for each in recording.shown],
    }
    return json.dumps({"checksum": _checksum(body), **body}, indent=1) + "\n"


def from_json(text: str) -> Recording:
    """Raises OracleError for what is truncated, was changed, or has another format."""
    try:
        body = json.loads(text)
        checksum = body.pop("checksum")
    except (ValueError, KeyError, AttributeError, TypeError):
        raise OracleError("the recording is no whole JSON file: it is truncated, or none") from None
    if body.get("format") != FORMAT:
        raise OracleError(f"the recording has format {body.get('format')!r}, and this version reads {FORMAT}")
    if checksum != _checksum(body):
        raise OracleError("the recording's checksum is not that of its content: it was changed; record it again")
    return Recording(
        body["oracle"],
        {clause: (count, digest) for clause, (count, digest) in body["cases"].items()},
        tuple(Shown(**each) for each in body["shown"]),
    )


def oracle_named(name: str) -> Oracle:
    """`tensorflow`: the live one; `recorded`: the newest recording of the package; else the path of a recording.

    Raises ImportError where TensorFlow is needed and not installed, OracleError for a recording that cannot be used.
    """
    if name == "tensorflow":
        return live_oracle()
    return _recorded(shipped()[-1].read_text("utf-8") if name == "recorded" else _text_of(name))


def shipped() -> list[Path]:
    """The recordings of the package, the newest version of Keras last."""
    found = [Path(str(each)) for each in FOLDER.iterdir() if each.name.endswith(".json")]
    return sorted(found, key=lambda path: tuple(map(int, path.stem.rpartition("keras-")[2].split("."))))


def file_name(oracle: Mapping[str, str]) -> str:
    return "-".join(f"{name}-{version}" for name, version in oracle.items()) + ".json"


def _text_of(path: str) -> str:
    try:
        return Path(path).read_text("utf-8")
    except OSError as failure:
        raise OracleError(f"no oracle {path!r}: tensorflow, recorded, or the file of a recording: {failure}") from None


@cache
def _recorded(text: str) -> Oracle:
    """The oracle of a recording, once it is seen to be about this contract."""
    recording = from_json(text)
    try:
        dialect = dialect_of(recording.oracle["keras"])
    except (KeyError, ValueError) as failure:
        raise OracleError(f"the recording is of an oracle that is not known here: {failure}") from None
    expected = _cases(_recordable(dialect))
    changed = [each for each in {**expected, **recording.cases} if expected.get(each) != recording.cases.get(each)]
    if changed:
        raise OracleError(
            f"the recording was made of another version of the contract: it differs in {', '.join(changed[:3])}"
            f"{' and others' if len(changed) > 3 else ''}; record again: dense-conformance record"
        )
    adapter = _AsRecorded(ReferenceAdapter(dialect=dialect), _definitions(recording.shown))
    return Oracle(AdapterImplementation(adapter), recording.oracle, dialect, is_recorded=True)


#: What Keras computes in the place of an activation, by activation and dtype.
Definitions = Mapping[tuple[str, str], Callable[[Question], Activation]]


@dataclass(frozen=True)
class _AsRecorded:
    """The reference, with what Keras computes where it showed an erratum. Only there is it asked at all."""

    reference: ReferenceAdapter
    definitions: Definitions
    name: str = "recorded"
    capabilities: frozenset[str] = ReferenceAdapter.capabilities

    def build(self, config: DenseConfig, input_shape: tuple[int, ...]) -> ReferenceLayer:
        layer = self.reference.build(config, input_shape)
        computed = self.definitions.get((config.activation, config.dtype))
        if computed is None:
            return layer
        return replace(layer, activation=computed(Question("call", config, input_shape)))

    def load(self, layer: ReferenceLayer, kernel: Array, bias: Array | None) -> None:
        self.reference.load(layer, kernel, bias)

    def call(self, layer: ReferenceLayer, inputs: Array) -> Array:
        return self.reference.call(layer, inputs)

    def differentiate(self, layer: ReferenceLayer, inputs: Array, upstream: Array) -> Mapping[str, Array | None]:
        return self.reference.differentiate(layer, inputs, upstream)

    def describe(self, layer: ReferenceLayer) -> Mapping[str, Json]:
        return self.reference.describe(layer)


#: Every erratum of the contract, by its id.
ERRATA = {erratum.id: erratum for clause in CONTRACT for erratum in clause.errata}


def _definitions(shown: Iterable[Shown]) -> Definitions:
    return {(each.activation, each.dtype): ERRATA[each.erratum].rivals[each.rival] for each in shown}


def _shown(found: Mapping[tuple[str, str, str], set[int]]) -> Iterator[Shown]:
    """Raises OracleError where no one definition explains all that was seen."""
    for (erratum, activation, dtype), rivals in sorted(found.items()):
        rival = min(rivals, default=-1)
        if not 0 <= rival < len(ERRATA[erratum].rivals):
            raise OracleError(f"the erratum {erratum} of {activation} in {dtype} has no one definition to be recorded")
        yield Shown(erratum, activation, dtype, rival)


def _recordable(dialect: Dialect) -> list[Planned]:
    """Every case of a dialect, of whatever tier, that can be asked of other layers than Keras's."""
    return [each for each in catalogue(dialect) if not each.case.question.capabilities & KERAS_ALONE]


def _cases(planned: Iterable[Planned]) -> dict[str, tuple[int, str]]:
    """Of each clause, how many cases, and a digest of what they are."""
    ids: dict[str, list[str]] = {}
    for each in planned:
        ids.setdefault(each.clause.id, []).append(each.case.id)
    return {clause: (len(named), _digest("\n".join(named))) for clause, named in ids.items()}


def _checksum(body: Mapping[str, Json]) -> str:
    return _digest(json.dumps(body, sort_keys=True))


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8")).hexdigest()
