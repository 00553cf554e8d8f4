"""The gradient of jax.nn.gelu (approximate=True, the default) is NaN for large finite inputs.

gelu(x) = x * (1 + tanh(c * (x + 0.044715 * x^3))) / 2 tends to x on the right and to 0 on the left: its slope is 1 or
0 there, long before anything is large. Once 3 * x^2 overflows, the derivative of the tanh, which is 0, is multiplied by
inf. In float16 that begins at |x| = 148: an ordinary number for a pre-activation. In float32 it begins near 1e19.
approximate=False is right everywhere.

Expected: 1 for large positive inputs, 0 for large negative ones. Seen with jax 0.10.2, CPU, compiled or not.
"""

import jax
import jax.numpy as jnp
import numpy as np

slope = jax.vmap(jax.grad(jax.nn.gelu))
print("jax", jax.__version__)
wrong = False
for dtype, large in (("float16", [148.0, 1000.0, 60000.0]), ("bfloat16", [2e19, 1e38]), ("float32", [2e19, 1e38])):
    inputs = np.array([*large, *(-each for each in large)])
    got = np.asarray(slope(jnp.asarray(inputs, dtype)), np.float64)
    expected = (inputs > 0).astype(np.float64)  # the difference is below exp(-10000)
    print(dtype, "inputs", inputs, "got", got, "expected", expected)
    wrong |= not np.array_equal(got, expected)
raise SystemExit(wrong)
