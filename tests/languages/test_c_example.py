"""The example in C: it conforms in all that it declares, and what is broken in it is found."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from conformance.api import selection
from conformance.implementations.adapter import AdapterImplementation
from conformance.implementations.load import load
from conformance.implementations.process import ProcessAdapter
from conformance.recording import oracle_named
from conformance.results import Verdict
from conformance.run import run

EXAMPLE = Path(__file__).parents[2] / "docs" / "examples" / "dense.c"
SELECTION = selection(tier="smoke", areas=["outputs", "gradients", "parameters", "shapes", "state", "specials"])

Built = Callable[[str], AdapterImplementation]


def compiled(source: str, folder: Path) -> Path:
    """The program that the compiler makes of this text, without a warning."""
    compiler = [shutil.which("cc")] if shutil.which("cc") else [sys.executable, "-m", "ziglang", "cc"]
    text, program = folder / "dense.c", folder / "dense"
    text.write_text(source, "utf-8")
    strict = ("-std=c11", "-Wall", "-Wextra", "-Wpedantic", "-Werror")
    done = subprocess.run(
        [*compiler, *strict, "-O2", "-o", program, text, "-lm"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return program


@pytest.fixture
def built(tmp_path: Path) -> Iterator[Built]:
    """Puts a source under test."""
    made: list[AdapterImplementation] = []

    def build(source: str) -> AdapterImplementation:
        implementation = load(f"exec:{compiled(source, tmp_path)}")
        assert isinstance(implementation, AdapterImplementation)
        made.append(implementation)
        return implementation

    yield build
    for implementation in made:
        assert isinstance(implementation.adapter, ProcessAdapter)
        implementation.adapter.process.stop()


def test_the_example_conforms_in_all_that_it_declares(built: Built) -> None:
    (report,) = run([built(EXAMPLE.read_text("utf-8"))], SELECTION, oracle_named("recorded"))
    assert report.accusations == ()
    assert report.counts[Verdict.PASS] > 280


@pytest.mark.parametrize(
    ("right", "wrong", "clause"),
    [
        (
            "layer->kernel[i * units + j];\n        }",
            "layer->kernel[j * input_dim + i];\n        }",
            "gradients.inputs",
        ),
        ("layer->bias ? layer->bias[j] : 0", "0", "outputs.affine"),
        ("largest = fmax(largest, z[j])", "largest = 0", "outputs.activation-tails"),
        ("return z < 0 ? 0 : z;", "return z > 0 ? z : 0;", "specials.pass-through"),
        ("sums->bias.values[j] += delta[j]", "sums->bias.values[j] = delta[j]", "gradients.bias"),
    ],
    ids=["kernel not transposed", "no bias", "softmax overflows", "NaN lost", "last row's bias gradient"],
)
def test_what_is_broken_in_it_is_found(built: Built, right: str, wrong: str, clause: str) -> None:
    source = EXAMPLE.read_text("utf-8")
    assert source.count(right) == 1
    (report,) = run(
        [built(source.replace(right, wrong))], selection(tier="smoke", case=f"{clause}[*"), oracle_named("recorded")
    )
    assert report.accusations


@pytest.mark.parametrize(
    ("message", "answer"),
    [
        (
            '{"id": 7, "do": "fly"}',
            '{"id":7,"error":{"type":"ValueError","message":"this is no message of protocol 1"}}',
        ),
        (
            '{"do":"load","layer":3,"id":1}',
            '{"id":1,"error":{"type":"ValueError","message":"there is no layer of this number"}}',
        ),
    ],
)
def test_what_it_cannot_answer_is_an_error_and_not_a_crash(tmp_path: Path, message: str, answer: str) -> None:
    program = compiled(EXAMPLE.read_text("utf-8"), tmp_path)
    done = subprocess.run([program], input=message + "\n", capture_output=True, text=True, check=True)
    assert done.stdout == answer + "\n"
