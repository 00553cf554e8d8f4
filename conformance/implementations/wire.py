"""Messages between the suite and a program: one JSON object a line, as docs/protocol.md describes it.

A tensor is {"dtype", "shape", "data"}, data being its bytes in C order, little-endian, in base64. Nothing is pickled.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from math import prod
from typing import Any

import ml_dtypes
import numpy as np

from conformance.answers import CAPABILITIES, Declaration
from conformance.cases import Json
from conformance.implementations.protocol import Array
from reference.config import DenseConfig

#: Of the protocol; raised when a message changes its meaning.
VERSION = 1
#: Every dtype that a tensor may have.
DTYPES: Mapping[str, np.dtype[Any]] = {
    "bfloat16": np.dtype(ml_dtypes.bfloat16),
    **{
        name: np.dtype(name).newbyteorder("<")
        for name in (
            *("float16", "float32", "float64", "bool"),
            *(f"{sign}int{bits}" for sign in ("", "u") for bits in (8, 16, 32, 64)),
        )
    },
}


class WireError(Exception):
    """What came is no message, or not the one that was asked for."""


def encoded(values: Array) -> Json:
    """A tensor of a dtype in `DTYPES`."""
    plain = np.asarray(values)
    stored = np.ascontiguousarray(plain, DTYPES[plain.dtype.name])
    data = base64.b64encode(stored.tobytes()).decode("ascii")
    return {"dtype": plain.dtype.name, "shape": list(plain.shape), "data": data}


def decoded(tensor: Json) -> Array:
    """Raises WireError for anything but a tensor."""
    try:
        name, shape, data = tensor["dtype"], tuple(map(int, tensor["shape"])), base64.b64decode(tensor["data"])
        dtype = DTYPES[name]
    except (KeyError, TypeError, ValueError) as failure:
        raise WireError(f"{_shown(tensor)} is no tensor: {type(failure).__name__} {failure}") from None
    if min(shape, default=0) < 0 or len(data) != prod(shape) * dtype.itemsize:
        raise WireError(f"a tensor of shape {list(shape)} and dtype {name} came with {len(data)} bytes")
    values = np.frombuffer(data, dtype).reshape(shape)
    return values.astype(values.dtype.newbyteorder("="))


def line_of(message: Mapping[str, Json]) -> str:
    return json.dumps(message, separators=(",", ":")) + "\n"


def message_of(line: str) -> dict[str, Json]:
    """Raises WireError for a line that is no JSON object."""
    try:
        message = json.loads(line)
    except ValueError:
        raise WireError(f"{_shown(line.strip())} is no message: expected one JSON object a line") from None
    if not isinstance(message, dict):
        raise WireError(f"{_shown(line.strip())} is no message: expected a JSON object")
    return message


def config_message(config: DenseConfig) -> Json:
    """What a program is told of a layer: it has no initializers, penalties or constraints."""
    return {
        "units": config.units,
        "activation": config.activation,
        "use_bias": config.use_bias,
        "dtype": config.dtype,
    }


def declaration_message(name: str, capabilities: frozenset[str], declares: Declaration) -> dict[str, Json]:
    """The answer to `hello`."""
    return {
        "protocol": VERSION,
        "name": name,
        "version": declares.version,
        "capabilities": sorted(capabilities),
        "activations": None if declares.activations is None else sorted(declares.activations),
        "dtypes": None if declares.dtypes is None else sorted(declares.dtypes),
        "ranks": list(declares.ranks),
        "device": declares.device,
        "profile": declares.profile,
    }


def declaration_of(message: Mapping[str, Json]) -> tuple[frozenset[str], Declaration]:
    """Capabilities and the rest. Raises WireError for another protocol, and for what cannot be declared."""
    spoken = message.get("protocol")
    if spoken != VERSION:
        raise WireError(f"it speaks protocol {spoken!r}, and the suite {VERSION}: see docs/protocol.md")
    capabilities = frozenset(_names(message, "capabilities") or ())
    if not capabilities <= set(CAPABILITIES) - {"keras", "differentiate_twice"}:
        raise WireError(f"it declares {sorted(capabilities)}; a program can have call, differentiate and describe")
    ranks = message.get("ranks", [0, 99])
    if not (isinstance(ranks, list) and len(ranks) == 2 and all(isinstance(rank, int) for rank in ranks)):
        raise WireError(f"ranks must be the least and the greatest, got {_shown(ranks)}")
    declares = Declaration(
        activations=_names(message, "activations"),
        dtypes=_names(message, "dtypes"),
        ranks=(ranks[0], ranks[1]),
        device=str(message.get("device", "cpu")),
        profile=str(message.get("profile", "IEEE")),
        version=str(message.get("version", "")),
    )
    return capabilities, declares


def _names(message: Mapping[str, Json], key: str) -> frozenset[str] | None:
    names = message.get(key)
    if names is None:
        return None
    if not (isinstance(names, list) and all(isinstance(name, str) for name in names)):
        raise WireError(f"{key} must be a list of names, got {_shown(names)}")
    return frozenset(names)


def _shown(thing: Any) -> str:
    text = thing if isinstance(thing, str) else json.dumps(thing)
    return repr(text if len(text) <= 60 else text[:60] + "...")
