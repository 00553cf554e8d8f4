"""An implementation in a process of its own: any program that speaks docs/protocol.md over standard input and output.

What the process does is its answer: where it ends, hangs, or answers with something else, that is the verdict of the
question at hand, and the next question meets a new process.
"""

from __future__ import annotations

import contextlib
import os
import queue
import shlex
import subprocess
import threading
import weakref
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import IO

from conformance.answers import Declaration
from conformance.cases import Json
from conformance.implementations.attempt import EndedError, RemoteError
from conformance.implementations.protocol import Array
from conformance.implementations.wire import (
    VERSION,
    WireError,
    config_message,
    declaration_of,
    decoded,
    encoded,
    line_of,
    message_of,
)
from reference.config import DenseConfig

#: Seconds that a program has for its first word: it may import a framework, or compile.
START_LIMIT = 180.0
#: Seconds that it has for one answer.
ANSWER_LIMIT = 60.0
#: Seconds that it has to end once its standard input is closed.
GOODBYE_LIMIT = 2.0
#: Lines of standard error that are kept.
KEPT_LINES = 40
#: A program that cannot be started this often is not started any more.
PATIENCE = 3


@dataclass
class Process:
    """A program that is started when it is first asked, and again after it ended. life: how often it was started."""

    command: Sequence[str]
    environment: Mapping[str, str] = field(default_factory=dict)
    answer_limit: float = ANSWER_LIMIT
    life: int = 0
    said: Mapping[str, Json] = field(default_factory=dict)
    _running: _Running | None = None
    _failed_starts: int = 0

    def ask(self, message: Mapping[str, Json]) -> dict[str, Json]:
        """The answer to one message.

        Raises EndedError where the process ends or takes too long, RemoteError for what the program raised,
        NotImplementedError for what it lacks, WireError for anything that is no answer.
        """
        return self._asked(self.started(), message, self.answer_limit)

    def started(self) -> _Running:
        """The running program; a new one where it is gone. Raises as `ask`."""
        if self._running is None:
            if self._failed_starts >= PATIENCE:
                raise EndedError("crash", f"it could not be started {PATIENCE} times")
            self._failed_starts += 1
            running = _Running(self.command, {**os.environ, **self.environment})
            self._running, self.life = running, self.life + 1
            self.said = self._asked(running, {"do": "hello", "protocol": VERSION}, START_LIMIT)
            self._failed_starts = 0
        return self._running

    def stop(self) -> None:
        if self._running is not None:
            self._running.stop()
            self._running = None

    def _asked(self, running: _Running, message: Mapping[str, Json], limit: float) -> dict[str, Json]:
        try:
            answer = running.exchange(message, limit)
        except (EndedError, WireError):
            self.stop()
            raise
        if "lacks" in answer:
            raise NotImplementedError(str(answer["lacks"]))
        if "error" in answer:
            told = answer["error"] if isinstance(answer["error"], dict) else {"message": answer["error"]}
            raise RemoteError(str(told.get("type", "error")), str(told.get("message", "")))
        return answer


class _Running:
    """One life of a program: its pipes, and what it wrote to standard error."""

    def __init__(self, command: Sequence[str], environment: Mapping[str, str]) -> None:
        pipe = subprocess.PIPE
        try:
            self._process = subprocess.Popen(
                command,
                stdin=pipe,
                stdout=pipe,
                stderr=pipe,
                env=dict(environment),
                text=True,
                encoding="utf-8",
                errors="replace",
            )
        except OSError as failure:
            raise EndedError("crash", f"{shlex.join(command)} cannot be started: {failure.strerror}") from None
        self._lines: queue.Queue[str | None] = queue.Queue()
        self._outgoing: queue.Queue[str | None] = queue.Queue()
        self._errors: deque[str | None] = deque(maxlen=KEPT_LINES)
        self._sent = 0
        # each pipe has a thread of its own: a program that does not read, or writes without end, stops nobody else
        threads = [
            threading.Thread(target=_write, args=(self._process.stdin, self._outgoing), daemon=True),
            threading.Thread(target=_read, args=(self._process.stdout, self._lines.put), daemon=True),
            threading.Thread(target=_read, args=(self._process.stderr, self._errors.append), daemon=True),
        ]
        for thread in threads:
            thread.start()
        # a program that is still running when the suite ends is told to go
        self._finalizer = weakref.finalize(self, _end, self._process, self._outgoing, threads)

    def exchange(self, message: Mapping[str, Json], limit: float) -> dict[str, Json]:
        """Raises EndedError, or WireError for a line that is not the answer to this message."""
        self._sent += 1
        self._outgoing.put(line_of({"id": self._sent, **message}))
        try:
            line = self._lines.get(timeout=limit)
        except queue.Empty:
            raise EndedError("timeout", f"no answer within {limit:g} s{self._last_words()}") from None
        if line is None:
            raise EndedError("crash", f"its process ended with {self._exit()}{self._last_words()}")
        answer = message_of(line)
        if answer.get("id") != self._sent:
            raise WireError(f"message {self._sent} was answered by one of id {answer.get('id')!r}")
        return answer

    def stop(self) -> None:
        self._finalizer()

    def _exit(self) -> str:
        """How it ended; the threads have then read all that it wrote."""
        self.stop()
        code = self._process.returncode
        return f"signal {-code}" if code < 0 else f"exit code {code}"

    def _last_words(self) -> str:
        words = " ".join(" ".join(line for line in list(self._errors)[-3:] if line).split())
        return f"; its last words: {words}" if words else ""


