"""The likely defect of wrong Keras layers: what was observed is said, and what follows from it is not named as well."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from conformance.cases import Case, Question, Tier
from conformance.compare import Comparison
from conformance.contract import CONTRACT
from conformance.diagnosis.conclude import diagnose
from conformance.diagnosis.consequences import doubtful, following
from conformance.implementations.load import load
from conformance.results import Diagnosis, Result, Verdict
from conformance.run import Selection, run
from conformance.session import live_oracle
from reference.config import DenseConfig


def plain() -> Any:
    """A right Dense, whose weights are made of arguments that a subclass may change."""
    import keras

    class Plain(keras.layers.Dense):  # type: ignore[misc]
        def build(self, input_shape: Any) -> None:
            self._kernel = self.make("kernel", (input_shape[-1], self.units))
            self.bias = self.make("bias", (self.units,)) if self.use_bias else None
            self.input_spec = keras.layers.InputSpec(min_ndim=2, axes={-1: input_shape[-1]})
            self.built = True

        def make(self, name: str, shape: Any, **changed: Any) -> Any:
            parts = ("initializer", "regularizer", "constraint")
            said = {part: getattr(self, f"{name}_{part}") for part in parts}
            return self.add_weight(name=name, shape=shape, **{**said, **changed})

    return Plain


def penalty_twice() -> Any:
    class PenaltyTwice(plain()):  # type: ignore[misc]
        def call(self, inputs: Any, training: Any = None) -> Any:
            if self.kernel_regularizer is not None:
                self.add_loss(self.kernel_regularizer(self.kernel))
            return super().call(inputs, training=training)

    return PenaltyTwice


def by_fan_in() -> Any:
    from keras import initializers

    class ByFanIn(plain()):  # type: ignore[misc]
        def make(self, name: str, shape: Any, **changed: Any) -> Any:
            if type(given := self.kernel_initializer) is initializers.GlorotUniform and name == "kernel":
                changed["initializer"] = initializers.VarianceScaling(1.0, "fan_in", "uniform", seed=given.seed)
            return super().make(name, shape, **changed)

    return ByFanIn


def always_float32() -> Any:
    class AlwaysFloat32(plain()):  # type: ignore[misc]
        def __init__(self, *args: Any, dtype: Any = None, **options: Any) -> None:
            super().__init__(*args, dtype="float32", **options)

    return AlwaysFloat32


def constrained_in_call() -> Any:
    from keras import ops

    class ConstrainedInCall(plain()):  # type: ignore[misc]
        def make(self, name: str, shape: Any, **changed: Any) -> Any:
            return super().make(name, shape, **(changed | ({"constraint": None} if name == "kernel" else {})))

        def call(self, inputs: Any, training: Any = None) -> Any:
            kernel = self.kernel if self.kernel_constraint is None else self.kernel_constraint(self.kernel)
            z = ops.matmul(inputs, kernel)
            return self.activation(z if self.bias is None else ops.add(z, self.bias))

    return ConstrainedInCall


def both_constrained_in_call() -> Any:
    from keras import ops

    class BothConstrainedInCall(plain()):  # type: ignore[misc]
        def make(self, name: str, shape: Any, **changed: Any) -> Any:
            return super().make(name, shape, **(changed | {"constraint": None}))

        def call(self, inputs: Any, training: Any = None) -> Any:
            kernel = self.kernel if self.kernel_constraint is None else self.kernel_constraint(self.kernel)
            bias = self.bias if self.bias_constraint is None or self.bias is None else self.bias_constraint(self.bias)
            z = ops.matmul(inputs, kernel)
            return self.activation(z if bias is None else ops.add(z, bias))

    return BothConstrainedInCall


def penalty_twice_where_given_as_text() -> Any:
    from keras import regularizers

    class PenaltyTwiceAsText(plain()):  # type: ignore[misc]
        def __init__(self, units: int, *, kernel_regularizer: Any = None, **arguments: Any) -> None:
            super().__init__(units, kernel_regularizer=kernel_regularizer, **arguments)
            if isinstance(kernel_regularizer, str):
                own = regularizers.get(kernel_regularizer)
                self.kernel_regularizer = lambda kernel: 2 * own(kernel)

    return PenaltyTwiceAsText


def thawed_in_another_order() -> Any:
    class ThawedInAnotherOrder(plain()):  # type: ignore[misc]
        @property
        def trainable_variables(self) -> Any:
            found = super().trainable_variables
            return found[::-1] if getattr(self, "was_frozen", False) else found

        trainable_weights = trainable_variables

        def __setattr__(self, name: str, value: Any) -> None:
            if name == "trainable" and not value:
                object.__setattr__(self, "was_frozen", True)
            super().__setattr__(name, value)

    return ThawedInAnotherOrder


def alike_by_default() -> Any:
    from keras import initializers

    shared = initializers.GlorotUniform()

    class AlikeByDefault(plain()):  # type: ignore[misc]
        def __init__(self, units: int, **arguments: Any) -> None:
            super().__init__(units, **{"kernel_initializer": shared, **arguments})

    return AlikeByDefault


def flattened() -> Any:
    import math

    from keras import ops

    class Flattened(plain()):  # type: ignore[misc]
        def build(self, input_shape: Any) -> None:
            super().build((input_shape[0], math.prod(input_shape[1:])))
            self.input_spec = None

        def call(self, inputs: Any, training: Any = None) -> Any:
            return super().call(ops.reshape(inputs, (len(inputs), -1)))

    return Flattened


def frozen_not_stored() -> Any:
    class FrozenNotStored(plain()):  # type: ignore[misc]
        def save_own_variables(self, store: Any) -> None:
            if self.trainable:
                super().save_own_variables(store)

        def load_own_variables(self, store: Any) -> None:
            if store.keys():
                super().load_own_variables(store)

    return FrozenNotStored


def masked_zeroed() -> Any:
    from keras import ops

    class MaskedZeroed(plain()):  # type: ignore[misc]
        def call(self, inputs: Any, training: Any = None, mask: Any = None) -> Any:
            outputs = super().call(inputs)
            return outputs if mask is None else outputs * ops.cast(ops.expand_dims(mask, -1), outputs.dtype)

    return MaskedZeroed


def nameless_copy() -> Any:
    class NamelessCopy(plain()):  # type: ignore[misc]
        @classmethod
        def from_config(cls, config: Any) -> Any:
            return cls(**{name: value for name, value in config.items() if name != "name"})

    return NamelessCopy


def constant_not_kept() -> Any:
    class ConstantNotKept(plain()):  # type: ignore[misc]
        def get_config(self) -> Any:
            config = super().get_config()
            if config["kernel_initializer"]["class_name"] == "Constant":
                config.pop("kernel_initializer")
            return config

    return ConstantNotKept


def lenient_copy() -> Any:
    """The constructor alone refuses what it does not know."""

    class LenientCopy(plain()):  # type: ignore[misc]
        @classmethod
        def from_config(cls, config: Any) -> Any:
            return super().from_config({name: value for name, value in config.items() if name != "no_such_argument"})

    return LenientCopy


def kernel_held() -> Any:
    class KernelHeld(plain()):  # type: ignore[misc]
        def make(self, name: str, shape: Any, **changed: Any) -> Any:
            return super().make(name, shape, trainable=name == "bias", **changed)

    return KernelHeld


def bias_by_the_kernels_regularizer() -> Any:
    class BiasByTheKernels(plain()):  # type: ignore[misc]
        def make(self, name: str, shape: Any, **changed: Any) -> Any:
            return super().make(name, shape, **changed, regularizer=self.kernel_regularizer)

    return BiasByTheKernels


def drawn_transposed() -> Any:
    from keras import ops

    class DrawnTransposed(plain()):  # type: ignore[misc]
        def make(self, name: str, shape: Any, **changed: Any) -> Any:
            if name == "kernel" and hasattr(own := self.kernel_initializer, "seed"):
                changed["initializer"] = lambda shape, dtype: ops.transpose(own(tuple(shape)[::-1], dtype=dtype))
            return super().make(name, shape, **changed)

    return DrawnTransposed


def moved_by_calls() -> Any:
    class MovedByCalls(plain()):  # type: ignore[misc]
        def call(self, inputs: Any, training: Any = None) -> Any:
            if training:
                self._kernel.assign(self._kernel.value * 0.5)
            return super().call(inputs, training=training)

    return MovedByCalls


def vectors_accepted() -> Any:
    from keras import layers

    class VectorsAccepted(plain()):  # type: ignore[misc]
        def __init__(self, units: int, **arguments: Any) -> None:
            super().__init__(units, **arguments)
            self.input_spec = None

        def build(self, input_shape: Any) -> None:
            super().build(input_shape)
            self.input_spec = layers.InputSpec(axes={-1: input_shape[-1]})

    return VectorsAccepted


@pytest.mark.parametrize(
    ("make", "areas", "told"),
    [
        (penalty_twice, ("losses",), {"penalty-repeated": "the kernel's penalty is in the losses twice"}),
        (by_fan_in, ("initializers",), {"initializer-scaled": "a variance of about 1 divided by fan_in"}),
        (always_float32, ("dtypes",), {"policy-ignored": "the dtype that is given is ignored"}),
        (
            constrained_in_call,
            ("constraints", "errors"),
            {"constraint-in-call": "the kernel's constraint is applied in every call"},
        ),
        (
            both_constrained_in_call,
            ("constraints", "errors"),
            {"constraint-in-call": "their constraints are applied in every call: outputs are those of constrained"},
        ),
        (
            penalty_twice_where_given_as_text,
            ("losses",),
            {"penalty-form-ignored": "the kernel's penalty is doubled where its regularizer is given as name"},
        ),
        (
            thawed_in_another_order,
            ("weights",),
            {"frozen-wrong": "what can be read of a layer is wrong: shapes of the trainable weights, in order"},
        ),
        (
            alike_by_default,
            ("initializers",),
            {"layers-begin-alike": "by default layers begin with the same kernel, although no seed is given"},
        ),
        (
            flattened,
            ("parameters",),
            {"kernel-shape": "inputs of rank 3 are flattened to (batch, -1): the kernel has the shape [35, 11]"},
        ),
        (
            frozen_not_stored,
            ("saving",),
            {"stored-weights-wrong": "the weights of a layer that does not train are not stored, or not loaded"},
        ),
        (masked_zeroed, ("composition", "losses"), {"mask-wrong": "behind a mask the outputs are others"}),
        (nameless_copy, ("saving",), {"config-incomplete": "does not keep name"}),
        (
            constant_not_kept,
            ("saving",),
            {"config-incomplete": "does not keep kernel_initializer where it is constant"},
        ),
        (lenient_copy, ("errors",), {"odd-argument-accepted": "is accepted: keyword unknown in a config"}),
        (kernel_held, ("parameters",), {"weights-not-trainable": "the kernel is not trainable"}),
        (
            bias_by_the_kernels_regularizer,
            ("losses",),
            {"penalty-of-other-regularizer": "the bias's penalty is by the kernel's regularizer"},
        ),
        (drawn_transposed, ("initializers",), {"fans-swapped": "it is drawn for the transposed shape, and transposed"}),
        (vectors_accepted, ("shapes",), {"low-rank-accepted": "inputs of rank 1 are accepted: inputs of shape (7,)"}),
        (moved_by_calls, ("state", "weights"), {"frozen-weights-move": "calls in training mode move the weights"}),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_a_defect_is_named_alone(make: Any, areas: Sequence[str], told: dict[str, str]) -> None:
    """What a call by position, a copy, a step or a mask shows of it is no defect of its own."""
    named = {each.defect: each.says for each in told_of(make(), areas) if each.defect}
    assert named.keys() == told.keys()
    assert all(words in named[defect] for defect, words in told.items())


def told_of(layer: Any, areas: Sequence[str]) -> tuple[Diagnosis, ...]:
    oracle = live_oracle()
    implementation = load(layer, oracle.dialect)
    (report,) = run([implementation], Selection(tier=Tier.SMOKE, areas=tuple(areas)), oracle)
    assert report.accusations
    return diagnose(report, implementation, oracle)


# ---- what follows from what ------------------------------------------------------------------------------------------


def failed(clause_id: str, missing: str, **arguments: Any) -> Result:
    clause = next(each for each in CONTRACT if each.id == clause_id)
    question = Question("call", DenseConfig(11, **arguments), (5, 7))
    comparison = Comparison(name=missing, holds=False, got="1.0", allowed="2.0")
    return Result(Case(clause_id, question), clause, Verdict.FAIL, (comparison,))


PENALTY = failed("losses.kernel", "losses", kernel_regularizer="l1")
BY_POSITION = failed("errors.positions", "losses", kernel_regularizer="l1", kernel_constraint="non_neg")
OF_ANOTHER = failed("errors.positions", "losses", bias_regularizer="l1")
OUTPUTS = failed("saving.config", "outputs", kernel_regularizer="l1")


def test_what_is_given_more_follows_from_what_is_given_less() -> None:
    """The losses of a layer with a regularizer and a constraint are wrong where those with the regularizer are."""
    assert list(following([BY_POSITION, OF_ANOTHER, OUTPUTS], [PENALTY])) == [BY_POSITION]
    assert doubtful([PENALTY, BY_POSITION, OF_ANOTHER, OUTPUTS]) == [BY_POSITION]


def test_nothing_follows_from_a_model_or_a_copy() -> None:
    assert list(following([BY_POSITION], [OUTPUTS, OF_ANOTHER])) == []
    assert doubtful([OUTPUTS, BY_POSITION]) == []


def test_simple_questions_follow_from_nothing() -> None:
    assert list(following([PENALTY], [PENALTY])) == []
