"""Every way of naming an implementation, and the built-in names."""

from __future__ import annotations

import importlib
import importlib.util
import inspect
import os
import shlex
import sys
from collections.abc import Callable, Mapping, Set
from dataclasses import dataclass
from importlib.metadata import entry_points
from pathlib import Path
from types import ModuleType
from typing import Any, TypeVar

from conformance.answers import CAPABILITIES
from conformance.implementations import frameworks
from conformance.implementations.adapter import AdapterImplementation
from conformance.implementations.attempt import EndedError, RemoteError, first_words
from conformance.implementations.function import FunctionAdapter
from conformance.implementations.keras.oracle import keras_implementation, stock
from conformance.implementations.process import ANSWER_LIMIT, Process, introduced, python_worker
from conformance.implementations.protocol import Adapter, Implementation
from conformance.implementations.reference import ReferenceAdapter
from conformance.implementations.torch_module import TorchModuleAdapter
from conformance.implementations.wire import WireError
from reference.config import DenseConfig
from reference.dialects import DIALECTS, Dialect

Result = TypeVar("Result")

BUILT_IN: Mapping[str, Callable[[Dialect], Implementation]] = {
    "reference": lambda dialect: AdapterImplementation(ReferenceAdapter(dialect=dialect)),
    "tensorflow": lambda _: stock(),
}
#: Where an installed package says which adapters it has, by name.
ENTRY_POINTS = "dense_conformance.adapters"
ADAPTER_METHODS = ("build", "load", "call", "differentiate", "describe")
#: Base classes that make a class a Keras layer; looked up where the module is imported already.
_KERAS_MODULES = ("keras", "tf_keras")


class NamingError(ValueError):
    """A name that leads to no implementation: what was wrong, and what would do."""


@dataclass(frozen=True)
class Place:
    """Where an implementation is to live. python: an interpreter with a process of its own; "" for this process.

    answer_limit: seconds that a process has for one answer. device: where a framework is to compute, in its own words;
    "" for its own choice.
    """

    python: str = ""
    answer_limit: float = ANSWER_LIMIT
    device: str = ""

    def __str__(self) -> str:
        """The options of the command line that say so: ` --python PATH --timeout 5`."""
        limit = "" if self.answer_limit == ANSWER_LIMIT else f"{self.answer_limit:g}"
        said = (("--python", self.python), ("--device", self.device), ("--timeout", limit))
        return "".join(f" {option} {shlex.quote(value)}" for option, value in said if value)


#: In this process, but for what cannot.
HERE = Place()


def load(naming: Any, dialect: Dialect = DIALECTS[-1], place: Place = HERE) -> Implementation:
    """`pkg.module:Name`, `path/to/file.py:Name`, a built-in name, `exec:COMMAND`, or the object itself.

    dialect: what a built-in means by the names of activations.

    Raises NamingError for anything that cannot be put under test.
    """
    if not isinstance(naming, str):
        return _implementation(naming, getattr(naming, "__name__", type(naming).__name__))
    if place.device and (naming.startswith("exec:") or not (place.python or naming in frameworks.NAMES)):
        raise NamingError(f"{naming} has no choice of devices here: leave out --device")
    if naming.startswith("exec:"):
        command = shlex.split(naming.removeprefix("exec:"))
        return _in_a_process(naming, Process(command, answer_limit=place.answer_limit))
    if place.python:
        return _in_a_process(naming, python_worker(place.python, naming, place.device, place.answer_limit))
    if naming in BUILT_IN:
        return BUILT_IN[naming](dialect)
    if naming in frameworks.NAMES:
        return _framework(naming, place)
    for entry in entry_points(group=ENTRY_POINTS, name=naming):
        return _implementation(_imported(entry.value, entry.load), naming)
    module_name, separator, name = naming.rpartition(":")
    if not separator or not module_name or not name:
        raise NamingError(
            f"no implementation {naming!r}: not a built-in ({', '.join((*BUILT_IN, *frameworks.NAMES))}), not "
            f"module:Name, not file.py:Name, and no installed package has an entry point of that name in {ENTRY_POINTS}"
        )
    module = _file(module_name) if module_name.endswith(".py") else _module(module_name)
    if not _imported(naming, lambda: hasattr(module, name)):
        raise NamingError(f"{module_name} has no {name!r}; it has {', '.join(_public(module)) or 'nothing'}")
    return _implementation(getattr(module, name), naming)


def _in_a_process(naming: str, process: Process) -> Implementation:
    try:
        return AdapterImplementation(introduced(process, naming))
    except (EndedError, RemoteError, WireError, NotImplementedError) as failure:
        process.stop()
        raise NamingError(
            f"{naming} cannot be talked to: {first_words(failure)}; it should answer messages as docs/protocol.md says"
        ) from failure


