"""The formulas that people read are those that are computed."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import erf

from reference.activations import ACTIVATIONS
from reference.elementwise import Elementwise
from reference.formats import FORMATS
from reference.formulas import FORMULAS, FORMULAS_OF_KERAS_2
from reference.rivals import RIVALS

NAMES = {
    **{name: getattr(np, name) for name in ("exp", "log", "tanh", "sqrt", "abs", "where", "maximum", "clip", "sign")},
    "sum": lambda values, axis: np.sum(values, axis=axis, keepdims=True),
    "erf": erf,
}
#: Both sides of every kink, and no tail in which a formula as people write it cancels or overflows.
Z = np.concatenate([np.arange(-28, 29) / 4, np.linspace(-6, 6, 101)])


def computed(formula: str, **words: np.ndarray) -> np.ndarray:
    return np.asarray(eval(formula, {"__builtins__": {}, **NAMES, **words}))


def test_every_activation_has_its_formula() -> None:
    assert set(FORMULAS) == set(ACTIVATIONS)


@pytest.mark.parametrize("name", [name for name, row in ACTIVATIONS.items() if isinstance(row, Elementwise)])
def test_a_formula_of_one_element_is_that_of_its_row(name: str) -> None:
    """In float64, held to the interval of float32: another slope, constant or limit is far outside."""
    enclosed = ACTIVATIONS[name].enclose(Z, np.zeros(Z.shape), FORMATS["float32"])
    assert enclosed.contains(computed(FORMULAS[name], z=Z)).all()


@pytest.mark.parametrize("name", ["softmax", "log_softmax", "sparsemax", "glu"])
def test_a_formula_of_the_last_axis_is_that_of_its_row(name: str) -> None:
    """Of the words: t for sparsemax, and the halves for glu, are taken as the sentence says."""
    z = np.linspace(-2, 3, 40).reshape(2, 5, 4) ** 2
    expression, _, said = FORMULAS[name].partition(", with " if name == "sparsemax" else ", a and b ")
    words = {"z": z, "a": z[..., :2], "b": z[..., 2:]}
    if name == "sparsemax":
        assert said == "the t for which sum(..., axis=-1) is 1"
        outputs = ACTIVATIONS[name].value(z)
        words["t"] = np.where(outputs > 0, z - outputs, -np.inf).max(axis=-1, keepdims=True)
    enclosed = ACTIVATIONS[name].enclose(z, np.zeros(z.shape), FORMATS["float32"])
    got = computed(expression, **words)
    assert enclosed.contains(got).all()
    if name == "sparsemax":
        assert (np.abs(got.sum(axis=-1) - 1) < 2.0**-40).all()


@pytest.mark.parametrize("name", FORMULAS_OF_KERAS_2)
def test_a_formula_of_keras_2_is_that_of_its_rival(name: str) -> None:
    enclosed = RIVALS[name].enclose(Z, np.zeros(Z.shape), FORMATS["float32"])
    got = computed(FORMULAS_OF_KERAS_2[name], z=Z)
    assert enclosed.contains(got).all()
    assert not ACTIVATIONS[name].enclose(Z, np.zeros(Z.shape), FORMATS["float32"]).contains(got).all()
