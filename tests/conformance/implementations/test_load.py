"""Every way of naming an implementation; and of a name that leads to none one line says what would do."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from conformance.implementations.attempt import MESSAGE_LENGTH
from conformance.implementations.load import NamingError, Place, load
from conformance.implementations.reference import ReferenceAdapter

LAYERS = """
NUMBER = 3

def dense(inputs, kernel, bias, activation):
    return inputs

class Plain:
    pass

class Adapter:
    name = "mine"
    capabilities = frozenset({"call"})
    def build(self, config, input_shape): ...
    def load(self, layer, kernel, bias): ...
    def call(self, layer, inputs): ...
    def differentiate(self, layer, inputs, upstream): ...
    def describe(self, layer): ...

class Needy(Adapter):
    def __init__(self, path): ...

class Leaving(Adapter):
    def __init__(self):
        raise SystemExit("no licence")

class Nameless:
    capabilities = Adapter.capabilities
    build = load = call = differentiate = describe = Adapter.build

class Incapable:
    name = "mine"
    build = load = call = differentiate = describe = Adapter.build

class Incomplete:
    build = load = call = differentiate = Adapter.build

class Misspelt(Adapter):
    capabilities = frozenset({"diferentiate"})

class Spelt(Adapter):
    capabilities = "call"

class Answering:
    def answer(self, question, tensors): ...

adapter = Adapter()
answering = Answering()
dense.inner = dense
"""
FILES = {
    "my_named_layers.py": LAYERS,
    "my_empty.py": "",
    "my_broken.py": "def (:\n",
    "my_exit.py": "raise SystemExit('no\\n  licence')",
    "my_failure.py": "raise RuntimeError('\\x1b[31mfirst\\x1b[0m\\nsecond')",
    "my_verbose.py": "raise RuntimeError('x' * 5000)",
    "my_lazy.py": "def __getattr__(name):\n    raise ImportError(f'{name} needs another package')\n",
    "my_interruption.py": "raise KeyboardInterrupt",
}
#: A name, how its line begins, and a part of it that says what would do or what was wrong.
REFUSED = (
    ("", "no implementation ''", "not module:Name, not file.py:Name"),
    ("refrence", "no implementation 'refrence'", "not a built-in (reference, tensorflow, "),
    ("reference ", "no implementation 'reference '", "not a built-in (reference, tensorflow, "),
    (":dense", "no implementation ':dense'", "not module:Name"),
    ("my_named_layers:", "no implementation 'my_named_layers:'", "not module:Name"),
    ("my_named_layers.py", "no implementation 'my_named_layers.py'", "not file.py:Name"),
    ("nowhere.py:dense", "there is no file 'nowhere.py'", "the current folder is '"),
    ("nowhere:dense", "nowhere cannot be imported", "ModuleNotFoundError: No module named 'nowhere'"),
    ("..nowhere:dense", "..nowhere cannot be imported", "TypeError"),
    ("my_named_layers:nothing", "my_named_layers has no 'nothing'", "it has dense, Plain, Adapter"),
    ("my_named_layers.py:nothing", "my_named_layers.py has no 'nothing'", "it has dense, Plain, Adapter"),
    ("my_named_layers:dense.inner", "my_named_layers has no 'dense.inner'", "it has dense"),
    ("my_empty:nothing", "my_empty has no 'nothing'", "it has nothing"),
    ("my_broken:dense", "my_broken cannot be imported", "SyntaxError: invalid syntax (my_broken.py, line 1)"),
    ("my_broken.py:dense", "my_broken.py cannot be imported", "SyntaxError"),
    ("my_exit:dense", "my_exit cannot be imported", "SystemExit: no licence"),
    ("my_exit.py:dense", "my_exit.py cannot be imported", "SystemExit: no licence"),
    ("my_failure.py:dense", "my_failure.py cannot be imported", "RuntimeError: first second"),
    ("my_verbose.py:dense", "my_verbose.py cannot be imported", f"{'x' * MESSAGE_LENGTH}..."),
    ("my_lazy:dense", "my_lazy:dense cannot be imported", "ImportError: dense needs another package"),
    (
        "my_named_layers:NUMBER",
        "my_named_layers:NUMBER is an object of int",
        "expected a class of a Keras layer or a PyTorch module, a function dense(",
    ),
    ("my_named_layers:Plain", "my_named_layers:Plain is the class Plain", "build, load, call, differentiate, describe"),
    ("my_named_layers:Incomplete", "my_named_layers:Incomplete is the class Incomplete", "implementations/protocol.py"),
    (
        "my_named_layers:Needy",
        "my_named_layers:Needy could not be constructed",
        "give an instance, or a class that needs none",
    ),
    ("my_named_layers:Leaving", "my_named_layers:Leaving could not be constructed", "no licence"),
    (
        "my_named_layers:Nameless",
        "my_named_layers:Nameless has no attribute 'name'",
        "states its name and its capabilities",
    ),
    ("my_named_layers:Incapable", "my_named_layers:Incapable has no attribute 'capabilities'", "states its name"),
    (
        "my_named_layers:Misspelt",
        "my_named_layers:Misspelt declares frozenset({'diferentiate'})",
        "call, differentiate, ",
    ),
    ("my_named_layers:Spelt", "my_named_layers:Spelt declares 'call'", "capabilities are a frozenset of call"),
    (
        "my_named_layers:answering",
        "my_named_layers:answering has no attribute 'name'",
        "states its name and its capabilities",
    ),
)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The current folder, with a user's modules in it, all forgotten afterwards."""
    for name, text in FILES.items():
        (tmp_path / name).write_text(text, "utf-8")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    before = set(sys.modules)
    yield tmp_path
    for name in set(sys.modules) - before:
        if name.startswith(("my_", "under_test_my_")):
            del sys.modules[name]


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize(("naming", "begins", "says"), REFUSED, ids=[repr(row[0]) for row in REFUSED])
def test_what_is_no_implementation_is_said_in_one_line(naming: str, begins: str, says: str) -> None:
    with pytest.raises(NamingError) as caught:
        load(naming)
    line = str(caught.value)
    assert line.startswith(begins)
    assert says in line
    assert "\n" not in line
    assert "\x1b" not in line