def _write(stream: IO[str], outgoing: queue.Queue[str | None]) -> None:
    """Until there is nothing more to say: then the closed pipe asks the program to go."""
    with contextlib.suppress(OSError), stream:
        while (line := outgoing.get()) is not None:
            stream.write(line)
            stream.flush()


def _read(stream: IO[str], keep: Callable[[str | None], None]) -> None:
    with stream:
        for line in stream:
            keep(line)
    keep(None)


def _end(
    process: subprocess.Popen[str], outgoing: queue.Queue[str | None], threads: Sequence[threading.Thread]
) -> None:
    """It is asked to go; what stays is killed."""
    outgoing.put(None)
    try:
        process.wait(timeout=GOODBYE_LIMIT)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    for thread in threads:
        thread.join(timeout=GOODBYE_LIMIT)


@dataclass
class RemoteLayer:
    """A layer in the process: its number there, in the life of the process in which it was built."""

    config: DenseConfig
    input_shape: tuple[int, ...]
    number: int = -1
    life: int = -1


@dataclass(frozen=True)
class ProcessAdapter:
    """The five methods of an adapter, carried out by a program."""

    process: Process
    name: str
    capabilities: frozenset[str]
    declares: Declaration

    def build(self, config: DenseConfig, input_shape: tuple[int, ...]) -> RemoteLayer:
        layer = RemoteLayer(config, input_shape)
        self._number(layer)
        return layer

    def load(self, layer: RemoteLayer, kernel: Array, bias: Array | None) -> None:
        given = {"kernel": encoded(kernel), "bias": None if bias is None else encoded(bias)}
        self.process.ask({"do": "load", "layer": self._number(layer), **given})

    def call(self, layer: RemoteLayer, inputs: Array) -> Array:
        return self.call_all(layer, [inputs])[0]

    def call_all(self, layer: RemoteLayer, inputs: Sequence[Array]) -> list[Array]:
        """Several inputs in one message."""
        answer = self.process.ask(
            {"do": "call", "layer": self._number(layer), "inputs": [encoded(each) for each in inputs]}
        )
        return [decoded(each) for each in _as_many(answer, "outputs", len(inputs))]

    def differentiate(self, layer: RemoteLayer, inputs: Array, upstream: Array) -> Mapping[str, Array | None]:
        given = {"inputs": [encoded(inputs)], "upstream": [encoded(upstream)]}
        answer = self.process.ask({"do": "differentiate", "layer": self._number(layer), **given})
        (found,) = _as_many(answer, "answers", 1)
        if not isinstance(found, dict):
            raise WireError(f"expected gradients by name, got {type(found).__name__}")
        return {name: None if tensor is None else decoded(tensor) for name, tensor in found.items()}

    def describe(self, layer: RemoteLayer) -> Mapping[str, Json]:
        answer = self.process.ask({"do": "describe", "layer": self._number(layer)})
        return {name: value for name, value in answer.items() if name != "id"}

    def _number(self, layer: RemoteLayer) -> int:
        """Of the layer in the running process; it is built there where it is not."""
        self.process.started()
        if layer.life != self.process.life:
            shape = list(layer.input_shape)
            answer = self.process.ask({"do": "build", "config": config_message(layer.config), "input_shape": shape})
            if not isinstance(answer.get("layer"), int):
                raise WireError(f"build was answered without the number of a layer: {answer}")
            layer.number, layer.life = answer["layer"], self.process.life
        return layer.number


def _as_many(answer: Mapping[str, Json], name: str, length: int) -> list[Json]:
    found = answer.get(name)
    if not isinstance(found, list) or len(found) != length:
        raise WireError(f"expected a list {name!r} of length {length}, got {type(found).__name__}")
    return found


def python_worker(
    python: str,
    naming: str,
    device: str = "",
    answer_limit: float = ANSWER_LIMIT,
    environment: Mapping[str, str] | None = None,
) -> Process:
    """What any naming means to another Python. -P: a folder of the user's must not get in the way of this package."""
    command = [python, "-P", "-m", "conformance.implementations.worker", naming]
    command += [f"--device={device}", f"--timeout={answer_limit}"]
    return Process(command, environment or {}, answer_limit)


def introduced(process: Process, name: str) -> ProcessAdapter:
    """The adapter of a program, once it has said what it can do. Raises as `Process.ask`."""
    process.started()
    capabilities, declares = declaration_of(process.said)
    return ProcessAdapter(process, name, capabilities, declares)
