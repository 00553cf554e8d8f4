"""Third parties' frameworks: one file for each, named as on the command line, with a function `adapter`.

A module imports its framework inside functions. `adapter()` makes what answers; PACKAGE is what pip installs, or a
command of npm's; ENVIRONMENT, where there is one, is what its process needs before anything is imported. A name that
begins with an underscore is what several share.
"""

from __future__ import annotations

from pkgutil import iter_modules

#: The name of every framework that has an adapter here.
NAMES = tuple(sorted(module.name for module in iter_modules(__path__) if not module.name.startswith("_")))
