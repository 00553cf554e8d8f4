"""What is true of a question, where the numbers are special."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from conformance.cases import Question
from conformance.families import draw
from conformance.recording import oracle_named
from conformance.truth import truth
from reference.config import DenseConfig


def test_the_limit_of_glu_is_that_of_the_half_that_is_infinite() -> None:
    """Two units make an output: the first is the value, the second the gate."""
    question = Question("call", DenseConfig(4, "glu", False), (3, 1), "grid")
    tensors = draw(question.family, question.config, question.known_shape, question.seed)
    inputs, kernel = np.array([[1], [np.inf], [2]]), np.array([[2, 1, 1, -1]])
    given = replace(tensors, inputs=inputs.astype(np.float32), kernel=kernel.astype(np.float32))
    outputs = truth(question, given, oracle_named("recorded").dialect).bounds["outputs"]
    assert outputs.shape == (3, 2)
    first = np.array([2, 4]) / (1 + np.exp([-1.0, -2.0]))
    assert (outputs.lower[[0, 2], 0] <= first).all()
    assert (outputs.upper[[0, 2], 0] >= first).all()
    assert (outputs.width[[0, 2]] < 1e-5).all()
    assert outputs.lower[1, 0] == outputs.upper[1, 0] == np.inf
    assert np.isnan([outputs.lower[1, 1], outputs.upper[1, 1]]).all()  # infinity times 0
