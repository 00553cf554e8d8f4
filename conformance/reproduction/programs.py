"""Scripts for programs that speak docs/protocol.md: as for adapters, by a class that talks to the program."""

from __future__ import annotations

from collections.abc import Mapping

from conformance.cases import Question
from conformance.implementations.process import GOODBYE_LIMIT, START_LIMIT, ProcessAdapter
from conformance.implementations.wire import VERSION
from conformance.reproduction import adapters
from conformance.reproduction.kinds import Kind

#: Messages are the suite's own to the letter. A thread of its own waits for each answer: a script never hangs.
HELPERS: Mapping[str, str] = {
    **adapters.HELPERS,
    "Program": '''
class Program:
    """Talks to the program: one JSON object a line, there and back."""

    def __init__(self, command):
        pipe = subprocess.PIPE
        self.process = subprocess.Popen(
            command, stdin=pipe, stdout=pipe, text=True, encoding="utf-8", errors="replace"
        )
        self.sent = 0
        self.farewell = weakref.finalize(self, end, self.process)
        self.ask({"do": "hello", "protocol": $protocol}, $start_limit)

    def build(self, config, shape):
        return self.ask({"do": "build", "config": config, "input_shape": list(shape)})["layer"]

    def load(self, layer, matrix, vector):
        given = {"kernel": encoded(matrix), "bias": None if vector is None else encoded(vector)}
        self.ask({"do": "load", "layer": layer, **given})

    def call(self, layer, batch):
        return self.call_all(layer, [batch])[0]

    def call_all(self, layer, batches):
        given = [encoded(each) for each in batches]
        outputs = self.ask({"do": "call", "layer": layer, "inputs": given})["outputs"]
        return [decoded(each) for each, _ in zip(outputs, given, strict=True)]

    def differentiate(self, layer, batch, factors):
        given = {"inputs": [encoded(batch)], "upstream": [encoded(factors)]}
        (found,) = self.ask({"do": "differentiate", "layer": layer, **given})["answers"]
        return {name: None if each is None else decoded(each) for name, each in found.items()}

    def describe(self, layer):
        return self.ask({"do": "describe", "layer": layer})

    def ask(self, message, seconds=$answer_limit):
        """The answer to one message. What is none raises, as do an error and what the program lacks."""
        self.sent += 1
        line, came = json.dumps({"id": self.sent, **message}, separators=(",", ":")) + "\\n", queue.Queue()
        threading.Thread(target=exchange, args=(self.process, line, came), daemon=True).start()
        try:
            back = came.get(timeout=seconds)
        except queue.Empty:
            self.farewell.detach()
            self.process.kill()
            self.process.wait()
            raise TimeoutError(f"no answer within {seconds:g} s") from None
        if not back:
            raise EOFError(f"the program ended with exit code {self.process.wait($goodbye_limit)}")
        answer = json.loads(back)
        if not isinstance(answer, dict) or answer.get("id") != self.sent:
            raise ValueError(f"message {self.sent} was answered by {back[:60]!r}")
        if "lacks" in answer or "error" in answer:
            raise RuntimeError({name: answer[name] for name in ("lacks", "error") if name in answer})
        return answer
''',
    "exchange": '''
def exchange(process, line, came):
    """One line there, one back: an empty one where the program has ended."""
    try:
        process.stdin.write(line)
        process.stdin.flush()
    except OSError:
        pass
    came.put(process.stdout.readline())
''',
    "end": '''
def end(process):
    """The program is asked to go, and killed where it stays."""
    try:
        process.communicate(timeout=$goodbye_limit)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
''',
    "encoded": '''
def encoded(values):
    """Bytes in C order, little-endian, in base64."""
    data = values.astype(values.dtype.newbyteorder("<")).tobytes()
    return {
        "dtype": values.dtype.name,
        "shape": list(values.shape),
        "data": base64.b64encode(data).decode("ascii"),
    }
''',
    "decoded": """
def decoded(tensor):
    dtype = np.dtype(tensor["dtype"])
    values = np.frombuffer(base64.b64decode(tensor["data"]), dtype.newbyteorder("<"))
    return values.reshape(tensor["shape"]).astype(dtype)
""",
}


def fields(question: Question, adapter: ProcessAdapter) -> Mapping[str, str]:
    """What each $name stands for; as patient as the suite was."""
    return {
        **adapters.fields(question, "program", _as_a_dictionary),
        "protocol": str(VERSION),
        "start_limit": f"{START_LIMIT:g}",
        "answer_limit": f"{adapter.process.answer_limit:g}",
        "goodbye_limit": f"{GOODBYE_LIMIT:g}",
    }


def _as_a_dictionary(said: Mapping[str, str]) -> str:
    pairs = [f'"{name}": {each}' for name, each in said.items()]
    return f"{{{', '.join(pairs)}}}"


def started(naming: str) -> str:
    """The function that starts the program, for exec:COMMAND."""
    command = naming.removeprefix("exec:")
    return f'''def under_test():
    """The program, which is started in the current folder."""
    return Program(shlex.split({command!r}))
'''


PROGRAM = Kind(
    subject="program",
    thing=lambda _, space: space["under_test"](),
    under_test=started,
    absent="cannot be started",
    imports=adapters.imports,
    snippets=adapters.SNIPPETS,
    helpers=HELPERS,
    fields=fields,
    dtype=adapters.dtype,
    right=adapters.right,
)
