"""Layers about which a sentence is tempting that is not true: it is not said."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from conformance.diagnosis import conclude
from conformance.diagnosis.rules.specials import wrong_specials
from conformance.diagnosis.rules.state import wrong_state
from conformance.implementations.adapter import AdapterImplementation
from conformance.implementations.load import load
from conformance.implementations.mutants import MUTANTS
from conformance.implementations.reference import ReferenceAdapter, ReferenceLayer
from reference.activations import ACTIVATIONS
from reference.elementwise import Elementwise
from tests.diagnosed import ORACLE, named

# ---- outputs -------------------------------------------------------------------------------------------------------


def pre_activation(inputs: Any, kernel: Any, bias: Any) -> Any:
    return inputs @ kernel if bias is None else inputs @ kernel + bias


def activated(z: Any, activation: str) -> Any:
    return ACTIVATIONS[activation].value(z.astype(np.float64)).astype(z.dtype)


def gelu_in_a_range(inputs: Any, kernel: Any, bias: Any, activation: str) -> Any:
    """Straight beyond 3, on either side, and curved in between."""
    z = pre_activation(inputs, kernel, bias)
    right = activated(z, activation)
    return np.where(np.abs(z) < 3, right, np.maximum(z, 0)) if activation == "gelu" else right


def infinity_is_lost_in_most_units(inputs: Any, kernel: Any, bias: Any, activation: str) -> Any:
    z = pre_activation(inputs, kernel, bias)
    z[..., 1:] = np.where(np.isinf(z[..., 1:]), np.nan, z[..., 1:])
    return activated(z, activation)


def last_tile_begins_too_early(inputs: Any, kernel: Any, bias: Any, activation: str) -> Any:
    rows = inputs.reshape(-1, inputs.shape[-1])
    rest = len(rows) % 32
    if len(rows) > 32 and rest:
        rows = np.concatenate([rows[:-rest], rows[-32:][:rest]])
    return activated(pre_activation(rows, kernel, bias).reshape(*inputs.shape[:-1], -1), activation)


def dropped_at_random(inputs: Any, kernel: Any, bias: Any, activation: str) -> Any:
    kept = np.random.default_rng().random(inputs.shape) > 0.1
    return activated(pre_activation(inputs * kept.astype(inputs.dtype), kernel, bias), activation)


def other_weights_before_relu(inputs: Any, kernel: Any, bias: Any, activation: str) -> Any:
    """What comes of it is no function of z."""
    return activated(pre_activation(inputs, kernel + (activation == "relu"), bias), activation)


def one_value(inputs: Any, kernel: Any, bias: Any, activation: str) -> Any:
    """Half of one, whatever is activated."""
    right = activated(pre_activation(inputs, kernel, bias), activation)
    return np.full_like(right, 0.5) if activation == "hard_sigmoid" else right


def kernel_by_another_pitch(inputs: Any, kernel: Any, bias: Any, activation: str) -> Any:
    """Rows of the kernel lie as far apart as there are features: of a single unit the first one alone is met."""
    features, units = kernel.shape
    lying = np.concatenate([kernel.ravel(), np.zeros(features * features, kernel.dtype)])
    read = lying[np.arange(features)[:, None] * features + np.arange(units)]
    return activated(pre_activation(inputs, read, bias), activation)


def units_late_once_activated(inputs: Any, kernel: Any, bias: Any, activation: str) -> Any:
    """Whatever the activation is: none of them is another function."""
    outputs = activated(pre_activation(inputs, kernel, bias), activation)
    before = (np.arange(outputs.shape[-1]) - 1).clip(min=0)
    return outputs if activation == "linear" else outputs[..., before]


def first_unit_is_the_last(inputs: Any, kernel: Any, bias: Any, activation: str) -> Any:
    z = pre_activation(inputs, kernel, bias)
    z[..., :1] = z[..., -1:]
    return activated(z, activation)


def softsign_without_its_absolute_value(inputs: Any, kernel: Any, bias: Any, activation: str) -> Any:
    """Infinite at -1, and at no other argument."""
    z = pre_activation(inputs, kernel, bias)
    with np.errstate(all="ignore"):
        return z / (1 + z) if activation == "softsign" else activated(z, activation)


def rows_are_activated_without_bias_alone(inputs: Any, kernel: Any, bias: Any, activation: str) -> Any:
    """Of what halves the units nothing else can be left out."""
    halves = ACTIVATIONS[activation].output_units(2) == 1
    return activated(pre_activation(inputs, kernel, bias), activation if bias is None or halves else "linear")


def rectifiers_replace_nan(inputs: Any, kernel: Any, bias: Any, activation: str) -> Any:
    z = pre_activation(inputs, kernel, bias)
    right = activated(z, activation)
    return np.where(np.isnan(z), np.zeros_like(right), right) if activation in ("relu", "tanh") else right


def relu6_as_a_difference(inputs: Any, kernel: Any, bias: Any, activation: str) -> Any:
    """Far from 0 two large numbers cancel, and infinities make NaN."""
    z = pre_activation(inputs, kernel, bias)
    right = activated(z, activation)
    return np.maximum(z, 0) - np.maximum(z - z.dtype.type(6), 0) if activation == "relu6" else right


@pytest.mark.parametrize(
    ("function", "says", "never"),
    [
        (first_unit_is_the_last, "the first unit is the last of them all again", "the one before"),
        (relu6_as_a_difference, "relu6 stays at 0 and at 8 above 3.9", "is 0 above"),
        (gelu_in_a_range, "gelu is another function", "straight lines"),
        (infinity_is_lost_in_most_units, "infinity becomes NaN in ", "spoils"),
        (last_tile_begins_too_early, "some rows hold the outputs of others", " rows and more"),
        (dropped_at_random, "the same inputs get another answer the second time", "view"),
        (one_value, "hard_sigmoid is always 0.5", "another function"),
        (softsign_without_its_absolute_value, "softsign is another function", "infinite below"),
        (
            rows_are_activated_without_bias_alone,
            "no activation is applied with bias, except with activation glu",
            "another function",
        ),
        (rectifiers_replace_nan, "NaN becomes 0 with activation relu and tanh", "a number:"),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_what_is_wrong_with_outputs_is_said_and_no_more(function: Callable[..., Any], says: str, never: str) -> None:
    told = [each.says for each in named(load(function, ORACLE.dialect), "outputs", "specials", "state")]
    assert any(each.startswith(says) for each in told)
    assert not any(never in each for each in told)


@pytest.mark.parametrize(
    ("function", "never"),
    [
        (other_weights_before_relu, "another function"),
        (units_late_once_activated, "another function"),
        (kernel_by_another_pitch, "features"),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_what_is_like_a_defect_in_part_is_not_named_for_it(function: Callable[..., Any], never: str) -> None:
    told = named(load(function, ORACLE.dialect), "outputs", "specials", "state")
    assert not any(never in each.says for each in told)


class RefusesOddWidths(ReferenceAdapter):
    """Half types are refused but where features and units fill whole blocks: no case of them does."""

    def call(self, layer: ReferenceLayer, inputs: Any) -> Any:
        if layer.config.format.is_half and (inputs.shape[-1] % 8 or layer.config.units % 8):
            raise ValueError("not a multiple of 8")
        return super().call(layer, inputs)


class RefusesOddRowsWithoutFeatures(ReferenceAdapter):
    def call(self, layer: ReferenceLayer, inputs: Any) -> Any:
        if inputs.shape[-1] == 0 and len(inputs) % 2:
            raise ValueError("cannot reshape")
        return super().call(layer, inputs)


class NegatesFractions(ReferenceAdapter):
    """Weights of more digits than a half type holds lose their sign: those that were rounded before do not."""

    def load(self, layer: ReferenceLayer, kernel: Any, bias: Any) -> Any:
        cut = np.rint(kernel.astype(np.float64) * 16) / 16
        return super().load(layer, np.where(kernel == cut, kernel, -kernel).astype(kernel.dtype), bias)


class OutputsInFloat32(ReferenceAdapter):
    """Of float64 layers the outputs alone: their gradients are not."""

    def call(self, layer: ReferenceLayer, inputs: Any) -> Any:
        if layer.config.dtype != "float64":
            return super().call(layer, inputs)
        kernel, bias = (None if each is None else each.astype(np.float32) for each in layer.weights)
        return activated(pre_activation(inputs.astype(np.float32), kernel, bias), layer.config.activation).astype(float)

    def differentiate(self, layer: ReferenceLayer, inputs: Any, upstream: Any) -> Mapping[str, Any]:
        return {**super().differentiate(layer, inputs, upstream), "outputs": self.call(layer, inputs)}


class RowsStayMerged(ReferenceAdapter):
    """Outputs are (rows, units), which no upstream gradient of higher rank fits."""

    def call(self, layer: ReferenceLayer, inputs: Any) -> Any:
        outputs = super().call(layer, inputs)
        return outputs.reshape(-1, outputs.shape[-1])

    def differentiate(self, layer: ReferenceLayer, inputs: Any, upstream: Any) -> Mapping[str, Any]:
        if inputs.ndim > 2:
            raise ValueError("cannot reshape")
        return super().differentiate(layer, inputs, upstream)


class SlopeEndsByDtype(ReferenceAdapter):
    """tanh's slope is NaN far out: in half types from where theirs do."""

    def differentiate(self, layer: ReferenceLayer, inputs: Any, upstream: Any) -> Mapping[str, Any]:
        row, end = layer.activation, 8.0 if layer.config.format.is_half else 60.0
        if row is not ACTIVATIONS["tanh"]:
            return super().differentiate(layer, inputs, upstream)
        slopes = replace(row, slope=lambda z: np.where(z > end, np.nan, row.slope(z)))
        return super().differentiate(replace(layer, activation=slopes), inputs, upstream)


