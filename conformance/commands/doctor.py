"""`dense-conformance doctor`: what is installed, what can run here, and how to mend what cannot.

Nothing heavy is imported: installed is what the packages' metadata say. With an implementation it looks at the harness,
not at the layer: a wrong answer is an answer.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import platform
import shlex
import shutil
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path

import numpy as np

from conformance import __version__
from conformance.answers import CAPABILITIES, Answer, Level, needed_for
from conformance.cases import Question
from conformance.families import Tensors, draw
from conformance.implementations import frameworks
from conformance.implementations.load import HERE, NamingError, Place, load
from conformance.implementations.process import ANSWER_LIMIT
from conformance.implementations.protocol import Implementation, declared
from conformance.procedures import PROCEDURES
from conformance.recording import oracle_named, shipped
from conformance.reports.text import plain, wrapped
from conformance.results import ExitCode
from conformance.run import Selection
from conformance.screen import aside
from conformance.session import Oracle, OracleError, PlugError, converse, live_oracle
from reference.config import DenseConfig
from reference.dialects import DIALECTS, dialect_of

#: The packages that bring TensorFlow, whichever of them is installed.
TENSORFLOWS = ("tensorflow", "tensorflow-cpu", "tensorflow-intel", "tensorflow-macos", "tf-nightly", "tf-nightly-cpu")
NEEDED = ("numpy", "scipy", "ml_dtypes")
#: What changes what a framework computes, or how fast, and is set outside of Python.
VARIABLES = (
    *("TF_USE_LEGACY_KERAS", "KERAS_BACKEND", "TF_ENABLE_ONEDNN_OPTS", "NVIDIA_TF32_OVERRIDE", "XLA_FLAGS"),
    *("CUDA_VISIBLE_DEVICES", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"),
    *("TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS", "DENSE_CONFORMANCE_NODE_MODULES"),
)


@dataclass(frozen=True)
class Finding:
    """Whether something can run here; mend: what to do where it cannot."""

    what: str
    runs: bool
    mend: str = ""


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = subparsers.add_parser(
        "doctor",
        help="what is installed, what can run here, and how to mend what cannot",
        description="Exit codes: 0 where the main job can run, 1 where it cannot. With an implementation: 0 where it "
        "can be talked to, so that it can be judged; whether it is right is for `run` to say.",
    )
    parser.add_argument("implementation", nargs="?", default="", metavar="IMPLEMENTATION", help="named as for `run`")
    parser.add_argument("--python", default="", metavar="PATH", help="the interpreter that the implementation runs in")
    parser.add_argument("--device", default="", metavar="NAME", help="where a framework computes")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    if arguments.implementation:
        with aside():
            lines, well = examined(arguments.implementation, Place(arguments.python, ANSWER_LIMIT, arguments.device))
    else:
        lines, well = surroundings()
    print("\n".join(lines))
    return int(ExitCode.CONFORMS if well else ExitCode.DOES_NOT_CONFORM)


# ---- what is installed ---------------------------------------------------------------------------------------------


def surroundings() -> tuple[list[str], bool]:
    """What is printed, and whether the main job can run."""
    main = _live()
    findings = [main, _recorded(), _in_pytest(), *map(_framework, frameworks.NAMES)]
    lines = [
        *_row("suite", f"dense-conformance {__version__}"),
        *_row("Python", f"{platform.python_version()}, {sys.executable}"),
        *_row("system", f"{platform.system()} {platform.machine()}, {os.cpu_count()} processors"),
        *_row("AVX-512", AVX512[_has_avx512()]),
        *_row("text", f"{sys.stdout.encoding or 'no encoding'}{_text_trouble()}"),
        *_row("set", ", ".join(f"{name}={os.environ[name]}" for name in VARIABLES if name in os.environ) or "nothing"),
        "",
        *(line for name in NEEDED for line in _row(name, _version(name) or "not here")),
        *_row("TensorFlow", _tensorflow() or "not here"),
        *_row("Keras", _keras()),
        *(line for name in ("pytest", "pytest-xdist") for line in _row(name, _version(name) or "not here")),
        *(line for each in shipped() for line in _row("recording", each.stem)),
        "",
    ]
    for finding in findings:
        lines += _row("runs" if finding.runs else "cannot", f"{finding.what}{_mending(finding)}")
    job = "can run: dense-conformance run tensorflow" if main.runs else f"cannot run here: {main.mend}"
    return [*lines, "", *wrapped(f"The main job {job}")], main.runs


def _mending(finding: Finding) -> str:
    return f": {finding.mend}" if finding.mend and not finding.runs else ""


def _live() -> Finding:
    """The oracle as the metadata tell it: whether TensorFlow can really be imported, a run shows."""
    what = "run --oracle tensorflow"
    if not _tensorflow():
        return Finding(what, False, "TensorFlow is not here: pip install 'dense-conformance[tensorflow]'")
    module = _keras_module()
    found = _version(module)
    if not found:
        return Finding(what, False, f"{module} is not here, which TensorFlow takes Keras from: pip install {module}")
    try:
        dialect_of(found)
    except ValueError as failure:
        return Finding(what, False, f"{failure}: pip install --upgrade {module} tensorflow")
    if module == "keras" and found.startswith("3.") and _backend() != "tensorflow":
        return Finding(what, False, f"Keras computes by {_backend()} here: set KERAS_BACKEND=tensorflow")
    return Finding(what, True)


def _recorded() -> Finding:
    what = "run --oracle recorded, which needs no TensorFlow and judges what is no Keras layer"
    try:
        oracle_named("recorded")
    except (OracleError, IndexError, OSError) as failure:
        return Finding(what, False, f"{failure}: install the package again")
    return Finding(what, True)


def _in_pytest() -> Finding:
    missing = [name for name in ("pytest", "pytest-xdist") if not _version(name)]
    mend = f"{' and '.join(missing)} not here: pip install 'dense-conformance[pytest]'"
    return Finding("pytest --pyargs conformance", not missing, mend)


def _framework(name: str) -> Finding:
    """Whether what a framework's adapter needs is installed here."""
    package: str = import_module(f"{frameworks.__name__}.{name}").PACKAGE
    if package.startswith("npm "):
        return Finding(f"run {name}", *_of_npm(package))
    missing = [each for each in package.split() if not _version(each)]
    return Finding(f"run {name}", not missing, f"pip install {' '.join(missing)}")


