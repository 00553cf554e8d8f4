"""Third parties' frameworks: one file for each, named as on the command line, with a function `adapter`.

A module imports its framework inside functions. `adapter()` makes what answers; PACKAGE is what pip installs.
"""

from __future__ import annotations

from pkgutil import iter_modules

#: The name of every framework that has an adapter here.
NAMES = tuple(sorted(module.name for module in iter_modules(__path__)))
