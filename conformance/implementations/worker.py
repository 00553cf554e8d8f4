"""The other end of `process`: serves an adapter over standard input and output, as `python -m` this module NAMING."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Mapping
from typing import IO, Any

import numpy as np

from conformance.cases import Json
from conformance.implementations.adapter import AdapterImplementation
from conformance.implementations.attempt import first_words
from conformance.implementations.load import NamingError, Place, load
from conformance.implementations.process import ANSWER_LIMIT
from conformance.implementations.protocol import Adapter, declared
from conformance.implementations.wire import declaration_message, decoded, encoded, line_of, message_of
from reference.config import DenseConfig

#: What goes through a pipe: a Keras layer's other ways of being called do not.
SERVED = frozenset({"call", "differentiate", "describe", "dtype_policies"})


class Server:
    """One adapter, and the layers that were built of it."""

    def __init__(self, adapter: Adapter) -> None:
        self._adapter = adapter
        self._layers: list[Any] = []
        self._verbs: Mapping[str, Callable[[Mapping[str, Json]], dict[str, Json]]] = {
            "hello": self._hello,
            "build": self._build,
            "load": self._load,
            "call": self._call,
            "differentiate": self._differentiate,
            "describe": self._describe,
        }

    def answer(self, message: Mapping[str, Json]) -> dict[str, Json]:
        """Whatever the adapter raises is an answer."""
        try:
            return self._verbs[message["do"]](message)
        except NotImplementedError as failure:
            return {"lacks": first_words(failure) or message["do"]}
        except (Exception, SystemExit) as failure:
            return {"error": {"type": type(failure).__name__, "message": first_words(failure)}}

    def _hello(self, _: Mapping[str, Json]) -> dict[str, Json]:
        adapter = self._adapter
        return declaration_message(adapter.name, adapter.capabilities & SERVED, declared(adapter))

    def _build(self, message: Mapping[str, Json]) -> dict[str, Json]:
        config, shape = DenseConfig(**message["config"]), tuple(message["input_shape"])
        self._layers.append(self._adapter.build(config, shape))
        return {"layer": len(self._layers) - 1}

    def _load(self, message: Mapping[str, Json]) -> dict[str, Json]:
        bias = None if message["bias"] is None else decoded(message["bias"])
        self._adapter.load(self._layers[message["layer"]], decoded(message["kernel"]), bias)
        return {}

    def _call(self, message: Mapping[str, Json]) -> dict[str, Json]:
        layer = self._layers[message["layer"]]
        return {"outputs": [_sent(self._adapter.call(layer, decoded(each))) for each in message["inputs"]]}

    def _differentiate(self, message: Mapping[str, Json]) -> dict[str, Json]:
        layer = self._layers[message["layer"]]
        pairs = zip(message["inputs"], message["upstream"], strict=True)
        found = [self._adapter.differentiate(layer, decoded(x), decoded(g)) for x, g in pairs]
        return {
            "answers": [
                {name: None if values is None else _sent(values) for name, values in each.items()} for each in found
            ]
        }

    def _describe(self, message: Mapping[str, Json]) -> dict[str, Json]:
        return dict(self._adapter.describe(self._layers[message["layer"]]))


def _sent(values: Any) -> Json:
    """Raises TypeError for what no tensor can say."""
    array = np.asarray(values)
    try:
        return encoded(array)
    except KeyError:
        raise TypeError(f"outputs of dtype {array.dtype} cannot be sent") from None


def serve(adapter: Adapter, incoming: IO[str], outgoing: IO[str]) -> None:
    """Until the input ends."""
    server = Server(adapter)
    for line in incoming:
        message = message_of(line)
        outgoing.write(line_of({"id": message.get("id"), **server.answer(message)}))
        outgoing.flush()


def main(naming: str, place: Place) -> int:
    """What an implementation prints goes to standard error: standard output carries messages alone."""
    outgoing = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    try:
        implementation = load(naming, place=place)
    except NamingError as failure:
        print(failure, file=sys.stderr)
        return 4
    if not isinstance(implementation, AdapterImplementation):
        print(f"{naming} has no adapter, and cannot be put into a process of its own", file=sys.stderr)
        return 4
    serve(implementation.adapter, sys.stdin, outgoing)
    return 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Serves an implementation over standard input and output.")
    parser.add_argument("naming")
    parser.add_argument("--device", default="")
    parser.add_argument("--timeout", type=float, default=ANSWER_LIMIT)
    return parser.parse_args()


if __name__ == "__main__":
    told = _arguments()
    raise SystemExit(main(told.naming, Place(device=told.device, answer_limit=told.timeout)))
