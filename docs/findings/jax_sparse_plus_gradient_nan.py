"""The gradient of jax.nn.sparse_plus is NaN for inputs above half of the largest finite number, and below its negative.

sparse_plus(x) is x for x >= 1 and 0 for x <= -1: its slope is 1 and 0 there. The quadratic piece between is evaluated,
and differentiated, everywhere: the slope 2 * (x + 1) of its square overflows, and `jnp.where` multiplies that by 0. It
is the trap that JAX's own FAQ describes ("gradients contain NaN where using where"). In float16 it begins at 32752.

Expected: 1 on the right, 0 on the left. Seen with jax 0.10.2, CPU, compiled or not.
"""

import jax
import jax.numpy as jnp
import numpy as np

slope = jax.vmap(jax.grad(jax.nn.sparse_plus))
print("jax", jax.__version__)
wrong = False
for dtype, large in (("float16", 40000.0), ("bfloat16", 2e38), ("float32", 2e38)):
    got = np.asarray(slope(jnp.asarray([large, -large], dtype)), np.float64)
    print(dtype, "inputs", [large, -large], "got", got, "expected", [1.0, 0.0])
    wrong |= not np.array_equal(got, [1.0, 0.0])
raise SystemExit(wrong)