@pytest.mark.parametrize(
    ("adapter", "says", "never"),
    [
        (OutputsInFloat32, "the outputs are computed in float32", "everything"),
        (RowsStayMerged, "the leading axes are merged into one", "flattened"),
        (SlopeEndsByDtype, "right wherever else it was asked; in bfloat16, float16, float64", "formula"),
        (RefusesOddWidths, "it raises now and then in half types", "raises in half types"),
        (RefusesOddRowsWithoutFeatures, "for inputs without features, for an odd number of rows", "rank"),
        (NegatesFractions, "", "not rounded"),
    ],
)
def test_what_is_wrong_of_some_layers_is_said_of_those(adapter: type[ReferenceAdapter], says: str, never: str) -> None:
    implementation = AdapterImplementation(adapter(adapter.__name__, dialect=ORACLE.dialect))
    told = [each.says for each in named(implementation, "outputs", "gradients", "dtypes", "shapes")]
    assert not says or any(says in each for each in told)
    assert not any(never in each for each in told)


# ---- state ---------------------------------------------------------------------------------------------------------


class SumsInItsBias(ReferenceAdapter):
    """A call with a single row leaves its pre-activations in the bias: whichever call it is, not the first alone."""

    def call(self, layer: ReferenceLayer, inputs: Any) -> Any:
        outputs = super().call(layer, inputs)
        if inputs.size and inputs.size == inputs.shape[-1] and layer.bias is not None:
            z = pre_activation(inputs.reshape(1, -1), layer.kernel, layer.bias)
            object.__setattr__(layer, "bias", z[0].astype(layer.bias.dtype))
        return outputs


