"""The doctor: what can run here, what cannot, and whether an implementation can be talked to."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from conformance import cli
from conformance.commands import doctor
from conformance.implementations import frameworks

LAYERS = """
import sys

from conformance.answers import Declaration
from conformance.implementations.reference import ReferenceAdapter


class Right(ReferenceAdapter):
    declares = Declaration(activations=frozenset({"linear", "relu"}), ranks=(2, 3), device="abacus", version="7.1")

    def call(self, layer, inputs):
        print("noise of its own")
        return super().call(layer, inputs)


class Transposed(ReferenceAdapter):
    def load(self, layer, kernel, bias):
        super().load(layer, kernel.T.reshape(kernel.shape).copy(), bias)


class Forgetful(ReferenceAdapter):
    def load(self, layer, kernel, bias):
        super().load(layer, 0 * kernel + 1, bias)


class Silent(ReferenceAdapter):
    def differentiate(self, layer, inputs, upstream):
        return {"outputs": self.call(layer, inputs)}


class Raising(ReferenceAdapter):
    def describe(self, layer):
        raise RuntimeError("not on \\x1b[31mTuesdays")


class Boasting(ReferenceAdapter):
    def differentiate(self, layer, inputs, upstream):
        raise NotImplementedError("gradients")


def mute(inputs, kernel, bias, activation):
    return None


def on_keras():
    import keras

    return keras.layers.Dense


def __getattr__(name):
    if name == "Keras":
        return on_keras()
    raise AttributeError(name)
"""


@pytest.fixture
def layers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "layers.py").write_text(LAYERS, "utf-8")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def told(capsys: pytest.CaptureFixture[str], *words: str, code: int) -> str:
    """What is printed, in one line; no line is longer than a screen is wide, but for names."""
    assert cli.main(["doctor", *words]) == code
    out = capsys.readouterr().out
    assert [line for line in out.splitlines() if len(line) > 80 and " " in line[14:].strip()] == []
    return " ".join(out.split())


def test_0_where_the_main_job_can_run(capsys: pytest.CaptureFixture[str]) -> None:
    """Here, where the tests of the live oracle run: versions are those of the packages."""
    import keras
    import numpy as np
    import tensorflow as tf

    text = told(capsys, code=0)
    assert f"numpy {np.__version__}" in text
    assert f"TensorFlow {tf.__version__}" in text
    assert f"Keras {keras.__version__} (keras), which is the dialect keras-3" in text
    assert "runs run --oracle tensorflow" in text
    assert "runs run --oracle recorded" in text
    assert text.endswith("The main job can run: dense-conformance run tensorflow")


def test_every_framework_is_told_of(capsys: pytest.CaptureFixture[str]) -> None:
    """Each with what to install, unless it runs."""
    text = told(capsys, code=0)
    for name in frameworks.NAMES:
        assert re.search(
            rf"runs run {name}\b|cannot run {name}: (pip|npm) install |cannot run {name}: there is no node", text
        )


def test_nothing_heavy_is_imported() -> None:
    """TensorFlow takes many seconds, and where it is broken the doctor must still speak."""
    heavy = "('tensorflow', 'keras', 'torch', 'jax')"
    look = f"print('loaded', [name for name in {heavy} if name in sys.modules])"
    program = f"import sys\nfrom conformance import cli\ncli.main(['doctor'])\n{look}"
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert ran.stdout.splitlines()[-1] == "loaded []"


def test_1_without_tensorflow(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """What can run without is told all the same."""
    monkeypatch.setitem(sys.modules, "tensorflow", None)
    text = told(capsys, code=1)
    assert "cannot run --oracle tensorflow: TensorFlow is not here: pip install 'dense-conformance[tensorflow]'" in text
    assert "runs run --oracle recorded" in text
    assert "The main job cannot run here" in text


@pytest.mark.parametrize(
    ("variable", "value", "mend"),
    [
        ("KERAS_BACKEND", "jax", "Keras computes by jax here: set KERAS_BACKEND=tensorflow"),
        ("TF_USE_LEGACY_KERAS", "1", "pip install tf_keras"),
    ],
)
def test_1_where_keras_is_not_the_one_that_is_needed(
    variable: str, value: str, mend: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    if variable == "TF_USE_LEGACY_KERAS" and doctor._version("tf_keras"):
        pytest.skip("tf_keras is installed here")
    monkeypatch.setenv(variable, value)
    text = told(capsys, code=1)
    assert mend in text
    assert f"{variable}={value}" in text


def test_settings_of_keras_are_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A file that was written years ago decides which backend is taken."""
    (tmp_path / "keras.json").write_text('{"backend": "torch"}', "utf-8")
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    monkeypatch.delenv("KERAS_BACKEND", raising=False)
    assert "Keras computes by torch here" in told(capsys, code=1)