@pytest.mark.parametrize("thing", [3, None, b"reference", dict, []], ids=repr)
def test_an_object_that_is_no_implementation_is_named_by_its_type(thing: Any) -> None:
    with pytest.raises(
        NamingError, match="expected a class of a Keras layer or a PyTorch module, a function dense"
    ) as caught:
        load(thing)
    assert (thing.__name__ if isinstance(thing, type) else type(thing).__name__) in str(caught.value)


def test_an_interruption_while_importing_is_not_caught(folder: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        load("my_interruption:dense")


@pytest.mark.parametrize(
    "place", ["my_named_layers", "my_named_layers.py", "./my_named_layers.py", "{folder}/my_named_layers.py"]
)
@pytest.mark.parametrize("thing", ["dense", "Adapter", "adapter"])
def test_functions_adapters_and_their_classes_are_found_in_modules_and_files(
    folder: Path, place: str, thing: str
) -> None:
    naming = f"{place.format(folder=folder)}:{thing}"
    found = load(naming)
    assert found.capabilities == {"call"}
    assert found.name == (naming if thing == "dense" else "mine")


def test_two_files_of_one_name_are_two_modules(folder: Path) -> None:
    """Neither takes the other's place among the imported modules."""
    for name in ("one", "two"):
        (folder / name).mkdir()
        (folder / name / "my_named_layers.py").write_text(LAYERS.replace('"mine"', f'"{name}"'), "utf-8")
    found: list[Any] = [load(f"{name}/my_named_layers.py:Adapter") for name in ("one", "two")]
    assert [each.name for each in found] == ["one", "two"]
    assert [sys.modules[type(each.adapter).__module__].Adapter for each in found] == [
        type(each.adapter) for each in found
    ]


def test_a_file_may_have_the_name_of_a_module_of_ours(folder: Path) -> None:
    (folder / "conformance.py").write_text(LAYERS, "utf-8")
    assert load("conformance.py:Adapter").name == "mine"
    assert sys.modules["conformance"].__file__ != str(folder / "conformance.py")


@pytest.mark.usefixtures("folder")
def test_the_import_path_grows_by_the_current_folder_once_and_at_its_end() -> None:
    before = list(sys.path)
    load("my_named_layers:dense")
    load("my_named_layers:Adapter")
    assert sys.path == [*before, str(Path.cwd())]


def test_a_function_given_itself_has_its_own_name() -> None:
    def my_dense(inputs: Any, kernel: Any, bias: Any, activation: str) -> Any:
        return inputs

    assert load(my_dense).name == "my_dense"


def test_a_callable_object_is_a_function() -> None:
    class Layer:
        def __call__(self, inputs: Any, kernel: Any, bias: Any, activation: str) -> Any:
            return inputs

    assert load(Layer()).name == "Layer"


def test_a_built_in_is_made_afresh_each_time() -> None:
    """Layers that are kept for one run are not those of another."""
    assert load("reference") is not load("reference")
    assert load("reference").name == load(ReferenceAdapter).name == "reference"


def test_a_keras_layer_that_is_made_already_is_refused() -> None:
    """It is callable, but it cannot be constructed with other units."""
    import tensorflow as tf

    with pytest.raises(NamingError, match="Dense is an object of Dense: expected a class of a Keras layer"):
        load(tf.keras.layers.Dense(3))


@pytest.mark.parametrize("naming", ["reference", "exec:anything", "my_layers.py:dense"])
def test_what_has_no_choice_of_devices_is_not_given_one(naming: str) -> None:
    """Else it would be told that it computes where it does not."""
    with pytest.raises(NamingError, match="has no choice of devices here: leave out --device"):
        load(naming, place=Place(device="cuda:0"))


def test_another_python_is_told_the_device() -> None:
    with pytest.raises(NamingError, match="reference has no choice of devices here"):
        load("reference", place=Place(python=sys.executable, device="cuda:0"))