def test_a_batch_that_changes_a_layer_need_not_be_its_first() -> None:
    implementation = AdapterImplementation(SumsInItsBias("sums", dialect=ORACLE.dialect))
    told = named(implementation, "outputs", "state")
    assert [each.defect for each in told] == ["history-dependent"]


# ---- gradients -----------------------------------------------------------------------------------------------------


class SlopeOnceMore(ReferenceAdapter):
    """The inputs' gradient alone has another slope, that of the inputs."""

    def differentiate(self, layer: ReferenceLayer, inputs: Any, upstream: Any) -> Mapping[str, Any]:
        found = dict(super().differentiate(layer, inputs, upstream))
        if isinstance(layer.activation, Elementwise) and layer.activation is not ACTIVATIONS["linear"]:
            slope = layer.activation.slope(inputs.astype(np.float64))
            found["inputs_gradient"] = (found["inputs_gradient"] * slope).astype(inputs.dtype)
        return found


class ByDifferences(ReferenceAdapter):
    """Every slope is that between two points, and none of them another function of its own."""

    def differentiate(self, layer: ReferenceLayer, inputs: Any, upstream: Any) -> Mapping[str, Any]:
        row = layer.activation
        if not isinstance(row, Elementwise):
            return super().differentiate(layer, inputs, upstream)
        slopes = replace(row, slope=lambda z: (row.value(z + 0.05) - row.value(z - 0.05)) / 0.1)
        found = super().differentiate(replace(layer, activation=slopes), inputs, upstream)
        return {**found, "outputs": self.call(layer, inputs)}


