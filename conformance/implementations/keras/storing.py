"""Procedures that save, copy and restore a Keras layer."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Mapping
from contextlib import redirect_stdout
from dataclasses import replace
from functools import partial
from io import StringIO
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from conformance.answers import Answer
from conformance.cases import Json, Question
from conformance.families import Tensors
from conformance.implementations.adapter import AdapterImplementation
from conformance.implementations.attempt import as_array, attempt, refuses
from conformance.implementations.keras.composing import listed, subclassed
from conformance.implementations.keras.layers import KerasAdapter, built, held, keras_adapter, sequential, tensor
from conformance.implementations.keras.optimizing import constrained_weights
from conformance.implementations.keras.penalties import sorted_losses
from reference.config import DenseConfig

Of = AdapterImplementation


def restore_config(of: Of, question: Question, tensors: Tensors) -> Answer:
    """Through JSON and back. Custom classes are handed over by name, as loaders take them.

    option activation_as=layer: the activation is given as a layer, which has a config of its own.
    """
    import tensorflow as tf

    config, by_layer = question.config, question.option("activation_as") == "layer"
    said = {"activation": tf.keras.layers.Activation(config.activation)} if by_layer else {}
    layer = attempt("construct it so", lambda: keras_adapter(of).construct(config, name="my_layer", **said))
    layer.trainable = question.option("trainable") != "no"

    def restored() -> tuple[Any, str | None, bool]:
        config = layer.get_config()
        before, text = copy.deepcopy(config), _as_json(config)
        with tf.keras.utils.custom_object_scope(_custom(of)):
            made = type(layer).from_config(config)
            if text is not None:
                type(layer).from_config(json.loads(text))
        return made, text, config == before

    other, text, untouched = attempt("restore from its config", restored)
    attempt("build", lambda: built(other, config, question.known_shape))
    kept = attempt("read its attributes", lambda: _kept_attributes(other))
    facts = {"weights": of.describe(other)["weights"], "kept": kept, "json": text is not None, "untouched": untouched}
    return Answer(behaviour(of, other, tensors), facts)


def behaviour(of: Of, layer: Any, tensors: Tensors) -> dict[str, Any]:
    """All that the arguments of a new layer say of it: how its weights begin, what they and the outputs cost, what
    constrains them, and the outputs.
    """
    begin = held(layer)
    of.load(layer, tensors)
    constrained = constrained_weights(layer)
    outputs = of.call(layer, tensors.inputs.copy())
    return {**begin, **constrained, "outputs": outputs, "losses": sorted_losses(layer)}


def _as_json(config: Json) -> str | None:
    """None for what JSON cannot say."""
    try:
        return json.dumps(config)
    except TypeError:
        return None


def _kept_attributes(layer: Any) -> Mapping[str, Json]:
    """What its behaviour does not show."""
    return {"name": layer.name, "trainable": bool(layer.trainable), "compute_dtype": str(layer.compute_dtype)}


def _through_file(model: Any, fresh: Callable[[], Any], folder: Path, custom: Mapping[str, Any]) -> Any:
    import tensorflow as tf

    model.save(folder / "model.keras")
    return tf.keras.models.load_model(folder / "model.keras", custom_objects=custom, compile=False)


def _through_weights(model: Any, fresh: Callable[[], Any], folder: Path, custom: Mapping[str, Any]) -> Any:
    other = fresh()
    model.save_weights(str(folder / "model.weights.h5"))
    other.load_weights(str(folder / "model.weights.h5"))
    return other


def _through_checkpoint(model: Any, fresh: Callable[[], Any], folder: Path, custom: Mapping[str, Any]) -> Any:
    import tensorflow as tf

    other = fresh()
    path = tf.train.Checkpoint(model=model).save(str(folder / "checkpoint"))
    tf.train.Checkpoint(model=other).restore(path).assert_existing_objects_matched()
    return other


def _through_clone(model: Any, fresh: Callable[[], Any], folder: Path, custom: Mapping[str, Any]) -> Any:
    """Whose weights are its own: they are given the model's, and the model's are wiped."""
    import tensorflow as tf

    with tf.keras.utils.custom_object_scope(custom):
        other = tf.keras.models.clone_model(model)
    other.set_weights(model.get_weights())
    model.set_weights([np.zeros_like(values) for values in model.get_weights()])
    return other


def _through_export(model: Any, fresh: Callable[[], Any], folder: Path, custom: Mapping[str, Any]) -> Any:
    """What was loaded must be kept as long as it is called."""
    import tensorflow as tf

    with redirect_stdout(StringIO()):
        model.export(str(folder / "exported"))
    loaded = tf.saved_model.load(str(folder / "exported"))
    return partial(_serve, loaded)


def _serve(loaded: Any, inputs: Any) -> Any:
    return loaded.serve(inputs)


#: By the option way: a model, what makes a fresh one, a folder and custom classes; what comes back is called.
WAYS: Mapping[str, Callable[[Any, Callable[[], Any], Path, Mapping[str, Any]], Any]] = {
    "file": _through_file,
    "weights": _through_weights,
    "checkpoint": _through_checkpoint,
    "clone": _through_clone,
    "export": _through_export,
}


def restore_model(of: Of, question: Question, tensors: Tensors) -> Answer:

    def fresh() -> Any:
        return sequential(keras_adapter(of).construct(question.config), question.config, question.input_shape)

    layer = attempt("construct", lambda: keras_adapter(of).construct(question.config))
    model = attempt("make a model", lambda: sequential(layer, question.config, question.input_shape))
    of.load(layer, tensors)
    layer.trainable = not question.option("frozen")
    with TemporaryDirectory() as folder:
        way = WAYS[question.option("way")]
        restored = attempt("save and load", lambda: way(model, fresh, Path(folder), _custom(of)))
        outputs = attempt("call what was loaded", lambda: np.asarray(restored(tensor(tensors.inputs))))
    weights = attempt("list weights", lambda: listed(restored) if hasattr(restored, "weights") else listed(model))
    return Answer({"outputs": as_array("outputs", outputs)}, {"weights": weights})


def exchange_weights(of: Of, question: Question, tensors: Tensors) -> Answer:
    """By the layer's own store in memory, or by a weights file. The real layer goes by the name of the other's class:
    of that Keras makes the paths in a file.
    """
    import tensorflow as tf

    config, writes = question.config, question.option("writer") == "layer"
    namesake = type(keras_adapter(of).layer_class.__name__, (tf.keras.layers.Dense,), {})
    stock = KerasAdapter(namesake, "stock")
    own = attempt("construct", lambda: built(keras_adapter(of).construct(config), config, question.known_shape))
    other = built(stock.construct(config), config, question.known_shape)
    writer, reader = (own, other) if writes else (other, own)
    attempt("load", lambda: (keras_adapter(of) if writes else stock).load(writer, tensors.kernel, tensors.bias))

    exchange = EXCHANGES[question.option("through", "store")]
    attempt("exchange weights", lambda: exchange(writer, reader, tensor(tensors.inputs)))
    return Answer({"outputs": of.call(reader, tensors.inputs)})


#: By the option of: a config whose weights do not fit.
MISFITS: Mapping[str, Callable[[DenseConfig], DenseConfig]] = {
    "units": lambda config: replace(config, units=config.units - 1),
    "bias": lambda config: replace(config, use_bias=False),
}


def load_misfits(of: Of, question: Question, tensors: Tensors) -> Answer:
    """What a layer of other units, or without a bias, stored: option of=units or bias."""
    config, adapter, shape = question.config, keras_adapter(of), question.known_shape
    other = MISFITS[question.option("of")](config)
    writer = attempt("construct another one", lambda: built(adapter.construct(other), other, shape))
    stored = attempt("store", lambda: _stored(writer))
    layer = attempt("construct", lambda: built(adapter.construct(config), config, shape))
    return Answer(facts={"refused": refuses(lambda: layer.load_own_variables(stored))})


def _stored(layer: Any) -> dict[str, Any]:
    """Copies of what the layer's own store holds."""
    store: dict[str, Any] = {}
    layer.save_own_variables(store)
    return {name: np.asarray(values).copy() for name, values in store.items()}


def _exchange_by_store(writer: Any, reader: Any, _: Any) -> None:
    reader.load_own_variables(_stored(writer))


def _exchange_by_file(writer: Any, reader: Any, inputs: Any) -> None:
    """A model is built by its first call."""
    one, other = subclassed(writer), subclassed(reader)
    one(inputs)
    other(inputs)
    with TemporaryDirectory() as folder:
        path = str(Path(folder) / "model.weights.h5")
        one.save_weights(path)
        other.load_weights(path)


#: By the option through: a layer that writes, one that reads, both built, and inputs of theirs.
EXCHANGES: Mapping[str, Callable[[Any, Any, Any], None]] = {"store": _exchange_by_store, "file": _exchange_by_file}


def _custom(of: Of) -> Mapping[str, Any]:
    kept = keras_adapter(of).layer_class
    return {kept.__name__: kept}


PROCEDURES: Mapping[str, Callable[..., Answer]] = {
    "restore_config": restore_config,
    "restore_model": restore_model,
    "exchange_weights": exchange_weights,
    "load_misfits": load_misfits,
}
