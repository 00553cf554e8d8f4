"""Keras layers whose weights begin wrongly."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from conformance.implementations.keras.mutants.made import Layer, Methods, keras_mutant
from conformance.implementations.keras.written import written_by_hand
from conformance.implementations.mutant import Mutant, of_generation

#: A layer and its initializer of one weight: the one that it uses instead.
Remade = Callable[[Layer, Any], Any]


def _begin(kernel: Remade | None = None, bias: Remade | None = None) -> Callable[[], Methods]:
    """kernel, bias: what is made of the layer's own initializer of that weight."""

    def methods() -> Methods:
        def make_weights(self: Layer, width: int) -> None:
            own, own_bias = self.kernel_initializer, self.bias_initializer
            first = own if kernel is None else kernel(self, own)
            self.kernel = self.add_kernel((width, self.units), initializer=first)
            second = own_bias if bias is None else bias(self, own_bias)
            self.bias = self.add_bias((self.units,), initializer=second) if self.use_bias else None

        return {"make_weights": make_weights}

    return methods


def _transposed(_: Layer, own: Any) -> Any:
    """Drawn as (units, input_dim) and turned: the fans are swapped."""
    import tensorflow as tf

    def draw(shape: Any, dtype: Any = None, **__: Any) -> Any:
        return tf.transpose(own(tuple(reversed(tuple(shape))), dtype=dtype))

    return draw


def _named(name: str) -> Callable[[Layer, Any], Any]:
    def found(_: Layer, __: Any) -> Any:
        import tensorflow as tf

        return tf.keras.initializers.get(name)

    return found


def _default(**defaults: str) -> Callable[[], Methods]:
    def methods() -> Methods:
        def __init__(self: Layer, units: int, **arguments: Any) -> None:  # noqa: N807
            written_by_hand().__init__(self, units, **{**defaults, **arguments})

        return {"__init__": __init__}

    return methods


def _drawn_twice(_: Layer, own: Any) -> Any:
    """The second draw of an initializer that is asked twice."""

    def draw(shape: Any, dtype: Any = None, **__: Any) -> Any:
        own(shape, dtype=dtype)
        return own(shape, dtype=dtype)

    return draw


def _unseeded(_: Layer, own: Any) -> Any:
    return type(own)() if getattr(own, "seed", None) is not None else own


def _rounded(_: Layer, own: Any) -> Any:
    import tensorflow as tf

    def draw(shape: Any, dtype: Any = None, **__: Any) -> Any:
        return tf.cast(tf.cast(own(shape, dtype=dtype), tf.float16), dtype)

    return draw


def _wider(_: Layer, own: Any) -> Any:
    def draw(shape: Any, dtype: Any = None, **__: Any) -> Any:
        return 1.125 * own(shape, dtype=dtype)

    return draw


_KEPT: dict[Any, Any] = {}


def _shared(_: Layer, own: Any) -> Any:
    """What was drawn first for a shape is given to all layers."""

    def draw(shape: Any, dtype: Any = None, **__: Any) -> Any:
        key = (type(own).__name__, tuple(shape), str(dtype))
        if key not in _KEPT:
            _KEPT[key] = own(shape, dtype=dtype)
        return _KEPT[key]

    return draw


def _only_objects() -> Methods:
    def __init__(self: Layer, units: int, **arguments: Any) -> None:  # noqa: N807
        known = {
            name: value
            for name, value in arguments.items()
            if not (name.endswith("initializer") and isinstance(value, str | dict))
        }
        written_by_hand().__init__(self, units, **known)

    return {"__init__": __init__}


def _arguments(changed: Callable[[str, Any], Any]) -> Callable[[], Methods]:
    """changed: what is made of each initializer that is given, by the name of its argument."""

    def methods() -> Methods:
        def __init__(self: Layer, units: int, **arguments: Any) -> None:  # noqa: N807
            made = {
                name: changed(name, value) if name.endswith("initializer") else value
                for name, value in arguments.items()
            }
            written_by_hand().__init__(self, units, **made)

        return {"__init__": __init__}

    return methods


def _zeros_for_none(name: str, given: Any) -> Any:
    return "zeros" if given is None and name.startswith("bias") else given


def _default_for_names(_: str, given: Any) -> Any:
    return given if not isinstance(given, str) or given in ("zeros", "ones") else "glorot_uniform"


def without_seed(_: Any, given: Any) -> Any:
    """A config that says a seed, without it; all else as it is."""
    if not isinstance(given, dict) or "seed" not in given["config"]:
        return given
    return {**given, "config": {**given["config"], "seed": None}}


def _standard_but_for_the_seed(_: Layer, own: Any) -> Any:
    """Its class with the seed alone: every other argument is lost."""
    return type(own)(seed=own.seed) if getattr(own, "seed", None) is not None else own


def _in_half(_: Layer, own: Any) -> Any:
    import tensorflow as tf

    return _rounded(_, own) if isinstance(own, tf.keras.initializers.Constant) else own