def test_what_is_installed_is_found_by_its_metadata(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Of two packages that an adapter needs, the one that is there is not asked for."""
    for name in ("tinygrad", "onnx"):
        metadata = tmp_path / f"{name}-9.9.dist-info" / "METADATA"
        metadata.parent.mkdir()
        metadata.write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 9.9\n", "utf-8")
    if doctor._version("onnxruntime") or doctor._version("tinygrad"):
        pytest.skip("they are installed here")
    monkeypatch.syspath_prepend(str(tmp_path))
    text = told(capsys, code=0)
    assert "runs run tinygrad" in text
    assert "cannot run onnxruntime: pip install onnxruntime " in f"{text} "
    assert "onnxruntime onnx" not in text


# ---- an implementation ---------------------------------------------------------------------------------------------


def test_0_an_implementation_that_can_be_judged(layers: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """What it declares, its level, and what it lacks for the next; what it prints is not among it."""
    assert cli.main(["doctor", "layers.py:Right"]) == 0
    captured = capfd.readouterr()
    text = " ".join(captured.out.split())
    assert "name reference 7.1 declares call, differentiate" in text
    assert "activations 2 of 31 not celu," in text
    assert "ranks 2 to 3 device abacus, IEEE" in text
    assert "keras needs" in text
    assert "bias_gradient float32 (3,)" in text
    assert text.endswith(
        "layers.py:Right can be judged: dense-conformance run layers.py:Right --oracle recorded --tier smoke"
    )
    assert "noise" not in text
    assert "noise of its own" in captured.err


def test_0_a_wrong_layer_can_be_judged(layers: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A kernel in the wrong order is the layer's affair, and that of `run`."""
    assert "can be judged" in told(capsys, "layers.py:Transposed", code=0)


def test_0_a_keras_layer_is_for_the_live_oracle(layers: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = told(capsys, "layers.py:Keras", code=0)
    assert "level keras" in text
    assert "output_shape [None, 3]" in text or "output_shape [2, 3]" in text
    assert "dense-conformance run layers.py:Keras --tier smoke" in text


@pytest.mark.parametrize(
    ("name", "fault"),
    [
        ("Forgetful", "the weights that it is given do not reach the layer"),
        ("Silent", "declares 'differentiate', and gave back no kernel_gradient, bias_gradient, inputs_gradient"),
        ("Raising", "declares 'describe', and it raised RuntimeError"),
        ("Boasting", "declares 'differentiate', and says that it lacks gradients; declare less"),
        ("mute", "cannot talk to layers.py:mute"),
        ("Nothing", "layers.py has no 'Nothing'"),
    ],
)
def test_1_a_harness_that_does_not_work(
    name: str, fault: str, layers: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """In words, and never a verdict on the layer."""
    text = told(capsys, f"layers.py:{name}", code=1)
    assert fault in text
    assert "\x1b" not in text
    assert "conform " not in text


def test_1_a_program_that_says_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    assert "cannot be talked to" in told(capsys, f"exec:{sys.executable} -c pass", code=1)
