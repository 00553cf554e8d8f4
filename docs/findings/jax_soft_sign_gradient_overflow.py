"""The gradient of jax.nn.soft_sign is too large by a factor of |x| once (1 + |x|)^2 overflows.

soft_sign(x) = x / (1 + |x|), so its slope is 1 / (1 + |x|)^2. By the quotient's rule it is computed as
1 / (1 + |x|) - |x| / (1 + |x|)^2; where the square overflows the second term is lost, and 1 / (1 + |x|) is left.
In float16 that begins at |x| = 255: at 300 the slope is 0.0033 and should be 0.000011. In float32 it begins at 1.8e19.
A product of two quotients, or a quotient of quotients, would not overflow.

Expected: 1 / (1 + |x|)^2, or 0 where that is lost in rounding (the two terms are rounded to one part in 2^11 of
1 / (1 + |x|), hence the allowance below). Seen with jax 0.10.2, CPU, compiled or not.
"""

import jax
import jax.numpy as jnp
import numpy as np

slope = jax.vmap(jax.grad(jax.nn.soft_sign))
print("jax", jax.__version__)
wrong = False
for dtype, inputs in (("float16", [200.0, 300.0, -300.0, 1000.0]), ("float32", [1e18, 2e19, -2e19, 1e20])):
    got = np.asarray(slope(jnp.asarray(inputs, dtype)), np.float64)
    expected = 1 / (1 + np.abs(inputs)) ** 2
    allowed = 8 * float(jnp.finfo(dtype).eps) / (1 + np.abs(inputs))
    print(dtype, "inputs", inputs, "got", got, "expected", expected, "give or take", allowed)
    wrong |= bool((np.abs(got - expected) > allowed).any())
raise SystemExit(wrong)