def _seeded_as_the_kernel(layer: Layer, own: Any) -> Any:
    seed = getattr(layer.kernel_initializer, "seed", None)
    if seed is None or getattr(own, "seed", None) is None:
        return own
    return type(own).from_config({**own.get_config(), "seed": seed})


def _fans_of_all_axes() -> Methods:
    import tensorflow as tf

    def build(self: Layer, input_shape: Any) -> None:
        own, axes = self.kernel_initializer, [axis for axis in input_shape[1:-1] if axis]

        def draw(shape: Any, dtype: Any = None, **_: Any) -> Any:
            fans, wrong = sum(shape), shape[0] * max([1, *axes]) + shape[1]
            return tf.convert_to_tensor(own(shape, dtype=dtype)) * (fans / wrong) ** 0.5

        self.kernel_initializer = draw
        written_by_hand().build(self, input_shape)
        self.kernel_initializer = own

    return {"build": build}


def _weights_swallowed() -> Methods:
    def __init__(self: Layer, units: int, *given: Any, weights: Any = None, **arguments: Any) -> None:  # noqa: N807
        written_by_hand().__init__(self, units, *given, **arguments)

    return {"__init__": __init__}


def _arrays_ignored() -> Methods:
    import numpy as np

    def __init__(self: Layer, units: int, **arguments: Any) -> None:  # noqa: N807
        kept = {name: value for name, value in arguments.items() if not isinstance(value, np.ndarray)}
        written_by_hand().__init__(self, units, **kept)

    return {"__init__": __init__}


def _mutant(name: str, says: str, breaks: str, methods: Callable[[], Methods], **named: Any) -> Mutant:
    return keras_mutant(name, says, f"initializers.{breaks}", methods, **named)


MUTANTS: tuple[Mutant, ...] = (
    _mutant("he-by-default", "the default is he_uniform", "default", _default(kernel_initializer="he_uniform")),
    _mutant("ones-bias-by-default", "the bias begins at one", "default-bias", _default(bias_initializer="ones")),
    _mutant("bias-always-zero", "the bias's initializer is ignored", "certain", _begin(bias=_named("zeros"))),
    _mutant(
        "bias-as-kernel",
        "the bias has the kernel's initializer",
        "certain",
        _begin(bias=lambda layer, _: layer.kernel_initializer),
    ),
    _mutant(
        "kernel-always-glorot",
        "the kernel's initializer is ignored",
        "certain",
        _begin(kernel=_named("glorot_uniform")),
    ),
    _mutant("fans-swapped", "the kernel is drawn transposed", "distribution", _begin(kernel=_transposed)),
    _mutant("drawn-wider", "weights are an eighth too large", "distribution", _begin(kernel=_wider)),
    _mutant("constants-in-half", "constants are rounded to float16", "certain", _begin(kernel=_in_half)),
    _mutant("none-for-zeros", "None is no bias at first", "none", _arguments(_zeros_for_none)),
    _mutant("names-for-the-default", "names are all glorot_uniform", "names", _arguments(_default_for_names)),
    _mutant("config-without-its-seed", "a config's seed is lost", "seeded", _arguments(without_seed)),
    _mutant(
        "seed-alone",
        "of a seeded initializer the seed alone is kept",
        "seeded",
        _begin(kernel=_standard_but_for_the_seed),
    ),
    _mutant("seed-of-the-kernel", "the bias has the kernel's seed", "seeded", _begin(bias=_seeded_as_the_kernel)),
    _mutant("fans-of-all-axes", "every axis counts as a fan", "seeded", _fans_of_all_axes),
    _mutant("seed-ignored", "the seed is ignored", "seeded", _begin(kernel=_unseeded)),
    _mutant("drawn-in-half", "draws are rounded to float16", "seeded", _begin(kernel=_rounded)),
    _mutant("only-objects-initialize", "names and configs are ignored", "forms", _only_objects),
    _mutant("callable-asked-twice", "a callable is asked twice", "callable", _begin(kernel=_drawn_twice)),
    _mutant(
        "arrays-ignored",
        "an array is no initializer",
        "arrays",
        _arrays_ignored,
        wrong_in=lambda dialect: dialect.takes_arrays,
    ),
    _mutant(
        "weights-swallowed",
        "the argument weights is dropped",
        "weights-given",
        _weights_swallowed,
        wrong_in=of_generation(2),
    ),
    _mutant(
        "orthogonal-by-glorot", "orthogonal is glorot_uniform", "orthogonal", _begin(kernel=_named("glorot_uniform"))
    ),
    _mutant("shared-by-all", "all layers begin alike", "independent", _begin(kernel=_shared)),
    _mutant("biases-alike", "the biases of all layers begin alike", "independent", _begin(bias=_shared)),
    _mutant("never-new", "no seed changes the weights", "repeatable", _begin(kernel=_shared)),
)