def _of_npm(package: str) -> tuple[bool, str]:
    """What the worker looks for: node, and the packages in a folder that a variable names, or in one that is found."""
    if shutil.which("node") is None:
        return False, f"there is no node: install Node.js 20 or later, then {package}"
    named = os.environ.get("DENSE_CONFORMANCE_NODE_MODULES", "node_modules")
    scoped = package.split()[2].rpartition("@")[0]
    if not (Path(named) / scoped).is_dir():
        return False, f"{package}, and name its node_modules in DENSE_CONFORMANCE_NODE_MODULES"
    return True, ""


def _version(package: str) -> str:
    """Of an installed package, extras left out; of any that brings TensorFlow where that is asked for. "" for none."""
    plain_name = package.partition("[")[0]
    for name in TENSORFLOWS if plain_name in TENSORFLOWS else (plain_name,):
        try:
            return version(name)
        except PackageNotFoundError:
            continue
    return ""


def _tensorflow() -> str:
    """Its version; "" where it cannot be imported at all."""
    return _version("tensorflow") if find_spec("tensorflow") else ""


def _keras_module() -> str:
    """The package that `tf.keras` is taken from. Source: tensorflow/python/util/lazy_loader.py."""
    return "tf_keras" if os.environ.get("TF_USE_LEGACY_KERAS") in ("1", "true", "True") else "keras"


def _keras() -> str:
    module = _keras_module()
    found = _version(module)
    if not found:
        return f"not here ({module})"
    try:
        return f"{found} ({module}), which is the dialect {dialect_of(found).name}"
    except ValueError as failure:
        return f"{found} ({module}): {failure}"


def _backend() -> str:
    """What Keras 3 computes by. Source: keras/src/backend/config.py: the variable, then keras.json, then tensorflow."""
    named = os.environ.get("KERAS_BACKEND", "")
    settings = Path(os.environ.get("KERAS_HOME") or Path.home() / ".keras") / "keras.json"
    with contextlib.suppress(OSError, ValueError, AttributeError):  # no settings, or none that Keras reads
        named = named or str(json.loads(settings.read_text("utf-8")).get("backend", ""))
    return named or "tensorflow"


AVX512: Mapping[bool | None, str] = {
    True: "yes: here Keras raises for softmax of six axes and more under oneDNN; nobody is failed for it",
    False: "no",
    None: "not known on this system",
}


def _has_avx512() -> bool | None:
    """Of the processor; None where the system does not say."""
    try:
        told = Path("/proc/cpuinfo").read_text("utf-8", errors="replace")
    except OSError:
        return None
    return "avx512f" in told.split() if "flags" in told else None


def _text_trouble() -> str:
    try:
        "→×−".encode(sys.stdout.encoding or "ascii")
    except (UnicodeEncodeError, LookupError):
        return ": not every name and sign can be printed; set PYTHONUTF8=1"
    return ""


# ---- an implementation ---------------------------------------------------------------------------------------------

#: One plain layer: a batch of two, three units.
PLAIN = DenseConfig(units=3)
SHAPE = (2, 5)
#: What shows that a capability is there: a question of it.
PROBES: Mapping[str, Question] = {
    "call": Question("call", PLAIN, SHAPE),
    "differentiate": Question("differentiate", PLAIN, SHAPE),
    "describe": Question("build", PLAIN, SHAPE),
    "differentiate_twice": Question("differentiate_twice", PLAIN, SHAPE),
    "dtype_policies": Question("call", replace(PLAIN, dtype="float16"), SHAPE),
    "keras": Question("call_symbolic", PLAIN, SHAPE),
}