class MaskOfOtherRows(ReferenceAdapter):
    """relu's mask is that of the row before."""

    def differentiate(self, layer: ReferenceLayer, inputs: Any, upstream: Any) -> Mapping[str, Any]:
        right = super().differentiate(layer, inputs, upstream)
        if layer.activation is not ACTIVATIONS["relu"]:
            return right
        linear = replace(layer, activation=ACTIVATIONS["linear"])
        mask = np.roll(right["outputs"] > 0, 1, axis=0).astype(upstream.dtype)
        return {**super().differentiate(linear, inputs, upstream * mask), "outputs": right["outputs"]}


class AbsoluteDelta(ReferenceAdapter):
    """Where slopes are not negative that is as if the upstream gradient lost its sign."""

    def differentiate(self, layer: ReferenceLayer, inputs: Any, upstream: Any) -> Mapping[str, Any]:
        right, kernel = super().differentiate(layer, inputs, upstream), layer.weights[0]
        rows = inputs.reshape(-1, inputs.shape[-1]).astype(np.float64)
        given = upstream.reshape(-1, upstream.shape[-1]).astype(np.float64)
        delta = np.abs(layer.activation.vjp(pre_activation(rows, *layer.weights), given))
        wrong = {"kernel_gradient": rows.T @ delta, "inputs_gradient": (delta @ kernel.T).reshape(inputs.shape)}
        wrong |= {} if layer.bias is None else {"bias_gradient": delta.sum(axis=0)}
        return {**right, **{name: each.astype(right[name].dtype) for name, each in wrong.items()}}


class SlopeOfMeans(ReferenceAdapter):
    """Slopes are taken at z / units: of small numbers those of relu6 are then relu's."""

    def differentiate(self, layer: ReferenceLayer, inputs: Any, upstream: Any) -> Mapping[str, Any]:
        row, units = layer.activation, layer.config.units
        if not isinstance(row, Elementwise) or row is ACTIVATIONS["linear"]:
            return super().differentiate(layer, inputs, upstream)
        slopes = replace(row, slope=lambda z: row.slope(z / units))
        found = super().differentiate(replace(layer, activation=slopes), inputs, upstream)
        return {**found, "outputs": self.call(layer, inputs)}


class MaskOfUpstream(ReferenceAdapter):
    """relu's mask is that of the upstream gradient."""

    def differentiate(self, layer: ReferenceLayer, inputs: Any, upstream: Any) -> Mapping[str, Any]:
        if layer.activation is not ACTIVATIONS["relu"]:
            return super().differentiate(layer, inputs, upstream)
        linear = replace(layer, activation=ACTIVATIONS["linear"])
        return {
            **super().differentiate(linear, inputs, np.maximum(upstream, 0)),
            "outputs": self.call(layer, inputs),
        }


class SoftmaxByRows(ReferenceAdapter):
    """Of the first row of a batch the gradient is doubled: no other function of its rows."""

    def differentiate(self, layer: ReferenceLayer, inputs: Any, upstream: Any) -> Mapping[str, Any]:
        is_softmax = layer.activation is ACTIVATIONS["softmax"]
        first = np.array([1.0 + is_softmax, *[1.0] * (len(upstream) - 1)][: len(upstream)], upstream.dtype)
        return super().differentiate(layer, inputs, upstream * first.reshape(-1, *[1] * (upstream.ndim - 1)))


