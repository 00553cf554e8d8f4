"""flax.linen.Dense and flax.nnx.Linear raise ZeroDivisionError for inputs without features, or without outputs.

A product over no features is an empty sum: inputs of shape (3, 0) and 5 units give the bias in each of 3 rows, as
`jax.numpy.zeros((3, 0)) @ jax.numpy.zeros((0, 5))`, equinox.nn.Linear and haiku.Linear have it. Flax stops in the
default initializer: jax.nn.initializers.variance_scaling divides by fan_in, which is 0, to scale what has no elements.
Linen asks the initializer for the shape again in `apply`, so that parameters of one's own do not help.

Expected: outputs of shape (3, 5), all zero here; and of shape (3, 0) for inputs (3, 4) and no units. Seen with
flax 0.12.8, jax 0.10.2, CPU.
"""

from collections.abc import Callable

import flax.linen
import flax.nnx
import jax
import jax.numpy as jnp
import numpy as np


def linen(inputs: jax.Array, units: int) -> jax.Array:
    dense = flax.linen.Dense(units)
    return dense.apply(dense.init(jax.random.key(0), inputs), inputs)


def nnx(inputs: jax.Array, units: int) -> jax.Array:
    return flax.nnx.Linear(inputs.shape[-1], units, rngs=flax.nnx.Rngs(0))(inputs)


def outputs_of(layer: Callable[[jax.Array, int], jax.Array], inputs: jax.Array, units: int) -> np.ndarray | str:
    try:
        return np.asarray(layer(inputs, units))
    except ZeroDivisionError as failure:
        return f"{type(failure).__name__}: {failure}"


print("flax", flax.__version__, "jax", jax.__version__)
wrong = False
for input_dim, units in ((0, 5), (4, 0)):
    for layer in (linen, nnx):
        got, expected = outputs_of(layer, jnp.zeros((3, input_dim)), units), np.zeros((3, units))
        print(layer.__name__, (input_dim, units), "got", got, "expected", expected.tolist())
        wrong |= not np.array_equal(got, expected)
raise SystemExit(wrong)