def _framework(name: str, place: Place) -> Implementation:
    """One of those that this package has an adapter for; in a process of its own where it needs one."""
    module = importlib.import_module(f"{frameworks.__name__}.{name}")
    environment: Mapping[str, str] = getattr(module, "ENVIRONMENT", {})
    if any(os.environ.get(key) != value for key, value in environment.items()):
        worker = python_worker(sys.executable, name, place.device, place.answer_limit, environment)
        return _in_a_process(name, worker)
    takes = inspect.signature(module.adapter).parameters
    if place.device and "device" not in takes:
        raise NamingError(f"{name} has no choice of devices here: leave out --device")
    offered = {"device": place.device, "answer_limit": place.answer_limit}
    try:
        made: Adapter = module.adapter(**{key: each for key, each in offered.items() if each and key in takes})
    except ImportError as failure:
        install = module.PACKAGE if module.PACKAGE.startswith("npm ") else f"pip install {module.PACKAGE}"
        raise NamingError(f"{name} cannot be put under test here: {first_words(failure)}; {install}") from failure
    except (RuntimeError, AssertionError, ValueError) as failure:
        raise NamingError(
            f"{name} cannot compute on {place.device or 'its device'}: {first_words(failure)}"
        ) from failure
    return AdapterImplementation(made)


def _implementation(thing: Any, name: str) -> Implementation:
    if not inspect.isclass(thing) and callable(getattr(thing, "answer", None)):
        found: Implementation = _stated(thing, name)
        return found
    if inspect.isclass(thing) and _is_keras_layer(thing):
        return keras_implementation(thing, name)
    if inspect.isclass(thing) and _is_torch_module(thing):
        return _of_torch(thing, name)
    if all(callable(getattr(thing, method, None)) for method in ADAPTER_METHODS):
        return AdapterImplementation(_adapter(thing, name))
    if callable(thing) and not inspect.isclass(thing) and not _is_keras_layer(type(thing)):
        return AdapterImplementation(FunctionAdapter(thing, name))
    raise NamingError(
        f"{name} is {_kind(thing)}: expected a class of a Keras layer or a PyTorch module, a function "
        f"dense(inputs, kernel, bias, activation), or an adapter with the methods {', '.join(ADAPTER_METHODS)} (see "
        f"conformance/implementations/protocol.py)"
    )


def _of_torch(module_class: type, name: str) -> Implementation:
    made = AdapterImplementation(TorchModuleAdapter(module_class, name))
    try:
        made.adapter.build(DenseConfig(5), (2, 3))
    except (Exception, SystemExit) as failure:
        raise NamingError(f"{name} cannot be constructed as a Dense layer: {first_words(failure)}") from failure
    return made


def _adapter(thing: Any, name: str) -> Adapter:
    """An adapter, constructed where its class was given."""
    try:
        adapter: Any = thing() if inspect.isclass(thing) else thing
    except (Exception, SystemExit) as failure:
        raise NamingError(
            f"{name} could not be constructed without arguments: {first_words(failure)}; give an instance, "
            f"or a class that needs none"
        ) from failure
    chosen: Adapter = _stated(adapter, name)
    return chosen


def _stated(thing: Any, name: str) -> Any:
    """What states its name and its capabilities: a misspelt one would quietly lower the level."""
    for attribute in ("name", "capabilities"):
        if not hasattr(thing, attribute):
            raise NamingError(f"{name} has no attribute {attribute!r}: an adapter states its name and its capabilities")
    declared = thing.capabilities
    if not isinstance(declared, Set) or not declared <= set(CAPABILITIES):
        raise NamingError(f"{name} declares {declared!r}: capabilities are a frozenset of {', '.join(CAPABILITIES)}")
    return thing


def _is_keras_layer(thing: type) -> bool:
    """Without importing Keras: whoever gives such a class has imported it."""
    modules = [sys.modules[name] for name in _KERAS_MODULES if name in sys.modules]
    bases = [getattr(getattr(module, "layers", None), "Layer", None) for module in modules]
    return any(inspect.isclass(base) and issubclass(thing, base) for base in bases)


def _is_torch_module(thing: type) -> bool:
    """Likewise without importing PyTorch."""
    base = getattr(getattr(sys.modules.get("torch"), "nn", None), "Module", None)
    return inspect.isclass(base) and issubclass(thing, base)


def _file(place: str) -> ModuleType:
    path = Path(place)
    if not path.is_file():
        raise NamingError(f"there is no file {place!r}; the current folder is {os.getcwd()!r}")
    name = f"under_test_{path.stem}_{abs(hash(str(path.resolve())))}"
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise NamingError(f"{place!r} cannot be imported as a Python file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    loader = spec.loader

    def execute() -> ModuleType:
        loader.exec_module(module)
        return module

    return _imported(place, execute)


def _module(place: str) -> ModuleType:
    """A dotted name; the current folder is looked in last, so that a folder of the user's never gets in our way."""
    if os.getcwd() not in sys.path:
        sys.path.append(os.getcwd())
    return _imported(place, lambda: importlib.import_module(place))


def _imported(place: str, import_it: Callable[[], Result]) -> Result:
    try:
        return import_it()
    except (Exception, SystemExit) as failure:
        raise NamingError(f"{place} cannot be imported: {type(failure).__name__}: {first_words(failure)}") from failure


def _public(module: ModuleType) -> list[str]:
    return [
        name
        for name, value in vars(module).items()
        if not name.startswith("_") and callable(value) and getattr(value, "__module__", "") == module.__name__
    ]


def _kind(thing: Any) -> str:
    return f"the class {thing.__name__}" if inspect.isclass(thing) else f"an object of {type(thing).__name__}"
