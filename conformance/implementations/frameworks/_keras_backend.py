"""keras.layers.Dense of Keras 3 on another backend than TensorFlow: what all of those have in common.

Keras looks for its backend once, when it is imported: each backend needs a process of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from conformance.answers import Declaration
from conformance.cases import Json
from conformance.implementations.keras.layers import KerasAdapter
from conformance.implementations.protocol import Array
from reference.config import DenseConfig

#: (layer, inputs, upstream), tensors of the backend → outputs, and the gradients of sum(upstream * outputs) by name.
Differentiate = Callable[[Any, Any, Any], Mapping[str, Any]]


@dataclass(frozen=True)
class KerasBackendAdapter:
    """The layer called eagerly. differentiates: by the backend's own means; None where it has none."""

    name: str
    declares: Declaration
    differentiates: Differentiate | None = None

    @property
    def capabilities(self) -> frozenset[str]:
        trains = frozenset[str]() if self.differentiates is None else frozenset({"differentiate"})
        return trains | {"call", "describe", "dtype_policies"}

    def build(self, config: DenseConfig, input_shape: tuple[int, ...]) -> Any:
        layer = self._of_class().construct(config)
        layer.build(input_shape)
        return layer

    def load(self, layer: Any, kernel: Array, bias: Array | None) -> None:
        layer.set_weights([kernel] if bias is None else [kernel, bias])

    def call(self, layer: Any, inputs: Array) -> Array:
        return _array(layer(_tensor(inputs)))

    def differentiate(self, layer: Any, inputs: Array, upstream: Array) -> Mapping[str, Array | None]:
        if self.differentiates is None:
            raise NotImplementedError("gradients")
        return {
            name: _array(values)
            for name, values in self.differentiates(layer, _tensor(inputs), _tensor(upstream)).items()
        }

    def describe(self, layer: Any) -> Mapping[str, Json]:
        return self._of_class().describe(layer)

    def _of_class(self) -> KerasAdapter:
        import keras

        return KerasAdapter(keras.layers.Dense, self.name)


def environment(backend: str, **more: str) -> Mapping[str, str]:
    """What a process must have set before it imports Keras."""
    return {"KERAS_BACKEND": backend, **more}


def backend_adapter(backend: str, differentiates: Differentiate | None = None) -> KerasBackendAdapter:
    """The adapter named keras_ and the backend, in a process that has its environment.

    Raises ImportError where Keras or the backend is not installed, RuntimeError where Keras has another backend.
    """
    import keras

    if keras.backend.backend() != backend:
        raise RuntimeError(f"Keras computes with {keras.backend.backend()} in this process, {backend} was to be tested")
    return KerasBackendAdapter(f"keras_{backend}", Declaration(version=keras.__version__), differentiates)


def _tensor(values: Array) -> Any:
    """Of the same dtype, which some backends would change to the default one."""
    import keras

    return keras.ops.convert_to_tensor(values, values.dtype.name)


def _array(tensor: Any) -> Array:
    import keras

    values: Array = keras.ops.convert_to_numpy(tensor)
    return values
