"""Layers that are right but for their way back, or for what they keep: one sentence each."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from conformance.cases import Tier
from conformance.diagnosis.conclude import diagnose
from conformance.implementations.adapter import AdapterImplementation
from conformance.implementations.reference import ReferenceAdapter, ReferenceLayer
from conformance.recording import oracle_named
from conformance.results import Diagnosis
from conformance.run import Selection, run
from reference.activations import ACTIVATIONS
from reference.dense import forward
from reference.elementwise import Elementwise

ORACLE = oracle_named("recorded")


class Backward(ReferenceAdapter):
    """Right gradients, changed."""

    def changed(self, layer: ReferenceLayer, inputs: Any, upstream: Any, found: dict[str, Any]) -> None:
        raise NotImplementedError

    def differentiate(self, layer: ReferenceLayer, inputs: Any, upstream: Any) -> Mapping[str, Any]:
        found = dict(super().differentiate(layer, inputs, upstream))
        self.changed(layer, inputs, upstream, found)
        return found


class MeanOfSteps(Backward):
    def changed(self, layer: ReferenceLayer, inputs: Any, upstream: Any, found: dict[str, Any]) -> None:
        steps = int(np.prod(inputs.shape[1:-1]))
        if found.get("bias_gradient") is not None and steps:
            found["bias_gradient"] = found["bias_gradient"] / found["bias_gradient"].dtype.type(steps)


class LastUnitLost(Backward):
    def changed(self, layer: ReferenceLayer, inputs: Any, upstream: Any, found: dict[str, Any]) -> None:
        found["kernel_gradient"] = found["kernel_gradient"].copy()
        found["kernel_gradient"][:, -1] = 0


class NegativeUpstreamLost(ReferenceAdapter):
    def differentiate(self, layer: ReferenceLayer, inputs: Any, upstream: Any) -> Mapping[str, Any]:
        return super().differentiate(layer, inputs, np.maximum(upstream, 0))


class UpstreamClipped(ReferenceAdapter):
    def differentiate(self, layer: ReferenceLayer, inputs: Any, upstream: Any) -> Mapping[str, Any]:
        return super().differentiate(layer, inputs, np.clip(upstream, -1, 1))


class UpstreamRounded(ReferenceAdapter):
    def differentiate(self, layer: ReferenceLayer, inputs: Any, upstream: Any) -> Mapping[str, Any]:
        return super().differentiate(layer, inputs, upstream.astype(np.float16).astype(upstream.dtype))


class SlopesLostAboveRankTwo(ReferenceAdapter):
    def differentiate(self, layer: ReferenceLayer, inputs: Any, upstream: Any) -> Mapping[str, Any]:
        if inputs.ndim == 2 or not isinstance(layer.activation, Elementwise):
            return super().differentiate(layer, inputs, upstream)
        linear = super().differentiate(replace(layer, activation=ACTIVATIONS["linear"]), inputs, upstream)
        return {**linear, "outputs": self.call(layer, inputs)}


class GradientsOnce(ReferenceAdapter):
    """The second time there is nothing left of the pass forward."""

    taken: set[int] = set()  # noqa: RUF012 - what it keeps is its defect

    def load(self, layer: ReferenceLayer, kernel: Any, bias: Any) -> None:
        super().load(layer, kernel, bias)
        self.taken.discard(id(layer))

    def differentiate(self, layer: ReferenceLayer, inputs: Any, upstream: Any) -> Mapping[str, Any]:
        if id(layer) in self.taken:
            raise RuntimeError("backward through the graph a second time")
        self.taken.add(id(layer))
        return super().differentiate(layer, inputs, upstream)


class InputsKept(ReferenceAdapter):
    """The first inputs of each shape are those of every later way back."""

    kept: dict[Any, Any] = {}  # noqa: RUF012 - what it keeps is its defect

    def differentiate(self, layer: ReferenceLayer, inputs: Any, upstream: Any) -> Mapping[str, Any]:
        found = dict(super().differentiate(layer, inputs, upstream))
        first = self.kept.setdefault((id(layer), inputs.shape), inputs.copy())
        found["kernel_gradient"] = super().differentiate(layer, first, upstream)["kernel_gradient"]
        return found


class OneBuffer(ReferenceAdapter):
    """Outputs of one shape are one array."""

    kept: dict[Any, Any] = {}  # noqa: RUF012 - what it keeps is its defect

    def call(self, layer: ReferenceLayer, inputs: Any) -> Any:
        outputs = super().call(layer, inputs)
        buffer = self.kept.setdefault((id(layer), outputs.shape, outputs.dtype), np.empty_like(outputs))
        buffer[...] = outputs
        return buffer


class KeptByShape(ReferenceAdapter):
    """Outputs of the first inputs of a shape, until other weights are loaded."""

    kept: dict[Any, Any] = {}  # noqa: RUF012 - what it keeps is its defect

    def load(self, layer: ReferenceLayer, kernel: Any, bias: Any) -> None:
        super().load(layer, kernel, bias)
        self.kept.clear()

    def call(self, layer: ReferenceLayer, inputs: Any) -> Any:
        key = id(layer), inputs.shape, inputs.dtype
        if key not in self.kept:
            self.kept[key] = super().call(layer, inputs)
        return self.kept[key].copy()


class Bfloat16CutOff(ReferenceAdapter):
    """Of half types bfloat16 alone is cut off, not rounded."""

    @np.errstate(all="ignore")
    def call(self, layer: ReferenceLayer, inputs: Any) -> Any:
        if layer.config.format.name != "bfloat16":
            return super().call(layer, inputs)
        wide = forward(layer.rounded(inputs), *layer.weights, layer.activation).astype(np.float32)
        cut = (wide.view(np.uint32) & np.uint32(0xFFFF0000)).view(np.float32)
        return cut.astype(layer.config.format.dtype)


class BiasOfAll(ReferenceAdapter):
    """Layers of a config share the bias that was loaded last."""

    biases: dict[Any, Any] = {}  # noqa: RUF012 - what is shared is its defect

    def load(self, layer: ReferenceLayer, kernel: Any, bias: Any) -> None:
        super().load(layer, kernel, bias)
        self.biases[layer.config] = bias

    def call(self, layer: ReferenceLayer, inputs: Any) -> Any:
        layer.bias = self.biases.get(layer.config, layer.bias)
        return super().call(layer, inputs)


class RankTwoAlone(ReferenceAdapter):
    def call(self, layer: ReferenceLayer, inputs: Any) -> Any:
        if inputs.ndim != 2:
            raise ValueError("a matrix is expected")
        return super().call(layer, inputs)


class UnitsOnAxisOne(ReferenceAdapter):
    def call(self, layer: ReferenceLayer, inputs: Any) -> Any:
        outputs = super().call(layer, inputs)
        return np.moveaxis(outputs, -1, 1) if outputs.ndim > 2 else outputs


def told_of(adapter: Any, areas: Sequence[str]) -> list[Diagnosis]:
    implementation = AdapterImplementation(adapter)
    (report,) = run([implementation], Selection(tier=Tier.SMOKE, areas=tuple(areas)), ORACLE)
    assert report.accusations
    return [each for each in diagnose(report, implementation, ORACLE) if each.defect]


@pytest.mark.parametrize(
    ("make", "areas", "defect", "says"),
    [
        (MeanOfSteps, ["gradients"], "gradient-averaged", "the bias's gradient is divided by the number of steps"),
        (LastUnitLost, ["gradients"], "gradient-zero", "the kernel's gradient is 0 for the last unit"),
        (
            NegativeUpstreamLost,
            ["gradients"],
            "upstream-changed",
            "the upstream gradient is taken for 0 where it is negative",
        ),
        (UpstreamClipped, ["gradients"], "upstream-changed", "the upstream gradient is clipped to [-1, 1]"),
        (UpstreamRounded, ["gradients"], "gradient-rounded", "the upstream gradient is rounded to "),
        (
            SlopesLostAboveRankTwo,
            ["gradients"],
            "slope-missing",
            "the slope of an activation of single elements is left out of all gradients for rank 3 and above",
        ),
        (GradientsOnce, ["gradients"], "gradients-once", "its gradients can be taken once: the second time it raises"),
        (KeptByShape, ["outputs", "state"], "answers-remembered", "outputs are kept by the inputs' shape"),
        (
            Bfloat16CutOff,
            ["dtypes"],
            "outputs-rounded",
            "results in half types are cut off, not rounded to nearest in bfloat16 and mixed_bfloat16",
        ),
        (BiasOfAll, ["outputs", "state"], "bias-shared", "two layers share their bias"),
        (
            InputsKept,
            ["gradients"],
            "gradient-stale",
            "the kernel's gradient is made of the inputs of an earlier call",
        ),
        (OneBuffer, ["outputs", "state"], "outputs-overwritten", "outputs that were given back are overwritten"),
        (RankTwoAlone, ["outputs", "parameters", "shapes"], "rank-refused", "it raises for rank 3 and above"),
        (UnitsOnAxisOne, ["outputs"], "axes-swapped", "the units stand on axis 1, not on the last"),
    ],
)
def test_one_sentence_and_no_other(make: Callable[[], Any], areas: Sequence[str], defect: str, says: str) -> None:
    (told,) = told_of(make(), areas)
    assert told.defect == defect
    assert told.says.startswith(says)