class SoftmaxOverSteps(ReferenceAdapter):
    """Above rank 2 softmax's gradient is that over axis 1: of whole batches, not of its rows."""

    def differentiate(self, layer: ReferenceLayer, inputs: Any, upstream: Any) -> Mapping[str, Any]:
        found = super().differentiate(layer, inputs, upstream)
        if layer.activation is not ACTIVATIONS["softmax"] or inputs.ndim < 3:
            return found
        weighted = found["outputs"] * upstream
        delta = weighted - found["outputs"] * weighted.sum(axis=1, keepdims=True)
        kernel_gradient = np.tensordot(inputs, delta, (range(inputs.ndim - 1), range(delta.ndim - 1)))
        wrong = {"inputs_gradient": delta @ layer.kernel.T, "kernel_gradient": kernel_gradient}
        return {**found, **{name: each.astype(inputs.dtype) for name, each in wrong.items()}}


class ForgetsActivationBesideGradients(ReferenceAdapter):
    """The outputs that come with gradients are pre-activations; those of a call are right."""

    def differentiate(self, layer: ReferenceLayer, inputs: Any, upstream: Any) -> Mapping[str, Any]:
        found = super().differentiate(layer, inputs, upstream)
        if not isinstance(layer.activation, Elementwise):
            return found
        return {**found, "outputs": self.call(replace(layer, activation=ACTIVATIONS["linear"]), inputs)}


class GradientOverOutputs(ReferenceAdapter):
    """Outputs as wide as the inputs come back with the inputs' gradient in their place."""

    def differentiate(self, layer: ReferenceLayer, inputs: Any, upstream: Any) -> Mapping[str, Any]:
        found = super().differentiate(layer, inputs, upstream)
        if found["outputs"].shape != inputs.shape or found["outputs"].dtype != inputs.dtype:
            return found
        return {**found, "outputs": found["inputs_gradient"]}


@pytest.mark.parametrize(
    ("adapter", "areas", "never"),
    [
        (SlopeOnceMore, ("gradients",), "the slope of "),
        (ByDifferences, ("gradients",), "the slope of "),
        (MaskOfOtherRows, ("gradients",), "another function"),
        (MaskOfUpstream, ("gradients",), "another function"),
        (SoftmaxByRows, ("gradients",), "another function"),
        (SoftmaxOverSteps, ("gradients",), "another function"),
        (ForgetsActivationBesideGradients, ("outputs", "gradients"), "and fewer"),
        (SlopeOfMeans, ("gradients",), "the slope of "),
        (AbsoluteDelta, ("gradients",), "the upstream gradient"),
        (GradientOverOutputs, ("dtypes",), "called on before"),
    ],
)
def test_what_is_wrong_with_gradients_is_no_other_defect(
    adapter: type[ReferenceAdapter], areas: tuple[str, ...], never: str
) -> None:
    implementation = AdapterImplementation(adapter(adapter.__name__, dialect=ORACLE.dialect))
    assert not any(never in told.says for told in named(implementation, *areas))


# ---- rules that do not know a defect -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("mutant", "unknown", "areas", "never"),
    [
        ("counts-calls", wrong_state, ("outputs", "state"), "first-batch-decides"),
        ("weights-decay", wrong_state, ("outputs", "state"), "first-batch-decides"),
        ("nan-becomes-zero", wrong_specials, ("outputs", "specials"), "history-dependent"),
        ("nan-for-infinity", wrong_specials, ("outputs", "specials"), "history-dependent"),
    ],
)
def test_what_one_rule_does_not_tell_no_other_takes_for_its_own(
    mutant: str, unknown: Callable[..., Any], areas: tuple[str, ...], never: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(conclude, "FORWARD", tuple(rule for rule in conclude.FORWARD if rule is not unknown))
    told = named(MUTANTS[mutant].make(ORACLE.dialect), *areas)
    assert never not in {each.defect for each in told}
