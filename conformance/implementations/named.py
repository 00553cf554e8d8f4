"""A layer class whose constructor calls Dense's arguments otherwise: one table says what they may be called."""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Mapping
from typing import Any

from reference.config import DenseConfig

#: What other libraries call an argument of Dense, by what it means.
ARGUMENTS: Mapping[str, tuple[str, ...]] = {
    "input_dim": ("in_features", "input_dim", "in_dim", "input_size", "nin", "d_in"),
    "units": ("units", "out_features", "features", "output_dim", "out_dim", "output_size", "hidden", "nout", "d_out"),
    "activation": ("activation", "act", "nonlinearity", "activation_fn"),
    "use_bias": ("use_bias", "bias", "with_bias", "has_bias"),
    "dtype": ("dtype",),
}
#: What they call a weight.
WEIGHTS: Mapping[str, tuple[str, ...]] = {"kernel": ("kernel", "weight", "w", "W"), "bias": ("bias", "b")}


def meanings(factory: type) -> dict[str, str]:
    """The constructor's parameter of each meaning, by meaning. What it hands on by ** is its base class's to say.

    Raises TypeError for a parameter that must be given and has no meaning, and where none is for the units.
    """
    found: dict[str, str] = {}
    for parameter in _parameters(factory):
        meaning = next((each for each, names in ARGUMENTS.items() if parameter.name in names), None)
        if meaning is not None:
            found.setdefault(meaning, parameter.name)
        elif parameter.default is parameter.empty:
            raise TypeError(f"its constructor needs {parameter.name!r}, which means nothing here: write an adapter")
    if "units" not in found:
        raise TypeError(f"its constructor has no argument for the units: {', '.join(ARGUMENTS['units'])}")
    return found


def _parameters(factory: type) -> Iterator[inspect.Parameter]:
    for each in factory.__mro__:
        if "__init__" not in vars(each):
            continue
        hands_on = False
        for parameter in list(inspect.signature(vars(each)["__init__"]).parameters.values())[1:]:
            if parameter.kind is parameter.VAR_KEYWORD:
                hands_on = True
            elif parameter.kind is not parameter.VAR_POSITIONAL:
                yield parameter
        if not hands_on:
            return


def arguments(named: Mapping[str, str], config: DenseConfig, input_dim: int, dtype: Any) -> dict[str, Any]:
    """The constructor's arguments for a config. named: as `meanings` gives it.

    Raises NotImplementedError for what the constructor has no argument for.
    """
    said = {
        "input_dim": input_dim,
        "units": config.units,
        "activation": None if config.activation == "linear" else config.activation,
        "use_bias": config.use_bias,
        "dtype": dtype,
    }
    if config.activation != "linear" and "activation" not in named:
        raise NotImplementedError(f"activation {config.activation!r}")
    if not config.use_bias and "use_bias" not in named:
        raise NotImplementedError("a layer without bias")
    return {named[meaning]: value for meaning, value in said.items() if meaning in named and value is not None}