def examined(naming: str, place: Place = HERE) -> tuple[list[str], bool]:
    """What is printed of an implementation, and whether it can be judged."""
    try:
        implementation = load(naming, DIALECTS[-1], place)
        oracle = _oracle_for(implementation)
        converse(implementation, oracle)
    except (NamingError, PlugError, OracleError) as failure:
        return wrapped(f"{plain(naming)} cannot be judged: {plain(str(failure))}"), False
    except ModuleNotFoundError as failure:
        mend = "pip install 'dense-conformance[tensorflow]'"
        return wrapped(f"{plain(naming)} cannot be judged: {failure}; {mend}"), False
    probed = [_probe(implementation, each) for each in PROBES if each in implementation.capabilities]
    faults = [fault for _, fault in probed if fault]
    lines = [*_declared(implementation), "", *(line for told, _ in probed for line in told)]
    if faults:
        return [*lines, "", *wrapped(f"{plain(naming)} is not ready to be judged: {faults[0]}")], False
    option = " --oracle recorded" if oracle.is_recorded else ""
    ready = f"{plain(naming)} can be judged: dense-conformance run {plain(shlex.quote(naming))}{option} --tier smoke"
    return [*lines, "", *wrapped(ready)], True


def _oracle_for(implementation: Implementation) -> Oracle:
    """Whichever can judge it: only the live one judges Keras layers."""
    return live_oracle() if "keras" in implementation.capabilities else oracle_named("recorded")


def _declared(implementation: Implementation) -> Iterator[str]:
    """What it says of itself, and what it lacks."""
    declares, dialect = declared(implementation), DIALECTS[-1]
    level = Selection().level_of(implementation)
    yield from _row("name", plain(f"{implementation.name} {declares.version}".strip()))
    yield from _row("declares", ", ".join(each for each in CAPABILITIES if each in implementation.capabilities))
    if declares.activations is None:
        yield from _row("activations", "all; what it refuses by NotImplementedError is not held against it")
    else:
        missing = sorted(dialect.activations - declares.activations)
        yield from _row("activations", f"{len(dialect.activations) - len(missing)} of {len(dialect.activations)}")
        yield from _row("", f"not {plain(', '.join(missing))}" if missing else "")
    yield from _row("dtypes", "all" if declares.dtypes is None else plain(", ".join(sorted(declares.dtypes))))
    yield from _row("ranks", f"{declares.ranks[0]} to {declares.ranks[1]}" if declares.ranks[1] < 99 else "all")
    yield from _row("device", plain(f"{declares.device}, {declares.profile}"))
    yield from _row("level", str(level))
    for higher in Level:
        lacking = [each for each in CAPABILITIES if each in needed_for(higher) - implementation.capabilities]
        if higher > level and lacking:
            yield from _row("", f"{higher} needs {', '.join(lacking)} as well")


def _probe(implementation: Implementation, capability: str) -> tuple[list[str], str]:
    """What came of the question that shows a capability, and what is wrong with the harness, or ""."""
    question = PROBES[capability]
    tensors = draw(question.family, question.config, question.known_shape, question.seed)
    answer = implementation.answer(question, tensors.copies())
    fault = _fault(capability, answer)
    if not fault and capability == "call":
        fault = _unloaded(implementation, tensors, answer)
    tensors_told = [f"{name} {each.dtype} {tuple(each.shape)}" for name, each in answer.tensors.items()]
    told = ", ".join([*tensors_told, *(f"{name} {fact}" for name, fact in answer.facts.items())])
    return _row(capability, plain(fault or told)), plain(fault)


def _fault(capability: str, answer: Answer) -> str:
    if answer.raised is not None:
        return f"it declares {capability!r}, and it raised {answer.raised}; repair the method, or declare less"
    if answer.lacks:
        return f"it declares {capability!r}, and says that it lacks {answer.lacks}; declare less"
    expected = PROCEDURES[PROBES[capability].procedure]
    missing = [name for name in expected.tensors if answer.tensor(name) is None]
    missing += [name for name in expected.facts if answer.fact(name) is None]
    if missing:
        return f"it declares {capability!r}, and gave back no {', '.join(missing)}"
    return ""


def _unloaded(implementation: Implementation, tensors: Tensors, answer: Answer) -> str:
    """With a kernel of zeros a layer answers otherwise, whatever it makes of a kernel: unless it never gets one."""
    zeros = replace(tensors.copies(), kernel=np.zeros_like(tensors.kernel))
    without = implementation.answer(PROBES["call"], zeros)
    first, second = answer.tensor("outputs"), without.tensor("outputs")
    if second is None or first is None or not np.array_equal(first, second):
        return ""
    return "it answers the same with a kernel of zeros: the weights that it is given do not reach the layer"


def _row(name: str, text: str) -> list[str]:
    return wrapped(text, f"{name:<13} ", " " * 14) if text else []
