"""Wrong Keras layers by authors who did not know the rules of the diagnosis: it is measured on them.

Whoever writes those rules does not look at what is said of these.
"""

from __future__ import annotations

from conformance.implementations.mutant import Mutant

MUTANTS: tuple[Mutant, ...] = ()
